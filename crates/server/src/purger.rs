//! Deleted bytes leave the disk in time: watches for how long the files may have held some, and has them rewritten.

use onefold_engines::Embedded;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Longest time between two looks.
const LOOK_AT_MOST: Duration = Duration::from_secs(60);

/// The engine, and within what time nothing deleted may be left in its files.
pub struct Purger {
    store: Arc<Embedded>,
    within: Duration,
}

/// One that is at work.
pub(crate) struct Running {
    store: Arc<Embedded>,
    task: JoinHandle<()>,
}

impl Purger {
    pub(crate) fn new(store: Arc<Embedded>, within: Duration) -> Self {
        Self { store, within }
    }

    pub(crate) fn start(self) -> Running {
        Running { store: self.store.clone(), task: tokio::spawn(self.run()) }
    }

    /// Purges at half the time, so that the other half is there to do it, and to try again.
    async fn run(self) {
        let mut ticks = tokio::time::interval((self.within / 8).min(LOOK_AT_MOST));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.store.stale_for().is_some_and(|age| age >= self.within / 2) {
                self.purge().await;
            }
        }
    }

    async fn purge(&self) {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || store.purge_files()).await {
            Ok(Ok(done)) => tracing::info!(?done, "deleted bytes are off the disk"),
            Ok(Err(error)) => tracing::warn!(%error, "deleted bytes are still on the disk; the next look tries again"),
            Err(error) => tracing::error!(%error, "the purge ended without a result"),
        }
    }
}

impl Running {
    /// Ends it, and closes the store, which a purge under way notices within moments.
    pub(crate) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
        self.store.close().await;
    }
}
