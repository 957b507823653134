//! Link: two people become one, in five steps, each one guarded write on one row.
//!
//! 1. *intend*: the winner's row names the loser and why
//! 2. *seal*: the loser's row becomes a sealed one that leads to the winner. This write is the merge
//! 3. *absorb*: the winner's row takes the loser's tiles
//! 4. *forward*: the loser's row drops them and is a redirect
//! 5. *clear*: the winner's row names the loser no longer
//!
//! The first created (the smaller UCID) survives. Each step reads the row that authorises it last.

use super::identity::{Identity, Root};
use crate::defect::Defect;
use crate::error::{Code, Error};
use crate::id::Ucid;
use crate::limits;
use crate::profile::fold::Tiles;
use crate::profile::holding::Holding;
use crate::profile::tile::{LinkFact, Naming};
use crate::profile::{Forward, Live, Pending, Profile, Sealed};
use crate::records::Swap;
use crate::service::draft::within_limits;
use crate::service::split::are_apart;
use crate::service::sweep::Task;
use crate::strategy::{Holds, Rule, Why, judge};
use crate::tables::RowHash;
use std::sync::Arc;

impl Identity<'_> {
    /// Begins to merge two people as they were read, and settles. Whether it came about is for the caller to see.
    ///
    /// `begun` says so as soon as the intent may stand: from then on somebody may finish the link, whatever becomes of
    /// this caller.
    pub(crate) async fn link(
        &self,
        winner: &Root,
        loser: &Root,
        fact: LinkFact,
        begun: &mut bool,
    ) -> Result<(), Error> {
        debug_assert!(winner.ucid < loser.ucid, "the first created survives");
        self.leave_ticket(Task::Settle, winner.ucid).await?;
        let mut live = Live::clone(&winner.live);
        live.pending = Some(Pending { loser: loser.ucid, fact });
        let swap = self.swap_live(winner, live).await?;
        *begun |= swap != Swap::Conflict;
        if swap.is_done() {
            self.settle(winner.ucid).await?;
        }
        Ok(())
    }

    /// Takes a pending link as far as it goes from here.
    pub(crate) async fn finish_link(&self, winner: &Root) -> Result<(), Error> {
        let Some(pending) = &winner.live.pending else {
            return Ok(());
        };
        match self.seal(winner, pending.loser).await? {
            Sealing::Stale => Ok(()),
            Sealing::Sealed(sealed) => self.absorb(winner, pending, *sealed).await,
            Sealing::Over => {
                let cleared = Live { pending: None, ..Live::clone(&winner.live) };
                self.swap_live(winner, cleared).await?;
                Ok(())
            }
        }
    }

    /// Step 2. The loser's own unfinished work comes first, and the winner is read once more before the write: who took
    /// the intent back in between has written the loser since it was read.
    async fn seal(&self, winner: &Root, loser: Ucid) -> Result<Sealing, Error> {
        for _ in 0..limits::ROUNDS {
            let (version, profile) = self.row(loser).await?;
            let live = match profile {
                Profile::Live(live) => live,
                Profile::Sealed(sealed) if sealed.to == winner.ucid => return Ok(Sealing::Sealed(Box::new(sealed))),
                _ => return Ok(Sealing::Over),
            };
            if live.is_busy() {
                Box::pin(self.settle(loser)).await?;
                continue;
            }
            if self.judge(winner, &Root { ucid: loser, version, live: Arc::new(live.clone()) }).is_err() {
                // Refused: first a write on the loser, so that nobody who holds its older version can seal it now.
                if self.swap(loser, version, &Profile::Live(live)).await?.is_done() {
                    return Ok(Sealing::Over);
                }
                continue;
            }
            if !self.is_unchanged(winner).await? && !self.service.has(Defect::SealOnOldView) {
                return Ok(Sealing::Stale);
            }
            let sealed = Sealed { to: winner.ucid, tiles: live.tiles, ops: live.ops };
            self.swap(loser, version, &Profile::Sealed(sealed)).await?;
        }
        Err(Code::Contention.into())
    }

    /// Steps 3 and 4. The link stays pending until the loser is a redirect, so that whoever comes by goes on from here.
    async fn absorb(&self, winner: &Root, pending: &Pending, sealed: Sealed) -> Result<(), Error> {
        let mut live = Live::clone(&winner.live);
        join(&mut live, pending, sealed);
        if self.service.has(Defect::ClearAtAbsorb) {
            live.pending = None;
        }
        if self.swap_live(winner, live).await?.is_done() {
            self.forward(pending.loser).await?;
        }
        Ok(())
    }

    async fn forward(&self, loser: Ucid) -> Result<(), Error> {
        for _ in 0..limits::ROUNDS {
            let (version, profile) = self.row(loser).await?;
            let Profile::Sealed(sealed) = profile else {
                return Ok(());
            };
            if let Swap::Done(_) = self.swap(loser, version, &Profile::Forward(Forward { to: sealed.to })).await? {
                return Ok(());
            }
        }
        Err(Code::Contention.into())
    }

    /// A live row as a reader sees it: with the tiles of a loser that is sealed and not yet absorbed, and without those
    /// that a split has already taken out. `None` if the row moved on meanwhile.
    pub(crate) async fn as_seen(&self, root: Root) -> Result<Option<Root>, Error> {
        if !root.live.is_busy() {
            return Ok(Some(root));
        }
        let as_read = root.clone();
        let seen = self.without_parted(root).await?;
        let mut live = Live::clone(&seen.live);
        if let Some(pending) = seen.live.pending.clone()
            && let (_, Profile::Sealed(sealed)) = self.row(pending.loser).await?
            && sealed.to == seen.ucid
            && !self.service.has(Defect::ReadWithoutFold)
        {
            join(&mut live, &pending, sealed);
        }
        let same = self.is_unchanged(&as_read).await? || self.service.has(Defect::ReadWithoutRecheck);
        Ok(same.then(|| Root { live: Arc::new(live), ..seen }))
    }

    /// Whether the grounds on which a link was meant still hold for both rows as they are.
    fn judge(&self, winner: &Root, loser: &Root) -> Result<(), Why> {
        if self.service.has(Defect::SealWithoutEvaluating) {
            return Ok(());
        }
        let Some(pending) = &winner.live.pending else { return Ok(()) };
        let (further, person) = if pending.fact.grounds.brings_loser { (loser, winner) } else { (winner, loser) };
        let (held, others) = (self.holdings(&further.live), self.holdings(&person.live));
        let shows = |held: &[Holding<'_>], hash| held.iter().any(|held| held.held.hash == hash && !held.former);
        let brought = further.version.is_none() || shows(&held, pending.fact.by);
        // What named the person may have been split out of them, or have moved, since.
        let named = match pending.fact.to {
            Naming::Identifier(hash) => shows(&others, hash),
            Naming::Ucid(ucid) => person.live.tiles.contains_key(&ucid),
        };
        if !(brought && named) {
            return Err(Why::Left);
        }
        let same = self.known_same(&held, &others);
        let holds = |held: &[Holding<'_>]| with_same(self.holds(held), &same);
        judge(&pending.fact.grounds, &holds(&held), &holds(&others))?;
        self.rule_d(&winner.live.tiles, &loser.live.tiles)
    }

    /// Hashes that stand alone with one of two people, and whose value the other holds: what each is called there, and
    /// what the value and its hashes are called.
    fn known_same(&self, held: &[Holding<'_>], others: &[Holding<'_>]) -> Vec<(RowHash, RowHash)> {
        let both = || held.iter().chain(others).map(|holding| (holding.held.identifier.kind(), holding.held));
        let alone: Vec<_> =
            both().filter(|(kind, held)| held.same == held.hash && self.rules.family(kind) != *kind).collect();
        let mut same = Vec::new();
        for (_, value) in both().filter(|(kind, _)| !alone.is_empty() && self.rules.family(kind) == *kind) {
            let hashes = self.rules.expand(&value.identifier);
            let hashes: Vec<RowHash> = hashes.iter().map(|hash| self.hash(hash)).collect();
            let of_it = alone.iter().filter(|(_, hash)| hashes.contains(&hash.hash) && hash.same != value.same);
            same.extend(of_it.map(|(_, hash)| (hash.same, value.same)));
        }
        same
    }

    /// The identifiers that a person holds and shows, as the strategy sees them.
    pub(crate) fn holds(&self, held: &[Holding<'_>]) -> Vec<Holds> {
        let shown = held.iter().filter(|holding| !holding.former);
        let holds = |holding: &Holding<'_>| {
            let family = self.rules.family(holding.held.identifier.kind()).into();
            let keep = holding.rule.keep.filter(|_| !self.service.has(Defect::ForgetOneKept));
            Holds { family, same: holding.held.same, rule: Rule { keep, ..holding.rule } }
        };
        shown.map(holds).collect()
    }

    /// Rule d: whether two people may be one, for all that they were split, and within the limits of one person.
    fn rule_d(&self, one: &Tiles, other: &Tiles) -> Result<(), Why> {
        let together = unless_apart(one, other)?;
        within_limits(self, &together).map_err(|_| Why::Limit)
    }

    /// Rule d for people that nothing has been done to yet: room may still be made for them.
    pub(crate) fn rule_d_with_room(&self, one: &Tiles, other: &Tiles) -> Result<(), Why> {
        let together = unless_apart(one, other)?;
        self.slimmed(&together).map(drop).map_err(|_| Why::Limit)
    }
}

fn unless_apart(one: &Tiles, other: &Tiles) -> Result<Tiles, Why> {
    if are_apart(one, other) {
        return Err(Why::Apart);
    }
    let both = one.iter().chain(other);
    Ok(both.map(|(ucid, tile)| (*ucid, tile.clone())).collect())
}

enum Sealing {
    /// The winner's row has moved on: look again.
    Stale,
    /// The loser is sealed to the winner.
    Sealed(Box<Sealed>),
    /// The loser is a redirect, or gone.
    Over,
}

/// The winner with a sealed loser's tiles. The same again changes nothing.
fn join(live: &mut Live, pending: &Pending, sealed: Sealed) {
    for (ucid, mut tile) in sealed.tiles {
        if ucid == pending.loser {
            tile.link = Some(pending.fact.clone());
        }
        live.tiles.insert(ucid, tile);
    }
    let new: Vec<_> = sealed.ops.into_iter().filter(|op| !live.ops.contains(op)).collect();
    live.ops.extend(new);
}

/// The same, where some hashes are known to be of a value.
pub(crate) fn with_same(mut holds: Vec<Holds>, same: &[(RowHash, RowHash)]) -> Vec<Holds> {
    for held in &mut holds {
        if let Some((_, now)) = same.iter().find(|(before, _)| *before == held.same) {
            held.same = *now;
        }
    }
    holds
}
