//! The real binary with TLS, called by clients that are not ours: `curl` and `openssl s_client`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs, unreachable_pub)]

mod bound;
mod clients;
mod expiry;
mod flood;
mod place;
mod protocols;
mod reload;
mod settings;
// Starting and stopping the binary, as the tests of the command line do.
#[allow(dead_code)]
#[path = "../cli/util.rs"]
mod util;
