//! Headers that change what a call does: `Prefer`, `If-Match`, `If-None-Match`, `Idempotency-Key`; and those that
//! answers carry.

use crate::limits;
use crate::problem::Problem;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};
use onefold_core::id::OrgId;
use onefold_core::limits::IDEMPOTENCY_KEY_BYTES;
use onefold_core::service::Service;
use onefold_core::service::fetch::ETag;
use onefold_core::service::upsert::{Idempotency, Precondition};

/// The media type of answers.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The UCID of a profile that was written.
pub const UCID: HeaderName = HeaderName::from_static("x-ucid");
/// The same, for older clients.
pub const OLD_UCID: HeaderName = HeaderName::from_static("x-zeotap-ucid");
/// Kinds of a write that stayed with another profile, where the answer has no body.
pub const NOT_ATTACHED: HeaderName = HeaderName::from_static("x-onefold-not-attached");
/// Kinds of a write whose profile was not joined, where the answer has no body.
pub const NOT_LINKED: HeaderName = HeaderName::from_static("x-onefold-not-linked");

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const PREFER: &str = "prefer";

/// An ETag as it stands in a header: in quotes, what `Display` writes of it, without its detours.
pub fn etag(etag: ETag) -> HeaderValue {
    let mut text = [b'"'; 35];
    hex(etag.writes, &mut text[1..17]);
    text[17] = b'.';
    hex(etag.answer, &mut text[18..34]);
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("\"\""))
}

fn hex(number: u64, to: &mut [u8]) {
    for (at, digit) in to.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * at) & 15) as usize];
    }
}

/// What a caller prefers (RFC 7240). Preferences that are not known are left alone, as that standard says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// `return=minimal` (true) or `return=representation` (false), if either.
    pub minimal: Option<bool>,
    /// `handling=strict`: refuse what cannot be attached or linked in full. By the rule of this version, by which every
    /// identifier identifies, nothing is ever left out.
    pub strict: bool,
}

impl Prefer {
    /// The first of each preference counts.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let mut strict = None;
        for preference in values.flat_map(|value| value.split(',')) {
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            let value = value.split(';').next().unwrap_or_default().trim().trim_matches('"');
            match (name.trim().to_ascii_lowercase().as_str(), value.to_ascii_lowercase().as_str()) {
                ("return", "minimal") => prefer.minimal = prefer.minimal.or(Some(true)),
                ("return", "representation") => prefer.minimal = prefer.minimal.or(Some(false)),
                ("handling", "strict") => strict = strict.or(Some(true)),
                ("handling", "lenient") => strict = strict.or(Some(false)),
                _ => {}
            }
        }
        prefer.strict = strict.unwrap_or(false);
        prefer
    }
}

/// The precondition of a write: `If-Match` with ETags or `*`, or `If-None-Match: *`.
pub fn precondition(headers: &HeaderMap) -> Result<Precondition, Problem> {
    let none_match = headers.get_all(IF_NONE_MATCH).iter().collect::<Vec<_>>();
    let matches = headers.get_all(IF_MATCH).iter().collect::<Vec<_>>();
    match (matches.as_slice(), none_match.as_slice()) {
        ([], []) => Ok(Precondition::None),
        ([], [any]) if is_any(any) => Ok(Precondition::Absent),
        ([], _) => Err(Problem::header("If-None-Match", "must be * on a write")),
        ([any], []) if is_any(any) => Ok(Precondition::Exists),
        (etags, []) => listed(etags).map(Precondition::Matches),
        _ => Err(Problem::header("If-Match", "does not go with If-None-Match")),
    }
}

/// 400 if a call that has no conditions comes with one: it would be done whatever the condition says.
pub fn unconditional(headers: &HeaderMap) -> Result<(), Problem> {
    match [("If-Match", IF_MATCH), ("If-None-Match", IF_NONE_MATCH)].iter().find(|(_, name)| headers.contains_key(name))
    {
        Some((name, _)) => Err(Problem::header(name, "is for writes alone")),
        None => Ok(()),
    }
}

