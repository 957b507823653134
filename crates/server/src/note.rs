//! What is learnt of a call while it is answered, for what comes after its handler: who called, and how they stand with
//! their limits. One lives as long as its call; the front makes it, extractors fill it in.

use crate::caller::Key;
use crate::limit::Standing;
use http::HeaderMap;
use http::request::Parts;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// See the module.
#[derive(Debug)]
pub struct Note {
    began: Instant,
    known: OnceLock<Known>,
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
        Self { began, known: OnceLock::new() }
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

    /// Takes over what another one says.
    pub fn copy(&self, other: &Note) {
        if let Some(known) = other.known.get() {
            self.known(&known.key, known.standing);
        }
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
