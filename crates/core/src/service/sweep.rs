//! Sweep: finishing what a dead node left, and cleaning up what is due.
//!
//! A `Ticket` is written before an operation of several steps. By the time it is due the operation has long ended, or
//! nobody is working at it any more; the sweeper does the same idempotent steps that the operation would have done.

use super::{Identity, Service};
use crate::error::Error;
use crate::id::{OrgId, Region, Ucid};
use crate::limits;
use crate::records::Record;
use crate::store::Row;
use crate::tables::{self, Sort};
use crate::time::Ms;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Work that may be unfinished, or that is due later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) org: OrgId,
    pub(crate) region: Region,
    pub(crate) ucid: Ucid,
    pub(crate) task: Task,
}

impl Record for Ticket {}

/// What a ticket is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Finish whatever is under way at the profile.
    Settle,
    /// Free the identifiers of an erased profile.
    Clean,
    /// Remove what is left of an erased profile: its audit period is over.
    Bury,
    /// Erase the profile if no identifier has led to it for thirty days, or nothing was heard of it for the time that the
    /// organisation sets.
    Expire,
}

/// Who does a background job, and until when nobody else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    node: u64,
    until: Ms,
}

impl Record for Lease {}

const SWEEPER: u8 = 1;

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Tickets that were closed.
    pub tickets: usize,
    /// Tickets whose work failed; they are tried again in the next pass.
    pub failed: usize,
    /// Old operations that were removed.
    pub operations: usize,
    /// Old refusals that were removed.
    pub refused: usize,
}

impl Identity<'_> {
    /// Writes a ticket that is due when the operation has long ended.
    pub(crate) async fn leave_ticket(&self, task: Task, ucid: Ucid) -> Result<(), Error> {
        let due = self.service.clock.now().saturating_add(limits::TICKET_MS);
        self.leave_ticket_for(task, ucid, due).await
    }

    /// Writes a ticket that is due at a moment.
    pub(crate) async fn leave_ticket_for(&self, task: Task, ucid: Ucid, due: Ms) -> Result<(), Error> {
        let ticket = Ticket { org: self.org, region: self.region, ucid, task };
        self.service.records.put(&tables::ticket(due, self.service.entropy.bits()), &ticket).await
    }
}

impl Service {
    /// One pass. Any node may run it, none must; a lease keeps two from doing the same work at once, and both may, since
    /// every step is idempotent.
    pub async fn sweep(&self) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        if !self.lease(SWEEPER).await? {
            return Ok(swept);
        }
        for bucket in 0..limits::TICKET_BUCKETS {
            self.sweep_bucket(bucket, &mut swept).await?;
        }
        let first = self.entropy.bits() as u8; // a random one of 256 partitions each time
        let orgs = self.records.store().scan(&tables::orgs(), None, u16::MAX).await?;
        for org in orgs.iter().filter_map(|(sort, _)| tables::org_of(sort)) {
            swept.operations += self.sweep_ops(org, first).await?;
            swept.refused += self.sweep_refused(org).await?;
        }
        Ok(swept)
    }

    async fn lease(&self, job: u8) -> Result<bool, Error> {
        let (node, now) = (self.node, self.clock.now());
        let take = |lease: Option<Lease>| match lease {
            Some(lease) if lease.node != node && lease.until > now => Ok((None, false)),
            _ => Ok((Some(Lease { node, until: now.saturating_add(limits::LEASE_MS) }), true)),
        };
        self.records.modify(&tables::job(job), take).await
    }

    async fn sweep_bucket(&self, bucket: u8, swept: &mut Swept) -> Result<(), Error> {
        let partition = tables::tickets(bucket);
        let due = |sort: &Sort| tables::ticket_due(sort) <= self.clock.now();
        for (sort, row) in self.records.store().scan(&partition, None, limits::SWEEP_BATCH).await? {
            if !due(&sort) {
                break;
            }
            match self.work(&row).await {
                Ok(()) => {
                    self.records.store().remove(&partition.clone().row(&sort), row.version).await?;
                    swept.tickets += 1;
                }
                Err(_) => swept.failed += 1,
            }
        }
        Ok(())
    }

    async fn work(&self, row: &Row) -> Result<(), Error> {
        let ticket = Ticket::decode(&row.value)?;
        let tenant = self.tenant(ticket.org, Arc::new(self.rules(ticket.org).await?));
        let identity = tenant.identity(ticket.region);
        match ticket.task {
            Task::Settle => identity.settle(ticket.ucid).await,
            Task::Clean => identity.clean(ticket.ucid).await,
            Task::Bury => identity.bury(ticket.ucid).await,
            Task::Expire => identity.expire(ticket.ucid).await,
        }
    }
}
