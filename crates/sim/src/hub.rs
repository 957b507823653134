//! What everything in a history shares: who is being polled, the time, the schedule, the checks, the trace.

use crate::check::Check;
use crate::dice::mix;
use crate::schedule::Scheduler;
use onefold_core::time::{Clock, Entropy, Ms};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// The shared state.
pub(crate) struct Hub {
    /// The operation that is being polled; one past the last is the harness itself, for which nothing goes wrong.
    pub(crate) current: usize,
    /// How many operations there are.
    pub(crate) operations: usize,
    /// Whether the one that is being polled may make a call, and how many of its calls are to be passed over first.
    permit: Option<usize>,
    /// For each operation how many of its calls wait.
    pub(crate) waiting: Vec<usize>,
    /// For each operation how many calls it has made.
    pub(crate) calls: Vec<u32>,
    /// For each operation how many of its writes were done, as far as it knows.
    pub(crate) writes: Vec<u32>,
    /// Whether every write is sent twice.
    pub(crate) twice: bool,
    draws: Vec<u64>,
    seed: u64,
    /// The right time.
    pub(crate) now: Ms,
    /// How wrong each node's clock is.
    pub(crate) skew: Vec<i64>,
    pub(crate) scheduler: Scheduler,
    pub(crate) check: Check,
    pub(crate) trace: Trace,
}

/// The hub, as it is handed around.
pub(crate) type Shared = Arc<Mutex<Hub>>;

/// The hub itself. Everything runs on one thread, so nobody ever waits here.
pub(crate) fn hub(shared: &Mutex<Hub>) -> MutexGuard<'_, Hub> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hub {
    pub(crate) fn new(seed: u64, nodes: usize, operations: usize, scheduler: Scheduler, check: Check) -> Self {
        Self {
            current: operations,
            operations,
            permit: None,
            waiting: vec![0; operations + 1],
            calls: vec![0; operations + 1],
            writes: vec![0; operations + 1],
            twice: false,
            draws: vec![0; operations + 1],
            seed,
            now: crate::ops::BEGIN,
            skew: vec![0; nodes],
            scheduler,
            check,
            trace: Trace::default(),
        }
    }

    /// Whether the harness itself is at work.
    pub(crate) fn is_calm(&self) -> bool {
        self.current == self.operations
    }

    /// The operation that is polled from now on may make one call, the one of this place among those that wait.
    pub(crate) fn allow(&mut self, op: usize, place: usize) {
        (self.current, self.permit) = (op, Some(place));
    }

    /// From now on the harness is at work.
    pub(crate) fn calm(&mut self) {
        (self.current, self.permit) = (self.operations, None);
    }

    fn may_go(&mut self) -> bool {
        match self.permit {
            _ if self.is_calm() => true,
            Some(0) => {
                self.permit = None;
                true
            }
            Some(more) => {
                self.permit = Some(more - 1);
                false
            }
            None => false,
        }
    }
}

/// Waits until the schedule lets the operation make a call.
pub(crate) struct Turn<'a> {
    shared: &'a Mutex<Hub>,
    waits: Option<usize>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(shared: &'a Mutex<Hub>) -> Self {
        Self { shared, waits: None }
    }
}

impl Future for Turn<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut hub = hub(self.shared);
        if hub.may_go() {
            return Poll::Ready(());
        }
        let current = hub.current;
        if self.waits.is_none() {
            hub.waiting[current] += 1;
        }
        drop(hub);
        self.waits = Some(current);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(op) = self.waits {
            hub(self.shared).waiting[op] -= 1;
        }
    }
}

/// A node's clock.
pub(crate) struct NodeClock {
    pub(crate) shared: Shared,
    pub(crate) node: usize,
}

impl Clock for NodeClock {
    fn now(&self) -> Ms {
        let hub = hub(&self.shared);
        hub.now.saturating_add_signed(hub.skew[self.node])
    }
}

/// Random bits that depend on the seed, the operation and how many it has drawn, and on nothing that others do.
pub(crate) struct SeededEntropy(pub(crate) Shared);

impl Entropy for SeededEntropy {
    fn bits(&self) -> u128 {
        let mut hub = hub(&self.0);
        let op = hub.current;
        hub.draws[op] += 1;
        let from = mix(hub.seed ^ mix((op as u64) << 32 | hub.draws[op]));
        u128::from(from) << 64 | u128::from(mix(from ^ 0x5eed))
    }
}

/// What happened: a hash of all of it, and the lines if somebody wants to read them.
#[derive(Default)]
pub(crate) struct Trace {
    /// Of everything so far.
    pub(crate) hash: u64,
    /// In words.
    pub(crate) lines: Option<Vec<String>>,
}

impl Trace {
    /// Takes in bytes.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
        self.word(bytes.len() as u64);
    }

    /// Takes in a number.
    pub(crate) fn word(&mut self, word: u64) {
        self.hash = (self.hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    /// Takes in a line, if somebody wants to read it.
    pub(crate) fn line(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }
}
