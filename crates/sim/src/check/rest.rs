//! What must be true when everything has come to rest: late writes have landed, every ticket is worked off.

use super::row::{id_of, is_clean, numbers_in};
use super::watch::findable;
use super::{Answer, Check, Wrong, answers::RowBytes, place_of};
use crate::ops::{Asking, Id, Realm, Sought};
use onefold_core::id::Ucid;
use onefold_core::limits;
use onefold_core::profile::Profile;
use onefold_core::profile::holding::holdings;
use onefold_core::store::Row;
use onefold_core::tables::{Key, Table, ticket_due};
use onefold_core::time::Ms;
use std::collections::{BTreeMap, BTreeSet};

/// Rows of the store as the checks look at them.
pub(crate) fn bytes_of(rows: Vec<(Key, Row)>) -> Vec<RowBytes> {
    rows.into_iter().map(|(key, row)| (place_of(&key), row.value)).collect()
}

impl Check {
    /// No row holds a byte of anybody who was erased: marks of theirs nowhere, identifiers only where a living person has
    /// the same value.
    pub(crate) fn nothing_left(&self, rows: &[RowBytes]) -> Result<(), Wrong> {
        if self.erased.is_empty() {
            return Ok(());
        }
        for (place, bytes) in rows {
            let Some((realm, ucid)) = place else {
                is_clean(bytes)?;
                continue;
            };
            if let Some(mark) = numbers_in(bytes, b"mk~").into_iter().find(|mark| self.erased.contains(mark)) {
                return Err(format!("mark {mark} of somebody erased stands in {ucid:?}"));
            }
            for id in numbers_in(bytes, b"id~") {
                self.may_hold(*realm, *ucid, id as u8)?;
            }
        }
        Ok(())
    }

    fn may_hold(&self, realm: Realm, ucid: Ucid, id: u8) -> Result<(), Wrong> {
        let people = self.people.get(&realm);
        let root = people.and_then(|people| people.of_ucid(ucid));
        let person = people.zip(root).and_then(|(people, root)| people.persons.get(&root));
        // What has expired is listed until the row is written again, also in that of a loser that waits to be absorbed.
        let known = self.rows.get(&(realm, ucid)).map(|known| &known.profile);
        let listed = !self.config.literal && matches!(known, Some(Profile::Live(_) | Profile::Sealed(_)));
        if listed || person.is_some_and(|person| person.ids.contains_key(&id)) {
            return Ok(());
        }
        let erased = people.is_some_and(|people| people.erased.contains_key(&id));
        if erased { Err(format!("identifier {id} of somebody erased stands in {ucid:?}")) } else { Ok(()) }
    }

    /// Rows at rest.
    pub(crate) fn rows_at_rest(&mut self, rows: &[(Key, Row)], now: Ms) -> Result<(), Wrong> {
        self.nothing_left(&bytes_of(rows.to_vec()))?;
        if let Some((key, _)) =
            rows.iter().find(|(key, _)| key.partition.table == Table::Ticket && ticket_due(&key.sort) <= now)
        {
            return Err(format!("a ticket is still open: due {}", ticket_due(&key.sort)));
        }
        let busy = |known: &super::Known| match &known.profile {
            Profile::Live(live) => live.is_busy(),
            Profile::Sealed(_) => true,
            Profile::Erased(erased) => !erased.cleaned,
            Profile::Forward(_) => false,
        };
        if let Some(((_, ucid), _)) = self.rows.iter().find(|(_, known)| busy(known)) {
            return Err(format!("{ucid:?} is left unfinished"));
        }
        self.marks_at_rest()
    }

    /// Every write that happened stands in one person or is erased.
    fn marks_at_rest(&self) -> Result<(), Wrong> {
        let mut standing: BTreeMap<usize, usize> = BTreeMap::new();
        for person in self.people.values().flat_map(|people| people.persons.values()) {
            person.writes.iter().for_each(|write| *standing.entry(write.op).or_default() += 1);
        }
        for first in self.committed.keys() {
            let count = standing.get(first).copied().unwrap_or(0) + usize::from(self.erased.contains(first));
            if count != 1 {
                return Err(format!("write {first} stands {count} times"));
            }
        }
        Ok(())
    }

