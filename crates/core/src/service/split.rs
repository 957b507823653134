//! Split: a merge is undone, in five steps that mirror a link, each one guarded write on one row.
//!
//! 1. *intend*: the row names the tiles that leave (the one meant, and all that came by way of it), and keeps them apart
//!    from what they leave; redirects of those that stay lead through none of them any more
//! 2. *part*: the oldest of them gets its row back. This write is the split
//! 3. redirects of the others lead there
//! 4. the row drops the tiles
//! 5. the new row forgets where it came from
//!
//! The row takes no other write meanwhile, so whoever goes on copies the same bytes.

use super::Tenant;
use super::fetch::{Found, Search, Sought};
use super::identity::{Identity, Root};
use super::sweep::Task;
use crate::defect::Defect;
use crate::error::{Code, Error};
use crate::id::{Region, Ucid};
use crate::limits;
use crate::profile::fold::Tiles;
use crate::profile::{Forward, Live, Profile};
use crate::store::StoreError;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Tenant<'_> {
    /// Undoes the merge by which `linked` came into the person of `ucid`, and answers with both people as they now are.
    /// The two are kept apart until an administrator lifts that.
    ///
    /// [`Code::NotLinked`] where `linked` is not part of that person, [`Code::FoldedForGood`] where it no longer can be
    /// told from them.
    pub async fn split(&self, region: Region, ucid: Ucid, linked: Ucid) -> Result<Found, Error> {
        self.identity(region).split(ucid, linked).await?;
        let sought = vec![Sought::Ucid(ucid), Sought::Ucid(linked)];
        self.fetch(&Search { regions: vec![region], sought, ..Search::default() }).await
    }

    /// Lets two people that were split meet again.
    pub async fn lift(&self, region: Region, one: Ucid, other: Ucid) -> Result<(), Error> {
        let identity = self.identity(region);
        identity.lift(one, other).await?;
        identity.lift(other, one).await
    }
}

impl Identity<'_> {
    pub(crate) async fn split(&self, ucid: Ucid, linked: Ucid) -> Result<(), Error> {
        for _ in 0..limits::ROUNDS {
            let (whole, part) = (self.resolve_ucid(ucid).await?, self.resolve_ucid(linked).await?);
            if let Some(busy) = whole.roots().chain(part.roots()).find(|root| root.live.is_busy()) {
                self.settle(busy.ucid).await?;
                continue;
            }
            let (Some(whole), Some(part)) = (whole.holder(), part.holder()) else {
                return Err(Code::UnknownUcid.into());
            };
            let root = &whole.root;
            if root.ucid != part.root.ucid {
                let apart = are_apart(&root.live.tiles, &part.root.live.tiles);
                return if apart { Ok(()) } else { Err(Code::NotLinked.into()) };
            }
            if root.live.tiles.get(&linked).is_some_and(|tile| tile.folded.is_some()) {
                return Err(Code::FoldedForGood.into());
            }
            if root.live.tiles.get(&linked).is_none_or(|tile| tile.link.is_none()) {
                return Err(Code::NotLinked.into());
            }
            self.leave_ticket(Task::Settle, root.ucid).await?;
            if self.swap_live(root, self.parting(root, linked)).await?.is_done() {
                self.settle(root.ucid).await?;
            }
        }
        Err(Code::Contention.into())
    }

    /// Step 1: the row with the tiles named that leave.
    fn parting(&self, root: &Root, linked: Ucid) -> Live {
        let mut live = Live::clone(&root.live);
        let out = hanging(&live.tiles, linked);
        if let Some(tile) = live.tiles.get_mut(&linked)
            && self.service.has(Defect::RestoreWithoutLaterWrites)
            && tile.link.as_ref().is_some_and(|fact| tile.updated > fact.at)
        {
            tile.groups.clear();
        }
        let via = live.tiles.get_mut(&linked).and_then(|tile| tile.link.take()).map(|fact| fact.via);
        if !self.service.has(Defect::SplitWithoutApart) {
            let left: BTreeSet<Ucid> = via.into_iter().chain([root.ucid]).collect();
            for tile in &left {
                live.tiles.entry(*tile).and_modify(|tile| tile.apart.extend([linked]));
            }
            live.tiles.entry(linked).and_modify(|tile| tile.apart.extend(left));
        }
        reroot(&mut live.tiles, &out, linked);
        Live { split: Some(out), ..live }
    }

    /// Takes a split as far as it goes from here.
    pub(crate) async fn finish_split(&self, root: &Root) -> Result<(), Error> {
        let Some(out) = &root.live.split else { return Ok(()) };
        let Some(first) = out.first() else { return Ok(()) };
        let (version, profile) = self.row(*first).await?;
        if let Profile::Forward(_) = profile {
            let stay = root.live.tiles.keys().filter(|tile| **tile != root.ucid && !out.contains(tile));
            for tile in stay {
                if !self.redirect(root, *tile, root.ucid, |to| !out.contains(&to)).await? {
                    return Ok(());
                }
            }
            // The new row is left with a step of its own, of which this one will know nothing.
            self.leave_ticket(Task::Settle, *first).await?;
            if !self.is_unchanged(root).await? && !self.service.has(Defect::PartOnOldView) {
                return Ok(());
            }
            if !self.swap(*first, version, &Profile::Live(taken_out(root, out))).await?.is_done() {
                return Ok(());
            }
            self.service.counts.splits.one();
        }
        for tile in out.iter().skip(1) {
            if !self.redirect(root, *tile, *first, |to| out.contains(&to)).await? {
                return Ok(());
            }
        }
        let mut live = Live::clone(&root.live);
        live.tiles.retain(|tile, _| !out.contains(tile));
        live.ops.retain(|op| !out.contains(&op.tile));
        live.split = None;
        self.swap_live(root, live).await?;
        Ok(())
    }

    /// One redirect, unless it leads where it may. `false` where the row has moved on.
    async fn redirect(
        &self,
        root: &Root,
        tile: Ucid,
        to: Ucid,
        is_right: impl Fn(Ucid) -> bool,
    ) -> Result<bool, Error> {
        for _ in 0..limits::ROUNDS {
            let (version, profile) = self.row(tile).await?;
            let Profile::Forward(forward) = profile else { return Ok(true) };
            if is_right(forward.to) {
                return Ok(true);
            }
            if !self.is_unchanged(root).await? {
                return Ok(false);
            }
            self.swap(tile, version, &Profile::Forward(Forward { to })).await?;
        }
        Err(Code::Contention.into())
    }

    /// Step 5: the row that these tiles came out of first drops them.
    pub(crate) async fn finish_source(&self, root: &Root, source: Ucid) -> Result<(), Error> {
        if let Some(from) = self.live(source).await?
            && from.live.split.as_ref().and_then(BTreeSet::first) == Some(&root.ucid)
        {
            return self.finish_split(&from).await;
        }
        let live = Live { source: None, ..Live::clone(&root.live) };
        self.swap_live(root, live).await?;
        Ok(())
    }

    /// The new row of a tile that is being split out of `root`, once that is live.
    pub(crate) async fn parted(&self, root: &Root, tile: Ucid) -> Result<Option<Root>, StoreError> {
        match &root.live.split {
            Some(out) if out.contains(&tile) => self.new_row(root, out).await,
            _ => Ok(None),
        }
    }

    async fn new_row(&self, root: &Root, out: &BTreeSet<Ucid>) -> Result<Option<Root>, StoreError> {
        let Some(first) = out.first() else { return Ok(None) };
        Ok(self.live(*first).await?.filter(|new| new.live.source == Some(root.ucid)))
    }

    /// A row as a reader sees it: less what a split has already taken out.
    pub(crate) async fn without_parted(&self, root: Root) -> Result<Root, StoreError> {
        let Some(out) = &root.live.split else { return Ok(root) };
        if self.new_row(&root, out).await?.is_none() {
            return Ok(root);
        }
        let mut live = Live::clone(&root.live);
        live.tiles.retain(|tile, _| !out.contains(tile));
        Ok(Root { live: Arc::new(live), ..root })
    }

    /// Forgets on one person's row that the other is to be kept apart.
    async fn lift(&self, one: Ucid, other: Ucid) -> Result<(), Error> {
        for _ in 0..limits::ROUNDS {
            let (lead, others) = (self.resolve_ucid(one).await?, self.resolve_ucid(other).await?);
            let (Some(here), Some(there)) = (lead.holder(), others.holder()) else {
                return Err(Code::UnknownUcid.into());
            };
            let mut live = Live::clone(&here.root.live);
            if live.is_busy() {
                self.settle(here.root.ucid).await?;
                continue;
            }
            live.tiles
                .values_mut()
                .for_each(|tile| tile.apart.retain(|apart| !there.root.live.tiles.contains_key(apart)));
            if live == *here.root.live || self.swap_live(&here.root, live).await?.is_done() {
                return Ok(());
            }
        }
        Err(Code::Contention.into())
    }
}

