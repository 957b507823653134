//! The one thread that compares guards and writes.
//!
//! One, not one for each of many stripes of keys, for two reasons. A write may be shown to readers only once it is
//! durable, and while it is not, later writes to the same row must be judged against it nonetheless: with one thread that is a
//! map that lives as long as a round. And making durable costs a sync, which is by far the dearest step and serves all
//! who wait for it: while one round is synced the next gathers in the queue. Comparing guards takes about a microsecond
//! a row where the cache knows it, so one thread is not what limits.

use super::cache::RowCache;
use super::health::{DISK_FULL, Health};
use super::purge::{Next, SharedTrees, Step};
use super::trees::{Round, Trees};
use crate::memory::{holds, next};
use bytes::Bytes;
use onefold_core::store::{Guard, Outcome, Row, StoreError, Version};
use onefold_core::tables::Key;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;
use tokio::sync::{mpsc, oneshot};

/// Bytes of values after which a round is full, however few its writes.
const ROUND_BYTES: usize = 8 << 20;

/// What the committer is asked for.
pub(super) enum Message {
    /// Change a row, and answer once that is durable.
    Change(Change),
    /// Go on with a purge of the files.
    Purge(Step),
    /// Finish what is in the queue, then end; answered when the trees are no longer held.
    Close(oneshot::Sender<()>),
}

/// A guarded change of one row.
pub(super) struct Change {
    pub(super) key: Key,
    pub(super) guard: Guard,
    /// `None` takes the row away.
    pub(super) value: Option<Bytes>,
    pub(super) answer: oneshot::Sender<Verdict>,
}

/// What a waiter is told.
pub(super) type Verdict = Result<Outcome, StoreError>;

/// All that the thread works with.
pub(super) struct Committer {
    pub(super) trees: Arc<Trees>,
    /// What readers read from; changed with `trees`.
    pub(super) shared: SharedTrees,
    /// The trees that a purge is filling.
    pub(super) next: Option<Next>,
    /// Since when the files hold what was deleted; noted in the directory, too.
    pub(super) stale: Option<SystemTime>,
    pub(super) cache: Arc<RowCache>,
    pub(super) health: Arc<Health>,
    pub(super) max_batch: usize,
}

impl Committer {
    /// Works until the queue is closed and empty, then makes everything durable.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        let mut closers = Vec::new();
        while let Some(first) = queue.blocking_recv() {
            let changes = self.gather(first, &mut queue, &mut closers);
            if !closers.is_empty() {
                queue.close(); // Nothing comes in any more; what is in it is still worked off.
            }
            self.serve(changes);
        }
        if let Err(error) = self.trees.persist() {
            tracing::error!(%error, "the data directory could not be synced at the end; the next start reads its journal");
        }
        drop(self);
        for closer in closers {
            let _nobody_waits = closer.send(());
        }
    }

    /// What waits in the queue, up to the bounds of a round.
    fn gather(
        &mut self,
        first: Message,
        queue: &mut mpsc::Receiver<Message>,
        closers: &mut Vec<oneshot::Sender<()>>,
    ) -> Vec<Change> {
        let (mut changes, mut bytes, mut message) = (Vec::new(), 0, Some(first));
        while let Some(taken) = message.take() {
            match taken {
                Message::Purge(step) => self.purge(step),
                Message::Close(closer) => closers.push(closer),
                Message::Change(change) => {
                    bytes += change.value.as_ref().map_or(0, Bytes::len);
                    changes.push(change);
                }
            }
            if changes.len() < self.max_batch && bytes < ROUND_BYTES {
                message = queue.try_recv().ok();
            }
        }
        changes
    }

    /// Judges, commits, publishes, answers; in this order, so that no answer is ahead of the disk or of readers.
    fn serve(&mut self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut round = Round::new();
        let judged = match self.health.can_commit() {
            Ok(()) => changes.iter().map(|change| self.judge(&mut round, change)).collect(),
            Err(refusal) => vec![Err(refusal); changes.len()],
        };
        let failure = self.commit(round).err();
        for (change, verdict) in changes.into_iter().zip(judged) {
            let _nobody_waits = change.answer.send(self.verdict(verdict, failure.as_ref()));
        }
    }

    /// Whether a change may happen, given what is durable and what came before it in this round; enters it if so.
    fn judge(&self, round: &mut Round, change: &Change) -> Verdict {
        let Some(value) = change.value.clone() else {
            return self.judge_removal(round, change);
        };
        let present = self.present(round, &change.key)?;
        if !holds(change.guard, present) {
            return Ok(Outcome::Conflict);
        }
        let version = next(present);
        round.insert(change.key.clone(), Some(Row { version, value }));
        Ok(Outcome::Written(version))
    }

    /// A removal without a guard (a purge's) does not look at what is there, so that it also takes damaged rows away.
    fn judge_removal(&self, round: &mut Round, change: &Change) -> Verdict {
        let mut removed = Version(0);
        if change.guard != Guard::Any {
            match self.present(round, &change.key)? {
                Some(present) if holds(change.guard, Some(present)) => removed = present,
                _ => return Ok(Outcome::Conflict),
            }
        }
        round.insert(change.key.clone(), None);
        Ok(Outcome::Written(removed))
    }

    fn present(&self, round: &Round, key: &Key) -> Result<Option<Version>, StoreError> {
        if let Some(row) = round.get(key) {
            return Ok(row.as_ref().map(|row| row.version));
        }
        if let Some(known) = self.cache.version(key) {
            return Ok(known);
        }
        Ok(self.trees.get(key)?.map(|row| row.version))
    }

    /// Makes a round durable and publishes it. An error is what all its writers are told.
    fn commit(&mut self, round: Round) -> Result<(), StoreError> {
        if round.is_empty() {
            return Ok(());
        }
        self.note_deletions(&round)?;
        self.trees.commit(&round).map_err(|error| self.broken(&error))?;
        self.mirror(&round);
        self.health.commits.fetch_add(1, Relaxed);
        for (key, row) in round {
            self.cache.publish(key, row);
        }
        Ok(())
    }

    fn broken(&self, error: &fjall::Error) -> StoreError {
        let reason = match error {
            fjall::Error::Io(error) if is_full(error) => DISK_FULL.to_owned(),
            error => format!("the data directory could not be written: {error}"),
        };
        self.health.break_down(&reason);
        match error {
            // fjall refused before it touched the journal: a thread of its own had failed earlier.
            fjall::Error::Poisoned => StoreError::Unavailable(reason),
            _ => StoreError::Unknown(reason),
        }
    }

    /// What a waiter is told after the commit. A conflict stays one: that change was not done, whatever became of others.
    fn verdict(&self, judged: Verdict, failure: Option<&StoreError>) -> Verdict {
        match (&judged, failure) {
            (Ok(Outcome::Written(_)), Some(failure)) => return Err(failure.clone()),
            (Ok(Outcome::Written(_)), None) => self.health.writes.fetch_add(1, Relaxed),
            (Ok(Outcome::Conflict), _) => self.health.conflicts.fetch_add(1, Relaxed),
            (Err(_), _) => 0,
        };
        judged
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
