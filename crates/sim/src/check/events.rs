//! What may become of a profile row, and what each change means for the people.
//!
//! | Row before | Row after | Means |
//! |---|---|---|
//! | none, live | live, with one more mark | the write of that mark happened |
//! | none, live | live, otherwise | nothing: a step was taken |
//! | none, live | sealed | two people became one |
//! | sealed | forward | nothing: the winner has it all |
//! | redirect | live | some profiles left a person (`split`) |
//! | redirect | redirect | nothing: it leads to who left |
//! | live | erased | a person was erased |

use super::row::Content;
use super::{Check, Known, Wrong};
use crate::model::{Person, Write};
use crate::ops::{Asking, Condition, Id, Realm, Sought};
use onefold_core::id::Ucid;
use onefold_core::profile::{Erased, Live, Pending, Profile, Sealed};
use onefold_core::time::Ms;
use std::collections::{BTreeMap, BTreeSet};

/// How far a node's clock may be ahead, in milliseconds; what the schedule never exceeds.
const AHEAD: Ms = 10_000;

impl Check {
    /// A row was written over another.
    pub(super) fn changes(
        &mut self,
        realm: Realm,
        ucid: Ucid,
        old: Option<&Known>,
        new: &Profile,
    ) -> Result<(), Wrong> {
        if old.is_none() {
            self.people_of(realm).born(ucid);
        }
        match (old.map(|known| &known.profile), new) {
            (None | Some(Profile::Live(_)), Profile::Live(live)) => self.live_row(realm, ucid, old, live),
            (None, Profile::Sealed(sealed)) => self.seal(realm, ucid, None, sealed),
            (Some(Profile::Live(live)), Profile::Sealed(sealed)) => self.seal(realm, ucid, Some(live), sealed),
            (Some(Profile::Sealed(sealed)), Profile::Forward(forward)) => {
                let winner = self.live(realm, sealed.to).ok_or("redirected to a row that is not live")?;
                let has_all = sealed.tiles.keys().all(|tile| winner.tiles.contains_key(tile));
                let same = sealed.to == forward.to;
                if has_all && same { Ok(()) } else { Err("dropped before the winner had it".into()) }
            }
            (Some(Profile::Forward(_)), Profile::Live(live)) => self.part(realm, ucid, live),
            (Some(Profile::Forward(_)), Profile::Forward(forward)) => self.led_to_who_left(realm, ucid, forward.to),
            (Some(Profile::Live(live)), Profile::Erased(erased)) => self.erase(realm, ucid, live, erased),
            (Some(Profile::Erased(old)), Profile::Erased(new)) if old.deletion == new.deletion && old.at == new.at => {
                Ok(())
            }
            (old, new) => Err(format!("became {} from {:?}", state(new), old.map(state))),
        }
    }

    fn live_row(&mut self, realm: Realm, ucid: Ucid, old: Option<&Known>, live: &Live) -> Result<(), Wrong> {
        let seen = self.visible(realm, ucid, live)?;
        let known = self.people_of(realm).persons.get(&ucid).map(Person::marks).unwrap_or_default();
        let new: Vec<usize> = seen.marks.keys().copied().filter(|mark| !known.contains(mark)).collect();
        match new.as_slice() {
            [] => {}
            [first] => {
                self.write(realm, ucid, *first, old, &seen).map_err(|wrong| format!("write {first}: {wrong}"))?
            }
            several => return Err(format!("marks {several:?} came at once")),
        }
        self.is_as_known(realm, ucid, &seen, live)
    }

    pub(super) fn is_as_known(&mut self, realm: Realm, ucid: Ucid, seen: &Content, live: &Live) -> Result<(), Wrong> {
        let literal = self.config.literal;
        let person = self.people_of(realm).persons.entry(ucid).or_default();
        if literal {
            seen.is(person)?;
        } else {
            seen.says_as(person)?;
            (person.ids, person.former) = (seen.ids.clone(), seen.former.clone());
        }
        self.invariants(realm, ucid, live)?;
        let tiles = self.visible_tiles(realm, ucid, live);
        let person = self.people_of(realm).persons.entry(ucid).or_default();
        match tiles.keys().find(|tile| !person.tiles.contains(tile) || **tile < ucid) {
            Some(tile) => Err(format!("holds the profile {tile:?}, which it must not")),
            None => Ok(()),
        }
    }

