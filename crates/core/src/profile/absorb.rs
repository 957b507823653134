//! Folding one tile into another for good: what both said becomes what one said.
//!
//! The other tile stays as a shell: its UCID still leads here and its identifiers stay with it, but it says nothing of
//! its own any more, so it cannot be split out. Where two said something at the same moment the first created is right,
//! as in every fold. What one tile keeps apart of increments and bounds is bounded, so a fold in which the two were apart
//! may show something else; who folds for good compares what is shown before and after.

use super::attribute::{Added, Attribute, Entry};
use super::fold::{Tiles, forget_hidden};
use super::tile::{Group, Tile};
use crate::id::Ucid;
use crate::limits;
use crate::time::Ms;
use crate::value::{Number, Stamped};
use std::collections::BTreeMap;

/// Folds one tile of a person into another for good. Both must be there.
pub(crate) fn fold_for_good(tiles: &mut Tiles, shell: Ucid, into: Ucid) {
    forget_hidden(tiles, shell);
    forget_hidden(tiles, into);
    let Some(mut folded) = tiles.remove(&shell) else { return };
    if let Some(tile) = tiles.get_mut(&into) {
        tile.absorb(&mut folded, shell < into);
        folded.folded = Some(into);
    }
    tiles.insert(shell, folded);
}

impl Tile {
    /// Takes over all that another tile of the same person says. `first`: whether that one was created first.
    fn absorb(&mut self, other: &mut Tile, first: bool) {
        for (name, group) in std::mem::take(&mut other.groups) {
            self.groups.entry(name).or_default().absorb(group, first);
        }
        absorb_newest(&mut self.preferences, std::mem::take(&mut other.preferences), first);
        absorb_newest(&mut self.consents, std::mem::take(&mut other.consents), first);
    }
}

impl Group {
    fn absorb(&mut self, other: Group, first: bool) {
        self.removed = newer(self.removed.take(), other.removed, first);
        let removed = self.removed.as_ref().map_or(0, |removed| removed.ts);
        for (name, attribute) in other.members {
            self.members.entry(name).or_default().absorb(attribute, first, removed);
        }
    }
}

impl Attribute {
    /// `removed`: when the whole group was last removed.
    fn absorb(&mut self, other: Attribute, first: bool, removed: Ms) {
        self.base = newer(self.base.take(), other.base, first);
        self.cleared = self.cleared.max(other.cleared);
        self.increments.extend(other.increments);
        self.older = summed(self.older.take().into_iter().chain(other.older));
        self.keep_last_increments();
        other.least.into_iter().for_each(|bound| self.bound_below(bound));
        other.greatest.into_iter().for_each(|bound| self.bound_above(bound));
        self.first = match (self.first.take(), other.first) {
            (Some(own), Some(its)) => Some(if its.ts < own.ts || its.ts == own.ts && first { its } else { own }),
            (own, its) => own.or(its),
        };
        let cleared = self.cleared.max(removed);
        for entry in other.entries {
            match self.entries.iter_mut().find(|own| own.value == entry.value) {
                Some(own) => own.absorb(entry, cleared),
                None => self.entries.push(entry),
            }
        }
        self.drop_superseded();
    }

    /// The last increments stay apart; older ones are one sum under the newest of them.
    fn keep_last_increments(&mut self) {
        self.increments.sort_by_key(|increment| (increment.ts, increment.value));
        let covered = self
            .older
            .as_ref()
            .map_or(0, |older| self.increments.partition_point(|increment| increment.ts <= older.ts));
        let sum = covered.max(self.increments.len().saturating_sub(limits::INCREMENTS));
        self.older = summed(self.older.take().into_iter().chain(self.increments.drain(..sum)));
    }
}

impl Entry {
    fn absorb(&mut self, other: Entry, cleared: Ms) {
        self.removed = self.removed.max(other.removed);
        let gone = |at: Ms| at < cleared || self.removed.is_some_and(|removed| removed > at);
        let counts = |added: &Added| !gone(added.last.0);
        self.added = match (self.added.take().filter(counts), other.added.filter(counts)) {
            (Some(own), Some(its)) => {
                let firsts = [&own, &its].map(|added| if gone(added.first.0) { added.last } else { added.first });
                let last = if its.last.0 > own.last.0 { its } else { own };
                Some(Added { first: firsts[0].min(firsts[1]), ..last })
            }
            (own, its) => own.or(its),
        };
    }
}

fn summed(said: impl Iterator<Item = Stamped<Number>>) -> Option<Stamped<Number>> {
    let said: Vec<Stamped<Number>> = said.collect();
    let newest = said.iter().max_by_key(|said| said.ts)?;
    Some(newest.with(Number::sum(said.iter().map(|said| said.value))))
}

fn newer<V>(own: Option<Stamped<V>>, its: Option<Stamped<V>>, first: bool) -> Option<Stamped<V>> {
    match (own, its) {
        (Some(own), Some(its)) => Some(if its.ts > own.ts || its.ts == own.ts && first { its } else { own }),
        (own, its) => own.or(its),
    }
}

fn absorb_newest<V>(own: &mut BTreeMap<Box<str>, Stamped<V>>, its: BTreeMap<Box<str>, Stamped<V>>, first: bool) {
    for (name, said) in its {
        let before = own.remove(&name);
        own.extend(newer(before, Some(said), first).map(|said| (name, said)));
    }
}
