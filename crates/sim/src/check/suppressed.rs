//! What a delete for good forbids: no write that began after it was acknowledged brings one of the person's identifiers
//! back, and a primary one is brought back by no write at all that comes after the moment of deletion; until somebody lifts
//! that.
//!
//! Two sets stand for what cannot be known in between: what is surely forbidden, from the moment of deletion until a lift
//! begins, and what may be, until a lift is acknowledged.

use super::watch::Watch;
use super::{Check, Wrong};
use crate::ops::{Asked, Asking, Id, Realm};
use onefold_core::error::Code;
use onefold_core::id::Ucid;
use onefold_core::profile::{Erased, Profile};
use onefold_core::strategy::Class;
use onefold_core::tables::RowHash;
use std::collections::{BTreeMap, BTreeSet};

/// What is forbidden.
#[derive(Default)]
pub(crate) struct Suppressed {
    /// Surely.
    surely: BTreeSet<(Realm, Id)>,
    /// Perhaps.
    perhaps: BTreeSet<(Realm, Id)>,
    /// Surely, and the delete that asked for it has been acknowledged.
    told: BTreeSet<(Realm, Id)>,
    /// What each delete forbade.
    by: BTreeMap<usize, BTreeSet<(Realm, Id)>>,
    /// Lifts under way, and whether what they lift may be forbidden again by what is not over yet.
    lifts: BTreeMap<usize, (Realm, Id, bool)>,
}

impl Check {
    /// A person was erased for good.
    pub(super) fn suppresses(
        &mut self,
        realm: Realm,
        first: usize,
        listed: &BTreeSet<Id>,
        erased: &Erased,
    ) -> Result<(), Wrong> {
        let named: BTreeSet<RowHash> =
            erased.suppress.iter().flat_map(|one| one.writings.iter().map(|(_, hash)| *hash)).collect();
        for id in listed {
            if self.hash(realm, *id).is_some_and(|hash| !named.contains(&hash)) {
                return Err(format!("erased for good, and identifier {id} is not named"));
            }
            let place = (realm, *id);
            self.suppressed.perhaps.insert(place);
            let mut lifted = false;
            for lift in self.suppressed.lifts.values_mut().filter(|lift| (lift.0, lift.1) == place) {
                (lift.2, lifted) = (true, true);
            }
            if !lifted {
                self.suppressed.surely.insert(place);
                self.suppressed.by.entry(first).or_default().insert(place);
            }
        }
        Ok(())
    }

    /// An operation begins.
    pub(super) fn begins_under(&mut self, op: usize, asked: &Asked, watch: &mut Watch) {
        match &asked.what {
            Asking::Upsert { plan, .. } => {
                let told = |id: &Id| self.suppressed.told.contains(&(asked.realm, *id));
                watch.forbidden = plan.ids.iter().copied().filter(told).collect();
            }
            Asking::Allow(id) => {
                let place = (asked.realm, *id);
                let open = self.is_half_done(asked.realm, *id);
                self.suppressed.surely.remove(&place);
                self.suppressed.told.remove(&place);
                for ids in self.suppressed.by.values_mut() {
                    ids.remove(&place);
                }
                self.suppressed.lifts.insert(op, (asked.realm, *id, open));
                for other in self.watches.values_mut().filter(|other| other.realm == asked.realm) {
                    other.forbidden.remove(id);
                }
            }
            _ => {}
        }
    }

    /// Whether somebody was erased for good under an identifier, and that is not noted everywhere yet.
    fn is_half_done(&self, realm: Realm, id: Id) -> bool {
        let Some(hash) = self.hash(realm, id) else { return false };
        let names = |erased: &Erased| erased.suppress.iter().any(|one| one.writings.iter().any(|w| w.1 == hash));
        let open = |profile: &Profile| matches!(profile, Profile::Erased(erased) if names(erased));
        self.rows.iter().any(|((of, _), known)| *of == realm && open(&known.profile))
    }

    /// A delete was acknowledged.
    pub(super) fn told_suppressed(&mut self, first: usize) {
        let by = self.suppressed.by.get(&first).into_iter().flatten();
        self.suppressed.told.extend(by.filter(|place| self.suppressed.surely.contains(place)).copied());
    }

