//! Restoring a backup into a new data directory, and deleting again what was deleted since it was made.
//!
//! All is looked at before anything is changed: the directory, the whole backup, the whole deletion log. Then the rows are
//! written, the deletions done by the service itself, and last the directory becomes one that a server opens.

use super::Header;
use super::read::{Item, ReadError, Reader, verify};
use super::write::Enclosed;
use crate::deletion_log::read::{LogError, Reader as LogReader};
use crate::deletion_log::{DeletionLog, Said};
use crate::files::{keep, sync_name};
use crate::receipts;
use crate::system::{SystemClock, SystemEntropy};
use onefold_api::receipts::PublicKey;
use onefold_core::error::Error;
use onefold_core::service::Service;
use onefold_core::service::audit::{Act, Who};
use onefold_core::service::replay::Again;
use onefold_core::store::Row;
use onefold_core::tables::Key;
use onefold_core::time::{Clock, Ms};
use onefold_engines::embedded::{RestoreError, free_for_restore};
use onefold_engines::{Embedded, EmbeddedOptions, OpenError};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the audit log calls it.
const RESTORE: &str = "onefold restore";
const ACCEPTING: &str = "onefold restore --accept-missing-deletions";

/// What to restore, and where.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The backup.
    pub backup: PathBuf,
    /// The data directory.
    pub data: PathBuf,
    /// The deletion log to go by.
    pub log: PathBuf,
    /// Where the server will look for the deletion log, to go on with it.
    pub server_log: PathBuf,
    /// Whether deletions may be missing.
    pub accept_missing: bool,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The backup cannot be used.
    #[error("{0}; nothing was changed")]
    Backup(#[from] ReadError),
    /// The directory cannot be used.
    #[error("{0}")]
    Directory(#[from] OpenError),
    /// Without all deletions people would be back.
    #[error(
        "{0}; nothing was changed. Without it whoever was deleted since this backup was made would be back. Say where it is \
         with --deletion-log FILE; only if it is lost, and you answer for that, restore with --accept-missing-deletions"
    )]
    Deletions(LogError),
    /// There is another log already where the server will look for it.
    #[error("there is a deletion log at {} already, and another one is to be gone by; move the wrong one away", .0.display())]
    TwoLogs(PathBuf),
    /// In the middle.
    #[error("{0}; the directory is not complete, and a further restore begins anew")]
    Unfinished(String),
}

/// What was, or would be, restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The backup's first line.
    pub header: Header,
    /// Rows in it.
    pub rows: u64,
    /// Lines of the deletion log that were gone by.
    pub deletions: u64,
    /// When the last of them was written, and whether half a line came after it.
    pub until: (Option<Ms>, bool),
    /// Whether the key that signs receipts is a new one, since the one of the backup had been replaced.
    pub new_receipt_key: bool,
    /// Why not all deletions are known, where that was accepted.
    pub missing: Option<String>,
    /// What the deletions came to.
    pub again: Again,
}

/// What can be said before anything is changed.
pub struct Plan {
    wanted: Wanted,
    so_far: Restored,
    log: Log,
    /// Keys of receipts that the log tells of, the oldest first.
    keys: Vec<PublicKey>,
}

/// What there is of the deletion log.
#[derive(Clone, Copy)]
enum Log {
    Whole,
    Part,
    None,
}

