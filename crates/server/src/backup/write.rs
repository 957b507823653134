//! Writing a backup: a stream of pieces, never held in memory as a whole.

use super::{END, FILE, Header, ROW};
use bytes::Bytes;
use onefold_core::store::{Row, StoreError};
use onefold_core::tables::{Key, Table};
use onefold_engines::embedded::Snapshot;
use sha2::{Digest, Sha256};

/// Bytes after which a piece is handed on.
pub const PIECE_BYTES: usize = 256 << 10;

/// A file of the data directory that goes along.
#[derive(Clone, Debug)]
pub struct Enclosed {
    /// Its name.
    pub name: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Why a backup ended early.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// A row cannot be read.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Nobody takes it any more.
    #[error("whoever asked for it is gone")]
    Gone,
    /// What cannot happen.
    #[error("{0}")]
    Format(#[from] serde_json::Error),
}

/// Writes a whole backup, piece by piece. Blocks. `take` says whether there is anybody left to take them.
pub fn all(
    header: &Header,
    files: &[Enclosed],
    rows: &Snapshot,
    take: impl FnMut(Bytes) -> bool,
) -> Result<u64, Ended> {
    let mut pieces = Pieces { piece: Vec::new(), digest: Sha256::new(), take };
    pieces.put(&[serde_json::to_string(header)?.as_bytes(), b"\n"])?;
    for Enclosed { name, bytes } in files {
        pieces.put(&[&[FILE, name.len() as u8], name.as_bytes(), &length(bytes.len()), bytes])?;
    }
    let mut count = 0;
    for table in Table::ALL {
        for row in rows.rows(table) {
            let (key, row) = row?;
            pieces.row(&key, &row)?;
            count += 1;
        }
    }
    pieces.finish(count)?;
    Ok(count)
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).expect("values and files are far below 4 GiB").to_le_bytes()
}

struct Pieces<T> {
    piece: Vec<u8>,
    digest: Sha256,
    take: T,
}

impl<T: FnMut(Bytes) -> bool> Pieces<T> {
    fn row(&mut self, key: &Key, row: &Row) -> Result<(), Ended> {
        let (partition, sort) = (&key.partition.bytes, &key.sort);
        self.put(&[
            &[ROW, key.partition.table as u8, partition.len() as u8],
            partition,
            &[sort.len() as u8],
            sort,
            &row.version.0.to_le_bytes(),
            &length(row.value.len()),
            &row.value,
        ])
    }

    fn put(&mut self, parts: &[&[u8]]) -> Result<(), Ended> {
        parts.iter().for_each(|part| self.piece.extend_from_slice(part));
        if self.piece.len() >= PIECE_BYTES { self.hand_on() } else { Ok(()) }
    }

    fn hand_on(&mut self) -> Result<(), Ended> {
        self.digest.update(&self.piece);
        let piece = std::mem::take(&mut self.piece);
        if (self.take)(piece.into()) { Ok(()) } else { Err(Ended::Gone) }
    }

    fn finish(mut self, rows: u64) -> Result<(), Ended> {
        self.put(&[&[END], &rows.to_le_bytes()])?;
        self.digest.update(&self.piece);
        let digest = self.digest.clone().finalize();
        self.piece.extend_from_slice(&digest);
        let piece = std::mem::take(&mut self.piece);
        if (self.take)(piece.into()) { Ok(()) } else { Err(Ended::Gone) }
    }
}
