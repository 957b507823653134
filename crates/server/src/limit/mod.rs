//! How much an organisation and each of its keys may call (contract section 8): token buckets, each of which is one
//! number, so that a call costs an atomic exchange for each limit that holds, and no lock.
//!
//! A bucket holds the moment at which it will be full again. A call moves it on by what one call costs, and is refused if
//! that moment would then be further away than the whole bucket is worth. So changing a limit needs no change of a
//! bucket, and one that has been left alone is the same as none at all.
//!
//! The buckets are this node's own: several nodes do not share them yet. The limit of one person is in
//! [`onefold_core::pace`], since it takes the rules to know who it is.

mod bucket;

pub use bucket::Ticks;

use crate::limits;
use crate::problem::ServerCode;
use bucket::{Bucket, Policy};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use onefold_core::id::OrgId;
use onefold_core::org::{KeyId, KeyRate, OrgLimits};
use onefold_core::pace::PersonRate;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

const ORG_SECOND: &str = "org-second";
const ORG_MINUTE: &str = "org-minute";
const KEY_SECOND: &str = "key-second";
const KEY_MINUTE: &str = "key-minute";
/// The limit of one person, as it is named to callers.
pub const PERSON: &str = "profile";

/// The names of all limits.
pub const POLICIES: [&str; 5] = [ORG_SECOND, ORG_MINUTE, KEY_SECOND, KEY_MINUTE, PERSON];

/// The buckets of a process.
pub struct Limiter {
    began: Instant,
    /// The least used ones go when there are too many: their callers find them full again.
    buckets: quick_cache::sync::Cache<Whose, Arc<[Bucket; 2]>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whose {
    Org(OrgId),
    Key(u128),
}

impl Default for Limiter {
    fn default() -> Self {
        Self { began: Instant::now(), buckets: quick_cache::sync::Cache::new(limits::BUCKETS) }
    }
}

impl Limiter {
    /// Now, as buckets count it.
    pub fn now(&self) -> Ticks {
        self.at(Instant::now())
    }

    /// A moment, as buckets count it.
    pub fn at(&self, moment: Instant) -> Ticks {
        Ticks::of(moment.saturating_duration_since(self.began))
    }

    /// The limits of a key: those of its organisation, then its own.
    pub fn pace(&self, org: (OrgId, OrgLimits), key: (KeyId, Option<KeyRate>)) -> Pace {
        let ((org, most), (key, rate)) = (org, key);
        let mut rules = Vec::with_capacity(4);
        self.add(&mut rules, Whose::Org(org), [ORG_SECOND, ORG_MINUTE], [most.per_second, most.per_minute]);
        if let Some(rate) = rate {
            let quotas = [rate.per_second, rate.per_minute];
            self.add(&mut rules, Whose::Key(key.as_u128()), [KEY_SECOND, KEY_MINUTE], quotas);
        }
        Pace::new(rules)
    }

    fn add(&self, rules: &mut Vec<Rule>, whose: Whose, names: [&'static str; 2], quotas: [u32; 2]) {
        if quotas == [0, 0] {
            return;
        }
        let found = self.buckets.get_or_insert_with(&whose, || Ok::<_, std::convert::Infallible>(Arc::default()));
        let Ok(buckets) = found;
        let code = match whose {
            Whose::Org(_) => ServerCode::LimitOrg,
            Whose::Key(_) => ServerCode::LimitKey,
        };
        for (which, window_s) in [(0, 1), (1, 60)] {
            if let Some(policy) = Policy::new(names[which], quotas[which], window_s) {
                rules.push(Rule { policy, code, buckets: buckets.clone(), which });
            }
        }
    }
}

/// One limit and the bucket that it draws from.
#[derive(Clone, Debug)]
struct Rule {
    policy: Policy,
    code: ServerCode,
    buckets: Arc<[Bucket; 2]>,
    which: usize,
}

impl Rule {
    fn bucket(&self) -> &Bucket {
        &self.buckets[self.which]
    }
}

/// All limits of one key.
#[derive(Debug)]
pub struct Pace {
    rules: Box<[Rule]>,
    /// What they are, as every answer says it.
    policies: HeaderValue,
}

/// What is cloned counts nothing together with the original: what all connections count, all processors wait for.
impl Clone for Pace {
    fn clone(&self) -> Self {
        Self::new(self.rules.to_vec())
    }
}

/// How a caller stands with the limit that is nearest, after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    policy: &'static str,
    /// Calls left in the bucket.
    left: u64,
    /// Seconds until the bucket is full, or, for who is refused, until there is a call in it.
    seconds: u64,
    /// Why the call is refused, if it is.
    refused: Option<ServerCode>,
}

impl Pace {
    fn new(rules: Vec<Rule>) -> Self {
        let mut text = String::new();
        for rule in &rules {
            let comma = if text.is_empty() { "" } else { ", " };
            // Writing into a string cannot fail.
            let _written = write!(text, "{comma}{}", rule.policy);
        }
        let policies = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        Self { rules: rules.into(), policies }
    }

    /// Takes one call from every bucket, or from none. `None` where nothing is limited.
    pub fn take(&self, now: Ticks) -> Option<Standing> {
        let mut nearest: Option<Standing> = None;
        for (place, rule) in self.rules.iter().enumerate() {
            let policy = rule.policy.name;
            match rule.bucket().take(&rule.policy, now) {
                Ok(left) => {
                    let standing = Standing { policy, left: left.calls, seconds: left.seconds, refused: None };
                    nearest = Some(nearest.filter(|nearest| nearest.left <= standing.left).unwrap_or(standing));
                }
                Err(seconds) => {
                    self.rules[..place].iter().for_each(|rule| rule.bucket().give_back(&rule.policy));
                    return Some(Standing { policy, left: 0, seconds, refused: Some(rule.code) });
                }
            }
        }
        nearest
    }

    /// Writes what the draft draft-ietf-httpapi-ratelimit-headers has for answers.
    pub fn headers(&self, standing: Standing, headers: &mut HeaderMap) {
        headers.insert(POLICY, self.policies.clone());
        headers.insert(LIMIT, standing.header());
        if standing.refused.is_some() {
            wait(standing.seconds, headers);
        }
    }
}

impl Standing {
    /// Why the call is refused, if it is.
    pub fn refused(&self) -> Option<ServerCode> {
        self.refused
    }

    /// The name of the limit.
    pub fn policy(&self) -> &'static str {
        self.policy
    }

    /// Written by hand: it is part of every answer.
    fn header(&self) -> HeaderValue {
        let mut text = bucket::Line::default();
        text.quoted(self.policy).text(";r=").number(self.left).text(";t=").number(self.seconds);
        HeaderValue::from_bytes(text.bytes()).unwrap_or(HeaderValue::from_static(""))
    }
}

/// What says when to come again.
fn wait(seconds: u64, headers: &mut HeaderMap) {
    headers.insert(header::RETRY_AFTER, seconds.into());
    headers.insert(RESET, seconds.into());
}

/// The headers of a write that was refused because of the limit of its person.
pub fn person_headers(PersonRate { per_second, burst }: PersonRate, headers: &mut HeaderMap) {
    let window = burst.div_ceil(per_second.max(1));
    let policy = HeaderValue::try_from(format!("\"{PERSON}\";q={burst};w={window}"));
    headers.insert(POLICY, policy.unwrap_or(HeaderValue::from_static("")));
    headers.insert(LIMIT, HeaderValue::from_static("\"profile\";r=0;t=1"));
    wait(1, headers);
}

#[cfg(test)]
mod tests;
