//! The server: HTTP, settings, the command line, around the rules of `onefold-core`.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`serve`], [`tls`], [`mod@front`] | connections; certificates and handshakes; what every request passes |
//! | [`http`] | the route table and one file an operation |
//! | [`caller`], [`auth`], [`token`] | who calls, and what they may do; bearer tokens |
//! | [`audit`], [`receipts`], [`mail`] | what is recorded of calls; the proof of a delete; who is told of one |
//! | [`gate`], [`overload`] | who is let in, and who is refused when there is too much to do |
//! | [`limit`], [`meter`], [`note`] | how much they may call; how much they did; what is learnt of a call |
//! | [`openapi`] | the description of the API, and the page made of it |
//! | [`json`], [`moment`], [`problem`] | bodies and moments read strictly; what is said when something is wrong |
//! | [`cli`], [`demo`], [`address`], [`root_key`] | the command line; what the first run makes and says |
//! | [`telemetry`], [`metrics`] | logs; what is counted |
//! | [`config`], [`start`], [`app`] | from settings to a running server |
//! | [`purger`] | deleted bytes leave the disk in time |
//! | [`backup`], [`deletion_log`] | all rows as one file, and back; what was deleted since |
//! | `files`, `hex` | files that their owner alone may read; bytes as digits |
//!
//! No rule of the product lives here. Invariants: only `problem.rs` names the status of an error; a handler names its
//! permission in its signature; nothing that a caller sent is logged but ids.

pub mod address;
pub mod app;
pub mod audit;
pub mod auth;
pub mod backup;
pub mod body;
pub mod caller;
pub mod cli;
pub mod config;
pub mod deletion_log;
pub mod demo;
pub mod encoding;
mod files;
pub mod front;
#[doc(hidden)]
pub mod fuzzing;
pub mod gate;
mod hex;
pub mod http;
pub mod json;
pub mod limit;
pub mod limits;
pub mod mail;
pub mod meter;
pub mod metrics;
pub mod moment;
pub mod note;
pub mod openapi;
pub mod overload;
pub mod problem;
pub mod purger;
pub mod receipts;
pub mod root_key;
pub mod serve;
pub mod start;
pub mod system;
pub mod telemetry;
pub mod tls;
pub mod token;

pub use app::App;
pub use config::Config;
pub use start::{Listening, Opened, StartError, open, run};

use front::Front;
use std::sync::Arc;

/// All that answers requests: the same in tests and in the binary.
pub fn front(app: Arc<App>) -> Front {
    let router = http::router(app.clone());
    Front::new(app, router)
}
