//! What is counted of a call, and the guard that sees to it that every call is.

use super::Meter;
use crate::http::{ROUTES, place_of, search};
use crate::note::Note;
use axum::body::HttpBody;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use onefold_core::id::OrgId;
use onefold_core::org::KeyId;

/// The status under which a call is counted whose caller did not wait for the answer.
pub const HUNG_UP: u16 = 499;

/// What is said where answers to fetches are large.
const NOTICE: HeaderName = HeaderName::from_static("x-onefold-notice");
const NOTICE_TEXT: HeaderValue = HeaderValue::from_static(
    "the average answer to a fetch was above 1 KB in the last hour; name what you need in the member \"fetch\"",
);

/// What was called: a place in the route table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation(pub(super) u16);

impl Operation {
    /// A fetch; it is known without a look.
    pub const FETCH: Operation = Operation(0);
    /// What stands in no route table.
    const OTHER: Operation = Operation(u16::MAX);

    /// By method and route.
    pub fn of(method: &Method, route: &str) -> Self {
        match place_of(method, route) {
            Some(at) if route != search::PATH => u16::try_from(at + 1).map_or(Self::OTHER, Self),
            Some(_) => Self::FETCH,
            None => Self::OTHER,
        }
    }

    /// Its method and route, as the audit log calls it too.
    pub fn name(self) -> String {
        match usize::from(self.0).checked_sub(1).map(|at| ROUTES.get(at)) {
            None => search::OPERATION.into(),
            Some(Some(route)) => format!("{} {}", route.method, route.path),
            Some(None) => "other".into(),
        }
    }
}

/// A call that is over.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Of which organisation.
    pub org: OrgId,
    /// With which key.
    pub key: KeyId,
    /// What was called.
    pub operation: Operation,
    /// What was answered.
    pub status: u16,
    /// Whether it was not let in: whatever it said, nothing was done.
    pub refused: bool,
    /// Identifiers that it looked up.
    pub identifiers: u32,
    /// Bytes of the answer's body, as sent.
    pub bytes: u64,
}

/// A call under way: it is counted when it is answered, or when it is dropped because nobody waits for the answer.
pub struct Pending<'a> {
    meter: &'a Meter,
    note: &'a Note,
    method: &'a Method,
    route: &'a str,
    counted: bool,
}

impl<'a> Pending<'a> {
    /// A call of whoever is going to be in the note.
    pub fn new(meter: &'a Meter, note: &'a Note, (method, route): (&'a Method, &'a str)) -> Self {
        Self { meter, note, method, route, counted: false }
    }

    /// Counts it, and says in the answer what is to be said of such. Calls of nobody are not counted.
    pub fn answered(mut self, response: &mut Response, refused: bool) {
        self.counted = true;
        let Some(key) = self.note.key() else { return };
        let status = response.status();
        let fetch = self.route == search::PATH;
        let operation = if fetch { Operation::FETCH } else { Operation::of(self.method, self.route) };
        let call = Call {
            org: key.org.id,
            key: key.id,
            operation,
            status: status.as_u16(),
            refused,
            identifiers: self.note.identifiers(),
            bytes: response.body().size_hint().exact().unwrap_or(0),
        };
        // Whoever is answered without a body was shown nobody.
        let shown = self.note.shown().filter(|_| status == StatusCode::OK);
        self.meter.count(&call, shown.into_iter().flat_map(|shown| shown.iter()));
        if fetch && key.heavy && status == StatusCode::OK {
            response.headers_mut().insert(NOTICE, NOTICE_TEXT);
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let Some(key) = self.note.key().filter(|_| !self.counted) else { return };
        let call = Call {
            org: key.org.id,
            key: key.id,
            operation: Operation::of(self.method, self.route),
            status: HUNG_UP,
            refused: false,
            identifiers: self.note.identifiers(),
            bytes: 0,
        };
        self.meter.count(&call, std::iter::empty());
    }
}
