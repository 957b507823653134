//! What a request presents: the key in its header or its URL, and the header `scopes`. Whether the key is valid is
//! decided above.

use crate::problem::{Problem, ServerCode};
use http::HeaderName;
use http::header::AUTHORIZATION;
use http::request::Parts;
use onefold_core::org::Scopes;
use std::borrow::Cow;

const KEY: &str = "apikey";
const KEY_HEADER: HeaderName = HeaderName::from_static(KEY);
const SCOPES: &str = "scopes";
const SCOPES_HEADER: HeaderName = HeaderName::from_static(SCOPES);

/// The one key that a request presents, by header, by URL parameter, or by both alike. 401 `auth.missing` where there
/// is none; 400 where there are two, or a bearer token, which later versions take.
pub(super) fn key(parts: &Parts) -> Result<Cow<'_, str>, Problem> {
    if bears_token(parts) {
        return Err(Problem::at(ServerCode::NotYet, "#Authorization".into()));
    }
    let in_headers = parts.headers.get_all(KEY_HEADER).into_iter().map(|value| text(value.as_bytes()));
    let in_url = parts.uri.query().into_iter().flat_map(in_query);
    let mut keys = in_headers.chain(in_url).filter(|key| !key.is_empty());
    let first = keys.next().ok_or(ServerCode::AuthMissing)?;
    match keys.all(|other| other == first) {
        true => Ok(first),
        false => Err(ServerCode::AuthAmbiguous.into()),
    }
}

/// What is no UTF-8 is no key either; it is read as something that no key is.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

fn bears_token(parts: &Parts) -> bool {
    let mut values = parts.headers.get_all(AUTHORIZATION).into_iter();
    values.any(|value| {
        let scheme = value.as_bytes().split(|b| *b == b' ').next();
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer"))
    })
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

    #[test]
    fn a_key_comes_by_header_or_by_url() {
        assert_eq!(key(&parts("/x", &[("ApiKey", "of_1")])).ok().as_deref(), Some("of_1"));
        assert_eq!(key(&parts("/x?a=b&apikey=of%5F1", &[])).ok().as_deref(), Some("of_1"));
        assert_eq!(key(&parts("/x?apikey=k", &[("apikey", "k")])).ok().as_deref(), Some("k"));
        for missing in ["/x", "/x?apikey=", "/x?apikeys=k", "/x?APIKEY=k"] {
            assert_eq!(code(key(&parts(missing, &[]))), Some(ServerCode::AuthMissing.into()), "{missing}");
        }
    }

    #[test]
    fn two_different_credentials_are_refused() {
        let ambiguous = Some(ServerCode::AuthAmbiguous.into());
        assert_eq!(code(key(&parts("/x?apikey=k", &[("apikey", "other")]))), ambiguous);
        assert_eq!(code(key(&parts("/x?apikey=k&apikey=l", &[]))), ambiguous);
        assert_eq!(code(key(&parts("/x", &[("apikey", "k"), ("apikey", "l")]))), ambiguous);
        let bearer = parts("/x", &[("authorization", "bearer abc"), ("apikey", "k")]);
        assert_eq!(code(key(&bearer)), Some(ServerCode::NotYet.into()));
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
