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
use crate::profile::tile::{Carried, Held, RefusedLink, Tile};
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

/// Rule 5: beyond what a kind keeps, the least recently communicated value is displaced. What the values of its own tile
/// displace is a former value there, or leaves; what values of another tile displace is marked in that one, so that a
/// split finds it again.
fn displace(tiles: &mut Tiles, own: Ucid, rules: &Rules, now: Ms) {
    let mut marks: Vec<(Ucid, RowHash, Ms)> = Vec::new();
    for (family, keep, values) in kept(tiles, rules) {
        let (shown, gone) = values.split_at(keep);
        let newest = newest_of_each(tiles, shown);
        for (ucid, tile) in tiles.iter_mut() {
            let alone = values_of([&*tile].into_iter(), &family, rules, |held| !held.former);
            for held in tile.identifiers.iter_mut().filter(|held| !held.former && gone.contains(&held.same)) {
                let by = newest.iter().find(|(_, other)| other != ucid).map(|(_, other)| *other);
                match by.filter(|_| !alone.iter().skip(keep).any(|same| *same == held.same)) {
                    Some(other) => marks.push((other, held.hash, now.max(held.current))),
                    None => held.former = true,
                }
            }
        }
    }
    for (ucid, hash, at) in marks {
        tiles.entry(ucid).or_default().displaced.insert(hash, at);
    }
    let secondary = |held: &Held| !rules.rule(held.identifier.kind()).is_primary();
    tiles.entry(own).or_default().identifiers.retain(|held| !(held.former && secondary(held)));
}

/// The tiles that hold these values, whoever communicated one of them last first.
fn newest_of_each(tiles: &Tiles, values: &[RowHash]) -> Vec<(Ms, Ucid)> {
    let newest = |tile: &Tile| {
        let held = tile.identifiers.iter().filter(|held| !held.former && values.contains(&held.same));
        held.map(|held| held.current).max()
    };
    let mut all: Vec<(Ms, Ucid)> = tiles.iter().filter_map(|(ucid, tile)| Some((newest(tile)?, *ucid))).collect();
    all.sort_by_key(|(current, ucid)| (Reverse(*current), *ucid));
    all
}

/// For each kind of which more are shown now than are kept: how many are kept, and the values, the newest first.
fn kept(tiles: &Tiles, rules: &Rules) -> Vec<(Box<str>, usize, Vec<RowHash>)> {
    let displaced =
        |held: &Held| tiles.values().any(|tile| tile.displaced.get(&held.hash).is_some_and(|at| *at >= held.current));
    let held = tiles.values().flat_map(|tile| &tile.identifiers);
    let mut families: Vec<&str> = held.map(|held| rules.family(held.identifier.kind())).collect();
    families.sort_unstable();
    families.dedup();
    let kept = families.into_iter().filter_map(|family| {
        let keep = usize::from(rules.rule(family).keep?);
        let values = values_of(tiles.values(), family, rules, |held| !held.former && !displaced(held));
        (values.len() > keep).then(|| (family.into(), keep, values))
    });
    kept.collect()
}

/// The values of a kind that these tiles hold, the last communicated first.
fn values_of<'t>(
    tiles: impl Iterator<Item = &'t Tile>,
    family: &str,
    rules: &Rules,
    which: impl Fn(&Held) -> bool,
) -> Vec<RowHash> {
    let mut values: BTreeMap<RowHash, Ms> = BTreeMap::new();
    for held in tiles.flat_map(|tile| &tile.identifiers) {
        if rules.family(held.identifier.kind()) == family && which(held) {
            let current = values.entry(held.same).or_default();
            *current = (*current).max(held.current);
        }
    }
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by_key(|(same, current)| (Reverse(*current), *same));
    values.into_iter().map(|(same, _)| same).collect()
}

fn later(now: Ms, than: Ms) -> Ms {
    now.max(than.saturating_add(1))
}
