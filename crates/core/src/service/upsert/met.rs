//! Whom a value met: what makes one that too many people share a blocked one, and what administrators see of refusals.

use super::{Step, Upsert};
use crate::error::Error;
use crate::id::Ucid;
use crate::limits;
use crate::service::identity::{Alias, Lead};
use crate::service::record::Look;

impl Upsert<'_> {
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
        let new: Vec<Ucid> = people.into_iter().filter(|ucid| !lead.alias.met.contains(ucid)).collect();
        if new.is_empty() || lead.alias.blocked.is_some() {
            return Ok(Step::None);
        }
        let mut alias = Alias::clone(&lead.alias);
        let carried = &self.record.carried[by];
        alias.met.extend(new);
        if alias.met.len() > limits::SHARED_BY {
            self.identity.block(carried.identifier.kind(), carried.hash, lead.version, alias).await?;
        } else {
            self.identity.swap_alias(carried.hash, lead.version, &alias).await?;
        }
        Ok(Step::Taken)
    }
}
