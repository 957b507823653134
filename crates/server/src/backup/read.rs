//! Reading a backup: item by item, and whether it is whole.

use super::write::Enclosed;
use super::{DIGEST, END, FILE, Header, KIND, ROW, VERSION};
use crate::receipts;
use bytes::Bytes;
use onefold_core::store::{Row, Version};
use onefold_core::tables::{Key, Partition, Table};
use onefold_engines::embedded::{FORMAT_VERSION, OLDEST_VERSION, VALUE_BYTES};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes of the first line, at most.
const HEADER_BYTES: u64 = 64 << 10;
/// Bytes of an enclosed file, at most.
const FILE_BYTES: usize = 16 << 20;
/// Bytes that are read from the file at a time.
const BUFFER_BYTES: usize = 256 << 10;
/// Files that a backup may bring along.
const FILES: [&str; 1] = [receipts::FILE];

/// Why a backup cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refuses.
    #[error("{} cannot be read: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
    /// Something else.
    #[error("{} is not a backup of onefold", .0.display())]
    NotOne(PathBuf),
    /// Of a later version.
    #[error("{} was made by onefold {}, and this version cannot read it; use that one or a later one", .0.display(), .1)]
    Newer(PathBuf, String),
    /// Of a version whose rows are not read any more.
    #[error("{} was made by onefold {}, which is older than any whose rows this version reads; restore it with that one", .0.display(), .1)]
    Older(PathBuf, String),
    /// It ends early.
    #[error("{} is not complete: it ends in the middle", .0.display())]
    Truncated(PathBuf),
    /// It is not what was written.
    #[error("{} is damaged: {}", .0.display(), .1)]
    Damaged(PathBuf, &'static str),
}

/// What is in a backup.
#[derive(Debug)]
pub enum Item {
    /// A row.
    Row(Key, Row),
    /// A file.
    File(Enclosed),
}

/// A backup that is read from its beginning.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    digest: Sha256,
    /// The first line.
    pub header: Header,
    /// Rows so far.
    pub rows: u64,
    ended: bool,
}

impl Reader {
    /// Opens a backup, if it is one that this version reads.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let failed = |error| ReadError::Io(path.into(), error);
        let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(failed)?);
        let mut line = Vec::new();
        (&mut file).take(HEADER_BYTES).read_until(b'\n', &mut line).map_err(failed)?;
        let header = parse_header(path, &line)?;
        let digest = Sha256::new().chain_update(&line);
        Ok(Self { path: path.into(), file, digest, header, rows: 0, ended: false })
    }

    /// The next item; `None` once all are read and the whole is what was written.
    #[allow(clippy::should_implement_trait)] // it fails once, not again and again
    pub fn next(&mut self) -> Result<Option<Item>, ReadError> {
        if self.ended {
            return Ok(None);
        }
        match self.number::<1>()? {
            [ROW] => self.row().map(Some),
            [FILE] => self.enclosed().map(Some),
            [END] => self.end().map(|()| None),
            _ => Err(self.damaged("there is no such kind of item")),
        }
    }

    fn row(&mut self) -> Result<Item, ReadError> {
        let [number] = self.number()?;
        let Some(table) = Table::ALL.into_iter().find(|table| *table as u8 == number) else {
            return Err(self.damaged("there is no such table"));
        };
        let too_long = |reader: &Self| reader.damaged("a key is too long");
        let partition = self.short()?;
        let bytes = partition.as_slice().try_into().map_err(|_| too_long(self))?;
        let sort = self.short()?;
        let sort = sort.as_slice().try_into().map_err(|_| too_long(self))?;
        let version = Version(u64::from_le_bytes(self.number()?));
        let value = self.long(VALUE_BYTES)?;
        self.rows += 1;
        Ok(Item::Row(Key { partition: Partition { table, bytes }, sort }, Row { version, value: Bytes::from(value) }))
    }

    fn enclosed(&mut self) -> Result<Item, ReadError> {
        let name = self.short()?;
        let bytes = self.long(FILE_BYTES)?;
        match FILES.into_iter().find(|known| known.as_bytes() == name) {
            Some(name) => Ok(Item::File(Enclosed { name, bytes })),
            None => Err(self.damaged("it has a file that is not known")),
        }
    }

    fn end(&mut self) -> Result<(), ReadError> {
        let rows = u64::from_le_bytes(self.number()?);
        let expected = self.digest.clone().finalize();
        if self.number::<DIGEST>()? != *expected {
            return Err(self.damaged("its checksum is another one"));
        }
        if rows != self.rows {
            return Err(self.damaged("rows are missing"));
        }
        let more = self.file.fill_buf().map_err(|error| ReadError::Io(self.path.clone(), error))?;
        if !more.is_empty() {
            return Err(self.damaged("something follows its end"));
        }
        self.ended = true;
        Ok(())
    }

    fn short(&mut self) -> Result<Vec<u8>, ReadError> {
        let [length] = self.number()?;
        self.bytes(length.into())
    }

    fn long(&mut self, most: usize) -> Result<Vec<u8>, ReadError> {
        let length = u32::from_le_bytes(self.number()?) as usize;
        if length > most {
            return Err(self.damaged("a value is too long"));
        }
        self.bytes(length)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes).map_err(|error| self.broken(error))?;
        self.digest.update(bytes);
        Ok(bytes)
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; length];
        self.file.read_exact(&mut bytes).map_err(|error| self.broken(error))?;
        self.digest.update(&bytes);
        Ok(bytes)
    }

    fn broken(&self, error: io::Error) -> ReadError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => ReadError::Truncated(self.path.clone()),
            _ => ReadError::Io(self.path.clone(), error),
        }
    }

    fn damaged(&self, what: &'static str) -> ReadError {
        ReadError::Damaged(self.path.clone(), what)
    }
}

fn parse_header(path: &Path, line: &[u8]) -> Result<Header, ReadError> {
    let not_one = || ReadError::NotOne(path.into());
    let json: serde_json::Value = serde_json::from_slice(line).map_err(|_| not_one())?;
    if json["onefold"] != KIND {
        return Err(not_one());
    }
    // A later version may have another first line.
    let number = |name: &str| json[name].as_u64().ok_or_else(not_one);
    let program = || json["program"].as_str().unwrap_or("of another version").to_owned();
    if number("version")? > VERSION.into() || number("rows")? > FORMAT_VERSION.into() {
        return Err(ReadError::Newer(path.into(), program()));
    }
    if number("rows")? < OLDEST_VERSION.into() {
        return Err(ReadError::Older(path.into(), program()));
    }
    serde_json::from_value(json).map_err(|_| not_one())
}

/// Reads all of a backup and says what is in it, if it is whole.
pub fn verify(path: &Path) -> Result<(Header, u64), ReadError> {
    let mut reader = Reader::open(path)?;
    while reader.next()?.is_some() {}
    Ok((reader.header, reader.rows))
}
