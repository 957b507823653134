//! The machine's clock and randomness, for the rules, which have neither.

use onefold_core::time::{Clock, Entropy, Ms};
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Ms {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ms::try_from(since.as_millis()).unwrap_or(Ms::MAX)
    }
}

/// A generator fit for secrets, one a thread, seeded by the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn bits(&self) -> u128 {
        rand::random()
    }
}
