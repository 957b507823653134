//! What a person would be after a write, checked against every bound before anything is changed.

use super::identity::Identity;
use super::upsert::Write;
use crate::error::{Code, Error};
use crate::id::Ucid;
use crate::limits;
use crate::patch::{GroupPatch, Patch, pointer};
use crate::profile::attribute::Said;
use crate::profile::fold::{Tiles, base_of, fold, list_length};
use crate::profile::holding::holdings;
use crate::profile::render::{Name, render};
use crate::profile::tile::{Carried, RefusedLink, Tile};
use crate::rules::Rules;
use crate::tables::RowHash;
use crate::time::Ms;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A person with a write taken in.
pub(crate) struct Draft {
    /// The person's tiles.
    pub(crate) tiles: Tiles,
    /// The tile that took the write in.
    pub(crate) tile: Ucid,
    /// Which tile holds each identifier of the record that the person is to hold.
    pub(crate) homes: Vec<(usize, Ucid)>,
}

/// What the stamp of a write depends on.
#[derive(Clone, Copy)]
pub(crate) struct Stamps {
    /// The node's clock.
    pub(crate) now: Ms,
    /// When the last of the people known by these identifiers was erased.
    pub(crate) erased: Option<Ms>,
}

impl Draft {
    /// Takes a write into a tile of these people. Each identifier goes to the tile that its alias names. Refuses what is
    /// older than an erasure, and what passes a bound.
    pub(crate) fn new(
        identity: &Identity<'_>,
        mut tiles: Tiles,
        tile: Ucid,
        carried: Vec<(usize, Carried, Ucid)>,
        refused: Vec<RefusedLink>,
        stamps: Stamps,
        write: &Write,
    ) -> Result<Self, Error> {
        if write.timestamp.zip(stamps.erased).is_some_and(|(given, erased)| given <= erased) {
            return Err(Code::Erased.into());
        }
        let newest = tiles.values().map(Tile::newest).chain(stamps.erased).max();
        let ts = write.timestamp.unwrap_or_else(|| newest.map_or(stamps.now, |newest| later(stamps.now, newest)));
        let held = tiles.values().flat_map(|tile| &tile.identifiers).map(|held| held.current).max();
        let current = held.map_or(stamps.now, |held| later(stamps.now, held));
        for said in tiles.values_mut() {
            said.identifiers.retain(|held| !held.is_expired(stamps.now));
        }
        for (_, carried, home) in &carried {
            tiles.entry(*home).or_default().hold(carried, ts, stamps.now, current);
        }
        displace(&mut tiles, tile, identity.rules, stamps.now);
        let own = tiles.entry(tile).or_default();
        own.apply(&write.patch, ts, &write.source);
        own.created = if own.created == 0 { stamps.now } else { own.created };
        own.updated = own.updated.max(stamps.now);
        refused.into_iter().for_each(|refused| own.refuse(refused));
        if let Some(slim) = identity.slimmed(&tiles)? {
            tiles = slim;
        }
        let draft = Self { tiles, tile, homes: carried.iter().map(|(by, _, home)| (*by, *home)).collect() };
        draft.check_attributes(&write.patch)?;
        Ok(draft)
    }

    /// Lists within their bounds, and operators on numbers only where there are numbers.
    fn check_attributes(&self, patch: &Patch) -> Result<(), Error> {
        let mut faults = Vec::new();
        for (group, said) in &patch.groups {
            let GroupPatch::Members(members) = said else { continue };
            for (member, said) in members {
                if let Some(code) = self.fault(group, member, said) {
                    faults.push((code, pointer(group, member)));
                }
            }
        }
        let Some((code, _)) = faults.first() else { return Ok(()) };
        let mut error = Error::from(*code);
        error.faults = faults.into_iter().flat_map(|(code, pointer)| Error::at(code, pointer).faults).collect();
        Err(error)
    }

