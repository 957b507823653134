//! What is learnt of a call while it is answered, for what comes after its handler: who called, how they stand with their
//! limits, what they looked up and whom they were shown. One lives as long as its call; the front makes it, extractors and
//! handlers fill it in.

use crate::caller::Key;
use crate::limit::Standing;
use http::HeaderMap;
use http::request::Parts;
use onefold_core::service::fetch::Shown;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// See the module.
#[derive(Debug)]
pub struct Note {
    began: Instant,
    known: OnceLock<Known>,
    identifiers: AtomicU32,
    shown: OnceLock<Shown>,
}

impl Default for Note {
    fn default() -> Self {
        Self::of_call(Instant::now())
    }
}

/// Who called.
#[derive(Debug)]
struct Known {
    key: Arc<Key>,
    standing: Option<Standing>,
}

impl Note {
    /// Of a call that began then.
    pub fn of_call(began: Instant) -> Self {
        Self { began, known: OnceLock::new(), identifiers: AtomicU32::new(0), shown: OnceLock::new() }
    }

    /// When the call began. Whoever needs the time to a few microseconds takes this: looking at the clock is dear beside
    /// a fetch.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// The note of a request that goes through the router; a new one if nobody reads it.
    pub fn of(parts: &Parts) -> Arc<Note> {
        parts.extensions.get().cloned().unwrap_or_default()
    }

    /// Writes down who called. What is there already stays.
    pub fn known(&self, key: &Arc<Key>, standing: Option<Standing>) {
        self.known.get_or_init(|| Known { key: key.clone(), standing });
    }

    /// Who called, if anybody who is known.
    pub fn key(&self) -> Option<&Arc<Key>> {
        self.known.get().map(|known| &known.key)
    }

    /// Writes down how many identifiers the call names, once they are looked up.
    pub fn looked_up(&self, identifiers: usize) {
        self.identifiers.store(u32::try_from(identifiers).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// How many these were.
    pub fn identifiers(&self) -> u32 {
        self.identifiers.load(Ordering::Relaxed)
    }

    /// Writes down whom the answer shows. What is there already stays.
    pub fn shows(&self, shown: Shown) {
        self.shown.get_or_init(|| shown);
    }

    /// Who that was.
    pub fn shown(&self) -> Option<&Shown> {
        self.shown.get()
    }

    /// The limit that the call was refused by, if it was.
    pub fn refused_by(&self) -> Option<&'static str> {
        let standing = self.known.get()?.standing?;
        standing.refused().map(|_| standing.policy())
    }

    /// Writes how the caller stands with their limits, if they have any, into the head of an answer.
    pub fn headers(&self, headers: &mut HeaderMap) {
        let Some(known) = self.known.get() else { return };
        if let Some(standing) = known.standing {
            known.key.pace.headers(standing, headers);
        }
    }
}
