//! Metering (contract section 8): every call of a key is counted, and whom it read is noted, without a fetch noticing.
//!
//! A call adds to the tally of the thread that answers it (`shard.rs`), which nobody else holds but for a moment, twice a
//! second, when the tallies are gathered into what this node counted so far (`totals.rs`) and into who was read by whom
//! (`reads.rs`). A task writes both down (`work.rs`). What is known of a call is in `call.rs`; how rows are kept and added
//! up is in [`onefold_core::service::usage`] and [`onefold_core::service::reads`].
//!
//! The hour of a call is that in which its tally was begun; tallies are gathered on the hour too.

mod call;
mod reads;
mod shard;
mod totals;
mod window;
mod work;

pub use call::{Call, HUNG_UP, Operation, Pending};
pub use work::run;

use crate::limits;
use onefold_core::id::{OrgId, Ucid};
use onefold_core::service::usage::Hour;
use onefold_core::time::Ms;
use reads::Book;
use shard::{Shard, Tally};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use totals::Totals;
use window::Windows;

/// All that a process counts.
pub struct Meter {
    shards: Box<[Shard]>,
    books: Mutex<Books>,
    windows: Mutex<Windows>,
    /// Rung when a tally fills up before its time.
    bell: Notify,
    /// Whoever writes holds it.
    writing: tokio::sync::Mutex<()>,
}

/// What was gathered.
struct Books {
    hour: Hour,
    totals: Totals,
    reads: Book,
    /// Empty tallies to put in the place of those that are gathered.
    spares: Box<[Tally]>,
}

impl Meter {
    /// That begins now and keeps so many reads of a key in an hour.
    pub fn new(now: Ms, reads_per_hour: u32) -> Self {
        let spares = (0..limits::METER_SHARDS).map(|_| Tally::default()).collect();
        let mut windows = Windows::default();
        windows.turn(now);
        let books = Books { hour: Hour::of(now), totals: Totals::default(), reads: Book::new(reads_per_hour), spares };
        Self {
            shards: (0..limits::METER_SHARDS).map(|_| Shard::default()).collect(),
            books: Mutex::new(books),
            windows: Mutex::new(windows),
            bell: Notify::new(),
            writing: tokio::sync::Mutex::default(),
        }
    }

    /// Counts a call, and whom it showed.
    pub fn count(&self, call: &Call, shown: impl Iterator<Item = Ucid>) {
        let after = shard::mine(&self.shards).add(call, shown);
        if after.reads_half_full {
            self.bell.notify_one();
        }
        if after.lines_full {
            self.gather(None);
        }
    }

    /// Takes over what was tallied, which was before `now`; `None` leaves the time as it is.
    fn gather(&self, now: Option<Ms>) {
        let mut books = self.books();
        let Books { hour, totals, reads, spares } = &mut *books;
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        for (shard, spare) in self.shards.iter().zip(spares.iter_mut()) {
            shard.swap(spare);
            for (line, counted) in &spare.lines {
                totals.add(*hour, line, counted);
                reads.miss(counted.org, line.key, counted.missed);
                if line.is_shown_fetch() {
                    windows.add(counted.org, &counted.counts);
                }
            }
            spare.reads.iter().for_each(|seen| reads.add(seen));
            spare.clear();
        }
        if let Some(now) = now {
            let next = Hour::of(now);
            if next != *hour {
                reads.close(*hour);
                *hour = next;
            }
            windows.turn(now);
        }
    }

    /// Whether the average answer to a fetch of this organisation in the last hour, as this node gave them, is larger than
    /// it should be (contract section 8).
    pub fn is_heavy(&self, org: OrgId) -> bool {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner).is_heavy(org)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
