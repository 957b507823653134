//! What the clients know: who was written, with which markers, merged, deleted, and which of their calls got no answer.

use crate::client::{Answer, Call, Id};
use std::collections::{BTreeMap, BTreeSet};

/// The kind of identifier that somebody new may take over from somebody deleted.
pub const REUSED: &str = "loyalty";

/// Whether somebody should be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nobody has asked for them to be written.
    Planned,
    /// A write of them was acknowledged.
    There,
    /// Their first write got no answer.
    PerhapsThere,
    /// Their delete got no answer.
    PerhapsGone,
    /// Their delete was acknowledged, or their first write turned out not to have happened.
    Gone,
    /// Part of this other one.
    PartOf(usize),
}

/// One person, as the clients know them.
#[derive(Clone, Debug)]
pub struct Person {
    /// The worker that alone writes them; none where all do.
    pub owner: Option<usize>,
    pub presence: Presence,
    /// What leads to them, their UCIDs among it.
    pub ids: Vec<Id>,
    /// Of the acknowledged writes.
    pub markers: BTreeSet<String>,
    /// Of the writes without an answer.
    pub perhaps: BTreeSet<String>,
}

/// What a call does, if it is done.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    Write(usize),
    Merge(usize, usize),
    Delete(usize),
}

/// A call and what it means.
#[derive(Clone, Debug)]
pub struct Intent {
    pub deed: Deed,
    pub marker: String,
    pub call: Call,
}

/// How much was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    pub writes: usize,
    pub merges: usize,
    pub deletes: usize,
    pub fetches: usize,
    pub refused: usize,
    pub unanswered: usize,
    pub repeats: usize,
}

/// All that the clients know.
#[derive(Default)]
pub struct Ledger {
    pub people: Vec<Person>,
    /// Those of them whom all workers write.
    shared: BTreeMap<Id, usize>,
    /// Calls without an answer, until the next check.
    pub unanswered: Vec<Intent>,
    /// Of each worker the last write with a key that was answered, to be repeated after the restart.
    pub answered: Vec<Option<Intent>>,
    pub figures: Figures,
    /// What was not as it must be.
    pub faults: Vec<(Wrong, String)>,
}

/// In which way something is not as it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Acknowledged and not there.
    Lost,
    /// Deleted and there.
    Back,
    /// There more than once.
    Twice,
    /// Neither whole nor absent.
    Half,
    /// Any other answer that should not have been given.
    Answer,
}

impl Ledger {
    /// Somebody who is about to be written under these identifiers.
    pub fn plan(&mut self, owner: Option<usize>, ids: Vec<Id>) -> usize {
        let (markers, perhaps) = Default::default();
        self.people.push(Person { owner, presence: Presence::Planned, ids, markers, perhaps });
        self.people.len() - 1
    }

    /// The call was acknowledged.
    pub fn done(&mut self, intent: &Intent, answer: &Answer) {
        match intent.deed {
            Deed::Write(at) => self.written(at, intent, answer),
            Deed::Merge(into, from) => {
                self.unite(into, from);
                self.written(into, intent, answer);
            }
            Deed::Delete(at) => {
                let at = self.root(at);
                self.people[at].presence = Presence::Gone;
            }
        }
    }

    fn written(&mut self, at: usize, intent: &Intent, answer: &Answer) {
        let at = self.root(at);
        let person = &mut self.people[at];
        person.presence = Presence::There;
        person.perhaps.remove(&intent.marker);
        person.markers.insert(intent.marker.clone());
        let ucid = answer.ucid().map(|ucid| ("ucid".to_owned(), ucid));
        person.ids.extend(ucid.filter(|ucid| !person.ids.contains(ucid)));
    }

    /// Counts a call that was acknowledged.
    pub fn count_done(&mut self, deed: Deed) {
        match deed {
            Deed::Write(_) => self.figures.writes += 1,
            Deed::Merge(..) => self.figures.merges += 1,
            Deed::Delete(_) => self.figures.deletes += 1,
        }
    }

    /// Two are one from now on.
    pub fn unite(&mut self, into: usize, from: usize) {
        let (into, from) = (self.root(into), self.root(from));
        if into == from {
            return;
        }
        let absorbed = self.people[from].clone();
        self.people[from].presence = Presence::PartOf(into);
        let person = &mut self.people[into];
        person.ids.extend(absorbed.ids);
        person.markers.extend(absorbed.markers);
        person.perhaps.extend(absorbed.perhaps);
    }

    /// Whom this one is part of.
    pub fn root(&self, at: usize) -> usize {
        match self.people[at].presence {
            Presence::PartOf(other) => self.root(other),
            _ => at,
        }
    }

    /// Nobody knows whether the call was done.
    pub fn unknown(&mut self, intent: Intent) {
        match intent.deed {
            Deed::Write(at) => {
                let person = &mut self.people[at];
                person.perhaps.insert(intent.marker.clone());
                if person.presence == Presence::Planned {
                    person.presence = Presence::PerhapsThere;
                }
            }
            // The check looks whether they are one.
            Deed::Merge(..) => {}
            Deed::Delete(at) => self.people[at].presence = Presence::PerhapsGone,
        }
        self.figures.unanswered += 1;
        self.unanswered.push(intent);
    }

    /// Notes what is wrong; the first few are said at once.
    pub fn fault(&mut self, wrong: Wrong, what: String) {
        if self.faults.len() < 20 {
            eprintln!("{wrong:?}: {what}");
        }
        self.faults.push((wrong, what));
    }

    pub fn count(&self, wrong: Wrong) -> usize {
        self.faults.iter().filter(|(other, _)| *other == wrong).count()
    }

    /// Who is surely there and written by this worker alone.
    pub fn people_of(&self, worker: usize) -> Vec<usize> {
        let mine = |person: &Person| person.owner == Some(worker) && person.presence == Presence::There;
        (0..self.people.len()).filter(|at| mine(&self.people[*at])).collect()
    }

    /// Somebody whom all write, under this identifier.
    pub fn shared(&mut self, id: &Id) -> usize {
        let known = self.shared.get(id).copied();
        known.unwrap_or_else(|| {
            let at = self.plan(None, vec![id.clone()]);
            self.shared.insert(id.clone(), at);
            at
        })
    }

    /// An identifier of somebody who was deleted, to be used again. The first stays, to look for them by.
    pub fn take_freed(&mut self, at: usize) -> Option<Id> {
        let ids = &mut self.people[at].ids;
        let place = ids.iter().rposition(|(kind, _)| kind == REUSED).filter(|place| *place > 0)?;
        Some(ids.remove(place))
    }

    /// The last write with a key that was answered, if who was written is still there.
    pub fn answered_and_there(&self, worker: usize) -> Option<Intent> {
        let intent = self.answered.get(worker)?.clone()?;
        let (Deed::Write(at) | Deed::Merge(at, _) | Deed::Delete(at)) = intent.deed;
        (self.people[self.root(at)].presence == Presence::There).then_some(intent)
    }

    /// Those of all workers.
    pub fn answered_all(&self) -> Vec<Intent> {
        (0..self.answered.len()).filter_map(|worker| self.answered_and_there(worker)).collect()
    }

    /// All who are to be looked up.
    pub fn everybody(&self) -> Vec<usize> {
        let known = |person: &Person| !matches!(person.presence, Presence::Planned | Presence::PartOf(_));
        (0..self.people.len()).filter(|at| known(&self.people[*at])).collect()
    }
}
