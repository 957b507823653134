//! The URL parameters of questions about usage: `?from=&to=&by=`, and of reads: `?from=&to=&limit=&cursor=`. Moments
//! stand for whole hours: the one that `from` falls in is the first, and the last is that in which the last millisecond
//! before `to` falls.

use crate::moment;
use crate::problem::{Problem, ServerCode};
use onefold_core::error::{Fault, shown};
use onefold_core::limits;
use onefold_core::service::reads::Read;
use onefold_core::service::usage::{By, Hour};
use onefold_core::time::Ms;
use std::borrow::Cow;
use std::ops::Range;

/// Hours that are told of where a question does not say.
const HOURS: u32 = 24;

/// A question about usage.
pub(super) struct UsageAsked {
    pub(super) hours: Range<Hour>,
    pub(super) by: By,
}

/// A question about reads.
pub(super) struct ReadsAsked {
    pub(super) hours: Range<Hour>,
    /// After which read.
    pub(super) after: Option<Read>,
    pub(super) limit: u16,
}

/// How a way of telling usage apart is called.
pub(super) fn by_name(by: By) -> &'static str {
    match by {
        By::Key => "key",
        By::Operation => "operation",
        By::Hour => "hour",
    }
}

impl UsageAsked {
    pub(super) fn of(query: Option<&str>, now: Ms) -> Result<Self, Problem> {
        let (mut read, mut by) = (Reading::new(query), By::Hour);
        let (from, to) = (read.moment("from"), read.moment("to"));
        if let Some(value) = read.take("by") {
            match [By::Key, By::Operation, By::Hour].into_iter().find(|by| by_name(*by) == value) {
                Some(known) => by = known,
                None => read.fault("by", "must be key, operation or hour"),
            }
        }
        let hours = read.hours(from, to, now);
        read.finish("is not a parameter of usage")?;
        Ok(Self { hours, by })
    }
}

impl ReadsAsked {
    pub(super) fn of(query: Option<&str>, now: Ms) -> Result<Self, Problem> {
        let (mut read, mut limit) = (Reading::new(query), limits::KEY_READS_PAGE);
        let (from, to) = (read.moment("from"), read.moment("to"));
        if let Some(value) = read.take("limit") {
            match value.parse().ok().filter(|limit| (1..=limits::KEY_READS_PAGE).contains(limit)) {
                Some(number) => limit = number,
                None => read.fault("limit", "must be an integer from 1 to 1000"),
            }
        }
        let cursor = read.take("cursor").map(|value| value.parse::<Read>().ok());
        if cursor == Some(None) {
            read.fault("cursor", "must be what an answer gave as next");
        }
        let hours = read.hours(from, to, now);
        read.finish("is not a parameter of reads")?;
        Ok(Self { hours, after: cursor.flatten(), limit })
    }
}

/// The parameters that are left to read, and all that is wrong so far. Pointers name the parameter, as `?from`.
struct Reading<'q> {
    left: Vec<(Cow<'q, str>, Cow<'q, str>)>,
    faults: Vec<(String, &'static str)>,
}

impl<'q> Reading<'q> {
    fn new(query: Option<&'q str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self { left: pairs.filter(|(name, _)| name != "apikey").collect(), faults: Vec::new() }
    }

    fn fault(&mut self, name: &str, detail: &'static str) {
        self.faults.push((format!("?{}", shown(name)), detail));
    }

    fn take(&mut self, name: &str) -> Option<Cow<'q, str>> {
        let at = self.left.iter().position(|(other, _)| other == name)?;
        let (_, value) = self.left.remove(at);
        if self.left.iter().any(|(other, _)| other == name) {
            self.left.retain(|(other, _)| other != name);
            self.fault(name, "is given twice");
            return None;
        }
        Some(value)
    }

    /// `None` where there is none, or a bad one, which is a fault.
    fn moment(&mut self, name: &str) -> Option<Ms> {
        let value = self.take(name)?;
        let moment = moment::read(&value);
        if moment.is_none() {
            self.fault(name, moment::EXPECTED);
        }
        moment
    }

    /// Up to now and for a day, unless they say otherwise.
    fn hours(&mut self, from: Option<Ms>, to: Option<Ms>, now: Ms) -> Range<Hour> {
        let end = to.map_or(Hour::of(now).plus(1), Hour::from);
        let start = from.map_or(end.minus(HOURS), Hour::of);
        if !self.faults.is_empty() {
            return start..end;
        }
        let after = from.zip(to).is_some_and(|(from, to)| from >= to) || start >= end;
        match () {
            () if after && to.is_some() => self.fault("to", "must be after from"),
            () if after => self.fault("from", "must not lie ahead"),
            () if end.since(start) > limits::USAGE_HOURS => {
                self.fault("from", "must not be more than 31 days before to");
            }
            () => {}
        }
        start..end
    }

    fn finish(mut self, unknown: &'static str) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.left) {
            self.fault(&name, unknown);
        }
        let fault = |(pointer, detail): (String, &'static str)| Fault { pointer, detail: detail.into() };
        let faults = self.faults.into_iter().map(|found| (ServerCode::Invalid.into(), fault(found))).collect();
        Problem::of_faults(faults).map_or(Ok(()), Err)
    }
}
