//! How fast one person may be written to (contract section 8), so that a kiosk or a bot, which writes to one and the same
//! person all day, slows nobody else.
//!
//! A fixed table of token buckets, each one number: the moment at which it is full again, and some bits of whose it is.
//! A bucket that is full says nothing, so its place is free; who finds no free place takes that of the bucket nearest to
//! full. So the table needs no cleaning, and forgets only people who were hardly written to. What a bucket holds is for each
//! call to say, so that a rate may change under way. Organisations with rates of their own have a table apart: buckets that
//! take long to fill would drive out those of everybody else.

use crate::id::{OrgId, Ucid};
use crate::limits::{PACE_SLOTS, PACE_WAYS};
use crate::time::Ms;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of a slot that say whose it is; the rest is a moment in microseconds since the Unix epoch.
const TAG_BITS: u32 = 12;
const TAG: u64 = (1 << TAG_BITS) - 1;

/// Exchanges that one call tries before it lets the write pass: so many others at once are not met twice.
const TRIES: usize = 64;

/// How fast one person may be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersonRate {
    /// Writes a second, at most a million; 0 means no limit.
    pub per_second: u32,
    /// Writes at once, 1 to a million.
    pub burst: u32,
}

/// The buckets of all people that this process writes to.
pub struct Pace {
    slots: Box<[AtomicU64]>,
    /// Of organisations with rates of their own, once there are any.
    apart: OnceLock<Box<[AtomicU64]>>,
    default: PersonRate,
}

impl std::fmt::Debug for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pace").field("default", &self.default).finish_non_exhaustive()
    }
}

impl Pace {
    /// Full ones, with the rate of organisations that have none of their own.
    pub fn new(default: PersonRate) -> Self {
        Self { slots: table(), apart: OnceLock::new(), default }
    }

    /// The rate of organisations that have none of their own.
    pub fn default_rate(&self) -> PersonRate {
        self.default
    }

    /// Takes one write out of a person's bucket, which is of this rate. Whether there was one in it.
    pub fn admit(&self, rate: PersonRate, org: OrgId, person: Ucid, now: Ms) -> bool {
        if rate.per_second == 0 {
            return true;
        }
        // Microseconds that one write is worth, and a full bucket.
        let each = 1_000_000 / u64::from(rate.per_second.min(1_000_000));
        let whole = each * u64::from(rate.burst.max(1));
        let slots = if rate == self.default { &self.slots } else { self.apart.get_or_init(table) };
        let (ways, tag) = place(slots, org, person);
        let now = now.saturating_mul(1_000).min(u64::MAX >> (TAG_BITS + 1));
        for _ in 0..TRIES {
            let (slot, seen) = choose(ways, tag);
            let own = seen & TAG == tag;
            // A clock that stepped back must not lock anybody out, nor a bucket that was larger.
            let full = if own { (seen >> TAG_BITS).clamp(now, now + whole) } else { now };
            let after = full + each;
            if after > now + whole {
                if own && seen >> TAG_BITS > full {
                    // What was noted before would hold until it is that late again.
                    let _noted_or_by_another =
                        slot.compare_exchange(seen, full << TAG_BITS | tag, Ordering::Relaxed, Ordering::Relaxed);
                }
                return false;
            }
            let next = after << TAG_BITS | tag;
            if slot.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return true;
            }
        }
        true
    }
}

fn table() -> Box<[AtomicU64]> {
    (0..PACE_SLOTS).map(|_| AtomicU64::new(0)).collect()
}

