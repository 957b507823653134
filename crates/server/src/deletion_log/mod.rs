//! The deletion log: a file beside the store to which every delete is appended before it is acknowledged, so that a
//! restored backup can be told what was deleted since (`onefold_core::gone`). Written here, read in [`read`].
//!
//! ```text
//! {"onefold":"deletions","version":1,"deployment":"…","log":"…"}
//! <checksum> {"what":"person","org":1,"region":"EU","ucid":"…","at":…,"deletion":"…","tiles":["…"],"aliases":["…"]}
//! <checksum> {"what":"call","org":1,"region":"EU","at":…,"deletion":"…","deleted":["…"],"requested":1}
//! ```
//!
//! It holds ids and keyed hashes, nothing personal. A checksum covers its line and the checksum before, so that nothing
//! can be missing in the middle. A line without its end was never acknowledged, and is cut off at the next start.

mod lines;
pub mod read;

pub use lines::{Header, Mark};

use crate::files::{private, sync_name};
use async_trait::async_trait;
use lines::{checksum, first_line};
use onefold_core::gone::Gone;
use onefold_core::store::StoreError;
use read::{LogError, end_of};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Bytes in which a first line that was begun has its end.
const FIRST_LINE_BYTES: u64 = 512;

/// A log that this process appends to.
#[derive(Clone)]
pub struct DeletionLog(Arc<Shared>);

struct Shared {
    path: PathBuf,
    header: Header,
    /// Lines that nobody has written yet.
    waiting: Mutex<Vec<Waiting>>,
    file: Mutex<Open>,
}

/// The file, and how far it is good.
struct Open {
    file: File,
    bytes: u64,
    last: String,
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
        if is_unbegun(&mut file).map_err(failed)? {
            let header = Header::new(deployment, fresh);
            begin(&mut file, path, &header).map_err(failed)?;
        }
        let end = end_of(&mut file, path)?;
        end.header.check_deployment(path, deployment)?;
        // What comes after has no end: nobody was told that it is there.
        file.set_len(end.bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        let open = Open { file, bytes: end.bytes, last: end.last };
        let shared =
            Shared { path: path.into(), header: end.header, waiting: Mutex::default(), file: Mutex::new(open) };
        Ok(Self(Arc::new(shared)))
    }

    /// Which log this is and how far it goes: what a restored backup expects of it.
    pub fn mark(&self) -> Mark {
        let open = lock(&self.0.file);
        Mark { log: self.0.header.log.clone(), bytes: open.bytes, last: open.last.clone() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

#[async_trait]
impl onefold_core::gone::DeletionLog for DeletionLog {
    async fn append(&self, gone: Gone) -> Result<(), StoreError> {
        let failed = |why: &str| StoreError::Unavailable(format!("the deletion log could not be written: {why}"));
        let json = lines::line(&gone).map_err(|error| failed(&error.to_string()))?;
        let written = Arc::new(OnceLock::new());
        lock(&self.0.waiting).push(Waiting { json, written: written.clone() });
        let shared = self.0.clone();
        // On its own thread: one sync serves all who wait, and goes on where a caller leaves.
        let done = tokio::task::spawn_blocking(move || shared.write_waiting()).await;
        done.map_err(|error| failed(&error.to_string()))?;
        match written.get() {
            Some(Ok(())) => Ok(()),
            Some(Err(why)) => Err(failed(why)),
            None => Err(failed("nobody wrote it")),
        }
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
        let result = open.append(batch.iter().map(|waiting| waiting.json.as_str()));
        if let Err(error) = &result {
            tracing::error!(%error, "the deletion log cannot be written; deletes are not acknowledged");
        }
        let result = result.map_err(|error| error.to_string());
        for waiting in batch {
            let _set_once = waiting.written.set(result.clone());
        }
    }
}

impl Open {
    fn append<'a>(&mut self, jsons: impl Iterator<Item = &'a str>) -> io::Result<()> {
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
        self.last = last;
        Ok(())
    }
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
