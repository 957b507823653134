//! Taking less when there is too much: admission by the time that calls spend in a queue.
//!
//! As CoDel has it: a queue that empties now and then is well, however long it is at its longest; one in which hardly
//! anybody is lucky any more only makes everybody late. Then some of those who come are refused at once, before anything
//! is done for them, so that the others are fast again.
//!
//! There are two queues. What waits for a processor waits as long as a task that is woken now and then; fetches wait for
//! little else, and a share of them is refused (`share.rs`). What waits for the store, and between the many steps of a
//! write, shows in how long writes are inside: then fewer calls other than fetches are let in at once (`window.rs`).

mod share;
mod window;

use crate::app::App;
use crate::config;
use crate::http;
use crate::limits;
use share::Share;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use window::{Inside, Window};

/// Both queues of a server.
#[derive(Debug)]
pub struct Overload {
    processor: Share,
    writes: Window,
}

impl Overload {
    /// With these bounds.
    pub fn new(server: &config::Server) -> Self {
        Self {
            processor: Share::new(server.processor_queue_ms),
            writes: Window::new((server.write_queue_ms, server.max_in_flight), Instant::now()),
        }
    }

    /// Lets in a call that begins now, or not.
    pub fn admit(&self, kind: Kind, now: Instant) -> Option<Admitted<'_>> {
        match kind {
            Kind::Health => Some(Admitted(None)),
            Kind::Fetch => (!self.processor.refuses()).then_some(Admitted(None)),
            Kind::Other => Some(Admitted(Some(self.writes.enter(now)?))),
        }
    }

    /// What is refused now: thousandths of fetches, and whether there is a bound on those that are inside at once.
    pub fn refused(&self) -> (u32, Option<u32>) {
        (self.processor.share(), self.writes.bound())
    }

    fn adjust(&self) {
        self.processor.adjust();
        self.writes.adjust(Instant::now());
    }
}

/// What a call is to the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It asks how the server is, and is never refused.
    Health,
    /// It waits for processors, and hardly ever for anything else.
    Fetch,
    /// It waits for whatever its steps need, the store above all.
    Other,
}

impl Kind {
    /// Of a call of this path.
    pub fn of(fetch: bool, path: &str) -> Self {
        match path {
            _ if fetch => Self::Fetch,
            "/healthz" | "/readyz" | http::metrics::PATH => Self::Health,
            _ => Self::Other,
        }
    }
}

/// A call that was let in, until this is dropped.
#[derive(Debug)]
pub struct Admitted<'a>(Option<Inside<'a>>);

impl Admitted<'_> {
    /// It did what it was to do, so that it waited where all wait; what was refused, or only read, says nothing of that.
    pub fn done(self) {
        if let Admitted(Some(inside)) = self {
            inside.done(Instant::now());
        }
    }
}

/// Looks at the queues for as long as it is polled.
pub async fn watch(app: Arc<App>) {
    let overload = &app.overload;
    let refuses = || matches!(overload.refused(), (1.., _) | (_, Some(_)));
    let mut looks = looks();
    let mut began = Instant::now();
    while let Some(asked) = looks.recv().await {
        overload.processor.waited(asked.elapsed());
        if began.elapsed() < limits::OVERLOAD_INTERVAL || !overload.processor.has_seen_enough() {
            continue;
        }
        began = Instant::now();
        let before = refuses();
        overload.adjust();
        let (share, bound) = overload.refused();
        match (before, refuses()) {
            (false, true) => tracing::warn!(share, bound, "overloaded: some calls are refused with 503"),
            (true, false) => tracing::warn!("no longer overloaded"),
            _ => {}
        }
    }
    tracing::error!("nobody looks after overload any more: its thread could not be started");
}

/// Wakes whoever receives, now and then, from a thread that is no worker: as whatever was done elsewhere does, so that the
/// one woken waits behind all that is to be done already.
fn looks() -> mpsc::Receiver<Instant> {
    let (looks, receiver) = mpsc::channel(1);
    let look = move || {
        while looks.blocking_send(Instant::now()).is_ok() {
            std::thread::sleep(limits::OVERLOAD_LOOK);
        }
    };
    // Where no thread can be had, the sender is gone with it.
    let _thread = std::thread::Builder::new().name("overload".into()).spawn(look);
    receiver
}
