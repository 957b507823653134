//! An oracle for requests that come one after another: rules 1 to 5 of contract section 6 once more, told as plainly as
//! the contract tells them, over people as the model knows them. It shares nothing with the service but what a kind's
//! rule is.

use super::row::Content;
use super::{Check, Wrong};
use crate::config::Faults;
use crate::model::People;
use crate::ops::{Asked, Asking, Id, Realm, identifier};
use onefold_core::id::Ucid;
use onefold_core::strategy::{Class, Contested, Rule};
use std::collections::BTreeSet;

/// What a write must come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Foretold {
    /// Whose it is; `None`: a new person's.
    person: Option<Ucid>,
    /// What becomes of each identifier of the record.
    fates: Vec<(Id, Fate)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Shown,
    Former,
    Elsewhere,
}

struct Case<'a> {
    check: &'a Check,
    people: &'a People,
    realm: Realm,
    ids: Vec<Id>,
    ucid: Option<Ucid>,
    /// Who is the person, and who has merged into them.
    joined: BTreeSet<Ucid>,
    /// Whose profile was left alone, and by which identifier.
    alone: Vec<(Id, Ucid)>,
}

impl Check {
    /// Foretells what a write that begins now must come to, if nothing comes in between.
    pub(super) fn foretell(&mut self, asked: &Asked) {
        let Asking::Upsert { plan, ucid, .. } = &asked.what else { return };
        if self.config.literal || !self.is_in_order() {
            return;
        }
        let none = People::default();
        let people = self.people.get(&asked.realm).unwrap_or(&none);
        if self.refuses(asked.realm, &plan.ids) || self.nothing_usable(asked.realm, &plan.ids) {
            return;
        }
        let takes_part = |id: &Id| !self.is_blocked(*id) && !self.may_be_suppressed(asked.realm, *id);
        let ids = plan.ids.iter().copied().filter(takes_part).collect();
        let ucid = ucid.and_then(|ucid| people.of_ucid(ucid));
        let (joined, alone) = (BTreeSet::from_iter(ucid), Vec::new());
        let case = Case { check: self, people, realm: asked.realm, ids, ucid, joined, alone };
        let foretold = case.decide();
        self.foretold.insert(asked.first, foretold);
    }

    /// Whether one request comes after another and nothing goes wrong, so that what happened first is what was asked first.
    pub(super) fn is_in_order(&self) -> bool {
        let Faults { die, stop, refuse, forget, lose, late, read_fails, .. } = self.config.faults;
        self.config.at_once == 1 && die + stop + refuse + forget + lose + late + read_fails == 0.0
    }

    /// That a write came to what was foretold.
    pub(super) fn matches_what_was_foretold(
        &self,
        realm: Realm,
        root: Ucid,
        seen: &Content,
        first: usize,
    ) -> Result<(), Wrong> {
        let Some(foretold) = self.foretold.get(&first) else { return Ok(()) };
        let known =
            self.people.get(&realm).is_some_and(|people| people.persons.get(&root).is_some_and(|p| !p.is_blank()));
        match foretold.person {
            Some(person) if person != root => return Err(format!("it is {person:?}'s by the contract")),
            None if known => return Err("it is a new person's by the contract".into()),
            _ => {}
        }
        for (id, fate) in &foretold.fates {
            let is = match (seen.ids.contains_key(id), seen.former.contains_key(id)) {
                (true, _) => Fate::Shown,
                (_, true) => Fate::Former,
                _ => Fate::Elsewhere,
            };
            if is != *fate {
                return Err(format!("identifier {id} is {is:?}, by the contract {fate:?}"));
            }
        }
        Ok(())
    }

    fn are_apart(&self, realm: Realm, one: Ucid, other: Ucid) -> bool {
        let (Some(one), Some(other)) = (self.live(realm, one), self.live(realm, other)) else { return false };
        let meets = |a: &onefold_core::profile::Live, b: &onefold_core::profile::Live| {
            a.tiles.values().any(|tile| tile.apart.iter().any(|apart| b.tiles.contains_key(apart)))
        };
        meets(one, other) || meets(other, one)
    }
}

