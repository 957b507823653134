//! One region of one organisation: reading rows, resolving identifiers, and settling what is under way.
//!
//! The row is the truth, the alias only leads: a profile holds an identifier only if its live row, or a sealed loser
//! that it has yet to absorb, lists it. A row that was never written holds whatever leads to it, and is an empty live
//! profile. Every step is one guarded write on one row, and whoever meets an unfinished sequence finishes it.

use super::Service;
use crate::defect::Defect;
use crate::error::{Code, Error};
use crate::id::{Identifier, OrgId, Region, Ucid};
use crate::limits;
use crate::profile::codec::{self, Rendered};
use crate::profile::fold::fold;
use crate::profile::render::{Name, render};
use crate::profile::{Live, Profile};
use crate::records::{Record, Swap, unchanged};
use crate::service::fetch::ETag;
use crate::service::sweep::Task;
use crate::store::{StoreError, Version};
use crate::tables::{self, RowHash};
use crate::time::Ms;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where an identifier leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alias {
    /// The tile that claimed it. Merges never change this.
    pub(crate) owner: Option<Ucid>,
    /// The last person erased under it.
    pub(crate) erased: Option<Tombstone>,
}

impl Record for Alias {}

/// That somebody was deleted: when, whom, and by which delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tombstone {
    pub(crate) at: Ms,
    pub(crate) ucid: Ucid,
    pub(crate) deletion: u128,
}

/// A live row as read.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) ucid: Ucid,
    /// `None`: never written.
    pub(crate) version: Option<Version>,
    pub(crate) live: Arc<Live>,
}

/// Where an identifier, or a UCID, led when it was looked up.
#[derive(Clone, Debug)]
pub(crate) struct Lead {
    /// The alias row's version; `None` where there is no such row, or for a UCID.
    pub(crate) alias: Option<Version>,
    /// The tile that the alias names.
    pub(crate) tile: Option<Ucid>,
    /// The live row that this tile has come to.
    pub(crate) root: Option<Root>,
    /// Whether that row holds the identifier.
    pub(crate) held: bool,
    /// The last person erased under it.
    pub(crate) erased: Option<Tombstone>,
}

/// Where a tile has come to.
enum End {
    Live(Root),
    /// Erased, and under which identifiers.
    Erased(Tombstone, Vec<RowHash>),
}

/// One region of one organisation.
#[derive(Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub(crate) service: &'a Service,
    pub(crate) org: OrgId,
    pub(crate) region: Region,
}

