//! Where the keys of the issuer come from, and which ones hold: a file that is looked at each second, or a URL that is
//! asked now and then, and at once, though not too often, when a token names a key that is not there.
//!
//! Where they cannot be had, those that were last read go on to hold for a bounded time. After that no token can be
//! judged, and whoever brings one is told to come again; nobody is let in.

use super::fetch::Remote;
use super::keys::Keys;
use crate::config::Token;
use crate::config::token::Place;
use crate::limits;
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// See the module.
pub(super) struct Source {
    origin: Origin,
    /// Between two looks that nobody asks for.
    every: Duration,
    /// Between two looks because of a key that is not there.
    unknown: Duration,
    /// For how long keys hold that were read.
    keep: Duration,
    state: Mutex<State>,
    /// Counts the looks that ended.
    looks: watch::Sender<u64>,
}

enum Origin {
    File(PathBuf),
    Url(Remote),
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// Whether a look is under way.
    looking: bool,
    /// When the last one began that an unknown key was the cause of.
    asked: Option<Instant>,
    /// What was wrong at the last look, so that it is told once.
    fault: Option<String>,
}

/// Keys that were read.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) keys: Arc<Keys>,
    /// Tells them from other ones: what was judged by others is judged again.
    pub(super) generation: u64,
    /// When they were last seen to be what the issuer says.
    seen: Instant,
}

impl Source {
    /// From these settings. A file must be there and good; what a URL says is not waited for.
    pub(super) fn open(settings: &Token) -> Result<Self, String> {
        let (origin, every) = match settings.place()? {
            Place::File(path) => (Origin::File(path), limits::JWKS_FILE_MS),
            Place::Url(address) => {
                let timeout = Duration::from_millis(settings.timeout_ms);
                (Origin::Url(Remote::new(address, &settings.ca_file, timeout)?), settings.refresh_ms)
            }
        };
        let source = Self {
            origin,
            every: Duration::from_millis(every),
            unknown: Duration::from_millis(settings.unknown_kid_ms),
            keep: Duration::from_millis(settings.keep_ms),
            state: Mutex::default(),
            looks: watch::Sender::new(0),
        };
        if let Origin::File(path) = &source.origin {
            source.take(read_file(path));
            let fault = source.state().fault.take();
            fault.map_or(Ok(()), |fault| Err(format!("{}: {fault}", path.display())))?;
        }
        Ok(source)
    }

    /// The keys that hold now, if there are any.
    pub(super) fn held(&self) -> Option<Held> {
        self.state().held.clone().filter(|held| held.seen.elapsed() < self.keep)
    }

    /// What was wrong when the keys were last looked for.
    pub(super) fn fault(&self) -> Option<String> {
        self.state().fault.clone()
    }

    /// Looks now and then, for as long as it is polled.
    pub(super) async fn watch(self: Arc<Self>) {
        loop {
            self.clone().look(false).await;
            let every = if self.fault().is_some() { self.every.min(RETRY) } else { self.every };
            tokio::time::sleep(every).await;
        }
    }

    /// Looks because of a key that is not there, unless a look for that reason was begun a moment ago.
    pub(super) async fn look_again(self: &Arc<Self>) {
        self.clone().look(true).await;
    }

    /// Looks, because of an unknown key or because it is time; waits for a look that is under way. It goes on when the caller
    /// is gone: otherwise callers who hang up could keep a new key from being found.
    async fn look(self: Arc<Self>, for_unknown: bool) {
        // Before the state is looked at: an end that comes after that is seen.
        let mut ended = self.looks.subscribe();
        let begins = {
            let mut state = self.state();
            let is_early = for_unknown && state.asked.is_some_and(|asked| asked.elapsed() < self.unknown);
            match (state.looking, is_early) {
                (false, true) => return,
                (looking, _) => {
                    if !looking {
                        state.looking = true;
                        state.asked = if for_unknown { Some(Instant::now()) } else { state.asked };
                    }
                    !looking
                }
            }
        };
        if begins {
            let source = self.clone();
            tokio::spawn(async move {
                let read = source.read().await;
                source.take(read);
            });
        }
        // It ends in its own time; the sender is ours, so it is not gone.
        let _ended = ended.changed().await;
    }

    async fn read(&self) -> Result<Bytes, String> {
        match &self.origin {
            Origin::Url(remote) => remote.get().await,
            Origin::File(path) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || read_file(&path)).await;
                read.unwrap_or_else(|error| Err(error.to_string()))
            }
        }
    }

    /// Takes up what was read, if it is good.
    fn take(&self, read: Result<Bytes, String>) {
        let keys = read.and_then(|text| Keys::read(&text).map_err(str::to_owned));
        let mut state = self.state();
        state.looking = false;
        match keys {
            Ok(keys) => {
                state.fault = None;
                state.hold(keys);
            }
            Err(fault) if state.fault.as_ref() != Some(&fault) => {
                tracing::error!(
                    fault,
                    held = state.held.is_some(),
                    "the keys of tokens could not be read; what was read before, if anything, holds for a while"
                );
                state.fault = Some(fault);
            }
            Err(_) => {}
        }
        drop(state);
        self.looks.send_modify(|looks| *looks += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After a look that found nothing, sooner again.
const RETRY: Duration = Duration::from_millis(limits::JWKS_RETRY_MS);

impl State {
    fn hold(&mut self, keys: Keys) {
        let seen = Instant::now();
        match &mut self.held {
            Some(held) if *held.keys == keys => held.seen = seen,
            held => {
                let generation = held.as_ref().map_or(1, |held| held.generation + 1);
                let passed_over = keys.passed_over.join("; ");
                tracing::info!(keys = keys.count(), passed_over, "the keys of tokens were read");
                *held = Some(Held { keys: Arc::new(keys), generation, seen });
            }
        }
    }
}

/// A file whole, and never more than a set may have.
fn read_file(path: &std::path::Path) -> Result<Bytes, String> {
    use std::io::Read;
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(limits::JWKS_BYTES as u64 + 1).read_to_end(&mut text).map_err(|error| error.to_string())?;
    if text.len() > limits::JWKS_BYTES { Err("is larger than 256 KiB".into()) } else { Ok(text.into()) }
}
