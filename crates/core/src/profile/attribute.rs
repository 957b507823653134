//! What one tile says of one attribute, and how each kind of saying changes it.
//!
//! The state keeps just enough that the fold over several tiles (`fold.rs`) shows what contract section 6 says: the
//! newest plain value or removal, increments apart, the bounds of `$min` and `$max` that could still matter, the first
//! `$set_once`, and list entries with their marks.

use crate::limits;
use crate::time::Ms;
use crate::value::{Number, Scalar, Source, Stamped, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One thing said of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A plain value; sent to a list, an entry of it.
    Plain(Scalar),
    /// An array, or `$append`: entries of a list.
    Entries(Vec<Scalar>),
    /// `$set`: this and nothing older.
    Set(Value),
    /// `$set_once`.
    SetOnce(Value),
    /// `$add`.
    Add(Number),
    /// `$min`.
    Min(Number),
    /// `$max`.
    Max(Number),
    /// `$remove`: these entries are gone.
    Remove(Vec<Scalar>),
    /// `null` or `$unset`.
    Unset,
}

/// A plain value (`Some`) or a removal (`None`).
pub type Base = Option<Scalar>;

/// One entry of a list: when it was added, when it was removed. One of the two is always there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The entry itself.
    pub value: Scalar,
    /// The additions, unless removed since.
    pub added: Option<Added>,
    /// The newest removal. It also hides what other tiles added before.
    pub removed: Option<Ms>,
}

/// The additions of one entry since it was last absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// The first of them, and its place among what was sent at that moment.
    pub first: (Ms, u32),
    /// The newest of them, likewise.
    pub last: (Ms, u32),
    /// Who sent the newest.
    pub source: Source,
}

/// What one tile says of one attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// The newest plain value or removal.
    pub base: Option<Stamped<Base>>,
    /// Nothing that was added to the list before this counts (`$set`, or a removal).
    pub cleared: Ms,
    /// Increments newer than the base, by stamp.
    pub increments: Vec<Stamped<Number>>,
    /// What the oldest increments come to, under the newest stamp of them.
    pub older: Option<Stamped<Number>>,
    /// `$min`: bounds by stamp, each lower than all that are newer.
    pub least: Vec<Stamped<Number>>,
    /// `$max`: bounds by stamp, each greater than all that are newer.
    pub greatest: Vec<Stamped<Number>>,
    /// The first `$set_once`.
    pub first: Option<Stamped<Value>>,
    /// The list's entries and the marks of removed ones.
    pub entries: Vec<Entry>,
}

impl Attribute {
    /// Takes in what was said at a moment by a source.
    pub fn say(&mut self, said: &Said, ts: Ms, source: &Source) {
        let stamp = Stamped { value: (), ts, source: source.clone() };
        match said {
            Said::Plain(value) if self.is_list() => self.add_entries(std::slice::from_ref(value), &stamp),
            Said::Plain(value) => stamp.with(Some(value.clone())).replace_older(&mut self.base),
            Said::Entries(values) => self.add_entries(values, &stamp),
            Said::Set(value) => self.set(value, &stamp),
            Said::SetOnce(value) => self.set_once(stamp.with(value.clone())),
            Said::Add(number) => self.add(stamp.with(*number)),
            Said::Min(number) => self.bound_below(stamp.with(*number)),
            Said::Max(number) => self.bound_above(stamp.with(*number)),
            Said::Remove(values) => self.remove_entries(values, ts),
            Said::Unset => self.clear(&stamp),
        }
        self.drop_superseded();
    }

    /// Forgets what a removal of the whole group at this moment hides in this tile. The group itself keeps the mark.
    pub fn forget_until(&mut self, ts: Ms) {
        if self.base.as_ref().is_some_and(|base| base.ts <= ts) {
            self.base = None;
        }
        self.increments.retain(|increment| increment.ts > ts);
        self.older.take_if(|older| older.ts <= ts);
        self.least.retain(|bound| bound.ts > ts);
        self.greatest.retain(|bound| bound.ts > ts);
        self.first = None;
        self.forget_entries_until(ts);
    }

    /// Whether it says nothing at all any more.
    pub fn is_empty(&self) -> bool {
        *self == Attribute::default()
    }

    /// Whether it is a list in this tile: some entry counts.
    pub fn is_list(&self) -> bool {
        self.entries.iter().any(|entry| entry.added.is_some())
    }

    /// The newest stamp of all that it says.
    pub fn newest(&self) -> Ms {
        let entries = self.entries.iter().flat_map(|entry| [entry.added.as_ref().map(|a| a.last.0), entry.removed]);
        let bounds = self.increments.iter().chain(&self.least).chain(&self.greatest).chain(&self.older).map(|b| b.ts);
        let rest = [self.base.as_ref().map(|b| b.ts), self.first.as_ref().map(|f| f.ts), Some(self.cleared)];
        entries.chain(rest).flatten().chain(bounds).max().unwrap_or(0)
    }

    fn set(&mut self, value: &Value, stamp: &Stamped<()>) {
        match value {
            Value::One(scalar) => {
                stamp.with(Some(scalar.clone())).replace_older(&mut self.base);
                self.clear_entries(stamp.ts);
            }
            Value::List(values) => {
                self.clear(stamp);
                self.add_entries(values, stamp);
            }
        }
    }

    fn clear(&mut self, stamp: &Stamped<()>) {
        stamp.with(None).replace_older(&mut self.base);
        self.clear_entries(stamp.ts);
    }

    fn clear_entries(&mut self, ts: Ms) {
        self.cleared = self.cleared.max(ts);
        self.forget_entries_until(ts);
    }

