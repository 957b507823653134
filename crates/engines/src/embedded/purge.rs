//! Deleted bytes leave the files. The library beneath keeps overwritten values in its journal and in its trees for as
//! long as it likes, so what lives is copied into a fresh folder, and the old folder is taken away.
//!
//! It is done while everything goes on. From the *begin* on, the committer writes each round to the fresh trees too, after
//! it is durable in the old ones. Meanwhile whoever purges walks over the old trees and hands it the places, a few at a
//! time, and the committer copies what lies there at that moment: one thread does both, so a copy is never older than
//! what is mirrored, and a removed row does not come back. Versions are copied as they are. The *switch* makes the
//! fresh trees durable and replaces one small file; before it a crash leaves the old folder, after it the new one, both
//! with all that was acknowledged. What is left of the other goes when nobody reads it any more, or at the next start.

use super::Embedded;
use super::committer::{Committer, Message};
#[cfg(not(test))]
use super::directory::reached;
#[cfg(test)]
use super::tests::reached;
use super::trees::{Round, Trees};
use onefold_core::store::{StoreError, Version};
use onefold_core::tables::{Key, Table};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::oneshot;

/// Rows that the committer copies at a time: about a millisecond, for which writers wait.
const COPY_ROWS: usize = 64;

/// Bytes that a copy takes up for a while beside what it copies, at most: its journals, which fjall keeps to 512 MiB,
/// and the trees that it sorts into others.
const COPY_BYTES: u64 = 1 << 30;

/// For how long a purge waits for readers of the old files. They read for moments; a check of all rows may take long.
const READERS: Duration = Duration::from_secs(60);

/// The trees that are read from; none once closed.
pub(super) type SharedTrees = Arc<RwLock<Option<Arc<Trees>>>>;

/// The trees that are being filled.
pub(super) struct Next {
    name: String,
    trees: Trees,
    /// Set by what makes them useless: then the purge fails, and nothing else does.
    failed: Arc<AtomicBool>,
}

/// What the committer does for a purge, and whom it tells.
pub(super) enum Step {
    Begin(Next, oneshot::Sender<()>),
    Copy(Vec<Key>, oneshot::Sender<Result<(), PurgeError>>),
    /// Answered with what is gone once the old trees are.
    Switch(oneshot::Sender<Result<Weak<()>, PurgeError>>),
    /// The old files are gone: take the note away, unless something was deleted since the begin.
    Finish(oneshot::Sender<std::io::Result<()>>),
    /// Forget the begin.
    GiveUp(oneshot::Sender<()>),
}

/// What a purge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    /// Rows that were copied.
    pub rows: u64,
    /// Bytes that the files took up on the disk before.
    pub before: u64,
    /// Bytes that they take up after it.
    pub after: u64,
}

/// Why a purge was not done, or not to the end. Every row is there as before.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// Copying would leave less space than is kept free.
    #[error(
        "a purge copies what lives: it needs {needed} free bytes with those that are kept free, and there are {free}"
    )]
    NoRoom {
        /// Free now.
        free: u64,
        /// Needed in all.
        needed: u64,
    },
    /// The engine was closed meanwhile, or cannot be read.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The new files could not be written.
    #[error("the new files could not be written: {0}")]
    Write(String),
    /// Somebody still reads the files from before the last purge: a backup that takes long.
    #[error(
        "the files from before the last purge are still being read, by a backup; they go at the next purge or start"
    )]
    StillRead,
}

impl Committer {
    /// Notes that the files hold what was deleted, before that is so.
    pub(super) fn note_deletions(&mut self, round: &Round) -> Result<(), StoreError> {
        if self.stale.is_some() || !round.iter().any(|(key, row)| deletes(key, row.as_ref().map(|row| row.version))) {
            return Ok(());
        }
        let (directory, now) = (self.trees.directory(), SystemTime::now());
        // While a purge is under way there may be an earlier note, which stands until that is done.
        if directory.stale_since().is_none() {
            let marked = directory.mark_stale(now);
            marked.map_err(|error| {
                StoreError::Unavailable(format!("the data directory could not be written: {error}"))
            })?;
        }
        self.stale = Some(now);
        Ok(())
    }

    /// Writes a round that is durable to the trees that a purge is filling, too.
    pub(super) fn mirror(&self, round: &Round) {
        let Some(next) = &self.next else { return };
        if let Err(error) = next.trees.commit(round) {
            tracing::warn!(%error, "the purge cannot write its new files and is given up");
            next.failed.store(true, Ordering::Release);
        }
    }

    pub(super) fn purge(&mut self, step: Step) {
        match step {
            Step::Begin(next, begun) => {
                self.stale = None;
                self.next = Some(next);
                let _nobody_waits = begun.send(());
            }
            Step::Copy(keys, copied) => {
                let _nobody_waits = copied.send(self.copy(keys));
            }
            Step::Switch(switched) => {
                let done = self.switch();
                if done.is_err() {
                    self.give_up();
                }
                let _nobody_waits = switched.send(done);
            }
            Step::Finish(finished) => {
                let _nobody_waits = finished.send(self.finish());
            }
            Step::GiveUp(given_up) => {
                self.give_up();
                let _nobody_waits = given_up.send(());
            }
        }
    }

    fn give_up(&mut self) {
        self.next = None;
        self.stale = self.trees.directory().stale_since();
    }

    fn finish(&self) -> std::io::Result<()> {
        match self.stale {
            Some(since) => self.trees.directory().mark_stale(since),
            None => self.trees.directory().clear_stale(),
        }
    }

