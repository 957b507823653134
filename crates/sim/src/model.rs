//! What must be true, said as simply as it can be: people as sets of identifiers and of writes.
//!
//! The literal rule: every identifier of a record that leads to somebody names them, several become one unless they were
//! split, the first created survives. Then every row must hold what is foretold here. Under a strategy the identifiers of
//! a person are taken from their row, whose changes must be such as the strategy allows (`check::events`,
//! `check::rules`), and all else is foretold as well.

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
    /// Identifiers that are not shown any more, and lead to the person all the same.
    pub(crate) former: BTreeMap<Id, Ucid>,
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
    /// Which profiles communicated an identifier, the last one last.
    pub(crate) told: BTreeMap<Id, Vec<Ucid>>,
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
        self.ids.is_empty() && self.former.is_empty() && self.writes.is_empty()
    }

    /// Which profile an identifier belongs to, shown or not.
    pub(crate) fn holds(&self, id: Id) -> Option<Ucid> {
        self.ids.get(&id).or(self.former.get(&id)).copied()
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
        person.former.extend(gone.former);
        person.tiles.extend(gone.tiles);
        person.writes.extend(gone.writes);
    }

    /// Some profiles leave a person, and are one of their own again.
    pub(crate) fn split(&mut self, root: Ucid, out: &BTreeSet<Ucid>, first: Ucid) {
        let Some(person) = self.persons.get_mut(&root) else { return };
        let mut parted = Person { tiles: out.clone(), ..Person::default() };
        person.tiles.retain(|tile| !out.contains(tile));
        for (from, to) in [(&mut person.ids, &mut parted.ids), (&mut person.former, &mut parted.former)] {
            to.extend(from.iter().filter(|(_, tile)| out.contains(tile)).map(|(id, tile)| (*id, *tile)));
            from.retain(|_, tile| !out.contains(tile));
        }
        parted.writes.extend(person.writes.iter().filter(|write| out.contains(&write.tile)));
        person.writes.retain(|write| !out.contains(&write.tile));
        for tile in out {
            self.roots.insert(*tile, first);
        }
        self.persons.insert(first, parted);
    }

    /// A person is erased; what was theirs is handed out.
    pub(crate) fn erase(&mut self, root: Ucid, at: Ms) -> Person {
        let gone = self.persons.remove(&root).unwrap_or_default();
        for tile in &gone.tiles {
            self.roots.remove(tile);
            self.dead.insert(*tile);
        }
        for id in gone.ids.keys().chain(gone.former.keys()) {
            let last = self.erased.entry(*id).or_default();
            *last = at.max(*last);
        }
        gone
    }

    /// Whom an identifier leads to.
    pub(crate) fn of_id(&self, id: Id) -> Option<Ucid> {
        self.holders(id).next()
    }

    /// Who has an identifier.
    pub(crate) fn holders(&self, id: Id) -> impl Iterator<Item = Ucid> {
        self.persons.iter().filter(move |(_, person)| person.holds(id).is_some()).map(|(root, _)| *root)
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
