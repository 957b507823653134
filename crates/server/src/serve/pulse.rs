//! What a connection is doing, and since when: cheap to note at every step, looked at now and then.

use crate::config::Server;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Nothing: before the first byte of a request, also of the first.
const IDLE: u8 = 0;
/// The head of a request is coming.
const HEAD: u8 = 1;
/// A request is with us.
const BUSY: u8 = 2;

/// As [`IDLE`], on a connection of many requests at once: bytes that come may belong to none.
const QUIET: u8 = 3;

/// No moment.
const NEVER: u64 = 0;

/// Why a connection without requests ends.
const SILENT: &str = "no request came";

/// The state of one connection.
pub(super) struct Pulse {
    began: Instant,
    state: AtomicU8,
    /// When the state began, in milliseconds since `began`, plus one.
    since: AtomicU64,
    /// When the client stopped taking what we send, likewise; or [`NEVER`].
    stuck: AtomicU64,
    /// How many requests are with us, on a connection of many at once.
    inside: AtomicU32,
}

/// An answer that is still being made: the connection is busy until this is dropped.
pub(super) struct Answering(pub(super) Arc<Pulse>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answered();
    }
}

impl Pulse {
    pub(super) fn new() -> Self {
        let (began, zero) = (Instant::now(), || AtomicU64::new(1));
        Self {
            began,
            state: AtomicU8::new(IDLE),
            since: zero(),
            stuck: AtomicU64::new(NEVER),
            inside: AtomicU32::new(0),
        }
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

    /// The connection is ready for its first request: only now its time begins.
    pub(super) fn ready(&self) {
        self.enter(IDLE);
    }

    /// The head of one of many requests came to its end.
    pub(super) fn one_more(&self) {
        self.inside.fetch_add(1, Ordering::Relaxed);
        self.state.store(BUSY, Ordering::Relaxed);
    }

    /// The answer to one of many requests is ready to be sent, or nobody waits for it any more.
    pub(super) fn one_less(&self) {
        if self.inside.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.enter(QUIET);
        }
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
            IDLE if stuck == NEVER && past(since, server.idle_timeout()) => Some(SILENT),
            // Another request may have come while the last one was being counted out.
            QUIET if self.inside.load(Ordering::Relaxed) == 0 && past(since, server.idle_timeout()) => Some(SILENT),
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
