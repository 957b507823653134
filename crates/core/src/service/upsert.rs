//! Upsert: a record is resolved to its person, who then says what the record says.

use super::Tenant;
use super::fetch::ETag;
use crate::error::Error;
use crate::id::{Identifier, Region, Ucid};
use crate::patch::Patch;
use crate::tables::RowHash;
use crate::time::Ms;
use crate::value::Source;
use bytes::Bytes;

/// A write (contract section 5), checked for form.
#[derive(Clone, Debug)]
pub struct Write {
    /// Where the profile lives.
    pub region: Region,
    /// All of them name one person. No two of one kind.
    pub identifiers: Vec<Identifier>,
    /// The profile meant, if the caller knows it.
    pub ucid: Option<Ucid>,
    /// What is said.
    pub patch: Patch,
    /// When it was true; absent: the server's stamp.
    pub timestamp: Option<Ms>,
    /// Who says it.
    pub source: Source,
    /// The request's id, for explain.
    pub request: Box<str>,
    /// The caller's idempotency key and the hash of the request under it.
    pub idempotency: Option<Idempotency>,
    /// Under what condition.
    pub precondition: Precondition,
}

/// An idempotency key, by its hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// What stands for the key: `secret().operation(org, operation, key)`.
    pub key: RowHash,
    /// What stands for the request under it: `secret().body(bytes)`.
    pub body: RowHash,
}

/// Under what condition a write is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Always.
    #[default]
    None,
    /// `If-Match: *`: only if the profile exists.
    Exists,
    /// `If-Match`: only if the first half of its ETag is one of these.
    Matches(Vec<u64>),
    /// `If-None-Match: *`: only if it does not exist.
    Absent,
}

/// A write that was done.
#[derive(Clone, Debug)]
pub struct Written {
    /// A JSON array with the profile as it now is; empty where it has been deleted since (a repeat under an
    /// idempotency key).
    pub body: Bytes,
    /// Its UCID.
    pub ucid: Ucid,
    /// Its ETag.
    pub etag: Option<ETag>,
}

impl Tenant<'_> {
    /// Does a write. Durable when it returns `Ok`.
    pub async fn upsert(&self, _write: &Write) -> Result<Written, Error> {
        unreachable!()
    }
}