    /// A lift is over, acknowledged or not.
    pub(super) fn lift_ends(&mut self, op: usize, acknowledged: bool) {
        let Some((realm, id, open)) = self.suppressed.lifts.remove(&op) else { return };
        if acknowledged && !open {
            self.suppressed.perhaps.remove(&(realm, id));
        }
    }

    /// Whether an identifier may not be written at this moment, as far as is known.
    pub(super) fn may_be_suppressed(&self, realm: Realm, id: Id) -> bool {
        self.suppressed.perhaps.contains(&(realm, id))
    }

    /// A write brings identifiers to somebody who had not got them.
    pub(super) fn brings_nobody_back(&self, realm: Realm, ids: &[Id], new: &BTreeMap<Id, Ucid>) -> Result<(), Wrong> {
        let watch = self.watches.get(&self.sender);
        for id in ids {
            let forbidden = watch.is_some_and(|watch| watch.forbidden.contains(id));
            let primary = self.rule_of(*id).is_primary();
            let back = new.contains_key(id)
                && (forbidden || primary && self.suppressed.surely.contains(&(realm, *id)))
                && !self.is_blocked(*id);
            if back || forbidden && primary && !self.is_blocked(*id) {
                return Err(format!("it carries identifier {id}, which was deleted for good"));
            }
        }
        Ok(())
    }

    /// What of a record is left at this moment, where identifiers that are not primary may be left out.
    pub(super) fn nothing_usable(&self, realm: Realm, ids: &[Id]) -> bool {
        let usable = |id: &Id| {
            let rule = self.rule_of(*id);
            let left_out = self.may_be_suppressed(realm, *id) && !rule.is_primary();
            !self.is_blocked(*id) && rule.class != Class::Disabled && !left_out
        };
        !ids.iter().any(usable)
    }

    /// Whether a record may be refused at this moment for what it carries.
    pub(super) fn refuses(&self, realm: Realm, ids: &[Id]) -> bool {
        let refused =
            |id: &Id| self.may_be_suppressed(realm, *id) && self.rule_of(*id).is_primary() && !self.is_blocked(*id);
        ids.iter().any(refused)
    }

    /// What a write of each identifier alone must be refused with at rest; `None` if it must not, and not there if that
    /// cannot be known.
    pub(crate) fn refusals(&self, identifiers: usize) -> Vec<(Realm, Id, Option<Code>)> {
        let all = self.people.keys().flat_map(|realm| (0..identifiers).map(move |id| (*realm, id as Id)));
        let refusal = |(realm, id): (Realm, Id)| {
            let rule = self.rule_of(id);
            let (surely, perhaps) = (&self.suppressed.surely, &self.suppressed.perhaps);
            let code = if self.is_blocked(id) || rule.class == Class::Disabled {
                Some(Code::NoUsableIdentifier)
            } else if surely.contains(&(realm, id)) {
                Some(if rule.is_primary() { Code::Suppressed } else { Code::NoUsableIdentifier })
            } else if perhaps.contains(&(realm, id)) {
                return None;
            } else {
                None
            };
            Some((realm, id, code))
        };
        all.filter_map(refusal).collect()
    }

    /// The administrators' list names what is forbidden and nothing else.
    pub(crate) fn lists(&self, realm: Realm, names: &BTreeSet<RowHash>) -> Result<(), Wrong> {
        let hashes = |set: &BTreeSet<(Realm, Id)>| -> BTreeSet<RowHash> {
            let here = set.iter().filter(|(of, _)| *of == realm);
            here.filter_map(|(_, id)| self.hash(realm, *id)).collect()
        };
        if !names.is_superset(&hashes(&self.suppressed.surely)) {
            return Err("something is suppressed that is not listed".into());
        }
        if !names.is_subset(&hashes(&self.suppressed.perhaps)) {
            return Err("something is listed that is not suppressed".into());
        }
        Ok(())
    }

    /// From now on the harness writes, and nothing is followed any more.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether a profile is that of somebody who was deleted.
    pub(crate) fn is_dead(&self, realm: Realm, ucid: Ucid) -> bool {
        self.people.get(&realm).is_some_and(|people| people.dead.contains(&ucid))
    }
}