    /// A write happens.
    fn write(
        &mut self,
        realm: Realm,
        root: Ucid,
        first: usize,
        old: Option<&Known>,
        seen: &Content,
    ) -> Result<(), Wrong> {
        let (tile, stamp) = seen.marks[&first];
        let asked = self.asked.get(&first).ok_or("nobody asked for it")?.clone();
        let Asking::Upsert { plan, ucid, timestamp, etag } = &asked.what else {
            return Err("it was not a write that was asked for".into());
        };
        if asked.realm != realm {
            return Err(format!("it was asked for in {:?}", asked.realm));
        }
        self.happens_once(realm, first, plan.key)?;
        if old.is_some_and(|known| known.profile.live().is_some_and(Live::is_busy)) {
            return Err("it came to a row at which something was under way".into());
        }
        let before = self.people_of(realm).persons.get(&root).cloned().unwrap_or_default();
        if self.config.literal {
            self.is_their_person(realm, root, &plan.ids, *ucid)?;
            self.is_their_tile(&before, root, tile, &plan.ids, *ucid)?;
        } else {
            self.fits_the_strategy(realm, root, tile, &before, seen, first)?;
        }
        let attached: Vec<Id> =
            plan.ids.iter().copied().filter(|id| seen.ids.contains_key(id) && self.rule_of(*id).is_primary()).collect();
        self.is_its_stamp(realm, &before, stamp, *timestamp, &attached)?;
        // What has left since the row was written is not in the ETag that a reader was given.
        let left = |live: &Live| {
            live.tiles.values().flat_map(|tile| &tile.identifiers).any(|held| held.is_expired(self.now + AHEAD))
        };
        let stale = old.is_some_and(|known| known.profile.live().is_some_and(left));
        holds(plan.condition, &before, old, etag.filter(|_| !stale))?;
        let new: BTreeMap<Id, Ucid> =
            seen.ids.iter().filter(|(id, _)| !before.ids.contains_key(id)).map(|(id, tile)| (*id, *tile)).collect();
        if let Some(id) = new.keys().find(|id| !plan.ids.contains(id) && before.holds(**id).is_none()) {
            return Err(format!("it brought identifier {id}, which its record does not carry"));
        }
        let missing = plan.ids.iter().find(|id| self.config.literal && !seen.ids.contains_key(id));
        if let Some(id) = missing.filter(|_| !self.may_stay(realm, root, first)) {
            return Err(format!("identifier {id} of its record was not attached"));
        }
        self.brings_nobody_back(realm, &plan.ids, &new)?;
        self.was_told(realm, tile, &plan.ids, seen);
        self.people_of(realm).write(root, Write { op: first, stamp, tile }, new);
        Ok(())
    }

    /// Neither the write itself nor another under its idempotency key has happened before.
    fn happens_once(&mut self, realm: Realm, first: usize, key: Option<usize>) -> Result<(), Wrong> {
        if let Some(before) = self.committed.insert(first, self.sender) {
            return Err(format!("it happens again, the first time through {before}"));
        }
        match key.and_then(|key| self.keys.insert((realm.org, key), first)) {
            Some(other) => Err(format!("its idempotency key was used by {other} before")),
            None => Ok(()),
        }
    }

    /// Through which profiles each identifier of a write was communicated last.
    fn was_told(&mut self, realm: Realm, tile: Ucid, ids: &[Id], seen: &Content) {
        let left_out: Vec<Id> = ids.iter().copied().filter(|id| self.may_be_suppressed(realm, *id)).collect();
        let people = self.people_of(realm);
        for id in ids.iter().filter(|id| !left_out.contains(id)) {
            if let Some(held) = seen.ids.get(id) {
                // The write's own profile, if that held it before; the row shows the first of several.
                let own = Some(&tile).filter(|tile| people.told.get(id).is_some_and(|told| told.contains(tile)));
                let tile = own.unwrap_or(held);
                let told = people.told.entry(*id).or_default();
                told.retain(|other| other != tile);
                told.push(*tile);
            }
        }
    }

