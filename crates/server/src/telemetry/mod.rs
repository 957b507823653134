//! Logs, here, and [`traces`]. Logs go to standard error, so that standard output is the command line's own; without personal data, keys or URLs.

pub mod traces;

use crate::config::{Log, LogFormat};
use std::io::{IsTerminal, stderr};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

/// Starts logging. Does nothing where it was started before.
pub fn init(log: &Log) {
    // The level was checked with the other settings.
    let level = log.level.parse::<Targets>().unwrap_or_default();
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        LogFormat::Text => fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal()).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(stderr).boxed(),
    };
    // Set already, by a test or an earlier server in this process.
    let _ = tracing_subscriber::registry().with(layer.with_filter(level)).try_init();
}
