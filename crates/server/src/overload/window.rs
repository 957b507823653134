//! A queue that is kept short by how many are inside at once.
//!
//! As many as come, while some are fast. When hardly any is, fewer are tried, as long as calls get faster by more than is
//! lost of what is done: with more inside they mostly wait for each other. A store that is slow, and not overloaded, gets less done with fewer,
//! so that they are let in again and hardly anybody is refused for it.

use crate::limits;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug)]
pub(super) struct Window {
    /// How long the lucky ones may take; 0 means that nobody is ever refused.
    target: Duration,
    /// Calls that did what they were to do since the last look, and those of them that did not take too long.
    done: AtomicU32,
    lucky: AtomicU32,
    /// As many as are ever inside.
    most: u32,
    bound: AtomicU32,
    inside: AtomicU32,
    /// The most that were inside since the search began to measure.
    peak: AtomicU32,
    /// How many were done, in all.
    finished: AtomicU32,
    search: Mutex<Search>,
}

/// Counts one call out when dropped.
#[derive(Debug)]
pub(super) struct Inside<'a> {
    window: &'a Window,
    since: Instant,
    told: bool,
}

impl Inside<'_> {
    /// It did what it was to do, so that it waited where all wait.
    pub(super) fn done(mut self, now: Instant) {
        self.told = true;
        self.window.took(now.saturating_duration_since(self.since));
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.window.inside.fetch_sub(1, Ordering::Relaxed);
        // Whoever gave up, or was let down, after too long a time says as much as one who waited to the end.
        let time = if self.told { Duration::ZERO } else { self.since.elapsed() };
        if time > self.window.target {
            self.window.took(time);
        }
    }
}

impl Window {
    /// Where the lucky ones may take so long and so many may be inside at most.
    pub(super) fn new((target_ms, most): (u32, u32), now: Instant) -> Self {
        let (target, zero) = (Duration::from_millis(target_ms.into()), || AtomicU32::new(0));
        let (done, lucky, inside, peak, finished) = (zero(), zero(), zero(), zero(), zero());
        let (bound, search) = (AtomicU32::new(most), Mutex::new(Search::new(now)));
        Self { target, done, lucky, most, bound, inside, peak, finished, search }
    }

    /// How many may be inside, where that is fewer than ever.
    pub(super) fn bound(&self) -> Option<u32> {
        let bound = self.bound.load(Ordering::Relaxed);
        (bound < self.most).then_some(bound)
    }

