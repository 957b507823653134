//! The embedded engine: rows in files on this machine, durable before they are acknowledged.
//!
//! A read looks into the row cache, then into a tree. A write is handed to one committer thread, which compares its
//! guard and makes it durable together with all others that wait. Here is what the server sees of it; beneath are
//! `cache`, `committer` (guards, rounds), `trees` (fjall), `layout` (bytes), `purge` (deleted bytes leave the files), `snapshot` (backups), `directory` (lock, format) and `health`.

mod cache;
mod committer;
mod directory;
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod layout;
mod purge;
mod snapshot;
#[cfg(test)]
mod tests;
mod trees;

pub use directory::{
    DELETION_LOG, DELETION_MARK, FORMAT_VERSION, OLDEST_VERSION, OpenError, free_for_restore, is_being_restored,
};
pub use purge::{PurgeError, Purged};
pub use snapshot::{RestoreError, Snapshot};

use async_trait::async_trait;
use bytes::Bytes;
use cache::{Cached, RowCache};
use committer::{Change, Committer, Message, Verdict};
use directory::Directory;
use health::Health;
use onefold_core::count::Count;
use onefold_core::store::{Guard, Outcome, Row, Store, StoreError, Version};
use onefold_core::tables::{Key, Partition, Sort, Table};
use purge::SharedTrees;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use trees::Trees;

/// Bytes of the largest value that is taken: far more than a profile may have, far less than a journal can hold.
pub const VALUE_BYTES: usize = 64 << 20;

/// Rows that a purge removes at a time.
const PURGE_ROWS: usize = 256;

/// How the engine uses its machine.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Bytes of rows kept in memory. Default 256 MiB.
    pub cache_bytes: u64,
    /// Bytes of blocks of trees kept in memory, for reads that the row cache does not answer. Default 64 MiB.
    pub block_cache_bytes: u64,
    /// Writes that may wait for the committer; further ones wait to get into the queue. At least 1. Default 1024.
    pub queue: usize,
    /// Writes that are made durable together, at most. At least 1. Default 1024.
    pub max_batch: usize,
    /// Bytes that are kept free on the disk: with less, writes are refused until there is space. Default 256 MiB.
    pub reserve_bytes: u64,
    /// Whether a write is on the disk before it is acknowledged. Default `true`. With `false` it is only with the
    /// operating system: it survives the end of the process, not that of the machine. For tests and measurements.
    pub fsync: bool,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 256 << 20,
            block_cache_bytes: 64 << 20,
            queue: 1024,
            max_batch: 1024,
            reserve_bytes: 256 << 20,
            fsync: true,
        }
    }
}

/// What the engine has done since it was opened, and what it takes up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmbeddedStats {
    /// Rounds made durable: one sync each.
    pub commits: u64,
    /// Writes and removals done. Divided by `commits`: how many share a sync.
    pub writes: u64,
    /// Writes and removals whose guard did not hold.
    pub conflicts: u64,
    /// Writes and removals that wait for the committer.
    pub queued: u64,
    /// Reads that the row cache answered.
    pub hits: u64,
    /// Reads that went to the files, or waited for one that did.
    pub misses: u64,
    /// Bytes in the row cache, as it counts them.
    pub cache_bytes: u64,
    /// Bytes in files.
    pub disk_bytes: u64,
}

/// What a check found in one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableCheck {
    /// The table.
    pub table: Table,
    /// Rows that are what was written.
    pub rows: u64,
    /// Places that cannot be read: rows, or blocks of many rows.
    pub damaged: u64,
}

/// A store in a directory, for one process. See the module.
pub struct Embedded {
    cache: Arc<RowCache>,
    health: Arc<Health>,
    hits: Count,
    misses: Count,
    /// None once closed.
    trees: SharedTrees,
    block_cache_bytes: u64,
    reserve_bytes: u64,
    /// Held by a purge of the files: there is one at a time, and closing waits for it. What is gone once nobody reads the
    /// files from before the last one.
    purging: tokio::sync::Mutex<Weak<()>>,
    /// Always there until this is dropped.
    queue: Option<mpsc::Sender<Message>>,
    committer: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Opens a directory, making it if there is none, and reads what its journal holds. Blocks meanwhile.
    ///
    /// # Errors
    /// See [`OpenError`]; its texts say what to do.
    pub fn open(dir: &Path, options: EmbeddedOptions) -> Result<Self, OpenError> {
        Self::over(dir, Trees::open(Directory::take(dir)?, &options)?, options)
    }

