//! Reading a deletion log: all of it, for a restore; only its end, to go on with it.

use super::lines::{CHECKSUM, Header, Mark, Said, checksum, parse};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes from the end in which the last two lines are looked for first; more if they are longer.
const TAIL: u64 = 128 << 10;
/// Bytes of a line, at most. One person has at most a thousand identifiers, and a hundred profiles.
const LINE_BYTES: u64 = 16 << 20;

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is none.
    #[error("there is no deletion log at {}", .0.display())]
    Missing(PathBuf),
    /// Another process appends to it.
    #[error("the deletion log {} is in use by another process; each server needs its own", .0.display())]
    InUse(PathBuf),
    /// Something else.
    #[error("{} is not a deletion log", .0.display())]
    NotOne(PathBuf),
    /// A later format.
    #[error("the deletion log {} was written by a newer version of onefold; use that version", .0.display())]
    Newer(PathBuf),
    /// Another server's.
    #[error("the deletion log {} belongs to another deployment: its data directory is another one", .0.display())]
    OtherDeployment(PathBuf),
    /// What it is of is gone.
    #[error(
        "the deletion log {} is there, and its data directory is not: restore a backup with onefold restore, or move the \
         log away to begin with an empty directory", .0.display()
    )]
    Orphaned(PathBuf),
    /// Not as it was written.
    #[error("the deletion log {} is damaged in line {}", .0.display(), .1)]
    Damaged(PathBuf, u64),
    /// Damaged where it should go on.
    #[error(
        "the deletion log {} is damaged at its end; move it elsewhere and keep it, and the next start begins a new one. \
         Backups from before then need --accept-missing-deletions", .0.display()
    )]
    DamagedEnd(PathBuf),
    /// Not the one that was there when the backup was made, or not all of it.
    #[error("the deletion log {} does not go on from the one that was there when the backup was made: {}", .0.display(), .1)]
    NotOfBackup(PathBuf, &'static str),
    /// Not the one that its data directory goes on from, or not all of it.
    #[error(
        "the deletion log {} is not the one that its data directory went on from, or not all of it: whoever was deleted \
         since would be back after a restore. Put the whole one in its place; only if it is lost, move this one away, and \
         the next start begins a new one. Backups from before then need --accept-missing-deletions", .0.display()
    )]
    Shorter(PathBuf),
    /// What tells how far it went.
    #[error("{} is damaged, so that it is not known how far the deletion log went; if you know that it is whole, move this file away", .0.display())]
    NoMark(PathBuf),
    /// What the system says.
    #[error("the deletion log {} cannot be used: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
}

/// Where a log ends, and may be gone on with.
pub(super) struct End {
    pub(super) header: Header,
    pub(super) bytes: u64,
    pub(super) last: String,
}

/// Reads the first line and the last two of so many bytes.
pub(super) fn end_of(file: &mut File, path: &Path, length: u64) -> Result<End, LogError> {
    let failed = |error| LogError::Io(path.into(), error);
    let first = first_line(file, path)?;
    let header = Header::parse(path, first.trim_end())?;
    let mut tail = TAIL;
    loop {
        let from = length.saturating_sub(tail).max(first.len() as u64);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from)).map_err(failed)?;
        Read::by_ref(file).take(length.saturating_sub(from)).read_to_end(&mut bytes).map_err(failed)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<&[u8]> = bytes[..whole].split_inclusive(|byte| *byte == b'\n').collect();
        let is_all = from == first.len() as u64;
        // The first of them may be cut in two where it is not all.
        if !is_all && lines.len() < 3 {
            tail = tail.saturating_mul(2);
            continue;
        }
        let text =
            |line: &[u8]| std::str::from_utf8(line).ok().and_then(|line| line.strip_suffix('\n')).map(str::to_owned);
        let damaged = || LogError::DamagedEnd(path.into());
        let Some((last, before)) = lines.split_last() else {
            return Ok(End { header, bytes: first.len() as u64, last: String::new() });
        };
        let before = match before.last() {
            Some(line) => text(line).and_then(|line| line.get(..CHECKSUM).map(str::to_owned)).ok_or_else(damaged)?,
            None => String::new(),
        };
        let last = text(last).and_then(|line| check(&before, &line)).ok_or_else(damaged)?;
        return Ok(End { header, bytes: from + whole as u64, last: last.0 });
    }
}