    /// Lets in a call that began at `now`, or not.
    pub(super) fn enter(&self, now: Instant) -> Option<Inside<'_>> {
        let before = self.inside.fetch_add(1, Ordering::Relaxed);
        if before >= self.bound.load(Ordering::Relaxed) {
            self.inside.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        if before >= self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(before + 1, Ordering::Relaxed);
        }
        Some(Inside { window: self, since: now, told: false })
    }

    fn took(&self, time: Duration) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.finished.fetch_add(1, Ordering::Relaxed);
        if time <= self.target {
            self.lucky.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether hardly any call was fast; then the next look begins anew. `None`: too few were done, and it goes on.
    fn is_late(&self) -> Option<bool> {
        let done = self.done.load(Ordering::Relaxed);
        if done < ENOUGH {
            return None;
        }
        self.done.fetch_sub(done, Ordering::Relaxed);
        let lucky = self.lucky.swap(0, Ordering::Relaxed);
        Some(!self.target.is_zero() && lucky.saturating_mul(LUCKY) < done)
    }

    /// Looks at what was seen. One task calls it, about ten times a second.
    pub(super) fn adjust(&self, now: Instant) {
        let mut search = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        let (inside, bound) = (self.inside.load(Ordering::Relaxed), self.bound.load(Ordering::Relaxed));
        // Where nobody is inside, nobody waits.
        let late = self.is_late().or((inside == 0).then_some(false));
        search.heard = if late.is_some() { now } else { search.heard };
        // Some wait for their own clients, and not for each other: nothing is won by letting nobody in beside them.
        let on_trial = search.before.is_some() && inside > bound && now >= search.gives_up_at;
        let is_stuck = on_trial || (inside >= bound && now >= search.heard + PATIENCE);
        let next = if is_stuck && bound < self.most {
            search.fails(now).unwrap_or(self.most)
        } else if late.is_none() {
            return;
        } else if late == Some(false) {
            search.rest(now);
            bound + bound / 16 + 1
        } else if inside > bound || now < search.settles_at {
            // Those that were let in with the bound before still leave: what is done now says nothing of this one.
            bound
        } else {
            let peak = self.peak.load(Ordering::Relaxed).clamp(1, bound);
            let count = self.finished.load(Ordering::Relaxed).wrapping_sub(search.finished);
            let Some(rate) = search.rate((count, peak), now) else { return };
            search.next(Step { bound, peak, rate }, (self.target, self.most), now)
        };
        self.measure(&mut search, now);
        self.bound.store(next.min(self.most), Ordering::Relaxed);
    }

    /// Counts from now on.
    fn measure(&self, search: &mut Search, now: Instant) {
        (search.since, search.finished) = (now, self.finished.load(Ordering::Relaxed));
        self.peak.store(self.inside.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Calls before anything is said of them: some may just be long ones.
const ENOUGH: u32 = 8;
/// One in so many is fast where there is no queue.
const LUCKY: u32 = 10;
/// How far a search goes at once, up or down.
const STRIDE: f64 = 1.5;
/// How far down where calls are far too slow.
const STRIDE_DOWN: f64 = 8.0;
/// Calls whose number says how many are done in a second.
const MEASURED: u32 = 200;
/// For how long such a number may be waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// It is taken when so many calls could have been done one after the other, since some stores do many at once and then
/// none for a while; or after this time.
const IN_A_ROW: u32 = 4;
const ROW_PATIENCE: Duration = Duration::from_millis(400);
/// For how long at most those are waited for that are to leave before a bound holds.
const LEAVING: Duration = Duration::from_secs(20);
/// How long a search rests when a step was for nothing; twice as long after the next, at most the second.
const RESTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What was measured with a bound.
#[derive(Clone, Copy, Debug)]
struct Step {
    bound: u32,
    /// As many as really were inside.
    peak: u32,
    /// Calls that were done in a second.
    rate: f64,
}

impl Step {
    /// How long a call takes.
    fn time(&self) -> Duration {
        Duration::try_from_secs_f64(f64::from(self.peak) / self.rate).unwrap_or(PATIENCE)
    }

    /// Whether it is better to have so many inside than as many as before: by calls done in a second in proportion to how
    /// long each takes, which is how many are inside in proportion to calls done.
    fn is_better_than(&self, before: &Step) -> bool {
        let worth = |step: &Step| step.rate * step.rate / f64::from(step.peak);
        worth(self) > worth(before)
    }
}

/// The search for how many should be inside.
#[derive(Debug)]
struct Search {
    /// What is measured began then, when so many had been done.
    since: Instant,
    finished: u32,
    /// When there last was something to say of those that were done.
    heard: Instant,
    /// When those should long be gone that came before the present bound, if it is on trial.
    gives_up_at: Instant,
    /// When those are gone that came before the present bound.
    settles_at: Instant,
    /// What the present bound is compared with.
    before: Option<Step>,
    up: bool,
    rests_until: Instant,
    rest: Duration,
}

impl Search {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            finished: 0,
            heard: now,
            gives_up_at: now,
            settles_at: now,
            before: None,
            up: false,
            rests_until: now,
            rest: RESTS.0,
        }
    }

    /// Nobody is late: there is nothing to search for.
    fn rest(&mut self, now: Instant) {
        (self.before, self.up, self.rests_until) = (None, false, now);
        self.rest = (self.rest / 10 * 9).max(RESTS.0);
    }

    /// Calls a second since it was begun to measure, if they are enough to say so.
    fn rate(&self, (count, peak): (u32, u32), now: Instant) -> Option<f64> {
        let time = now.saturating_duration_since(self.since);
        let rate = f64::from(count) / time.as_secs_f64();
        let row = IN_A_ROW * Step { bound: peak, peak, rate }.time().min(ROW_PATIENCE / IN_A_ROW);
        let says = count >= MEASURED && time >= row.max(limits::OVERLOAD_INTERVAL);
        (says || time >= PATIENCE).then_some(rate)
    }

    /// The next bound, after what was measured with the present one.
    fn next(&mut self, step: Step, (target, most): (Duration, u32), now: Instant) -> u32 {
        self.settles_at = now + step.time().min(ROW_PATIENCE);
        match self.before {
            Some(before) if !step.is_better_than(&before) => return self.fails(now).unwrap_or(before.bound),
            Some(_) => self.rest = RESTS.0,
            None if now < self.rests_until => return step.bound,
            None => {}
        }
        // More are of no use where there were not as many as might be.
        self.up &= step.peak == step.bound && step.bound < most;
        self.before = Some(step);
        let down = (step.time().as_secs_f64() / target.as_secs_f64() / 2.0).clamp(STRIDE, STRIDE_DOWN);
        let next = f64::from(step.peak) * if self.up { STRIDE } else { 1.0 / down };
        let next = (next as u32).clamp(limits::OVERLOAD_INSIDE.min(most), most);
        let leaving = f64::from(step.peak.saturating_sub(next)) / step.rate;
        let leaving = Duration::try_from_secs_f64(2.0 * leaving).unwrap_or(PATIENCE).min(LEAVING);
        self.gives_up_at = self.settles_at + leaving + PATIENCE;
        next
    }

    /// The bound on trial was for nothing: the one before, and a rest. `None` if none is on trial.
    fn fails(&mut self, now: Instant) -> Option<u32> {
        let before = self.before.take()?;
        (self.up, self.rests_until) = (!self.up, now + self.rest);
        self.rest = (self.rest * 2).min(RESTS.1);
        Some(before.bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A window, and a clock that is set by hand.
    struct Trial {
        window: Window,
        began: Instant,
    }

    impl Trial {
        fn new(target_ms: u32, most: u32) -> Self {
            let began = Instant::now();
            Self { window: Window::new((target_ms, most), began), began }
        }

        fn at(&self, ms: u64) -> Instant {
            self.began + Duration::from_millis(ms)
        }

        fn adjust(&self, ms: u64) {
            self.window.adjust(self.at(ms));
        }
    }

    #[test]
    fn it_can_be_turned_off() {
        let trial = Trial::new(0, 100);
        (0..50).for_each(|_| trial.window.took(Duration::from_secs(10)));
        trial.adjust(1_000);
        assert_eq!(trial.window.bound(), None);
    }

    #[test]
    fn it_counts_out_whoever_leaves_and_however() {
        let Trial { window, began } = Trial::new(50, 2);
        let (one, two) = (window.enter(began), window.enter(began));
        assert!(one.is_some() && two.is_some() && window.enter(began).is_none());
        drop(one);
        two.unwrap().done(began);
        assert_eq!((window.inside.load(Ordering::Relaxed), window.finished.load(Ordering::Relaxed)), (0, 1));
    }

    #[test]
    fn those_who_are_late_and_few_are_waited_for() {
        let trial = Trial::new(50, 1_000);
        let inside: Vec<_> = (0..300).map(|_| trial.window.enter(trial.began)).collect();
        let mut leaving = inside.into_iter().flatten();
        leaving.by_ref().take(7).for_each(|one| one.done(trial.at(90)));
        trial.adjust(100);
        assert_eq!(trial.window.bound(), None, "seven may just be long ones");
        leaving.by_ref().take(1).for_each(|one| one.done(trial.at(190)));
        trial.adjust(1_100);
        assert_eq!(trial.window.bound(), Some(64), "as few as ever");
        trial.adjust(1_200);
        leaving.by_ref().take(10).for_each(|one| one.done(trial.at(1_250)));
        trial.adjust(1_300);
        assert_eq!(trial.window.bound(), Some(64), "more are still inside");
    }

    #[test]
    fn those_who_wait_for_their_own_clients_keep_nobody_out_for_long() {
        let trial = Trial::new(30, 4_096);
        let stalled: Vec<_> = (0..300).map(|_| trial.window.enter(trial.began)).collect();
        // One write a millisecond beside them, 40 ms each.
        let mut refused = [0; 2];
        under_load(&trial, (1, 0, 120_000), |now, queue| {
            let done = queue.iter().take_while(|(came, _)| came + 40 <= now).count();
            refused[usize::from(now > 60_000)] += usize::from(queue.back().is_none_or(|(came, _)| *came != now));
            queue.drain(..done).collect()
        });
        assert!(refused[0] < 20_000 && refused[1] < 3_000, "of 60,000 each: {refused:?}");
        drop(stalled);
    }

    #[test]
    fn whoever_gives_up_after_too_long_is_late_too() {
        let trial = Trial::new(1, 1_000);
        let inside: Vec<_> = (0..200).map(|_| trial.window.enter(trial.began)).collect();
        std::thread::sleep(Duration::from_millis(5));
        drop(inside);
        assert_eq!(trial.window.is_late(), Some(true));
        (0..200).for_each(|_| drop(trial.window.enter(Instant::now())));
        assert_eq!(trial.window.is_late(), None, "who is refused at once says nothing");
    }

    /// What came of a while under some load.
    #[derive(Debug, Default)]
    struct Outcome {
        done: usize,
        refused: usize,
        longest: u64,
    }

    /// So many calls come in each millisecond, to a server that does `work` with those that are inside at a time. What
    /// comes after `from` is counted.
    fn under_load<'a>(
        trial: &'a Trial,
        (come, from, until): (usize, u64, u64),
        mut work: impl FnMut(u64, &mut VecDeque<(u64, Inside<'a>)>) -> Vec<(u64, Inside<'a>)>,
    ) -> Outcome {
        let (mut queue, mut outcome) = (VecDeque::new(), Outcome::default());
        for now in 0..until {
            let counts = now > from;
            for _ in 0..come {
                match trial.window.enter(trial.at(now)) {
                    Some(inside) => queue.push_back((now, inside)),
                    None => outcome.refused += usize::from(counts),
                }
            }
            for (came, inside) in work(now, &mut queue) {
                inside.done(trial.at(now));
                outcome.done += usize::from(counts);
                outcome.longest = outcome.longest.max(if counts { now - came } else { 0 });
            }
            if now % 100 == 99 {
                trial.adjust(now);
            }
        }
        outcome
    }

    /// A server that does eight calls a millisecond, five times as many of which come.
    #[test]
    fn at_five_times_what_can_be_done_those_who_are_let_in_stay_fast() {
        let trial = Trial::new(50, 100_000);
        let outcome = under_load(&trial, (40, 5_000, 20_000), |_, queue| queue.drain(..queue.len().min(8)).collect());
        assert!(outcome.done > 8 * 14_900, "nothing that could be done was left: {outcome:?}");
        assert!(outcome.longest < 150, "without it, the wait would be 16 seconds by then: {outcome:?}");
        assert!(outcome.refused > 31 * 15_000, "{outcome:?}");
        assert!(trial.window.bound().is_some());
        for look in 0..200 {
            trial.adjust(20_000 + look * 100);
        }
        assert_eq!(trial.window.bound(), None, "it is over");
    }

    /// A disk that takes 80 ms for a sync, and as many calls with it as wait for it.
    #[test]
    fn a_slow_disk_is_not_taken_for_an_overloaded_one() {
        let trial = Trial::new(50, 4_096);
        let mut syncing = Vec::new();
        let outcome = under_load(&trial, (5, 5_000, 60_000), |now, queue| match now % 80 {
            0 => std::mem::replace(&mut syncing, queue.drain(..).collect()),
            _ => Vec::new(),
        });
        assert!(outcome.refused * 50 < outcome.done, "one in fifty at most: {outcome:?}");
    }

    /// Four thousand clients that come again as soon as they are answered, to a processor on which a refusal costs a
    /// quarter of a call: there is no letting in few that pays.
    #[test]
    fn where_refusing_is_dear_half_is_done_that_would_be_without() {
        let trial = Trial::new(20, 4_096);
        let (mut waiting, mut done, mut spent) = ((0..4_000).map(|_| None).collect::<VecDeque<_>>(), 0, 0.0_f64);
        for now in 0..40_000_u64 {
            spent = (spent - 1.0).max(0.0);
            // A call costs a tenth of a millisecond, and is looked at when it comes and when it goes.
            while spent < 1.0 {
                match waiting.pop_front().expect("there are always as many") {
                    Some(inside) => {
                        Inside::done(inside, trial.at(now));
                        (done, spent) = (done + usize::from(now > 20_000), spent + 0.08);
                        waiting.push_back(None);
                    }
                    None => {
                        let inside = trial.window.enter(trial.at(now));
                        spent += if inside.is_some() { 0.02 } else { 0.025 };
                        waiting.push_back(inside);
                    }
                }
            }
            if now % 100 == 99 {
                trial.adjust(now);
            }
        }
        assert!(done > 10 * 20_000 / 2, "{done} of {}", 10 * 20_000);
    }
}
