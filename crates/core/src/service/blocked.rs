//! What names nobody, and what was refused: values that too many people share, and records and links that the rules did
//! not let through. Both are kept for administrators, without the values in clear.

use super::identity::{Alias, Identity};
use super::upsert::Write;
use super::{Service, Tenant};
use crate::error::{Code, Error};
use crate::id::{Identifier, OrgId, Region, Ucid};
use crate::limits;
use crate::records::Record;
use crate::store::Version;
use crate::tables::{self, RowHash, Sort};
use crate::time::Ms;
use serde::{Deserialize, Serialize};

/// A value that was blocked because too many people share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedValue {
    /// Where.
    pub region: Region,
    /// The kind of the identifier.
    pub kind: Box<str>,
    /// When, by the clock of the node that blocked it.
    pub at: Ms,
    /// How many profiles it had met by then.
    pub met: u32,
}

impl Record for BlockedValue {}

/// A record, or a link, that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// When, by the clock of the node that refused it.
    pub at: Ms,
    /// Where.
    pub region: Region,
    /// Why: a code, or the name of the rule.
    pub reason: Box<str>,
    /// The kinds of the record.
    pub kinds: Vec<Box<str>>,
    /// For links: the kind that led to a profile, and the profile that was left alone.
    pub left_alone: Vec<(Box<str>, Ucid)>,
    /// Who sent it.
    pub source: Box<str>,
    /// The request.
    pub request: Box<str>,
}

impl Record for Refused {}

const MINUTE_MS: Ms = 60_000;

impl Identity<'_> {
    /// Blocks a value: it takes no part in resolution, and no search finds by it, until an administrator lifts that. The
    /// administrators' list comes first, so that nothing is blocked that they do not see.
    pub(crate) async fn block(
        &self,
        kind: &str,
        hash: RowHash,
        version: Option<Version>,
        alias: Alias,
    ) -> Result<(), Error> {
        let met = u32::try_from(alias.met.len()).unwrap_or(u32::MAX);
        let listed = BlockedValue { region: self.region, kind: kind.into(), at: self.now(), met };
        self.service.records.put(&tables::blocked_value(self.org, hash), &listed).await?;
        self.swap_alias(hash, version, &Alias { blocked: Some(self.now()), ..alias }).await?;
        Ok(())
    }

    /// Keeps a refusal for administrators.
    pub(crate) async fn note_refused(
        &self,
        reason: &str,
        write: &Write,
        left_alone: Vec<(Box<str>, Ucid)>,
    ) -> Result<(), Error> {
        let refused = Refused {
            at: self.now(),
            region: self.region,
            reason: reason.into(),
            kinds: write.identifiers.iter().map(|identifier| identifier.kind().into()).collect(),
            left_alone,
            source: (&*write.source).into(),
            request: write.request.clone(),
        };
        // One row a minute for all that are alike, so that a client which sends nothing else fills no disk.
        let alike = (&refused.region, &refused.reason, &refused.kinds, &refused.left_alone, &refused.source);
        let alike = postcard::to_stdvec(&alike).expect("what is alike always serialises into memory");
        let key =
            tables::refused_record(self.org, refused.at - refused.at % MINUTE_MS, self.service.secret.etag(&alike));
        self.service.records.put(&key, &refused).await
    }
}

impl Tenant<'_> {
    /// Lets a value name people again, by what the list of blocked values calls it. Its other writings too, where
    /// somebody still holds it: a value and its hashes are one identifier.
    pub async fn lift_block(&self, region: Region, hash: RowHash) -> Result<(), Error> {
        let lead = self.identity(region).resolve(hash).await?;
        let held =
            || lead.holders.iter().flat_map(|holder| holder.root.live.tiles.values()).flat_map(|t| &t.identifiers);
        let same = held().find(|held| held.hash == hash).map(|held| held.same);
        let mut hashes: Vec<RowHash> = held().filter(|held| Some(held.same) == same).map(|held| held.hash).collect();
        hashes.push(hash);
        hashes.sort_unstable();
        hashes.dedup();
        for hash in hashes {
            self.lift_one(region, hash).await?;
        }
        Ok(())
    }

    async fn lift_one(&self, region: Region, hash: RowHash) -> Result<(), Error> {
        let identity = self.identity(region);
        for _ in 0..limits::ROUNDS {
            let (version, alias) = identity.alias(hash).await?;
            let blocked = alias.blocked.is_some();
            if !blocked || identity.swap_alias(hash, version, &alias.lifted()).await?.is_done() {
                return self.unlist_blocked(hash).await;
            }
        }
        Err(Code::Contention.into())
    }

    /// Lets a value name people again, in all of its writings. Whether any of them was blocked.
    pub async fn lift_block_of(&self, region: Region, identifier: &Identifier) -> Result<bool, Error> {
        let identity = self.identity(region);
        let mut lifted = false;
        for identifier in self.rules().expand(identifier) {
            let hash = identity.hash(&identifier);
            lifted |= identity.alias(hash).await?.1.blocked.is_some();
            self.lift_one(region, hash).await?;
        }
        Ok(lifted)
    }

    async fn unlist_blocked(&self, hash: RowHash) -> Result<(), Error> {
        let key = tables::blocked_value(self.org, hash);
        let store = self.service.records.store();
        if let Some(row) = store.read(&key).await? {
            store.remove(&key, row.version).await?;
        }
        Ok(())
    }
}

impl Service {
    /// The values that were blocked because too many people share them, a page at a time, each under its hash.
    pub async fn blocked(
        &self,
        org: OrgId,
        after: Option<RowHash>,
        limit: u16,
    ) -> Result<Vec<(RowHash, BlockedValue)>, Error> {
        // The list that administrators set stands first, under no hash.
        let after = Sort::from_iter(after.iter().flat_map(|hash| hash.0));
        let rows = self.records.store().scan(&tables::blocked(org), Some(&after), limit).await?;
        let named = |sort: &Sort| Some(RowHash(sort.as_slice().try_into().ok()?));
        let read =
            |(sort, row): (Sort, crate::store::Row)| Some((named(&sort)?, BlockedValue::decode(&row.value).ok()?));
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// A value that was blocked because too many people share it, by its hash.
    pub async fn blocked_value(&self, org: OrgId, hash: RowHash) -> Result<Option<BlockedValue>, Error> {
        Ok(self.records.read(&tables::blocked_value(org, hash)).await?.map(|(_, value)| value))
    }

    /// What was refused, the newest first, a page at a time; each with the cursor that continues after it.
    pub async fn refused(&self, org: OrgId, after: Option<&Sort>, limit: u16) -> Result<Vec<(Sort, Refused)>, Error> {
        Ok(self.records.scan(&tables::refused(org), after, limit).await?)
    }

    /// Removes refusals whose time is over; one batch.
    pub(crate) async fn sweep_refused(&self, org: OrgId) -> Result<usize, Error> {
        let oldest = self.clock.now().saturating_sub(limits::REFUSED_MS);
        let after = Sort::from_iter((Ms::MAX - oldest).to_be_bytes());
        let partition = tables::refused(org);
        let rows = self.records.store().scan(&partition, Some(&after), limits::SWEEP_BATCH).await?;
        for (sort, row) in &rows {
            self.records.store().remove(&partition.clone().row(sort), row.version).await?;
        }
        Ok(rows.len())
    }
}
