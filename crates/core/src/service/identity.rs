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
use crate::profile::holding::{Holding, holdings};
use crate::profile::render::{Extras, Name, render, render_part};
use crate::profile::{Erased, Live, Profile};
use crate::records::{Record, Swap, unchanged};
use crate::rules::Rules;
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
    /// The tiles that claimed it, in order of communication. Merges never change them. More than one only where the
    /// kind is not primary, or was not when they came.
    pub(crate) owners: Vec<Ucid>,
    /// Profiles that it joined, or was refused to join; what makes a value blocked in the end.
    pub(crate) met: Vec<Ucid>,
    /// Since when it is blocked.
    pub(crate) blocked: Option<Ms>,
    /// Whom it had met when a block was lifted: they count no more, or the next one would block it again.
    pub(crate) forgiven: Vec<Ucid>,
    /// The last person erased under it.
    pub(crate) erased: Option<Tombstone>,
    /// The suppressions that keep it from being written again.
    #[serde(skip)]
    pub(crate) suppressed: Vec<RowHash>,
}

/// A suppressed alias is written as version 2, all others as version 1: so a fetch reads no more than it did.
impl Record for Alias {
    fn encode(&self) -> Bytes {
        let row = match self.suppressed.as_slice() {
            [] => postcard::to_extend(self, vec![Self::VERSION]),
            suppressed => postcard::to_extend(&(self, suppressed), vec![Self::VERSION + 1]),
        };
        row.expect("an alias always serialises into memory").into()
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged = |_| StoreError::Corrupt("the body of an alias is damaged".into());
        match bytes {
            [1, body @ ..] => postcard::from_bytes(body).map_err(damaged),
            [2, body @ ..] => {
                let (alias, suppressed) = postcard::from_bytes::<(Self, _)>(body).map_err(damaged)?;
                Ok(Self { suppressed, ..alias })
            }
            _ => Err(StoreError::Corrupt("unknown version of an alias".into())),
        }
    }
}

impl Alias {
    /// How many profiles it joined, sits on, or was refused to join, since a block of it was last lifted.
    pub(crate) fn profiles(&self) -> usize {
        self.met.len() + self.owners.iter().filter(|owner| !self.has_met(**owner)).count()
    }

    /// Whether it is known to have met this profile.
    pub(crate) fn has_met(&self, ucid: Ucid) -> bool {
        self.met.contains(&ucid) || self.forgiven.contains(&ucid)
    }

    /// Without the block.
    pub(crate) fn lifted(self) -> Self {
        let mut forgiven = [self.forgiven, self.met, self.owners.clone()].concat();
        forgiven.sort_unstable();
        forgiven.dedup();
        Self { blocked: None, met: Vec::new(), forgiven, ..self }
    }

    /// Whether it says nothing of anybody, so that its row may go.
    pub(crate) fn is_blank(&self) -> bool {
        self.owners.is_empty() && self.blocked.is_none() && self.erased.is_none() && self.suppressed.is_empty()
    }

    /// With this tile as the one that communicated it last.
    pub(crate) fn owned_by(mut self, tile: Ucid) -> Self {
        self.owners.retain(|owner| *owner != tile);
        self.owners.push(tile);
        self
    }
}

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
#[derive(Clone, Debug, Default)]
pub(crate) struct Lead {
    /// The alias row's version; `None` where there is no such row, or for a UCID.
    pub(crate) version: Option<Version>,
    /// The alias row.
    pub(crate) alias: Alias,
    /// Who holds the identifier, the last to communicate it first: the owner's tile, its live row, and whether it is a
    /// former value there.
    pub(crate) holders: Vec<Holder>,
    /// Owners whose live row does not list it: it has left, or a writer died, lost a race, or is still on its way, between
    /// claiming and committing.
    pub(crate) strays: Vec<(Ucid, Root)>,
    /// The last person erased under it.
    pub(crate) erased: Option<Tombstone>,
    /// Whether it may not be written again.
    pub(crate) suppressed: bool,
}

/// A profile that holds an identifier.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) tile: Ucid,
    pub(crate) root: Root,
    pub(crate) former: bool,
}

impl Lead {
    /// Who holds it; of several the last to communicate it.
    pub(crate) fn holder(&self) -> Option<&Holder> {
        self.holders.first()
    }

    /// Whether several people hold it.
    pub(crate) fn is_shared(&self) -> bool {
        self.holders.iter().any(|holder| holder.root.ucid != self.holders[0].root.ucid)
    }

    /// Every live row that it leads to, whether it is held there or not.
    pub(crate) fn roots(&self) -> impl Iterator<Item = &Root> {
        self.holders.iter().map(|holder| &holder.root).chain(self.strays.iter().map(|(_, root)| root))
    }
}

