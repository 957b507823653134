//! Reading a token: a JWS in its compact form (RFC 7515) with claims (RFC 7519). Nothing in it is believed here but
//! which key and which algorithm it says it was signed with.

use super::keys::Algorithm;
use super::{bytes_of, member, text_of};
use crate::config::Token;
use crate::json::{self, Json, Members};
use crate::limits;
use onefold_core::id::OrgId;
use onefold_core::limits::SOURCE_BYTES;
use onefold_core::org::Scopes;
use onefold_core::time::Ms;

/// Why a token is not accepted: for the log and for administrators, without anything that it says.
pub(super) type Why = &'static str;

/// Members of a header that bring a key, or say where one is. Whoever made the token chose them.
const OWN_KEYS: [&str; 4] = ["jwk", "jku", "x5u", "x5c"];
/// What a header may say that it is, in any case.
const TYPES: [&str; 4] = ["JWT", "at+jwt", "application/jwt", "application/at+jwt"];
/// Claims that say which application called, the better ones first.
const APPLICATIONS: [&str; 4] = ["client_id", "azp", "appid", "cid"];
/// The `source` of what is written by an application that nobody names.
const NAMELESS: &str = "token";

/// A token taken apart; nothing of it is verified.
pub(super) struct Parts<'t> {
    pub(super) algorithm: Algorithm,
    pub(super) key: Option<String>,
    /// What is signed.
    pub(super) message: &'t [u8],
    pub(super) signature: Vec<u8>,
    pub(super) claims: Vec<u8>,
}

impl<'t> Parts<'t> {
    pub(super) fn of(token: &'t str) -> Result<Self, Why> {
        if token.len() > limits::TOKEN_BYTES {
            return Err("is longer than 8192 bytes");
        }
        let (message, signature) = token.rsplit_once('.').ok_or(PARTS)?;
        let (header, claims) = message.split_once('.').ok_or(PARTS)?;
        let [header, claims, signature] = [header, claims, signature].map(bytes_of);
        let (Some(header), Some(claims), Some(signature)) = (header, claims, signature) else { return Err(PARTS) };
        let (algorithm, key) = of_header(&header)?;
        Ok(Self { algorithm, key, message: message.as_bytes(), signature, claims })
    }
}

const PARTS: Why = "is not three parts in base64url";

fn of_header(header: &[u8]) -> Result<(Algorithm, Option<String>), Why> {
    let json = json::parse(header);
    let Ok(Json::Object(header)) = &json else { return Err("has a header that is no object of JSON") };
    if OWN_KEYS.iter().any(|name| member(header, name).is_some()) {
        return Err("brings a key of its own, or says where one is");
    }
    if member(header, "crit").is_some() || member(header, "b64").is_some() {
        return Err("wants an extension that is not known");
    }
    let is_type =
        |it: &Json<'_>| matches!(it, Json::Text(it) if TYPES.iter().any(|known| known.eq_ignore_ascii_case(it)));
    if member(header, "typ").is_some_and(|it| !is_type(it)) {
        return Err("says that it is something else than a JWT");
    }
    let algorithm = text_of(header, "alg").and_then(Algorithm::of);
    let algorithm = algorithm.ok_or("has another algorithm than RS256 and ES256")?;
    match member(header, "kid") {
        None => Ok((algorithm, None)),
        Some(Json::Text(id)) if id.len() <= limits::TOKEN_KEY_ID_BYTES => Ok((algorithm, Some(id.to_string()))),
        Some(_) => Err("has a kid that is no text, or too long"),
    }
}

/// What a token with a good signature says. Whether it holds now is asked anew each time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// From when on it is valid, leeway included.
    pub from: Ms,
    /// From when on it no longer is, leeway included.
    pub until: Ms,
    /// What it grants.
    pub scopes: Scopes,
    /// For which organisations.
    pub orgs: Vec<OrgId>,
    /// Whose it is: the issuer's own name for it. May be personal data.
    pub subject: Box<str>,
    /// The default `source` of what is written with it.
    pub source: Box<str>,
}

