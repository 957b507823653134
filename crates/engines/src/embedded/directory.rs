//! The data directory: whose it is, which format it has, and that one process has it. What is in `rows/` is fjall's.
//!
//! ```text
//! LOCK      locked by the process that has the directory open; empty
//! FORMAT    "onefold rows <version>"
//! CREATING  only while the directory is made for the first time
//! RESTORING only while a backup is restored into it; with it nothing but another restore takes the directory
//! CURRENT   the name of the folder that holds the rows; without it that is `rows`
//! STALE     since when something was overwritten or removed whose bytes may still lie in the files: epoch milliseconds
//! rows/     fjall's files, until the first purge
//! rows.N/   fjall's files after purge N; a folder that `CURRENT` does not name is a remainder, and is taken away
//! ```

#[cfg(test)]
use super::tests::reached;
use fjall::Database;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The version of the layout of directory, keys and values that this program reads and writes.
///
/// 3 came with `CURRENT`: a program that does not know it would look into a folder that is not there any more, and
/// begin anew. The rows are those of 2, so a directory of version 2 is taken over, and is one of version 3 from then on.
pub const FORMAT_VERSION: u32 = 3;

/// The earliest version that is taken over.
pub const OLDEST_VERSION: u32 = 2;

const LOCK: &str = "LOCK";
const FORMAT: &str = "FORMAT";
const CREATING: &str = "CREATING";
const RESTORING: &str = "RESTORING";
const ROWS: &str = "rows";
const CURRENT: &str = "CURRENT";
const STALE: &str = "STALE";
/// What a file system puts at the top of an empty disk.
const LOST_AND_FOUND: &str = "lost+found";
/// What may lie in a directory that is empty otherwise: deletions outlive the directory in which they were noted.
pub const DELETION_LOG: &str = "deletions.log";
/// Beside it: how far the log went.
pub const DELETION_MARK: &str = "deletions.mark";
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
    #[error("the data directory {} has format {found}, {}", .dir.display(), other_version(*.found, *.expected))]
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
    /// A restore was cut short in it.
    #[error("a restore into {} was not finished; run onefold restore again, which begins anew", .dir.display())]
    Restoring {
        /// The directory.
        dir: PathBuf,
    },
    /// A restore needs a directory without anything in it.
    #[error("{} is not empty; a restore needs a new or empty data directory, and changes nothing in another", .dir.display())]
    NotEmpty {
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
    /// Whether this process restores into it.
    restoring: bool,
}

