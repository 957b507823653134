//! Whom a value met: what makes one that too many people share a blocked one, and what administrators see of refusals.

use super::{Step, Upsert};
use crate::error::Error;
use crate::id::Ucid;
use crate::limits;
use crate::profile::tile::RefusedLink;
use crate::service::identity::{Alias, Lead, Root};
use crate::service::record::{LeftAlone, Look};
use crate::strategy::Why;

impl Upsert<'_> {
    /// Whose profiles the record leaves alone: by this look, and by earlier ones whose value has moved since.
    pub(super) fn left_alone(&self, look: &Look) -> Vec<LeftAlone> {
        let mut all = self.so_far.left.clone();
        for refusal in &look.decision.refusals {
            let (by, other) = (refusal.by, look.people[refusal.profile].ucid);
            all.retain(|left| left.by != by);
            all.push(LeftAlone { by, other, why: refusal.why.clone() });
        }
        // A value and its hashes are one identifier, and told once.
        let same = |left: &LeftAlone| (self.record.carried[left.by].same, left.other);
        let told: Vec<_> = all.iter().map(same).collect();
        let mut places = told.iter().enumerate();
        all.retain(|left| places.next().is_some_and(|(at, _)| !told[..at].contains(&same(left))));
        all
    }

    /// Identifiers of the record that took no part because their value is blocked, each once.
    pub(super) fn blocked<'l>(&'l self, look: &'l Look) -> impl Iterator<Item = usize> + 'l {
        let same = |by: usize| self.record.carried[by].same;
        look.blocked()
            .filter(move |by| !look.blocked().take_while(|other| other < by).any(|other| same(other) == same(*by)))
    }

    /// That an identifier of the record was left out, for explain.
    pub(super) fn refused(&self, by: usize, other: Ucid, why: Why) -> RefusedLink {
        let carried = &self.record.carried[by];
        RefusedLink {
            other,
            kind: carried.identifier.kind().into(),
            identifier: carried.hash,
            why,
            request: self.write.request.clone(),
            source: self.write.source.clone(),
            at: self.identity.now(),
        }
    }

    /// Kinds of the record whose profile was left alone by rule d.
    pub(super) fn not_linked(&self, look: &Look) -> Vec<Box<str>> {
        let left = self.left_alone(look);
        self.record.kinds(left.iter().filter(|left| matches!(left.why, Why::Apart | Why::Limit)).map(|left| left.by))
    }

    /// For administrators: which links were refused that were not before. The write is done by now, so a failure here is
    /// nobody's failure; the row itself remembers them too.
    pub(super) async fn note_refusals(&self, look: &Look, before: &Root, tile: Ucid) {
        let known = before.live.tiles.get(&tile).map(|tile| tile.refused.as_slice()).unwrap_or_default();
        for left in self.left_alone(look) {
            let carried = &self.record.carried[left.by];
            if known.iter().any(|old| (old.other, old.identifier, &old.why) == (left.other, carried.hash, &left.why)) {
                continue;
            }
            let reason = format!("identity.{}", left.why.name());
            let alone = vec![(carried.identifier.kind().into(), left.other)];
            let _noted_or_lost = self.identity.note_refused(&reason, self.write, alone).await;
        }
    }

    /// Keeps count of whom an identifier was refused to join.
    pub(super) async fn note_met(&self, look: &Look) -> Result<Step, Error> {
        let Some(person) = look.person() else { return Ok(Step::None) };
        for refusal in &look.decision.refusals {
            let other = look.people[refusal.profile].ucid;
            if self.meet(refusal.by, &look.leads[refusal.by], [person.ucid, other]).await? == Step::Taken {
                return Ok(Step::Taken);
            }
        }
        Ok(Step::None)
    }

    /// Notes in an alias that its value met these profiles; beyond [`limits::SHARED_BY`] of them it is blocked.
    pub(super) async fn meet(&self, by: usize, lead: &Lead, people: [Ucid; 2]) -> Result<Step, Error> {
        let new: Vec<Ucid> = people.into_iter().filter(|ucid| !lead.alias.has_met(*ucid)).collect();
        if new.is_empty() || lead.alias.blocked.is_some() {
            return Ok(Step::None);
        }
        let mut alias = Alias::clone(&lead.alias);
        let carried = &self.record.carried[by];
        alias.met.extend(new);
        if alias.profiles() > limits::SHARED_BY {
            self.identity.block(carried.identifier.kind(), carried.hash, lead.version, alias).await?;
        } else {
            self.identity.swap_alias(carried.hash, lead.version, &alias).await?;
        }
        Ok(Step::Taken)
    }
}
