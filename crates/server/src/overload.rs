//! Taking less when there is too much: admission by the time that calls spend in a queue.
//!
//! As CoDel has it: a queue that empties now and then is well, however long it is at its longest; one in which even the
//! luckiest call of a tenth of a second waited too long only makes everybody late. Then a share of the calls is refused
//! at once, before anything is done for them, and the share grows until the others are fast again.
//!
//! There are two queues. What waits for a processor waits as long as a timer that is due: every call goes through that
//! one. What waits for the disk shows in how long calls other than fetches are inside; those alone are refused for it.

use crate::app::App;
use crate::config;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Parts of the share that is refused.
const WHOLE: u32 = 1_000;
/// The most that is refused: a few always get in, since only they show that it is over.
const MOST: u32 = 980;
/// How long is looked before more or less is refused.
const INTERVAL: Duration = Duration::from_millis(100);
/// Between two looks at how long a timer waits for a processor.
const LOOK: Duration = Duration::from_millis(5);
/// By how much a timer is late on an idle machine: it counts whole milliseconds.
const GRAIN: Duration = Duration::from_millis(2);

/// Both queues of a server.
#[derive(Debug)]
pub struct Overload {
    processor: Shed,
    store: Shed,
}

impl Overload {
    /// The shares that are refused, in thousandths: for want of processors, and of the store.
    pub fn shares(&self) -> [u32; 2] {
        [self.processor.share(), self.store.share()]
    }

    /// With these bounds.
    pub fn new(server: &config::Server) -> Self {
        // Two timers that are both late are enough; of calls, some may just be long ones.
        Self { processor: Shed::new(server.processor_queue_ms, 2), store: Shed::new(server.store_queue_ms, 8) }
    }

    /// Whether a fetch that comes now is refused.
    pub fn refuses_fetch(&self) -> bool {
        self.processor.refuses()
    }

    /// Whether any other call is.
    pub fn refuses_call(&self) -> bool {
        self.processor.refuses() || self.store.refuses()
    }

    /// A call other than a fetch was inside for so long, and did what it was to do.
    pub fn done_in(&self, time: Duration) {
        self.store.waited(time);
    }
}

/// Looks at the queues for as long as it is polled.
pub async fn watch(app: Arc<App>) {
    let overload = &app.overload;
    loop {
        let began = Instant::now();
        while began.elapsed() < INTERVAL {
            let asked = Instant::now();
            tokio::time::sleep(LOOK).await;
            overload.processor.waited(asked.elapsed().saturating_sub(LOOK + GRAIN));
        }
        let before = overload.shares();
        overload.processor.adjust();
        overload.store.adjust();
        let now = overload.shares();
        if (before == [0, 0]) != (now == [0, 0]) {
            tracing::warn!(processor = now[0], store = now[1], "refusing calls, in thousandths of those that come");
        }
    }
}

/// One queue: what was seen of it since the last look, and what share of those who come is refused.
#[derive(Debug)]
struct Shed {
    /// How long the luckiest may wait, in microseconds; 0 means that nobody is ever refused.
    target: u64,
    /// Calls that must have been seen before it is said that all of them waited too long.
    enough: u32,
    least: AtomicU64,
    seen: AtomicU32,
    share: AtomicU32,
    came: AtomicU32,
}

impl Shed {
    /// A queue in which the luckiest may wait so many milliseconds; 0 means as long as they like.
    fn new(target_ms: u32, enough: u32) -> Self {
        let (least, zero) = (AtomicU64::new(u64::MAX), || AtomicU32::new(0));
        Self { target: u64::from(target_ms) * 1_000, enough, least, seen: zero(), share: zero(), came: zero() }
    }

    /// Whether one who comes now is refused. Costs a look at a number while there is no queue.
    fn refuses(&self) -> bool {
        let share = self.share.load(Ordering::Relaxed);
        // A step that has no factor in common with the whole spreads the refused ones evenly.
        share > 0 && self.came.fetch_add(1, Ordering::Relaxed).wrapping_mul(619) % WHOLE < share
    }

    /// How long one waited.
    fn waited(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.seen.fetch_add(1, Ordering::Relaxed);
        if time < self.least.load(Ordering::Relaxed) {
            self.least.fetch_min(time, Ordering::Relaxed);
        }
    }

    /// Looks at what was seen since the last look, and refuses more or less from now on.
    fn adjust(&self) {
        let (least, seen) = (self.least.swap(u64::MAX, Ordering::Relaxed), self.seen.swap(0, Ordering::Relaxed));
        let late = self.target > 0 && seen >= self.enough && least > self.target;
        let share = self.share.load(Ordering::Relaxed);
        let share = if late { (share + (WHOLE - share) / 4).min(MOST) } else { share.saturating_sub(share / 10 + 1) };
        self.share.store(share, Ordering::Relaxed);
    }

    /// The share that is refused, in thousandths.
    fn share(&self) -> u32 {
        self.share.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(shed: &Shed, waits_ms: &[u64]) -> u32 {
        waits_ms.iter().for_each(|ms| shed.waited(Duration::from_millis(*ms)));
        shed.adjust();
        shed.share()
    }

    #[test]
    fn a_queue_that_empties_now_and_then_refuses_nobody() {
        let shed = Shed::new(50, 8);
        assert_eq!(interval(&shed, &[900, 900, 900, 900, 900, 900, 900, 900, 49]), 0);
        assert_eq!(interval(&shed, &[900]), 0, "one slow call is no queue");
        assert_eq!(interval(&shed, &[]), 0);
        assert!(!shed.refuses());
    }

    #[test]
    fn one_that_stands_refuses_more_and_more_and_less_again_afterwards() {
        let shed = Shed::new(50, 8);
        let shares: Vec<u32> = (0..8).map(|_| interval(&shed, &[51; 20])).collect();
        assert!(shares.is_sorted() && shares[0] >= 200 && shares[7] >= 800, "{shares:?}");
        assert_eq!((0..1_000).filter(|_| shed.refuses()).count(), shed.share() as usize);
        for _ in 0..100 {
            assert!(interval(&shed, &[51; 20]) <= MOST, "a few always get in");
        }
        let fewer: Vec<u32> = (0..60).map(|_| interval(&shed, &[1; 20])).collect();
        assert!(fewer[0] < MOST && fewer[59] == 0, "{fewer:?}");
        assert!(!shed.refuses());
    }

    #[test]
    fn it_can_be_turned_off() {
        let shed = Shed::new(0, 8);
        assert_eq!(interval(&shed, &[10_000; 50]), 0);
    }

    /// A server that does one call a millisecond, five times as many of which come.
    #[test]
    fn at_five_times_what_can_be_done_the_others_stay_fast() {
        let shed = Shed::new(50, 8);
        let (mut queue, mut done, mut refused, mut longest) = (std::collections::VecDeque::new(), 0, 0, 0);
        for now in 0..20_000_u64 {
            for _ in 0..5 {
                if shed.refuses() { refused += 1 } else { queue.push_back(now) }
            }
            if let Some(came) = queue.pop_front() {
                shed.waited(Duration::from_millis(now - came));
                done += 1;
                longest = if now > 5_000 { longest.max(now - came) } else { 0 };
            }
            if now % 100 == 99 {
                shed.adjust();
            }
        }
        assert!(done > 19_000, "nothing that could be done was left: {done}");
        assert!(longest < 1_000, "{longest} ms: without it, the wait would be 16 seconds by now");
        assert!(refused > 75_000, "{refused}");
    }
}