    fn over(dir: &Path, trees: Trees, options: EmbeddedOptions) -> Result<Self, OpenError> {
        let trees = Arc::new(trees);
        let cache = Arc::new(RowCache::new(options.cache_bytes));
        let health = Arc::new(Health::new(dir.into(), options.reserve_bytes));
        let (queue, messages) = mpsc::channel(options.queue.max(1));
        let shared = Arc::new(RwLock::new(Some(Arc::clone(&trees))));
        let committer = Committer {
            stale: trees.directory().stale_since(),
            trees,
            shared: Arc::clone(&shared),
            next: None,
            cache: Arc::clone(&cache),
            health: Arc::clone(&health),
            max_batch: options.max_batch.max(1),
        };
        let thread = std::thread::Builder::new().name("committer".into()).spawn(|| committer.run(messages));
        let committer = Some(thread.map_err(|source| OpenError::Io { dir: dir.into(), source })?);
        let EmbeddedOptions { block_cache_bytes, reserve_bytes, .. } = options;
        let (queue, purging, trees) = (Some(queue), Default::default(), shared);
        let (hits, misses) = Default::default();
        Ok(Self { cache, health, hits, misses, trees, block_cache_bytes, reserve_bytes, purging, queue, committer })
    }

    /// Whether a write would be tried now. For readiness probes: asks the operating system for free space, no more.
    ///
    /// # Errors
    /// `Unavailable`, with a text that says why: closed, the disk is full, or an earlier write failed.
    pub fn health(&self) -> Result<(), StoreError> {
        self.health.accepts()?;
        self.health.can_commit()
    }

    /// Bytes left on the data directory's disk; `u64::MAX` where that cannot be told.
    pub fn free_bytes(&self) -> u64 {
        self.health.free_bytes()
    }

    /// Counters, for metrics.
    pub fn stats(&self) -> EmbeddedStats {
        EmbeddedStats {
            commits: self.health.commits.load(Relaxed),
            writes: self.health.writes.load(Relaxed),
            conflicts: self.health.conflicts.load(Relaxed),
            queued: (self.queue().max_capacity() - self.queue().capacity()) as u64,
            hits: self.hits.get(),
            misses: self.misses.get(),
            cache_bytes: self.cache.bytes(),
            disk_bytes: self.trees().map_or(0, |trees| trees.bytes()),
        }
    }

    /// Every row of a table as it is now, in order of keys, straight from the files. Holds one row at a time, blocks,
    /// and must be dropped before [`Embedded::close`]. A damaged row is an error in its place.
    ///
    /// # Errors
    /// `Unavailable` once closed.
    pub fn all_rows(
        &self,
        table: Table,
    ) -> Result<impl Iterator<Item = Result<(Key, Row), StoreError>> + Send + use<>, StoreError> {
        Ok(self.trees()?.rows(table))
    }

    /// Reads every row of every table and verifies its checksum. Blocks for as long as that takes, in bounded memory.
    ///
    /// # Errors
    /// `Unavailable` once closed. Damage is no error, but counted.
    pub fn check(&self) -> Result<Vec<TableCheck>, StoreError> {
        Table::ALL.into_iter().map(|table| self.check_table(table)).collect()
    }

    fn check_table(&self, table: Table) -> Result<TableCheck, StoreError> {
        let mut found = TableCheck { table, rows: 0, damaged: 0 };
        for row in self.all_rows(table)? {
            match row {
                Ok(_) => found.rows += 1,
                Err(_) => found.damaged += 1,
            }
        }
        Ok(found)
    }

