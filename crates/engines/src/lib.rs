//! The stores that Onefold can stand on, behind [`onefold_core::store::Store`].
//!
//! Here live the engines, the wrappers that measure one of them or make it fail on purpose, and the suite that holds them all to the
//! contract. No rule of the product lives here: an engine does not look inside a row.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod embedded;
pub mod faulty;
pub mod memory;
pub mod metered;

pub use embedded::{Embedded, EmbeddedOptions, OpenError};
pub use faulty::Faulty;
pub use memory::Memory;
pub use metered::Metered;
