//! The fold: how what several tiles say becomes what one profile shows (the table of contract section 6).
//!
//! | Said as | Shown |
//! |---|---|
//! | a plain value, `null`, `$unset`; preferences, consents | the newest; ties to the first created tile |
//! | `$add` | the newest plain value, plus every increment newer than it |
//! | `$min`, `$max`, `$set_once` | the least, the greatest, the first |
//! | lists | joined, less what was removed later than added; `$set` and removals hide what is older |
//! | two of these | the newest plain value or removal is the base; newer increments apply, then `$min`, then `$max`; `$set_once` shows only where there is no base |
//!
//! A fold is a function of the *set* of tiles: it reads them in order of UCID and keeps no state, so it cannot depend on
//! the order in which they came, on how they were grouped before, or on one being given twice.

use super::attribute::{Attribute, Base};
use super::holding::Holding;
use super::tile::Tile;
use crate::id::Ucid;
use crate::limits;
use crate::rules::Rules;
use crate::tables::RowHash;
use crate::time::Ms;
use crate::value::{Number, Scalar, Source, Stamped, Value};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The tiles of one person by original UCID.
pub type Tiles = BTreeMap<Ucid, Tile>;

/// What a person shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// When the first of its profiles was first written, by the server's clock.
    pub created: Ms,
    /// When any of its profiles was last written, by the server's clock.
    pub updated: Ms,
    /// Attributes by group.
    pub groups: BTreeMap<Box<str>, BTreeMap<Box<str>, Stamped<Value>>>,
    /// Preferences by name.
    pub preferences: BTreeMap<Box<str>, Stamped<Box<str>>>,
    /// Consents by name.
    pub consents: BTreeMap<Box<str>, Stamped<bool>>,
    /// Identifiers by group, the last communicated first.
    pub identifiers: BTreeMap<Box<str>, Vec<Element>>,
    /// Until when this is so, if nothing is written.
    pub valid_until: Ms,
}

/// One identifier as shown: a value and its hashes share an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Each kind and value.
    pub writings: BTreeMap<Box<str>, Box<str>>,
    /// When it was last communicated.
    pub ts: Ms,
}

impl Shown {
    /// How many attributes are shown.
    pub fn attributes(&self) -> usize {
        self.groups.values().map(BTreeMap::len).sum()
    }

    /// How many identifiers are shown.
    pub fn identifiers(&self) -> usize {
        self.identifiers.values().flatten().map(|element| element.writings.len()).sum()
    }
}

/// Folds the tiles of one person, who holds these identifiers.
pub fn fold(tiles: &Tiles, held: &[Holding<'_>], rules: &Rules, now: Ms) -> Shown {
    let (consents, lapses) = fold_consents(tiles, rules, now);
    let leaves = held.iter().filter_map(|holding| holding.held.expires).min();
    Shown {
        created: tiles.values().map(|tile| tile.created).filter(|created| *created > 0).min().unwrap_or(0), // 0: never written
        updated: tiles.values().map(|tile| tile.updated).max().unwrap_or(0),
        groups: fold_groups(tiles, rules),
        preferences: newest_by_name(tiles, |tile| &tile.preferences)
            .filter_map(|(name, said)| Some((name.clone(), said.with(said.value.clone()?))))
            .collect(),
        consents,
        identifiers: fold_identifiers(held),
        valid_until: leaves.into_iter().chain(lapses).min().unwrap_or(Ms::MAX),
    }
}

/// The newest of each; a consent that was given is shown for as long as the catalogue says. Also when the next of them
/// lapses.
fn fold_consents(tiles: &Tiles, rules: &Rules, now: Ms) -> (BTreeMap<Box<str>, Stamped<bool>>, Option<Ms>) {
    let mut lapses: Option<Ms> = None;
    let mut shown = BTreeMap::new();
    for (name, said) in newest_by_name(tiles, |tile| &tile.consents) {
        let ttl = if said.value { rules.catalogue.consent_ttl(name) } else { None };
        let until = ttl.map(|ttl| said.ts.saturating_add(ttl));
        if until.is_some_and(|until| until <= now) {
            continue;
        }
        lapses = [lapses, until].into_iter().flatten().min();
        shown.insert(name.clone(), said.clone());
    }
    (shown, lapses)
}

/// How many entries of one list would be shown if there were no bound on them.
pub fn list_length(tiles: &Tiles, group: &str, member: &str) -> usize {
    let (parts, removed) = parts_of(tiles, group, member);
    visible_entries(&parts, removed).len()
}

/// The newest plain value or removal of one attribute in these tiles; what newer increments apply to.
pub fn base_of(tiles: &Tiles, group: &str, member: &str) -> Option<Stamped<Base>> {
    let (parts, removed) = parts_of(tiles, group, member);
    newest_base(&parts, removed)
}

/// What each tile says of one attribute, in order of creation.
type Parts<'a> = Vec<(Ucid, &'a Attribute)>;

