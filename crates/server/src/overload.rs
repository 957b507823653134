//! Taking less when there is too much: admission by the time that calls spend in a queue.
//!
//! As CoDel has it: a queue that empties now and then is well, however long it is at its longest; one in which even the
//! luckiest call of a tenth of a second waited too long only makes everybody late. Then some of those who come are
//! refused at once, before anything is done for them, so that the others are fast again.
//!
//! There are two queues. What waits for the store shows in how long calls other than fetches are inside: fewer of them
//! are let in at once, until they are fast. What waits for a processor waits as long as a timer that is due; every call
//! goes through that one, and of all that come a share is refused.

use crate::app::App;
use crate::config;
use crate::limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Both queues of a server.
#[derive(Debug)]
pub struct Overload {
    processor: Share,
    store: Window,
}

impl Overload {
    /// With these bounds.
    pub fn new(server: &config::Server) -> Self {
        Self {
            processor: Share::new(server.processor_queue_ms),
            store: Window::new(server.store_queue_ms, server.max_in_flight),
        }
    }

    /// Whether a fetch that comes now is taken.
    pub fn takes_fetch(&self) -> bool {
        !self.processor.refuses()
    }

    /// Lets any other call in, or nobody.
    pub fn enter(&self) -> Option<Inside<'_>> {
        if self.processor.refuses() { None } else { self.store.enter() }
    }

    /// What is refused now: thousandths of all calls, and whether there is a bound on those that are inside at once.
    pub fn refused(&self) -> (u32, Option<u32>) {
        (self.processor.share.load(Ordering::Relaxed), self.store.bound())
    }

    fn adjust(&self) {
        self.processor.adjust();
        self.store.adjust();
    }
}

/// Looks at the queues for as long as it is polled.
pub async fn watch(app: Arc<App>) {
    let overload = &app.overload;
    let refuses = || matches!(overload.refused(), (1.., _) | (_, Some(_)));
    loop {
        let began = Instant::now();
        while began.elapsed() < limits::OVERLOAD_INTERVAL {
            let asked = Instant::now();
            tokio::time::sleep(limits::OVERLOAD_LOOK).await;
            overload.processor.seen.waited(asked.elapsed().saturating_sub(limits::OVERLOAD_LOOK + TIMER_GRAIN));
        }
        let before = refuses();
        overload.adjust();
        let (share, bound) = overload.refused();
        match (before, refuses()) {
            (false, true) => tracing::warn!(share, bound, "overloaded: some calls are refused with 503"),
            (true, false) => tracing::warn!("no longer overloaded"),
            _ => {}
        }
    }
}

/// By how much a timer is late on an idle machine: it counts whole milliseconds.
const TIMER_GRAIN: Duration = Duration::from_millis(2);

/// What was seen of a queue since the last look.
#[derive(Debug)]
struct Seen {
    /// How long the luckiest may wait, in microseconds; 0 means that nobody is ever refused.
    target: u64,
    /// Calls that must have been seen before it is said that all of them waited too long.
    enough: u32,
    least: AtomicU64,
    count: AtomicU32,
}

impl Seen {
    fn new(target_ms: u32, enough: u32) -> Self {
        let (least, count) = (AtomicU64::new(u64::MAX), AtomicU32::new(0));
        Self { target: u64::from(target_ms) * 1_000, enough, least, count }
    }

    /// How long one waited.
    fn waited(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        if time < self.least.load(Ordering::Relaxed) {
            self.least.fetch_min(time, Ordering::Relaxed);
        }
    }

    /// Whether even the luckiest waited too long; the next look begins anew.
    fn is_late(&self) -> bool {
        let (least, count) = (self.least.swap(u64::MAX, Ordering::Relaxed), self.count.swap(0, Ordering::Relaxed));
        self.target > 0 && count >= self.enough && least > self.target
    }
}

/// Parts of the share that is refused.
const WHOLE: u32 = 1_000;

/// A queue of which a share is refused.
#[derive(Debug)]
struct Share {
    seen: Seen,
    share: AtomicU32,
    came: AtomicU32,
}

impl Share {
    fn new(target_ms: u32) -> Self {
        // Two timers that are both late are enough.
        Self { seen: Seen::new(target_ms, 2), share: AtomicU32::new(0), came: AtomicU32::new(0) }
    }

    /// Whether one who comes now is refused. Costs a look at a number while there is no queue.
    fn refuses(&self) -> bool {
        let share = self.share.load(Ordering::Relaxed);
        // A step that has no factor in common with the whole spreads the refused ones evenly.
        share > 0 && self.came.fetch_add(1, Ordering::Relaxed).wrapping_mul(619) % WHOLE < share
    }

