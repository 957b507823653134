//! The audit log: who did what, when, with what outcome (contract section 11). No personal data: ids, codes, routes.
//!
//! Each process writes chains of its own, one for each organisation and one for the server itself, so that no two
//! processes wait for each other. An entry's hash covers the one before it, under the secret of the deployment; the row
//! that lists the chain holds its length and last hash, under the same secret, and is written after the entries. What
//! lies beyond it was never acknowledged. Reading and verifying is in [`read`].

pub mod read;

use super::Service;
use crate::error::Error;
use crate::id::{OrgId, Ucid};
use crate::limits;
use crate::org::KeyId;
use crate::records::Record;
use crate::tables::{self, RowSecret};
use crate::time::{self, Ms};
use futures_util::lock::Mutex as Turn;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

const ENTRY: u8 = 16;
const CHAIN: u8 = 17;

/// Who acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    /// The holder of the root key.
    Root,
    /// The holder of an API key.
    Key(KeyId),
    /// Somebody whom nobody knows: failed authentication.
    Nobody,
    /// The server, of itself.
    Server,
    /// The holder of a bearer token, by a pseudonym: a UUID of version 8, which no key has.
    Token(KeyId),
}

/// What is to be recorded. Ids, codes and routes alone; never a value that a caller chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Who.
    pub who: Who,
    /// What: a stable name, or method and route of the call.
    pub what: Box<str>,
    /// Upon what: an id, or nothing.
    pub about: Box<str>,
    /// The request's id.
    pub request: Box<str>,
    /// `begun`, `done`, or the code of an error.
    pub outcome: Box<str>,
    /// How many times, where more than one is told in one entry.
    pub count: u64,
}

/// An entry as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, by the clock of the process.
    pub at: Ms,
    /// What.
    pub act: Act,
    /// Covers all of this, its place, and the hash before.
    pub hash: [u8; 32],
}

impl Record for Entry {}

/// A chain: where it ends, and what came before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Names it; sorts by its beginning.
    pub id: u128,
    /// Entries in it.
    pub count: u64,
    /// The hash of the last entry.
    pub head: [u8; 32],
    /// When it began.
    pub begun: Ms,
    /// When its last entry was made.
    pub last: Ms,
    /// The newest chain that there was when it began.
    pub before: Option<u128>,
    /// Covers all of this.
    pub seal: [u8; 32],
}

impl Record for Chain {}

impl Chain {
    fn sealed(mut self, secret: &RowSecret, org: Option<OrgId>) -> Self {
        self.seal = self.right_seal(secret, org);
        self
    }

    fn right_seal(&self, secret: &RowSecret, org: Option<OrgId>) -> [u8; 32] {
        let before = self.before.unwrap_or(0).to_be_bytes();
        let numbers = [self.count, self.begun, self.last].map(u64::to_be_bytes).concat();
        secret.seal(
            CHAIN,
            &[&org.map_or(0, OrgId::get).to_be_bytes(), &self.id.to_be_bytes(), &before, &numbers, &self.head],
        )
    }

    /// Whether the next entry belongs into another chain.
    fn is_full(&self, now: Ms) -> bool {
        self.count >= limits::AUDIT_CHAIN || self.begun.saturating_add(limits::AUDIT_CHAIN_MS) <= now
    }

    /// Whether the audit period of all its entries is over.
    fn is_over(&self, now: Ms) -> bool {
        time::end_of_next_year(self.last.max(self.begun)) <= now
    }
}

/// Where an entry stands: its organisation, chain and number.
#[derive(Clone, Copy)]
struct Place(Option<OrgId>, u128, u64);

fn entry_hash(secret: &RowSecret, place: Place, before: &[u8; 32], at: Ms, act: &Act) -> [u8; 32] {
    let Place(org, chain, number) = place;
    let who = match act.who {
        Who::Root => 1,
        Who::Key(id) | Who::Token(id) => id.as_u128(),
        Who::Nobody => 2,
        Who::Server => 3,
    };
    let texts = [&act.what, &act.about, &act.request, &act.outcome].map(|text| text.as_bytes());
    let numbers = [org.map_or(0, OrgId::get), number, at, act.count].map(u64::to_be_bytes).concat();
    let ids = [chain, who].map(u128::to_be_bytes).concat();
    secret.seal(ENTRY, &[before, &numbers, &ids, texts[0], texts[1], texts[2], texts[3]])
}