/// The newest removal of a whole group, and whose it is.
type GroupRemoval<'a> = Option<(Ucid, &'a Stamped<()>)>;

fn parts_of<'a>(tiles: &'a Tiles, group: &str, member: &str) -> (Parts<'a>, GroupRemoval<'a>) {
    let groups = || tiles.iter().filter_map(|(ucid, tile)| Some((*ucid, tile.groups.get(group)?)));
    let parts = groups().filter_map(|(ucid, group)| Some((ucid, group.members.get(member)?))).collect();
    let removals = groups().filter_map(|(ucid, group)| Some((ucid, group.removed.as_ref()?)));
    (parts, newest(removals))
}

fn fold_groups(tiles: &Tiles, rules: &Rules) -> BTreeMap<Box<str>, BTreeMap<Box<str>, Stamped<Value>>> {
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, group) in tiles.values().flat_map(|tile| &tile.groups) {
        names.entry(name).or_default().extend(group.members.keys().map(|member| &**member));
    }
    let show = |group: &str, members: BTreeSet<&str>| -> BTreeMap<Box<str>, Stamped<Value>> {
        let whole = rules.catalogue.is_atomic(group).then(|| newest_teller(tiles, group));
        let shown = |member: &str| {
            let (mut parts, removed) = parts_of(tiles, group, member);
            parts.retain(|(ucid, _)| whole.is_none_or(|whole| whole == Some(*ucid)));
            Some((member.into(), fold_attribute(&parts, removed)?))
        };
        members.into_iter().filter_map(shown).collect()
    };
    let groups = names.into_iter().map(|(name, members)| (name.into(), show(name, members)));
    groups.filter(|(_, members)| !members.is_empty()).collect()
}

/// Whose say an atomic group is: the tile that spoke of it last, of several the first created.
pub(crate) fn newest_teller(tiles: &Tiles, group: &str) -> Option<Ucid> {
    let said = tiles.iter().filter_map(|(ucid, tile)| Some((*ucid, tile.groups.get(group)?.newest()?)));
    said.min_by_key(|(ucid, newest)| (Reverse(*newest), *ucid)).map(|(ucid, _)| ucid)
}

fn fold_attribute(parts: &Parts<'_>, removed: GroupRemoval<'_>) -> Option<Stamped<Value>> {
    let entries = visible_entries(parts, removed);
    if !entries.is_empty() {
        return Some(show_list(parts, entries));
    }
    let base = newest_base(parts, removed);
    match &base {
        Some(Stamped { value: Some(value), .. }) if value.number().is_none() => {
            base.as_ref().map(|base| base.with(Value::One(value.clone())))
        }
        None => fold_numbers(parts, None).or_else(|| first_set_once(parts)),
        base => fold_numbers(parts, base.as_ref()),
    }
}

/// Ties go to the first created tile, and in one tile a value outlives a removal of its group at the same moment.
fn newest_base(parts: &Parts<'_>, removed: GroupRemoval<'_>) -> Option<Stamped<Base>> {
    let bases = parts.iter().filter_map(|(ucid, attribute)| Some((*ucid, attribute.base.as_ref()?)));
    let rank = |ucid: Ucid, ts: Ms| (ts, Reverse(ucid));
    match (newest(bases), removed) {
        (Some((teller, base)), Some((remover, removed))) if rank(teller, base.ts) < rank(remover, removed.ts) => {
            Some(removed.with(None))
        }
        (Some((_, base)), _) => Some(without_removed(parts, base.clone())),
        (None, removed) => removed.map(|(_, removed)| removed.with(None)),
    }
}

/// A plain value that a later `$remove` names is gone.
fn without_removed(parts: &Parts<'_>, base: Stamped<Base>) -> Stamped<Base> {
    let marks = parts.iter().flat_map(|(_, attribute)| &attribute.entries);
    let removed = marks.filter(|mark| Some(&mark.value) == base.value.as_ref()).filter_map(|mark| mark.removed).max();
    match removed {
        Some(removed) if removed > base.ts => base.with(None),
        _ => base,
    }
}

