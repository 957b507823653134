//! A tile: what one source identity said. A profile that never merged has one.

use super::attribute::{Attribute, Said};
use crate::id::{Identifier, Ucid};
use crate::limits;
use crate::patch::{GroupPatch, Patch};
use crate::strategy::{Grounds, Why};
use crate::tables::RowHash;
use crate::time::Ms;
use crate::value::{Source, Stamped};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An identifier that a tile holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The identifier.
    pub identifier: Identifier,
    /// What stands for it in keys.
    pub hash: RowHash,
    /// What all writings of this one identifier have in common: the raw value and its hashes.
    pub same: RowHash,
    /// When it was last communicated, by the writes' own stamps.
    pub ts: Ms,
    /// When it was last received, by the server's clock.
    pub received: Ms,
    /// When it was last received as a value to be shown; of several the newest are.
    pub current: Ms,
    /// Displaced by another value of this tile: not shown, and no reason to merge.
    pub former: bool,
    /// When it leaves, by the server's clock.
    pub expires: Option<Ms>,
}

/// An identifier as a record carries it.
#[derive(Clone, Debug)]
pub struct Carried {
    /// The identifier.
    pub identifier: Identifier,
    /// What stands for it in keys.
    pub hash: RowHash,
    /// What all writings of it have in common.
    pub same: RowHash,
    /// Days from receipt after which it leaves, as a moment.
    pub expires: Option<Ms>,
    /// Whether it is carried as a former value, and stays one.
    pub former: bool,
}

/// A link that was refused, kept so that it can be explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedLink {
    /// The profile that was left alone.
    pub other: Ucid,
    /// The kind of the identifier that led there.
    pub kind: Box<str>,
    /// What stands for it; its value may be another's.
    pub identifier: RowHash,
    /// Why.
    pub why: Why,
    /// The request.
    pub request: Box<str>,
    /// The source of that request.
    pub source: Source,
    /// When, by the clock of the node that refused it.
    pub at: Ms,
}

impl Held {
    fn new(carried: &Carried) -> Self {
        Self {
            identifier: carried.identifier.clone(),
            hash: carried.hash,
            same: carried.same,
            ts: 0,
            received: 0,
            current: 0,
            former: true,
            expires: carried.expires,
        }
    }

    /// Whether it has left by a moment.
    pub fn is_expired(&self, now: Ms) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// What one tile says of one group of attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The newest removal of the whole group.
    pub removed: Option<Stamped<()>>,
    /// Its members.
    pub members: BTreeMap<Box<str>, Attribute>,
}

impl Group {
    /// The newest stamp of all that it says.
    pub fn newest(&self) -> Option<Ms> {
        let removed = self.removed.as_ref().map(|removed| removed.ts);
        self.members.values().map(Attribute::newest).chain(removed).max()
    }
}

/// By what a record names somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Naming {
    /// An identifier, by its hash.
    Identifier(RowHash),
    /// A UCID.
    Ucid(Ucid),
}

/// What joined a tile to another: kept so that a merge can be explained and undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFact {
    /// The tile of the other side by way of which this one came.
    pub via: Ucid,
    /// The identifier that brought the other side, by its hash.
    pub by: RowHash,
    /// By what the record named the side that it was brought to.
    pub to: Naming,
    /// What stands for the identifiers of the record that named both. Not their values: one of them may belong to
    /// somebody who is deleted while the link is under way, or to nobody. Who explains finds the values in the tiles.
    pub identifiers: Vec<RowHash>,
    /// On what grounds; evaluated again before the merge.
    pub grounds: Grounds,
    /// The request that caused it.
    pub request: Box<str>,
    /// The source of that request.
    pub source: Source,
    /// When, by the clock of the node that intended it.
    pub at: Ms,
}

/// What one source identity said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tile {
    /// When it was first written, by the server's clock.
    pub created: Ms,
    /// When it was last written, by the server's clock.
    pub updated: Ms,
    /// Its identifiers, in the order in which they came.
    pub identifiers: Vec<Held>,
    /// Attributes by group.
    pub groups: BTreeMap<Box<str>, Group>,
    /// Preferences by name; a removed one is a stamped nothing.
    pub preferences: BTreeMap<Box<str>, Stamped<Option<Box<str>>>>,
    /// Consents by name.
    pub consents: BTreeMap<Box<str>, Stamped<bool>>,
    /// What brought it into another profile.
    pub link: Option<LinkFact>,
    /// Tiles that it must not meet: they were split.
    pub apart: BTreeSet<Ucid>,
    /// Values of other tiles that a value of this one displaced, and when.
    pub displaced: BTreeMap<RowHash, Ms>,
    /// Folded into this tile for good: what it said is said there, and it can no longer be split out. Its identifiers
    /// stay with it, and its UCID still leads here.
    pub folded: Option<Ucid>,
    /// Links that were refused, the newest last; at most [`limits::REFUSED_LINKS`].
    pub refused: Vec<RefusedLink>,
    /// The last operations that wrote it, the newest last; at most [`limits::TILE_OPS`].
    pub ops: Vec<u64>,
}

