//! `cargo bench -p onefold --bench fetch`: what a fetch and a durable write cost, beside a bare hyper handler that
//! answers the same bytes.
//!
//! Both servers are children of this process and measured in turns, so that whatever else the machine does meets both.
//! The client is a child too (this same file, started again), so that its time is not counted. What the figures mean is
//! in `docs/performance.md`.
//!
//! | Module | What lives there |
//! |---|---|
//! | `bare` | the server that Onefold is compared with |
//! | `child` | starting the bare server and the client |
//! | `client` | 64 connections that ask again as soon as they are answered |
//! | `figures` | medians, percentiles, what is printed |
//! | `people` | the organisation, its persons, the requests about them |

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod bare;
mod child;
mod client;
mod figures;
mod people;
#[path = "../shared/mod.rs"]
mod shared;

use figures::{Report, Turn};
use people::World;
use shared::Server;
use std::path::PathBuf;
use std::time::Duration;

/// Connections of the client.
const CONNECTIONS: usize = 64;
/// Persons that are asked for.
const PERSONS: usize = 4_000;
/// Persons that are asked for where the caches of a processor are to hold them all.
const FEW_PERSONS: usize = 64;
/// Bytes of a person's answer.
const ANSWER_BYTES: usize = 1_024;

/// What may be chosen on the command line.
struct Options {
    rounds: usize,
    seconds: Duration,
    /// Another server than the one just built, to compare two.
    onefold: PathBuf,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.first().map(String::as_str) {
        Some("bare") => bare::run(&arguments[1..]),
        Some("client") => client::run(&arguments[1..]),
        _ => measure(&options(&arguments)),
    }
}

fn options(arguments: &[String]) -> Options {
    let onefold = env!("CARGO_BIN_EXE_onefold").into();
    let mut options = Options { rounds: 5, seconds: Duration::from_secs(3), onefold };
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--rounds" => options.rounds = value.parse().expect("a number of rounds"),
            [name, value] if name == "--seconds" => {
                options.seconds = Duration::from_secs_f64(value.parse().expect("a number of seconds"));
            }
            [name, value] if name == "--onefold" => options.onefold = value.into(),
            other => panic!("not known: {other:?}; there are --rounds N, --seconds S and --onefold PATH"),
        }
    }
    options
}

fn measure(options: &Options) {
    let scratch = tempfile::tempdir().unwrap();
    let onefold = Server::onefold(&options.onefold, &scratch.path().join("data"), &[]);
    let world = World::make(&onefold, scratch.path());
    let bare = child::bare(&world.answer);
    shared::machine();
    let few = format!("fetch, of {FEW_PERSONS} persons");
    let reads = [(&bare, &world.fetches), (&onefold, &world.fetches), (&onefold, &world.few_fetches)];
    let reads = turns(options, &reads);
    figures::line("bare hyper", &reads[0]);
    figures::line("fetch", &reads[1]);
    figures::line(&few, &reads[2]);
    figures::ratios("fetch", &reads[0], &reads[1]);
    figures::ratios(&few, &reads[0], &reads[2]);
    let writes = turns(options, &[(&onefold, &world.updates), (&onefold, &world.arrivals)]);
    figures::line("update of a person", &writes[0]);
    figures::line("new person, two identifiers", &writes[1]);
    shared::machine();
}

/// Measures several things in turns; every other round goes backwards.
fn turns(options: &Options, things: &[(&Server, &PathBuf)]) -> Vec<Vec<Report>> {
    let mut reports = vec![vec![]; things.len()];
    for round in 0..options.rounds {
        for step in 0..things.len() {
            let at = if round % 2 == 0 { step } else { things.len() - 1 - step };
            let (server, requests) = things[at];
            let turn = Turn { number: round * things.len() + step, length: options.seconds };
            reports[at].push(child::client(server, requests, turn));
        }
    }
    reports
}
