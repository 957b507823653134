//! `onefold usage`: what the keys of an organisation called, as a table and a small chart; and what commands that ask
//! about a time share.

use super::chart;
use super::client::Client;
use super::orgs::all;
use super::output::{Failure, Output, table};
use super::{At, Common};
use crate::moment;
use crate::system::SystemClock;
use clap::{Args, ValueEnum};
use http::Method;
use onefold_api::admin::OrgView;
use onefold_api::usage::{UsageItem, UsageSums, UsageView};
use onefold_core::time::{self, Clock, Ms};
use serde_json::Value;

#[derive(Debug, Args)]
pub(super) struct UsageArgs {
    #[command(flatten)]
    at: At,
    /// The organisation [default: the only one there is]
    #[arg(long, value_name = "N")]
    org: Option<u64>,
    #[command(flatten)]
    span: Span,
    /// By what to tell it apart
    #[arg(long, value_enum, default_value = "hour")]
    by: By,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    /// Which key called
    Key,
    /// What was called
    Operation,
    /// When
    Hour,
}

/// From when to when.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Span {
    /// From when on: 2025-01-31, 2025-01-31T14:00Z, milliseconds since the epoch, or so long ago as 90m, 24h, 7d
    /// [default: 24h before --to]
    #[arg(long, value_name = "TIME", value_parser = when)]
    from: Option<Ms>,
    /// Until when [default: now]
    #[arg(long, value_name = "TIME", value_parser = when)]
    to: Option<Ms>,
}

impl Span {
    /// As parameters of a URL, each with `&` before it.
    pub(super) fn parameters(self) -> String {
        let one = |name: &str, at: Option<Ms>| at.map(|at| format!("&{name}={at}")).unwrap_or_default();
        one("from", self.from) + &one("to", self.to)
    }
}

/// A moment, or how long ago it was.
fn when(text: &str) -> Result<Ms, String> {
    ago(text)
        .or_else(|| moment::read(text))
        .ok_or_else(|| format!("{}, or so long ago as 90m, 24h, 7d", moment::EXPECTED))
}

fn ago(text: &str) -> Option<Ms> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit_ms: Ms = match unit {
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
        _ => return None,
    };
    SystemClock.now().checked_sub(number.parse::<Ms>().ok()?.checked_mul(unit_ms)?)
}

/// The organisation that is meant: the one that is named, or the only one.
pub(super) fn which_org(client: &Client, org: Option<u64>) -> Result<u64, Failure> {
    if let Some(org) = org {
        return Ok(org);
    }
    let orgs: Vec<OrgView> = all(client, "/admin/v1/orgs")?;
    match orgs.as_slice() {
        [only] => Ok(only.org_id),
        [] => Err(Failure::usage("there is no organisation yet")),
        many => Err(Failure::usage(&format!("there are {} organisations; say which with --org N", many.len()))),
    }
}

impl UsageArgs {
    pub(super) fn run(self, common: &Common, output: Output) -> Result<(), Failure> {
        let client = Client::find(common, self.at.server.as_deref())?;
        let org = which_org(&client, self.org)?;
        let by = match self.by {
            By::Key => "key",
            By::Operation => "operation",
            By::Hour => "hour",
        };
        let path = format!("/admin/v1/orgs/{org}/usage?by={by}{}", self.span.parameters());
        let usage: UsageView = client.ask(Method::GET, &path, &Value::Null)?;
        output.done(&text(&usage), &usage)
    }
}

/// A moment as far as the minute.
pub(super) fn minute(at: Ms) -> String {
    time::utc(at).chars().take(16).collect()
}

fn text(usage: &UsageView) -> String {
    let head = format!("organisation {}, {} to {} UTC", usage.org_id, minute(usage.from), minute(usage.to));
    if usage.items.is_empty() {
        return format!("{head}\n\nno calls");
    }
    let mut parts = vec![head, rows(usage)];
    if usage.by == "hour" {
        parts.push(chart::columns(&by_hour(usage), &minute(usage.from), &minute(usage.to)));
    }
    parts.join("\n\n")
}

/// Calls in every hour, those without any as well.
fn by_hour(usage: &UsageView) -> Vec<u64> {
    const HOUR: Ms = 3_600_000;
    let mut calls = vec![0; usize::try_from(usage.to.saturating_sub(usage.from) / HOUR).unwrap_or(0)];
    for item in &usage.items {
        let at = item.hour.and_then(|hour| usize::try_from(hour.checked_sub(usage.from)? / HOUR).ok());
        if let Some(sum) = at.and_then(|at| calls.get_mut(at)) {
            *sum += item.sums.calls;
        }
    }
    calls
}

fn rows(usage: &UsageView) -> String {
    let with_bars = usage.by != "hour";
    let largest = usage.items.iter().map(|item| item.sums.calls).max().unwrap_or(0);
    let row = |name: String, sums: &UsageSums, bar: bool| {
        let average = sums.average_fetch_bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        let numbers = [sums.calls, sums.refused, sums.identifiers, sums.bytes].map(|number| number.to_string());
        let bar = if bar { chart::bar(sums.calls, largest) } else { String::new() };
        [vec![name], numbers.to_vec(), vec![average, bar]].concat()
    };
    let mut rows: Vec<_> = usage.items.iter().map(|item| row(name(item), &item.sums, with_bars)).collect();
    if let Some(others) = &usage.others {
        rows.push(row(format!("{} others", others.items), &others.sums, false));
    }
    rows.push(row("all".into(), &usage.total, false));
    let first = usage.by.to_uppercase();
    table(&[&first, "CALLS", "REFUSED", "IDENTIFIERS", "BYTES", "AVERAGE FETCH", ""], &rows)
}

fn name(item: &UsageItem) -> String {
    let of_key = |id: &String| format!("{id} {}", item.name.as_deref().unwrap_or_default()).trim_end().to_owned();
    let named = item.key_id.as_ref().map(of_key).or_else(|| item.operation.clone());
    named.or_else(|| item.hour.map(minute)).unwrap_or_default()
}
