//! The settings of a server: `config/default.toml`, which is compiled in and explains each of them, then a file, then
//! the environment, then the command line. Unknown keys are errors, and all faults are told together.

mod layers;
mod mail;
mod tls;
pub(crate) mod token;

pub use layers::Layer;
pub use mail::{Mail, MailTls};
pub use tls::{Mtls, Tls};
pub use token::Token;

use onefold_core::id::Region;
use onefold_core::limits;
use onefold_core::pace::PersonRate;
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// The reference of every setting.
pub const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// All settings. Units and bounds are in `config/default.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How to answer.
    pub server: Server,
    /// Answering over TLS.
    pub tls: Tls,
    /// Answering clients that show a certificate.
    pub mtls: Mtls,
    /// Whose bearer tokens are accepted.
    pub token: Token,
    /// Where to keep everything.
    pub engine: Engine,
    /// Which regions there are.
    pub regions: Regions,
    /// How much may come.
    pub limits: Limits,
    /// What is kept of calls.
    pub metering: Metering,
    /// How often to clean up.
    pub sweep: Sweep,
    /// What to tell.
    pub log: Log,
    /// By which server administrators are told of deletes.
    pub mail: Mail,
    /// Who may read what is counted.
    pub metrics: Metrics,
    /// Traces.
    pub telemetry: Telemetry,
}

/// How to answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// Connections open at once.
    pub max_connections: u32,
    /// Requests under way at once.
    pub max_in_flight: u32,
    /// Milliseconds that every task waits for a processor before some fetches are refused.
    pub processor_queue_ms: u32,
    /// Milliseconds that nearly every write takes before fewer calls other than fetches are let in.
    pub write_queue_ms: u32,
    /// Milliseconds for a head.
    pub head_timeout_ms: u64,
    /// Milliseconds for a body.
    pub body_timeout_ms: u64,
    /// Milliseconds in which a client must take something of an answer.
    pub write_timeout_ms: u64,
    /// Milliseconds between two requests.
    pub idle_timeout_ms: u64,
    /// Milliseconds to finish in.
    pub shutdown_ms: u64,
}

/// Where to keep everything.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Engine {
    /// In a directory of this machine.
    Embedded {
        /// The directory.
        data: PathBuf,
        /// MiB of rows kept in memory.
        cache_mib: u32,
        /// The file in which deletions are written down; empty: in the directory.
        deletion_log: PathBuf,
        /// Seconds after which no file holds what was deleted.
        purge_seconds: u32,
    },
    /// Nowhere: gone when the process ends.
    Memory {},
}

/// Which regions there are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Regions {
    /// Their codes, in order.
    pub known: Vec<String>,
}

/// How much may come.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Writes of one person a second; 0 means no limit.
    pub person_per_second: u32,
    /// Writes of one person at once.
    pub person_burst: u32,
}

impl Limits {
    /// How fast one person may be written to, where their organisation does not say.
    pub fn person(&self) -> PersonRate {
        PersonRate { per_second: self.person_per_second, burst: self.person_burst }
    }
}

/// What is kept of calls.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Metering {
    /// Days for which it is kept what keys called.
    pub usage_days: u32,
    /// Profiles that are kept of those that one key read in one hour.
    pub reads_per_hour: u32,
}

/// How often to clean up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Milliseconds between two passes.
    pub every_ms: u64,
}

/// What to tell.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// For whom.
    pub format: LogFormat,
    /// How much.
    pub level: String,
}

/// For whom logs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Who may read what is counted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Who.
    pub access: Access,
}

/// Traces.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// The collector; empty for none.
    pub otlp_endpoint: String,
    /// Of a thousand requests that belong to no trace, how many are traced.
    pub sample_per_mille: u32,
    /// Milliseconds between two batches.
    pub every_ms: u64,
}

/// Who may read `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Anyone while the server listens on loopback, else the root key.
    Auto,
    /// The root key.
    Root,
    /// Anyone.
    Open,
}

/// Everything wrong with the settings, one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigFaults(pub Vec<String>);

impl Config {
    /// The defaults with these layers over them, the last one winning.
    pub fn load(layers: &[Layer]) -> Result<Self, ConfigFaults> {
        let (merged, mut faults) = layers::merge(DEFAULTS, layers);
        let config = merged.try_into::<Config>();
        if let Ok(config) = &config {
            faults.extend(config.faults());
        }
        match config {
            Ok(config) if faults.is_empty() => Ok(config),
            Err(error) if faults.is_empty() => Err(ConfigFaults(vec![placed(&error)])),
            _ => Err(ConfigFaults(faults)),
        }
    }

    /// As a TOML document, with secrets masked.
    pub fn print(&self) -> String {
        let mut table = toml::Table::try_from(self).unwrap_or_default();
        layers::mask(&mut table);
        table.to_string()
    }

    /// The regions that there are, in order.
    pub fn regions(&self) -> Vec<Region> {
        self.regions.known.iter().filter_map(|code| code.parse().ok()).collect()
    }