    fn adjust(&self) {
        let (late, share) = (self.seen.is_late(), self.share.load(Ordering::Relaxed));
        // A few always get in, since only they show that it is over.
        let more = (share + (WHOLE - share) / 4).min(WHOLE - limits::OVERLOAD_SPARED);
        self.share.store(if late { more } else { share.saturating_sub(share / 10 + 1) }, Ordering::Relaxed);
    }
}

/// A queue that is kept short by how many are inside at once.
#[derive(Debug)]
struct Window {
    seen: Seen,
    /// As many as are ever inside.
    most: u32,
    bound: AtomicU32,
    inside: AtomicU32,
    /// The most that were inside since the last look.
    peak: AtomicU32,
}

/// Counts one call out of the store's queue when dropped.
#[derive(Debug)]
pub struct Inside<'a> {
    window: &'a Window,
    since: Instant,
}

impl Window {
    fn new(target_ms: u32, most: u32) -> Self {
        // Some calls may just be long ones.
        let seen = Seen::new(target_ms, 8);
        let zero = || AtomicU32::new(0);
        Self { seen, most, bound: AtomicU32::new(most), inside: zero(), peak: zero() }
    }

    fn bound(&self) -> Option<u32> {
        let bound = self.bound.load(Ordering::Relaxed);
        (bound < self.most).then_some(bound)
    }

    fn enter(&self) -> Option<Inside<'_>> {
        let inside = Inside { window: self, since: Instant::now() };
        let before = self.inside.fetch_add(1, Ordering::Relaxed);
        let enters = before < self.bound.load(Ordering::Relaxed);
        if enters {
            self.peak.fetch_max(before + 1, Ordering::Relaxed);
        }
        enters.then_some(inside)
    }

    fn adjust(&self) {
        let late = self.seen.is_late();
        let peak = self.peak.swap(0, Ordering::Relaxed).max(self.inside.load(Ordering::Relaxed));
        let bound = self.bound.load(Ordering::Relaxed);
        let fewer = (bound.min(peak) / 4 * 3).max(limits::OVERLOAD_INSIDE);
        let bound = if late { fewer } else { bound + bound / 16 + 1 };
        self.bound.store(bound.min(self.most), Ordering::Relaxed);
    }
}

impl Inside<'_> {
    /// It did what it was to do, so that it waited where all wait; what was refused, or only read, says nothing of that.
    pub fn done(self) {
        self.window.seen.waited(self.since.elapsed());
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.window.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    fn look(share: &Share, waits_ms: &[u64]) -> u32 {
        waits_ms.iter().for_each(|ms| share.seen.waited(Duration::from_millis(*ms)));
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
    fn both_can_be_turned_off() {
        let (share, window) = (Share::new(0), Window::new(0, 100));
        assert_eq!(look(&share, &[10_000; 50]), 0);
        (0..50).for_each(|_| window.seen.waited(Duration::from_secs(10)));
        window.adjust();
        assert_eq!(window.bound(), None);
    }

    #[test]
    fn who_stays_inside_counts_also_where_nobody_comes() {
        let window = Window::new(50, 1_000);
        let _inside: Vec<_> = (0..200).map(|_| window.enter()).collect();
        for bound in [150, 111] {
            (0..20).for_each(|_| window.seen.waited(Duration::from_millis(100)));
            window.adjust();
            assert_eq!(window.bound(), Some(bound));
        }
    }

    #[test]
    fn a_window_counts_out_whoever_leaves_and_however() {
        let window = Window::new(50, 2);
        let (one, two) = (window.enter(), window.enter());
        assert!(one.is_some() && two.is_some() && window.enter().is_none());
        drop(one);
        two.unwrap().done();
        assert_eq!(window.inside.load(Ordering::Relaxed), 0);
    }

    /// A server that does eight calls a millisecond, five times as many of which come.
    #[test]
    fn at_five_times_what_can_be_done_those_who_are_let_in_stay_fast() {
        let window = Window::new(50, 100_000);
        let (mut queue, mut done, mut refused, mut longest) = (VecDeque::new(), 0, 0, 0);
        for now in 0..20_000_u64 {
            for _ in 0..40 {
                match window.enter() {
                    Some(inside) => queue.push_back((now, inside)),
                    None => refused += 1,
                }
            }
            for (came, _inside) in queue.drain(..queue.len().min(8)) {
                window.seen.waited(Duration::from_millis(now - came));
                done += 1;
                longest = if now > 5_000 { longest.max(now - came) } else { 0 };
            }
            if now % 100 == 99 {
                window.adjust();
            }
        }
        assert!(done > 8 * 19_500, "nothing that could be done was left: {done}");
        assert!(longest < 150, "{longest} ms: without it, the wait would be 16 seconds by now");
        assert!(refused > 600_000, "{refused}");
        assert!(window.bound().is_some());
        drop(queue);
        (0..200).for_each(|_| window.adjust());
        assert_eq!(window.bound(), None, "it is over");
    }
}