/// The base, plus newer increments, held by newer bounds.
fn fold_numbers(parts: &Parts<'_>, base: Option<&Stamped<Base>>) -> Option<Stamped<Value>> {
    let since = base.map(|base| base.ts);
    let newer = |said: &&Stamped<Number>| since.is_none_or(|since| said.ts > since);
    let all = |list: fn(&Attribute) -> &Vec<Stamped<Number>>| -> Vec<&Stamped<Number>> {
        parts.iter().flat_map(|(_, attribute)| list(attribute)).filter(newer).collect()
    };
    let older = parts.iter().filter_map(|(_, attribute)| attribute.older.as_ref()).filter(newer);
    let mut increments: Vec<_> = older.chain(all(|attribute| &attribute.increments)).collect();
    increments.sort_by_key(|said| (said.ts, said.value)); // the sum of doubles depends on their order
    let (least, greatest) = (all(|attribute| &attribute.least), all(|attribute| &attribute.greatest));

    let start = base.and_then(|base| base.value.as_ref()).and_then(Scalar::number);
    let mut value = start;
    if !increments.is_empty() {
        value = Some(Number::sum(start.into_iter().chain(increments.iter().map(|said| said.value))));
    }
    if let Some(bound) = least.iter().map(|said| said.value).min() {
        value = Some(value.map_or(bound, |value| value.min(bound)));
    }
    if let Some(bound) = greatest.iter().map(|said| said.value).max() {
        value = Some(value.map_or(bound, |value| value.max(bound)));
    }
    let said = increments.into_iter().chain(least).chain(greatest).map(|said| (said.ts, &said.source));
    let (ts, source) = said.chain(base.map(|base| (base.ts, &base.source))).max()?;
    Some(Stamped { value: Value::One(value?.into()), ts, source: source.clone() })
}

fn first_set_once(parts: &Parts<'_>) -> Option<Stamped<Value>> {
    let said = parts.iter().filter_map(|(ucid, attribute)| Some((*ucid, attribute.first.as_ref()?)));
    said.min_by_key(|(ucid, first)| (first.ts, *ucid)).map(|(_, first)| first.clone())
}

/// Where an entry stands in a list: the moment and the place of its first addition, then the tile's age.
type Place = (Ms, u32, Ucid);

struct Visible<'a> {
    value: &'a Scalar,
    place: Place,
    last: (Ms, &'a Source),
}

/// The entries that count, in the order in which they are shown. A plain value counts only beside others.
fn visible_entries<'a>(parts: &Parts<'a>, removed: GroupRemoval<'_>) -> Vec<Visible<'a>> {
    let hidden = Hidden::of(parts, removed);
    let gone = |value: &Scalar, at: Ms| hidden.hides(value, at);

    let mut visible: BTreeMap<&Scalar, Visible<'a>> = BTreeMap::new();
    for (ucid, entry) in parts.iter().flat_map(|(ucid, attribute)| attribute.entries.iter().map(|e| (*ucid, e))) {
        let Some(added) = entry.added.as_ref().filter(|added| !gone(&entry.value, added.last.0)) else {
            continue;
        };
        let first = if gone(&entry.value, added.first.0) { added.last } else { added.first };
        let last = (added.last.0, &added.source);
        see(&mut visible, Visible { value: &entry.value, place: (first.0, first.1, ucid), last });
    }
    if !visible.is_empty()
        && let Some((ucid, value, base)) = newest_plain(parts)
        && !gone(value, base.ts)
    {
        see(&mut visible, Visible { value, place: (base.ts, 0, ucid), last: (base.ts, &base.source) });
    }
    let mut entries: Vec<_> = visible.into_values().collect();
    entries.sort_by(|a, b| a.place.cmp(&b.place).then_with(|| a.value.cmp(b.value)));
    entries
}

/// Which additions to a list no longer count: what the whole list, or its group, lost before a moment, and when each entry
/// was removed.
struct Hidden {
    cleared: Ms,
    removed: BTreeMap<Scalar, Ms>,
}

impl Hidden {
    fn of(parts: &Parts<'_>, group_removed: GroupRemoval<'_>) -> Self {
        let group_removed = group_removed.map(|(_, removed)| removed.ts);
        let cleared = parts.iter().map(|(_, attribute)| attribute.cleared).chain(group_removed).max().unwrap_or(0);
        let mut removed: BTreeMap<Scalar, Ms> = BTreeMap::new();
        for entry in parts.iter().flat_map(|(_, attribute)| &attribute.entries) {
            if let Some(at) = entry.removed {
                let mark = removed.entry(entry.value.clone()).or_default();
                *mark = (*mark).max(at);
            }
        }
        Self { cleared, removed }
    }

