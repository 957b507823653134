//! Names of things: organisations, regions, UCIDs, identifiers. Parsing lives here, so that a value of one of these
//! types is always within the bounds of contract section 1.

use crate::limits;
use crate::time::Ms;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Why a name was not accepted; the text is for the caller and holds no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadName(pub &'static str);

/// A tenant. At most 2^53 − 1, so that every JSON library reads it exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrgId(u64);

impl OrgId {
    /// An organisation's number: 1 to 2^53 − 1.
    pub fn new(number: u64) -> Result<Self, BadName> {
        match number {
            1..=limits::ORG_ID_MAX => Ok(Self(number)),
            _ => Err(BadName("must be an integer from 1 to 9007199254740991")),
        }
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a profile lives. Upper case; 1 to 8 of `[A-Z0-9-]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Region([u8; 8]);

impl Region {
    /// The code in upper case.
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|&b| b == 0).unwrap_or(self.0.len());
        std::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }

    /// The code padded with zeros to eight bytes, as it stands in keys.
    pub fn padded(&self) -> [u8; 8] {
        self.0
    }
}

impl FromStr for Region {
    type Err = BadName;
    fn from_str(code: &str) -> Result<Self, BadName> {
        let fits = (1..=8).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !fits {
            return Err(BadName("must be a region code of 1 to 8 letters, digits or hyphens"));
        }
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(code.bytes()) {
            *to = from.to_ascii_uppercase();
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Unified Customer ID: a UUID v7, so that the smaller one was created first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ucid(u128);

impl Ucid {
    /// A new one, of this moment and these random bits.
    pub fn new(now: Ms, random: u128) -> Self {
        let bytes = random.to_be_bytes();
        let mut tail = [0; 10];
        tail.copy_from_slice(&bytes[..10]);
        Self(uuid::Builder::from_unix_timestamp_millis(now, &tail).into_uuid().as_u128())
    }

    /// From its 128 bits.
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// Its 128 bits; big-endian bytes of them sort by creation.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// When it was made, by the clock of the node that made it.
    pub const fn created(self) -> Ms {
        (self.0 >> 80) as Ms
    }
}

impl FromStr for Ucid {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        Uuid::try_parse(text).map(|uuid| Self(uuid.as_u128())).map_err(|_| BadName("must be a UUID"))
    }
}

impl fmt::Display for Ucid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_u128(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Debug for Ucid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A kind and a value, within the bounds of contract section 1.
///
/// `Debug` shows the kind alone: values are personal data and stay out of logs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    kind: Box<str>,
    value: Box<str>,
}

impl Identifier {
    /// Trims the value and checks both against their bounds.
    pub fn new(kind: &str, value: &str) -> Result<Self, BadName> {
        check_kind(kind)?;
        let value = trimmed(value);
        match value.len() {
            0 => Err(BadName("is empty")),
            1..=limits::IDENTIFIER_BYTES => Ok(Self { kind: kind.into(), value: value.into() }),
            _ => Err(BadName("is longer than 512 bytes")),
        }
    }

    /// What sort of identifier it is, for example `user_id`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Its value. Personal data.
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// As [`str::trim`], which decodes characters even where there is nothing to take away.
fn trimmed(value: &str) -> &str {
    match value.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => value,
        _ => value.trim(),
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.kind)
    }
}

/// Whether this may be the kind of an identifier: `[A-Za-z0-9_.-]{1,64}` and not reserved.
pub fn check_kind(kind: &str) -> Result<(), BadName> {
    let fits = (1..=limits::KIND_BYTES).contains(&kind.len())
        && kind.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if !fits {
        return Err(BadName("is not a kind of identifier: 1 to 64 of letters, digits, '_', '.', '-'"));
    }
    if kind.starts_with('_') || kind == "ucid" || kind == "linkedUcid" {
        return Err(BadName("is a reserved kind"));
    }
    Ok(())
}

/// Whether this may name an attribute, group, consent or preference (contract section 1).
pub fn check_name(name: &str) -> Result<(), BadName> {
    if name.is_empty() || name.len() > limits::NAME_BYTES {
        return Err(BadName("a name has 1 to 128 bytes"));
    }
    if name.starts_with(['$', '_']) {
        return Err(BadName("a name does not begin with '$' or '_'"));
    }
    if name.chars().any(char::is_control) {
        return Err(BadName("a name has no control characters"));
    }
    Ok(())
}