/// Looks at everything, and changes nothing.
pub fn plan(wanted: Wanted) -> Result<Plan, Failed> {
    free_for_restore(&wanted.data)?;
    let (header, rows) = verify(&wanted.backup)?;
    if wanted.log.exists() && wanted.server_log.exists() && !is_same(&wanted.log, &wanted.server_log) {
        return Err(Failed::TwoLogs(wanted.server_log));
    }
    let mut told = Told::default();
    let wrong = told.read(&wanted.log, &header).err();
    let log = match &wrong {
        None => Log::Whole,
        // It must not be gone on with: a later restore would take it for whole.
        Some(LogError::Damaged(..) | LogError::NotOfBackup(..)) => Log::Part,
        Some(_) => Log::None,
    };
    let missing = match wrong {
        Some(wrong) if !wanted.accept_missing => return Err(Failed::Deletions(wrong)),
        wrong => wrong.map(|wrong| wrong.to_string()),
    };
    let (deletions, until) = (told.deletions, (told.until, told.torn));
    let again = Again::default();
    let so_far = Restored { header, rows, deletions, until, new_receipt_key: false, missing, again };
    Ok(Plan { wanted, so_far, log, keys: told.keys })
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// What a log tells of.
#[derive(Default)]
struct Told {
    deletions: u64,
    until: Option<Ms>,
    torn: bool,
    keys: Vec<PublicKey>,
}

impl Told {
    /// Reads as far as can be gone by; the error is what is wrong with the log.
    fn read(&mut self, log: &Path, header: &Header) -> Result<(), LogError> {
        let mut reader = LogReader::open(log)?.looking_for(&header.deletions);
        reader.header.check_deployment(log, &header.deployment)?;
        while let Some(said) = reader.next()? {
            match said {
                Said::Key(key) => self.keys.push(key),
                Said::Gone(gone) => {
                    self.deletions += 1;
                    self.until = Some(gone.at());
                }
            }
        }
        self.torn = reader.torn;
        reader.has_met()
    }
}

impl Plan {
    /// What would be restored.
    pub fn outlook(&self) -> &Restored {
        &self.so_far
    }

    /// Does it. Blocks.
    pub fn carry_out(self, runtime: &tokio::runtime::Runtime) -> Result<Restored, Failed> {
        let mut reader = Reader::open(&self.wanted.backup)?;
        let mut files = Vec::new();
        let rows = std::iter::from_fn(|| next_row(&mut reader, &mut files).transpose());
        let options = EmbeddedOptions { cache_bytes: 64 << 20, ..EmbeddedOptions::default() };
        let store = Embedded::restore(&self.wanted.data, options, rows).map_err(|error| match error {
            RestoreError::Open(error) => Failed::Directory(error),
            other => unfinished(other),
        })?;
        let mut new_receipt_key = false;
        for file in &files {
            let text = String::from_utf8_lossy(&file.bytes);
            let later = match file.name {
                receipts::FILE => {
                    let (entropy, now) = (&SystemEntropy, SystemClock.now());
                    let told = (&*self.keys, self.so_far.missing.is_none());
                    receipts::restored(&file.bytes, told, entropy, now).map_err(unfinished)?
                }
                _ => None,
            };
            new_receipt_key |= later.is_some();
            keep(&self.wanted.data, file.name, later.as_deref().unwrap_or(text.trim_end())).map_err(unfinished)?;
        }
        let so_far = Restored { new_receipt_key, ..self.so_far };
        runtime.block_on(Self { so_far, ..self }.finish(Arc::new(store)))
    }

    async fn finish(self, store: Arc<Embedded>) -> Result<Restored, Failed> {
        let Plan { wanted, so_far: mut restored, log, .. } = self;
        let service = Service::open(store.clone(), Arc::new(SystemClock), Arc::new(SystemEntropy));
        let service = service.await.map_err(unfinished)?;
        if deployment(&service) != restored.header.deployment {
            return Err(unfinished("the rows of the backup are of another deployment than it says"));
        }
        if restored.deletions > 0 {
            restored.again = replay(&service, &wanted.log, restored.deletions).await?;
        }
        if let Log::Whole = log {
            take_along(&wanted.log, &wanted.server_log).map_err(unfinished)?;
            // The directory knows of its log from its first moment on.
            let log = DeletionLog::open(&wanted.server_log, &deployment(&service), "").map_err(unfinished)?;
            log.go_on_beside(&wanted.data).map_err(unfinished)?;
        }
        record(&service, &restored).await.map_err(unfinished)?;
        store.finish_restore().map_err(unfinished)?;
        store.close().await;
        // Last, so that a restore which is cut short and run again finds it.
        if let Log::Part = log {
            set_aside(&wanted.server_log, service.clock().now()).map_err(unfinished)?;
        }
        Ok(restored)
    }
}

/// What tells a deployment from others, as it stands in files.
pub fn deployment(service: &Service) -> String {
    crate::hex::hex(&service.secret().deployment().0)
}

fn next_row(reader: &mut Reader, files: &mut Vec<Enclosed>) -> Result<Option<(Key, Row)>, ReadError> {
    loop {
        match reader.next()? {
            Some(Item::Row(key, row)) => return Ok(Some((key, row))),
            Some(Item::File(file)) => files.push(file),
            None => return Ok(None),
        }
    }
}

async fn replay(service: &Service, log: &Path, lines: u64) -> Result<Again, Failed> {
    let mut reader = LogReader::open(log).map_err(unfinished)?;
    let mut all = Again::default();
    let mut left = lines;
    while left > 0 {
        let Some(said) = reader.next().map_err(unfinished)? else { break };
        let Said::Gone(gone) = said else { continue };
        left -= 1;
        let again = service.delete_again(&gone).await.map_err(unfinished)?;
        all.people += again.people;
        all.with_them += again.with_them;
    }
    Ok(all)
}

/// Puts the log where the server goes on with it.
fn take_along(log: &Path, server_log: &Path) -> io::Result<()> {
    if server_log.exists() {
        return Ok(());
    }
    let beside = server_log.with_extension("part");
    fs::copy(log, &beside)?;
    fs::File::open(&beside)?.sync_all()?;
    fs::rename(&beside, server_log)?;
    sync_name(server_log)
}

/// Keeps a log that is not whole under another name, so that the next start begins a new one.
fn set_aside(server_log: &Path, now: Ms) -> io::Result<()> {
    if !server_log.exists() {
        return Ok(());
    }
    let mut name = server_log.as_os_str().to_owned();
    name.push(format!(".incomplete-{now}"));
    fs::rename(server_log, name)?;
    sync_name(server_log)
}

async fn record(service: &Service, restored: &Restored) -> Result<(), Error> {
    let what = if restored.missing.is_some() { ACCEPTING } else { RESTORE };
    let act = Act {
        who: Who::Server,
        what: what.into(),
        about: format!("backup of {}", restored.header.made_at).into(),
        request: "".into(),
        outcome: "done".into(),
        count: restored.again.people,
    };
    service.audit(None, act).await
}

fn unfinished(why: impl ToString) -> Failed {
    Failed::Unfinished(why.to_string())
}
