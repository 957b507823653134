//! What a connection is doing, and since when: cheap to note at every step, looked at now and then.

use crate::config::Server;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Nothing: between two requests.
const IDLE: u8 = 0;
/// The head of a request is coming.
const HEAD: u8 = 1;
/// A request is with us.
const BUSY: u8 = 2;

/// No moment.
const NEVER: u64 = 0;

/// The state of one connection.
pub(super) struct Pulse {
    began: Instant,
    state: AtomicU8,
    /// When the state began, in milliseconds since `began`, plus one.
    since: AtomicU64,
    /// When the client stopped taking what we send, likewise; or [`NEVER`].
    stuck: AtomicU64,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let (began, zero) = (Instant::now(), || AtomicU64::new(1));
        // Whoever connects is expected to begin a request.
        Self { began, state: AtomicU8::new(HEAD), since: zero(), stuck: AtomicU64::new(NEVER) }
    }

    /// Bytes came.
    pub(super) fn received(&self) {
        if self.state.load(Ordering::Relaxed) == IDLE {
            self.enter(HEAD);
        }
    }

    /// The head of a request came to its end.
    pub(super) fn head_complete(&self) {
        self.state.store(BUSY, Ordering::Relaxed);
    }

    /// The answer is ready to be sent.
    pub(super) fn answered(&self) {
        self.enter(IDLE);
    }

    /// The client took some bytes.
    pub(super) fn sent(&self) {
        if self.stuck.load(Ordering::Relaxed) != NEVER {
            self.stuck.store(NEVER, Ordering::Relaxed);
        }
    }

    /// The client takes no more bytes for now.
    pub(super) fn stuck(&self) {
        let _ = self.stuck.compare_exchange(NEVER, self.now(), Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Why the connection should be cut off, if it should.
    pub(super) fn overdue(&self, server: &Server) -> Option<&'static str> {
        let past = |since: u64, limit: Duration| self.now().saturating_sub(since) >= limit.as_millis() as u64;
        let (since, stuck) = (self.since.load(Ordering::Relaxed), self.stuck.load(Ordering::Relaxed));
        if stuck != NEVER && past(stuck, server.write_timeout()) {
            return Some("the client does not take its answer");
        }
        match self.state.load(Ordering::Relaxed) {
            HEAD if past(since, server.head_timeout()) => Some("the head of a request did not come in time"),
            IDLE if stuck == NEVER && past(since, server.idle_timeout()) => Some("no request came"),
            _ => None,
        }
    }

    fn enter(&self, state: u8) {
        self.since.store(self.now(), Ordering::Relaxed);
        self.state.store(state, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64 + 1
    }
}
