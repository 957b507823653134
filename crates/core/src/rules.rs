//! What an organisation's definitions say of identifiers: its strategy and its catalogue together.

use crate::id::Identifier;
use crate::strategy::{Rule, Strategy};

/// The definitions by which records are resolved and answers made.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// How records find their person.
    pub strategy: Strategy,
}

/// The renderer's own version: raised when answers would look different for the same row.
const RENDERER: u64 = 1;

const DEVICES: [&str; 3] = ["anonymous_id", "device_id", "AdId"];

impl Rules {
    /// The kind whose rule a kind follows: the one that it derives from, or itself.
    pub fn family<'a>(&'a self, kind: &'a str) -> &'a str {
        kind
    }

    /// How a kind takes part.
    pub fn rule(&self, kind: &str) -> Rule {
        self.strategy.rule(kind, self.family(kind), self.is_device(kind))
    }

    /// Whether a kind names a device rather than a person.
    pub fn is_device(&self, kind: &str) -> bool {
        DEVICES.contains(&kind)
    }

    /// What all writings of one identifier have in common.
    pub fn canonical(&self, identifier: &Identifier) -> Identifier {
        identifier.clone()
    }

    /// An identifier as given first, then what derives from it.
    pub fn expand(&self, identifier: &Identifier) -> Vec<Identifier> {
        vec![identifier.clone()]
    }

    /// Whether a list or a pattern blocks a value.
    pub fn blocks(&self, _identifier: &Identifier) -> bool {
        false
    }

    /// Changes whenever an answer made with these definitions may look different.
    pub fn stamp(&self) -> u64 {
        self.strategy.version << 16 | RENDERER
    }
}
