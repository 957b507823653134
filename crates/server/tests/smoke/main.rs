//! The real binary on real files: what it acknowledged is there after a stop, a kill, a lost power supply and a full
//! disk. `docs/durability.md` says what each of these shows and what none can.
//!
//! `kill`, `power`, `full`, `metering` and `stop` are the tests. Most put the server under `load`, which writes down in the `ledger`
//! what was acknowledged; after the restart `check` looks everybody up and `judge` says what is not as it was promised.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs, unreachable_pub)]

mod check;
mod client;
mod disk;
mod full;
mod judge;
mod kill;
mod ledger;
mod load;
mod metering;
mod power;
mod site;
mod stop;
// Starting and stopping the binary, as the tests of the command line do.
#[allow(dead_code)]
#[path = "../cli/util.rs"]
mod util;
