//! All rows as they were at one moment, for a backup; and a new directory filled from such rows.

use super::directory::Directory;
use super::trees::{Round, Trees};
use super::{Embedded, EmbeddedOptions, OpenError};
use onefold_core::store::{Row, StoreError};
use onefold_core::tables::{Key, Table};
use std::path::Path;
use std::sync::Arc;

/// Rows that are written at a time, at most.
const ROUND_ROWS: usize = 1024;
/// Bytes after which no more rows join them.
const ROUND_BYTES: usize = 8 << 20;

/// All rows as they were at one moment. Reads and writes go on meanwhile; the bytes of what they replace stay on the disk
/// until this is dropped.
pub struct Snapshot {
    // Dropped before the trees that it is of.
    frozen: fjall::Snapshot,
    trees: Arc<Trees>,
}

impl Snapshot {
    /// Every row of a table, in order of keys. Holds one at a time, and blocks. A damaged row is an error in its place.
    pub fn rows(&self, table: Table) -> impl Iterator<Item = Result<(Key, Row), StoreError>> + use<> {
        self.trees.frozen_rows(&self.frozen, table)
    }
}

/// Why a directory could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError<E> {
    /// The directory cannot be used.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// Its files cannot be written.
    #[error("the data directory could not be written: {0}")]
    Write(String),
    /// The rows could not be read where they come from.
    #[error("{0}")]
    Source(E),
}

impl Embedded {
    /// All rows as they are now.
    ///
    /// # Errors
    /// `Unavailable` once closed.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let trees = self.trees()?;
        Ok(Snapshot { frozen: trees.freeze(), trees })
    }

    /// Fills a new or empty directory with these rows, versions included, and opens it. Until [`Embedded::finish_restore`]
    /// no start takes the directory; another restore begins anew.
    ///
    /// # Errors
    /// See [`RestoreError`].
    pub fn restore<E>(
        dir: &Path,
        options: EmbeddedOptions,
        rows: impl Iterator<Item = Result<(Key, Row), E>>,
    ) -> Result<Self, RestoreError<E>> {
        let failed = |error: fjall::Error| RestoreError::Write(error.to_string());
        let mut trees = Trees::open(Directory::take_for_restore(dir)?, &options)?;
        trees.durable_at_once(false);
        let (mut round, mut bytes) = (Round::new(), 0);
        for row in rows {
            let (key, row) = row.map_err(RestoreError::Source)?;
            bytes += row.value.len();
            round.insert(key, Some(row));
            if round.len() >= ROUND_ROWS || bytes >= ROUND_BYTES {
                trees.commit(&std::mem::take(&mut round)).map_err(failed)?;
                bytes = 0;
            }
        }
        trees.commit(&round).and_then(|()| trees.persist()).map_err(failed)?;
        trees.durable_at_once(options.fsync);
        Ok(Self::over(dir, trees, options)?)
    }

    /// What was restored is a data directory like any other from now on.
    ///
    /// # Errors
    /// What the operating system says; `Unavailable` once closed.
    pub fn finish_restore(&self) -> Result<(), StoreError> {
        let finished = self.trees()?.directory().finish_restore();
        finished.map_err(|error| StoreError::Unavailable(format!("the data directory could not be written: {error}")))
    }
}
