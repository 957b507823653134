//! The API through the router that the binary runs, over the memory engine and a clock that stands still. One file a
//! route and verb; `util.rs` keeps them short.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

mod audit;
mod authorisation;
mod backup;
mod blocked;
mod blocklist;
mod bodies;
mod cases;
mod catalogue;
mod certificates;
mod connections;
mod credentials;
mod delete;
mod deletions;
mod explain;
mod former;
mod hashes;
mod health;
mod in_full;
mod keys_delete;
mod keys_get;
mod keys_patch;
mod keys_post;
mod keys_rotate;
mod limits;
mod metrics;
mod openapi;
mod orgs_get;
mod orgs_patch;
mod orgs_post;
mod problems;
mod reads;
mod refused;
mod search;
mod server_keys;
mod split;
mod strategy;
mod suppressions;
mod times;
mod usage;
mod util;
mod write;
mod write_conditions;
mod write_values;
