//! What a request presents: a key in its header or its URL, or a token and the header `orgId`; and the header `scopes`.
//! Whether they are valid is decided above.

use crate::problem::{Problem, ServerCode};
use crate::token::read;
use http::HeaderName;
use http::header::AUTHORIZATION;
use http::request::Parts;
use onefold_core::id::OrgId;
use onefold_core::org::Scopes;
use std::borrow::Cow;

const KEY: &str = "apikey";
const KEY_HEADER: HeaderName = HeaderName::from_static(KEY);
const SCOPES: &str = "scopes";
const SCOPES_HEADER: HeaderName = HeaderName::from_static(SCOPES);

const ORG: &str = "orgId";
const ORG_HEADER: HeaderName = HeaderName::from_static("orgid");
const BEARER: &[u8] = b"bearer";

/// The one credential that a request presents.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Presented<'p> {
    /// An API key.
    Key(Cow<'p, str>),
    /// A bearer token.
    Token(&'p str),
}

/// What a request presents: a key, by header, by URL parameter, or by both alike; or a token. 401 `auth.missing` where
/// there is nothing; 400 where there are two.
pub(super) fn of(parts: &Parts) -> Result<Presented<'_>, Problem> {
    let token = token(parts)?;
    let in_headers = parts.headers.get_all(KEY_HEADER).into_iter().map(|value| text(value.as_bytes()));
    let in_url = parts.uri.query().into_iter().flat_map(in_query);
    let mut keys = in_headers.chain(in_url).filter(|key| !key.is_empty());
    match (keys.next(), token) {
        (None, None) => Err(ServerCode::AuthMissing.into()),
        (None, Some(token)) => Ok(Presented::Token(token)),
        (Some(first), None) if keys.all(|other| other == first) => Ok(Presented::Key(first)),
        (Some(_), _) => Err(ServerCode::AuthAmbiguous.into()),
    }
}

/// What is no UTF-8 is no key either; it is read as something that no key is.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// The token of the header `Authorization`. Other schemes are not looked at.
fn token(parts: &Parts) -> Result<Option<&str>, Problem> {
    let mut found = None;
    for value in parts.headers.get_all(AUTHORIZATION) {
        let Some(token) = after_scheme(value.as_bytes()) else { continue };
        let token = std::str::from_utf8(token).map_err(|_| ServerCode::AuthInvalid)?;
        if token.is_empty() || found == Some(token) {
            continue;
        }
        if found.replace(token).is_some() {
            return Err(ServerCode::AuthAmbiguous.into());
        }
    }
    Ok(found)
}