impl Tile {
    /// Takes in a patch at a moment from a source.
    pub fn apply(&mut self, patch: &Patch, ts: Ms, source: &Source) {
        let stamp = Stamped { value: (), ts, source: source.clone() };
        for (name, said) in &patch.groups {
            match said {
                GroupPatch::Unset => self.unset_group(name, stamp.clone()),
                GroupPatch::Members(members) => self.say(name, members, &stamp),
            }
        }
        for (name, value) in &patch.preferences {
            put(&mut self.preferences, name, stamp.with(value.clone()));
        }
        for (name, given) in &patch.consents {
            put(&mut self.consents, name, stamp.with(*given));
        }
    }

    /// Holds an identifier, or hears of it again.
    pub fn hold(&mut self, carried: &Carried, ts: Ms, received: Ms, current: Ms) {
        let place = self.identifiers.iter().position(|held| held.hash == carried.hash).unwrap_or_else(|| {
            self.identifiers.push(Held::new(carried));
            self.identifiers.len() - 1
        });
        let held = &mut self.identifiers[place];
        held.ts = held.ts.max(ts);
        held.received = held.received.max(received);
        held.same = carried.same;
        held.expires = carried.expires;
        if !carried.former {
            held.current = held.current.max(current);
            held.former = false;
        }
    }

    /// Remembers a link that was refused. The same refusal again changes nothing.
    pub fn refuse(&mut self, refused: RefusedLink) {
        let known = |old: &RefusedLink| {
            (old.other, old.identifier, &old.why) == (refused.other, refused.identifier, &refused.why)
        };
        if self.refused.iter().any(known) {
            return;
        }
        self.refused.push(refused);
        if self.refused.len() > limits::REFUSED_LINKS {
            self.refused.remove(0);
        }
    }

    /// Whether it holds the identifier of this hash.
    pub fn holds(&self, hash: RowHash) -> bool {
        self.identifiers.iter().any(|held| held.hash == hash)
    }

    /// When it was last heard of, by the server's clock.
    pub fn heard(&self) -> Ms {
        self.identifiers.iter().map(|held| held.received).chain([self.updated]).max().unwrap_or(0)
    }

    /// Remembers that an operation wrote it.
    pub fn remember(&mut self, op: u64) {
        self.ops.push(op);
        if self.ops.len() > limits::TILE_OPS {
            self.ops.remove(0);
        }
    }

    /// The newest stamp of all that it says.
    pub fn newest(&self) -> Ms {
        let groups = self.groups.values().flat_map(|group| {
            group.members.values().map(Attribute::newest).chain(group.removed.as_ref().map(|removed| removed.ts))
        });
        groups
            .chain(self.identifiers.iter().map(|held| held.ts))
            .chain(self.preferences.values().map(|said| said.ts))
            .chain(self.consents.values().map(|said| said.ts))
            .max()
            .unwrap_or(0)
    }

    fn say(&mut self, group: &str, members: &BTreeMap<Box<str>, Said>, stamp: &Stamped<()>) {
        let group = self.groups.entry(group.into()).or_default();
        for (name, said) in members {
            if group.removed.as_ref().is_some_and(|removed| removed.ts > stamp.ts) {
                continue; // older than the removal of the whole group: it loses
            }
            group.members.entry(name.clone()).or_default().say(said, stamp.ts, &stamp.source);
        }
        group.members.retain(|_, attribute| !attribute.is_empty());
    }

    fn unset_group(&mut self, name: &str, stamp: Stamped<()>) {
        let group = self.groups.entry(name.into()).or_default();
        for attribute in group.members.values_mut() {
            attribute.forget_until(stamp.ts);
        }
        group.members.retain(|_, attribute| !attribute.is_empty());
        stamp.replace_older(&mut group.removed);
    }
}

fn put<V: Clone>(map: &mut BTreeMap<Box<str>, Stamped<V>>, name: &str, new: Stamped<V>) {
    match map.get_mut(name) {
        Some(old) if old.ts > new.ts => {}
        Some(old) => *old = new,
        None => drop(map.insert(name.into(), new)),
    }
}