    fn hides(&self, value: &Scalar, at: Ms) -> bool {
        at < self.cleared || self.removed.get(value).is_some_and(|removed| *removed > at)
    }
}

/// Forgets in one tile which additions to lists the whole person hides, before it is made one with another.
pub(super) fn forget_hidden(tiles: &mut Tiles, tile: Ucid) {
    let Some(own) = tiles.get(&tile) else { return };
    let mut groups = own.groups.clone();
    for (name, group) in &mut groups {
        for (member, attribute) in &mut group.members {
            let (parts, removed) = parts_of(tiles, name, member);
            let hidden = Hidden::of(&parts, removed);
            for entry in &mut attribute.entries {
                entry.added.take_if(|added| hidden.hides(&entry.value, added.last.0));
                if let Some(added) = &mut entry.added
                    && hidden.hides(&entry.value, added.first.0)
                {
                    added.first = added.last;
                }
            }
            attribute.drop_blank_entries();
        }
    }
    tiles.entry(tile).and_modify(|own| own.groups = groups);
}

fn see<'a>(visible: &mut BTreeMap<&'a Scalar, Visible<'a>>, new: Visible<'a>) {
    match visible.get_mut(new.value) {
        None => drop(visible.insert(new.value, new)),
        Some(old) => {
            old.place = old.place.min(new.place);
            old.last = old.last.max(new.last);
        }
    }
}

/// The newest base, if it is a plain value.
fn newest_plain<'a>(parts: &Parts<'a>) -> Option<(Ucid, &'a Scalar, &'a Stamped<Base>)> {
    let bases = parts.iter().filter_map(|(ucid, attribute)| Some((*ucid, attribute.base.as_ref()?)));
    let (ucid, base) = newest(bases)?;
    Some((ucid, base.value.as_ref()?, base))
}

fn show_list(parts: &Parts<'_>, entries: Vec<Visible<'_>>) -> Stamped<Value> {
    let (last, source) = entries.iter().map(|entry| entry.last).max().expect("a list is shown only with an entry");
    let marks = parts.iter().flat_map(|(_, attribute)| attribute.entries.iter().filter_map(|entry| entry.removed));
    let ts = marks.chain([last]).max().unwrap_or(last);
    let values = entries.iter().take(limits::LIST_ENTRIES).map(|entry| entry.value.clone()).collect();
    Stamped { value: Value::List(values), ts, source: source.clone() }
}

fn fold_identifiers(held: &[Holding<'_>]) -> BTreeMap<Box<str>, Vec<Element>> {
    let mut groups: BTreeMap<Box<str>, BTreeMap<RowHash, Element>> = BTreeMap::new();
    for holding in held.iter().filter(|holding| !holding.former) {
        let (held, group) = (holding.held, groups.entry(holding.group.into()).or_default());
        let element = group.entry(held.same).or_insert_with(|| Element { writings: BTreeMap::new(), ts: 0 });
        element.writings.insert(held.identifier.kind().into(), held.identifier.value().into());
        element.ts = element.ts.max(held.ts);
    }
    let sorted = |elements: BTreeMap<RowHash, Element>| {
        let mut elements: Vec<Element> = elements.into_values().collect();
        elements.sort_by(|a, b| (Reverse(a.ts), &a.writings).cmp(&(Reverse(b.ts), &b.writings)));
        elements
    };
    groups.into_iter().map(|(group, elements)| (group, sorted(elements))).collect()
}

fn newest_by_name<'a, V: 'a>(
    tiles: &'a Tiles,
    of: impl Fn(&'a Tile) -> &'a BTreeMap<Box<str>, Stamped<V>>,
) -> impl Iterator<Item = (&'a Box<str>, &'a Stamped<V>)> {
    let mut newest: BTreeMap<&Box<str>, &Stamped<V>> = BTreeMap::new();
    for (name, said) in tiles.values().flat_map(of) {
        let place = newest.entry(name).or_insert(said);
        if said.ts > place.ts {
            *place = said;
        }
    }
    newest.into_iter()
}

/// The newest; of several, the first created tile's.
fn newest<'a, V: 'a>(said: impl Iterator<Item = (Ucid, &'a Stamped<V>)>) -> Option<(Ucid, &'a Stamped<V>)> {
    said.min_by_key(|(ucid, said)| (Reverse(said.ts), *ucid))
}

#[cfg(test)]
#[path = "arbitrary.rs"]
pub(in crate::profile) mod arbitrary;

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
