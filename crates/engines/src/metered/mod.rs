//! A store that measures another one: how long its calls take and how they end, by table.
//!
//! A read that memory answers takes less time than looking at the clock twice, so that of an engine which has a row
//! cache only one read in so many is measured, and counts for as many. Everything else is measured each time.

pub mod histogram;

use async_trait::async_trait;
use bytes::Bytes;
use histogram::{Histogram, Snapshot};
use onefold_core::store::{Guard, Outcome, Row, Store, StoreError, Version};
use onefold_core::tables::{Key, Partition, Sort, Table};
use std::array;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Reads that one measured read stands for, where the engine has a row cache.
pub const CACHED_READS: u32 = 16;

/// Numbers of tables are below this.
const TABLES: usize = 64;

/// The calls of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// One row.
    Read,
    /// A guarded write.
    Write,
    /// A removal.
    Remove,
    /// Rows of a partition.
    Scan,
    /// All rows of a partition.
    Purge,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As asked.
    Done,
    /// The guard did not hold.
    Conflict,
    /// It did not happen.
    Unavailable,
    /// It may have happened.
    Unknown,
    /// What was read is damaged.
    Corrupt,
}

impl Call {
    /// All of them.
    pub const ALL: [Call; 5] = [Call::Read, Call::Write, Call::Remove, Call::Scan, Call::Purge];

    /// As it stands in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Call::Read => "read",
            Call::Write => "write",
            Call::Remove => "remove",
            Call::Scan => "scan",
            Call::Purge => "purge",
        }
    }
}

impl Ended {
    /// All of them.
    pub const ALL: [Ended; 5] = [Ended::Done, Ended::Conflict, Ended::Unavailable, Ended::Unknown, Ended::Corrupt];

    /// As it stands in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Ended::Done => "done",
            Ended::Conflict => "conflict",
            Ended::Unavailable => "unavailable",
            Ended::Unknown => "unknown",
            Ended::Corrupt => "corrupt",
        }
    }

    fn of<T>(result: &Result<T, StoreError>) -> Self {
        match result {
            Ok(_) => Ended::Done,
            Err(StoreError::Unavailable(_)) => Ended::Unavailable,
            Err(StoreError::Unknown(_)) => Ended::Unknown,
            Err(StoreError::Corrupt(_)) => Ended::Corrupt,
        }
    }

    fn of_change(result: &Result<Outcome, StoreError>) -> Self {
        match result {
            Ok(Outcome::Conflict) => Ended::Conflict,
            other => Self::of(other),
        }
    }
}

/// What was measured.
pub struct StoreTimes([[[OnceLock<Box<Histogram>>; 5]; 5]; TABLES]);

impl Default for StoreTimes {
    fn default() -> Self {
        Self(array::from_fn(|_| array::from_fn(|_| array::from_fn(|_| OnceLock::new()))))
    }
}

impl StoreTimes {
    /// Everything that happened at least once.
    pub fn series(&self) -> impl Iterator<Item = (Table, Call, Ended, Snapshot)> + '_ {
        let ends = |table: Table, call: Call| Ended::ALL.into_iter().map(move |ended| (table, call, ended));
        let calls = move |table: Table| Call::ALL.into_iter().flat_map(move |call| ends(table, call));
        Table::ALL.into_iter().flat_map(calls).filter_map(|(table, call, ended)| {
            let histogram = self.0[table as usize][call as usize][ended as usize].get()?;
            Some((table, call, ended, histogram.snapshot()))
        })
    }

    fn note(&self, table: Table, call: Call, ended: Ended, began: Instant, times: u32) {
        let histogram = self.0[table as usize][call as usize][ended as usize].get_or_init(Box::default);
        histogram.note(began.elapsed(), times.into());
    }
}

// Reads of this thread, so that no thread waits for another to count them.
thread_local!(static READS: Cell<u32> = const { Cell::new(0) });

/// A store, measured. See the module.
pub struct Metered {
    inner: Arc<dyn Store>,
    times: Arc<StoreTimes>,
    one_read_in: u32,
}

impl Metered {
    /// Measures one read in so many, and all else. At least 1.
    pub fn new(inner: Arc<dyn Store>, one_read_in: u32) -> Self {
        Self { inner, times: Arc::default(), one_read_in: one_read_in.max(1) }
    }

    /// What is measured, while it is.
    pub fn times(&self) -> Arc<StoreTimes> {
        self.times.clone()
    }

    /// Whether the next read of this thread is measured.
    fn is_due(&self) -> bool {
        READS.get().is_multiple_of(self.one_read_in)
    }

    /// Counts a read, and says whether it is measured.
    fn is_measured(&self) -> bool {
        let due = self.is_due();
        READS.set(READS.get().wrapping_add(1));
        due
    }

    async fn measured<T>(
        &self,
        (table, call): (Table, Call),
        ended: impl Fn(&Result<T, StoreError>) -> Ended,
        doing: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let result = doing.await;
        self.times.note(table, call, ended(&result), began, 1);
        result
    }
}

#[async_trait]
impl Store for Metered {
    /// What `async_trait` would make of it, but for one thing: a read that is not measured is the engine's own future,
    /// not one more around it.
    fn read<'s, 'k, 'f>(
        &'s self,
        key: &'k Key,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Row>, StoreError>> + Send + 'f>>
    where
        's: 'f,
        'k: 'f,
        Self: 'f,
    {
        if !self.is_measured() {
            return self.inner.read(key);
        }
        Box::pin(async move {
            let began = Instant::now();
            let row = self.inner.read(key).await;
            self.times.note(key.partition.table, Call::Read, Ended::of(&row), began, self.one_read_in);
            row
        })
    }

    /// A read only where it has the row: otherwise another call follows, which then is one.
    fn at_hand(&self, key: &Key) -> Option<Option<Row>> {
        let began = self.is_due().then(Instant::now);
        let row = self.inner.at_hand(key)?;
        self.is_measured();
        if let Some(began) = began {
            self.times.note(key.partition.table, Call::Read, Ended::Done, began, self.one_read_in);
        }
        Some(row)
    }

    async fn write(&self, key: &Key, guard: Guard, value: Bytes) -> Result<Outcome, StoreError> {
        let what = (key.partition.table, Call::Write);
        self.measured(what, Ended::of_change, self.inner.write(key, guard, value)).await
    }

    async fn remove(&self, key: &Key, version: Version) -> Result<Outcome, StoreError> {
        let what = (key.partition.table, Call::Remove);
        self.measured(what, Ended::of_change, self.inner.remove(key, version)).await
    }

    async fn scan(
        &self,
        partition: &Partition,
        after: Option<&Sort>,
        limit: u16,
    ) -> Result<Vec<(Sort, Row)>, StoreError> {
        self.measured((partition.table, Call::Scan), Ended::of, self.inner.scan(partition, after, limit)).await
    }

    async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
        self.measured((partition.table, Call::Purge), Ended::of, self.inner.purge(partition)).await
    }
}

#[cfg(test)]
mod tests;