fn is_any(value: &HeaderValue) -> bool {
    value.as_bytes().trim_ascii() == b"*"
}

/// The first halves of the ETags in a list. A weak one, or one that is not of ours, never matches.
fn listed(values: &[&HeaderValue]) -> Result<Vec<u64>, Problem> {
    let wrong = || Problem::header("If-Match", "must be * or a list of ETags in quotes, at most 32");
    let mut writes = Vec::new();
    let mut count = 0;
    for value in values {
        for etag in value.to_str().map_err(|_| wrong())?.split(',').map(str::trim) {
            count += 1;
            let (weak, quoted) = etag.strip_prefix("W/").map_or((false, etag), |etag| (true, etag));
            let etag = quoted.strip_prefix('"').and_then(|etag| etag.strip_suffix('"'));
            let etag = etag.filter(|etag| !etag.contains('"') && count <= limits::IF_MATCH_ETAGS).ok_or_else(wrong)?;
            writes.extend(first_half(etag).filter(|_| !weak));
        }
    }
    Ok(writes)
}

fn first_half(etag: &str) -> Option<u64> {
    let (writes, answer) = etag.split_once('.')?;
    let half = |text: &str| u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16);
    half(answer).and(half(writes))
}

/// What an `Idempotency-Key` and the request under it come to. The request is its body, decoded, and `outcome`: all
/// else that changes what it does.
pub fn idempotency(
    headers: &HeaderMap,
    service: &Service,
    (org, operation): (OrgId, &str),
    body: &[u8],
    outcome: &str,
) -> Result<Option<Idempotency>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let fits = (1..=IDEMPOTENCY_KEY_BYTES).contains(&key.len()) && key.as_bytes().iter().all(u8::is_ascii_graphic);
    if !fits || keys.next().is_some() {
        return Err(Problem::header("Idempotency-Key", "must be 1 to 128 visible ASCII characters, once"));
    }
    let key = key.to_str().unwrap_or_default();
    let request = [body, b"\0", outcome.as_bytes()].concat();
    let secret = service.secret();
    Ok(Some(Idempotency { key: secret.operation(org, operation, key), body: secret.body(&request) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn an_etag_is_written_as_it_is_displayed() {
        for (writes, answer) in [(0, 1), (u64::MAX, 0x0123_4567_89ab_cdef)] {
            let etag = ETag { writes, answer };
            assert_eq!(super::etag(etag), format!("\"{etag}\""));
        }
    }

    #[test]
    fn preferences_are_read_in_every_form() {
        let prefer = |value| Prefer::of(&headers(&[("prefer", value)]));
        assert_eq!(prefer("return=minimal").minimal, Some(true));
        assert_eq!(prefer("Return = \"minimal\"; x=1, handling=strict"), Prefer { minimal: Some(true), strict: true });
        assert_eq!(prefer("return=representation, return=minimal").minimal, Some(false), "the first counts");
        assert_eq!(prefer("respond-async, wait=10"), Prefer::default());
    }

    #[test]
    fn preconditions_are_read_or_refused() {
        let read = |pairs: &[_]| precondition(&headers(pairs)).ok();
        let etag = "\"00000000000000ff.0000000000000001\"";
        assert_eq!(read(&[]), Some(Precondition::None));
        assert_eq!(read(&[("if-match", "*")]), Some(Precondition::Exists));
        assert_eq!(read(&[("if-none-match", "*")]), Some(Precondition::Absent));
        assert_eq!(read(&[("if-match", etag)]), Some(Precondition::Matches(vec![255])));
        assert_eq!(read(&[("if-match", "W/\"00000000000000ff.0000000000000001\", \"theirs\"")]), {
            Some(Precondition::Matches(vec![]))
        });
        for bad in ["", "00ff", "\"a", "*, \"a\"", "\"a\" \"b\""] {
            assert_eq!(precondition(&headers(&[("if-match", bad)])).ok(), None, "{bad}");
        }
        assert_eq!(read(&[("if-none-match", etag)]), None);
        assert_eq!(read(&[("if-none-match", "*"), ("if-match", "*")]), None);
    }
}
