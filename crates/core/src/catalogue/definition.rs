//! What an administrator says of kinds, attributes, groups and consents, as stored. Its bounds are in `check.rs`, what
//! it is before anybody says anything in `standard.rs`.
//!
//! The order of the variants of each enum is their encoding: new ones go last.

use crate::limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole catalogue, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Kinds of identifier. One without an entry is used as it comes.
    pub kinds: BTreeMap<Box<str>, KindEntry>,
    /// Attributes. One without an entry takes any value.
    pub attributes: BTreeMap<Box<str>, AttributeEntry>,
    /// Groups. They need no entry to exist.
    pub groups: BTreeMap<Box<str>, GroupEntry>,
    /// Consents. One without an entry holds for ever.
    pub consents: BTreeMap<Box<str>, ConsentEntry>,
}

/// What is said of a kind of identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindEntry {
    /// In which group it is shown; `None`: in that of the kind it derives from, or else of its own name.
    pub group: Option<Box<str>>,
    /// How its values are written.
    pub form: Form,
    /// The hashes by which a value is known as well. The first of them is what its writings have in common, so it
    /// should stay first.
    pub derives: Vec<Derivation>,
    /// Whether it names a device, not a person.
    pub device: bool,
    /// Whether its values are marked as personal.
    pub pii: bool,
    /// Whether a value is kept as it is, beside its hashes. Without it only the hashes are.
    pub keep_raw: bool,
    /// Whether its values are cookies, which leave after a while unless the strategy says when (contract section 6).
    pub cookie: Option<Cookie>,
}

/// Whose cookies the values of a kind are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cookie {
    /// Of the brand's own site: a value not communicated for 180 days leaves.
    FirstParty,
    /// Of somebody else's: 90 days.
    ThirdParty,
}

impl Cookie {
    /// Days from receipt after which a value leaves.
    pub fn ttl_days(self) -> u32 {
        match self {
            Cookie::FirstParty => limits::FIRST_PARTY_COOKIE_DAYS,
            Cookie::ThirdParty => limits::THIRD_PARTY_COOKIE_DAYS,
        }
    }
}

impl Default for KindEntry {
    fn default() -> Self {
        Self {
            group: None,
            form: Form::None,
            derives: Vec::new(),
            device: false,
            pii: false,
            keep_raw: true,
            cookie: None,
        }
    }
}

/// How values of a kind are written (contract section 1). What does not look like one stays as it is, but for an
/// e-mail address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// As they come.
    #[default]
    None,
    /// An e-mail address: lower-cased, by the rules of Unicode.
    Email,
    /// A telephone number: E.164 where it parses as an international one.
    Phone,
    /// A UUID: lower-cased where it looks like one.
    Uuid,
    /// A hash in hexadecimal digits: lower-cased where it looks like one.
    Hash,
}

/// One hash by which values of a kind are known as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derivation {
    /// The kind of the hash; of no other kind's.
    pub kind: Box<str>,
    /// How it is made.
    pub algorithm: Algorithm,
    /// What it is made of.
    pub writing: Writing,
}

/// How a hash is made; its value is lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// MD5. What others hold, not what anybody should choose.
    Md5,
    /// SHA-1. Likewise.
    Sha1,
}

impl Algorithm {
    /// Hexadecimal digits of its hashes.
    pub const fn digits(self) -> usize {
        match self {
            Algorithm::Sha256 => 64,
            Algorithm::Md5 => 32,
            Algorithm::Sha1 => 40,
        }
    }
}

/// In which writing a value is hashed. The first three are for any form but the telephone, the others for it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Writing {
    /// As it is in its form.
    AsIs,
    /// In lower case.
    Lower,
    /// In upper case.
    Upper,
    /// `+15551234567`.
    E164,
    /// `15551234567`.
    WithCountryCode,
    /// `5551234567`.
    WithoutCountryCode,
}

impl Writing {
    /// Whether it is one of telephone numbers.
    pub fn is_of_phone(self) -> bool {
        matches!(self, Writing::E164 | Writing::WithCountryCode | Writing::WithoutCountryCode)
    }
}

/// What is said of an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeEntry {
    /// To which group it belongs where a write names none; `None`: to that of its own name.
    pub group: Option<Box<str>>,
    /// What it may hold; `None`: anything.
    pub kind: Option<Type>,
    /// Whether it is marked as personal.
    pub pii: bool,
}

/// What an attribute may hold; see [`Type::accepts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Type {
    /// A string.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Double,
    /// True or false.
    Boolean,
    /// Milliseconds since 1970, or a string as RFC 3339 has it: a date, or a date and a time with its zone.
    Timestamp,
    /// A list.
    List,
}

/// What is said of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupEntry {
    /// Whether it is shown and folded only as a whole.
    pub atomic: bool,
}

/// What is said of a consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentEntry {
    /// For how many days a `yes` is shown: 1 to [`crate::limits::CONSENT_TTL_DAYS`].
    pub ttl_days: u32,
}