impl Directory {
    /// Takes a directory, making it (mode 0700) if there is none.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { dir: path.into(), source };
        make_dir(path).map_err(io)?;
        if !could_be_ours(path).map_err(io)? {
            return Err(OpenError::NotOurs { dir: path.into() });
        }
        Ok(Self { path: path.into(), _lock: lock(path)?, restoring: false })
    }

    /// Takes a directory to restore into. What a restore left there that was cut short is taken away.
    pub(super) fn take_for_restore(path: &Path) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { dir: path.into(), source };
        free_for_restore(path)?;
        make_dir(path).map_err(io)?;
        let directory = Self { path: path.into(), _lock: lock(path)?, restoring: true };
        directory.begin_restore().map_err(io)?;
        Ok(directory)
    }

    fn begin_restore(&self) -> io::Result<()> {
        self.replace(RESTORING, "")?;
        for name in [CURRENT, STALE, FORMAT, CREATING] {
            self.remove(name)?;
        }
        self.remove_rows_but(None)
    }

    /// From now on it is a data directory like any other.
    pub(super) fn finish_restore(&self) -> io::Result<()> {
        self.remove(RESTORING)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name)).or_else(|error| if is_missing(&error) { Ok(()) } else { Err(error) })?;
        sync_dir(&self.path)
    }

    /// Opens the rows, making them if the directory is new.
    pub(super) fn rows(&self, block_cache_bytes: u64) -> Result<Database, OpenError> {
        let io = |source| OpenError::Io { dir: self.path.clone(), source };
        if !self.restoring && self.path.join(RESTORING).try_exists().map_err(io)? {
            return Err(OpenError::Restoring { dir: self.path.clone() });
        }
        let version = self.check_format()?;
        let new = self.begin().map_err(io)?;
        let folder = self.path.join(self.current().map_err(io)?);
        if !new && !folder.is_dir() {
            let reason = format!("{} is missing", folder.display());
            return Err(OpenError::Rows { dir: self.path.clone(), reason });
        }
        self.remove_remainders().map_err(io)?;
        let database = self.database(&folder, block_cache_bytes)?;
        if new {
            self.finish().map_err(io)?;
        } else if version != FORMAT_VERSION {
            self.replace(FORMAT, &format!("{FORMAT_WORDS}{FORMAT_VERSION}\n")).map_err(io)?;
        }
        Ok(database)
    }

    fn database(&self, folder: &Path, block_cache_bytes: u64) -> Result<Database, OpenError> {
        let database = Database::builder(folder).cache_size(block_cache_bytes).open();
        database.map_err(|error| self.rows_error(&error))
    }

    /// An empty database beside the current one, and the name of its folder. It counts for nothing until `switch`.
    pub(super) fn next_rows(&self, block_cache_bytes: u64) -> Result<(String, Database), OpenError> {
        let io = |source| OpenError::Io { dir: self.path.clone(), source };
        self.remove_remainders().map_err(io)?;
        let current = self.current().map_err(io)?;
        let name = format!("{ROWS}.{}", number(&current).unwrap_or(0) + 1);
        let folder = self.path.join(&name);
        make_dir(&folder).map_err(io)?;
        let database = self.database(&folder, block_cache_bytes)?;
        Ok((name, database))
    }

    /// From now on, whatever happens, the rows are in this folder. All that is in it must be durable. Where it fails it
    /// is not known which of the two the next start will open.
    pub(super) fn switch(&self, name: &str) -> io::Result<()> {
        sync_dir(&self.path)?; // The folder's own name.
        self.replace(CURRENT, &format!("{name}\n"))
    }

    /// Replaces a small file as a whole: after a crash it is the old one or the new one.
    fn replace(&self, name: &str, text: &str) -> io::Result<()> {
        let (draft, place) = (self.path.join(format!("{name}.new")), self.path.join(name));
        let mut file = make_file(&draft)?;
        file.set_len(0)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        reached("written beside");
        fs::rename(draft, place)?;
        reached("renamed");
        sync_dir(&self.path)
    }

    /// Bytes that the rows' files take up on the disk, as `du` counts them: journals are long and hollow.
    pub(super) fn disk_bytes(&self) -> io::Result<u64> {
        taken_up(&self.path.join(self.current()?))
    }

    /// The name of the folder that holds the rows.
    fn current(&self) -> io::Result<String> {
        let text = match fs::read_to_string(self.path.join(CURRENT)) {
            Err(error) if is_missing(&error) => return Ok(ROWS.to_owned()),
            text => text?,
        };
        match number(text.trim()) {
            Some(_) => Ok(text.trim().to_owned()),
            None => {
                Err(io::Error::new(io::ErrorKind::InvalidData, format!("{CURRENT} does not name a folder of rows")))
            }
        }
    }

    /// Takes away every folder of rows but the current one: what a purge left that was cut short.
    pub(super) fn remove_remainders(&self) -> io::Result<()> {
        self.remove_rows_but(Some(&self.current()?))
    }

    fn remove_rows_but(&self, current: Option<&str>) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let is_rows = |name: &str| name == ROWS || number(name).is_some();
            let rows = name.to_str().is_some_and(|name| Some(name) != current && is_rows(name));
            if rows {
                reached("removing");
                fs::remove_dir_all(self.path.join(&name))?;
            }
        }
        sync_dir(&self.path)
    }

    /// Notes, durably, since when the files hold what was deleted.
    pub(super) fn mark_stale(&self, since: SystemTime) -> io::Result<()> {
        let since = since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.replace(STALE, &format!("{}\n", since.as_millis()))
    }

    /// Takes that note away: no file holds what was deleted.
    pub(super) fn clear_stale(&self) -> io::Result<()> {
        self.remove(STALE)
    }

    /// Since when the files may hold what was deleted; `None` if they do not. What cannot be read counts as long ago.
    pub(super) fn stale_since(&self) -> Option<SystemTime> {
        let path = self.path.join(STALE);
        match fs::read_to_string(path) {
            Err(error) if is_missing(&error) => None,
            text => {
                let millis = text.ok().and_then(|text| text.trim().parse().ok()).map(Duration::from_millis);
                Some(
                    millis
                        .and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since))
                        .unwrap_or(SystemTime::UNIX_EPOCH),
                )
            }
        }
    }

    /// What is wrong with the rows, in words.
    pub(super) fn rows_error(&self, error: &fjall::Error) -> OpenError {
        OpenError::Rows { dir: self.path.clone(), reason: error.to_string() }
    }

    /// The version that is to be read.
    fn check_format(&self) -> Result<u32, OpenError> {
        if self.path.join(CREATING).exists() {
            return Ok(FORMAT_VERSION); // An earlier attempt may have been cut short while it wrote the format.
        }
        let text = match fs::read_to_string(self.path.join(FORMAT)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FORMAT_VERSION),
            Err(source) => {
                return Err(OpenError::Io { dir: self.path.clone(), source });
            }
            Ok(text) => text,
        };
        match text.strip_prefix(FORMAT_WORDS).and_then(|version| version.trim().parse().ok()) {
            Some(version @ OLDEST_VERSION..=FORMAT_VERSION) => Ok(version),
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
    for name in [FORMAT, CREATING, RESTORING] {
        if path.join(name).try_exists()? {
            return Ok(true);
        }
    }
    is_empty(path)
}