impl Claims {
    /// Reads claims whose signature is good, and checks all that does not depend on the moment.
    pub(super) fn read(claims: &[u8], settings: &Token) -> Result<Self, Why> {
        let json = json::parse(claims);
        let Ok(Json::Object(claims)) = &json else { return Err("has claims that are no object of JSON") };
        if text_of(claims, "iss") != Some(&settings.issuer) {
            return Err("is of another issuer");
        }
        if !member(claims, "aud").is_some_and(|audience| is_for(audience, &settings.audience)) {
            return Err("is for another audience");
        }
        let until = moment(claims, "exp")?.ok_or("has no exp")?;
        let from = moment(claims, "nbf")?.unwrap_or(0);
        let scopes = settings.scope_claims.iter().filter_map(|name| member(claims, name)).flat_map(words);
        let application = APPLICATIONS.iter().find_map(|name| text_of(claims, name));
        let subject = text_of(claims, "sub").or(application).unwrap_or_default();
        Ok(Self {
            from: from.saturating_sub(settings.leeway_ms),
            // `Ms::MAX` would be for ever.
            until: until.saturating_add(settings.leeway_ms).min(Ms::MAX - 1),
            scopes: scopes.filter_map(|name| name.parse().ok()).collect(),
            orgs: orgs(claims, &settings.organisations_claim)?,
            subject: subject.into(),
            source: application.filter(|name| is_source(name)).unwrap_or(NAMELESS).into(),
        })
    }

    /// Whether it is valid now.
    pub(super) fn check(&self, now: Ms) -> Result<(), Why> {
        match now {
            now if now >= self.until => Err("has expired"),
            now if now < self.from => Err("is not valid yet"),
            _ => Ok(()),
        }
    }
}

fn is_source(name: &str) -> bool {
    (1..=SOURCE_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)
}

fn is_for(audience: &Json<'_>, own: &str) -> bool {
    match audience {
        Json::Text(audience) => audience == own,
        Json::Array(audiences) => audiences.iter().any(|it| matches!(it, Json::Text(it) if it == own)),
        _ => false,
    }
}

/// Seconds since 1970, which may have a fraction, in milliseconds.
fn moment(claims: &Members<'_>, name: &str) -> Result<Option<Ms>, Why> {
    match member(claims, name) {
        None => Ok(None),
        Some(Json::Integer(seconds)) => Ok(Some(u64::try_from(*seconds).unwrap_or(0).saturating_mul(1_000))),
        // A cast of a double that is too large or negative ends at the bounds.
        Some(Json::Double(seconds)) => Ok(Some((seconds * 1_000.0) as u64)),
        Some(_) => Err("has a moment that is no number"),
    }
}

/// Names in a claim: an array of them, or one text with spaces between them.
fn words<'j>(claim: &'j Json<'_>) -> Vec<&'j str> {
    match claim {
        Json::Text(text) => text.split_ascii_whitespace().collect(),
        Json::Array(items) => {
            items.iter().filter_map(|it| if let Json::Text(it) = it { Some(&**it) } else { None }).collect()
        }
        _ => Vec::new(),
    }
}