impl Case<'_> {
    fn rule(&self, id: Id) -> Rule {
        self.check.rule_of(id)
    }

    fn kind(&self, id: Id) -> Box<str> {
        identifier(id, self.check.kinds).kind().into()
    }

    /// What comes first in the list comes first: class, priority, place, the name of the kind.
    fn place(&self, id: Id) -> (Class, u8, u16, Box<str>) {
        let rule = self.rule(id);
        (rule.class, rule.priority, rule.place, self.kind(id))
    }

    fn decide(mut self) -> Foretold {
        let of = |class| self.ids.iter().copied().filter(|id| self.rule(*id).class == class).collect::<Vec<Id>>();
        let (primaries, secondaries) = (of(Class::Primary), of(Class::Secondary));
        let no_primary = primaries.is_empty();
        let mut looked = if no_primary { secondaries } else { primaries };
        looked.sort_by_key(|id| self.place(*id));
        let held_by_ucid = self.ucid.and_then(|ucid| self.shown(ucid).map(|id| self.rule(id).rank()).min());
        let best = looked.iter().map(|id| self.rule(*id).rank()).chain(held_by_ucid).min();
        for id in looked.clone() {
            let Some(to) = self.leads(id).filter(|to| self.shows(*to, id) && !self.joined.contains(to)) else {
                continue;
            };
            if self.left_alone(id, to, best, no_primary) {
                self.alone.push((id, to));
            } else {
                self.joined.insert(to);
            }
        }
        if self.joined.is_empty() {
            let formers: BTreeSet<Option<Ucid>> = looked.iter().map(|id| self.former_of(*id)).collect();
            if let [Some(of)] = Vec::from_iter(formers)[..] {
                self.joined.insert(of);
            }
        }
        let mut fates: Vec<(Id, Fate)> = Vec::new();
        let mut order = self.ids.clone();
        order.sort_by_key(|id| self.place(*id));
        for id in order {
            fates.push((id, self.fate(id, &fates)));
        }
        Foretold { person: self.joined.first().copied(), fates }
    }

    fn leads(&self, id: Id) -> Option<Ucid> {
        if self.rule(id).class == Class::Primary {
            return self.people.holders(id).next();
        }
        let told = self.people.told.get(&id)?.iter().rev();
        told.filter_map(|tile| self.people.of_ucid(*tile)).find(|root| self.shows(*root, id))
    }

    fn shows(&self, root: Ucid, id: Id) -> bool {
        self.people.persons.get(&root).is_some_and(|person| person.ids.contains_key(&id))
    }

    fn shown(&self, root: Ucid) -> impl Iterator<Item = Id> + '_ {
        self.people.persons.get(&root).into_iter().flat_map(|person| person.ids.keys().copied())
    }

    fn former_of(&self, id: Id) -> Option<Ucid> {
        self.people.persons.iter().find(|(_, person)| person.former.contains_key(&id)).map(|(root, _)| *root)
    }

    /// Rule 2: a to d.
    fn left_alone(&self, id: Id, to: Ucid, best: Option<(Class, u8)>, no_primary: bool) -> bool {
        let rank = self.rule(id).rank();
        if best.is_some_and(|best| best < rank) && self.shown(to).any(|held| self.rule(held).rank() < rank) {
            return true;
        }
        for held in self.shown(to).filter(|held| self.rule(*held).keep == Some(1)) {
            let of_kind = |other: &Id| self.kind(*other) == self.kind(held) && *other != held;
            if self.joined.iter().flat_map(|person| self.shown(*person)).any(|other| of_kind(&other)) {
                return true;
            }
            let stays = |other: &Id| {
                let rule = self.rule(*other);
                let alone = self.alone.iter().any(|(alone, _)| alone == other);
                alone && rule.class == Class::Primary && rule.contested == Contested::Stay
            };
            if let Some(carried) = self.ids.iter().find(|other| of_kind(other) && !stays(other)) {
                let replaces = self.joined.is_empty() && self.place(id) < self.place(*carried);
                if !replaces {
                    return true;
                }
            }
        }
        if self.joined.is_empty() {
            return false;
        }
        let has_primary = |of: Ucid| self.shown(of).any(|held| self.rule(held).class == Class::Primary);
        if no_primary && has_primary(to) && self.joined.iter().any(|of| has_primary(*of)) {
            return true;
        }
        self.joined.iter().any(|of| self.check.are_apart(self.realm, *of, to))
    }

    /// Rules 4 and 5.
    fn fate(&self, id: Id, before: &[(Id, Fate)]) -> Fate {
        let rule = self.rule(id);
        let holder = self.people.holders(id).next();
        let (Class::Primary, Some(holder)) = (rule.class, holder) else { return Fate::Shown };
        let former = self.former_of(id).is_some();
        if self.joined.contains(&holder) {
            let current = |other: &Id| {
                let to = self.leads(*other).filter(|to| self.shows(*to, *other) && self.joined.contains(to));
                to.is_some() && self.rule(*other).class == Class::Primary && self.place(*other) < self.place(id)
            };
            let by_ucid = self.ucid.and_then(|ucid| self.shown(ucid).map(|held| self.place(held)).min());
            let restored = self.ids.iter().any(current) || by_ucid.is_some_and(|best| best < self.place(id));
            return if former && !restored { Fate::Former } else { Fate::Shown };
        }
        if former {
            return Fate::Shown;
        }
        let split = self.joined.iter().any(|of| self.check.are_apart(self.realm, *of, holder));
        let moved = |held: &Id| before.iter().any(|(other, fate)| other == held && *fate == Fate::Shown);
        let all_there_is = self.shown(holder).all(|held| held == id || moved(&held));
        match rule.contested {
            Contested::Move if !all_there_is || split => Fate::Shown,
            _ => Fate::Elsewhere,
        }
    }
}