impl Identity<'_> {
    /// What stands for an identifier here.
    pub(crate) fn hash(&self, identifier: &Identifier) -> RowHash {
        self.service.secret.identifier(self.org, self.region, identifier)
    }

    /// A profile row; one that was never written is an empty live profile.
    pub(crate) async fn row(&self, ucid: Ucid) -> Result<(Option<Version>, Profile), StoreError> {
        match self.service.records.store().read(&tables::profile(self.org, self.region, ucid)).await? {
            Some(row) => Ok((Some(row.version), codec::decode(&row.value)?)),
            None => Ok((None, Profile::Live(Live::blank(ucid, self.service.clock.now())))),
        }
    }

    /// Replaces a profile row if it is as it was read.
    pub(crate) async fn swap(
        &self,
        ucid: Ucid,
        version: Option<Version>,
        profile: &Profile,
    ) -> Result<Swap, StoreError> {
        let bytes = match profile {
            Profile::Live(live) => codec::encode_live(live, &self.render(ucid, live)),
            ended => codec::encode_ended(ended).expect("a row that is not live has an encoding without an answer"),
        };
        let swap = self.swap_bytes(ucid, version, bytes).await?;
        self.service.counts.wrote(profile, swap);
        Ok(swap)
    }

    /// Replaces a profile row's bytes if it is as it was read.
    pub(crate) async fn swap_bytes(
        &self,
        ucid: Ucid,
        version: Option<Version>,
        bytes: Bytes,
    ) -> Result<Swap, StoreError> {
        let key = tables::profile(self.org, self.region, ucid);
        self.service.records.swap(&key, unchanged(version), bytes).await
    }

    /// The answer that a live row carries.
    pub(crate) fn render(&self, ucid: Ucid, live: &Live) -> Rendered {
        let profile = render(Name { region: self.region, ucid }, &live.tiles, &fold(&live.tiles));
        let etag = self.service.secret.etag(&profile);
        let answer = [b"[", profile.as_slice(), b"]"].concat().into();
        Rendered { answer, valid_until: Ms::MAX, model: MODEL, etag: (etag, etag) }
    }

    /// The alias of an identifier.
    pub(crate) async fn alias(&self, hash: RowHash) -> Result<(Option<Version>, Alias), StoreError> {
        let row = self.service.records.read(&tables::alias(self.region, hash)).await?;
        Ok(row.map_or_else(|| (None, Alias::default()), |(version, alias)| (Some(version), alias)))
    }

    /// Replaces an alias if it is as it was read.
    pub(crate) async fn swap_alias(
        &self,
        hash: RowHash,
        version: Option<Version>,
        alias: &Alias,
    ) -> Result<Swap, StoreError> {
        let key = tables::alias(self.region, hash);
        self.service.records.swap(&key, unchanged(version), alias.encode()).await
    }

    /// Where an identifier leads.
    pub(crate) async fn resolve(&self, hash: RowHash) -> Result<Lead, StoreError> {
        let (version, alias) = self.alias(hash).await?;
        let mut lead = Lead { alias: version, tile: None, root: None, held: false, erased: alias.erased };
        let Some(tile) = alias.owner else { return Ok(lead) };
        lead.tile = Some(tile);
        match self.follow(tile).await? {
            End::Live(root) => {
                lead.held = root.version.is_none() || root.live.holds(tile, hash);
                lead.root = Some(root);
            }
            End::Erased(tombstone, aliases) => {
                lead.tile = None;
                // An alias may have been claimed for a tile that was erased before it was listed there.
                if aliases.contains(&hash) {
                    lead.erased = lead.erased.filter(|old| old.at > tombstone.at).or(Some(tombstone));
                }
            }
        }
        Ok(lead)
    }

    /// Where a UCID leads. One whose row was never written leads nowhere.
    pub(crate) async fn resolve_ucid(&self, ucid: Ucid) -> Result<Lead, StoreError> {
        let mut lead = Lead { alias: None, tile: Some(ucid), root: None, held: false, erased: None };
        match self.follow(ucid).await? {
            End::Live(root) => {
                lead.held = root.version.is_some() && root.live.tiles.contains_key(&ucid);
                lead.root = Some(root).filter(|root| root.version.is_some());
            }
            End::Erased(tombstone, _) => lead.erased = Some(tombstone),
        }
        Ok(lead)
    }

    /// Follows redirects from a tile. Each leads to a smaller UCID, so they end.
    async fn follow(&self, tile: Ucid) -> Result<End, StoreError> {
        let mut ucid = tile;
        for _ in 0..limits::REDIRECTS {
            let (version, profile) = self.row(ucid).await?;
            ucid = match profile {
                Profile::Live(live) => {
                    return Ok(End::Live(Root { ucid, version, live: Arc::new(live) }));
                }
                Profile::Erased(erased) => {
                    let tombstone = Tombstone { at: erased.at, ucid, deletion: erased.deletion };
                    return Ok(End::Erased(tombstone, erased.aliases));
                }
                Profile::Sealed(sealed) => sealed.to,
                Profile::Forward(forward) => forward.to,
            };
        }
        Err(StoreError::Corrupt("redirects between profiles do not end".into()))
    }

    /// Finishes whatever is under way at a profile. Anyone may.
    pub(crate) async fn settle(&self, ucid: Ucid) -> Result<(), Error> {
        for _ in 0..limits::ROUNDS {
            let (version, profile) = self.row(ucid).await?;
            let Profile::Live(live) = profile else { return Ok(()) };
            if !live.is_busy() {
                return Ok(());
            }
            let root = Root { ucid, version, live: Arc::new(live) };
            match root.live.releasing.first() {
                Some(hash) => self.finish_release(&root, *hash).await?,
                None => self.finish_link(&root).await?,
            }
        }
        Err(Code::Contention.into())
    }

    /// Takes an identifier from a row that does not list it, so that its alias may be claimed by another: the row's
    /// version changes, and with it fails every commit that still meant to list it there.
    pub(crate) async fn release(&self, root: &Root, hash: RowHash) -> Result<(), Error> {
        if self.service.has(Defect::TakeWithoutRelease) {
            let (version, alias) = self.alias(hash).await?;
            self.swap_alias(hash, version, &Alias { owner: None, ..alias }).await?;
            return Ok(());
        }
        self.leave_ticket(Task::Settle, root.ucid).await?;
        let mut live = Live::clone(&root.live);
        live.tiles.values_mut().for_each(|tile| tile.identifiers.retain(|held| held.hash != hash));
        live.releasing.push(hash);
        if self.swap(root.ucid, root.version, &Profile::Live(live)).await?.is_done() {
            self.settle(root.ucid).await?;
        }
        Ok(())
    }

    /// Frees the alias of an identifier that a row is letting go, then forgets it there.
    async fn finish_release(&self, root: &Root, hash: RowHash) -> Result<(), Error> {
        let lead = self.resolve(hash).await?;
        if lead.root.as_ref().is_some_and(|to| to.ucid == root.ucid) {
            // Who cleared the release in between has changed the alias: only a row that still releases may free it.
            let (version, _) = self.row(root.ucid).await?;
            if version != root.version && !self.service.has(Defect::ReleaseOnOldView) {
                return Ok(());
            }
            let free = Alias { owner: None, erased: lead.erased };
            if !self.swap_alias(hash, lead.alias, &free).await?.is_done() {
                return Ok(());
            }
        }
        let mut live = Live::clone(&root.live);
        live.releasing.retain(|releasing| *releasing != hash);
        self.swap(root.ucid, root.version, &Profile::Live(live)).await?;
        Ok(())
    }
}

/// The version of what an answer is made with besides the row: changes when the renderer does, so that stored answers
/// of an older one are made anew at the read.
pub(crate) const MODEL: u64 = 1;

impl From<(u64, u64)> for ETag {
    fn from((writes, answer): (u64, u64)) -> Self {
        Self { writes, answer }
    }
}
