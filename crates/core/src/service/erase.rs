//! Erase: a person is deleted, with all that leads to them.
//!
//! One guarded write from live to erased is the moment of deletion. The aliases are freed after it; what remains of each
//! is a keyed hash that says "deleted", until the audit period is over.

use super::fetch::Sought;
use super::identity::{Alias, Lead, Root, Tombstone};
use super::operation::{Op, OpState};
use super::sweep::Task;
use super::upsert::Idempotency;
use super::{Identity, Tenant};
use crate::defect::Defect;
use crate::error::{Code, Error};
use crate::gone::{Gone, GonePerson};
use crate::id::{Region, Ucid};
use crate::limits;
use crate::profile::{Erased, Profile, Suppressing};
use crate::records::{Record, Swap};
use crate::store::{Outcome, StoreError};
use crate::tables::{self, RowHash};
use crate::time::{self, Ms};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A delete (contract section 7).
#[derive(Clone, Debug)]
pub struct Delete {
    /// Where the profiles live.
    pub region: Region,
    /// Whom to delete; all of one kind, or all UCIDs.
    pub sought: Vec<Sought>,
    /// The caller's idempotency key.
    pub idempotency: Option<Idempotency>,
    /// Whether the identifiers of the people may not be written again until that is lifted.
    pub suppress: bool,
}

/// What a delete did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// UCIDs of the people that it came to.
    pub ucids: Vec<Ucid>,
    /// UCIDs of the people that it deleted.
    pub deleted: Vec<Ucid>,
    /// Positions in `sought` of what led to nobody.
    pub not_found: Vec<usize>,
    /// Names the delete; its record stands under it.
    pub deletion: u128,
}

/// The record of a delete, kept for the audit period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// When, by the clock of the node that answered it.
    pub at: Ms,
    /// Where the profiles lived.
    pub region: Region,
    /// UCIDs of the people that were deleted.
    pub deleted: Vec<Ucid>,
    /// How many values the request named.
    pub requested: u32,
}

impl Record for Deletion {}

/// How a person ends.
pub(crate) struct Ending<'a> {
    /// When.
    pub(crate) at: Ms,
    /// By which delete.
    pub(crate) deletion: u128,
    /// Identifiers that led there, beside those that the row lists.
    pub(crate) aliases: &'a [RowHash],
    /// What may not be written again.
    pub(crate) suppress: Vec<Suppressing>,
}

/// What a delete found under one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Erasure {
    /// This person, whom this delete deleted.
    Done(Ucid),
    /// Somebody who was deleted before.
    Before,
    /// Nobody, ever.
    Nobody,
}

impl Tenant<'_> {
    /// Deletes people. When it returns `Ok` no read finds them, and no row holds what they said.
    ///
    /// [`Code::AlreadyDeleted`] where nobody was found and somebody had been deleted before.
    pub async fn delete(&self, delete: &Delete) -> Result<Deleted, Error> {
        let identity = self.identity(delete.region);
        let primary = |sought: &Sought| match sought {
            Sought::Ucid(_) => true,
            Sought::Identifier(identifier) => self.rules().rule(identifier.kind()).is_primary(),
        };
        if !delete.sought.iter().all(primary) {
            return Err(Code::NotPrimary.into());
        }
        let deletion = match identity.begin_delete(delete).await? {
            BeginDelete::Go(deletion) => deletion,
            BeginDelete::Done(deleted) => return Ok(deleted),
        };
        // Collected, so that no closure is held across an await: the compiler could not tell that it may be sent.
        let erasures: Vec<_> =
            delete.sought.iter().map(|sought| identity.erase(sought, delete.suppress, deletion)).collect();
        let erasures: Vec<_> = stream::iter(erasures).buffered(limits::AT_ONCE).collect().await;
        let erasures = all_or_doubt(erasures)?;
        let done = sum_up(&erasures, deletion);
        if done.deleted.is_empty() && erasures.contains(&Erasure::Before) {
            return Err(Code::AlreadyDeleted.into());
        }
        let recorded = identity.record_delete(delete, &done).await;
        recorded.map_err(|error| if done.deleted.is_empty() { error } else { in_doubt(error) })?;
        Ok(done)
    }
}

impl Tenant<'_> {
    /// The record of a delete. [`Code::DeletionUnknown`] if there is none, or none any more.
    pub async fn deletion(&self, id: u128) -> Result<Deletion, Error> {
        let row = self.service.records.read(&tables::deletion(self.org, id)).await?;
        row.map(|(_, deletion)| deletion).ok_or_else(|| Code::DeletionUnknown.into())
    }
}

