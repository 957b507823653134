//! The wire types of Onefold: what a client sends and what it gets (contract sections 3 to 7 and 11). No logic lives
//! here, and no type of the rules: a change of either must not change the other by accident.
//!
//! The server reads requests through a reader of its own that refuses more than serde does; these types are for
//! clients, for the command line, and for answers.

pub mod admin;
pub mod identity;
pub mod problem;
pub mod profiles;
pub mod receipts;
mod shapes;
pub mod usage;
