//! Places in a body, and what is wrong at them.

use super::{Json, Members};
use crate::limits;
use crate::problem::{Code, Problem, ServerCode};
use onefold_core::error::{Fault, step};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// A place in a body: a chain of steps on the stack, written out as a JSON pointer only when something is wrong there.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    up: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'p> {
    Root,
    Member(&'p str),
    Item(usize),
}

impl<'p> Place<'p> {
    /// The whole body.
    pub const ROOT: Place<'static> = Place { up: None, step: Step::Root };

    /// A member of the object here.
    pub fn member(&'p self, name: &'p str) -> Place<'p> {
        Place { up: Some(self), step: Step::Member(name) }
    }

    /// An item of the array here.
    pub fn item(&'p self, index: usize) -> Place<'p> {
        Place { up: Some(self), step: Step::Item(index) }
    }

    /// As a JSON pointer (RFC 6901); a member that is not like a name is `…` in it.
    pub fn pointer(&self) -> String {
        let mut pointer = self.up.map(Place::pointer).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Member(name) => pointer.push_str(&step(name)),
            Step::Item(index) => pointer.push_str(&format!("/{index}")),
        }
        pointer
    }
}

/// What is wrong with a body, in the order found; at most [`limits::FAULTS`] are kept.
#[derive(Debug, Default)]
pub struct Faults(Vec<(Code, Fault)>);

impl Faults {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Something is wrong at a place. The detail holds no value that was sent.
    pub fn add(&mut self, code: impl Into<Code>, place: &Place<'_>, detail: impl Into<Cow<'static, str>>) {
        self.add_at(code, place.pointer(), detail);
    }

    /// The same where the pointer is written already.
    pub fn add_at(&mut self, code: impl Into<Code>, pointer: String, detail: impl Into<Cow<'static, str>>) {
        let (code, fault) = (code.into(), Fault { pointer, detail: detail.into() });
        if self.0.len() < limits::FAULTS {
            self.0.push((code, fault));
        } else if let Some(last) = self.0.last_mut() {
            // The code of the problem is still the first of all that were broken, wherever that one came.
            let worse = Problem::of_faults(vec![(last.0, fault.clone()), (code, fault.clone())]);
            if worse.is_some_and(|problem| problem.code() == code) {
                *last = (code, fault);
            }
        }
    }

    /// The same, unless something is wrong there, or around it, already.
    pub fn add_beside(&mut self, code: impl Into<Code>, pointer: String, detail: impl Into<Cow<'static, str>>) {
        let around =
            |known: &str| pointer.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if !self.0.iter().any(|(_, fault)| around(&fault.pointer)) {
            self.add_at(code, pointer, detail);
        }
    }

    /// A member that is not as it must be.
    pub fn invalid(&mut self, place: &Place<'_>, detail: impl Into<Cow<'static, str>>) {
        self.add(ServerCode::Invalid, place, detail);
    }

    /// A member that this contract does not know.
    pub fn unknown(&mut self, place: &Place<'_>) {
        self.add(ServerCode::UnknownMember, place, "is not known");
    }

    /// A part of the contract that this version does not have.
    pub fn not_yet(&mut self, place: &Place<'_>) {
        self.add(ServerCode::NotYet, place, "is not there yet in this version");
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is wrong as one problem, or nothing.
    pub fn check(self) -> Result<(), Problem> {
        Problem::of_faults(self.0).map_or(Ok(()), Err)
    }

    /// The members of the object that a whole body must be.
    pub fn root<'j, 'a>(&mut self, body: &'j Json<'a>) -> &'j [(Cow<'a, str>, Json<'a>)] {
        self.object(body, &Place::ROOT).map_or(&[], Vec::as_slice)
    }

    /// The members of an object.
    pub fn object<'j, 'a>(&mut self, json: &'j Json<'a>, place: &Place<'_>) -> Option<&'j Members<'a>> {
        match json {
            Json::Object(members) => Some(members),
            _ => self.expected(place, "must be an object"),
        }
    }

    /// The items of an array.
    pub fn array<'j, 'a>(&mut self, json: &'j Json<'a>, place: &Place<'_>) -> Option<&'j [Json<'a>]> {
        match json {
            Json::Array(items) => Some(items),
            _ => self.expected(place, "must be an array"),
        }
    }

    /// A string.
    pub fn text<'j>(&mut self, json: &'j Json<'_>, place: &Place<'_>) -> Option<&'j str> {
        match json {
            Json::Text(text) => Some(text),
            _ => self.expected(place, "must be a string"),
        }
    }

    /// A boolean.
    pub fn boolean(&mut self, json: &Json<'_>, place: &Place<'_>) -> Option<bool> {
        match json {
            Json::Boolean(truth) => Some(*truth),
            _ => self.expected(place, "must be true or false"),
        }
    }

    /// An integer within bounds; `detail` says which.
    pub fn integer<T: TryFrom<i64>>(
        &mut self,
        json: &Json<'_>,
        place: &Place<'_>,
        bounds: RangeInclusive<i64>,
        detail: &'static str,
    ) -> Option<T> {
        let number = match json {
            Json::Integer(number) if bounds.contains(number) => T::try_from(*number).ok(),
            _ => None,
        };
        if number.is_none() {
            self.invalid(place, detail);
        }
        number
    }

    /// What a parser of a value says, or a fault with what it says against it.
    pub fn parsed<T, E: std::fmt::Display>(&mut self, result: Result<T, E>, place: &Place<'_>) -> Option<T> {
        result.map_err(|error| self.invalid(place, error.to_string())).ok()
    }

    fn expected<T>(&mut self, place: &Place<'_>, detail: &'static str) -> Option<T> {
        self.invalid(place, detail);
        None
    }
}