/// The ends of the chains that a process writes.
#[derive(Default)]
pub(crate) struct Lines(Mutex<BTreeMap<Option<OrgId>, Arc<Line>>>);

/// One end: what waits to be written, and the chain, which one caller at a time writes for all who wait.
#[derive(Default)]
struct Line {
    waiting: Mutex<Vec<Waiting>>,
    chain: Turn<Option<Chain>>,
}

#[derive(Clone)]
struct Waiting {
    at: Ms,
    act: Act,
    done: Arc<OnceLock<Result<(), Error>>>,
}

impl Lines {
    fn of(&self, org: Option<OrgId>) -> Arc<Line> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= limits::AUDIT_OPEN && !lines.contains_key(&org) {
            lines.retain(|_, line| Arc::strong_count(line) > 1);
        }
        lines.entry(org).or_default().clone()
    }
}

impl Line {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// Records an act of an organisation, or of the server where it is of none. Durable when it returns `Ok`. Whoever
    /// does something that must not go unrecorded records that it is `begun` first, and then what became of it.
    pub async fn audit(&self, org: Option<OrgId>, act: Act) -> Result<(), Error> {
        let line = self.lines.of(org);
        let done = Arc::new(OnceLock::new());
        line.waiting().push(Waiting { at: self.clock.now(), act, done: done.clone() });
        let mut chain = line.chain.lock().await;
        loop {
            if let Some(result) = done.get() {
                return result.clone();
            }
            // It stays in the list until it is written, so that whoever comes next goes on if this caller is dropped.
            let batch: Vec<Waiting> = line.waiting().iter().take(limits::AT_ONCE).cloned().collect();
            let result = self.append(org, &mut chain, &batch).await;
            for waiting in &batch {
                let _set_once = waiting.done.set(result.clone());
            }
            line.waiting().retain(|waiting| waiting.done.get().is_none());
        }
    }

    /// Writes entries, then the row that says so. If that fails the chain ends there, and the next entry begins another.
    async fn append(&self, org: Option<OrgId>, open: &mut Option<Chain>, batch: &[Waiting]) -> Result<(), Error> {
        let mut chain = match open.take().filter(|chain| !chain.is_full(self.clock.now())) {
            Some(chain) => chain,
            None => self.begin_chain(org).await?,
        };
        let mut rows = Vec::with_capacity(batch.len());
        for Waiting { at, act, .. } in batch {
            chain.count += 1;
            chain.head = entry_hash(&self.secret, Place(org, chain.id, chain.count), &chain.head, *at, act);
            chain.last = chain.last.max(*at);
            let entry = Entry { at: *at, act: act.clone(), hash: chain.head };
            rows.push((tables::audit_entry(org, chain.id, chain.count), entry));
        }
        let writes: Vec<_> = rows.iter().map(|(key, entry)| self.records.put(key, entry)).collect();
        stream::iter(writes).buffered(limits::AT_ONCE).try_collect::<()>().await?;
        *open = Some(self.keep_end(org, chain).await?);
        Ok(())
    }

    async fn keep_end(&self, org: Option<OrgId>, chain: Chain) -> Result<Chain, Error> {
        let chain = chain.sealed(&self.secret, org);
        self.records.put(&tables::audit_chains(org).row(&chain.id.to_be_bytes()), &chain).await?;
        Ok(chain)
    }

    /// A new chain, after the newest that there is; those whose audit period is over go.
    async fn begin_chain(&self, org: Option<OrgId>) -> Result<Chain, Error> {
        let now = self.clock.now();
        let chains = self.audit_chains(org).await?;
        for over in chains.iter().filter(|chain| chain.is_over(now)) {
            self.remove_chain(org, over.id).await?;
        }
        let id = Ucid::new(now, self.entropy.bits()).as_u128();
        let before = chains.last().map(|chain| chain.id);
        let chain = Chain { id, count: 0, head: [0; 32], begun: now, last: now, before, seal: [0; 32] };
        self.keep_end(org, chain).await
    }

    async fn remove_chain(&self, org: Option<OrgId>, chain: u128) -> Result<(), Error> {
        let store = self.records.store();
        store.purge(&tables::audit_chain(org, chain)).await?;
        let listed = tables::audit_chains(org).row(&chain.to_be_bytes());
        if let Some(row) = store.read(&listed).await? {
            store.remove(&listed, row.version).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