    fn faults(&self) -> Vec<String> {
        let server = &self.server;
        let mut faults = Vec::new();
        let mut within = |name: &str, value: u64, bounds: RangeInclusive<u64>| {
            if !bounds.contains(&value) {
                faults.push(format!("{name} must be {} to {}", bounds.start(), bounds.end()));
            }
        };
        within("server.max_connections", server.max_connections.into(), 1..=1_000_000);
        within("server.max_in_flight", server.max_in_flight.into(), 1..=1_000_000);
        within("server.processor_queue_ms", server.processor_queue_ms.into(), 0..=60_000);
        within("server.write_queue_ms", server.write_queue_ms.into(), 0..=60_000);
        within("server.head_timeout_ms", server.head_timeout_ms, 10..=600_000);
        within("server.body_timeout_ms", server.body_timeout_ms, 10..=600_000);
        within("server.write_timeout_ms", server.write_timeout_ms, 10..=600_000);
        within("server.idle_timeout_ms", server.idle_timeout_ms, 10..=3_600_000);
        within("server.shutdown_ms", server.shutdown_ms, 0..=600_000);
        within("limits.person_per_second", self.limits.person_per_second.into(), 0..=1_000_000);
        within("limits.person_burst", self.limits.person_burst.into(), 1..=1_000_000);
        within("telemetry.sample_per_mille", self.telemetry.sample_per_mille.into(), 0..=1_000);
        within("telemetry.every_ms", self.telemetry.every_ms, 100..=60_000);
        within("tls.handshake_timeout_ms", self.tls.handshake_timeout_ms, 10..=600_000);
        within("tls.max_handshakes", self.tls.max_handshakes.into(), 1..=100_000);
        within("tls.watch_ms", self.tls.watch_ms, 100..=3_600_000);
        within("mail.timeout_ms", self.mail.timeout_ms, 10..=60_000);
        within("metering.usage_days", self.metering.usage_days.into(), 1..=3_650);
        within("metering.reads_per_hour", self.metering.reads_per_hour.into(), 0..=1_000_000);
        within("token.leeway_ms", self.token.leeway_ms, 0..=600_000);
        within("token.refresh_ms", self.token.refresh_ms, 1_000..=86_400_000);
        within("token.unknown_kid_ms", self.token.unknown_kid_ms, 100..=3_600_000);
        within("token.keep_ms", self.token.keep_ms, 2_000..=604_800_000);
        within("token.timeout_ms", self.token.timeout_ms, 10..=60_000);
        within("token.per_second", self.token.per_second.into(), 0..=1_000_000);
        within("token.per_minute", self.token.per_minute.into(), 0..=60_000_000);
        within("sweep.every_ms", self.sweep.every_ms, 100..=3_600_000);
        if let Engine::Embedded { cache_mib, purge_seconds, .. } = self.engine {
            within("engine.cache_mib", cache_mib.into(), 1..=1_048_576);
            within("engine.purge_seconds", purge_seconds.into(), 2..=31_536_000);
        }
        within("the number of regions.known", self.regions.known.len() as u64, 1..=limits::ORG_REGIONS as u64);
        faults.extend(self.region_faults());
        faults.extend(self.telemetry.fault());
        faults.extend(tls::faults(self));
        faults.extend(mail::faults(self));
        faults.extend(token::faults(self));
        faults.extend(wrong("log.level", self.log.level.parse::<tracing_subscriber::filter::Targets>()));
        faults
    }

    fn region_faults(&self) -> Vec<String> {
        let known = &self.regions.known;
        let bad = known.iter().filter_map(|code| wrong("regions.known", code.parse::<Region>()));
        let regions = self.regions();
        let twice = (1..regions.len()).filter(|&at| regions[..at].contains(&regions[at]));
        bad.chain(twice.map(|at| format!("regions.known has {} twice", regions[at]))).collect()
    }
}

impl Server {
    /// How long a head may take.
    pub fn head_timeout(&self) -> Duration {
        Duration::from_millis(self.head_timeout_ms)
    }

    /// How long a body may take.
    pub fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// How long a client may take nothing.
    pub fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    /// How long a connection may be without a request.
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    /// How long requests get to finish.
    pub fn shutdown(&self) -> Duration {
        Duration::from_millis(self.shutdown_ms)
    }
}

/// What is wrong with a setting's value, with the setting's name, which the library tells after it.
fn placed(error: &toml::de::Error) -> String {
    let text = error.to_string();
    let place = text.trim_end().rsplit_once("\nin `").map(|(_, place)| place.trim_end_matches('`'));
    place.map_or_else(|| error.message().to_owned(), |place| format!("{place}: {}", error.message()))
}

fn wrong<T, E: Display>(name: &str, parsed: Result<T, E>) -> Option<String> {
    parsed.err().map(|error| format!("{name}: {error}"))
}

impl Telemetry {
    fn fault(&self) -> Option<String> {
        let url = self.otlp_endpoint.parse::<http::Uri>();
        let fits = url.is_ok_and(|url| {
            let plain = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
            url.scheme_str() == Some("http") && plain && url.query().is_none()
        });
        let fault = "telemetry.otlp_endpoint must be empty or http://HOST:PORT, without a user: TLS to a collector is not \
                     spoken, so run one beside the server";
        (!self.otlp_endpoint.is_empty() && !fits).then(|| fault.to_owned())
    }
}

#[cfg(test)]
mod tests;
