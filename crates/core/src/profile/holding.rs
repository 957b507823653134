//! Which identifiers a person holds at a moment, and which of them are former ones.
//!
//! A value beyond what its kind keeps is displaced: the least recently communicated leave, a primary to be a former
//! value, a secondary for good. Each tile keeps its own marks, so that taking a tile out again is exact.

use super::fold::Tiles;
use super::tile::Held;
use crate::id::Ucid;
use crate::rules::Rules;
use crate::strategy::Rule;
use crate::tables::RowHash;
use crate::time::Ms;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// An identifier that a person holds.
#[derive(Clone, Copy, Debug)]
pub struct Holding<'a> {
    /// The tile that lists it.
    pub tile: Ucid,
    /// What the tile says of it.
    pub held: &'a Held,
    /// How its kind takes part.
    pub rule: Rule,
    /// The group that its kind is shown in.
    pub group: &'a str,
    /// Whether it is a former value: found alone, not shown, no reason to merge.
    pub former: bool,
}

/// What the person of these tiles holds at a moment.
pub fn holdings<'a>(tiles: &'a Tiles, rules: &'a Rules, now: Ms) -> Vec<Holding<'a>> {
    let held = tiles.iter().flat_map(|(tile, said)| said.identifiers.iter().map(|held| (*tile, held)));
    let mut all: Vec<Holding<'a>> = held
        .filter(|(_, held)| !held.is_expired(now))
        .map(|(tile, held)| {
            let kind = held.identifier.kind();
            let (rule, group) = (rules.rule(kind), rules.catalogue.group_of_kind(kind));
            Holding { tile, held, rule, group, former: held.former || is_displaced(tiles, held) }
        })
        .filter(|holding| holding.rule.is_primary() || !holding.former)
        .collect();
    if all.iter().any(|holding| holding.rule.keep.is_some()) {
        displace(&mut all, rules);
    }
    all
}

/// Whether a value of another tile displaced it since it was last communicated.
fn is_displaced(tiles: &Tiles, held: &Held) -> bool {
    tiles.values().any(|tile| tile.displaced.get(&held.hash).is_some_and(|at| *at >= held.current))
}

/// Of each kind, the most recently communicated stay.
fn displace(all: &mut Vec<Holding<'_>>, rules: &Rules) {
    let mut recent: BTreeMap<&str, BTreeMap<RowHash, Ms>> = BTreeMap::new();
    for holding in all.iter().filter(|holding| !holding.former) {
        let family = recent.entry(rules.family(holding.held.identifier.kind())).or_default();
        let current = family.entry(holding.held.same).or_default();
        *current = (*current).max(holding.held.current);
    }
    let mut gone: Vec<RowHash> = Vec::new();
    for (family, values) in recent {
        let Some(keep) = rules.rule(family).keep else { continue };
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by_key(|(same, current)| (Reverse(*current), *same));
        gone.extend(values.into_iter().skip(keep.into()).map(|(same, _)| same));
    }
    all.retain_mut(|holding| {
        let displaced = gone.contains(&holding.held.same);
        holding.former |= displaced;
        holding.rule.is_primary() || !displaced
    });
}
