//! Bearer tokens: keys and signatures by OpenSSL, sets of keys in files and behind URLs, the router in process and the
//! real binary.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs, unreachable_pub)]

mod attacks;
mod binary;
mod door;
mod issuer;
mod jwks;
mod rotation;
// The world and the running binary of the other tests.
#[allow(dead_code)]
#[path = "../cli/util.rs"]
mod process;
#[allow(dead_code)]
#[path = "../api/util.rs"]
mod util;
