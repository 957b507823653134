//! Typed rows over the store, and the one read-modify-write loop.
//!
//! Rows other than profiles are a version byte and a postcard body; profiles have an encoding of their own
//! ([`crate::profile::codec`]).

use crate::error::{Code, Error};
use crate::limits;
use crate::store::{Guard, Outcome, Row, Store, StoreError, Version};
use crate::tables::{Key, Partition, Sort};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// A row of some table.
pub trait Record: Serialize + DeserializeOwned {
    /// The version of its encoding that this code writes. Raised when the type changes; earlier ones stay readable by
    /// a match in [`Record::decode`].
    const VERSION: u8 = 1;

    /// Its bytes.
    fn encode(&self) -> Bytes {
        postcard::to_extend(self, vec![Self::VERSION]).expect("a record always serialises into memory").into()
    }

    /// From its bytes.
    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let body = bytes.strip_prefix(&[Self::VERSION]);
        let body = body.ok_or_else(|| StoreError::Corrupt("unknown version of a row".into()))?;
        postcard::from_bytes(body).map_err(|_| StoreError::Corrupt("the body of a row is damaged".into()))
    }
}

/// What became of a guarded write of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// Done.
    Done(Version),
    /// Somebody else wrote the row first.
    Conflict,
    /// The store does not say. Whoever goes on looks first.
    Unknown,
}

impl Swap {
    /// Whether it is known to be done.
    pub fn is_done(self) -> bool {
        matches!(self, Swap::Done(_))
    }
}

/// The guard that holds as long as a row is as it was read.
pub fn unchanged(version: Option<Version>) -> Guard {
    version.map_or(Guard::Absent, Guard::At)
}

/// Typed access to the store.
#[derive(Clone)]
pub struct Records {
    store: Arc<dyn Store>,
}

impl Records {
    /// Over a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The store below.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// A row as it is stored.
    pub async fn row(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        match self.store.at_hand(key) {
            Some(row) => Ok(row),
            None => self.store.read(key).await,
        }
    }

    /// A row and its version.
    pub async fn read<T: Record>(&self, key: &Key) -> Result<Option<(Version, T)>, StoreError> {
        match self.row(key).await? {
            Some(row) => Ok(Some((row.version, T::decode(&row.value)?))),
            None => Ok(None),
        }
    }

    /// Replaces a row's bytes if the guard holds. An unknown outcome is an answer here, not an error: the steps of
    /// identity look at the row again.
    pub async fn swap(&self, key: &Key, guard: Guard, value: Bytes) -> Result<Swap, StoreError> {
        match self.store.write(key, guard, value).await {
            Ok(Outcome::Written(version)) => Ok(Swap::Done(version)),
            Ok(Outcome::Conflict) => Ok(Swap::Conflict),
            Err(StoreError::Unknown(_)) => Ok(Swap::Unknown),
            Err(error) => Err(error),
        }
    }

    /// Writes a row that has this single writer, until the store says that it is there.
    pub async fn put<T: Record>(&self, key: &Key, record: &T) -> Result<(), Error> {
        for _ in 0..limits::ROUNDS {
            if self.swap(key, Guard::Any, record.encode()).await?.is_done() {
                return Ok(());
            }
        }
        Err(Code::StoreUnknown.into())
    }

    /// Reads, changes, writes, and again while somebody else is faster. `change` is given what is there and says what
    /// shall be there (`None` leaves it), and must give the same answer when it meets its own work: an unknown outcome
    /// is looked at again through it.
    pub async fn modify<T: Record, A>(
        &self,
        key: &Key,
        mut change: impl FnMut(Option<T>) -> Result<(Option<T>, A), Error>,
    ) -> Result<A, Error> {
        for _ in 0..limits::ROUNDS {
            let (version, record) = self.read(key).await?.unzip();
            let (record, answer) = change(record)?;
            let Some(record) = record else { return Ok(answer) };
            if self.swap(key, unchanged(version), record.encode()).await?.is_done() {
                return Ok(answer);
            }
        }
        Err(Code::Contention.into())
    }

    /// A page of a partition.
    pub async fn scan<T: Record>(
        &self,
        partition: &Partition,
        after: Option<&Sort>,
        limit: u16,
    ) -> Result<Vec<(Sort, T)>, StoreError> {
        let rows = self.store.scan(partition, after, limit).await?;
        rows.into_iter().map(|(sort, row)| Ok((sort, T::decode(&row.value)?))).collect()
    }
}