fn after_scheme(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(BEARER.len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(BEARER) && token.first().is_none_or(|byte| *byte == b' ');
    is_bearer.then(|| token.trim_ascii())
}

/// The organisation that a request with a token speaks for: the header `orgId`, which it must have.
pub(super) fn org(parts: &Parts) -> Result<OrgId, Problem> {
    let mut values = parts.headers.get_all(ORG_HEADER).into_iter();
    let place = || format!("#{ORG}");
    let Some(first) = values.next().filter(|value| !value.as_bytes().trim_ascii().is_empty()) else {
        return Err(Problem::at(ServerCode::NoOrgId, place()));
    };
    let same = values.all(|other| other == first);
    let org = first.to_str().ok().filter(|_| same).and_then(|text| read::org(text.trim()));
    org.ok_or_else(|| Problem::header(ORG, "must be the number of an organisation, once"))
}

fn in_query(query: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs.filter(|(name, _)| name == KEY).map(|(_, value)| value)
}

/// What is granted, narrowed by the header `scopes` if there is one. A scope that is not granted, or that nobody knows,
/// does not count; a header that is no list of names is 400.
pub(super) fn narrowed(parts: &Parts, granted: Scopes) -> Result<Scopes, Problem> {
    let mut headers = parts.headers.get_all(SCOPES_HEADER).into_iter().peekable();
    if headers.peek().is_none() {
        return Ok(granted);
    }
    let mut wanted = Scopes::NONE;
    for name in headers.flat_map(|value| value.as_bytes().split(|b| *b == b',')) {
        let name = name.trim_ascii();
        if !is_name(name) {
            return Err(Problem::header(SCOPES, "must be names of scopes with commas between them"));
        }
        if let Some(scope) = std::str::from_utf8(name).ok().and_then(|name| name.parse().ok()) {
            wanted = wanted.with(scope);
        }
    }
    Ok(granted.and(wanted))
}

fn is_name(name: &[u8]) -> bool {
    let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':' | b'*');
    !name.is_empty() && name.iter().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;
    use http::Request;
    use onefold_core::org::Scope;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    fn code<T>(result: Result<T, Problem>) -> Option<Code> {
        result.err().map(|problem| problem.code())
    }

    fn key(parts: &Parts) -> Result<String, Problem> {
        of(parts).map(|presented| match presented {
            Presented::Key(key) => key.into_owned(),
            Presented::Token(token) => format!("token {token}"),
        })
    }

    #[test]
    fn a_key_comes_by_header_or_by_url() {
        assert_eq!(key(&parts("/x", &[("ApiKey", "of_1")])).ok().as_deref(), Some("of_1"));
        assert_eq!(key(&parts("/x?a=b&apikey=of%5F1", &[])).ok().as_deref(), Some("of_1"));
        assert_eq!(key(&parts("/x?apikey=k", &[("apikey", "k")])).ok().as_deref(), Some("k"));
        assert_eq!(key(&parts("/x", &[("apikey", "k"), ("authorization", "Basic eDp5")])).ok().as_deref(), Some("k"));
        for missing in ["/x", "/x?apikey=", "/x?apikeys=k", "/x?APIKEY=k"] {
            assert_eq!(code(key(&parts(missing, &[]))), Some(ServerCode::AuthMissing.into()), "{missing}");
        }
    }

    #[test]
    fn a_token_comes_by_its_header_alone() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c "] {
            assert_eq!(key(&parts("/x", &[("authorization", value)])).ok().as_deref(), Some("token a.b.c"), "{value}");
        }
        let twice = [("authorization", "Bearer a"), ("authorization", "bearer a")];
        assert_eq!(key(&parts("/x", &twice)).ok().as_deref(), Some("token a"));
        for none in ["Bearer", "Bearer ", "Bearera.b.c", "Basic a.b.c", "a.b.c", ""] {
            let missing = Some(ServerCode::AuthMissing.into());
            assert_eq!(code(key(&parts("/x", &[("authorization", none)]))), missing, "{none}");
        }
    }

    #[test]
    fn two_different_credentials_are_refused() {
        let ambiguous = Some(ServerCode::AuthAmbiguous.into());
        assert_eq!(code(key(&parts("/x?apikey=k", &[("apikey", "other")]))), ambiguous);
        assert_eq!(code(key(&parts("/x?apikey=k&apikey=l", &[]))), ambiguous);
        assert_eq!(code(key(&parts("/x", &[("apikey", "k"), ("apikey", "l")]))), ambiguous);
        assert_eq!(code(key(&parts("/x", &[("authorization", "bearer k"), ("apikey", "k")]))), ambiguous);
        assert_eq!(code(key(&parts("/x?apikey=k", &[("authorization", "bearer abc")]))), ambiguous);
        let tokens = [("authorization", "bearer a"), ("authorization", "bearer b")];
        assert_eq!(code(key(&parts("/x", &tokens))), ambiguous);
    }

    #[test]
    fn an_organisation_is_one_number() {
        let org = |values: &[&str]| {
            let headers: Vec<_> = values.iter().map(|value| ("orgId", *value)).collect();
            org(&parts("/x", &headers)).map(OrgId::get)
        };
        assert_eq!(org(&["7"]).ok(), Some(7));
        assert_eq!(org(&["7", "7"]).ok(), Some(7));
        for none in [&[][..], &[""], &[" "]] {
            assert_eq!(code(org(none)), Some(ServerCode::NoOrgId.into()), "{none:?}");
        }
        for bad in
            [&["7", "8"][..], &["0"], &["07"], &["+7"], &["-7"], &["7.0"], &["seven"], &["7,8"], &["9007199254740992"]]
        {
            assert_eq!(code(org(bad)), Some(ServerCode::Header.into()), "{bad:?}");
        }
    }

    #[test]
    fn scopes_are_narrowed_and_never_widened() {
        let granted = Scopes::NONE.with(Scope::ProfileRead).with(Scope::ProfileWrite);
        let narrow = |value| narrowed(&parts("/x", &[("scopes", value)]), granted);
        assert_eq!(narrowed(&parts("/x", &[]), granted).ok(), Some(granted));
        assert_eq!(narrow("profile.read").ok(), Some(Scopes::NONE.with(Scope::ProfileRead)));
        assert_eq!(narrow("profile.read , org.admin,who.knows").ok(), Some(Scopes::NONE.with(Scope::ProfileRead)));
        assert_eq!(narrow("org.admin").ok(), Some(Scopes::NONE));
        for malformed in ["", "profile.read,", "profile.read profile.write", "\"profile.read\""] {
            assert_eq!(code(narrow(malformed)), Some(ServerCode::Header.into()), "{malformed}");
        }
    }
}
