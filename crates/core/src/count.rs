//! Counting what happens, on paths that many threads take at once. No rule depends on a count; who shows them to whom is
//! not decided here.

use crate::profile::Profile;
use crate::records::Swap;
use std::array;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Parts of a count. Threads beyond that share one, which costs time but no figure.
pub const SHARDS: usize = 16;

/// A number that only grows. Each thread adds to a cache line of its own, so that adding never waits for another one.
#[derive(Debug)]
pub struct Count([Line; SHARDS]);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU64);

impl Default for Count {
    fn default() -> Self {
        Self(array::from_fn(|_| Line::default()))
    }
}

impl Count {
    /// Counts one more.
    pub fn one(&self) {
        self.0[shard()].0.fetch_add(1, Relaxed);
    }

    /// All that was counted.
    pub fn get(&self) -> u64 {
        self.0.iter().map(|line| line.0.load(Relaxed)).sum()
    }
}

/// Which part of a count is this thread's: less than [`SHARDS`].
pub fn shard() -> usize {
    thread() % SHARDS
}

/// The number of this thread: each that asks has one of its own.
pub fn thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static MINE: usize = NEXT.fetch_add(1, Relaxed));
    MINE.with(|mine| *mine)
}

/// What identity did on this node, as far as the store told it: a step whose outcome is unknown is not counted.
#[derive(Debug, Default)]
pub struct Counts {
    /// People who became part of another.
    pub merges: Count,
    /// Merges that were undone.
    pub splits: Count,
}

impl Counts {
    /// Notes a guarded write of a profile row: the one that seals a loser is the merge.
    pub(crate) fn wrote(&self, profile: &Profile, swap: Swap) {
        if swap.is_done() && matches!(profile, Profile::Sealed(_)) {
            self.merges.one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_threads_count_is_counted_once_each() {
        let count = Count::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * SHARDS {
                scope.spawn(|| (0..1000).for_each(|_| count.one()));
            }
        });
        assert_eq!(count.get(), 2 * SHARDS as u64 * 1000);
    }
}
