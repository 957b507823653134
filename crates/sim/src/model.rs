//! What must be true, said as simply as it can be: people as sets of identifiers and of writes.
//!
//! The literal rule: every identifier of a record that leads to somebody names them, several become one, the first
//! created survives. A strategy that leaves people apart, moves identifiers or splits people changes [`People`] here and
//! what `check::events` takes for a reason, nothing else.

use crate::ops::{Id, Realm};
use onefold_core::id::Ucid;
use onefold_core::time::Ms;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// A write that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    /// The operation that asked for it first.
    pub(crate) op: usize,
    /// Its stamp.
    pub(crate) stamp: Ms,
    /// The profile that it belongs to.
    pub(crate) tile: Ucid,
}

/// A person: what was said by records that named them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    /// Identifiers, and which of the person's profiles each belongs to.
    pub(crate) ids: BTreeMap<Id, Ucid>,
    /// The profiles that became this person.
    pub(crate) tiles: BTreeSet<Ucid>,
    /// Writes in the order in which they happened.
    pub(crate) writes: Vec<Write>,
}

/// What a write says beside its mark and its increment, which every write has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Says {
    /// Whether it sets the scalar, to its own mark.
    pub(crate) scalar: bool,
    /// What it says of the consent.
    pub(crate) consent: Option<bool>,
}

/// A person as an answer shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) realm: Realm,
    pub(crate) ucid: Ucid,
    pub(crate) ids: BTreeSet<Id>,
    pub(crate) linked: BTreeSet<Ucid>,
    pub(crate) marks: BTreeSet<usize>,
    pub(crate) sum: i64,
    pub(crate) scalar: Option<usize>,
    pub(crate) consent: Option<bool>,
}

/// Everyone of one organisation in one region.
#[derive(Clone, Debug, Default)]
pub(crate) struct People {
    /// By the UCID that names them now.
    pub(crate) persons: BTreeMap<Ucid, Person>,
    /// Which person each profile that ever was has become.
    roots: BTreeMap<Ucid, Ucid>,
    /// When somebody was last erased under an identifier.
    pub(crate) erased: BTreeMap<Id, Ms>,
    /// UCIDs of erased people, linked ones too.
    pub(crate) dead: BTreeSet<Ucid>,
}

/// What a write adds to the counter: a bit of its own, so that the sum tells how often each was counted.
pub(crate) fn increment(op: usize) -> i64 {
    1 << op
}

impl Person {
    /// Whether there is nothing of anybody in it: a row that was written to no end but to hold something off.
    pub(crate) fn is_blank(&self) -> bool {
        self.ids.is_empty() && self.writes.is_empty()
    }

    pub(crate) fn marks(&self) -> BTreeSet<usize> {
        self.writes.iter().map(|write| write.op).collect()
    }

    pub(crate) fn sum(&self) -> i64 {
        self.writes.iter().map(|write| increment(write.op)).sum()
    }

    /// The newest stamp of all that was said.
    pub(crate) fn newest(&self) -> Ms {
        self.writes.iter().map(|write| write.stamp).max().unwrap_or(0)
    }

    /// Of the writes that say something of a thing the one that counts: the newest; of several the first created
    /// profile's, and in one profile the last that came.
    fn last(&self, says: impl Fn(usize) -> bool) -> Option<usize> {
        let said = self.writes.iter().enumerate().filter(|(_, write)| says(write.op));
        said.max_by_key(|(place, write)| (write.stamp, Reverse(write.tile), *place)).map(|(_, write)| write.op)
    }
}

impl People {
    /// A row is there that nobody knew of: a person with nothing said of them yet.
    pub(crate) fn born(&mut self, ucid: Ucid) {
        self.roots.entry(ucid).or_insert(ucid);
        self.persons.entry(ucid).or_default().tiles.insert(ucid);
    }

    /// A write happens to a person, who has these identifiers from now on.
    pub(crate) fn write(&mut self, root: Ucid, write: Write, ids: impl IntoIterator<Item = (Id, Ucid)>) {
        let person = self.persons.entry(root).or_default();
        person.writes.push(write);
        person.ids.extend(ids);
    }

    /// Two people become one.
    pub(crate) fn link(&mut self, winner: Ucid, loser: Ucid) {
        let gone = self.persons.remove(&loser).unwrap_or_default();
        for tile in &gone.tiles {
            self.roots.insert(*tile, winner);
        }
        let person = self.persons.entry(winner).or_default();
        person.ids.extend(gone.ids);
        person.tiles.extend(gone.tiles);
        person.writes.extend(gone.writes);
    }

    /// A person is erased; what was theirs is handed out.
    pub(crate) fn erase(&mut self, root: Ucid, at: Ms) -> Person {
        let gone = self.persons.remove(&root).unwrap_or_default();
        for tile in &gone.tiles {
            self.roots.remove(tile);
            self.dead.insert(*tile);
        }
        for id in gone.ids.keys() {
            let last = self.erased.entry(*id).or_default();
            *last = at.max(*last);
        }
        gone
    }

    /// Whom an identifier leads to.
    pub(crate) fn of_id(&self, id: Id) -> Option<Ucid> {
        self.persons.iter().find(|(_, person)| person.ids.contains_key(&id)).map(|(root, _)| *root)
    }

    /// Whom a UCID leads to.
    pub(crate) fn of_ucid(&self, ucid: Ucid) -> Option<Ucid> {
        self.roots.get(&ucid).copied()
    }

    /// Whose a write is.
    pub(crate) fn of_write(&self, op: usize) -> Option<Ucid> {
        let has = |person: &Person| person.writes.iter().any(|write| write.op == op);
        self.persons.iter().find(|(_, person)| has(person)).map(|(root, _)| *root)
    }

    /// What a fetch of a person shows.
    pub(crate) fn shown(&self, realm: Realm, root: Ucid, says: &[Says]) -> Option<Shown> {
        let person = self.persons.get(&root)?;
        Some(Shown {
            realm,
            ucid: root,
            ids: person.ids.keys().copied().collect(),
            linked: person.tiles.iter().copied().filter(|tile| *tile != root).collect(),
            marks: person.marks(),
            sum: person.sum(),
            scalar: person.last(|op| says[op].scalar),
            consent: person.last(|op| says[op].consent.is_some()).and_then(|op| says[op].consent),
        })
    }
}
