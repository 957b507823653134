//! How long things take, counted by doubling bounds.
//!
//! Of our own, because it stands on the path of every fetch: noting costs two additions to lines that no other thread
//! writes, where the libraries tried take a lock, allocate, or have all threads add to one number
//! (docs/decisions/0011-own-metrics.md).

use onefold_core::count::{SHARDS, shard};
use std::array;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Bounds of a histogram: 1.024 µs and its doubles, up to 17.2 s. What takes longer is beyond all of them.
pub const BOUNDS: usize = 25;
/// Logarithm of the first bound, in nanoseconds.
const FIRST: u32 = 10;

/// Durations, by the least bound that they do not pass.
#[derive(Debug)]
pub struct Histogram([Part; SHARDS]);

#[derive(Debug)]
#[repr(align(128))]
struct Part {
    buckets: [AtomicU64; BOUNDS + 1],
    nanos: AtomicU64,
}

/// What a histogram holds at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// How many passed none of the bounds before this one; the last is for what passed all.
    pub buckets: [u64; BOUNDS + 1],
    /// All together, in nanoseconds.
    pub nanos: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self(array::from_fn(|_| Part { buckets: array::from_fn(|_| AtomicU64::new(0)), nanos: AtomicU64::new(0) }))
    }
}

impl Histogram {
    /// Notes something that took so long, as many times as it stands for.
    pub fn note(&self, took: Duration, times: u64) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let part = &self.0[shard()];
        part.buckets[bucket(nanos)].fetch_add(times, Relaxed);
        part.nanos.fetch_add(nanos.saturating_mul(times), Relaxed);
    }

    /// What it holds now.
    pub fn snapshot(&self) -> Snapshot {
        let sum = |of: &dyn Fn(&Part) -> &AtomicU64| self.0.iter().map(|part| of(part).load(Relaxed)).sum();
        Snapshot { buckets: array::from_fn(|at| sum(&|part| &part.buckets[at])), nanos: sum(&|part| &part.nanos) }
    }
}

impl Snapshot {
    /// How many were noted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// A bound in nanoseconds, by its place.
pub fn bound(at: usize) -> u64 {
    1 << (FIRST as usize + at)
}

fn bucket(nanos: u64) -> usize {
    let doubles = u64::BITS - (nanos.saturating_sub(1) >> FIRST).leading_zeros();
    (doubles as usize).min(BOUNDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_under_the_least_bound_that_it_does_not_pass() {
        for nanos in [0, 1, 1023, 1024, 1025, 2048, 2049, 1_000_000, bound(BOUNDS - 1), bound(BOUNDS - 1) + 1, u64::MAX]
        {
            let at = bucket(nanos);
            assert!(at == BOUNDS || nanos <= bound(at), "{nanos} is within its bound");
            assert!(at == 0 || nanos > bound(at - 1), "{nanos} is beyond the bound before");
        }
    }

    #[test]
    fn it_adds_up_what_was_noted() {
        let histogram = Histogram::default();
        histogram.note(Duration::from_nanos(1500), 1);
        histogram.note(Duration::from_nanos(100), 16);
        let snapshot = histogram.snapshot();
        assert_eq!((snapshot.count(), snapshot.nanos), (17, 3100));
        assert_eq!(snapshot.buckets[..3], [16, 1, 0]);
    }
}