    /// Every value there could be, where it leads, to be asked for through the front door.
    pub(crate) fn everything(&self, identifiers: usize) -> Vec<(Realm, Sought)> {
        let ids = |realm: Realm| (0..identifiers).map(move |id| (realm, Sought::Id(id as u8)));
        let mut all: Vec<_> = self.people.keys().flat_map(|realm| ids(*realm)).collect();
        for (realm, people) in &self.people {
            let known = |ucid: &&Ucid| people.of_ucid(**ucid).is_some_and(|root| !people.persons[&root].is_blank());
            let tiles = people.persons.values().flat_map(|person| &person.tiles);
            all.extend(tiles.filter(known).chain(&people.dead).map(|ucid| (*realm, Sought::Ucid(*ucid))));
        }
        all
    }

    /// What the front door must show for a value at rest.
    pub(crate) fn shows_at_rest(&mut self, realm: Realm, sought: Sought, answer: &Answer) -> Result<(), Wrong> {
        let Answer::Fetch(Ok(found)) = answer else {
            return Err(format!("{sought:?}: {answer:?}"));
        };
        let shown = super::answers::shown_in(&found.body, realm.org)?;
        let should: Vec<_> = self.shows(realm, sought).into_iter().collect();
        if let Sought::Id(id) = sought {
            self.at_rest.entry((realm, id)).or_insert_with(|| should.first().cloned());
        }
        if shown == should { Ok(()) } else { Err(format!("{sought:?} shows {shown:?}, should show {should:?}")) }
    }

    /// What a search must show that finds all who share a value: up to five, whoever communicated it last first.
    pub(crate) fn shows_all_at_rest(&self, realm: Realm, sought: Sought, answer: &Answer) -> Result<(), Wrong> {
        let (Sought::Id(id), Answer::Fetch(Ok(found)), Some(people)) = (sought, answer, self.people.get(&realm)) else {
            return Err(format!("{sought:?}: {answer:?}"));
        };
        let shown: Vec<Ucid> =
            super::answers::shown_in(&found.body, realm.org)?.iter().map(|shown| shown.ucid).collect();
        let holders: BTreeSet<Ucid> = people.holders(id).filter(|_| self.is_sought(id)).collect();
        let last = people.told.get(&id).into_iter().flatten().rev().filter_map(|tile| people.of_ucid(*tile));
        let last = last.into_iter().find(|root| holders.contains(root));
        let right = BTreeSet::from_iter(shown.iter().copied()).is_subset(&holders)
            && shown.len() == holders.len().min(limits::SHARED_FOUND)
            && (last.is_none() || shown.first().copied() == last || !self.is_in_order() || self.disturbed);
        if right { Ok(()) } else { Err(format!("{sought:?} shows {shown:?}, is shared by {holders:?}, last {last:?}")) }
    }

    /// Values that leave one day, and find somebody until then: when, and which.
    pub(crate) fn expiring(&self) -> Vec<(Ms, Realm, Sought)> {
        // Where several profiles of a person hold a value, it leaves with the last of them; one that stays is `None`.
        let mut last: BTreeMap<(Realm, Id), Option<Ms>> = BTreeMap::new();
        for ((realm, ucid), known) in self.rows.iter().filter(|_| !self.config.literal) {
            let (Some(live), Some(people)) = (known.profile.live(), self.people.get(realm)) else { continue };
            for holding in holdings(&live.tiles, &self.config.rules, self.now) {
                let found = |id: &Id| findable(&self.config, people, *id) == Some(*ucid);
                let Some(id) = id_of(holding.held).ok().filter(found) else { continue };
                let at = last.entry((*realm, id)).or_insert(Some(0));
                *at = at.zip(holding.held.expires).map(|(one, other)| one.max(other));
            }
        }
        let due = last.into_iter().filter_map(|((realm, id), at)| Some((at?, realm, Sought::Id(id))));
        let mut due: Vec<_> = due.collect();
        due.sort_unstable_by_key(|(at, ..)| *at);
        due
    }

    /// Every acknowledged write is there; what was refused for good is not.
    pub(crate) fn outcome(&self, first: usize, acknowledged: bool, refused: bool) -> Result<(), Wrong> {
        if !matches!(self.asked.get(&first).map(|asked| &asked.what), Some(Asking::Upsert { .. })) {
            return Ok(());
        }
        let done = self.committed.contains_key(&first);
        match (acknowledged, refused) {
            (true, _) if !done => Err(format!("write {first} was acknowledged, and never happened")),
            (false, true) if done => Err(format!("write {first} was refused, and happened")),
            _ => Ok(()),
        }
    }
}
