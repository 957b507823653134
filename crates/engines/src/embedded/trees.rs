//! The trees: one of fjall's keyspaces for each table, how they are read, and how a round of changes becomes durable.
//!
//! # What a killed process or a lost power supply leaves
//!
//! A round is one batch of fjall's: its journal gets a start, the items and an end with a checksum, then it is synced, and
//! only then do the items enter the trees. So nothing can be read that is not durable, and a round is there as a whole
//! or not at all: when the journal is read again, a batch without its end is cut off. What is cut off so was never
//! acknowledged, since the answers follow the sync.
//!
//! fjall cuts off silently also what a bad disk has damaged at the journal's end. Nobody can tell that from a write that
//! was cut short, so a damaged disk can lose the last writes unseen. What is damaged elsewhere is found: blocks of
//! the trees and batches of the journal have checksums of their own, and each row has one that covers its place, too.

use super::directory::Directory;
use super::layout;
use super::{EmbeddedOptions, OpenError};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable};
use onefold_core::store::{Row, StoreError};
use onefold_core::tables::{Key, Partition, Sort, Table};
use std::collections::HashMap;
use std::ops::Bound;
use std::sync::{Arc, Weak};

/// What each row that a round touches is after it; `None` where it is gone. One entry a row, however often the round
/// touched it: fjall gives all items of a batch the same number, and of two for one key either might win.
pub(super) type Round = HashMap<Key, Option<Row>>;

/// All trees, open. Dropped in the order of its fields, so that the directory is free only when fjall is done with it.
pub(super) struct Trees {
    tables: Vec<(Table, Keyspace)>,
    database: Database,
    durability: PersistMode,
    #[cfg(test)]
    pub(super) before_sync: super::tests::Hook,
    /// Gone once fjall is done with the files, and not before: it comes after `database`.
    alive: Arc<()>,
    directory: Arc<Directory>,
}

impl Trees {
    pub(super) fn open(directory: Directory, options: &EmbeddedOptions) -> Result<Self, OpenError> {
        let database = directory.rows(options.block_cache_bytes)?;
        Self::over(database, Arc::new(directory), options.fsync)
    }

    /// Empty trees beside these, and the name of their folder.
    pub(super) fn next(&self, block_cache_bytes: u64) -> Result<(String, Self), OpenError> {
        let (name, database) = self.directory.next_rows(block_cache_bytes)?;
        let mut next = Self::over(database, Arc::clone(&self.directory), true)?;
        // Until the switch nobody relies on them; the switch makes all of it durable at once.
        next.durability = PersistMode::Buffer;
        Ok((name, next))
    }

    /// What is written from now on is durable by itself, as in the trees before them.
    pub(super) fn durable_like(&mut self, other: &Self) {
        self.durability = other.durability;
    }

    fn over(database: Database, directory: Arc<Directory>, fsync: bool) -> Result<Self, OpenError> {
        let mut tables = Vec::with_capacity(Table::ALL.len());
        for table in Table::ALL {
            let tree = database.keyspace(table.name(), KeyspaceCreateOptions::default);
            tables.push((table, tree.map_err(|error| directory.rows_error(&error))?));
        }
        // fdatasync is enough: it also writes what of a file's metadata is needed to find the data.
        let durability = if fsync { PersistMode::SyncData } else { PersistMode::Buffer };
        Ok(Self {
            tables,
            database,
            durability,
            #[cfg(test)]
            before_sync: Default::default(),
            alive: Arc::default(),
            directory,
        })
    }

    /// What is gone once these are, files closed.
    pub(super) fn alive(&self) -> Weak<()> {
        Arc::downgrade(&self.alive)
    }

    /// The directory that they lie in.
    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    fn tree(&self, table: Table) -> &Keyspace {
        let found = self.tables.iter().find(|(other, _)| *other == table);
        &found.expect("every table is opened with the rest").1
    }