fn first_line(file: &mut File, path: &Path) -> Result<String, LogError> {
    let mut line = Vec::new();
    let read = file.seek(SeekFrom::Start(0));
    let read = read.and_then(|_| BufReader::new(&mut *file).take(LINE_BYTES).read_until(b'\n', &mut line));
    read.map_err(|error| LogError::Io(path.into(), error))?;
    String::from_utf8(line).ok().filter(|line| line.ends_with('\n')).ok_or_else(|| LogError::NotOne(path.into()))
}

/// The checksum of a line and what it says, if it is as it was written after that checksum.
fn check(before: &str, line: &str) -> Option<(String, String)> {
    let (sum, json) = line.split_at_checked(CHECKSUM)?;
    let json = json.strip_prefix(' ')?;
    (checksum(before, json) == sum).then(|| (sum.to_owned(), json.to_owned()))
}

/// A log that is read from its beginning, a line at a time.
pub struct Reader {
    path: PathBuf,
    file: BufReader<File>,
    /// What the file is.
    pub header: Header,
    last: String,
    lines: u64,
    bytes: u64,
    /// Whether there is a last line without its end.
    pub torn: bool,
    /// What is looked for on the way, and whether it was met.
    mark: Option<Mark>,
    met: bool,
}

impl Reader {
    /// Opens a log.
    pub fn open(path: &Path) -> Result<Self, LogError> {
        let mut file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => LogError::Missing(path.into()),
            _ => LogError::Io(path.into(), error),
        })?;
        let first = first_line(&mut file, path)?;
        let header = Header::parse(path, first.trim_end())?;
        let bytes = first.len() as u64;
        file.seek(SeekFrom::Start(bytes)).map_err(|error| LogError::Io(path.into(), error))?;
        let (path, file) = (path.into(), BufReader::new(file));
        Ok(Self { path, file, header, last: String::new(), lines: 1, bytes, torn: false, mark: None, met: false })
    }

    /// Looks for this mark on the way.
    pub fn looking_for(self, mark: &Mark) -> Self {
        let mut reader = Self { mark: Some(mark.clone()), ..self };
        reader.look();
        reader
    }

    fn look(&mut self) {
        let here = |mark: &Mark| mark.bytes == self.bytes && mark.last == self.last && mark.log == self.header.log;
        self.met |= self.mark.as_ref().is_some_and(here);
    }

    /// Whether the mark was met: it is the log that was there when the mark was made, and goes on from there.
    pub fn has_met(&self) -> Result<(), LogError> {
        let Some(mark) = self.mark.as_ref().filter(|_| !self.met) else { return Ok(()) };
        Err(LogError::NotOfBackup(
            self.path.clone(),
            match self.header.log == mark.log {
                true if self.bytes < mark.bytes => "it is an older copy, and ends too early",
                true => "it parts from it before that",
                false => "it is another one, begun later or earlier",
            },
        ))
    }

    /// What the next line says. A last line without its end was never acknowledged, and is left out.
    #[allow(clippy::should_implement_trait)] // it fails once, not again and again
    pub fn next(&mut self) -> Result<Option<Said>, LogError> {
        let mut line = Vec::new();
        let read = (&mut self.file).take(LINE_BYTES).read_until(b'\n', &mut line);
        read.map_err(|error| LogError::Io(self.path.clone(), error))?;
        let Some(text) = line.strip_suffix(b"\n") else {
            self.torn = !line.is_empty();
            return Ok(None);
        };
        self.lines += 1;
        let damaged = || LogError::Damaged(self.path.clone(), self.lines);
        let text = std::str::from_utf8(text).map_err(|_| damaged())?;
        let (sum, json) = check(&self.last, text).ok_or_else(damaged)?;
        self.bytes += line.len() as u64;
        self.last = sum;
        self.look();
        parse(&json).map(Some).ok_or_else(|| LogError::Newer(self.path.clone()))
    }
}
