//! The lines of a deletion log: as text, and back.

use super::read::LogError;
use crate::hex::{hex, unhex};
use onefold_api::receipts::PublicKey;
use onefold_core::gone::{Gone, GonePerson};
use onefold_core::id::{OrgId, Region, Ucid};
use onefold_core::profile::Suppressing;
use onefold_core::service::erase::Deletion;
use onefold_core::tables::RowHash;
use onefold_core::time::Ms;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io;
use std::path::Path;

/// The version that is written.
const VERSION: u32 = 1;
const KIND: &str = "deletions";
/// Bytes with which every first line begins.
pub(super) const BEGINNING: usize = "{\"onefold\":\"deletions\",".len();
/// Hexadecimal digits of a checksum.
pub(super) const CHECKSUM: usize = 32;

/// The first line: what the file is, and whose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    onefold: String,
    version: u32,
    deployment: String,
    /// Names this log, of all that the deployment ever had.
    pub log: String,
}

/// Which log, and how far: what was there when a backup was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The log's name.
    pub log: String,
    /// Its length.
    pub bytes: u64,
    /// The checksum of its last line; empty if there was none.
    pub last: String,
}

impl Header {
    pub(super) fn new(deployment: &str, log: &str) -> Self {
        Self { onefold: KIND.into(), version: VERSION, deployment: deployment.into(), log: log.into() }
    }

    /// From the first line.
    pub(super) fn parse(path: &Path, line: &str) -> Result<Self, LogError> {
        let header: Header = serde_json::from_str(line).map_err(|_| LogError::NotOne(path.into()))?;
        match header.onefold.as_str() {
            KIND if header.version <= VERSION => Ok(header),
            KIND => Err(LogError::Newer(path.into())),
            _ => Err(LogError::NotOne(path.into())),
        }
    }

    /// Whether it is of this deployment.
    pub fn check_deployment(&self, path: &Path, deployment: &str) -> Result<(), LogError> {
        if self.deployment == deployment { Ok(()) } else { Err(LogError::OtherDeployment(path.into())) }
    }
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// What was deleted.
    Gone(Gone),
    /// A key of receipts was made: what it signs must stay verifiable.
    Key(PublicKey),
}

/// A line, without its checksum.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "lowercase", deny_unknown_fields)]
enum Line {
    Person {
        org: u64,
        region: String,
        ucid: String,
        at: Ms,
        deletion: String,
        tiles: Vec<String>,
        aliases: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        suppress: Vec<SuppressLine>,
    },
    Call {
        org: u64,
        region: String,
        at: Ms,
        deletion: String,
        deleted: Vec<String>,
        requested: u32,
    },
    Key {
        key: PublicKey,
    },
}

/// An identifier that may not be written again: the kind and the hash of each writing.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SuppressLine {
    same: String,
    kind: Box<str>,
    writings: Vec<(Box<str>, String)>,
}

impl SuppressLine {
    fn of(one: &Suppressing) -> Self {
        let writings = one.writings.iter().map(|(kind, hash)| (kind.clone(), hex(&hash.0))).collect();
        Self { same: hex(&one.same.0), kind: one.kind.clone(), writings }
    }

    fn read(self) -> Option<Suppressing> {
        let writings = self.writings.into_iter().map(|(kind, hash)| Some((kind, RowHash(unhex(&hash)?))));
        Some(Suppressing {
            same: RowHash(unhex(&self.same)?),
            kind: self.kind,
            writings: writings.collect::<Option<_>>()?,
        })
    }
}

/// As it stands in the file, without its checksum.
pub(super) fn line(said: &Said) -> serde_json::Result<String> {
    let texts = |ucids: &[Ucid]| ucids.iter().map(Ucid::to_string).collect();
    serde_json::to_string(&match said {
        Said::Key(key) => Line::Key { key: key.clone() },
        Said::Gone(Gone::Person(GonePerson { org, region, ucid, at, deletion, tiles, aliases, suppress })) => {
            Line::Person {
                org: org.get(),
                region: region.to_string(),
                ucid: ucid.to_string(),
                at: *at,
                deletion: Ucid::from_u128(*deletion).to_string(),
                tiles: texts(tiles),
                aliases: aliases.iter().map(|hash| hex(&hash.0)).collect(),
                suppress: suppress.iter().map(SuppressLine::of).collect(),
            }
        }
        Said::Gone(Gone::Call { org, deletion, record }) => Line::Call {
            org: org.get(),
            region: record.region.to_string(),
            at: record.at,
            deletion: Ucid::from_u128(*deletion).to_string(),
            deleted: texts(&record.deleted),
            requested: record.requested,
        },
    })
}

/// What a line says; `None` if it says nothing that is known.
pub(super) fn parse(json: &str) -> Option<Said> {
    let ucids = |texts: Vec<String>| texts.iter().map(|text| text.parse().ok()).collect::<Option<Vec<Ucid>>>();
    let org = |org| OrgId::new(org).ok();
    Some(Said::Gone(match serde_json::from_str(json).ok()? {
        Line::Key { key } => return Some(Said::Key(key)),
        Line::Person { org: number, region, ucid, at, deletion, tiles, aliases, suppress } => {
            Gone::Person(GonePerson {
                org: org(number)?,
                region: region.parse::<Region>().ok()?,
                ucid: ucid.parse().ok()?,
                at,
                deletion: number_of(&deletion)?,
                tiles: ucids(tiles)?,
                aliases: aliases.iter().map(|hash| unhex(hash).map(RowHash)).collect::<Option<_>>()?,
                suppress: suppress.into_iter().map(SuppressLine::read).collect::<Option<_>>()?,
            })
        }
        Line::Call { org: number, region, at, deletion, deleted, requested } => Gone::Call {
            org: org(number)?,
            deletion: number_of(&deletion)?,
            record: Deletion { at, region: region.parse().ok()?, deleted: ucids(deleted)?, requested },
        },
    }))
}

/// Deletions are numbered as profiles are.
fn number_of(deletion: &str) -> Option<u128> {
    deletion.parse::<Ucid>().ok().map(Ucid::as_u128)
}

/// Covers a line and all before it.
pub(super) fn checksum(before: &str, json: &str) -> String {
    let digest = Sha256::new().chain_update(before).chain_update(json).finalize();
    hex(&digest[..CHECKSUM / 2])
}

/// The whole of the first line.
pub(super) fn first_line(header: &Header) -> io::Result<String> {
    Ok(serde_json::to_string(header)? + "\n")
}
