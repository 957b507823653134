//! The command line through the real binary: free ports, directories of their own, bounded waits.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod audit;
mod backup;
mod config;
mod doctor;
mod first_run;
mod identity;
mod keys;
mod metering;
mod orgs;
mod serve;
mod traces;
mod usage;
mod util;
