//! Blocked values: what too many people share names nobody.

use super::identity::{Alias, Identity};
use crate::error::Error;
use crate::store::Version;
use crate::tables::RowHash;

impl Identity<'_> {
    /// Blocks a value: it takes no part in resolution, and no search finds by it, until an administrator lifts that.
    pub(crate) async fn block(&self, hash: RowHash, version: Option<Version>, alias: Alias) -> Result<(), Error> {
        let blocked = Alias { blocked: Some(self.now()), ..alias };
        self.swap_alias(hash, version, &blocked).await?;
        Ok(())
    }
}
