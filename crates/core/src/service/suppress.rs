//! Suppression: identifiers of deleted people that may not be written again, until an administrator lifts that (contract
//! section 7). Only keyed hashes of them are kept.
//!
//! A delete that suppresses says so in the very write that is the moment of deletion: the erased row names what is
//! suppressed. From then on no record can carry one of the person's identifiers to anybody, for each leads to that row.
//! Cleaning up then notes every identifier in the administrators' list, marks its alias, and only then forgets it in the
//! erased row; the delete is acknowledged after that. What an identifier is worth (is its kind primary? of a device?) is
//! judged when somebody writes it, by the strategy of that moment.

use super::fetch::Sought;
use super::identity::{Alias, Identity, Root, Tombstone};
use super::{Service, Tenant};
use crate::defect::Defect;
use crate::error::{Code, Error};
use crate::id::{Identifier, OrgId, Region, Ucid};
use crate::limits;
use crate::profile::{Erased, Profile, Suppressing};
use crate::records::{Record, unchanged};
use crate::store::{Guard, Outcome};
use crate::tables::{self, RowHash, Sort};
use crate::time::Ms;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An identifier that may not be written again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// Where.
    pub region: Region,
    /// The kind whose rule it follows.
    pub kind: Box<str>,
    /// The kind of each of its writings, and what stands for it.
    pub writings: Vec<(Box<str>, RowHash)>,
    /// When, by the clock of the node that deleted the person.
    pub at: Ms,
    /// The delete that asked for it; of several the last.
    pub deletion: u128,
    /// The person who was deleted.
    pub ucid: Ucid,
}

impl Record for Suppression {}

impl Identity<'_> {
    /// What a delete of this person by this value suppresses: every identifier that their profiles list, former values and
    /// those that have expired among them, with all that derives from them now, and the value by which they were found.
    pub(crate) fn suppressing(&self, root: &Root, sought: &Sought) -> Vec<Suppressing> {
        let mut all: BTreeMap<RowHash, BTreeMap<RowHash, Box<str>>> = BTreeMap::new();
        let mut add = |same: RowHash, identifier: &Identifier| {
            let writings = all.entry(same).or_default();
            writings.insert(self.hash(identifier), identifier.kind().into());
        };
        for held in root.live.tiles.values().flat_map(|tile| &tile.identifiers) {
            add(held.same, &held.identifier);
            self.rules.expand(&held.identifier).iter().for_each(|writing| add(held.same, writing));
        }
        if let Sought::Identifier(identifier) = sought {
            let same = self.hash(&self.rules.canonical(identifier));
            self.rules.expand(identifier).iter().for_each(|writing| add(same, writing));
        }
        all.into_iter().map(|(same, writings)| self.suppressed_as(same, writings)).collect()
    }

    fn suppressed_as(&self, same: RowHash, writings: BTreeMap<RowHash, Box<str>>) -> Suppressing {
        let mut writings: Vec<_> = writings.into_iter().map(|(hash, kind)| (kind, hash)).collect();
        // The value itself first.
        writings.sort_by_key(|(kind, _)| (*self.rules.family(kind) != **kind, kind.clone()));
        let kind = writings.first().map_or("", |(kind, _)| self.rules.family(kind)).into();
        Suppressing { same, kind, writings }
    }

    /// Notes an identifier in the administrators' list, before its aliases are marked: nothing is suppressed for good that
    /// they do not see. As with the aliases, the row that says so is read last.
    pub(crate) async fn list_suppressed(&self, ucid: Ucid, erased: &Erased, one: &Suppressing) -> Result<(), Error> {
        let (key, records) = (tables::suppression(self.org, one.same), &self.service.records);
        for _ in 0..limits::ROUNDS {
            let (version, before) = records.read::<Suppression>(&key).await?.unzip();
            let mut writings = one.writings.clone();
            let known = before.iter().flat_map(|before| &before.writings);
            writings.extend(known.filter(|known| !one.writings.contains(known)).cloned());
            let (region, kind) = (self.region, one.kind.clone());
            let now = Suppression { region, kind, writings, at: erased.at, deletion: erased.deletion, ucid };
            if before.as_ref() == Some(&now) || !self.is_suppressing(ucid).await? {
                return Ok(());
            }
            if records.swap(&key, unchanged(version), now.encode()).await?.is_done() {
                return Ok(());
            }
        }
        Err(Code::Contention.into())
    }

    /// An alias as it is after a person was erased: theirs no longer, and marked where its identifier is suppressed.
    /// `None` where it is so already.
    pub(crate) fn entombed(&self, hash: RowHash, alias: &Alias, erased: &Erased, stone: Tombstone) -> Option<Alias> {
        let mut entombed = alias.clone();
        entombed.owners.retain(|owner| !erased.tiles.contains(owner));
        if entombed.owners != alias.owners {
            entombed.erased = Some(stone);
        }
        if !self.service.has(Defect::EraseWithoutSuppressing) {
            let new: Vec<RowHash> =
                erased.suppresses(hash).filter(|same| !entombed.suppressed.contains(same)).collect();
            entombed.suppressed.extend(new);
        }
        (entombed != *alias).then_some(entombed)
    }

    /// Whether an erased row still has identifiers to mark: who comes late must not mark what was lifted meanwhile.
    pub(crate) async fn is_suppressing(&self, ucid: Ucid) -> Result<bool, Error> {
        Ok(matches!(self.row(ucid).await?.1, Profile::Erased(erased) if !erased.cleaned))
    }

    /// Takes one suppression from an alias, and says whether it was there. An alias of which nothing is left goes with the
    /// erased row, or where that is gone.
    async fn unsuppress(&self, hash: RowHash, same: RowHash, buried: bool) -> Result<bool, Error> {
        for _ in 0..limits::ROUNDS {
            let (version, mut alias) = self.alias(hash).await?;
            let (Some(version), true) = (version, alias.suppressed.contains(&same)) else { return Ok(false) };
            alias.suppressed.retain(|other| *other != same);
            let done = if buried && alias.is_blank() {
                let key = tables::alias(self.region, hash);
                matches!(self.service.records.store().remove(&key, version).await?, Outcome::Written(_))
            } else {
                self.swap_alias(hash, Some(version), &alias).await?.is_done()
            };
            if done {
                return Ok(true);
            }
        }
        Err(Code::Contention.into())
    }

    /// Lifts what the administrators' list says under this name, if it says anything. The entry is blanked and goes with the erased row, or
    /// where that is gone: so nobody who still works by an older state of it can put it back.
    async fn lift_listed(&self, same: RowHash) -> Result<bool, Error> {
        let (key, records) = (tables::suppression(self.org, same), &self.service.records);
        for round in 0..limits::ROUNDS {
            let listed = records.read::<Suppression>(&key).await?;
            let Some((version, row)) = listed.filter(|(_, row)| row.is_in_force()) else { return Ok(round > 0) };
            self.clean(row.ucid).await?; // whoever deletes is done with it
            let buried = self.row(row.ucid).await?.0.is_none();
            for (_, hash) in &row.writings {
                self.unsuppress(*hash, same, buried).await?;
            }
            // Another delete may have added to it meanwhile: then the version is another.
            let done = if buried {
                matches!(records.store().remove(&key, version).await?, Outcome::Written(_))
            } else {
                let lifted = Suppression { writings: Vec::new(), ..row };
                records.swap(&key, Guard::At(version), lifted.encode()).await?.is_done()
            };
            if done {
                return Ok(true);
            }
        }
        Err(Code::Contention.into())
    }

    /// Takes away what was blanked under one of the names of a person who is buried.
    pub(crate) async fn forget_lifted(&self, same: RowHash) -> Result<(), Error> {
        let (key, records) = (tables::suppression(self.org, same), &self.service.records);
        if let Some((version, row)) = records.read::<Suppression>(&key).await?
            && !row.is_in_force()
        {
            records.store().remove(&key, version).await?;
        }
        Ok(())
    }
}

