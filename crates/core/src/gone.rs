//! The deletion log: what a store that is put back to an older state has to be told again.
//!
//! A backup holds whoever lived when it was made. So whatever is deleted is also written down outside of the store, before
//! it is acknowledged, and a restored backup is told of it before anybody is answered. Hashes and ids alone, nothing
//! personal; where it is written, and how, is not known here.

use crate::id::{OrgId, Region, Ucid};
use crate::profile::Suppressing;
use crate::service::erase::Deletion;
use crate::store::StoreError;
use crate::tables::RowHash;
use crate::time::Ms;
use async_trait::async_trait;

/// What is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// A person was erased.
    Person(GonePerson),
    /// A call deleted people: its record, from which receipts are made.
    Call {
        /// Whose.
        org: OrgId,
        /// Names it.
        deletion: u128,
        /// The record.
        record: Deletion,
    },
}

impl Gone {
    /// When.
    pub fn at(&self) -> Ms {
        match self {
            Gone::Person(person) => person.at,
            Gone::Call { record, .. } => record.at,
        }
    }
}

/// A person who was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GonePerson {
    /// The organisation.
    pub org: OrgId,
    /// Where the person lived.
    pub region: Region,
    /// The person.
    pub ucid: Ucid,
    /// When.
    pub at: Ms,
    /// The delete that did it.
    pub deletion: u128,
    /// The profiles that the person was made of.
    pub tiles: Vec<Ucid>,
    /// The identifiers that led there.
    pub aliases: Vec<RowHash>,
    /// Those that may not be written again.
    pub suppress: Vec<Suppressing>,
}

/// Where it is written down.
#[async_trait]
pub trait DeletionLog: Send + Sync + 'static {
    /// Writes it down. Durable when it returns `Ok`; otherwise it may be there or not, and comes again.
    async fn append(&self, gone: Gone) -> Result<(), StoreError>;
}
