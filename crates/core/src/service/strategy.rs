//! The definitions of an organisation, stored: its strategy and its list of blocked values, versioned, and all of its
//! definitions together as [`Rules`].

use super::Service;
use crate::error::{Code, Error, Fault};
use crate::id::OrgId;
use crate::limits;
use crate::records::Record;
use crate::rules::{Blocklist, Rules};
use crate::strategy::{Mode, Strategy, check};
use crate::tables;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A strategy as stored. An organisation that never changed it has no row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StrategyRow {
    strategy: Strategy,
    /// Random: which call wrote it, so that a call whose answer was lost recognises its own work.
    written_by: u128,
}

impl Record for StrategyRow {}

/// Which values are blocked beside those from the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedValues {
    /// Exact values.
    pub values: Vec<Box<str>>,
    /// Regular expressions.
    pub patterns: Vec<Box<str>>,
}

impl Record for BlockedValues {}

impl Service {
    /// How an organisation resolves records.
    pub async fn strategy(&self, org: OrgId) -> Result<Strategy, Error> {
        let row = self.records.read::<StrategyRow>(&tables::strategy(org)).await?;
        Ok(row.map_or_else(Strategy::default, |(_, row)| row.strategy))
    }

    /// Changes how an organisation resolves what arrives from now on. The same mode again changes nothing.
    ///
    /// [`Code::BadStrategy`] with every fault in it.
    pub async fn set_strategy(&self, org: OrgId, mode: Mode) -> Result<Strategy, Error> {
        self.replace_strategy(org, mode, None).await
    }

    /// The same, if it is still at this version; otherwise [`Code::DefinitionChanged`].
    pub async fn replace_strategy(&self, org: OrgId, mode: Mode, version: Option<u64>) -> Result<Strategy, Error> {
        self.org(org).await?;
        let faults: Vec<Fault> =
            check(&mode).into_iter().map(|(pointer, detail)| Fault { pointer, detail: detail.into() }).collect();
        if !faults.is_empty() {
            return Err(Error { faults, ..Code::BadStrategy.into() });
        }
        let written_by = self.entropy.bits();
        self.records
            .modify(&tables::strategy(org), |row: Option<StrategyRow>| {
                let own_work = row.as_ref().is_some_and(|row| row.written_by == written_by);
                let before = row.map_or_else(Strategy::default, |row| row.strategy);
                if own_work {
                    return Ok((None, before));
                }
                if version.is_some_and(|version| version != before.version) {
                    return Err(Code::DefinitionChanged.into());
                }
                if before.mode == mode {
                    return Ok((None, before));
                }
                let strategy = Strategy { version: before.version + 1, mode: mode.clone() };
                Ok((Some(StrategyRow { strategy: strategy.clone(), written_by }), strategy))
            })
            .await
    }

    /// The values that an organisation blocks beside those from the start.
    pub async fn blocked_values(&self, org: OrgId) -> Result<BlockedValues, Error> {
        Ok(self.records.read(&tables::blocked_values(org)).await?.map_or_else(BlockedValues::default, |(_, row)| row))
    }

    /// Changes them. [`Code::BadBlocklist`] with every fault in it.
    pub async fn set_blocked_values(&self, org: OrgId, blocked: &BlockedValues) -> Result<(), Error> {
        self.org(org).await?;
        let fault = |pointer: String, detail: &'static str| Fault { pointer, detail: detail.into() };
        let mut faults: Vec<Fault> =
            Blocklist::faults(&blocked.patterns).map(|(place, why)| fault(format!("/patterns/{place}"), why)).collect();
        if blocked.values.len() + blocked.patterns.len() > limits::BLOCKED_VALUES {
            faults.push(fault("/values".into(), "there are more than 1000 values and patterns"));
        }
        if faults.is_empty()
            && let Err((_, why)) = Blocklist::new(Vec::new(), &blocked.patterns)
        {
            faults.push(fault("/patterns".into(), why));
        }
        if !faults.is_empty() {
            return Err(Error { faults, ..Code::BadBlocklist.into() });
        }
        self.records
            .modify(&tables::blocked_values(org), |_: Option<BlockedValues>| Ok((Some(blocked.clone()), ())))
            .await
    }

    /// All definitions of an organisation. Three reads; whoever asks often keeps the answer for a while.
    pub async fn rules(&self, org: OrgId) -> Result<Rules, Error> {
        let catalogue = self.catalogue(org).await?;
        let BlockedValues { values, patterns } = self.blocked_values(org).await?;
        let blocked = Blocklist::new(values, &patterns).unwrap_or_default();
        let strategy = self.strategy(org).await?;
        let org = self.find_org(org).await?;
        Ok(Rules {
            strategy,
            catalogue: catalogue.catalogue,
            catalogue_version: catalogue.version,
            blocked: Arc::new(blocked),
            profile_ttl_days: org.as_ref().and_then(|org| org.profile_ttl_days),
            person: org.map(|org| org.limits.person).unwrap_or_default(),
        })
    }
}
