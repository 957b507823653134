//! A store in memory: a map behind a lock. For tests and the simulator; nothing of it is durable.
//!
//! It is also the shortest reading of the store's contract. Faults and lateness are not here, see [`crate::faulty`].

use async_trait::async_trait;
use bytes::Bytes;
use onefold_core::store::{Guard, Outcome, Row, Store, StoreError, Version};
use onefold_core::tables::{Key, Partition, Sort};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All rows, in order of their keys. Never waits: each of its futures is ready when first polled.
#[derive(Debug, Default)]
pub struct Memory {
    rows: Mutex<BTreeMap<Key, Row>>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every row of every table in order of keys, as it is now; for tests that say what no row may contain.
    pub fn dump(&self) -> Vec<(Key, Row)> {
        self.rows().iter().map(|(key, row)| (key.clone(), row.clone())).collect()
    }

    /// The map. A panic of another holder leaves it whole, since each change of it is one call.
    fn rows(&self) -> MutexGuard<'_, BTreeMap<Key, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a guard allows a write over what is there. Shared with the embedded engine, so that there is one reading.
pub(crate) fn holds(guard: Guard, present: Option<Version>) -> bool {
    match guard {
        Guard::Absent => present.is_none(),
        Guard::At(version) => present == Some(version),
        Guard::Any => true,
    }
}

/// The version that a write gets over what is there. The first is 1, also for a row that comes back after a removal.
pub(crate) fn next(present: Option<Version>) -> Version {
    Version(present.map_or(0, |version| version.0) + 1)
}

#[async_trait]
impl Store for Memory {
    async fn read(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        Ok(self.rows().get(key).cloned())
    }

    async fn write(&self, key: &Key, guard: Guard, value: Bytes) -> Result<Outcome, StoreError> {
        let mut rows = self.rows();
        let present = rows.get(key).map(|row| row.version);
        if !holds(guard, present) {
            return Ok(Outcome::Conflict);
        }
        let version = next(present);
        rows.insert(key.clone(), Row { version, value });
        Ok(Outcome::Written(version))
    }

    async fn remove(&self, key: &Key, version: Version) -> Result<Outcome, StoreError> {
        let mut rows = self.rows();
        if rows.get(key).map(|row| row.version) != Some(version) {
            return Ok(Outcome::Conflict);
        }
        rows.remove(key);
        Ok(Outcome::Written(version))
    }

    async fn scan(
        &self,
        partition: &Partition,
        after: Option<&Sort>,
        limit: u16,
    ) -> Result<Vec<(Sort, Row)>, StoreError> {
        let start = |sort| Key { partition: partition.clone(), sort };
        let from = match after {
            Some(after) => Bound::Excluded(start(after.clone())),
            None => Bound::Included(start(Sort::new())),
        };
        let rows = self.rows();
        let here = rows.range((from, Bound::Unbounded)).take_while(|(key, _)| key.partition == *partition);
        Ok(here.take(limit.into()).map(|(key, row)| (key.sort.clone(), row.clone())).collect())
    }

    async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
        self.rows().retain(|key, _| key.partition != *partition);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;
    use crate::conformance;
    use onefold_core::store::{Guard, Store};
    use std::sync::Arc;

    conformance!(|| async { (Arc::new(Memory::new()), ()) });

    #[tokio::test]
    async fn a_dump_shows_every_row() {
        let store = Memory::new();
        for sort in [2, 1] {
            store.write(&conformance::key(1, sort), Guard::Absent, vec![sort].into()).await.expect("written");
        }
        let values: Vec<_> = store.dump().into_iter().map(|(_, row)| row.value.to_vec()).collect();
        assert_eq!(values, [[1], [2]]);
    }
}