    fn forget_entries_until(&mut self, ts: Ms) {
        for entry in &mut self.entries {
            entry.added.take_if(|added| added.last.0 <= ts);
            entry.removed.take_if(|removed| *removed <= ts);
            if let Some(added) = &mut entry.added
                && added.first.0 <= ts
            {
                added.first = added.last;
            }
        }
        self.drop_blank_entries();
    }

    /// Takes in a `$min`.
    pub(super) fn bound_below(&mut self, new: Stamped<Number>) {
        bound(&mut self.least, new, |old, new| old < new);
    }

    /// Takes in a `$max`.
    pub(super) fn bound_above(&mut self, new: Stamped<Number>) {
        bound(&mut self.greatest, new, |old, new| old > new);
    }

    fn set_once(&mut self, mut new: Stamped<Value>) {
        if let Value::List(values) = &mut new.value {
            let mut seen = BTreeSet::new();
            values.retain(|value| seen.insert(value.clone()));
        }
        if self.first.as_ref().is_none_or(|old| new.ts < old.ts) {
            self.first = Some(new);
        }
    }

    fn add(&mut self, new: Stamped<Number>) {
        if let Some(older) = self.older.as_mut().filter(|older| new.ts <= older.ts) {
            older.value = Number::sum([older.value, new.value]);
            return;
        }
        let place = self.increments.partition_point(|old| old.ts <= new.ts);
        self.increments.insert(place, new);
        if self.increments.len() > limits::INCREMENTS {
            let oldest = self.increments.remove(0);
            let sum = self.older.as_ref().map(|older| older.value).into_iter().chain([oldest.value]);
            self.older = Some(oldest.with(Number::sum(sum)));
        }
    }

    fn add_entries(&mut self, values: &[Scalar], stamp: &Stamped<()>) {
        if stamp.ts < self.cleared {
            return;
        }
        for (place, value) in (self.next_place(stamp.ts)..).zip(values) {
            let new = Added { first: (stamp.ts, place), last: (stamp.ts, place), source: stamp.source.clone() };
            match self.entries.iter_mut().find(|entry| entry.value == *value) {
                Some(entry) => entry.add(new),
                None => self.entries.push(Entry { value: value.clone(), added: Some(new), removed: None }),
            }
        }
    }

    /// The place after all that was sent at this moment: what comes later in a write of the same stamp stands behind.
    fn next_place(&self, ts: Ms) -> u32 {
        let base = self.base.as_ref().filter(|base| base.value.is_some());
        let added = self.entries.iter().filter_map(|entry| entry.added.as_ref());
        let taken = added.flat_map(|added| [added.first, added.last]).chain(base.map(|base| (base.ts, 0)));
        let same = taken.filter(|(at, _)| *at == ts);
        same.map(|(_, place)| place.saturating_add(1)).max().unwrap_or(0)
    }

    fn remove_entries(&mut self, values: &[Scalar], ts: Ms) {
        if ts < self.cleared {
            return;
        }
        for value in values {
            match self.entries.iter_mut().find(|entry| entry.value == *value) {
                Some(entry) => entry.remove(ts),
                None => self.entries.push(Entry { value: value.clone(), added: None, removed: Some(ts) }),
            }
        }
    }

    /// Drops what the base already hides in this tile, and so in every fold that this tile takes part in: a fold's base
    /// is never older than this one.
    pub(super) fn drop_superseded(&mut self) {
        let Some(base) = self.base.as_ref().map(|base| base.ts) else {
            return;
        };
        self.increments.retain(|increment| increment.ts > base);
        self.older.take_if(|older| older.ts <= base);
        self.least.retain(|bound| bound.ts > base);
        self.greatest.retain(|bound| bound.ts > base);
        self.first = None;
    }

    pub(super) fn drop_blank_entries(&mut self) {
        self.entries.retain(|entry| entry.added.is_some() || entry.removed.is_some());
    }
}

impl Entry {
    fn add(&mut self, new: Added) {
        if self.removed.is_some_and(|removed| removed > new.last.0) {
            return;
        }
        match &mut self.added {
            None => self.added = Some(new),
            Some(old) => {
                old.first = old.first.min(new.first);
                if new.last.0 > old.last.0 {
                    (old.last, old.source) = (new.last, new.source);
                } else if new.last.0 == old.last.0 {
                    old.source = new.source; // said twice at one moment: it stands where it was
                }
            }
        }
    }

    fn remove(&mut self, ts: Ms) {
        self.removed = self.removed.max(Some(ts));
        self.added.take_if(|added| added.last.0 <= ts);
        if let Some(added) = &mut self.added
            && added.first.0 <= ts
        {
            added.first = added.last;
        }
    }
}

/// Keeps bounds that could still matter under some base: sorted by stamp, and a bound that is older than a tighter one
/// is of no use. Beyond [`limits::INCREMENTS`] the two oldest become one, the tighter value under the newer stamp.
fn bound(bounds: &mut Vec<Stamped<Number>>, new: Stamped<Number>, tighter: fn(&Number, &Number) -> bool) {
    let place = bounds.partition_point(|old| old.ts <= new.ts);
    if bounds[place..].iter().any(|newer| !tighter(&new.value, &newer.value)) {
        return;
    }
    bounds.insert(place, new);
    let kept = bounds[place].value;
    let mut index = 0;
    bounds.retain(|old| {
        index += 1;
        index > place || tighter(&old.value, &kept)
    });
    if bounds.len() > limits::INCREMENTS {
        let oldest = bounds.remove(0);
        bounds[0].value = oldest.value;
    }
}

#[cfg(test)]
#[path = "attribute_tests.rs"]
mod tests;
