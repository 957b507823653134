//! Deleting again what a restored backup still has (see [`crate::gone`]).
//!
//! A UCID that was erased never names anybody else, so all of a log can be told, in any order, from before the backup too:
//! what is gone already stays as it is, and no clock decides anything.

use super::erase::{Deletion, Ending};
use super::identity::{Alias, Root, Tombstone};
use super::{Identity, Service};
use crate::error::{Code, Error};
use crate::gone::{Gone, GonePerson};
use crate::id::Ucid;
use crate::limits;
use crate::profile::{Erased, Profile};
use crate::records::Swap;
use crate::tables::{self, RowHash};
use crate::time;
use std::sync::Arc;

/// What telling a store of one deletion came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// People who were there, and are deleted now.
    pub people: u64,
    /// Profiles that went with them, though that deletion did not name them: of this person in the restored state, split
    /// off later, and folded in for good, so that nobody can tell what is whose.
    pub with_them: u64,
}

impl Service {
    /// Deletes what was deleted once, if it is there. Before anybody is answered.
    pub async fn delete_again(&self, gone: &Gone) -> Result<Again, Error> {
        match gone {
            Gone::Person(person) => {
                let tenant = self.tenant(person.org, Arc::new(self.rules(person.org).await?));
                tenant.identity(person.region).delete_again(person).await
            }
            Gone::Call { org, deletion, record } => {
                if time::end_of_next_year(record.at) > self.clock.now() {
                    let keep = |there: Option<Deletion>| Ok((there.is_none().then(|| record.clone()), ()));
                    self.records.modify(&tables::deletion(*org, *deletion), keep).await?;
                }
                Ok(Again::default())
            }
        }
    }
}

impl Identity<'_> {
    async fn delete_again(&self, person: &GonePerson) -> Result<Again, Error> {
        let mut again = Again::default();
        let others = person.tiles.iter().filter(|tile| **tile != person.ucid);
        for ucid in std::iter::once(&person.ucid).chain(others) {
            self.erase_again(*ucid, person, &mut again).await?;
        }
        if time::end_of_next_year(person.at) > self.now() {
            self.remember(person).await?;
        }
        Ok(again)
    }

    /// Erases whoever this profile is part of.
    async fn erase_again(&self, ucid: Ucid, person: &GonePerson, again: &mut Again) -> Result<(), Error> {
        let mut tried = false;
        for _ in 0..limits::ROUNDS {
            let lead = self.resolve_ucid(ucid).await?;
            let Some(root) = lead.roots().find(|root| root.version.is_some()) else { return Ok(()) };
            if root.live.is_busy() {
                self.settle(root.ucid).await?;
                continue;
            }
            if lead.holder().is_none() {
                return Ok(());
            }
            if !std::mem::replace(&mut tried, true) && self.part_again(root, person).await {
                continue;
            }
            let with_them = root.live.tiles.keys().filter(|tile| !person.tiles.contains(tile)).count() as u64;
            let GonePerson { at, deletion, ref aliases, ref suppress, .. } = *person;
            let ending = Ending { at, deletion, aliases, suppress: suppress.clone() };
            if let Swap::Done(_) = self.end_row(root, ending).await? {
                again.people += 1;
                again.with_them += with_them;
                return self.clean(root.ucid).await;
            }
        }
        Err(Code::Contention.into())
    }

    /// Splits what had been split by the time of the deletion, so that nobody goes who was not meant. Whether anything was.
    async fn part_again(&self, root: &Root, person: &GonePerson) -> bool {
        let (theirs, others): (Vec<Ucid>, Vec<Ucid>) =
            root.live.tiles.keys().partition(|tile| person.tiles.contains(tile));
        if others.is_empty() {
            return false;
        }
        let leaving = if theirs.contains(&root.ucid) { others } else { theirs };
        let mut parted = false;
        for tile in leaving {
            // One that went along with another is split already; one that was folded in for good cannot be.
            parted |= self.split(root.ucid, tile).await.is_ok();
        }
        parted
    }

    /// That the person was erased, where the restored state never had them: what is older may not bring them back.
    async fn remember(&self, person: &GonePerson) -> Result<(), Error> {
        let (version, _) = self.row(person.ucid).await?;
        if version.is_none() {
            let erased = Erased {
                at: person.at,
                deletion: person.deletion,
                aliases: person.aliases.clone(),
                tiles: person.tiles.clone(),
                cleaned: false,
                suppress: person.suppress.clone(),
            };
            self.swap(person.ucid, None, &Profile::Erased(erased)).await?;
            self.clean(person.ucid).await?;
        }
        let tombstone = Tombstone { at: person.at, ucid: person.ucid, deletion: person.deletion };
        for hash in &person.aliases {
            self.mark(*hash, tombstone).await?;
        }
        Ok(())
    }

    /// Leaves a tombstone where nobody has the identifier and no later one stands.
    async fn mark(&self, hash: RowHash, tombstone: Tombstone) -> Result<(), Error> {
        for _ in 0..limits::ROUNDS {
            let (version, alias) = self.alias(hash).await?;
            if !alias.owners.is_empty() || alias.erased.is_some_and(|old| old.at >= tombstone.at) {
                return Ok(());
            }
            let marked = Alias { erased: Some(tombstone), ..alias };
            if self.swap_alias(hash, version, &marked).await?.is_done() {
                return Ok(());
            }
        }
        Err(Code::Contention.into())
    }
}
