//! Whether writes are possible, and why not. Reads do not ask.

use super::directory::free_space;
use onefold_core::store::StoreError;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What is said when a disk is full, by whoever finds out.
pub(super) const DISK_FULL: &str = "the data directory's disk is full";

/// The state that reader, writer and committer share, and what they count.
#[derive(Debug)]
pub(super) struct Health {
    dir: PathBuf,
    reserve_bytes: u64,
    /// Why nothing is written any more, until the process starts again.
    broken: OnceLock<String>,
    closed: AtomicBool,
    pub(super) commits: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) conflicts: AtomicU64,
}

impl Health {
    pub(super) fn new(dir: PathBuf, reserve_bytes: u64) -> Self {
        let (broken, closed) = (OnceLock::new(), AtomicBool::new(false));
        let (commits, writes, conflicts) = Default::default();
        Self { dir, reserve_bytes, broken, closed, commits, writes, conflicts }
    }

    /// Bytes left on the data directory's disk.
    pub(super) fn free_bytes(&self) -> u64 {
        free_space(&self.dir)
    }

    /// After a failed sync it is not known what is on the disk, and a later sync may say "done" of what is lost: the
    /// kernel forgets. So nothing is written any more until a start reads the journal anew. The first reason stays.
    pub(super) fn break_down(&self, reason: &str) {
        if self.broken.set(reason.to_owned()).is_ok() {
            tracing::error!(reason, "the data directory could not be written; no more writes until a restart");
        }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether the engine was closed; then also reads are over, since another process may have the directory.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Whether it makes sense to hand a write to the committer.
    pub(super) fn accepts(&self) -> Result<(), StoreError> {
        if self.is_closed() {
            return Err(StoreError::Unavailable("the data directory is closed".into()));
        }
        self.unbroken()
    }

    fn unbroken(&self) -> Result<(), StoreError> {
        match self.broken.get() {
            Some(reason) => Err(StoreError::Unavailable(format!("{reason}; no writes until a restart"))),
            None => Ok(()),
        }
    }

    /// Whether a round can be written; also while closing, when what waits is still finished. The reserve is what lets
    /// fjall finish what it has begun (its trees are written later than its journal), and lets writes go on by
    /// themselves once there is space again.
    pub(super) fn can_commit(&self) -> Result<(), StoreError> {
        self.unbroken()?;
        let free = self.free_bytes();
        if free < self.reserve_bytes {
            let reserve = self.reserve_bytes;
            return Err(StoreError::Unavailable(format!(
                "{DISK_FULL}: {free} bytes are free, {reserve} are kept free"
            )));
        }
        Ok(())
    }
}
