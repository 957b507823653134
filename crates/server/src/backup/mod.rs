//! A backup: one file with all rows as they were at one moment. Written by a running server ([`mod@write`]), read by
//! `onefold restore` ([`read`], [`restore`]).
//!
//! ```text
//! {"onefold":"backup","version":1,…}\n        what it is, from where, and how far the deletion log was
//! 1 table, partition, sort, version, value    a row; lengths before what varies, numbers little-endian
//! 2 name, bytes                               a file of the data directory
//! 9 rows, SHA-256 of all before               the end; nothing follows
//! ```

pub mod read;
pub mod restore;
pub mod write;

use crate::deletion_log::Mark;
use onefold_core::time::Ms;
use onefold_engines::embedded::FORMAT_VERSION;
use serde::{Deserialize, Serialize};

/// The version of the file that is written, and the latest that is read.
pub const VERSION: u32 = 1;

const KIND: &str = "backup";
const ROW: u8 = 1;
const FILE: u8 = 2;
const END: u8 = 9;
/// Bytes of a digest.
const DIGEST: usize = 32;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// `backup`.
    pub onefold: String,
    /// Of this file's format.
    pub version: u32,
    /// The version of the rows in it ([`FORMAT_VERSION`]).
    pub rows: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// When: what was acknowledged before is in it.
    pub made_at: Ms,
    /// Whose it is.
    pub deployment: String,
    /// The deletion log at that moment.
    pub deletions: Mark,
}

impl Header {
    /// Of a backup that is made now.
    pub fn new(made_at: Ms, deployment: String, deletions: Mark) -> Self {
        let program = env!("CARGO_PKG_VERSION").to_owned();
        Self { onefold: KIND.into(), version: VERSION, rows: FORMAT_VERSION, program, made_at, deployment, deletions }
    }
}

#[cfg(test)]
mod tests;
