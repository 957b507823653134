//! What the limits cost a call: taking from the four buckets of a key that has all limits, on one and on all processors,
//! and asking for one of very many people. `just bench-limits`.

#![allow(missing_docs, clippy::unwrap_used)]

use onefold::limit::{Limiter, Ticks};
use onefold_core::id::{OrgId, Ucid};
use onefold_core::org::{KeyId, KeyRate, OrgLimits};
use onefold_core::pace::{Pace, PersonRate};
use std::hint::black_box;
use std::time::{Duration, Instant};

const CALLS: u32 = 2_000_000;

fn main() {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let limiter = Limiter::default();
    let org = |number| OrgId::new(number).unwrap();
    let most = OrgLimits { per_second: 100_000_000, per_minute: 4_000_000_000, ..OrgLimits::default() };
    let rate = KeyRate { per_second: 100_000_000, per_minute: 4_000_000_000 };
    let two = limiter.pace((org(1), most), (KeyId::from_u128(1), None));
    let four = limiter.pace((org(1), most), (KeyId::from_u128(1), Some(rate)));
    let now = || limiter.now();
    report("look at the clock", 1, |_| _ = black_box(now()));
    report("organisation (2 buckets)", 1, |_| _ = black_box(two.take(now())));
    report("organisation and key (4 buckets)", 1, |_| _ = black_box(four.take(now())));
    report("the same, all threads at one organisation", threads, |_| _ = black_box(four.take(now())));
    let refusing = limiter.pace((org(2), OrgLimits { per_second: 1, ..most }), (KeyId::from_u128(2), None));
    report("refused", 1, |_| _ = black_box(refusing.take(Ticks::of(Duration::ZERO))));
    let rate = PersonRate { per_second: 50, burst: 500 };
    let people = Pace::new(rate);
    let person = |number: u32| {
        Ucid::new(1_735_689_600_000, u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
    };
    report("one of a million people", threads, |call| {
        black_box(people.admit(rate, org(1), person(call % 1_000_000), 1_735_689_600_000 + u64::from(call / 64)));
    });
}

/// Nanoseconds of one call, the least of five runs.
fn report(what: &str, threads: usize, call: impl Fn(u32) + Sync) {
    let run = || {
        let began = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..CALLS).for_each(&call));
            }
        });
        began.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    let least = (0..5).map(|_| run()).fold(f64::MAX, f64::min);
    println!("{what:45} {threads} threads {least:8.1} ns");
}
