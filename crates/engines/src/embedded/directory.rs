//! The data directory: whose it is, which format it has, and that one process has it. What is in `rows/` is fjall's.
//!
//! ```text
//! LOCK      locked by the process that has the directory open; empty
//! FORMAT    "onefold rows <version>"
//! CREATING  only while the directory is made for the first time
//! rows/     fjall's files
//! ```

use fjall::Database;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The version of the layout of directory, keys and values that this program reads and writes.
pub const FORMAT_VERSION: u32 = 2;

const LOCK: &str = "LOCK";
const FORMAT: &str = "FORMAT";
const CREATING: &str = "CREATING";
const ROWS: &str = "rows";
/// What a file system puts at the top of an empty disk.
const LOST_AND_FOUND: &str = "lost+found";
const FORMAT_WORDS: &str = "onefold rows ";

/// Why a data directory could not be opened. Nothing in it was changed, except where it was being made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the data directory {} is in use by another process; stop that one first, or give this one another directory", .dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// It was written by a program that uses another format.
    #[error(
        "the data directory {} has format {found}, and this program reads format {expected}; open it with the version of \
         onefold that wrote it, export from there and import here", .dir.display()
    )]
    OtherVersion {
        /// The directory.
        dir: PathBuf,
        /// The format that it has.
        found: u32,
        /// The format that this program has.
        expected: u32,
    },
    /// It holds something, but not what this engine writes.
    #[error("{} is not empty and not a data directory of onefold; give an empty or new directory", .dir.display())]
    NotOurs {
        /// The directory.
        dir: PathBuf,
    },
    /// The operating system refused.
    #[error("the data directory {} cannot be used: {source}", .dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The files of the rows cannot be opened.
    #[error("the rows in {} cannot be opened: {reason}; restore a backup, or ask for help with this text", .dir.display())]
    Rows {
        /// The directory.
        dir: PathBuf,
        /// What is wrong with them.
        reason: String,
    },
}

/// A directory that this process has to itself until this is dropped.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Locked; closing it gives the lock back.
    _lock: File,
}

impl Directory {
    /// Takes a directory, making it (mode 0700) if there is none.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { dir: path.into(), source };
        make_dir(path).map_err(io)?;
        if !could_be_ours(path).map_err(io)? {
            return Err(OpenError::NotOurs { dir: path.into() });
        }
        let lock = make_file(&path.join(LOCK)).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.into(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { dir: path.into() }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// Opens the rows, making them if the directory is new.
    pub(super) fn rows(&self, block_cache_bytes: u64) -> Result<Database, OpenError> {
        let io = |source| OpenError::Io { dir: self.path.clone(), source };
        self.check_format()?;
        let new = self.begin().map_err(io)?;
        let database = Database::builder(self.path.join(ROWS)).cache_size(block_cache_bytes).open();
        let database = database.map_err(|error| self.rows_error(&error))?;
        if new {
            self.finish().map_err(io)?;
        }
        Ok(database)
    }

    /// What is wrong with the rows, in words.
    pub(super) fn rows_error(&self, error: &fjall::Error) -> OpenError {
        OpenError::Rows { dir: self.path.clone(), reason: error.to_string() }
    }

    fn check_format(&self) -> Result<(), OpenError> {
        if self.path.join(CREATING).exists() {
            return Ok(()); // An earlier attempt may have been cut short while it wrote the format.
        }
        let text = match fs::read_to_string(self.path.join(FORMAT)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => {
                return Err(OpenError::Io { dir: self.path.clone(), source });
            }
            Ok(text) => text,
        };
        match text.strip_prefix(FORMAT_WORDS).and_then(|version| version.trim().parse().ok()) {
            Some(FORMAT_VERSION) => Ok(()),
            Some(found) => Err(OpenError::OtherVersion { dir: self.path.clone(), found, expected: FORMAT_VERSION }),
            None => Err(OpenError::NotOurs { dir: self.path.clone() }),
        }
    }

    /// Whether the rows are made for the first time. If an earlier attempt was cut short, what it left is taken away:
    /// fjall cannot go on with it, and no write was ever acknowledged from it, since `CREATING` outlives it.
    fn begin(&self) -> io::Result<bool> {
        let (creating, rows) = (self.path.join(CREATING), self.path.join(ROWS));
        if creating.try_exists()? {
            fs::remove_dir_all(&rows).or_else(|error| if is_missing(&error) { Ok(()) } else { Err(error) })?;
        } else if self.path.join(FORMAT).try_exists()? {
            return Ok(false);
        }
        make_file(&creating)?.sync_all()?;
        make_dir(&rows)?;
        sync_dir(&self.path)?;
        Ok(true)
    }

    fn finish(&self) -> io::Result<()> {
        let mut format = make_file(&self.path.join(FORMAT))?;
        format.set_len(0)?;
        writeln!(format, "{FORMAT_WORDS}{FORMAT_VERSION}")?;
        format.sync_all()?;
        sync_dir(&self.path)?;
        fs::remove_file(self.path.join(CREATING))?;
        sync_dir(&self.path)
    }
}

/// Whether a directory has our format, or has nothing in it but what we leave there before it has one.
fn could_be_ours(path: &Path) -> io::Result<bool> {
    if path.join(FORMAT).try_exists()? || path.join(CREATING).try_exists()? {
        return Ok(true);
    }
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if name != LOCK && name != LOST_AND_FOUND {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Makes a directory that only its owner can enter. fjall's own files get the process's usual mode, but lie inside.
fn make_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

fn make_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.read(true).write(true).create(true).truncate(false).open(path)
}

/// Makes the names in a directory durable. Elsewhere than on Unix a directory cannot be opened, nor need it be.
fn sync_dir(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Bytes that this process may still write to the disk of a path; all there could be where it cannot be told.
pub(super) fn free_space(path: &Path) -> u64 {
    #[cfg(unix)]
    return rustix::fs::statvfs(path).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    #[cfg(not(unix))]
    u64::MAX
}
