//! What happens at five times the calls that can be done: durable writes of new people, and fetches, to a server that
//! takes every call and to one with its default settings. `just bench-overload [--onefold PATH]`.
//!
//! First 64 connections write as fast as they are answered: that is what can be done. Then many connections send five
//! times as much on a schedule that waits for nobody. Calls of several sizes: the more processor time one takes beside a
//! refusal, the more is left for those that are let in.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod load;
#[path = "../shared/mod.rs"]
mod shared;

use load::{Load, Pace, Sent};
use serde_json::{Map, Value, json};
use shared::{NUMBER, Server};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Connections that find out what can be done.
const FEW: usize = 64;
/// Connections that send five times as much; fewer than a listener keeps waiting.
const MANY: usize = 4_000;
const TIMES: f64 = 5.0;
const LENGTH: Duration = Duration::from_secs(5);
/// What is counted begins when the server has found what to refuse.
const SETTLED: Duration = Duration::from_secs(5);

/// Settings of the environment.
type Settings<'a> = [(&'a str, &'a str)];

const TAKES_ALL: &Settings<'_> =
    &[("ONEFOLD__SERVER__PROCESSOR_QUEUE_MS", "0"), ("ONEFOLD__SERVER__WRITE_QUEUE_MS", "0")];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let onefold: PathBuf = match arguments.as_slice() {
        [name, path] if name == "--onefold" => path.into(),
        _ => env!("CARGO_BIN_EXE_onefold").into(),
    };
    shared::machine();
    let kinds = [
        ("a new person: one identifier, one attribute", Call::Write(1, 1)),
        ("a new person: three identifiers, ten attributes", Call::Write(3, 10)),
        ("a new person: ten identifiers, forty attributes", Call::Write(10, 40)),
        ("a fetch of one person", Call::Fetch),
    ];
    for (name, call) in kinds {
        println!("\n{name}");
        let can = measure(&onefold, TAKES_ALL, call, None);
        for (what, settings) in [("every call taken", TAKES_ALL), ("default settings", &[])] {
            println!("{TIMES} times as many, {what}");
            measure(&onefold, settings, call, Some(can * TIMES));
        }
    }
    shared::machine();
}

/// Calls as fast as they are answered, or so many a second; gives how many were done in one.
fn measure(onefold: &Path, settings: &Settings<'_>, call: Call, rate: Option<f64>) -> f64 {
    let data = tempfile::tempdir().unwrap();
    let server = Server::onefold(onefold, data.path(), settings);
    let request = call.request(&server);
    let (connections, pace) = match rate {
        None => (FEW, Pace::Answered),
        Some(rate) => (MANY, Pace::Scheduled(Duration::from_secs_f64(1.0 / rate))),
    };
    let mut load = Load::connect(server.address, connections, &request);
    load.run(pace, SETTLED);
    let before = shared::cpu(server.process());
    let sent = load.run(pace, LENGTH);
    report(&sent, shared::cpu(server.process()) - before)
}

/// What is called, with [`NUMBER`] where something is to be new.
#[derive(Clone, Copy)]
enum Call {
    /// Somebody new, with so many identifiers and attributes.
    Write(usize, usize),
    Fetch,
}

impl Call {
    fn request(self, server: &Server) -> Vec<u8> {
        let key = shared::organisation(server);
        let number = std::str::from_utf8(NUMBER).unwrap();
        match self {
            Call::Write(identifiers, attributes) => {
                let ids: Map<String, Value> =
                    (0..identifiers).map(|at| (format!("kind_{at}"), number.into())).collect();
                let profile: Map<String, Value> =
                    (0..attributes).map(|at| (format!("attribute_{at}"), "some value".into())).collect();
                shared::write(&key, &json!(ids), &json!(profile))
            }
            Call::Fetch => {
                shared::asked(
                    server,
                    &shared::write(&key, &json!({"user_id": "somebody"}), &json!({"city": "Lisbon"})),
                );
                let search = json!({"orgId": shared::ORG, "search": {"user_id": ["somebody"]}});
                shared::request("/cdp/v1/users/_search", &key, &search)
            }
        }
    }
}

fn report(sent: &Sent, cpu: Duration) -> f64 {
    let seconds = LENGTH.as_secs_f64();
    let (mut done, mut refused) = (sent.of(|status| status < 300), sent.of(|status| status == 503));
    let other = sent.of(|status| status >= 300 && status != 503).len();
    assert_eq!(
        other,
        0,
        "answers that are neither: {:?}",
        sent.calls.iter().find(|(status, _)| ![200, 204, 503].contains(status))
    );
    for (what, times) in [("done", &mut done), ("refused", &mut refused)] {
        times.sort_unstable();
        let at = |share: usize| {
            times.get(times.len().saturating_sub(1) * share / 100).map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        if !times.is_empty() {
            let rate = times.len() as f64 / seconds;
            println!("    {what:8} {rate:8.0}/s   p50 {:7.2} ms   p99 {:7.2} ms", at(50), at(99));
        }
    }
    let (busy, cores) = (sent.busy as f64 / seconds, cpu.as_secs_f64() / seconds);
    println!("    not sent {busy:8.0}/s, every connection waiting; the server used {cores:.2} cores");
    done.len() as f64 / seconds
}
