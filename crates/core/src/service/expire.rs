//! Expire: profiles that no identifier leads to any more, and those that nothing was heard of, are erased.
//!
//! A ticket is due when the first of the two may be so. Its work looks again, and either erases the person or leaves the
//! next ticket.

use super::identity::{Identity, Root};
use super::sweep::Task;
use crate::error::{Code, Error};
use crate::id::Ucid;
use crate::limits;
use crate::profile::Live;
use crate::time::Ms;

const DAY_MS: Ms = 24 * 3_600 * 1_000;

impl Identity<'_> {
    /// Leaves a ticket for the moment when a person may have to be erased, unless one is on its way that is due by then.
    /// Most people need none: an identifier without an end leads to them.
    pub(crate) async fn keep_watch(&self, ucid: Ucid, live: &Live) -> Result<Option<Ms>, Error> {
        let Some(due) = self.may_end(live) else { return Ok(live.watch) };
        let now = self.now();
        if live.watch.is_some_and(|watch| watch > now && watch <= due) {
            return Ok(live.watch);
        }
        let due = due.max(now.saturating_add(limits::TICKET_MS));
        self.leave_ticket_for(Task::Expire, ucid, due).await?;
        Ok(Some(due))
    }

    /// When a person would have to be erased if nothing more is heard of them.
    fn may_end(&self, live: &Live) -> Option<Ms> {
        let updated = live.tiles.values().map(|tile| tile.updated).max().unwrap_or(0);
        let unheard = self.rules.profile_ttl_days.map(|days| updated.saturating_add(Ms::from(days) * DAY_MS));
        let held: Option<Vec<Ms>> = self.holdings(live).iter().map(|holding| holding.held.expires).collect();
        let last = held.map(|held| held.into_iter().max().unwrap_or_else(|| updated.max(left(live))));
        let orphaned = last.map(|last| last.saturating_add(limits::ORPHAN_MS));
        unheard.into_iter().chain(orphaned).min()
    }

    /// The work of the ticket.
    pub(crate) async fn expire(&self, ucid: Ucid) -> Result<(), Error> {
        for _ in 0..limits::ROUNDS {
            let Some(root) = self.live(ucid).await?.filter(|root| root.version.is_some()) else { return Ok(()) };
            if root.live.is_busy() {
                self.settle(ucid).await?;
                continue;
            }
            let end = self.may_end(&root.live);
            let step = match end {
                Some(end) if end <= self.now() => self.erase_quietly(&root).await?,
                _ => {
                    let cleared = Live { watch: None, ..Live::clone(&root.live) };
                    let watch = self.keep_watch(ucid, &cleared).await?;
                    self.swap_live(&root, Live { watch, ..cleared }).await?.is_done()
                }
            };
            if step {
                return Ok(());
            }
        }
        Err(Code::Contention.into())
    }

    /// Erases a person whose time is over: nobody asked for it, so there is no record of a delete.
    async fn erase_quietly(&self, root: &Root) -> Result<bool, Error> {
        let deletion = Ucid::new(self.now(), self.service.entropy.bits()).as_u128();
        if !self.erase_row(root, deletion, Vec::new()).await?.is_done() {
            return Ok(false);
        }
        self.clean(root.ucid).await?;
        Ok(true)
    }
}

/// When the last identifier left, as far as the tiles tell: those that expired are listed until the next write.
fn left(live: &Live) -> Ms {
    live.tiles.values().flat_map(|tile| &tile.identifiers).filter_map(|held| held.expires).max().unwrap_or(0)
}