    /// By the literal rule: all that the record names has become this person by now.
    fn is_their_person(&mut self, realm: Realm, root: Ucid, ids: &[Id], ucid: Option<Ucid>) -> Result<(), Wrong> {
        let people = self.people_of(realm);
        let others: BTreeSet<Ucid> =
            ids.iter().filter_map(|id| people.of_id(*id)).filter(|person| *person != root).collect();
        if !others.is_empty() && !self.split.contains_key(&realm) {
            return Err(format!("its record names {others:?} too"));
        }
        let people = self.people_of(realm);
        match ucid.map(|ucid| people.of_ucid(ucid)) {
            Some(person) if person != Some(root) => Err(format!("its ucid means {person:?}")),
            _ => Ok(()),
        }
    }

    /// The profile that its UCID names, or the first created of those that hold its identifiers, or a new one.
    fn is_their_tile(
        &self,
        before: &Person,
        root: Ucid,
        tile: Ucid,
        ids: &[Id],
        ucid: Option<Ucid>,
    ) -> Result<(), Wrong> {
        let holds = ids.iter().filter_map(|id| before.ids.get(id)).min().copied();
        let right = ucid.or(holds).unwrap_or(root);
        if tile != right {
            return Err(format!("it went to the profile {tile:?}, should go to {right:?}"));
        }
        if ucid.is_none() && holds.is_none() && !before.is_blank() {
            return Err("its record names nobody, and it went to somebody".into());
        }
        Ok(())
    }

    fn is_its_stamp(
        &mut self,
        realm: Realm,
        before: &Person,
        stamp: Ms,
        given: Option<Ms>,
        ids: &[Id],
    ) -> Result<(), Wrong> {
        let now = self.now;
        let people = self.people_of(realm);
        let erased = ids.iter().filter_map(|id| people.erased.get(id)).max().copied().unwrap_or(0);
        if stamp <= erased {
            return Err("it is not later than an erasure of its identifiers".into());
        }
        match given {
            Some(given) if stamp != given => Err(format!("its stamp is {stamp}, given was {given}")),
            None if stamp <= before.newest() => Err("the server's stamp is not newer than all that is there".into()),
            None if stamp > (now + AHEAD).max(before.newest() + 1).max(erased + 1) => {
                Err(format!("the server's stamp {stamp} is far ahead of {now}"))
            }
            _ => Ok(()),
        }
    }

    /// Two people become one.
    fn seal(&mut self, realm: Realm, loser: Ucid, old: Option<&Live>, sealed: &Sealed) -> Result<(), Wrong> {
        let winner = sealed.to;
        if winner >= loser {
            return Err(format!("the first created survives, not {winner:?}"));
        }
        if old.is_some_and(|old| old.is_busy() || old.tiles != sealed.tiles) {
            return Err("sealed with something other than it had".into());
        }
        let row = self.live(realm, winner).ok_or("sealed to a row that is not live")?;
        let pending = row.pending.clone().filter(|pending| pending.loser == loser);
        let pending = pending.ok_or("sealed to a row that does not intend it")?;
        let live = row.clone();
        self.is_meant(realm, winner, loser, &pending)?;
        self.people_of(realm).link(winner, loser);
        let seen = self.visible(realm, winner, &live)?;
        self.is_as_known(realm, winner, &seen, &live)
    }

    /// That the record for which they are joined names both.
    fn is_meant(&mut self, realm: Realm, winner: Ucid, loser: Ucid, pending: &Pending) -> Result<(), Wrong> {
        let first: usize = pending.fact.request.parse().map_err(|_| "linked for no request")?;
        let (plan, asking) = self.upsert_of(first).ok_or("linked for what is not a write")?;
        let (ids, condition) = (plan.ids.clone(), plan.condition);
        let Asking::Upsert { ucid, .. } = *asking else { return Err("linked for what is not a write".into()) };
        self.links.push(first);
        if !self.config.literal {
            let conditional = condition != Condition::None;
            self.may_meet(realm, winner, loser).map_err(|wrong| format!("linked for {first}, but {wrong}"))?;
            return if conditional { Err(format!("linked for {first}, which is conditional")) } else { Ok(()) };
        }
        let people = self.people_of(realm);
        let named: BTreeSet<Ucid> =
            ids.iter().filter_map(|id| people.of_id(*id)).chain(ucid.and_then(|ucid| people.of_ucid(ucid))).collect();
        let blank = |root: Ucid| people.persons.get(&root).is_none_or(Person::is_blank);
        if let Some(other) = [winner, loser].into_iter().find(|root| !named.contains(root) && !blank(*root)) {
            return Err(format!("linked for {first}, whose record does not name {other:?}"));
        }
        if condition != Condition::None {
            return Err(format!("linked for {first}, which is conditional"));
        }
        Ok(())
    }

