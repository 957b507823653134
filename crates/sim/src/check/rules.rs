//! What must hold under whatever strategy: what a write may do to identifiers, what people never are, splits.

use super::row::Content;
use super::{Check, Wrong};
use crate::model::Person;
use crate::ops::{Asked, Asking, Id, Realm, identifier};
use onefold_core::id::Ucid;
use onefold_core::profile::fold::Tiles;
use onefold_core::profile::{Erased, Live, Profile};
use onefold_core::strategy::Rule;
use std::collections::{BTreeMap, BTreeSet};

/// How long after the last identifier left a person may be erased unasked, less what clocks are wrong by.
const ORPHANED: u64 = 29 * 24 * 3_600 * 1_000;
/// What clocks are wrong by, and requests last.
const SLACK: u64 = 30 * 60 * 1_000;

impl Check {
    /// How the kind of an identifier takes part.
    pub(super) fn rule_of(&self, id: Id) -> Rule {
        self.config.rules.rule(identifier(id, self.kinds).kind())
    }

    /// Whether a value is on the list of those that name nobody.
    pub(super) fn is_blocked(&self, id: Id) -> bool {
        self.config.rules.blocks(&identifier(id, self.kinds))
    }

    /// What may be said of a write where the strategy decides: its profile, and what became of each identifier.
    pub(super) fn fits_the_strategy(
        &mut self,
        realm: Realm,
        root: Ucid,
        tile: Ucid,
        before: &Person,
        seen: &Content,
        first: usize,
    ) -> Result<(), Wrong> {
        let Some((plan, Asking::Upsert { ucid, .. })) = self.upsert_of(first) else { return Ok(()) };
        let (ids, ucid) = (plan.ids.clone(), *ucid);
        if let Some(ucid) = ucid
            && self.people_of(realm).of_ucid(ucid) != Some(root)
        {
            return Err("its ucid means somebody else".into());
        }
        let best = ids.iter().filter_map(|id| Some((self.rule_of(*id).rank(), before.holds(*id)?))).min();
        let home = ucid.or(best.map(|(_, tile)| tile)).unwrap_or(if before.is_blank() { root } else { tile });
        if tile != home {
            return Err(format!("it went to the profile {tile:?}, not to {home:?}"));
        }
        for id in before.ids.keys().chain(before.former.keys()) {
            let left = !seen.ids.contains_key(id) && !seen.former.contains_key(id);
            if left && self.rule_of(*id).is_primary() {
                return Err(format!("it took away identifier {id}"));
            }
        }
        for id in ids {
            let attached = seen.ids.contains_key(&id) || seen.former.contains_key(&id);
            if attached && self.is_blocked(id) {
                return Err(format!("it attached identifier {id}, which names nobody"));
            }
            let displaced = !self.rule_of(id).is_primary();
            if !attached && !self.is_blocked(id) && !displaced && !self.may_stay(realm, root, first) {
                return Err(format!("identifier {id} was not attached, and leads to nobody else"));
            }
        }
        self.matches_what_was_foretold(realm, root, seen, first)
    }

    /// Whether an identifier of a write may have stayed with somebody else: the record named others too.
    pub(super) fn may_stay(&self, realm: Realm, root: Ucid, first: usize) -> bool {
        let parted = !self.config.literal || self.split.contains_key(&realm);
        let mut watches = self.watches.values().filter(|watch| watch.first == first).peekable();
        // Nobody watched any more what a write that came late was about.
        parted && (watches.peek().is_none() || watches.any(|watch| watch.named.iter().any(|person| *person != root)))
    }

    /// What no person ever is.
    pub(super) fn invariants(&mut self, realm: Realm, root: Ucid, live: &Live) -> Result<(), Wrong> {
        let tiles = self.visible_tiles(realm, root, live);
        if live.split.is_none() && live.source.is_none() {
            not_apart(&tiles)?;
            self.were_not_split(realm, &tiles)?;
        }
        self.leaves_in_time(&tiles)?;
        let Some(person) = self.people_of(realm).persons.get(&root).cloned() else { return Ok(()) };
        let mut kept: BTreeMap<Box<str>, BTreeSet<Id>> = BTreeMap::new();
        for id in person.ids.keys() {
            if self.rule_of(*id).keeps_one() {
                kept.entry(identifier(*id, self.kinds).kind().into()).or_default().insert(*id);
            }
        }
        if let Some((kind, ids)) = kept.iter().find(|(_, ids)| ids.len() > 1) {
            return Err(format!("{ids:?} are of {kind}, of which one is kept"));
        }
        for id in person.ids.keys().chain(person.former.keys()).filter(|id| self.rule_of(**id).is_primary()) {
            let holders: Vec<Ucid> = self.people.get(&realm).map(|p| p.holders(*id).collect()).unwrap_or_default();
            if holders.len() > 1 {
                return Err(format!("identifier {id} is held by {holders:?}"));
            }
        }
        Ok(())
    }

    /// At the moment of a merge no two values meet of a kind of which one is kept.
    pub(super) fn may_meet(&self, realm: Realm, one: Ucid, other: Ucid) -> Result<(), Wrong> {
        let shown = |root: Ucid| self.people.get(&realm)?.persons.get(&root).map(|person| person.ids.keys());
        for id in shown(one).into_iter().flatten().filter(|id| self.rule_of(**id).keeps_one()) {
            let kind = |id: Id| Box::from(identifier(id, self.kinds).kind());
            let own: Box<str> = kind(*id);
            if let Some(met) = shown(other).into_iter().flatten().find(|met| *met != id && kind(**met) == own) {
                return Err(format!("{id} and {met} are of {own}, of which one is kept"));
            }
        }
        Ok(())
    }