/// Where a tile has come to.
pub(crate) enum End {
    Live(Root),
    /// Erased, and what the row still says.
    Erased(Tombstone, Erased),
}

/// One region of one organisation.
#[derive(Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub(crate) service: &'a Service,
    pub(crate) org: OrgId,
    pub(crate) region: Region,
    pub(crate) rules: &'a Rules,
}

impl Identity<'_> {
    pub(crate) fn now(&self) -> Ms {
        self.service.clock.now()
    }

    /// What stands for an identifier here.
    pub(crate) fn hash(&self, identifier: &Identifier) -> RowHash {
        self.service.secret.identifier(self.org, self.region, identifier)
    }

    /// A profile row; one that was never written is an empty live profile.
    pub(crate) async fn row(&self, ucid: Ucid) -> Result<(Option<Version>, Profile), StoreError> {
        match self.service.records.store().read(&tables::profile(self.org, self.region, ucid)).await? {
            Some(row) => Ok((Some(row.version), codec::decode(&row.value)?)),
            None => Ok((None, Profile::Live(Live::blank(ucid, self.now())))),
        }
    }

    /// A live row as it is now, if it is live.
    pub(crate) async fn live(&self, ucid: Ucid) -> Result<Option<Root>, StoreError> {
        let (version, profile) = self.row(ucid).await?;
        Ok(match profile {
            Profile::Live(live) => Some(Root { ucid, version, live: Arc::new(live) }),
            _ => None,
        })
    }

    /// Whether a row is as it was read.
    pub(crate) async fn is_unchanged(&self, root: &Root) -> Result<bool, StoreError> {
        Ok(self.row(root.ucid).await?.0 == root.version)
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

    /// Replaces a live row by another live one, if it is as it was read.
    pub(crate) async fn swap_live(&self, root: &Root, live: Live) -> Result<Swap, StoreError> {
        self.swap(root.ucid, root.version, &Profile::Live(live)).await
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

    /// The answer that a live row carries, and what else its head holds.
    pub(crate) fn render(&self, ucid: Ucid, live: &Live) -> Rendered {
        let held = self.holdings(live);
        let shown = fold(&live.tiles, &held, self.rules, self.now());
        let profile = render(Name { region: self.region, ucid }, &live.tiles, &shown);
        let etag = self.service.secret.etag(&profile);
        let answer = [b"[", profile.as_slice(), b"]"].concat().into();
        let mut hashes: Vec<RowHash> = held.iter().map(|holding| holding.held.hash).collect();
        hashes.sort_unstable();
        Rendered { answer, valid_until: shown.valid_until, model: self.rules.stamp(), etag: (etag, etag), hashes }
    }

    /// The answer to a write that left something where it was.
    pub(crate) fn answer_with(
        &self,
        ucid: Ucid,
        live: &Live,
        not_attached: &[Box<str>],
        not_linked: &[Box<str>],
    ) -> Bytes {
        let shown = fold(&live.tiles, &self.holdings(live), self.rules, self.now());
        let name = Name { region: self.region, ucid };
        let extras = Extras { not_attached, not_linked, ..Extras::default() };
        let profile = render_part(name, &live.tiles, &shown, None, &extras);
        [b"[", profile.as_slice(), b"]"].concat().into()
    }

    /// What a live row holds now.
    pub(crate) fn holdings<'l>(&'l self, live: &'l Live) -> Vec<Holding<'l>> {
        holdings(&live.tiles, self.rules, self.now())
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
        let suppressed = !alias.suppressed.is_empty();
        let mut lead = Lead { version, erased: alias.erased, suppressed, ..Lead::default() };
        for tile in alias.owners.iter().rev() {
            match self.follow(*tile).await? {
                End::Live(root) => match self.status(&root, *tile, hash) {
                    Some(former) => lead.holders.push(Holder { tile: *tile, root, former }),
                    None if self.is_abandoned(&root) => {}
                    None => lead.strays.push((*tile, root)),
                },
                // An alias may have been claimed for a tile that was erased before it was listed there.
                End::Erased(tombstone, erased) if erased.aliases.contains(&hash) => {
                    lead.erased = lead.erased.filter(|old| old.at > tombstone.at).or(Some(tombstone));
                    lead.suppressed |= erased.suppresses(hash).next().is_some();
                }
                End::Erased(..) => {}
            }
        }
        Ok(Lead { alias, ..lead })
    }

    /// Whether a row was never written and never will be. It may be that of somebody who was deleted, and whose audit period
    /// is over: nobody else may have their UCID.
    fn is_abandoned(&self, root: &Root) -> bool {
        root.version.is_none() && root.ucid.created().saturating_add(limits::UNWRITTEN_MS) <= self.now()
    }

    /// Whether a row holds an identifier in a tile, and if so whether as a former value. A row that nobody has written is
    /// nobody yet.
    fn status(&self, root: &Root, tile: Ucid, hash: RowHash) -> Option<bool> {
        let holdings = self.holdings(&root.live);
        holdings.iter().find(|holding| holding.tile == tile && holding.held.hash == hash).map(|holding| holding.former)
    }

    /// Whether a row holds an identifier in whatever tile.
    pub(crate) fn lists(&self, root: &Root, hash: RowHash) -> bool {
        self.holdings(&root.live).iter().any(|holding| holding.held.hash == hash)
    }

    /// Where a UCID leads. One whose row was never written leads nowhere.
    pub(crate) async fn resolve_ucid(&self, ucid: Ucid) -> Result<Lead, StoreError> {
        let mut lead = Lead::default();
        match self.follow(ucid).await? {
            End::Live(root) if root.version.is_none() => {}
            End::Live(root) if root.live.tiles.contains_key(&ucid) => {
                lead.holders.push(Holder { tile: ucid, root, former: false })
            }
            End::Live(root) => lead.strays.push((ucid, root)),
            End::Erased(tombstone, _) => lead.erased = Some(tombstone),
        }
        Ok(lead)
    }

    /// Follows redirects from a tile. Each leads to a smaller UCID, so they end. A tile that is being split out is
    /// already at its new row once that is live. A row that a redirect leads to and that has nothing of the tile is newer
    /// than the redirect as it was read, so the way is walked again.
    pub(crate) async fn follow(&self, tile: Ucid) -> Result<End, StoreError> {
        let mut ucid = tile;
        for _ in 0..limits::REDIRECTS {
            let (version, profile) = self.row(ucid).await?;
            ucid = match profile {
                Profile::Live(live) => {
                    if ucid != tile && live.has_lost(tile) {
                        ucid = tile;
                        continue;
                    }
                    let root = Root { ucid, version, live: Arc::new(live) };
                    let parted = self.parted(&root, tile).await?;
                    return Ok(End::Live(parted.unwrap_or(root)));
                }
                Profile::Erased(erased) => {
                    let tombstone = Tombstone { at: erased.at, ucid, deletion: erased.deletion };
                    return Ok(End::Erased(tombstone, erased));
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
            let Some(root) = self.live(ucid).await?.filter(|root| root.live.is_busy()) else { return Ok(()) };
            if let Some(source) = root.live.source {
                self.finish_source(&root, source).await?;
            } else if root.live.split.is_some() {
                self.finish_split(&root).await?;
            } else if let Some(hash) = root.live.releasing.first() {
                self.finish_release(&root, *hash).await?;
            } else {
                self.finish_link(&root).await?;
            }
        }
        Err(Code::Contention.into())
    }

    /// Takes an identifier from a row, so that its alias may be claimed by another: the row's version changes, and with
    /// it fails every commit that still meant to list it there.
    pub(crate) async fn release(&self, root: &Root, hash: RowHash) -> Result<(), Error> {
        if self.service.has(Defect::TakeWithoutRelease) {
            let (version, alias) = self.alias(hash).await?;
            self.swap_alias(hash, version, &Alias { owners: Vec::new(), ..alias }).await?;
            return Ok(());
        }
        self.leave_ticket(Task::Settle, root.ucid).await?;
        let mut live = Live::clone(&root.live);
        if !self.service.has(Defect::MoveWithoutLeaving) {
            live.tiles.values_mut().for_each(|tile| tile.identifiers.retain(|held| held.hash != hash));
        }
        live.releasing.push(hash);
        if self.swap_live(root, live).await?.is_done() {
            self.settle(root.ucid).await?;
        }
        Ok(())
    }

    /// Frees the alias of an identifier that a row is letting go, then forgets it there.
    async fn finish_release(&self, root: &Root, hash: RowHash) -> Result<(), Error> {
        let lead = self.resolve(hash).await?;
        let here = |owner: &Ucid| lead.strays.iter().any(|(tile, to)| tile == owner && to.ucid == root.ucid);
        if lead.alias.owners.iter().any(here) {
            // Who cleared the release in between has changed the alias: only a row that still releases may free it.
            if !self.is_unchanged(root).await? && !self.service.has(Defect::ReleaseOnOldView) {
                return Ok(());
            }
            let owners = lead.alias.owners.iter().copied().filter(|owner| !here(owner)).collect();
            let free = Alias { owners, erased: lead.erased, ..lead.alias };
            if !self.swap_alias(hash, lead.version, &free).await?.is_done() {
                return Ok(());
            }
        }
        let mut live = Live::clone(&root.live);
        live.releasing.retain(|releasing| *releasing != hash);
        self.swap_live(root, live).await?;
        Ok(())
    }
}

impl From<(u64, u64)> for ETag {
    fn from((writes, answer): (u64, u64)) -> Self {
        Self { writes, answer }
    }
}
