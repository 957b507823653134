//! Values that attributes hold: scalars and lists of them, numbers and their sums.

use crate::time::Ms;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;

/// A JSON string, number or boolean.
///
/// Numbers that are whole and exact in a double are kept as integers, so that `1` and `1.0` are one value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Scalar {
    /// A string.
    Text(Box<str>),
    /// A whole number.
    Integer(i64),
    /// A number that is not whole, or too large to be exact. Never NaN or infinite.
    Double(f64),
    /// True or false.
    Boolean(bool),
}

impl Scalar {
    /// A number from a double; `None` if it is not finite.
    pub fn from_f64(number: f64) -> Option<Self> {
        Number::from_f64(number).map(Scalar::from)
    }

    /// The number in it, if it is one.
    pub fn number(&self) -> Option<Number> {
        match self {
            Scalar::Integer(n) => Some(Number::Integer(*n)),
            Scalar::Double(n) => Some(Number::Double(*n)),
            Scalar::Text(_) | Scalar::Boolean(_) => None,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Scalar::Boolean(_) => 0,
            Scalar::Integer(_) | Scalar::Double(_) => 1,
            Scalar::Text(_) => 2,
        }
    }
}

impl Ord for Scalar {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Scalar::Text(a), Scalar::Text(b)) => a.cmp(b),
            (Scalar::Boolean(a), Scalar::Boolean(b)) => a.cmp(b),
            (a, b) => match (a.number(), b.number()) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => a.rank().cmp(&b.rank()),
            },
        }
    }
}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scalar {}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Scalar::Text(text.into())
    }
}

impl From<Number> for Scalar {
    fn from(number: Number) -> Self {
        match number {
            Number::Integer(n) => Scalar::Integer(n),
            Number::Double(n) => Scalar::Double(n),
        }
    }
}

/// A finite number, whole where it can be.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Number {
    /// A whole number.
    Integer(i64),
    /// Any other.
    Double(f64),
}

/// Whole doubles below this are exact.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Number {
    /// From a double; `None` if it is not finite.
    pub fn from_f64(number: f64) -> Option<Self> {
        if !number.is_finite() {
            return None;
        }
        let whole = number.fract() == 0.0 && number.abs() < EXACT;
        Some(if whole { Number::Integer(number as i64) } else { Number::Double(number) })
    }

    /// As a double; whole numbers beyond 2^53 are rounded.
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Integer(n) => n as f64,
            Number::Double(n) => n,
        }
    }

    /// The sum, in the order given. Whole as long as every part is and the sum fits; else a double, held within the
    /// finite ones.
    pub fn sum(parts: impl IntoIterator<Item = Number>) -> Number {
        let (mut whole, mut rest, mut exact) = (0_i128, 0_f64, true);
        for part in parts {
            match part {
                Number::Integer(n) => whole += i128::from(n),
                Number::Double(n) => (rest, exact) = (rest + n, false),
            }
        }
        match i64::try_from(whole) {
            Ok(n) if exact => Number::Integer(n),
            _ => Number::from_f64((whole as f64 + rest).clamp(f64::MIN, f64::MAX)).unwrap_or(Number::Integer(0)),
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => a.cmp(b),
            (a, b) => a.as_f64().total_cmp(&b.as_f64()).then_with(|| a.is_double().cmp(&b.is_double())),
        }
    }
}

impl Number {
    fn is_double(self) -> bool {
        matches!(self, Number::Double(_))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

/// What an attribute shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// One value.
    One(Scalar),
    /// A list; no entry twice.
    List(Vec<Scalar>),
}

/// Where a value came from: the `source` of a write, or the name of its key.
pub type Source = Arc<str>;

/// Something that was said, when, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped<V> {
    /// What was said.
    pub value: V,
    /// When it was true, by the client's `timestamp` or else the server's.
    pub ts: Ms,
    /// Who said it.
    pub source: Source,
}

impl<V> Stamped<V> {
    /// Puts this in a place that keeps the newest. An equal stamp counts as newer: within one profile the later arrival
    /// wins.
    pub fn replace_older(self, place: &mut Option<Stamped<V>>) {
        if place.as_ref().is_none_or(|old| old.ts <= self.ts) {
            *place = Some(self);
        }
    }

    /// The same stamp on something else.
    pub fn with<W>(&self, value: W) -> Stamped<W> {
        Stamped { value, ts: self.ts, source: self.source.clone() }
    }
}