/// Whether a directory has nothing in it but what an empty one may have, or is not there.
fn is_empty(path: &Path) -> io::Result<bool> {
    let entries = match fs::read_dir(path) {
        Err(error) if is_missing(&error) => return Ok(true),
        entries => entries?,
    };
    for entry in entries {
        let name = entry?.file_name();
        if name != LOCK && name != LOST_AND_FOUND && name != DELETION_LOG && name != DELETION_MARK {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a backup can be restored into a directory: it is new or empty, or an earlier restore was cut short in it.
///
/// # Errors
/// [`OpenError::NotEmpty`], or that it cannot be looked into.
pub fn free_for_restore(path: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { dir: path.into(), source };
    if path.join(RESTORING).try_exists().map_err(io)? || is_empty(path).map_err(io)? {
        return Ok(());
    }
    Err(OpenError::NotEmpty { dir: path.into() })
}

/// Whether a restore was begun in a directory and has not come to its end.
pub fn is_being_restored(path: &Path) -> bool {
    path.join(RESTORING).exists()
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let io = |source| OpenError::Io { dir: path.into(), source };
    let lock = make_file(&path.join(LOCK)).map_err(io)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { dir: path.into() }),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// What is said of a format that is not read here.
fn other_version(found: u32, expected: u32) -> String {
    if found > expected {
        return format!(
            "and this program reads format {expected}: a newer onefold wrote it, which alone can go on with it"
        );
    }
    format!(
        "which is older than any that this program takes over ({OLDEST_VERSION} to {expected}): go on with the version of \
         onefold that wrote it, or begin with an empty directory"
    )
}

/// Which purge made the folder of this name; `None` if it is none of a purge.
fn number(name: &str) -> Option<u64> {
    name.strip_prefix(ROWS)?.strip_prefix('.')?.parse().ok()
}

/// Called at the steps of a purge, where tests end the process.
#[cfg(not(test))]
pub(super) fn reached(_: &str) {}

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

/// A file may go while it is looked at.
fn taken_up(path: &Path) -> io::Result<u64> {
    let about = match fs::symlink_metadata(path) {
        Err(error) if is_missing(&error) => return Ok(0),
        about => about?,
    };
    if !about.is_dir() {
        #[cfg(unix)]
        return Ok(std::os::unix::fs::MetadataExt::blocks(&about) * 512);
        #[cfg(not(unix))]
        return Ok(about.len());
    }
    fs::read_dir(path)?.map(|entry| taken_up(&entry?.path())).sum()
}

/// Bytes that this process may still write to the disk of a path; all there could be where it cannot be told.
pub(super) fn free_space(path: &Path) -> u64 {
    #[cfg(unix)]
    return rustix::fs::statvfs(path).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    #[cfg(not(unix))]
    u64::MAX
}
