//! The strategy of an organisation, and the one pure function that decides from a record, and from what its identifiers
//! lead to, who the person is (contract section 6, rules 1 to 5).
//!
//! Nothing here reads or writes: `decide` can be read beside the contract and tested by tables.

use crate::id::{BadName, check_kind};
use crate::limits;

use crate::time::Ms;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;

mod decide;

pub use decide::{Decision, Fate, Holds, Leads, Named, Person, Refusal, Why, decide, judge};

/// What a kind of identifier is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Names a person: its values lead to one profile each.
    Primary,
    /// Helps where a record has no primary; its values may sit on several profiles.
    Secondary,
    /// Kept and shown, never looked up.
    Disabled,
}

impl Class {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Class::Primary => "primary",
            Class::Secondary => "secondary",
            Class::Disabled => "disabled",
        }
    }
}

/// What becomes of a primary value whose profile is left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Contested {
    /// It stays where it is.
    #[default]
    Stay,
    /// It goes over to the person of the record.
    Move,
}

/// How one kind takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is good for.
    pub class: Class,
    /// 1 (best) to 5.
    pub priority: u8,
    /// Place in the strategy's list; those that are not listed come last.
    pub place: u16,
    /// How many values a profile shows; `None`: any number.
    pub keep: Option<u16>,
    /// What becomes of a contested value.
    pub contested: Contested,
    /// Days from receipt after which a value leaves.
    pub ttl_days: Option<u32>,
}

impl Rule {
    /// What makes one identifier *better* than another: its class, then its priority. Less is better.
    pub fn rank(&self) -> (Class, u8) {
        (self.class, self.priority)
    }

    /// Whether a profile keeps one value of this kind.
    pub fn keeps_one(&self) -> bool {
        self.keep == Some(1)
    }

    /// Whether its values lead to one profile each.
    pub fn is_primary(&self) -> bool {
        self.class == Class::Primary
    }

    /// When a value received at a moment leaves.
    pub fn expires(&self, received: Ms) -> Option<Ms> {
        self.ttl_days.map(|days| received.saturating_add(u64::from(days) * 24 * 3_600 * 1_000))
    }
}

/// The order *listed before*: class, priority, place, then the kind's name in byte order.
pub fn listed(a: (&Rule, &str), b: (&Rule, &str)) -> Ordering {
    let key = |(rule, kind): (&Rule, &'_ str)| (rule.class, rule.priority, rule.place, kind.as_bytes().to_vec());
    key(a).cmp(&key(b))
}

/// One kind of a custom strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindRule {
    /// The kind.
    pub kind: Box<str>,
    /// What it is good for.
    pub class: Class,
    /// 1 (best) to 5; absent: 2 for a primary, 1 for others.
    pub priority: u8,
    /// How many values a profile shows; absent: any number.
    pub keep: Option<u16>,
    /// What becomes of a contested value.
    pub contested: Contested,
    /// Days from receipt after which a value leaves; absent: what the catalogue says of cookies, else never.
    pub ttl_days: Option<u32>,
}

impl KindRule {
    /// A kind of a class, with what holds where nothing else is said.
    pub fn new(kind: &str, class: Class) -> Self {
        let priority = if class == Class::Primary { 2 } else { 1 };
        Self { kind: kind.into(), class, priority, keep: None, contested: Contested::Stay, ttl_days: None }
    }
}

/// How an organisation resolves records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Every kind is primary; these have the first priority and are kept at one.
    Default {
        /// The kinds that tell people apart.
        exclusive: Vec<Box<str>>,
    },
    /// As configured. A kind that is not listed is secondary, priority 5.
    Custom {
        /// The kinds in order.
        kinds: Vec<KindRule>,
    },
}

/// A strategy: a mode and its version, which every change raises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strategy {
    /// 1 for what every organisation begins with.
    pub version: u64,
    /// How records are resolved.
    pub mode: Mode,
}

impl Default for Strategy {
    fn default() -> Self {
        Self { version: 1, mode: Mode::Default { exclusive: vec!["user_id".into()] } }
    }
}

