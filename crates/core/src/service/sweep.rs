//! Sweep: finishing what a dead node left, and cleaning up what is due.

use super::Service;
use crate::error::Error;

impl Service {
    /// One pass. Any node may run it, none must; a lease keeps two from doing the same work at once.
    pub async fn sweep(&self) -> Result<Swept, Error> {
        unreachable!()
    }
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Tickets that were closed.
    pub tickets: usize,
    /// Old operations that were removed.
    pub operations: usize,
}
