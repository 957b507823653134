//! Usage: what the keys of an organisation called, by the hour (contract section 8).
//!
//! Each node writes rows of its own and overwrites its running totals, so that nothing is lost or counted twice whatever
//! becomes of a single write: a row says how much it was by then, never how much more. A node that forgot a total, by a
//! restart or because it had too many, goes on in a row with another number. Who asks adds all of them up. Counting the
//! calls is the server's to do.

use super::Service;
use crate::error::Error;
use crate::id::OrgId;
use crate::limits;
use crate::org::KeyId;
use crate::records::Record;
use crate::store::Outcome;
use crate::tables::{self, Key, Sort, Table};
use crate::time::Ms;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::{AddAssign, Range};
use std::task::Poll;

const HOUR_MS: Ms = 3_600_000;

/// An hour, counted from the Unix epoch. As whole hours of UTC are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(u32);

impl Hour {
    /// The one that a moment falls in.
    pub fn of(at: Ms) -> Self {
        Self(u32::try_from(at / HOUR_MS).unwrap_or(u32::MAX))
    }

    /// The first one that begins at a moment or after it.
    pub fn from(at: Ms) -> Self {
        Self::of(at.saturating_add(HOUR_MS - 1))
    }

    /// Its first millisecond.
    pub fn begins(self) -> Ms {
        Ms::from(self.0) * HOUR_MS
    }

    /// So many hours later.
    pub fn plus(self, hours: u32) -> Self {
        Self(self.0.saturating_add(hours))
    }

    /// So many hours earlier.
    pub fn minus(self, hours: u32) -> Self {
        Self(self.0.saturating_sub(hours))
    }

    /// How many hours it is after another; 0 if it is not.
    pub fn since(self, other: Hour) -> u32 {
        self.0.saturating_sub(other.0)
    }
}

/// A row of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The organisation.
    pub org: OrgId,
    /// The hour.
    pub hour: Hour,
    /// The key.
    pub key: KeyId,
    /// Tells it from others that this node has for the same.
    pub number: u32,
}

impl Place {
    pub(super) fn row(&self, table: Table, node: u64) -> Key {
        let sort = tables::hourly_sort(self.hour.0, self.key.as_u128(), node, self.number);
        tables::hourly(table, self.org).row(&sort)
    }
}

/// How much of one operation with one status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Calls that were let in.
    pub calls: u64,
    /// Calls that were not: nothing was done, whatever they said.
    pub refused: u64,
    /// Identifiers that they looked up.
    pub identifiers: u64,
    /// Bytes of the bodies of answers, as sent.
    pub bytes: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.calls += more.calls;
        self.refused += more.refused;
        self.identifiers += more.identifiers;
        self.bytes += more.bytes;
    }
}

/// One line of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Method and route.
    pub operation: Box<str>,
    /// The status of the answers.
    pub status: u16,
    /// How much.
    pub counts: Counts,
}

/// A row as stored: bounded by the operations and statuses that there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UsageRow(Vec<Line>);

impl Record for UsageRow {}

/// By what usage is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Which key called.
    Key,
    /// What was called.
    Operation,
    /// When.
    Hour,
}

/// What one item is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// A key.
    Key(KeyId),
    /// An operation: method and route.
    Operation(Box<str>),
    /// An hour.
    Hour(Hour),
}

/// A question about usage.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which hours; at most [`limits::USAGE_HOURS`].
    pub hours: Range<Hour>,
    /// Told apart by what.
    pub by: By,
    /// What a fetch is called among operations.
    pub fetch: &'static str,
}

/// How much was used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// All of it.
    pub counts: Counts,
    /// Answers to fetches that showed somebody, and the bytes of these.
    pub fetches: Counts,
    /// Calls, refused ones too, by status.
    pub statuses: BTreeMap<u16, u64>,
}

/// The status of a fetch that shows somebody.
const SHOWN: u16 = 200;

impl Used {
    fn add(&mut self, line: &Line, fetch: &str) {
        self.counts += line.counts;
        if line.status == SHOWN && &*line.operation == fetch {
            self.fetches += line.counts;
        }
        *self.statuses.entry(line.status).or_default() += line.counts.calls + line.counts.refused;
    }

    fn merge(&mut self, other: &Used) {
        self.counts += other.counts;
        self.fetches += other.fetches;
        for (status, calls) in &other.statuses {
            *self.statuses.entry(*status).or_default() += calls;
        }
    }

    /// Bytes of the average fetch answer, if there was one.
    pub fn average_fetch(&self) -> Option<u64> {
        self.fetches.bytes.checked_div(self.fetches.calls)
    }
}

/// An answer about usage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Hours in their order; keys and operations with the most calls first. At most [`limits::USAGE_ITEMS`].
    pub items: Vec<(Of, Used)>,
    /// How many there are beside them, at least, and how much they come to.
    pub others: Option<(usize, Used)>,
    /// All together.
    pub total: Used,
}

/// What is being added up.
#[derive(Default)]
struct Sums {
    found: BTreeMap<Of, Used>,
    /// Of which there are too many to be told apart; and whether there are.
    rest: Option<Used>,
}

