//! A queue of which a share is refused.

use crate::limits;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Parts of the share that is refused.
const WHOLE: u32 = 1_000;

/// Waits that must have been seen before it is said that all were too long.
const ENOUGH: u32 = 2;

/// A queue of which a share is refused, once even the luckiest of a tenth of a second waited too long.
#[derive(Debug)]
pub(super) struct Share {
    /// How long the luckiest may wait; 0 means that nobody is ever refused.
    target: Duration,
    /// The shortest wait since the last look, in microseconds, and of how many.
    least: AtomicU64,
    count: AtomicU32,
    share: AtomicU32,
    came: AtomicU32,
}

impl Share {
    pub(super) fn new(target_ms: u32) -> Self {
        let (target, zero) = (Duration::from_millis(target_ms.into()), || AtomicU32::new(0));
        Self { target, least: AtomicU64::new(u64::MAX), count: zero(), share: zero(), came: zero() }
    }

    /// How long one waited.
    pub(super) fn waited(&self, time: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.least.fetch_min(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether enough was seen to say anything: where each waits very long, few are seen.
    pub(super) fn has_seen_enough(&self) -> bool {
        self.count.load(Ordering::Relaxed) >= ENOUGH
    }

    /// Thousandths of all that come that are refused.
    pub(super) fn share(&self) -> u32 {
        self.share.load(Ordering::Relaxed)
    }

    /// Whether one who comes now is refused. Costs a look at a number while there is no queue.
    pub(super) fn refuses(&self) -> bool {
        let share = self.share();
        // A step that has no factor in common with the whole spreads the refused ones evenly.
        share > 0 && self.came.fetch_add(1, Ordering::Relaxed).wrapping_mul(619) % WHOLE < share
    }

    pub(super) fn adjust(&self) {
        let (least, count) = (self.least.swap(u64::MAX, Ordering::Relaxed), self.count.swap(0, Ordering::Relaxed));
        let late = !self.target.is_zero() && count >= ENOUGH && Duration::from_micros(least) > self.target;
        // A few always get in, since only they show that it is over.
        let share = self.share();
        let more = (share + (WHOLE - share) / 4).min(WHOLE - limits::OVERLOAD_SPARED);
        self.share.store(if late { more } else { share.saturating_sub(share / 10 + 1) }, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(share: &Share, waits_ms: &[u64]) -> u32 {
        waits_ms.iter().for_each(|ms| share.waited(Duration::from_millis(*ms)));
        share.adjust();
        share.share.load(Ordering::Relaxed)
    }

    #[test]
    fn a_queue_that_empties_now_and_then_refuses_nobody() {
        let share = Share::new(50);
        assert_eq!(look(&share, &[900, 900, 900, 49]), 0);
        assert_eq!(look(&share, &[900]), 0, "one slow call is no queue");
        assert_eq!(look(&share, &[]), 0);
        assert!(!share.refuses());
    }

    #[test]
    fn one_that_stands_refuses_more_and_more_and_less_again_afterwards() {
        let share = Share::new(50);
        let shares: Vec<u32> = (0..8).map(|_| look(&share, &[51; 20])).collect();
        assert!(shares.is_sorted() && shares[0] >= 200 && shares[7] >= 800, "{shares:?}");
        assert_eq!((0..1_000).filter(|_| share.refuses()).count(), shares[7] as usize);
        for _ in 0..100 {
            assert!(look(&share, &[51; 20]) < WHOLE, "a few always get in");
        }
        let fewer: Vec<u32> = (0..80).map(|_| look(&share, &[1; 20])).collect();
        assert_eq!(fewer[79], 0, "{fewer:?}");
    }

    #[test]
    fn it_can_be_turned_off() {
        assert_eq!(look(&Share::new(0), &[10_000; 50]), 0);
    }
}