    /// What was split is not one again, whatever the rows remember.
    fn were_not_split(&self, realm: Realm, tiles: &Tiles) -> Result<(), Wrong> {
        let met = |(one, other): &&(Ucid, Ucid)| tiles.contains_key(one) && tiles.contains_key(other);
        let met = self.split.get(&realm).and_then(|pairs| pairs.iter().find(met)).filter(|_| !self.lifted);
        met.map_or(Ok(()), |(one, other)| Err(format!("{one:?} was split from {other:?}, and they are one again")))
    }

    /// Values that expire do so a day after they were last received, whatever stamp the write had.
    fn leaves_in_time(&self, tiles: &Tiles) -> Result<(), Wrong> {
        for held in tiles.values().flat_map(|tile| &tile.identifiers) {
            let rule = self.config.rules.rule(held.identifier.kind());
            match (rule.expires(held.received), held.expires) {
                (None, None) => {}
                (Some(right), Some(expires)) if right.abs_diff(expires) <= SLACK => {}
                (right, expires) => return Err(format!("a value leaves at {expires:?}, should at {right:?}")),
            }
        }
        Ok(())
    }

    /// Time has passed in which identifiers expire: nobody is found by them from now on.
    pub(crate) fn time_passed(&mut self) {
        if self.config.literal {
            return;
        }
        let roots: Vec<(Realm, Ucid, Live)> = self
            .rows
            .iter()
            .filter_map(|((realm, ucid), known)| Some((*realm, *ucid, known.profile.live()?.clone())))
            .collect();
        for (realm, ucid, live) in roots {
            let seen = self.visible(realm, ucid, &live);
            if let (Ok(seen), Some(person)) = (seen, self.people_of(realm).persons.get_mut(&ucid)) {
                (person.ids, person.former) = (seen.ids, seen.former);
            }
        }
        self.watch_all();
    }

    /// Some profiles leave a person.
    pub(super) fn part(&mut self, realm: Realm, first: Ucid, live: &Live) -> Result<(), Wrong> {
        let from = live.source.ok_or("a redirect became live, and nobody was split")?;
        let row = self.live(realm, from).ok_or("split out of a row that is not live")?.clone();
        let out = row.split.clone().ok_or("split out of a row that does not mean it")?;
        if out.first() != Some(&first) {
            return Err("split out under another UCID than the first created".into());
        }
        let leave: Tiles =
            row.tiles.iter().filter(|(t, _)| out.contains(t)).map(|(t, tile)| (*t, tile.clone())).collect();
        if leave != live.tiles {
            return Err("split out with something other than the person had".into());
        }
        let asked = |asked: &Asked| match asked.what {
            Asking::Split(_, linked) if asked.realm == realm && out.contains(&linked) => Some((linked, from)),
            _ => None,
        };
        let pairs: Vec<(Ucid, Ucid)> = self.asked.values().filter_map(asked).collect();
        match pairs.as_slice() {
            [] => return Err("split, and nobody asked for it".into()),
            // Which of several it was cannot be told; then nothing is held against the people afterwards.
            [pair] => self.split.entry(realm).or_default().push(*pair),
            _ => drop(self.split.entry(realm).or_default()),
        }
        self.people_of(realm).split(from, &out, first);
        let seen = self.visible(realm, first, live)?;
        self.is_as_known(realm, first, &seen, live)?;
        let left = self.visible(realm, from, &row)?;
        self.is_as_known(realm, from, &left, &row)
    }

    /// A redirect of a profile that left leads to where it is now; one of a profile that stays, no longer through one that
    /// leaves.
    pub(super) fn led_to_who_left(&self, realm: Realm, ucid: Ucid, to: Ucid) -> Result<(), Wrong> {
        let meant = |root: Ucid, known: &super::Known| {
            let Profile::Live(Live { tiles, split: Some(out), .. }) = &known.profile else { return false };
            let stays = root == to && tiles.contains_key(&ucid) && !out.contains(&ucid);
            stays || out.contains(&ucid) && out.first() == Some(&to)
        };
        let by = self.rows.iter().find(|((of, root), known)| *of == realm && meant(*root, known));
        if by.is_some() { Ok(()) } else { Err("a redirect was changed, and nobody was split".into()) }
    }

    /// Somebody is erased whom no delete named: only when no identifier has led to them for thirty days.
    pub(super) fn erase_unasked(
        &mut self,
        realm: Realm,
        root: Ucid,
        live: &Live,
        erased: &Erased,
    ) -> Result<(), Wrong> {
        let now = self.now;
        let leaves = live.tiles.values().flat_map(|tile| &tile.identifiers).map(|held| held.expires);
        let last = leaves.collect::<Option<Vec<_>>>().ok_or("erased by nobody, and an identifier leads there")?;
        let last = last.into_iter().max().unwrap_or(0);
        if last + ORPHANED > now {
            return Err(format!("erased unasked at {now}, and an identifier led there until {last}"));
        }
        let gone = self.people_of(realm).erase(root, erased.at);
        self.erased.extend(gone.marks());
        Ok(())
    }
}

/// That nobody is made of profiles that were split.
fn not_apart(tiles: &Tiles) -> Result<(), Wrong> {
    for (ucid, tile) in tiles {
        if let Some(other) = tile.apart.iter().find(|other| tiles.contains_key(other)) {
            return Err(format!("{ucid:?} and {other:?} were split, and are one again"));
        }
    }
    Ok(())
}