    /// Takes no more writes, finishes those that wait, makes all durable and gives the directory back. A second call
    /// does nothing. Dropping does the same, but blocks.
    pub async fn close(&self) {
        self.health.close();
        let (closed, done) = oneshot::channel();
        if self.queue().send(Message::Close(closed)).await.is_ok() {
            let _ended = done.await;
        }
        let _no_purge = self.purging.lock().await;
        self.trees.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn queue(&self) -> &mpsc::Sender<Message> {
        self.queue.as_ref().expect("the queue is there until this is dropped")
    }

    fn trees(&self) -> Result<Arc<Trees>, StoreError> {
        let trees = self.trees.read().unwrap_or_else(PoisonError::into_inner);
        trees.clone().ok_or_else(|| StoreError::Unavailable("the data directory is closed".into()))
    }

    /// What the cache does not know: finds it in the tree, or waits for whoever is at it. A tree's read blocks the thread
    /// for some ten microseconds, or for as long as one read of a disk takes; handing it to another thread costs as much.
    async fn read_through(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        let place = match self.cache.get_or_place(key).await {
            Ok(Cached::Row(row)) => return Ok(Some(row)),
            Ok(Cached::Absent) => return Ok(None),
            Ok(Cached::TooLarge) => return self.trees()?.get(key),
            Err(place) => place,
        };
        let row = self.trees()?.get(key)?;
        place.fill(row.clone());
        Ok(row)
    }

    /// Puts a change into the queue, waiting if that is full. What it returns tells what became of it.
    async fn hand_over(
        &self,
        key: Key,
        guard: Guard,
        value: Option<Bytes>,
    ) -> Result<oneshot::Receiver<Verdict>, StoreError> {
        self.health.accepts()?;
        let (answer, verdict) = oneshot::channel();
        let sent = self.queue().send(Message::Change(Change { key, guard, value, answer })).await;
        sent.map_err(|_| StoreError::Unavailable("the data directory is closed".into()))?;
        Ok(verdict)
    }

    async fn change(&self, key: &Key, guard: Guard, value: Option<Bytes>) -> Verdict {
        verdict(self.hand_over(key.clone(), guard, value).await?).await
    }
}

/// What the committer says. If it says nothing it has died over this change, perhaps after it was durable.
async fn verdict(told: oneshot::Receiver<Verdict>) -> Verdict {
    told.await.unwrap_or_else(|_| Err(StoreError::Unknown("the committer ended without an answer".into())))
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.health.close();
        self.queue.take(); // The committer ends once what is in the queue is done.
        if let Some(thread) = self.committer.take() {
            let _panicked = thread.join();
        }
    }
}

#[async_trait]
impl Store for Embedded {
    async fn read(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        if self.health.is_closed() {
            return Err(StoreError::Unavailable("the data directory is closed".into()));
        }
        match self.at_hand(key) {
            Some(row) => Ok(row),
            None => {
                self.misses.one();
                self.read_through(key).await
            }
        }
    }

    fn at_hand(&self, key: &Key) -> Option<Option<Row>> {
        if self.health.is_closed() {
            return None;
        }
        let row = match self.cache.get(key)? {
            Cached::Row(row) => Some(row),
            Cached::Absent => None,
            Cached::TooLarge => return None,
        };
        self.hits.one();
        Some(row)
    }

    async fn write(&self, key: &Key, guard: Guard, value: Bytes) -> Result<Outcome, StoreError> {
        if value.len() > VALUE_BYTES {
            return Err(StoreError::Unavailable(format!(
                "a value has at most {VALUE_BYTES} bytes, not {}",
                value.len()
            )));
        }
        self.change(key, guard, Some(value)).await
    }

    async fn remove(&self, key: &Key, version: Version) -> Result<Outcome, StoreError> {
        self.change(key, Guard::At(version), None).await
    }

    async fn scan(
        &self,
        partition: &Partition,
        after: Option<&Sort>,
        limit: u16,
    ) -> Result<Vec<(Sort, Row)>, StoreError> {
        self.trees()?.scan(partition, after, limit)
    }

    async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let keys = self.trees()?.keys(partition, after.as_ref(), PURGE_ROWS)?;
            let Some(last) = keys.last() else { return Ok(()) };
            after = Some(last.sort.clone());
            let mut waiting = Vec::with_capacity(keys.len());
            for key in keys {
                waiting.push(self.hand_over(key, Guard::Any, None).await?);
            }
            for told in waiting {
                verdict(told).await?;
            }
        }
    }
}