const FIRST: Rule = Rule {
    class: Class::Primary,
    priority: 1,
    place: u16::MAX,
    keep: Some(1),
    contested: Contested::Stay,
    ttl_days: None,
};
const UNLISTED: Rule = Rule {
    class: Class::Secondary,
    priority: 5,
    place: u16::MAX,
    keep: None,
    contested: Contested::Stay,
    ttl_days: None,
};

impl Strategy {
    /// How a kind takes part. `family` is the kind that it derives from, or itself; `device` says whether the catalogue
    /// marks it as a device's.
    pub fn rule(&self, kind: &str, family: &str, device: bool) -> Rule {
        match &self.mode {
            Mode::Default { exclusive } if exclusive.iter().any(|name| **name == *kind || **name == *family) => FIRST,
            Mode::Default { .. } => {
                let contested = if device { Contested::Move } else { Contested::Stay };
                Rule { class: Class::Primary, priority: 2, keep: None, contested, ..UNLISTED }
            }
            Mode::Custom { kinds } => {
                let listed = |name: &str| kinds.iter().position(|rule| *rule.kind == *name);
                listed(kind).or_else(|| listed(family)).map_or(UNLISTED, |place| custom(&kinds[place], place))
            }
        }
    }
}

fn custom(rule: &KindRule, place: usize) -> Rule {
    Rule {
        class: rule.class,
        priority: rule.priority,
        place: u16::try_from(place).unwrap_or(u16::MAX),
        keep: rule.keep,
        contested: rule.contested,
        ttl_days: rule.ttl_days,
    }
}

/// What is wrong with a mode, each with a pointer below `kinds` or `exclusive`.
pub fn check(mode: &Mode) -> Vec<(String, &'static str)> {
    let mut faults = Vec::new();
    let names: Vec<&str> = match mode {
        Mode::Default { exclusive } => exclusive.iter().map(|name| &**name).collect(),
        Mode::Custom { kinds } => kinds.iter().map(|rule| &*rule.kind).collect(),
    };
    let (list, member) = if matches!(mode, Mode::Default { .. }) { ("exclusive", "") } else { ("kinds", "/kind") };
    if names.len() > limits::STRATEGY_KINDS {
        faults.push((format!("/{list}"), "a strategy has at most 200 kinds"));
    }
    let mut seen = BTreeMap::new();
    for (place, name) in names.iter().enumerate() {
        if let Err(BadName(why)) = check_kind(name) {
            faults.push((format!("/{list}/{place}{member}"), why));
        }
        if seen.insert(*name, place).is_some() {
            faults.push((format!("/{list}/{place}{member}"), "a kind is listed once"));
        }
    }
    if let Mode::Custom { kinds } = mode {
        faults.extend(kinds.iter().enumerate().flat_map(|(place, rule)| check_rule(place, rule)));
    }
    faults
}

fn check_rule(place: usize, rule: &KindRule) -> Vec<(String, &'static str)> {
    let mut faults = Vec::new();
    if !(1..=5).contains(&rule.priority) {
        faults.push((format!("/kinds/{place}/priority"), "must be 1 to 5"));
    }
    if rule.keep == Some(0) {
        faults.push((format!("/kinds/{place}/keep"), "must be at least 1"));
    }
    if rule.ttl_days == Some(0) {
        faults.push((format!("/kinds/{place}/ttlDays"), "must be at least 1"));
    }
    faults
}

#[cfg(test)]
#[path = "strategy/tests.rs"]
mod tests;

/// On what grounds two people are to be joined, so that it can be judged again on both rows before the merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grounds {
    /// The strategy's version that decided.
    pub strategy: u64,
    /// The class and priority of the identifier that brought the further profile.
    pub rank: (Class, u8),
    /// Whether a better one was looked up: then a profile that holds a better one is left alone (rule a).
    pub below: bool,
    /// Whether the record had no primary: then two profiles with primaries stay apart (rule c).
    pub no_primary: bool,
    /// Whether the further profile is the younger of the two.
    pub brings_loser: bool,
}
