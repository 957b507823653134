//! Reading the files of listeners again: when the system says so (SIGHUP), and when they changed. And saying when one of
//! them comes to its end.

use super::ends::Nearness;
use super::{Door, Kind};
use crate::tls::files::Mark;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::Signal;
use tokio::time::{MissedTickBehavior, interval};

/// What the last look at a listener saw.
struct Seen {
    marks: Vec<Mark>,
    nearness: Vec<Nearness>,
}

/// Looks after these, for as long as it is polled, and whenever it is `asked`. A change is taken up once two looks saw it
/// alike: who renews a certificate writes two files, one after the other.
pub async fn watch(doors: Vec<Arc<Door>>, every: Duration, mut asked: Signal) {
    if doors.is_empty() {
        while asked.recv().await.is_some() {
            tracing::info!("SIGHUP: no listener has certificates, so there is nothing to read again");
        }
        return;
    }
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let first = |door: &Arc<Door>| Seen { marks: door.marks(), nearness: door.ends().nearness() };
    let mut before: Vec<Seen> = doors.iter().map(first).collect();
    loop {
        let at_once = tokio::select! {
            Some(()) = asked.recv() => true,
            _ = ticks.tick() => false,
        };
        for (door, before) in doors.iter().zip(&mut before) {
            look(door, before, at_once).await;
        }
    }
}

async fn look(door: &Arc<Door>, before: &mut Seen, at_once: bool) {
    let looking = door.clone();
    let Ok(marks) = tokio::task::spawn_blocking(move || looking.files.marks()).await else { return };
    let settled = marks != door.marks() && marks == before.marks;
    before.marks = marks;
    let read_again = at_once || settled;
    if read_again {
        let reading = door.clone();
        let read = tokio::task::spawn_blocking(move || reading.reload()).await;
        tell(door.kind, read.unwrap_or_else(|error| Err(vec![error.to_string()])));
    }
    let nearness = door.ends().nearness();
    if read_again || nearness != before.nearness {
        door.ends().tell(door.kind);
    }
    before.nearness = nearness;
}

fn tell(kind: Kind, read: Result<(), Vec<String>>) {
    match read {
        Ok(()) => tracing::info!(listener = ?kind, "certificates were read again"),
        Err(faults) => {
            let faults = faults.join("; ");
            tracing::error!(
                listener = ?kind, faults, "not all certificates were taken up; for these what was read before goes on to hold"
            );
        }
    }
}
