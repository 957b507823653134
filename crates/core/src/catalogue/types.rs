//! Which sayings an attribute of a type takes (contract section 11).

use super::definition::Type;
use crate::profile::attribute::Said;
use crate::value::{Number, Scalar, Value};

impl Type {
    /// Whether this may be said of an attribute of the type; else why not, without the value.
    ///
    /// A removal may be said of all. Whole numbers are doubles too, and `1.0` is a whole number. A timestamp may be
    /// moved and held by the operators on numbers, as long as it is kept as milliseconds. A list takes everything that
    /// lists take, a plain value too, and its entries may be of any type; `$set` and `$set_once` must bring a list.
    pub fn accepts(self, said: &Said) -> Result<(), &'static str> {
        let fits = match said {
            Said::Unset => true,
            Said::Plain(value) => self == Type::List || self.holds(value),
            Said::Set(Value::One(value)) | Said::SetOnce(Value::One(value)) => self.holds(value),
            Said::Add(number) | Said::Min(number) | Said::Max(number) => self.holds_number(*number),
            Said::Entries(_) | Said::Remove(_) | Said::Set(Value::List(_)) | Said::SetOnce(Value::List(_)) => {
                self == Type::List
            }
        };
        if fits { Ok(()) } else { Err(self.wanted()) }
    }

    fn holds(self, value: &Scalar) -> bool {
        match (self, value) {
            (Type::String, Scalar::Text(_)) | (Type::Boolean, Scalar::Boolean(_)) => true,
            (Type::Timestamp, Scalar::Text(text)) => is_moment(text),
            _ => value.number().is_some_and(|number| self.holds_number(number)),
        }
    }

    fn holds_number(self, number: Number) -> bool {
        match number {
            Number::Integer(_) => matches!(self, Type::Integer | Type::Double | Type::Timestamp),
            Number::Double(_) => self == Type::Double,
        }
    }

    fn wanted(self) -> &'static str {
        match self {
            Type::String => "must be a string",
            Type::Integer => "must be a whole number",
            Type::Double => "must be a number",
            Type::Boolean => "must be true or false",
            Type::Timestamp => {
                "must be a timestamp: milliseconds since 1970, or a date, or a date and a time with its zone"
            }
            Type::List => "must be a list",
        }
    }
}

/// A date, or a date and a time with its zone: without one it would name no moment.
fn is_moment(text: &str) -> bool {
    match text.split_at_checked(10) {
        Some((date, "")) => is_date(date),
        Some((date, time)) => is_date(date) && time.strip_prefix(['T', 't', ' ']).is_some_and(is_time),
        None => false,
    }
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let (year, month, day) = (number(parts.next(), 4), number(parts.next(), 2), number(parts.next(), 2));
    match (year, month, day, parts.next()) {
        (Some(year), Some(month), Some(day), None) => (1..=days(year, month)).contains(&day),
        _ => false,
    }
}

fn days(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

fn is_time(text: &str) -> bool {
    let Some(zone) = text.find(['Z', 'z', '+', '-']) else {
        return false;
    };
    let (time, zone) = text.split_at(zone);
    let (time, fraction) = time.split_once('.').map_or((time, "0"), |(time, fraction)| (time, fraction));
    let fraction_fits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    // 60 is a leap second.
    fraction_fits && is_clock(time, &[23, 59, 60]) && (matches!(zone, "Z" | "z") || is_clock(&zone[1..], &[23, 59]))
}

/// Numbers of two digits with colons between, none above its bound.
fn is_clock(text: &str, most: &[u32]) -> bool {
    let mut parts = text.split(':');
    let fits = most.iter().all(|most| number(parts.next(), 2).is_some_and(|part| part <= *most));
    fits && parts.next().is_none()
}

fn number(text: Option<&str>, digits: usize) -> Option<u32> {
    let text = text.filter(|text| text.len() == digits && text.bytes().all(|b| b.is_ascii_digit()))?;
    text.parse().ok()
}