/// What was found under each value; where one failed and somebody is deleted by then, or may be, nobody may say that nothing was
/// done.
fn all_or_doubt(erasures: Vec<Result<Erasure, Error>>) -> Result<Vec<Erasure>, Error> {
    let some_done = erasures.iter().any(|erasure| match erasure {
        Ok(erasure) => matches!(erasure, Erasure::Done(_)),
        Err(error) => error.code == Code::StoreUnknown,
    });
    let all: Result<Vec<Erasure>, Error> = erasures.into_iter().collect();
    all.map_err(|error| if some_done { in_doubt(error) } else { error })
}

/// A failure after something may have been done.
fn in_doubt(error: Error) -> Error {
    match error.code {
        Code::StoreUnavailable | Code::Contention => Error { code: Code::StoreUnknown, ..error },
        _ => error,
    }
}

fn sum_up(erasures: &[Erasure], deletion: u128) -> Deleted {
    let mut deleted: Vec<Ucid> = Vec::new();
    let mut not_found = Vec::new();
    for (position, erasure) in erasures.iter().enumerate() {
        match erasure {
            Erasure::Done(ucid) if deleted.contains(ucid) => {}
            Erasure::Done(ucid) => deleted.push(*ucid),
            Erasure::Before | Erasure::Nobody => not_found.push(position),
        }
    }
    Deleted { ucids: deleted.clone(), deleted, not_found, deletion }
}

enum BeginDelete {
    Go(u128),
    Done(Deleted),
}