    fn copy(&self, keys: Vec<Key>) -> Result<(), PurgeError> {
        let next = self.usable()?;
        self.health.can_commit()?;
        let mut round = Round::with_capacity(keys.len());
        for key in keys {
            // One that has gone meanwhile is not in the new trees either.
            if let Some(row) = self.trees.get(&key)? {
                round.insert(key, Some(row));
            }
        }
        next.trees.commit(&round).map_err(|error| PurgeError::Write(error.to_string()))
    }

    fn usable(&self) -> Result<&Next, PurgeError> {
        let next = self.next.as_ref().filter(|next| !next.failed.load(Ordering::Acquire));
        next.ok_or_else(|| PurgeError::Write("a write to them failed".into()))
    }

    fn switch(&mut self) -> Result<Weak<()>, PurgeError> {
        let persisted = self.usable().and_then(|next| {
            self.health.can_commit()?;
            reached("copied all");
            next.trees.persist().map_err(|error| PurgeError::Write(error.to_string()))
        });
        let taken = self.next.take();
        persisted?;
        reached("persisted");
        let Next { name, mut trees, .. } = taken.expect("it was usable just now");
        trees.durable_like(&self.trees);
        if let Err(error) = self.trees.directory().switch(&name) {
            // The next start may open either. Both hold the same now, and must go on to.
            self.health.break_down(&format!("the data directory could not be written: {error}"));
            return Err(PurgeError::Write(error.to_string()));
        }
        let fresh = Arc::new(trees);
        let old = std::mem::replace(&mut self.trees, Arc::clone(&fresh)).alive();
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        if shared.is_some() {
            *shared = Some(fresh);
        }
        Ok(old)
    }
}

/// Whether this leaves bytes behind that should go: a row is removed, or written over, in a table that may hold
/// something of people. A deletion writes over their row; so does every change of what is known of them.
fn deletes(key: &Key, version: Option<Version>) -> bool {
    use Table::{Audit, Job, Meta, Op, Ticket, Usage};
    let impersonal = matches!(key.partition.table, Meta | Ticket | Job | Op | Audit | Usage);
    !impersonal && version.is_none_or(|version| version > Version(1))
}

impl Embedded {
    /// For how long the files may hold bytes of what was deleted or written over; `None` if they hold none. A clock that
    /// went back counts as long.
    pub fn stale_for(&self) -> Option<Duration> {
        let since = self.trees().ok()?.directory().stale_since()?;
        Some(SystemTime::now().duration_since(since).unwrap_or(Duration::MAX))
    }

    /// Rewrites the files so that they hold what lives and nothing else, while reads and writes go on. Blocks for as long
    /// as that takes; needs as much space as the rows take up. What is deleted meanwhile needs another purge.
    ///
    /// # Errors
    /// See [`PurgeError`]. Nothing is lost in any case.
    pub fn purge_files(&self) -> Result<Purged, PurgeError> {
        let mut earlier = self.purging.blocking_lock();
        if earlier.strong_count() > 0 {
            return Err(PurgeError::StillRead);
        }
        let trees = self.trees()?;
        let before = trees.directory().disk_bytes().map_err(write_error)?;
        let needed = before.saturating_add(before.min(COPY_BYTES)).saturating_add(self.reserve_bytes);
        let free = self.health.free_bytes();
        if free < needed {
            return Err(PurgeError::NoRoom { free, needed });
        }
        let filled = self.fill_next(&trees);
        drop(trees);
        let rows = match filled {
            Ok(rows) => rows,
            Err(error) => {
                self.step(Step::GiveUp)?;
                self.trees()?.directory().remove_remainders().map_err(write_error)?;
                return Err(error);
            }
        };
        *earlier = self.step(Step::Switch)??;
        self.take_away(&earlier)?;
        let after = self.trees()?.directory().disk_bytes().map_err(write_error)?;
        Ok(Purged { rows, before, after })
    }

    fn fill_next(&self, trees: &Trees) -> Result<u64, PurgeError> {
        let next = trees.next(self.block_cache_bytes).map_err(|error| PurgeError::Write(error.to_string()))?;
        let next = Next { name: next.0, trees: next.1, failed: Arc::default() };
        self.step(|begun| Step::Begin(next, begun))?;
        reached("begun");
        let mut rows = 0;
        for table in Table::ALL {
            let mut places = trees.places(table);
            loop {
                let keys = places.by_ref().take(COPY_ROWS).collect::<Result<Vec<_>, _>>()?;
                if keys.is_empty() {
                    break;
                }
                self.health.accepts()?;
                rows += keys.len() as u64;
                self.step(|copied| Step::Copy(keys, copied))??;
                reached("copied some");
            }
        }
        Ok(rows)
    }

    /// Has the committer do a step, after what it has before.
    fn step<T>(&self, step: impl FnOnce(oneshot::Sender<T>) -> Step) -> Result<T, StoreError> {
        let closed = || StoreError::Unavailable("the data directory is closed".into());
        let (sender, answer) = oneshot::channel();
        self.queue().blocking_send(Message::Purge(step(sender))).map_err(|_| closed())?;
        answer.blocking_recv().map_err(|_| closed())
    }

    /// Waits for the readers of the old trees, then takes their files away.
    fn take_away(&self, old: &Weak<()>) -> Result<(), PurgeError> {
        let until = Instant::now() + READERS;
        while old.strong_count() > 0 {
            if Instant::now() > until || self.health.is_closed() {
                return Err(PurgeError::StillRead);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.trees()?.directory().remove_remainders().map_err(write_error)?;
        reached("removed");
        self.step(Step::Finish)?.map_err(write_error)
    }
}

fn write_error(error: std::io::Error) -> PurgeError {
    PurgeError::Write(error.to_string())
}
