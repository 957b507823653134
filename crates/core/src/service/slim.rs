//! Making room: before a limit of one person refuses anything, what holds nothing better than device kinds and has not
//! been heard of for 90 days is folded into the person for good, and then the oldest device values leave (contract
//! section 6). So the stitching of a loyal customer, who comes with a new device every month, never stops.

use super::draft::within_limits;
use super::identity::{Identity, Root};
use crate::error::{Code, Error};
use crate::id::Ucid;
use crate::limits;
use crate::profile::Live;
use crate::profile::absorb::fold_for_good;
use crate::profile::fold::{Shown, Tiles, fold};
use crate::profile::holding::holdings;
use crate::profile::tile::{Held, Tile};
use crate::tables::RowHash;
use std::collections::{BTreeMap, BTreeSet};

impl Identity<'_> {
    /// The same people with as much room made as it takes to be within the limits of one person together. `None` where
    /// they are within them already; an error where no room can be made.
    pub(crate) fn slimmed(&self, tiles: &Tiles) -> Result<Option<Tiles>, Code> {
        let Err(passed) = within_limits(self, tiles) else { return Ok(None) };
        let mut slim = tiles.clone();
        self.fold_for_good(&mut slim);
        let held = slim.values().map(|tile| tile.identifiers.len()).sum::<usize>();
        self.drop_oldest(&mut slim, held.saturating_sub(limits::PROFILE_IDENTIFIERS));
        for share in [16, 8, 4, 2, 1] {
            if within_limits(self, &slim).is_ok() {
                return Ok(Some(slim));
            }
            self.drop_oldest(&mut slim, held / share);
        }
        Err(passed)
    }

    /// Makes room on the rows of people who are to be joined, one row a time. Whether a row was written, or somebody was
    /// faster, so that everything is to be looked up anew.
    pub(crate) async fn make_room(&self, people: [&Root; 2]) -> Result<bool, Error> {
        let together: Tiles = people.iter().flat_map(|root| root.live.tiles.clone()).collect();
        let Some(slim) = self.slimmed(&together)? else { return Ok(false) };
        for root in people {
            let tiles = root.live.tiles.keys().filter_map(|ucid| Some((*ucid, slim.get(ucid)?.clone()))).collect();
            if tiles != root.live.tiles {
                self.swap_live(root, Live { tiles, ..Live::clone(&root.live) }).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Folds every stale tile that holds nothing better than device kinds into the one by way of which it came, as long
    /// as what the person shows stays the same.
    fn fold_for_good(&self, tiles: &mut Tiles) {
        let stale: BTreeSet<Ucid> =
            tiles.iter().filter(|(_, tile)| self.is_stale(tile)).map(|(ucid, _)| *ucid).collect();
        let before = self.said(tiles);
        for ucid in stale {
            let Some(into) = tiles[&ucid].link.as_ref().map(|link| link.via).and_then(|via| home_in(tiles, via)) else {
                continue; // it is the first of its row: others are folded into it
            };
            let mut attempt = tiles.clone();
            fold_for_good(&mut attempt, ucid, into);
            if self.said(&attempt) == before {
                *tiles = attempt;
            }
        }
    }

    fn is_stale(&self, tile: &Tile) -> bool {
        let device = |held: &Held| self.rules.catalogue.is_device(held.identifier.kind());
        tile.folded.is_none()
            && tile.heard().saturating_add(limits::STALE_MS) <= self.now()
            && tile.identifiers.iter().all(device)
    }

    /// What a person shows, but for identifiers.
    fn said(&self, tiles: &Tiles) -> Shown {
        Shown {
            identifiers: BTreeMap::new(),
            ..fold(tiles, &holdings(tiles, self.rules, self.now()), self.rules, self.now())
        }
    }

    /// Takes out the device values that were not heard of for the longest time. Each person keeps an identifier.
    fn drop_oldest(&self, tiles: &mut Tiles, most: usize) {
        let mut devices = self.device_values(tiles);
        devices.sort_unstable();
        let spared = devices.len().saturating_sub(1);
        let gone: BTreeSet<RowHash> = devices.into_iter().take(most.min(spared)).map(|(_, hash)| hash).collect();
        tiles.values_mut().for_each(|tile| tile.identifiers.retain(|held| !gone.contains(&held.hash)));
    }

    /// When each value of a device kind was last received.
    fn device_values(&self, tiles: &Tiles) -> Vec<(u64, RowHash)> {
        let held = tiles.values().flat_map(|tile| &tile.identifiers);
        let devices = held.filter(|held| self.rules.catalogue.is_device(held.identifier.kind()));
        devices.map(|held| (held.received, held.hash)).collect()
    }
}

/// The tile that says what this one said, where that is one of these.
pub(crate) fn home_in(tiles: &Tiles, mut ucid: Ucid) -> Option<Ucid> {
    for _ in 0..=limits::PERSON_SHELLS {
        match tiles.get(&ucid)?.folded {
            None => return Some(ucid),
            Some(into) => ucid = into,
        }
    }
    None
}
