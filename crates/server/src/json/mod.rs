//! Reading JSON strictly (contract section 3): a tree that keeps the order of members, the places in it, and the faults
//! found on the way, all of them before a request is answered.
//!
//! Strict means: valid UTF-8, nothing after the end, no member twice, at most [`crate::limits::JSON_DEPTH`] levels, and
//! no number that would not be kept as it was sent. `parse.rs` is the parser, `faults.rs` the places and faults.

mod faults;
mod parse;

pub use faults::{Faults, Place};
pub use parse::parse;

use std::borrow::Cow;

/// A JSON value. Strings borrow from the body unless they have escapes.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number without fraction and exponent.
    Integer(i64),
    /// Any other number; finite.
    Double(f64),
    /// A string.
    Text(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object; no member twice, in the order sent.
    Object(Members<'a>),
}

/// The members of an object, in the order sent.
pub type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

impl Json<'_> {
    /// Whether it stands for nothing at all: `null`, `""`, `[]`, `{}`, or a string of white space.
    pub fn is_blank(&self) -> bool {
        match self {
            Json::Null => true,
            Json::Text(text) => text.trim().is_empty(),
            Json::Array(items) => items.is_empty(),
            Json::Object(members) => members.is_empty(),
            Json::Boolean(_) | Json::Integer(_) | Json::Double(_) => false,
        }
    }

    /// As an integer. `5.0` is one too, as JSON Schema has it, within what a double holds exactly.
    pub fn integer(&self) -> Option<i64> {
        const EXACT: f64 = (1_i64 << 53) as f64;
        match self {
            Json::Integer(number) => Some(*number),
            Json::Double(number) if number.fract() == 0.0 && number.abs() < EXACT => Some(*number as i64),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
