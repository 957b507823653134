//! Fetch: from identifiers to the profiles as shown.

use super::Tenant;
use crate::error::Error;
use crate::id::{Identifier, Region, Ucid};
use crate::profile::render::Projection;
use bytes::Bytes;

/// One value of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// An identifier.
    Identifier(Identifier),
    /// A UCID, linked ones too.
    Ucid(Ucid),
}

/// A search (contract section 4).
#[derive(Clone, Debug)]
pub struct Search {
    /// The regions to look in, in order.
    pub regions: Vec<Region>,
    /// The values, in the order of the request.
    pub sought: Vec<Sought>,
    /// What to show; `None` shows everything, ready-made.
    pub only: Option<Projection>,
    /// Whether to say which of the values found each profile.
    pub matched: bool,
    /// Whether to say where each value came from.
    pub sources: bool,
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// A JSON array, one element a profile.
    pub body: Bytes,
    /// How many profiles.
    pub count: usize,
    /// The ETag, without quotes, where one profile was found.
    pub etag: Option<ETag>,
}

/// The two halves of an ETag: what writes set, and the whole unprojected answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ETag {
    /// Hash of what writes set; what `If-Match` compares.
    pub writes: u64,
    /// Hash of the unprojected answer.
    pub answer: u64,
}

impl std::fmt::Display for ETag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}.{:016x}", self.writes, self.answer)
    }
}

impl Tenant<'_> {
    /// The profiles that these values lead to. Nothing found is an empty answer, not an error.
    pub async fn fetch(&self, _search: &Search) -> Result<Found, Error> {
        unreachable!()
    }
}