/// Where a person's bucket may be, and what marks it. UCIDs are random, and nobody chooses theirs.
fn place(slots: &[AtomicU64], org: OrgId, person: Ucid) -> (&[AtomicU64], u64) {
    let bits = person.as_u128();
    let mixed = (bits as u64 ^ (bits >> 64) as u64 ^ org.get().rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let set = (mixed >> 32) as usize % (PACE_SLOTS / PACE_WAYS);
    (&slots[set * PACE_WAYS..][..PACE_WAYS], mixed & TAG)
}

/// The person's own slot, or the one nearest to full; and what it holds.
fn choose(ways: &[AtomicU64], tag: u64) -> (&AtomicU64, u64) {
    let (mut best, mut seen) = (&ways[0], u64::MAX);
    for slot in ways {
        let value = slot.load(Ordering::Relaxed);
        if value & TAG == tag && value != 0 {
            return (slot, value);
        }
        if value < seen {
            (best, seen) = (slot, value);
        }
    }
    (best, seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Ms = 1_735_689_600_000;

    const RATE: PersonRate = PersonRate { per_second: 50, burst: 500 };

    fn admitted(pace: &Pace, person: u128, now: Ms, writes: usize) -> usize {
        admitted_of(pace, (pace.default_rate(), 7), person, now, writes)
    }

    fn admitted_of(pace: &Pace, (rate, org): (PersonRate, u64), person: u128, now: Ms, writes: usize) -> usize {
        let (org, spread) = (OrgId::new(org).expect("a number"), 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        let person = Ucid::new(NOW, person.wrapping_mul(spread));
        (0..writes).filter(|_| pace.admit(rate, org, person, now)).count()
    }

    #[test]
    fn a_person_takes_a_burst_and_then_so_many_a_second() {
        let pace = Pace::new(RATE);
        assert_eq!(admitted(&pace, 1, NOW, 600), 500);
        assert_eq!(admitted(&pace, 1, NOW + 19, 5), 0);
        assert_eq!(admitted(&pace, 1, NOW + 20, 5), 1);
        assert_eq!(admitted(&pace, 1, NOW + 1_020, 100), 50);
        assert_eq!(admitted(&pace, 1, NOW + 60_000, 600), 500);
        assert_eq!(admitted(&pace, 2, NOW, 600), 500, "another person has a bucket of their own");
    }

    #[test]
    fn each_organisation_has_its_rate() {
        let pace = Pace::new(RATE);
        let slow = PersonRate { per_second: 1, burst: 2 };
        assert_eq!(admitted_of(&pace, (slow, 8), 1, NOW, 5), 2);
        assert_eq!(admitted(&pace, 1, NOW, 600), 500);
        assert_eq!(admitted_of(&pace, (slow, 8), 1, NOW + 999, 5), 0);
        assert_eq!(admitted_of(&pace, (slow, 8), 1, NOW + 1_000, 5), 1);
        let unlimited = PersonRate { per_second: 0, burst: 1 };
        assert_eq!(admitted_of(&pace, (unlimited, 8), 1, NOW + 1_000, 900), 900);
    }

    #[test]
    fn a_rate_changes_under_way() {
        let pace = Pace::new(RATE);
        let (slow, quick) = (PersonRate { per_second: 1, burst: 300 }, PersonRate { burst: 499, ..RATE });
        assert_eq!(admitted_of(&pace, (slow, 7), 1, NOW, 400), 300, "five minutes' worth");
        assert_eq!(admitted_of(&pace, (quick, 7), 1, NOW, 5), 0, "what was taken stays taken");
        assert_eq!(admitted_of(&pace, (quick, 7), 1, NOW + 1_000, 100), 50, "but fills as fast as is now allowed");
        assert_eq!(admitted_of(&pace, (slow, 7), 1, NOW + 1_000, 400), 290);
        assert_eq!(admitted(&pace, 1, NOW + 1_000, 600), 500, "the rate of everybody begins with a full one");
    }

    #[test]
    fn a_clock_that_steps_back_locks_nobody_out() {
        let pace = Pace::new(RATE);
        assert_eq!(admitted(&pace, 1, NOW, 500), 500);
        assert_eq!(admitted(&pace, 1, NOW - 3_600_000, 5), 0);
        assert_eq!(admitted(&pace, 1, NOW - 3_599_980, 5), 1);
    }

    #[test]
    fn a_busy_person_is_remembered_among_any_number_of_others() {
        let pace = Pace::new(RATE);
        assert_eq!(admitted(&pace, 0, NOW, 500), 500);
        for other in 1..200_000 {
            assert_eq!(admitted(&pace, other, NOW, 1), 1);
        }
        assert!(admitted(&pace, 0, NOW, 5) == 0, "its bucket is the one that is furthest from full");
    }

    #[test]
    fn who_has_a_slow_rate_drives_nobody_else_out() {
        let pace = Pace::new(RATE);
        assert_eq!(admitted(&pace, 1, NOW, 600), 500);
        let slow = PersonRate { per_second: 1, burst: 1_000 };
        for person in 2..300_000 {
            assert_eq!(admitted_of(&pace, (slow, 8), person, NOW, 20), 20);
        }
        assert_eq!(admitted(&pace, 1, NOW, 600), 0);
    }
}
