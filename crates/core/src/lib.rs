//! The rules of Onefold.
//!
//! Everything that the product promises (one identity, nothing lost, nothing left after a delete) is built here from
//! one move: a versioned row can be replaced if it has not changed. There is no clock, no network and no dice in this
//! crate; they come through traits.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`id`], [`value`], [`patch`] | names and values, within their bounds |
//! | [`catalogue`] | forms of identifiers and their hashes, groups, types, marks |
//! | [`org`] | organisations and API keys, as stored |
//! | [`profile`] | what a profile row holds, the fold, the answer's bytes |
//! | [`pace`] | how fast one person may be written to |
//! | [`store`], [`tables`], [`records`] | the store's contract, every table, typed rows |
//! | [`service`] | the operations, one file each |
//! | [`count`] | counting what happens |
//! | [`gone`] | the deletion log: what a restored backup is told |
//! | [`error`], [`limits`], [`time`] | codes, bounds, clock and randomness as traits |

pub mod catalogue;
pub mod certificate;
pub mod count;
pub mod defect;
pub mod error;
#[doc(hidden)]
pub mod fuzzing;
pub mod gone;
pub mod id;
pub mod limits;
pub mod org;
pub mod pace;
pub mod patch;
pub mod profile;
pub mod records;
pub mod rules;
pub mod service;
pub mod store;
pub mod strategy;
pub mod tables;
pub mod time;
pub mod value;
