//! The deletion log: a file beside the store to which every delete is appended before it is acknowledged, so that a
//! restored backup can be told what was deleted since (`onefold_core::gone`). Written here, read in [`read`].
//!
//! ```text
//! {"onefold":"deletions","version":1,"deployment":"…","log":"…"}
//! <checksum> {"what":"person","org":1,"region":"EU","ucid":"…","at":…,"deletion":"…","tiles":["…"],"aliases":["…"]}
//! <checksum> {"what":"call","org":1,"region":"EU","at":…,"deletion":"…","deleted":["…"],"requested":1}
//! <checksum> {"what":"key","key":{"keyId":"…","publicKey":"…",…}}
//! ```
//!
//! It holds ids and keyed hashes, nothing personal. A checksum covers its line and the checksum before, so that nothing
//! can be missing in the middle. A line without its end was never acknowledged, and is cut off at the next start. That
//! nothing is missing at the end is known by a mark in the data directory, which is at most a second old.

mod lines;
pub mod read;

pub use lines::{Header, Mark, Said};

use crate::files::{keep, private, sync_name};
use async_trait::async_trait;
use lines::{checksum, first_line};
use onefold_api::receipts::PublicKey;
use onefold_core::gone::Gone;
use onefold_core::store::StoreError;
use onefold_engines::embedded::DELETION_MARK as MARK;
use read::{LogError, end_of};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Bytes in which a first line that was begun has its end.
const FIRST_LINE_BYTES: u64 = 512;
/// How old a mark may be when more was written since.
const MARK_AGE: Duration = Duration::from_secs(1);

/// A log that this process appends to.
#[derive(Clone)]
pub struct DeletionLog(Arc<Shared>);

struct Shared {
    path: PathBuf,
    header: Header,
    /// Lines that nobody has written yet.
    waiting: Mutex<Vec<Waiting>>,
    file: Mutex<Open>,
    /// Whether this process began it.
    begun: bool,
    /// Whether a mark is to be kept in a moment.
    marks_soon: AtomicBool,
    /// The data directory, once it is known that the log goes on from what it was.
    data: OnceLock<PathBuf>,
}

/// The file, and how far it is good.
struct Open {
    file: File,
    bytes: u64,
    last: String,
    /// Whether the mark says how far.
    is_marked: bool,
}

struct Waiting {
    json: String,
    written: Arc<OnceLock<Result<(), String>>>,
}

