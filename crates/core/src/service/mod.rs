//! The operations of the product, one file each, built of single-row steps.
//!
//! [`Tenant`] is the only way to a row: it binds a service to one organisation. Within it, `Identity` is one region of
//! that organisation, where the steps of identity live.

pub mod audit;
pub mod blocked;
pub mod catalogue;
pub mod certificates;
mod draft;
pub mod erase;
mod expire;
pub mod explain;
pub mod fetch;
pub(crate) mod identity;
pub mod keys;
mod link;
pub(crate) mod operation;
pub mod orgs;
pub mod reads;
mod record;
pub mod replay;
mod slim;
pub mod split;
pub mod strategy;
pub mod suppress;
pub mod sweep;
pub mod upsert;
pub mod usage;

use crate::count::Counts;
use crate::defect::Defect;
use crate::error::Error;
use crate::gone::DeletionLog;
use crate::id::{OrgId, Region};
use crate::pace::{Pace, PersonRate};
use crate::records::{Record, Records};
use crate::rules::Rules;
use crate::store::Store;
use crate::tables::{self, RowSecret};
use crate::time::{Clock, Entropy};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub(crate) use identity::Identity;

/// Everything the product can do, over one store.
#[derive(Clone)]
pub struct Service {
    pub(crate) records: Records,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) secret: RowSecret,
    /// How fast one person may be written to; `None`: as fast as may be, whatever their organisation says.
    pub(crate) pace: Option<Arc<Pace>>,
    /// Where deletions are written down beside the store.
    pub(crate) log: Option<Arc<dyn DeletionLog>>,
    /// Tells this process from others, in leases.
    pub(crate) node: u64,
    /// The ends of the audit chains that this process writes.
    pub(crate) lines: Arc<audit::Lines>,
    pub(crate) counts: Arc<Counts>,
    #[cfg(feature = "planted")]
    planted: Option<Defect>,
}

/// The secret of the row hashes, as it is stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct SecretRow([u8; 32]);

impl Record for SecretRow {}

const SECRET: u8 = 1;

impl Service {
    /// Over a store. Makes the secret of the row hashes if this is the first start of all.
    pub async fn open(store: Arc<dyn Store>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self, Error> {
        let records = Records::new(store);
        let fresh = [entropy.bits().to_be_bytes(), entropy.bits().to_be_bytes()].concat();
        let secret = records
            .modify(&tables::meta(SECRET), |row: Option<SecretRow>| match row {
                Some(SecretRow(secret)) => Ok((None, secret)),
                None => {
                    let secret: [u8; 32] = fresh.as_slice().try_into().expect("two times sixteen bytes");
                    Ok((Some(SecretRow(secret)), secret))
                }
            })
            .await?;
        let node = entropy.bits() as u64;
        Ok(Self {
            records,
            clock,
            entropy,
            secret: RowSecret::new(secret),
            pace: None,
            log: None,
            node,
            lines: Arc::default(),
            counts: Arc::default(),
            #[cfg(feature = "planted")]
            planted: None,
        })
    }

    /// The same service with a limit of how fast one person may be written to: this one, unless their organisation has
    /// its own.
    pub fn with_pace(self, default: PersonRate) -> Self {
        Self { pace: Some(Arc::new(Pace::new(default))), ..self }
    }

    /// The same service, which acknowledges no deletion that is not in this log.
    pub fn with_deletion_log(self, log: Arc<dyn DeletionLog>) -> Self {
        Self { log: Some(log), ..self }
    }

    /// The same service with a step left out.
    #[cfg(feature = "planted")]
    pub fn with_defect(self, defect: Defect) -> Self {
        Self { planted: Some(defect), ..self }
    }

    #[cfg(feature = "planted")]
    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.planted == Some(defect)
    }

    #[cfg(not(feature = "planted"))]
    pub(crate) const fn has(&self, _: Defect) -> bool {
        false
    }

    /// The service for one organisation, by these definitions. Whoever calls keeps them for a second at most.
    pub fn tenant(&self, org: OrgId, rules: Arc<Rules>) -> Tenant<'_> {
        Tenant { service: self, org, rules }
    }

    /// The secret of the row hashes.
    pub fn secret(&self) -> &RowSecret {
        &self.secret
    }

    /// What happened on this node.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The records below, for what is not a profile.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// The node's clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The node's randomness.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }
}

/// A service bound to one organisation: the only way to a profile.
#[derive(Clone)]
pub struct Tenant<'a> {
    pub(crate) service: &'a Service,
    pub(crate) org: OrgId,
    rules: Arc<Rules>,
}

impl Tenant<'_> {
    pub(crate) fn identity(&self, region: Region) -> Identity<'_> {
        Identity { service: self.service, org: self.org, region, rules: &self.rules }
    }

    /// The definitions by which this organisation's records are resolved.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod replay_tests;
#[cfg(test)]
mod slim_tests;
#[cfg(test)]
mod suppress_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod worked;
