//! Erase: a person is deleted, with all that leads to them.

use super::Tenant;
use super::fetch::Sought;
use super::upsert::Idempotency;
use crate::error::Error;
use crate::id::{Region, Ucid};

/// A delete (contract section 7).
#[derive(Clone, Debug)]
pub struct Delete {
    /// Where the profiles live.
    pub region: Region,
    /// Whom to delete; all of one kind, or all UCIDs.
    pub sought: Vec<Sought>,
    /// The caller's idempotency key.
    pub idempotency: Option<Idempotency>,
}

/// What a delete did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// UCIDs of the people that it came to.
    pub ucids: Vec<Ucid>,
    /// UCIDs of the people that it deleted.
    pub deleted: Vec<Ucid>,
    /// Positions in `sought` of what led to nobody.
    pub not_found: Vec<usize>,
    /// Names the delete; a receipt stands under it.
    pub deletion: u128,
}

impl Tenant<'_> {
    /// Deletes people. When it returns `Ok` no read finds them.
    pub async fn delete(&self, _delete: &Delete) -> Result<Deleted, Error> {
        unreachable!()
    }
}