impl Suppression {
    fn is_in_force(&self) -> bool {
        !self.writings.is_empty()
    }
}

impl Tenant<'_> {
    /// Lets an identifier be written again, by what the list of suppressions calls it, in all of its writings.
    /// [`Code::SuppressionUnknown`] where there is no such entry.
    pub async fn lift_suppression(&self, same: RowHash) -> Result<(), Error> {
        let key = tables::suppression(self.org, same);
        let listed = self.service.records.read::<Suppression>(&key).await?.map(|(_, listed)| listed);
        let region = listed.ok_or(Code::SuppressionUnknown)?.region;
        let lifted = self.identity(region).lift_listed(same).await?;
        if lifted { Ok(()) } else { Err(Code::SuppressionUnknown.into()) }
    }

    /// Lets an identifier be written again in a region, by its value in whatever writing: all of them are lifted. What
    /// was lifted, by what the list of suppressions calls it.
    pub async fn lift_suppression_of(&self, region: Region, identifier: &Identifier) -> Result<Vec<RowHash>, Error> {
        let (identity, mut all) = (self.identity(region), Vec::new());
        // Under its own name too: whoever lifts clears the aliases first, and may have died then.
        let mut names = BTreeSet::from([identity.hash(&self.rules().canonical(identifier))]);
        let writings: Vec<RowHash> = self.rules().expand(identifier).iter().map(|one| identity.hash(one)).collect();
        for hash in &writings {
            let lead = identity.resolve(*hash).await?;
            if let Some(stone) = lead.erased.filter(|_| lead.suppressed) {
                identity.clean(stone.ucid).await?; // it may be the erased row alone that says so
            }
            names.insert(*hash);
            names.extend(identity.alias(*hash).await?.1.suppressed);
        }
        for same in names {
            let mut lifted = identity.lift_listed(same).await?;
            for hash in &writings {
                lifted |= identity.unsuppress(*hash, same, false).await?;
            }
            all.extend(lifted.then_some(same));
        }
        Ok(all)
    }
}

impl Service {
    /// What may not be written again in an organisation, a page at a time, each under its name.
    pub async fn suppressions(
        &self,
        org: OrgId,
        after: Option<RowHash>,
        limit: u16,
    ) -> Result<Vec<(RowHash, Suppression)>, Error> {
        let (partition, mut after) = (tables::suppressions(org), after.map(|same| Sort::from_iter(same.0)));
        let mut items = Vec::new();
        loop {
            let rows = self.records.scan::<Suppression>(&partition, after.as_ref(), limit).await?;
            let last = rows.len() < usize::from(limit);
            after = rows.last().map(|(sort, _)| sort.clone());
            let named = |(sort, row): (Sort, Suppression)| Some((RowHash(sort.as_slice().try_into().ok()?), row));
            items.extend(rows.into_iter().filter_map(named).filter(|(_, row)| row.is_in_force()));
            if last || items.len() >= usize::from(limit) {
                items.truncate(limit.into());
                return Ok(items);
            }
        }
    }
}