impl Identity<'_> {
    /// The number of this delete: under an idempotency key that of its first attempt.
    async fn begin_delete(&self, delete: &Delete) -> Result<BeginDelete, Error> {
        let service = self.service;
        let deletion = Ucid::new(service.clock.now(), service.entropy.bits()).as_u128();
        let Some(key) = delete.idempotency else {
            return Ok(BeginDelete::Go(deletion));
        };
        for _ in 0..limits::ROUNDS {
            let begun = self.begun(key).await?;
            match begun.op.map(|op| op.state) {
                Some(OpState::Deleting { deletion }) => return Ok(BeginDelete::Go(deletion)),
                Some(OpState::Deleted { deletion, ucids, deleted, not_found }) => {
                    let not_found = not_found.into_iter().map(|position| position as usize).collect();
                    return Ok(BeginDelete::Done(Deleted { ucids, deleted, not_found, deletion }));
                }
                Some(OpState::Writing { .. } | OpState::Written { .. }) => return Err(Code::IdempotencyMismatch.into()),
                None => {
                    let state = OpState::Deleting { deletion };
                    let op = Op { body: key.body, begun: service.clock.now(), op: deletion as u64, state };
                    self.swap_op(key.key, begun.version, &op).await?;
                }
            }
        }
        Err(Code::Contention.into())
    }

    /// Keeps the record of a delete, and its answer for a repeat under the same idempotency key.
    async fn record_delete(&self, delete: &Delete, done: &Deleted) -> Result<(), Error> {
        let records = &self.service.records;
        let requested = u32::try_from(delete.sought.len()).unwrap_or(u32::MAX);
        let at = self.service.clock.now();
        let record = Deletion { at, region: self.region, deleted: done.deleted.clone(), requested };
        if let Some(log) = self.service.log.as_ref().filter(|_| !done.deleted.is_empty()) {
            log.append(Gone::Call { org: self.org, deletion: done.deletion, record: record.clone() }).await?;
        }
        records.put(&tables::deletion(self.org, done.deletion), &record).await?;
        let Some(key) = delete.idempotency else { return Ok(()) };
        let state = OpState::Deleted {
            deletion: done.deletion,
            ucids: done.ucids.clone(),
            deleted: done.deleted.clone(),
            not_found: done.not_found.iter().filter_map(|position| u32::try_from(*position).ok()).collect(),
        };
        let finish = |op: Option<Op>| match op {
            Some(op) if matches!(op.state, OpState::Deleting { deletion } if deletion == done.deletion) => {
                Ok((Some(Op { state: state.clone(), ..op }), ()))
            }
            _ => Ok((None, ())),
        };
        records.modify(&tables::op(self.org, key.key), finish).await
    }

    /// Deletes the person that a value leads to.
    async fn erase(&self, sought: &Sought, suppress: bool, deletion: u128) -> Result<Erasure, Error> {
        let mut doubtful = false;
        let erasure = self.erase_sought(sought, suppress, deletion, &mut doubtful).await;
        erasure.map_err(|error| if doubtful { in_doubt(error) } else { error })
    }

    async fn erase_sought(
        &self,
        sought: &Sought,
        suppress: bool,
        deletion: u128,
        doubtful: &mut bool,
    ) -> Result<Erasure, Error> {
        for _ in 0..limits::ROUNDS {
            let lead = self.resolve_sought(sought).await?;
            if self.is_blocked(sought, &lead) {
                return Ok(Erasure::Nobody);
            }
            let Some(root) = lead.roots().find(|root| root.version.is_some()) else {
                let erasure = nobody(&lead, deletion);
                if let Erasure::Done(ucid) = erasure {
                    // Its own work, whose answer was lost: it may have come after its ticket was looked at.
                    self.clean_or_leave(ucid, suppress).await?;
                } else if let (Some(before), true) = (lead.erased, self.service.log.is_some()) {
                    // Whoever did it may have died before it was in the log.
                    self.clean(before.ucid).await?;
                }
                return Ok(erasure);
            };
            if root.live.is_busy() && !self.service.has(Defect::EraseWhilePending) {
                self.settle(root.ucid).await?;
                continue;
            }
            if lead.holder().is_none() && !root.live.is_busy() {
                return Ok(nobody(&lead, deletion));
            }
            let suppressing = if suppress { self.suppressing(root, sought) } else { Vec::new() };
            match self.erase_row(root, deletion, suppressing).await? {
                Swap::Done(_) => {
                    self.clean_or_leave(root.ucid, suppress).await?;
                    return Ok(Erasure::Done(root.ucid));
                }
                Swap::Unknown => *doubtful = true,
                Swap::Conflict => {}
            }
        }
        Err(Code::Contention.into())
    }

    /// The person is deleted by now, and a ticket says that the aliases are still to be freed: that may be left to the
    /// sweeper, but not where it is also to be said that they may not be claimed again, or to be written down.
    async fn clean_or_leave(&self, ucid: Ucid, suppress: bool) -> Result<(), Error> {
        let cleaned = self.clean(ucid).await;
        if suppress || self.service.log.is_some() { cleaned.map_err(in_doubt) } else { Ok(()) }
    }

    /// A blocked value names nobody, so nobody is deleted by it.
    fn is_blocked(&self, sought: &Sought, lead: &Lead) -> bool {
        match sought {
            Sought::Ucid(_) => false,
            Sought::Identifier(identifier) => lead.alias.blocked.is_some() || self.rules.blocks(identifier),
        }
    }

    /// Where a value leads, in whatever writing somebody is found by it.
    pub(crate) async fn resolve_sought(&self, sought: &Sought) -> Result<Lead, Error> {
        let identifier = match sought {
            Sought::Ucid(ucid) => return Ok(self.resolve_ucid(*ucid).await?),
            Sought::Identifier(identifier) => identifier,
        };
        let mut found = Lead::default();
        for identifier in self.rules.expand(identifier) {
            let lead = self.resolve(self.hash(&identifier)).await?;
            if lead.holder().is_some() {
                return Ok(lead);
            }
            if found.erased.is_none() && found.roots().next().is_none() {
                found = lead;
            }
        }
        Ok(found)
    }

    /// The moment of deletion, and of suppression.
    pub(crate) async fn erase_row(
        &self,
        root: &Root,
        deletion: u128,
        suppress: Vec<Suppressing>,
    ) -> Result<Swap, Error> {
        let ending = Ending { at: self.service.clock.now(), deletion, aliases: &[], suppress };
        self.end_row(root, ending).await
    }

    /// The same, of a moment that may be past.
    pub(crate) async fn end_row(&self, root: &Root, ending: Ending<'_>) -> Result<Swap, Error> {
        self.leave_ticket(Task::Clean, root.ucid).await?;
        let Ending { at, deletion, aliases, suppress } = ending;
        let suppressed = suppress.iter().flat_map(|one| &one.writings).map(|(_, hash)| *hash);
        let aliases: BTreeSet<RowHash> = root.live.hashes().chain(suppressed).chain(aliases.iter().copied()).collect();
        let erased = Erased {
            at: at.max(root.live.newest()),
            deletion,
            aliases: aliases.into_iter().collect(),
            tiles: root.live.tiles.keys().copied().collect(),
            cleaned: false,
            suppress,
        };
        Ok(self.swap(root.ucid, root.version, &Profile::Erased(erased)).await?)
    }

    /// Writes down that a person is erased, where that outlives the store.
    async fn write_down(&self, ucid: Ucid, erased: &Erased) -> Result<(), Error> {
        let Some(log) = &self.service.log else { return Ok(()) };
        let Erased { at, deletion, aliases, tiles, suppress, .. } = erased.clone();
        let person = GonePerson { org: self.org, region: self.region, ucid, at, deletion, tiles, aliases, suppress };
        Ok(log.append(Gone::Person(person)).await?)
    }

    /// Frees the aliases of an erased profile, and marks those that may not be claimed again.
    pub(crate) async fn clean(&self, ucid: Ucid) -> Result<(), Error> {
        let (version, profile) = self.row(ucid).await?;
        let Profile::Erased(erased) = profile else {
            return Ok(());
        };
        if erased.cleaned {
            return Ok(());
        }
        self.write_down(ucid, &erased).await?;
        let listed: Vec<_> = erased.suppress.iter().map(|one| self.list_suppressed(ucid, &erased, one)).collect();
        stream::iter(listed).buffered(limits::AT_ONCE).try_collect::<()>().await?;
        let freed: Vec<_> = erased.aliases.iter().map(|hash| self.entomb(*hash, ucid, &erased)).collect();
        stream::iter(freed).buffered(limits::AT_ONCE).try_collect::<()>().await?;
        self.leave_ticket_for(Task::Bury, ucid, time::end_of_next_year(erased.at)).await?;
        let cleaned = Profile::Erased(Erased { cleaned: true, suppress: Vec::new(), ..erased });
        match self.swap(ucid, version, &cleaned).await? {
            Swap::Unknown => Err(Code::StoreUnknown.into()), // so that the ticket stays
            Swap::Done(_) | Swap::Conflict => Ok(()),
        }
    }

    /// Turns the alias of an erased person into a tombstone, unless it has been claimed by another since, and marks it
    /// where it may not be claimed again. The row that says so is read last.
    async fn entomb(&self, hash: RowHash, ucid: Ucid, erased: &Erased) -> Result<(), Error> {
        let tombstone = Tombstone { at: erased.at, ucid, deletion: erased.deletion };
        for _ in 0..limits::ROUNDS {
            let (version, alias) = self.alias(hash).await?;
            let Some(entombed) = self.entombed(hash, &alias, erased, tombstone) else { return Ok(()) };
            if entombed.suppressed != alias.suppressed && !self.is_suppressing(ucid).await? {
                return Ok(());
            }
            if self.swap_alias(hash, version, &entombed).await?.is_done() {
                return Ok(());
            }
        }
        Err(Code::Contention.into())
    }

    /// Removes what is left of an erased profile: tombstones first, then redirects, then the row that lists them. What is
    /// suppressed stays so.
    pub(crate) async fn bury(&self, ucid: Ucid) -> Result<(), Error> {
        let (version, profile) = self.row(ucid).await?;
        let (Profile::Erased(erased), Some(version)) = (profile, version) else {
            return Ok(());
        };
        if !erased.cleaned {
            return self.clean(ucid).await; // which leaves the next ticket
        }
        for hash in &erased.aliases {
            self.take_tombstone(*hash, ucid).await?;
            self.forget_lifted(*hash).await?;
        }
        for tile in erased.tiles.iter().filter(|tile| **tile != ucid) {
            self.remove_redirect(*tile).await?;
        }
        let store = self.service.records.store();
        let deletion = tables::deletion(self.org, erased.deletion);
        if let Some(row) = store.read(&deletion).await? {
            store.remove(&deletion, row.version).await?;
        }
        store.remove(&tables::profile(self.org, self.region, ucid), version).await?;
        Ok(())
    }

    /// Takes a person's tombstone from an alias, also where somebody else has it by now; one of which nothing is left
    /// goes.
    async fn take_tombstone(&self, hash: RowHash, ucid: Ucid) -> Result<(), Error> {
        for _ in 0..limits::ROUNDS {
            let (version, alias) = self.alias(hash).await?;
            let Some(version) = version else { return Ok(()) };
            let erased = alias.erased.filter(|tombstone| tombstone.ucid != ucid);
            let left = Alias { erased, ..alias.clone() };
            let done = if left.is_blank() {
                let key = tables::alias(self.region, hash);
                matches!(self.service.records.store().remove(&key, version).await?, Outcome::Written(_))
            } else {
                left == alias || self.swap_alias(hash, Some(version), &left).await?.is_done()
            };
            if done {
                return Ok(());
            }
        }
        Err(Code::Contention.into())
    }

    async fn remove_redirect(&self, ucid: Ucid) -> Result<(), StoreError> {
        if let (Some(version), Profile::Forward(_)) = self.row(ucid).await? {
            self.service.records.store().remove(&tables::profile(self.org, self.region, ucid), version).await?;
        }
        Ok(())
    }
}

/// What a value that leads to nobody living means to a delete.
fn nobody(lead: &Lead, deletion: u128) -> Erasure {
    match lead.erased {
        Some(tombstone) if tombstone.deletion == deletion => Erasure::Done(tombstone.ucid),
        Some(_) => Erasure::Before,
        None => Erasure::Nobody,
    }
}
