//! What an organisation's definitions say of identifiers: its strategy, its catalogue and its list of blocked values
//! together. Made once when they are read, and shared by every request that they rule.

use crate::catalogue::Catalogue;
use crate::id::Identifier;
use crate::org::PersonLimits;
use crate::strategy::{Mode, Rule, Strategy};
use std::sync::Arc;

/// The definitions by which records are resolved and answers made.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How records find their person.
    pub strategy: Strategy,
    /// What is known of kinds, attributes, groups and consents.
    pub catalogue: Arc<Catalogue>,
    /// How often the catalogue was changed.
    pub catalogue_version: u64,
    /// Which values name nobody.
    pub blocked: Arc<Blocklist>,
    /// Days after which a profile that nothing was heard of is erased; `None`: never.
    pub profile_ttl_days: Option<u32>,
    /// How fast one person may be written to.
    pub person: PersonLimits,
}

/// The renderer's own version: raised when answers would look different for the same row.
const RENDERER: u64 = 1;

impl Default for Rules {
    fn default() -> Self {
        let catalogue = Catalogue::standard();
        Self {
            strategy: Strategy::default(),
            catalogue,
            catalogue_version: 0,
            blocked: Arc::default(),
            profile_ttl_days: None,
            person: PersonLimits::DEFAULT,
        }
    }
}

impl Rules {
    /// The default strategy without kinds that tell people apart: every identifier identifies, and several merge.
    pub fn literal() -> Self {
        let mode = Mode::Default { exclusive: Vec::new() };
        Self { strategy: Strategy { version: 1, mode }, ..Self::default() }
    }

    /// The kind whose rule a kind follows: the one that it derives from, or itself.
    pub fn family<'a>(&'a self, kind: &'a str) -> &'a str {
        self.catalogue.family(kind)
    }

    /// How a kind takes part.
    pub fn rule(&self, kind: &str) -> Rule {
        let (family, device, ttl_days) = self.catalogue.traits_of(kind);
        let rule = self.strategy.rule(kind, family, device);
        Rule { ttl_days: rule.ttl_days.or(ttl_days), ..rule }
    }

    /// What all writings of one identifier have in common.
    pub fn canonical(&self, identifier: &Identifier) -> Identifier {
        let named = self.catalogue.expand(identifier.kind(), identifier.value());
        named.map_or_else(|_| identifier.clone(), |named| named.canonical().clone())
    }

    /// An identifier in its form, then what derives from it; the value itself only where the catalogue keeps it.
    pub fn expand(&self, identifier: &Identifier) -> Vec<Identifier> {
        let named = self.catalogue.expand(identifier.kind(), identifier.value());
        named.map_or_else(|_| vec![identifier.clone()], |named| named.identifiers)
    }

    /// Whether a list or a pattern blocks a value.
    pub fn blocks(&self, identifier: &Identifier) -> bool {
        self.blocked.blocks(identifier.value())
    }

    /// Changes whenever an answer made with these definitions may look different.
    pub fn stamp(&self) -> u64 {
        self.strategy.version << 40 | self.catalogue_version << 8 | RENDERER
    }
}

/// Values that name nobody, by exact value or by pattern.
#[derive(Clone, Debug, Default)]
pub struct Blocklist {
    values: Vec<Box<str>>,
    patterns: Option<regex::RegexSet>,
}

/// Words that clients send where they have no value; compared without regard to case (contract section 6).
const WORDS: [&str; 6] = ["null", "undefined", "none", "anonymous", "unknown", "-1"];
/// Hashes of the empty string, in hexadecimal: MD5, SHA-1, SHA-256.
const EMPTY: [&str; 3] = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

impl Blocklist {
    /// From exact values and regular expressions, beside those that are blocked from the start. Matching takes time in
    /// proportion to the value alone. `Err` names the pattern that cannot be read, by its place.
    pub fn new(values: Vec<Box<str>>, patterns: &[Box<str>]) -> Result<Self, (usize, &'static str)> {
        if let Some(fault) = Self::faults(patterns).next() {
            return Err(fault);
        }
        let patterns = match patterns {
            [] => None,
            patterns => {
                Some(regex::RegexSet::new(patterns.iter().map(|p| &**p)).map_err(|_| (0, "are too large together"))?)
            }
        };
        Ok(Self { values, patterns })
    }

    /// Which patterns cannot be read, by their places, and why.
    pub fn faults(patterns: &[Box<str>]) -> impl Iterator<Item = (usize, &'static str)> {
        let fits =
            |pattern: &str| regex::RegexBuilder::new(pattern).size_limit(crate::limits::PATTERN_BYTES).build().is_ok();
        let wrong = patterns.iter().enumerate().filter(move |(_, pattern)| !fits(pattern));
        wrong.map(|(place, _)| (place, "is not a regular expression, or too large a one"))
    }

    /// Whether a value is blocked.
    pub fn blocks(&self, value: &str) -> bool {
        let zeros = value.starts_with('0') && value.bytes().all(|b| matches!(b, b'0' | b'-'));
        let word = value.len() <= 9 && WORDS.iter().any(|word| word.eq_ignore_ascii_case(value));
        let empty = matches!(value.len(), 32 | 40 | 64) && EMPTY.iter().any(|hash| hash.eq_ignore_ascii_case(value));
        zeros
            || word
            || empty
            || self.values.iter().any(|blocked| **blocked == *value)
            || self.patterns.as_ref().is_some_and(|patterns| patterns.is_match(value))
    }
}