/// The organisations in a claim: a number, a text with numbers, or an array of either. What is none is passed over.
fn orgs(claims: &Members<'_>, name: &str) -> Result<Vec<OrgId>, Why> {
    let claim = match name.starts_with('/') {
        true => at(claims, &name[1..]),
        false => member(claims, name),
    };
    let Some(claim) = claim else { return Ok(Vec::new()) };
    let items = match claim {
        Json::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut orgs = Vec::new();
    for item in items {
        match item {
            Json::Integer(number) => {
                orgs.extend(u64::try_from(*number).ok().and_then(|number| OrgId::new(number).ok()))
            }
            Json::Text(text) => orgs.extend(text.split_ascii_whitespace().filter_map(org)),
            _ => {}
        }
    }
    if orgs.len() > limits::TOKEN_ORGS { Err("lists too many organisations") } else { Ok(orgs) }
}

/// What a path of names leads to, with slashes between them.
fn at<'j, 'a>(members: &'j Members<'a>, path: &str) -> Option<&'j Json<'a>> {
    let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match (member(members, first)?, rest) {
        (found, None) => Some(found),
        (Json::Object(members), Some(rest)) => at(members, rest),
        _ => None,
    }
}

/// An organisation's number as text: digits alone, the first of them no zero, so that there is one way to write it.
pub(crate) fn org(text: &str) -> Option<OrgId> {
    let canonical = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    if canonical { OrgId::new(text.parse().ok()?).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Layer};
    use onefold_core::org::Scope;

    fn settings(claim: &str) -> Token {
        let document = format!(
            "[token]\njwks = 'keys.json'\nissuer = 'i'\naudience = 'a'\nleeway_ms = 1000\norganisations_claim = '{claim}'"
        );
        Config::load(&[Layer::document("t", &document)]).unwrap().token
    }

    fn read(more: &str) -> Result<Claims, Why> {
        Claims::read(format!(r#"{{"iss":"i","aud":"a","exp":100{more}}}"#).as_bytes(), &settings("orgs"))
    }

    fn numbers(claims: &Claims) -> Vec<u64> {
        claims.orgs.iter().map(|org| org.get()).collect()
    }

    #[test]
    fn organisations_come_as_numbers_or_text_one_or_many() {
        for (claim, expected) in [
            ("7", &[7][..]),
            ("\"7\"", &[7]),
            ("\"7 8\"", &[7, 8]),
            ("[7,\"8\"]", &[7, 8]),
            ("[\"007\",\"+7\",-7,0,7.0,null,\"acme\",9007199254740992]", &[]),
            ("{\"7\":true}", &[]),
            ("\"*\"", &[]),
        ] {
            assert_eq!(numbers(&read(&format!(",\"orgs\":{claim}")).unwrap()), expected, "{claim}");
        }
        let many = format!(",\"orgs\":[{}]", vec!["7"; limits::TOKEN_ORGS + 1].join(","));
        assert!(read(&many).is_err());
    }

    #[test]
    fn the_claim_of_organisations_may_be_nested_or_a_url() {
        let text = br#"{"iss":"i","aud":"a","exp":1,"https://a.example/orgs":[7],"app":{"meta":{"orgs":"8"}}}"#;
        let orgs = |claim| numbers(&Claims::read(text, &settings(claim)).unwrap());
        assert_eq!(orgs("https://a.example/orgs"), [7]);
        assert_eq!(orgs("/app/meta/orgs"), [8]);
        assert!(orgs("/app/meta/orgs/deeper").is_empty() && orgs("/app/none").is_empty() && orgs("app").is_empty());
    }

    #[test]
    fn scopes_come_as_text_or_array_from_either_claim() {
        let both = Scopes::NONE.with(Scope::ProfileRead).with(Scope::ProfileWrite);
        for claims in [
            r#","scope":"profile.read profile.write openid""#,
            r#","scp":["profile.read","profile.write",7]"#,
            r#","scope":"profile.read","scp":"profile.write""#,
        ] {
            assert_eq!(read(claims).unwrap().scopes, both, "{claims}");
        }
        for none in ["", r#","scope":"profile.read,profile.write""#, r#","scope":{"profile.read":1}"#, r#","scope":7"#]
        {
            assert_eq!(read(none).unwrap().scopes, Scopes::NONE, "{none}");
        }
    }

    #[test]
    fn moments_are_seconds_with_some_leeway() {
        let claims = read(",\"nbf\":50.5").unwrap();
        assert_eq!((claims.from, claims.until), (49_500, 101_000));
        assert!(claims.check(49_499).is_err() && claims.check(49_500).is_ok());
        assert!(claims.check(100_999).is_ok() && claims.check(101_000).is_err());
        assert_eq!(read(",\"nbf\":1e300").unwrap().from, Ms::MAX - 1_000);
        let exp =
            |exp: &str| Claims::read(format!(r#"{{"iss":"i","aud":"a","exp":{exp}}}"#).as_bytes(), &settings("o"));
        assert_eq!(exp("9223372036854775807").unwrap().until, Ms::MAX - 1);
        assert_eq!(exp("-1").unwrap().until, 1_000);
        assert!(exp("\"100\"").is_err() && exp("null").is_err() && exp("1e999").is_err());
    }

    #[test]
    fn issuer_and_audience_are_compared_as_they_are() {
        let read = |claims: &str| Claims::read(claims.as_bytes(), &settings("o")).map(drop);
        assert_eq!(read(r#"{"iss":"i","aud":["x","a"],"exp":1}"#), Ok(()));
        for (claims, why) in [
            (r#"{"iss":"I","aud":"a","exp":1}"#, "is of another issuer"),
            (r#"{"iss":["i"],"aud":"a","exp":1}"#, "is of another issuer"),
            (r#"{"aud":"a","exp":1}"#, "is of another issuer"),
            (r#"{"iss":"i","aud":"ab","exp":1}"#, "is for another audience"),
            (r#"{"iss":"i","aud":[],"exp":1}"#, "is for another audience"),
            (r#"{"iss":"i","exp":1}"#, "is for another audience"),
            (r#"{"iss":"i","aud":"a"}"#, "has no exp"),
            (r#"{"iss":"i","aud":"a","exp":1,"exp":2}"#, "has claims that are no object of JSON"),
        ] {
            assert_eq!(read(claims), Err(why), "{claims}");
        }
    }

    #[test]
    fn the_source_is_the_application_if_it_can_be() {
        assert_eq!(&*read(r#","sub":"u","azp":"crm""#).unwrap().source, "crm");
        assert_eq!(&*read(r#","sub":"u""#).unwrap().source, NAMELESS);
        let long = "x".repeat(SOURCE_BYTES + 1);
        assert_eq!(&*read(&format!(r#","client_id":"{long}""#)).unwrap().source, NAMELESS);
        assert_eq!(&*read(r#","client_id":"crm""#).unwrap().subject, "crm");
    }
}
