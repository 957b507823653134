//! How many requests are under way, at most, and whether new ones are taken at all. Nobody waits here: who does not get
//! in is told so at once.

use crate::app::App;
use crate::problem::ServerCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Counts requests in and out.
pub struct Gate {
    most: u32,
    inside: AtomicU32,
    closed: AtomicBool,
    left: Notify,
}

/// Counts one request out when dropped.
pub struct Inside<'a>(&'a Gate);

impl Gate {
    /// For at most this many at once.
    pub fn new(most: u32) -> Self {
        Self { most, inside: AtomicU32::new(0), closed: AtomicBool::new(false), left: Notify::new() }
    }

    /// Lets one request in, or says why not.
    pub fn enter(&self) -> Result<Inside<'_>, ServerCode> {
        // Counted first and asked afterwards, so that whoever closes the gate and then sees nobody inside is right.
        let inside = Inside(self);
        let before = self.inside.fetch_add(1, Ordering::SeqCst);
        if self.is_closed() {
            return Err(ServerCode::ShuttingDown);
        }
        if before >= self.most { Err(ServerCode::Overloaded) } else { Ok(inside) }
    }

    /// How many are inside.
    pub fn inside(&self) -> u32 {
        self.inside.load(Ordering::Relaxed)
    }

    fn leave(&self) {
        let before = self.inside.fetch_sub(1, Ordering::SeqCst);
        if before == 1 && self.is_closed() {
            self.left.notify_waiters();
        }
    }

    /// Lets nobody in any more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Waits until nobody is inside, at most so long. Whether that came true.
    pub async fn empty(&self, at_most: Duration) -> bool {
        let empty = async {
            loop {
                let left = self.left.notified();
                if self.inside.load(Ordering::SeqCst) == 0 {
                    return;
                }
                left.await;
            }
        };
        tokio::time::timeout(at_most, empty).await.is_ok()
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Counts a request that is inside for longer than its handler runs: its answer is still being made. Counts it out when
/// dropped.
pub struct Staying(Arc<App>);

impl Staying {
    /// For a request that was let in.
    pub fn new(app: Arc<App>) -> Self {
        app.gate.inside.fetch_add(1, Ordering::SeqCst);
        Self(app)
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        self.0.gate.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_counts_in_and_out_and_empties_after_it_was_closed() {
        let gate = Gate::new(2);
        let (first, second) = (gate.enter().unwrap(), gate.enter().unwrap());
        assert_eq!(gate.enter().err(), Some(ServerCode::Overloaded));
        drop(first);
        drop(gate.enter().unwrap());
        gate.close();
        assert_eq!(gate.enter().err(), Some(ServerCode::ShuttingDown));
        assert!(!gate.empty(Duration::from_millis(5)).await);
        let (emptied, ()) = tokio::join!(gate.empty(Duration::from_secs(5)), async { drop(second) });
        assert!(emptied);
    }
}
