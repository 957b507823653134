//! A profile row: its states, what a live one holds, and what it shows.
//!
//! `attribute` and `tile` keep what was said, `absorb` makes one tile of two, `fold` makes one profile of several tiles, `render` makes the bytes of
//! the answer, `codec` the bytes of the row. How rows change is not here but in [`crate::service`].

pub(crate) mod absorb;
pub mod attribute;
pub mod codec;
pub mod fold;
pub mod holding;
pub mod render;
pub mod tile;

use crate::id::Ucid;
use crate::tables::RowHash;
use crate::time::Ms;
use fold::Tiles;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tile::LinkFact;

/// A profile row.
#[expect(clippy::large_enum_variant, reason = "nearly all rows are live: a box would cost each of them an allocation")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// A person.
    Live(Live),
    /// Merged into an older profile, which has yet to absorb its tiles.
    Sealed(Sealed),
    /// Merged into an older profile: a redirect.
    Forward(Forward),
    /// Deleted: nothing of it is left but what cleaning up needs.
    Erased(Erased),
}

/// A person's row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// What each source identity said, by its original UCID.
    pub tiles: Tiles,
    /// A younger profile that is being merged into this one.
    pub pending: Option<Pending>,
    /// Identifiers that this row no longer lists and whose aliases are being freed.
    pub releasing: Vec<RowHash>,
    /// Tiles that are being split out of this row, the oldest of which gets its row back.
    pub split: Option<BTreeSet<Ucid>>,
    /// The row that these tiles were split out of, until it has dropped them.
    pub source: Option<Ucid>,
    /// When a ticket is due that looks whether the person is to be erased, because no identifier leads to them any more,
    /// or because nothing has been heard of them.
    pub watch: Option<Ms>,
    /// Operations with an idempotency key that this row has taken in and whose `Op` row may not say so yet.
    pub ops: Vec<RowOp>,
}

impl Live {
    /// A live profile that was never written: one blank tile of its own, created now if it comes to be written.
    pub fn blank(ucid: Ucid, now: Ms) -> Self {
        let tile = tile::Tile { created: now, ..tile::Tile::default() };
        Self { tiles: Tiles::from([(ucid, tile)]), ..Self::default() }
    }

    /// Whether a step of several rows is under way here, so that it must be settled before the next write.
    pub fn is_busy(&self) -> bool {
        self.pending.is_some() || !self.releasing.is_empty() || self.split.is_some() || self.source.is_some()
    }

    /// Whether a tile that a redirect led to this row is not here, nor on its way: it was split out since.
    pub(crate) fn has_lost(&self, tile: Ucid) -> bool {
        self.pending.is_none() && !self.tiles.contains_key(&tile)
    }

    /// Which tile lists the identifier of this hash.
    pub fn holder(&self, hash: RowHash) -> Option<Ucid> {
        self.tiles.iter().find(|(_, tile)| tile.holds(hash)).map(|(ucid, _)| *ucid)
    }

    /// Every identifier that the row lists, also what has expired.
    pub fn hashes(&self) -> impl Iterator<Item = RowHash> + '_ {
        self.tiles.values().flat_map(|tile| &tile.identifiers).map(|held| held.hash)
    }

    /// The newest stamp of all that the person's profiles say.
    pub fn newest(&self) -> Ms {
        self.tiles.values().map(tile::Tile::newest).max().unwrap_or(0)
    }
}

/// A merge under way, on the row of the winner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The profile that is being merged in.
    pub loser: Ucid,
    /// Why.
    pub fact: LinkFact,
}

/// An operation with an idempotency key, on the row that took it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowOp {
    /// What stands for its `Op` row.
    pub hash: RowHash,
    /// Which attempt under that key: a key may be used anew after a day.
    pub op: u64,
    /// The tile that it wrote.
    pub tile: Ucid,
}

/// A profile that was merged and not yet absorbed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The winner; smaller than its own UCID.
    pub to: Ucid,
    /// Its tiles, until the winner has them.
    pub tiles: Tiles,
    /// Its unfinished operations, likewise.
    pub ops: Vec<RowOp>,
}

/// A profile that was merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// The winner; smaller than its own UCID.
    pub to: Ucid,
}

/// A profile that was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// When, by the clock of the node that erased it.
    pub at: Ms,
    /// The delete that did it.
    pub deletion: u128,
    /// Identifiers whose aliases may still lead here.
    pub aliases: Vec<RowHash>,
    /// The profiles that it was made of.
    pub tiles: Vec<Ucid>,
    /// Whether the aliases are free.
    pub cleaned: bool,
    /// Identifiers that may not be written again, until each is marked as such in its alias. All of their hashes stand in
    /// `aliases` too.
    #[serde(skip)]
    pub suppress: Vec<Suppressing>,
}

impl Erased {
    /// As what an identifier is suppressed by this row.
    pub(crate) fn suppresses(&self, hash: RowHash) -> impl Iterator<Item = RowHash> {
        let has = move |one: &&Suppressing| one.writings.iter().any(|(_, writing)| *writing == hash);
        self.suppress.iter().filter(has).map(|one| one.same)
    }
}

/// An identifier that may not be written again, in all of its writings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressing {
    /// What its writings have in common.
    pub same: RowHash,
    /// The kind whose rule it follows.
    pub kind: Box<str>,
    /// The kind of each writing, and what stands for it.
    pub writings: Vec<(Box<str>, RowHash)>,
}

impl Profile {
    /// The live row in it.
    pub fn live(&self) -> Option<&Live> {
        if let Profile::Live(live) = self { Some(live) } else { None }
    }
}
