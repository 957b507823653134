//! Reading the files of listeners again: when the system says so (SIGHUP), and when they changed.

use super::{Door, Kind};
use crate::tls::files::Mark;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

/// Looks after these, for as long as it is polled. A change is taken up once two looks saw it alike: who renews a
/// certificate writes two files, one after the other. The error is that of the signal.
pub fn watch(doors: Vec<Arc<Door>>, every: Duration) -> io::Result<impl Future<Output = ()>> {
    let mut asked = signal(SignalKind::hangup())?;
    Ok(async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before: Vec<Vec<Mark>> = doors.iter().map(|door| door.marks()).collect();
        loop {
            let at_once = tokio::select! {
                Some(()) = asked.recv() => true,
                _ = ticks.tick() => false,
            };
            for (door, before) in doors.iter().zip(&mut before) {
                look(door, before, at_once).await;
            }
        }
    })
}

async fn look(door: &Arc<Door>, before: &mut Vec<Mark>, at_once: bool) {
    let looking = door.clone();
    let Ok(marks) = tokio::task::spawn_blocking(move || looking.files.marks()).await else { return };
    let settled = marks != door.marks() && marks == *before;
    *before = marks;
    if at_once || settled {
        let reading = door.clone();
        let read = tokio::task::spawn_blocking(move || reading.reload()).await;
        tell(door.kind, read.unwrap_or_else(|error| Err(vec![error.to_string()])));
    }
}

fn tell(kind: Kind, read: Result<(), Vec<String>>) {
    match read {
        Ok(()) => tracing::info!(listener = ?kind, "certificates were read again"),
        Err(faults) => {
            let faults = faults.join("; ");
            tracing::error!(listener = ?kind, faults, "certificates were not taken up; what was read before goes on to hold");
        }
    }
}
