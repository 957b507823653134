//! The bytes of a profile row.
//!
//! A row begins with the version of this encoding and its state. A live row has a head of fixed form before its body,
//! so that a fetch reads what it needs (is it busy, does it list this identifier, the rendered answer) without parsing
//! the rest:
//!
//! ```text
//! 0   version (1)          8   valid until, ms    32  etag of the whole answer    44  hashes, sorted, 16 bytes each
//! 1   state                16  model              40  number of hashes, u32       …   length of the answer, u32
//! 2   flags (1 = busy)     24  etag of the writes                                 …   the answer; the body
//! ```
//!
//! Integers are big-endian. Bodies are postcard. A later version of the encoding keeps reading all earlier ones.

use super::{Erased, Live, Profile};
use crate::tables::RowHash;
use crate::time::Ms;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version that this code writes.
pub const VERSION: u8 = 1;

const LIVE: u8 = 1;
const SEALED: u8 = 2;
const FORWARD: u8 = 3;
const ERASED: u8 = 4;
/// Erased, and some identifiers are yet to be marked as suppressed: the body of the above, then those.
const SUPPRESSING: u8 = 5;
const BUSY: u8 = 1;
const HEAD: usize = 44;
const HASH: usize = 16;

/// The answer of an unprojected fetch, ready to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// A JSON array with the one profile.
    pub answer: Bytes,
    /// Until when it is right.
    pub valid_until: Ms,
    /// With which catalogue and definitions it was made.
    pub model: u64,
    /// The two halves of its ETag: what writes set, and the whole answer.
    pub etag: (u64, u64),
    /// What stands for the identifiers that lead here, sorted.
    pub hashes: Vec<RowHash>,
}

/// Why a row could not be read. Holds nothing of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRow(pub &'static str);

/// The bytes of a row that is not live.
pub fn encode_ended(profile: &Profile) -> Option<Bytes> {
    match profile {
        Profile::Live(_) => None,
        Profile::Sealed(body) => Some(with_body(vec![VERSION, SEALED], body)),
        Profile::Forward(body) => Some(with_body(vec![VERSION, FORWARD], body)),
        Profile::Erased(body) if body.suppress.is_empty() => Some(with_body(vec![VERSION, ERASED], body)),
        Profile::Erased(body) => Some(with_body(vec![VERSION, SUPPRESSING], &(body, &body.suppress))),
    }
}

/// The bytes of a live row.
pub fn encode_live(live: &Live, rendered: &Rendered) -> Bytes {
    let hashes = &rendered.hashes;
    let mut out = Vec::with_capacity(HEAD + HASH * hashes.len() + 2 * rendered.answer.len() + 256);
    out.extend([VERSION, LIVE, if live.is_busy() { BUSY } else { 0 }, 0, 0, 0, 0, 0]);
    for word in [rendered.valid_until, rendered.model, rendered.etag.0, rendered.etag.1] {
        out.extend(word.to_be_bytes());
    }
    out.extend(length(hashes.len()));
    hashes.iter().for_each(|hash| out.extend(hash.0));
    out.extend(length(rendered.answer.len()));
    out.extend_from_slice(&rendered.answer);
    with_body(out, live)
}

/// Reads a row.
pub fn decode(row: &Bytes) -> Result<Profile, BadRow> {
    match row.first_chunk::<2>() {
        Some([VERSION, LIVE]) => Ok(Profile::Live(body(View::new(row)?.body())?)),
        Some([VERSION, SEALED]) => Ok(Profile::Sealed(body(&row[2..])?)),
        Some([VERSION, FORWARD]) => Ok(Profile::Forward(body(&row[2..])?)),
        Some([VERSION, ERASED]) => Ok(Profile::Erased(body(&row[2..])?)),
        Some([VERSION, SUPPRESSING]) => {
            let (erased, suppress) = body::<(Erased, _)>(&row[2..])?;
            Ok(Profile::Erased(Erased { suppress, ..erased }))
        }
        Some([VERSION, _]) => Err(BadRow("unknown state of a profile row")),
        _ => Err(BadRow("unknown version of a profile row")),
    }
}

/// The head of a live row, read in place.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    row: &'a Bytes,
    hashes: usize,
    answer: (usize, usize),
}

impl<'a> View<'a> {
    /// Looks at a live row. `Err` where it is damaged.
    pub fn new(row: &'a Bytes) -> Result<Self, BadRow> {
        let bad = BadRow("the head of a live row is damaged");
        let hashes = read_length(row, HEAD - 4).ok_or(bad)?;
        let after = hashes.checked_mul(HASH).and_then(|n| n.checked_add(HEAD)).ok_or(bad)?;
        let answer = read_length(row, after).ok_or(bad)?;
        let view = Self { row, hashes, answer: (after + 4, answer) };
        if row.len() < after + 4 + answer { Err(bad) } else { Ok(view) }
    }

    /// Whether the row is live and of this version, so that [`View::new`] may look at it.
    pub fn is_live(row: &Bytes) -> bool {
        row.starts_with(&[VERSION, LIVE])
    }

    /// Whether a step of several rows is under way.
    pub fn is_busy(&self) -> bool {
        self.row[2] & BUSY != 0
    }

    /// Until when the rendered answer is right.
    pub fn valid_until(&self) -> Ms {
        self.word(8)
    }

    /// With which catalogue and definitions it was made.
    pub fn model(&self) -> u64 {
        self.word(16)
    }

    /// The halves of its ETag.
    pub fn etag(&self) -> (u64, u64) {
        (self.word(24), self.word(32))
    }

    /// Whether the row lists the identifier of this hash.
    pub fn lists(&self, hash: RowHash) -> bool {
        let hashes = &self.row[HEAD..HEAD + HASH * self.hashes];
        let (mut low, mut high) = (0, self.hashes);
        while low < high {
            let middle = usize::midpoint(low, high);
            match hashes[middle * HASH..(middle + 1) * HASH].cmp(&hash.0) {
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        false
    }

    /// The rendered answer: a JSON array with the one profile. Shares the row's bytes.
    pub fn answer(&self) -> Bytes {
        self.row.slice(self.answer.0..self.answer.0 + self.answer.1)
    }

    fn body(&self) -> &'a [u8] {
        &self.row[self.answer.0 + self.answer.1..]
    }

    fn word(&self, at: usize) -> u64 {
        self.row[at..].first_chunk().map_or(0, |word| u64::from_be_bytes(*word))
    }
}

fn length(of: usize) -> [u8; 4] {
    u32::try_from(of).expect("a row stays far below 4 GiB").to_be_bytes()
}

fn read_length(row: &[u8], at: usize) -> Option<usize> {
    let bytes = row.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_be_bytes(*bytes)).ok()
}

fn with_body(head: Vec<u8>, body: &impl Serialize) -> Bytes {
    postcard::to_extend(body, head).expect("a row's body always serialises into memory").into()
}

fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BadRow> {
    match postcard::take_from_bytes(bytes) {
        Ok((body, [])) => Ok(body),
        _ => Err(BadRow("the body of a profile row is damaged")),
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