    /// The row as the tree has it, checked.
    pub(super) fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        let table = key.partition.table;
        let place = layout::key(key);
        let found = self.tree(table).get(&place[..]).map_err(|error| read_error(table, &error))?;
        found.map(|bytes| layout::parse_value(table, &place, &bytes)).transpose()
    }

    /// At most `limit` rows of a partition, from the first after `after`. All of them are durable, but one that has just
    /// become so may be here a moment before the cache, and with it a read, shows it: its writer is not answered yet.
    pub(super) fn scan(
        &self,
        partition: &Partition,
        after: Option<&Sort>,
        limit: u16,
    ) -> Result<Vec<(Sort, Row)>, StoreError> {
        let rows = self.entries(partition, after).take(limit.into()).map(|entry| parse(partition.table, entry));
        rows.map(|row| row.map(|(key, row)| (key.sort, row))).collect()
    }

    fn entries(&self, partition: &Partition, after: Option<&Sort>) -> fjall::Iter {
        let from = match after {
            Some(after) => Bound::Excluded(layout::joined(partition, after)),
            None => Bound::Included(layout::prefix(partition)),
        };
        self.tree(partition.table).range((from, Bound::Excluded(layout::end(partition))))
    }

    /// The places of at most `limit` rows of a partition after `after`, damaged ones included.
    pub(super) fn keys(
        &self,
        partition: &Partition,
        after: Option<&Sort>,
        limit: usize,
    ) -> Result<Vec<Key>, StoreError> {
        let table = partition.table;
        let keys = self.entries(partition, after).take(limit).map(|entry| {
            let key = entry.key().map_err(|error| read_error(table, &error))?;
            layout::parse_key(table, &key).ok_or_else(|| layout::damaged(table))
        });
        keys.collect()
    }

    /// Every row of a table as it is now, in order of keys. Holds one row at a time, and ends after the first block that
    /// cannot be read; a damaged row is an error in its place, and the next follows.
    /// Holds the trees, whose files may otherwise be taken away under it.
    pub(super) fn rows(self: &Arc<Self>, table: Table) -> impl Iterator<Item = RowResult> + Send + use<> {
        let held = Arc::clone(self);
        self.tree(table).iter().map(move |entry| {
            let _held = &held;
            parse(table, entry)
        })
    }

    /// What all tables hold at this moment, whatever is written later.
    pub(super) fn freeze(&self) -> fjall::Snapshot {
        self.database.snapshot()
    }

    /// Every row of a table as it was then, in order of keys.
    pub(super) fn frozen_rows(&self, then: &fjall::Snapshot, table: Table) -> impl Iterator<Item = RowResult> + use<> {
        then.iter(self.tree(table)).map(move |entry| parse(table, entry))
    }

    /// What is written from now on is durable only with `persist`, or not.
    pub(super) fn durable_at_once(&mut self, at_once: bool) {
        self.durability = if at_once { PersistMode::SyncData } else { PersistMode::Buffer };
    }

    /// The places of all rows of a table as it is now, in order, without what lies there.
    pub(super) fn places(&self, table: Table) -> impl Iterator<Item = Result<Key, StoreError>> + use<> {
        self.tree(table).iter().map(move |entry| {
            let place = entry.key().map_err(|error| read_error(table, &error))?;
            layout::parse_key(table, &place).ok_or_else(|| layout::damaged(table))
        })
    }

    /// Makes a round durable, then lets readers see it. One sync, however many rows.
    pub(super) fn commit(&self, round: &Round) -> fjall::Result<()> {
        let mut batch = self.database.batch().durability(Some(self.durability));
        for (key, row) in round {
            let table = key.partition.table;
            let place = layout::key(key);
            match row {
                Some(row) => batch.insert(self.tree(table), &place[..], layout::value(table, &place, row)),
                None => batch.remove(self.tree(table), &place[..]),
            }
        }
        #[cfg(test)]
        self.before_sync.call()?;
        batch.commit()
    }

    /// Writes out and syncs what is still in buffers.
    pub(super) fn persist(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::SyncAll)
    }

    /// Bytes on disk, journals included.
    pub(super) fn bytes(&self) -> u64 {
        self.database.disk_space().unwrap_or(0)
    }

    /// The tree of a table, for tests that damage it.
    #[cfg(test)]
    pub(super) fn raw(&self, table: Table) -> &Keyspace {
        self.tree(table)
    }
}

/// A row with its place, or what is wrong there.
pub(super) type RowResult = Result<(Key, Row), StoreError>;

fn parse(table: Table, entry: fjall::Guard) -> RowResult {
    let (place, bytes) = entry.into_inner().map_err(|error| read_error(table, &error))?;
    let key = layout::parse_key(table, &place).ok_or_else(|| layout::damaged(table))?;
    Ok((key, layout::parse_value(table, &place, &bytes)?))
}

/// Tells what is damaged from what cannot be reached now.
fn read_error(table: Table, error: &fjall::Error) -> StoreError {
    let damaged = match error {
        fjall::Error::Storage(inner) => !matches!(inner, fjall::LsmError::Io(_)),
        fjall::Error::Decompress(_) | fjall::Error::InvalidTrailer | fjall::Error::InvalidTag(_) => true,
        _ => false,
    };
    if damaged { layout::damaged(table) } else { StoreError::Unavailable(format!("cannot read: {error}")) }
}