    fn fault(&self, group: &str, member: &str, said: &Said) -> Option<Code> {
        let attribute = self.tiles.get(&self.tile)?.groups.get(group)?.members.get(member)?;
        if attribute.entries.len() > limits::LIST_MARKS {
            return Some(Code::ListTooManyMarks);
        }
        let entries = list_length(&self.tiles, group, member);
        if entries > limits::LIST_ENTRIES {
            return Some(Code::ListTooLong);
        }
        if !matches!(said, Said::Add(_) | Said::Min(_) | Said::Max(_)) {
            return None;
        }
        let base = base_of(&self.tiles, group, member).and_then(|base| base.value);
        let numbers = entries == 0 && base.is_none_or(|base| base.number().is_some());
        if numbers { None } else { Some(Code::NotANumber) }
    }
}

/// The limits of one person (contract sections 5 and 6).
pub(crate) fn within_limits(identity: &Identity<'_>, tiles: &Tiles) -> Result<(), Code> {
    let (rules, now) = (identity.rules, identity.now());
    let shown = fold(tiles, &holdings(tiles, rules, now), rules, now);
    let ucid = tiles.keys().next().copied().unwrap_or(Ucid::from_u128(0));
    if shown.attributes() > limits::PROFILE_ATTRIBUTES {
        return Err(Code::TooManyAttributes);
    }
    if tiles.values().map(|tile| tile.identifiers.len()).sum::<usize>() > limits::PROFILE_IDENTIFIERS {
        return Err(Code::TooManyIdentifiers);
    }
    let shells = tiles.values().filter(|tile| tile.folded.is_some()).count();
    if tiles.len() - shells > limits::PERSON_TILES || shells > limits::PERSON_SHELLS {
        return Err(Code::TooManyProfiles);
    }
    if render(Name { region: identity.region, ucid }, tiles, &shown).len() > limits::PROFILE_SHOWN_BYTES {
        return Err(Code::ProfileTooLarge);
    }
    if postcard::experimental::serialized_size(tiles).is_ok_and(|size| size > limits::PROFILE_SAID_BYTES) {
        return Err(Code::ProfileSaysTooMuch);
    }
    Ok(())
}

/// Rule 5: beyond what a kind keeps, the least recently communicated value is displaced. In the tile that is written it
/// becomes a former value, or leaves; a value of another tile is marked in this one, so that a split finds it again.
fn displace(tiles: &mut Tiles, own: Ucid, rules: &Rules, now: Ms) {
    let mut marks: Vec<(RowHash, Ms)> = Vec::new();
    for (keep, values) in kept(tiles, rules) {
        let gone: Vec<RowHash> = values.iter().skip(keep).map(|(same, _)| *same).collect();
        for (ucid, tile) in tiles.iter_mut() {
            for held in tile.identifiers.iter_mut().filter(|held| !held.former && gone.contains(&held.same)) {
                if *ucid == own {
                    held.former = true;
                } else {
                    marks.push((held.hash, now.max(held.current)));
                }
            }
        }
    }
    let tile = tiles.entry(own).or_default();
    tile.displaced.extend(marks);
    let secondary = |held: &crate::profile::tile::Held| !rules.rule(held.identifier.kind()).is_primary();
    tile.identifiers.retain(|held| !(held.former && secondary(held)));
}

/// For each kind of which a number is kept: that number, and the values that are shown now, the newest first.
fn kept(tiles: &Tiles, rules: &Rules) -> Vec<(usize, Vec<(RowHash, Ms)>)> {
    let displaced = |held: &crate::profile::tile::Held| {
        tiles.values().any(|tile| tile.displaced.get(&held.hash).is_some_and(|at| *at >= held.current))
    };
    let mut families: BTreeMap<&str, BTreeMap<RowHash, Ms>> = BTreeMap::new();
    for held in tiles.values().flat_map(|tile| &tile.identifiers).filter(|held| !held.former && !displaced(held)) {
        let current = families.entry(rules.family(held.identifier.kind())).or_default().entry(held.same).or_default();
        *current = (*current).max(held.current);
    }
    let kept = families.into_iter().filter_map(|(family, values)| {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by_key(|(same, current)| (Reverse(*current), *same));
        Some((usize::from(rules.rule(family).keep?), values))
    });
    kept.collect()
}

fn later(now: Ms, than: Ms) -> Ms {
    now.max(than.saturating_add(1))
}
