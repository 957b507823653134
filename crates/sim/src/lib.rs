//! The simulator: the service's own futures on one thread, over a store that fails, under a seed that decides who goes
//! next. A model says what must be true during each history and when it has come to rest.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`config`], [`ops`], [`schedule`] | what a seed decides: the mixture, the requests, who goes next and what fails |
//! | `world`, `hub`, `request`, `run`, `rest` | the services over their store, and a history from its beginning to rest |
//! | `model`, `check` | what must be true, and whether it is |
//! | [`shrink`] | a shorter history that still fails |
//! | [`undo`] | merge ∘ split = identity, by two histories |

mod check;
pub mod config;
pub mod dice;
mod hub;
mod model;
pub mod ops;
mod request;
mod rest;
pub mod run;
pub mod schedule;
pub mod shrink;
pub mod undo;
mod world;