impl DeletionLog {
    /// Opens a log, making it if there is none. `deployment` is whose it is, `fresh` names a new one.
    ///
    /// # Errors
    /// Another process has it, it is of another deployment or of a newer version, or it is damaged at its end.
    pub fn open(path: &Path, deployment: &str, fresh: &str) -> Result<Self, LogError> {
        let failed = |error: io::Error| LogError::Io(path.into(), error);
        let mut file =
            private(OpenOptions::new().read(true).write(true).create(true).truncate(false), path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LogError::InUse(path.into())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let begun = is_unbegun(&mut file).map_err(failed)?;
        if begun {
            let header = Header::new(deployment, fresh);
            begin(&mut file, path, &header).map_err(failed)?;
        }
        let length = file.metadata().map_err(failed)?.len();
        let end = end_of(&mut file, path, length)?;
        end.header.check_deployment(path, deployment)?;
        // What comes after has no end: nobody was told that it is there.
        file.set_len(end.bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        let file = Mutex::new(Open { file, bytes: end.bytes, last: end.last, is_marked: false });
        let (path, header, waiting) = (path.into(), end.header, Mutex::default());
        Ok(Self(Arc::new(Shared {
            path,
            header,
            waiting,
            file,
            begun,
            marks_soon: AtomicBool::new(false),
            data: OnceLock::new(),
        })))
    }

    /// Makes sure that it goes on from what it was when this data directory last knew of it, and lets the directory know
    /// of it from now on.
    pub fn go_on_beside(&self, data: &Path) -> Result<(), LogError> {
        let Shared { path, header, begun, .. } = &*self.0;
        let failed = |error: io::Error| LogError::Io(path.clone(), error);
        let known: Option<Mark> = match std::fs::read(data.join(MARK)) {
            Ok(text) => Some(serde_json::from_slice(&text).map_err(|_| LogError::NoMark(data.join(MARK)))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let mut open = lock(&self.0.file);
        match known {
            Some(mark) if *begun || (open.last.is_empty() && mark.log != header.log) => tracing::warn!(
                log = %path.display(),
                "the deletion log was not there, and a new one is begun: backups from before now need --accept-missing-deletions"
            ),
            Some(mark) => {
                let end = if mark.bytes <= open.bytes { end_of(&mut open.file, path, mark.bytes).ok() } else { None };
                let goes_on = end.is_some_and(|end| end.bytes == mark.bytes && end.last == mark.last);
                if mark.log != header.log || !goes_on {
                    return Err(LogError::Shorter(path.clone()));
                }
            }
            None => {}
        }
        let _set_once = self.0.data.set(data.into());
        self.0.keep_mark(&mut open).map_err(failed)
    }

    /// Writes down a key of receipts before it signs any.
    pub async fn append_key(&self, key: &PublicKey) -> Result<(), StoreError> {
        self.append_said(&Said::Key(key.clone())).await
    }

    /// Sees to it that the mark is no older than it may be, also where nothing more is written.
    fn mark_soon(&self) {
        if lock(&self.0.file).is_marked || self.0.marks_soon.swap(true, Ordering::SeqCst) {
            return;
        }
        // It must not keep the log open.
        let shared = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            tokio::time::sleep(MARK_AGE).await;
            let Some(shared) = shared.upgrade() else { return };
            let marking = tokio::task::spawn_blocking(move || {
                shared.marks_soon.store(false, Ordering::SeqCst);
                shared.mark_or_tell(&mut lock(&shared.file));
            });
            // Its end is of no use to anybody.
            let _ended = marking.await;
        });
    }

    async fn append_said(&self, said: &Said) -> Result<(), StoreError> {
        let failed = |why: &str| StoreError::Unavailable(format!("the deletion log could not be written: {why}"));
        let json = lines::line(said).map_err(|error| failed(&error.to_string()))?;
        let written = Arc::new(OnceLock::new());
        lock(&self.0.waiting).push(Waiting { json, written: written.clone() });
        let shared = self.0.clone();
        // On its own thread: one sync serves all who wait, and goes on where a caller leaves.
        let done = tokio::task::spawn_blocking(move || shared.write_waiting()).await;
        done.map_err(|error| failed(&error.to_string()))?;
        self.mark_soon();
        match written.get() {
            Some(Ok(())) => Ok(()),
            Some(Err(why)) => Err(failed(why)),
            None => Err(failed("nobody wrote it")),
        }
    }

    /// Names it.
    pub fn name(&self) -> &str {
        &self.0.header.log
    }

    /// Which log this is and how far it goes: what a restored backup expects of it.
    pub fn mark(&self) -> Mark {
        self.0.mark(&lock(&self.0.file))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

#[async_trait]
impl onefold_core::gone::DeletionLog for DeletionLog {
    async fn append(&self, gone: Gone) -> Result<(), StoreError> {
        self.append_said(&Said::Gone(gone)).await
    }
}

impl Shared {
    /// Writes all lines that wait; those of whoever calls are written by now or then.
    fn write_waiting(&self) {
        let mut open = lock(&self.file);
        let batch = std::mem::take(&mut *lock(&self.waiting));
        if batch.is_empty() {
            return;
        }
        let result = open.append(&self.path, batch.iter().map(|waiting| waiting.json.as_str()));
        if let Err(error) = &result {
            tracing::error!(%error, "the deletion log cannot be written; deletes are not acknowledged");
        }
        let result = result.map_err(|error| error.to_string());
        for waiting in batch {
            let _set_once = waiting.written.set(result.clone());
        }
    }

    fn mark(&self, open: &Open) -> Mark {
        Mark { log: self.header.log.clone(), bytes: open.bytes, last: open.last.clone() }
    }

    /// Lets the data directory know how far the log goes.
    fn keep_mark(&self, open: &mut Open) -> io::Result<()> {
        let Some(data) = self.data.get() else { return Ok(()) };
        keep(data, MARK, &serde_json::to_string(&self.mark(open))?)?;
        open.is_marked = true;
        Ok(())
    }

    fn mark_or_tell(&self, open: &mut Open) {
        if let Err(error) = self.keep_mark(open) {
            tracing::warn!(%error, "it could not be noted how far the deletion log goes");
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut open = lock(&self.file);
        if !open.is_marked {
            self.mark_or_tell(&mut open);
        }
    }
}

impl Open {
    fn append<'a>(&mut self, path: &Path, jsons: impl Iterator<Item = &'a str>) -> io::Result<()> {
        // A file that was taken away can still be written, and nobody would find it.
        if !is_at(&self.file, path) {
            return Err(io::Error::other("it is no longer where it was"));
        }
        let (mut text, mut last) = (String::new(), self.last.clone());
        for json in jsons {
            last = checksum(&last, json);
            text += &format!("{last} {json}\n");
        }
        // Where an earlier attempt failed half of a line may stand.
        self.file.set_len(self.bytes)?;
        self.file.seek(SeekFrom::Start(self.bytes))?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_data()?;
        self.bytes += text.len() as u64;
        (self.last, self.is_marked) = (last, false);
        Ok(())
    }
}

/// Whether a file is still the one that has this name.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let one = |about: std::fs::Metadata| (about.dev(), about.ino());
        matches!((file.metadata().map(one), path.metadata().map(one)), (Ok(file), Ok(named)) if file == named)
    }
    #[cfg(not(unix))]
    path.exists()
}

/// Whether a file is empty, or has only part of a first line because the start that made it was cut short.
fn is_unbegun(file: &mut File) -> io::Result<bool> {
    let mut start = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    Read::by_ref(file).take(FIRST_LINE_BYTES).read_to_end(&mut start)?;
    let whole = first_line(&Header::new("", ""))?;
    let common = start.iter().zip(whole.bytes().take(lines::BEGINNING)).all(|(is, begins)| *is == begins);
    let zeros = start.iter().all(|byte| *byte == 0);
    Ok((start.len() as u64) < FIRST_LINE_BYTES && !start.contains(&b'\n') && (common || zeros))
}

/// Writes the first line.
fn begin(file: &mut File, path: &Path, header: &Header) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(first_line(header)?.as_bytes())?;
    file.sync_all()?;
    sync_name(path)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line as the fuzzer gives it: what is read is written as something that is read as the same.
pub(crate) fn fuzz(text: &[u8]) {
    if let Some(gone) = std::str::from_utf8(text).ok().and_then(lines::parse) {
        let written = lines::line(&gone).expect("what was read can be written");
        assert_eq!(lines::parse(&written).as_ref(), Some(&gone));
    }
}

#[cfg(test)]
mod tests;