/// The tile and all that came by way of it.
fn hanging(tiles: &Tiles, tile: Ucid) -> BTreeSet<Ucid> {
    let mut out = BTreeSet::from([tile]);
    loop {
        let came = |(_, tile): &(&Ucid, &crate::profile::tile::Tile)| {
            tile.link.as_ref().is_some_and(|link| out.contains(&link.via))
        };
        let more: Vec<Ucid> =
            tiles.iter().filter(came).map(|(ucid, _)| *ucid).filter(|ucid| !out.contains(ucid)).collect();
        if more.is_empty() {
            return out;
        }
        out.extend(more);
    }
}

/// The oldest of the tiles that leave will be the root of their own row: the links between it and the tile that was meant
/// are turned round.
fn reroot(tiles: &mut Tiles, out: &BTreeSet<Ucid>, meant: Ucid) {
    let Some(first) = out.first().copied() else { return };
    let (mut child, mut fact) = (first, tiles.get_mut(&first).and_then(|tile| tile.link.take()));
    while let Some(turned) = fact.filter(|_| child != meant) {
        let parent = turned.via;
        let Some(tile) = tiles.get_mut(&parent) else { return };
        fact = tile.link.replace(crate::profile::tile::LinkFact { via: child, ..turned });
        child = parent;
    }
}

/// Step 2: the tiles that leave, as a row of their own.
fn taken_out(root: &Root, out: &BTreeSet<Ucid>) -> Live {
    Live {
        tiles: root
            .live
            .tiles
            .iter()
            .filter(|(ucid, _)| out.contains(ucid))
            .map(|(u, tile)| (*u, tile.clone()))
            .collect(),
        ops: root.live.ops.iter().filter(|op| out.contains(&op.tile)).copied().collect(),
        source: Some(root.ucid),
        ..Live::default()
    }
}

/// Whether two people have tiles that were split.
pub(crate) fn are_apart(one: &Tiles, other: &Tiles) -> bool {
    let apart = |a: &Tiles, b: &Tiles| a.values().any(|tile| tile.apart.iter().any(|apart| b.contains_key(apart)));
    apart(one, other) || apart(other, one)
}
