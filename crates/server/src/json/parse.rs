//! The parser. Written by hand because no library refuses all that section 3 of the contract refuses: a member twice,
//! an integer that would be rounded, half a surrogate pair.

use super::{Faults, Json, Members, Place};
use crate::limits;
use crate::problem::{Problem, ServerCode};
use std::borrow::Cow;
use std::collections::HashSet;

/// Reads one JSON text.
///
/// Fails with `request.malformed_json` or `request.too_deep` at the first such fault, since nothing after it can be
/// told, and otherwise with all members that come twice and all numbers that do not fit.
pub fn parse(body: &[u8]) -> Result<Json<'_>, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("is not valid UTF-8"))?;
    let mut parser = Parser { text, at: 0, faults: Faults::new() };
    let json = parser.value(&Place::ROOT, 0)?;
    parser.skip_space();
    if parser.at < text.len() {
        return Err(malformed("goes on after its end"));
    }
    parser.faults.check()?;
    Ok(json)
}

struct Parser<'a> {
    text: &'a str,
    /// Byte at which reading goes on; always between two characters.
    at: usize,
    faults: Faults,
}

type Read<T> = Result<T, Problem>;

/// Objects up to this many members are searched one by one for a member that comes twice.
const FEW: usize = 16;
/// Members and items for which there is room from the start: most objects and arrays have no more.
const SOME: usize = 4;

fn malformed(detail: &'static str) -> Problem {
    let mut faults = Faults::new();
    faults.add(ServerCode::MalformedJson, &Place::ROOT, detail);
    faults.check().err().unwrap_or_else(|| ServerCode::MalformedJson.into())
}

impl<'a> Parser<'a> {
    fn value(&mut self, place: &Place<'_>, depth: usize) -> Read<Json<'a>> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(b'{') => self.object(place, depth),
            Some(b'[') => self.array(place, depth),
            Some(b'-' | b'0'..=b'9') => self.number(place),
            Some(b't') => self.word("true", Json::Boolean(true)),
            Some(b'f') => self.word("false", Json::Boolean(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err(malformed("has a character where a value must stand")),
            None => Err(malformed("ends too early")),
        }
    }

    fn object(&mut self, place: &Place<'_>, depth: usize) -> Read<Json<'a>> {
        self.enter(place, depth)?;
        let mut members = Members::with_capacity(SOME);
        while !self.closes(b'}', members.is_empty())? {
            if self.peek() != Some(b'"') {
                return Err(malformed("has an object whose member has no name"));
            }
            let name = self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return Err(malformed("has a member without ':'"));
            }
            let value = self.value(&place.member(&name), depth + 1)?;
            members.push((name, value));
        }
        self.check_twice(&members, place);
        Ok(Json::Object(members))
    }

    fn array(&mut self, place: &Place<'_>, depth: usize) -> Read<Json<'a>> {
        self.enter(place, depth)?;
        let mut items = Vec::with_capacity(SOME);
        while !self.closes(b']', items.is_empty())? {
            let item = self.value(&place.item(items.len()), depth + 1)?;
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    /// Steps over the opening bracket.
    fn enter(&mut self, place: &Place<'_>, depth: usize) -> Read<()> {
        if depth >= limits::JSON_DEPTH {
            return Err(Problem::at(ServerCode::TooDeep, place.pointer()));
        }
        self.at += 1;
        Ok(())
    }

    /// Whether the closing bracket comes next; if not, steps over the comma and stands at the next item.
    fn closes(&mut self, bracket: u8, first: bool) -> Read<bool> {
        self.skip_space();
        if self.take(bracket) {
            return Ok(true);
        }
        if !first && !self.take(b',') {
            return Err(malformed("has something where ',' or a closing bracket must stand, or ends too early"));
        }
        self.skip_space();
        Ok(false)
    }

    fn check_twice(&mut self, members: &Members<'a>, place: &Place<'_>) {
        let twice: Vec<&str> = if members.len() <= FEW {
            let earlier = |at: usize| members[..at].iter().any(|(name, _)| *name == members[at].0);
            (1..members.len()).filter(|&at| earlier(at)).map(|at| &*members[at].0).collect()
        } else {
            let mut seen = HashSet::with_capacity(members.len());
            members.iter().map(|(name, _)| &**name).filter(|name| !seen.insert(*name)).collect()
        };
        for name in twice {
            self.faults.add(ServerCode::DuplicateKey, &place.member(name), "comes twice");
        }
    }

    fn word(&mut self, word: &str, json: Json<'a>) -> Read<Json<'a>> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(malformed("has a word that is not true, false or null"));
        }
        self.at += word.len();
        Ok(json)
    }

    fn number(&mut self, place: &Place<'_>) -> Read<Json<'a>> {
        let start = self.at;
        let wrong = || malformed("has a number that is not written as JSON has it");
        self.take(b'-');
        let zero = self.peek() == Some(b'0');
        let digits = self.digits();
        if digits == 0 || (zero && digits > 1) {
            return Err(wrong());
        }
        let mut whole = true;
        if self.take(b'.') {
            whole = false;
            if self.digits() == 0 {
                return Err(wrong());
            }
        }
        if self.take(b'e') || self.take(b'E') {
            whole = false;
            if !self.take(b'+') {
                self.take(b'-');
            }
            if self.digits() == 0 {
                return Err(wrong());
            }
        }
        let text = &self.text[start..self.at];
        let json = if whole { text.parse().ok().map(Json::Integer) } else { double(text) };
        Ok(json.unwrap_or_else(|| {
            let detail = if whole { "is an integer of more than 64 bits" } else { "is larger than a double can be" };
            self.faults.add(ServerCode::Number, place, detail);
            Json::Integer(0)
        }))
    }

    fn digits(&mut self) -> usize {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    /// A string, from its opening quote on.
    fn string(&mut self) -> Read<Cow<'a, str>> {
        self.at += 1;
        let plain = self.plain();
        if self.take(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        while !self.take(b'"') {
            match self.peek() {
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err(malformed("has a control character in a string")),
                None => return Err(malformed("ends within a string")),
            }
            text.push_str(self.plain());
        }
        Ok(Cow::Owned(text))
    }

    /// What comes before the next quote, escape or control character. All of these are ASCII, so that the cut is
    /// between characters.
    fn plain(&mut self) -> &'a str {
        let start = self.at;
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        self.at += self.rest().iter().position(ends).unwrap_or(self.text.len() - start);
        &self.text[start..self.at]
    }

    fn escape(&mut self) -> Read<char> {
        self.at += 1;
        let escaped = self.peek();
        self.at += 1;
        Ok(match escaped {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(malformed("has an escape that JSON does not know")),
        })
    }

    /// The character of one `\u` escape, or of a pair of them.
    fn unicode(&mut self) -> Read<char> {
        let wrong = || malformed("has a \\u escape that is no character");
        let first = self.hex().ok_or_else(wrong)?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first).ok_or_else(wrong);
        }
        if !self.rest().starts_with(b"\\u") {
            return Err(wrong());
        }
        self.at += 2;
        let second = self.hex().filter(|unit| (0xdc00..0xe000).contains(unit)).ok_or_else(wrong)?;
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or_else(wrong)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        let unit = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        self.at += 4;
        Some(unit)
    }

    fn skip_space(&mut self) {
        self.at += self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }
}

fn double(text: &str) -> Option<Json<'static>> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Json::Double)
}
