//! What this node counted so far in each row that it has, and what of that is not written yet.

use super::call::Operation;
use super::shard::{Counted, Line};
use crate::limits;
use onefold_core::id::OrgId;
use onefold_core::org::KeyId;
use onefold_core::service::usage::{self, Counts, Hour, Place};
use std::collections::{BTreeMap, HashMap};

/// Running totals, by key and hour.
#[derive(Default)]
pub(super) struct Totals {
    rows: HashMap<(KeyId, Hour), Row>,
    /// The number of the next row.
    number: u32,
    /// Calls that found no room since somebody last asked.
    lost: u64,
    /// Whether there is no room until something is written.
    full: bool,
}

struct Row {
    org: OrgId,
    number: u32,
    lines: BTreeMap<(Operation, u16), Counts>,
    /// Raised by every addition; and what it was when the row was last written.
    changes: u64,
    written: u64,
}

/// A row to be written.
pub(super) struct Due {
    pub(super) place: Place,
    pub(super) lines: Vec<usage::Line>,
    changes: u64,
}

impl Totals {
    pub(super) fn add(&mut self, hour: Hour, line: &Line, counted: &Counted) {
        let key = (line.key, hour);
        if !self.rows.contains_key(&key) && !self.make_room() {
            self.lost += counted.counts.calls + counted.counts.refused;
            return;
        }
        let row = self.rows.entry(key).or_insert_with(|| {
            self.number += 1;
            Row { org: counted.org, number: self.number, lines: BTreeMap::new(), changes: 0, written: 0 }
        });
        *row.lines.entry((line.operation, line.status)).or_default() += counted.counts;
        row.changes += 1;
    }

    /// Forgets what is written where there is too much of it: it goes on in a row of another number. What is not written
    /// stays, so that there is room for no more only while the store takes nothing.
    fn make_room(&mut self) -> bool {
        if self.rows.len() >= limits::METER_ROWS && !self.full {
            self.rows.retain(|_, row| row.changes != row.written);
            self.full = self.rows.len() >= limits::METER_ROWS;
        }
        self.rows.len() < limits::METER_ROWS
    }

    /// Forgets what is written of hours that are over.
    pub(super) fn tidy(&mut self, now: Hour) {
        self.rows.retain(|(_, hour), row| *hour >= now || row.changes != row.written);
    }

    /// All rows that are not as they are written.
    pub(super) fn due(&self) -> Vec<Due> {
        let due = self.rows.iter().filter(|(_, row)| row.changes != row.written);
        due.map(|((key, hour), row)| Due {
            place: Place { org: row.org, hour: *hour, key: *key, number: row.number },
            lines: row.lines.iter().map(|((operation, status), counts)| line(*operation, *status, *counts)).collect(),
            changes: row.changes,
        })
        .collect()
    }

    /// A row is written as it was.
    pub(super) fn done(&mut self, due: &Due) {
        if let Some(row) = self.rows.get_mut(&(due.place.key, due.place.hour))
            && row.number == due.place.number
        {
            row.written = due.changes;
            self.full = false;
        }
    }

    /// How many rows are not as they are written.
    pub(super) fn unwritten(&self) -> usize {
        self.rows.values().filter(|row| row.changes != row.written).count()
    }

    /// How many calls found no room since this was last asked.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }
}

fn line(operation: Operation, status: u16, counts: Counts) -> usage::Line {
    usage::Line { operation: operation.name().into(), status, counts }
}
