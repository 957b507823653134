//! The rules of Onefold.
//!
//! Everything that the product promises (one identity, nothing lost, nothing left after a delete) is built here from
//! one move: a versioned row can be replaced if it has not changed. There is no clock, no network and no dice in this
//! crate; they come through traits.

pub mod id;
pub mod limits;
pub mod store;
pub mod tables;
pub mod time;
