//! What was true at some moment since an operation began: an answer must be one of these.

use super::Check;
use crate::config::Config;
use crate::model::{People, Shown};
use crate::ops::{Asked, Asking, Id, Realm, Sought, identifier};
use onefold_core::id::Ucid;
use onefold_core::strategy::Class;
use onefold_core::time::Ms;
use std::collections::BTreeSet;

/// One value of a search in one region, and all that it showed since.
#[derive(Clone)]
pub(super) struct Unit {
    pub(super) sought: Sought,
    pub(super) realm: Realm,
    pub(super) seen: Vec<Option<Shown>>,
}

/// What was true since an operation began.
pub(super) struct Watch {
    /// The operation.
    pub(super) op: usize,
    /// Of a repeated write: whether it had happened by the time that this attempt began.
    pub(super) done_before: bool,
    /// The operation that asked first.
    pub(super) first: usize,
    pub(super) realm: Realm,
    /// Of a fetch or delete: its values.
    pub(super) units: Vec<Unit>,
    /// Of a write: whom its record named.
    pub(super) named: BTreeSet<Ucid>,
    /// Of a write: whether some moment all that it names was nobody.
    pub(super) nobody: Vec<bool>,
    /// Of a write: when somebody was last erased under its identifiers.
    pub(super) erased: Option<Ms>,
    /// Of a write: whether the profile that it means was unknown.
    pub(super) unknown: bool,
    /// Of a write: which of its identifiers were deleted for good before it began.
    pub(super) forbidden: BTreeSet<Id>,
    /// Of a write: whether at some moment it carried what may not be written again.
    pub(super) refused: bool,
    /// Of a write: whether at some moment nothing of it could be looked up.
    pub(super) unusable: bool,
    /// Of a write that happened: what the person showed since.
    pub(super) after: Vec<Option<Shown>>,
}

impl Watch {
    pub(super) fn new(asked: &Asked) -> Self {
        let units = |sought: &[Sought], realms: &[Realm]| {
            let pairs = sought.iter().flat_map(|sought| realms.iter().map(move |realm| (*sought, *realm)));
            pairs.map(|(sought, realm)| Unit { sought, realm, seen: Vec::new() }).collect()
        };
        let (units, ids) = match &asked.what {
            Asking::Fetch(sought, realms, _) => (units(sought, realms), 0),
            Asking::Delete(sought, ..) => (units(sought, &[asked.realm]), 0),
            Asking::Upsert { plan, .. } => (Vec::new(), plan.ids.len()),
            Asking::Split(one, other) => (units(&[Sought::Ucid(*one), Sought::Ucid(*other)], &[asked.realm]), 0),
            Asking::Sweep | Asking::Lift(..) | Asking::Allow(_) => (Vec::new(), 0),
        };
        Self {
            op: asked.first,
            done_before: false,
            first: asked.first,
            realm: asked.realm,
            units,
            named: BTreeSet::new(),
            nobody: vec![false; ids],
            erased: None,
            unknown: false,
            forbidden: BTreeSet::new(),
            refused: false,
            unusable: false,
            after: Vec::new(),
        }
    }
}

/// Whether a search by an identifier may find somebody.
fn is_sought(config: &Config, id: Id) -> bool {
    let identifier = identifier(id, config.kinds);
    config.rules.rule(identifier.kind()).class != Class::Disabled && !config.rules.blocks(&identifier)
}

/// Whom a search by an identifier finds: nobody by a disabled or blocked one, nor by one that several people share.
pub(super) fn findable(config: &Config, people: &People, id: Id) -> Option<Ucid> {
    if !is_sought(config, id) {
        return None;
    }
    let mut holders = people.holders(id);
    holders.next().filter(|_| holders.next().is_none())
}

fn push(seen: &mut Vec<Option<Shown>>, now: Option<Shown>) {
    if seen.last() != Some(&now) {
        seen.push(now);
    }
}

impl Check {
    /// Something changed: everyone who waits takes it in.
    pub(super) fn watch_all(&mut self) {
        let mut watches = std::mem::take(&mut self.watches);
        watches.values_mut().for_each(|watch| self.look(watch));
        self.watches = watches;
    }

    pub(super) fn watch(&mut self, op: usize) {
        if let Some(mut watch) = self.watches.remove(&op) {
            self.look(&mut watch);
            self.watches.insert(op, watch);
        }
    }

    fn look(&mut self, watch: &mut Watch) {
        for unit in &mut watch.units {
            let now = self.shows(unit.realm, unit.sought);
            push(&mut unit.seen, now);
            if let Sought::Id(id) = unit.sought
                && !self.rule_of(id).is_primary()
            {
                // Whom it finds, and that it is shared, are read one after the other.
                let people = self.people.entry(unit.realm).or_default();
                let shown = people.holders(id).filter_map(|root| people.shown(unit.realm, root, &self.says));
                shown.for_each(|shown| push(&mut unit.seen, Some(shown)));
            }
        }
        let Some((ids, ucid)) = self.upsert_of(watch.first).map(|(plan, asking)| match asking {
            Asking::Upsert { ucid, .. } => (plan.ids.clone(), *ucid),
            _ => (plan.ids.clone(), None),
        }) else {
            return;
        };
        watch.refused |= self.refuses(watch.realm, &ids);
        watch.unusable |= self.nothing_usable(watch.realm, &ids);
        let people = self.people.entry(watch.realm).or_default();
        for (place, id) in ids.iter().enumerate() {
            watch.nobody[place] |= people.of_id(*id).is_none();
            watch.named.extend(people.holders(*id));
            watch.erased = watch.erased.max(people.erased.get(id).copied());
        }
        if let Some(ucid) = ucid {
            watch.unknown |= people.of_ucid(ucid).is_none();
            watch.named.extend(people.of_ucid(ucid));
        }
        if self.committed.contains_key(&watch.first) {
            let root = people.of_write(watch.first);
            let now = root.and_then(|root| people.shown(watch.realm, root, &self.says));
            push(&mut watch.after, now);
        }
    }

    /// Whether a search by an identifier may find somebody.
    pub(super) fn is_sought(&self, id: Id) -> bool {
        is_sought(&self.config, id)
    }

    /// What a fetch by one value shows now. A row in which there is nothing of anybody is known to nobody.
    pub(super) fn shows(&mut self, realm: Realm, sought: Sought) -> Option<Shown> {
        let people = self.people.entry(realm).or_default();
        let root = match sought {
            Sought::Id(id) if self.config.literal => people.of_id(id),
            Sought::Id(id) => findable(&self.config, people, id),
            Sought::Ucid(ucid) => people.of_ucid(ucid),
        }?;
        people.shown(realm, root, &self.says)
    }
}
