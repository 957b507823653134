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

/// See the module.
#[derive(Debug, Default)]
pub struct Note {
    known: OnceLock<Known>,
    identifiers: AtomicU32,
    shown: OnceLock<Shown>,
}

/// Who called.
#[derive(Debug)]
struct Known {
    key: Arc<Key>,
    standing: Option<Standing>,
}

impl Note {
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

    /// Writes how the caller stands with their limits, if they have any, into the head of an answer.
    pub fn headers(&self, headers: &mut HeaderMap) {
        let Some(known) = self.known.get() else { return };
        if let Some(standing) = known.standing {
            known.key.pace.headers(standing, headers);
        }
    }
}
