//! International telephone numbers.
//!
//! A parser of our own, because its answer is part of identity: a library that follows the numbering plans of all
//! countries would read a number in another way after an update, and no longer find who was stored under the first.
//! This one knows only what does not change: where a country code ends, how long a number may be, and which countries
//! never begin a number with the 0 that is dialled at home.

use std::ops::RangeInclusive;

/// A number that begins with `+` or `00` and a country code, as E.164 writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phone {
    e164: String,
    /// Where the country code ends in it.
    national: usize,
}

/// Digits of a whole number; the longest is of E.164, the shortest are those of small islands.
const DIGITS: RangeInclusive<usize> = 7..=15;

/// Digits that begin with these are country codes of two; all others but 1 and 7 have three, in use or not.
const TWO_DIGITS: [&[u8; 2]; 44] = [
    b"20", b"27", b"30", b"31", b"32", b"33", b"34", b"36", b"39", b"40", b"41", b"43", b"44", b"45", b"46", b"47",
    b"48", b"49", b"51", b"52", b"53", b"54", b"55", b"56", b"57", b"58", b"60", b"61", b"62", b"63", b"64", b"65",
    b"66", b"81", b"82", b"84", b"86", b"90", b"91", b"92", b"93", b"94", b"95", b"98",
];

/// Countries whose numbers never begin with 0, and where a 0 before them is dialled at home, so that people write
/// `+49 (0)171 …`. Not Italy, the Ivory Coast, Congo or Gabon: there it belongs to the number. A country that is
/// missing here has its numbers taken as they are written, which never makes two numbers one.
const HOME_ZERO: [&str; 45] = [
    "20", "27", "31", "32", "33", "40", "41", "43", "44", "46", "49", "51", "60", "61", "62", "63", "64", "66", "81",
    "82", "84", "86", "90", "91", "92", "93", "94", "95", "98", "212", "213", "233", "234", "254", "255", "256", "353",
    "358", "380", "381", "385", "386", "387", "389", "972",
];

impl Phone {
    /// Reads a number, however it is spaced. `None` if it is not an international one: a number without its country
    /// could be anybody's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = digits(text)?;
        let code = country_code(digits.as_bytes());
        let (code, national) = digits.split_at_checked(code)?;
        let national = match national.strip_prefix('0') {
            Some(rest) if HOME_ZERO.contains(&code) => rest,
            _ => national,
        };
        if !is_possible(code, national) {
            return None;
        }
        Some(Self { e164: format!("+{code}{national}"), national: 1 + code.len() })
    }

    /// With its `+`.
    pub(super) fn e164(&self) -> &str {
        &self.e164
    }

    /// With its `+`.
    pub(super) fn into_e164(self) -> String {
        self.e164
    }

    /// Digits alone.
    pub(super) fn with_country_code(&self) -> &str {
        &self.e164[1..]
    }

    /// The digits after the country code.
    pub(super) fn without_country_code(&self) -> &str {
        &self.e164[self.national..]
    }
}

/// What stands after `+` or `00`, without what people put between digits. `None` if there is anything else in it.
fn digits(text: &str) -> Option<String> {
    let rest = text.strip_prefix('+').or_else(|| text.strip_prefix("00"))?;
    let kept =
        |c: &char| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '-' | '\u{2010}'..='\u{2013}' | '.' | '/' | '(' | ')');
    let digits: String = rest.chars().filter(kept).collect();
    let only_digits = digits.bytes().all(|b| b.is_ascii_digit());
    (only_digits && !digits.starts_with('0')).then_some(digits)
}

/// How many digits the country code has.
fn country_code(digits: &[u8]) -> usize {
    match digits {
        [b'1' | b'7', ..] => 1,
        [a, b, ..] if TWO_DIGITS.contains(&&[*a, *b]) => 2,
        _ => 3,
    }
}

fn is_possible(code: &str, national: &str) -> bool {
    let fits = DIGITS.contains(&(code.len() + national.len()));
    match code {
        "1" | "7" => national.len() == 10,
        // Still a 0 after one was taken off: nothing that could be dialled.
        _ => fits && !(national.starts_with('0') && HOME_ZERO.contains(&code)),
    }
}