impl Sums {
    fn add(&mut self, of: Of, line: &Line, fetch: &str) {
        let room = self.found.len() < limits::USAGE_APART || self.found.contains_key(&of);
        let sum = if room { self.found.entry(of).or_default() } else { self.rest.get_or_insert_default() };
        sum.add(line, fetch);
    }

    fn told(self, by: By) -> Usage {
        let mut usage = Usage { items: self.found.into_iter().collect(), ..Usage::default() };
        if by != By::Hour {
            usage.items.sort_by_key(|(_, used)| std::cmp::Reverse(used.counts.calls + used.counts.refused));
        }
        let unlisted = usage.items.split_off(usage.items.len().min(limits::USAGE_ITEMS));
        let count = unlisted.len() + usize::from(self.rest.is_some());
        let mut others = self.rest.unwrap_or_default();
        unlisted.iter().for_each(|(_, used)| others.merge(used));
        usage.items.iter().for_each(|(_, used)| usage.total.merge(used));
        usage.total.merge(&others);
        usage.others = (count > 0).then_some((count, others));
        usage
    }
}

impl Service {
    /// Writes a running total of this node: all of what the row at this place is to say from now on. Durable when it
    /// returns `Ok`; after an error it may be there or not, and the next total may be written all the same. One place is
    /// written by one caller at a time.
    pub async fn keep_usage(&self, place: &Place, lines: Vec<Line>) -> Result<(), Error> {
        let row = UsageRow(lines);
        // Guarded by what is there, although nobody else writes it: an earlier write whose answer was lost may come late.
        self.records
            .modify(&place.row(Table::Usage, self.node), |found: Option<UsageRow>| {
                Ok(((found.as_ref() != Some(&row)).then(|| row.clone()), ()))
            })
            .await
    }

    /// What an organisation used, as far as its nodes have written it.
    pub async fn usage(&self, org: OrgId, asked: &Asked) -> Result<Usage, Error> {
        let mut sums = Sums::default();
        let (partition, mut after) =
            (tables::hourly(Table::Usage, org), tables::hourly_before(asked.hours.start.0, None));
        loop {
            let page = self.records.scan::<UsageRow>(&partition, Some(&after), limits::USAGE_ROWS).await?;
            for (sort, UsageRow(lines)) in &page {
                let Some((hour, key)) = hour_and_key(sort).filter(|(hour, _)| *hour < asked.hours.end) else {
                    return Ok(sums.told(asked.by));
                };
                for line in lines {
                    let of = match asked.by {
                        By::Key => Of::Key(key),
                        By::Operation => Of::Operation(line.operation.clone()),
                        By::Hour => Of::Hour(hour),
                    };
                    sums.add(of, line, asked.fetch);
                }
            }
            match page.last() {
                Some((last, _)) => after = last.clone(),
                None => return Ok(sums.told(asked.by)),
            }
            let_others_by().await;
        }
    }

    /// Removes rows by the hour whose time is over: usage older than `usage_ms`, reads older than
    /// [`limits::KEY_READS_MS`]. One pass, of bounded length; says how many rows it removed. Any node may run it, none
    /// must.
    pub async fn sweep_hours(&self, usage_ms: Ms) -> Result<usize, Error> {
        let mut removed = 0;
        let mut after: Option<OrgId> = None;
        loop {
            let page = self.orgs(after, limits::PAGE).await?;
            for org in &page.items {
                removed += self.sweep_hours_of(Table::Usage, org.id, usage_ms).await?;
                removed += self.sweep_hours_of(Table::KeyReads, org.id, limits::KEY_READS_MS).await?;
                let_others_by().await;
            }
            match page.items.last() {
                Some(last) if page.more => after = Some(last.id),
                _ => return Ok(removed),
            }
        }
    }

    async fn sweep_hours_of(&self, table: Table, org: OrgId, kept_ms: Ms) -> Result<usize, Error> {
        let (store, partition) = (self.records.store(), tables::hourly(table, org));
        let first_kept = Hour::of(self.clock.now().saturating_sub(kept_ms));
        let is_over = |sort: &Sort| hour_and_key(sort).is_none_or(|(hour, _)| hour < first_kept);
        let mut removed = 0;
        for _ in 0..limits::HOURLY_BATCHES {
            // Mostly the first one is to stay: no more is read to find that out.
            if !store.scan(&partition, None, 1).await?.iter().any(|(sort, _)| is_over(sort)) {
                break;
            }
            let rows = store.scan(&partition, None, limits::USAGE_ROWS).await?;
            for (sort, row) in rows.iter().take_while(|(sort, _)| is_over(sort)) {
                let outcome = store.remove(&partition.clone().row(sort), row.version).await?;
                removed += usize::from(matches!(outcome, Outcome::Written(_)));
            }
        }
        Ok(removed)
    }
}

/// The hour and the key of a row.
pub(super) fn hour_and_key(sort: &Sort) -> Option<(Hour, KeyId)> {
    tables::hour_and_key(sort).map(|(hour, key)| (Hour(hour), KeyId::from_u128(key)))
}

/// What stands before every row of a key in an hour.
pub(super) fn before(hour: Hour, key: KeyId) -> Sort {
    tables::hourly_before(hour.0, Some(key.as_u128()))
}

/// Lets other work of this thread go first, once: adding up a month of a large organisation must hold nobody up.
pub(super) async fn let_others_by() {
    let mut waited = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
