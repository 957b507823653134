//! One token bucket, which is one number; and what a limit is in its terms.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Ticks in a nanosecond: so many that four thousand million calls a second can still be told apart.
const TICKS: u64 = 64;
const SECOND: u64 = 1_000_000_000 * TICKS;

/// A moment, in 1/64 nanoseconds since the limiter began; good for nine years, and stands still after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(u64);

impl Ticks {
    /// So long after the beginning.
    pub fn of(since: Duration) -> Self {
        Self(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX).saturating_mul(TICKS).min(u64::MAX / 2))
    }
}

/// A limit: so many calls in so many seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    pub(super) name: &'static str,
    quota: u32,
    window_s: u32,
    /// Ticks that one call is worth.
    each: u64,
}

impl Policy {
    /// `None` for a quota of 0, which is no limit.
    pub(super) fn new(name: &'static str, quota: u32, window_s: u32) -> Option<Self> {
        let each = (u64::from(window_s) * SECOND).checked_div(quota.into())?;
        Some(Self { name, quota, window_s, each })
    }

    /// What a full bucket is worth.
    fn whole(&self) -> u64 {
        self.each * u64::from(self.quota)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\";q={};w={}", self.name, self.quota, self.window_s)
    }
}

/// When it will be full again; in the past if it is.
#[derive(Debug, Default)]
pub(super) struct Bucket(AtomicU64);

/// What is in a bucket after a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) calls: u64,
    /// Until it is full, rounded up.
    pub(super) seconds: u64,
}

impl Bucket {
    /// Takes a call out, or says in how many seconds there will be one, rounded up.
    pub(super) fn take(&self, policy: &Policy, Ticks(now): Ticks) -> Result<Left, u64> {
        let latest = now + policy.whole();
        let mut full = self.0.load(Ordering::Relaxed);
        loop {
            // A limit that was raised does not keep anyone waiting for what was taken under the lower one.
            let after = full.clamp(now, latest) + policy.each;
            if after > latest {
                return Err((after - latest).div_ceil(SECOND));
            }
            match self.0.compare_exchange_weak(full, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    return Ok(Left { calls: (latest - after) / policy.each, seconds: (after - now).div_ceil(SECOND) });
                }
                Err(other) => full = other,
            }
        }
    }

    /// Undoes a [`Bucket::take`].
    pub(super) fn give_back(&self, policy: &Policy) {
        self.0.fetch_sub(policy.each, Ordering::Relaxed);
    }
}

/// A short line of text, on the stack.
pub(super) struct Line {
    bytes: [u8; Line::MOST],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; Line::MOST], length: 0 }
    }
}

impl Line {
    /// The longest name of a limit, two numbers of twenty digits, and what stands between.
    const MOST: usize = 72;

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        let room = &mut self.bytes[self.length..];
        let taken = text.len().min(room.len());
        room[..taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.length += taken;
        self
    }

    pub(super) fn quoted(&mut self, text: &str) -> &mut Self {
        self.text("\"").text(text).text("\"")
    }

    pub(super) fn number(&mut self, mut number: u64) -> &mut Self {
        let mut digits = [b'0'; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return self.text(std::str::from_utf8(&digits[at..]).unwrap_or_default());
            }
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