    /// A person is erased.
    fn erase(&mut self, realm: Realm, root: Ucid, old: &Live, erased: &Erased) -> Result<(), Wrong> {
        let Some(first) = self.deletions.get(&erased.deletion).copied() else {
            return self.erase_unasked(realm, root, old, erased);
        };
        let asked = self.asked.get(&first).ok_or("erased by nobody")?.clone();
        let Asking::Delete(sought, _, for_good) = &asked.what else {
            return Err("erased by what is not a delete".into());
        };
        let people = self.people_of(realm);
        let person = people.persons.get(&root).cloned().unwrap_or_default();
        // Also what had expired is listed, and tells whose it was.
        let held = old.tiles.values().flat_map(|tile| &tile.identifiers);
        let listed: BTreeSet<Id> = held.map(super::row::id_of).collect::<Result<_, _>>()?;
        let means = |sought: &Sought| match sought {
            Sought::Id(id) => person.holds(*id).is_some() || listed.contains(id),
            Sought::Ucid(ucid) => person.tiles.contains(ucid),
        };
        let places: Vec<usize> = (0..sought.len()).filter(|place| means(&sought[*place])).collect();
        if asked.realm != realm || places.is_empty() {
            return Err(format!("erased by {first}, which does not mean this person"));
        }
        if erased.at < person.newest() {
            return Err("erased at a moment before the last that was said".into());
        }
        let gone = people.erase(root, erased.at);
        for id in &listed {
            let last = people.erased.entry(*id).or_default();
            *last = erased.at.max(*last);
        }
        if *for_good {
            let found = sought.iter().filter_map(|sought| if let Sought::Id(id) = sought { Some(*id) } else { None });
            let found: Vec<Id> = found.filter(|id| gone.holds(*id).is_some()).collect();
            self.suppresses(realm, first, &listed.iter().copied().chain(found).collect(), erased)?;
        } else if !erased.suppress.is_empty() {
            return Err("erased for good, and nobody asked for that".into());
        }
        self.erasers.insert(self.sender);
        self.erased_by.extend(gone.ids.keys().chain(gone.former.keys()).map(|id| ((realm, *id), first)));
        self.erased.extend(gone.marks());
        let done = self.erasures.entry(first).or_default();
        for place in places {
            done.entry(place).or_default().insert(root);
        }
        let listed: BTreeSet<_> = erased.aliases.iter().copied().collect();
        let wanted: BTreeSet<_> =
            gone.ids.keys().chain(gone.former.keys()).filter_map(|id| self.hash(realm, *id)).collect();
        let tiles: BTreeSet<Ucid> = erased.tiles.iter().copied().collect();
        if old.pending.is_none()
            && (!listed.is_superset(&wanted) || !gone.tiles.iter().all(|tile| tiles.contains(tile)))
        {
            return Err("erased without remembering all that is to be cleaned".into());
        }
        Ok(())
    }
}

fn holds(condition: Condition, before: &Person, old: Option<&Known>, etag: Option<u64>) -> Result<(), Wrong> {
    let right = match condition {
        Condition::None => true,
        Condition::Exists => !before.is_blank(),
        Condition::Absent => before.is_blank(),
        Condition::EtagOf(_) => etag.is_none_or(|etag| old.is_some_and(|known| known.etag == etag)),
    };
    if right { Ok(()) } else { Err(format!("its precondition {condition:?} does not hold")) }
}

fn state(profile: &Profile) -> &'static str {
    match profile {
        Profile::Live(_) => "live",
        Profile::Sealed(_) => "sealed",
        Profile::Forward(_) => "a redirect",
        Profile::Erased(_) => "erased",
    }
}
