//! The one thing that Onefold asks of a store: a versioned row can be replaced if it has not changed.
//!
//! Engines live in `onefold-engines`; the conformance suite there holds every line of this contract.

use crate::tables::{Key, Partition, Sort};
use async_trait::async_trait;
use bytes::Bytes;

/// What a row's version was when it was read. Grows with every write for as long as the row exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// A row as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its version; what [`Guard::At`] wants to see again.
    pub version: Version,
    /// Its bytes. Engines do not look inside.
    pub value: Bytes,
}

/// Under what condition a write may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Only if there is no such row.
    Absent,
    /// Only if the row's version is still this one.
    At(Version),
    /// Always: for rows that have a single writer.
    Any,
}

/// What became of a guarded write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done and durable, under this version. (For a removal: the version that was removed.)
    Written(Version),
    /// Not done: the guard did not hold.
    Conflict,
}

/// A failure that answers the question: did it happen? The text says why, and never holds a value of a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It did not happen, and it will not happen later.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It may have happened, or may yet happen, but only if its guard still holds then. Never retried blindly.
    #[error("the store did not say whether it happened: {0}")]
    Unknown(String),
    /// What was read is not what was written.
    #[error("a stored row is damaged: {0}")]
    Corrupt(String),
}

/// Versioned rows with guarded replacement. See each method for what an engine promises.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The row, or `None` where there is none. Sees every write that was answered `Written` before the read began.
    async fn read(&self, key: &Key) -> Result<Option<Row>, StoreError>;

    /// What [`Store::read`] would answer, where that is known without waiting for anything; else `None`. Spares the hot
    /// path what a future costs.
    fn at_hand(&self, _key: &Key) -> Option<Option<Row>> {
        None
    }

    /// Replaces the row if the guard holds. `Written` only once it is durable; the new version is greater than any
    /// that this row had since it came into being.
    async fn write(&self, key: &Key, guard: Guard, value: Bytes) -> Result<Outcome, StoreError>;

    /// Takes the row away if its version is still this one. For the sweeper alone: a row that comes back later starts
    /// its versions anew, so only what no late write can aim at may be removed.
    async fn remove(&self, key: &Key, version: Version) -> Result<Outcome, StoreError>;

    /// At most `limit` rows of one partition in order of their sort keys, from the first one after `after`.
    /// May miss what is written meanwhile; never shows a row that was never written.
    async fn scan(
        &self,
        partition: &Partition,
        after: Option<&Sort>,
        limit: u16,
    ) -> Result<Vec<(Sort, Row)>, StoreError>;

    /// Removes all rows of one partition. Writes to it that are under way may survive; callers repeat it.
    async fn purge(&self, partition: &Partition) -> Result<(), StoreError>;
}
