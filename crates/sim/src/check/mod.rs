//! What is checked while a history runs: every row that is written, against the model.
//!
//! Three kinds of write change what people are, and the model follows them in the order in which they reach the store:
//! a live row that shows a new mark (a write happened), a live row that is sealed (two people became one), a live row
//! that is erased. Whether each was right to happen is judged from the requests alone (`events`); what a row holds then
//! must be what the model says (`row`); and whoever is waiting for an answer must be given a state that was true at some
//! moment since they asked (`watch`, `answers`).

mod answers;
mod events;
mod oracle;
pub(crate) mod rest;
mod row;
mod rules;
mod suppressed;
mod watch;

pub(crate) use answers::Answer;

use crate::config::Config;
use crate::model::{People, Says, Shown};
use crate::ops::{Asked, Asking, Id, Op, Realm, What};
use bytes::Bytes;
use onefold_core::id::Ucid;
use onefold_core::profile::{Profile, codec};
use onefold_core::tables::{Key, RowSecret, Table};
use onefold_core::time::Ms;
use std::collections::{BTreeMap, BTreeSet};
use watch::Watch;

/// What is wrong, in words.
pub(crate) type Wrong = String;

/// A profile row as it was last written.
struct Known {
    profile: Profile,
    /// The first half of its ETag.
    etag: u64,
}

/// The checks of one history.
pub(crate) struct Check {
    kinds: usize,
    config: Config,
    says: Vec<Says>,
    /// Of the row hashes, once it is known.
    pub(crate) secret: Option<RowSecret>,
    /// The right time.
    pub(crate) now: Ms,
    pub(crate) people: BTreeMap<Realm, People>,
    rows: BTreeMap<(Realm, Ucid), Known>,
    /// Sealed profiles and what they are sealed to.
    sealed: BTreeMap<(Realm, Ucid), Ucid>,
    /// What was asked for, by the operation that asked first.
    pub(crate) asked: BTreeMap<usize, Asked>,
    /// Writes that happened, and through which attempt at them.
    pub(crate) committed: BTreeMap<usize, usize>,
    /// Who sent the bytes at an address last: late ones come from whoever sent them.
    senders: BTreeMap<usize, usize>,
    /// Who sent the row that is looked at.
    sender: usize,
    /// Idempotency keys that were used up, and by which operation.
    keys: BTreeMap<(u8, usize), usize>,
    /// Which operation each deletion id belongs to.
    deletions: BTreeMap<u128, usize>,
    /// What each delete erased: of which of its values, and whom.
    erasures: BTreeMap<usize, BTreeMap<usize, BTreeSet<Ucid>>>,
    /// Attempts that erased somebody.
    erasers: BTreeSet<usize>,
    /// Who erased somebody under an identifier last.
    erased_by: BTreeMap<(Realm, Id), usize>,
    /// Marks of erased people.
    erased: BTreeSet<usize>,
    watches: BTreeMap<usize, Watch>,
    /// What those who repeat a delete take over from earlier attempts at it.
    past: BTreeMap<usize, Vec<watch::Unit>>,
    /// Where somebody was split, and which profiles must not meet again.
    split: BTreeMap<Realm, Vec<(Ucid, Ucid)>>,
    /// Whether somebody asked that what was split may meet again.
    lifted: bool,
    /// What each write must come to, where one request comes after another.
    foretold: BTreeMap<usize, oracle::Foretold>,
    /// Whether an operation ended half done, so that not all can be foretold any more.
    disturbed: bool,
    /// What may not be written again.
    suppressed: suppressed::Suppressed,
    /// Whether the harness itself writes by now.
    closed: bool,
    /// For whose records people became one.
    pub(crate) links: Vec<usize>,
    /// What each identifier showed when everything came to rest first.
    pub(crate) at_rest: BTreeMap<(Realm, Id), Option<Shown>>,
    /// The first thing that was wrong.
    pub(crate) wrong: Option<Wrong>,
}

impl Check {
    /// For the operations of a plan.
    pub(crate) fn new(config: &Config, plan: &[Op]) -> Self {
        let says = |op: &Op| match &op.what {
            What::Upsert(upsert) => Says { scalar: upsert.scalar, consent: upsert.consent },
            _ => Says::default(),
        };
        Self {
            kinds: config.kinds,
            config: config.clone(),
            says: plan.iter().map(says).collect(),
            secret: None,
            now: crate::ops::BEGIN,
            people: BTreeMap::new(),
            rows: BTreeMap::new(),
            sealed: BTreeMap::new(),
            asked: BTreeMap::new(),
            committed: BTreeMap::new(),
            senders: BTreeMap::new(),
            sender: 0,
            keys: BTreeMap::new(),
            deletions: BTreeMap::new(),
            erasures: BTreeMap::new(),
            erasers: BTreeSet::new(),
            erased_by: BTreeMap::new(),
            erased: BTreeSet::new(),
            watches: BTreeMap::new(),
            past: BTreeMap::new(),
            split: BTreeMap::new(),
            lifted: false,
            foretold: BTreeMap::new(),
            disturbed: false,
            suppressed: suppressed::Suppressed::default(),
            closed: false,
            links: Vec::new(),
            at_rest: BTreeMap::new(),
            wrong: None,
        }
    }

    /// Remembers the first thing that was wrong.
    pub(crate) fn note(&mut self, result: Result<(), Wrong>) {
        if let (None, Err(wrong)) = (&self.wrong, result) {
            self.wrong = Some(wrong);
        }
    }

    /// A row is about to be written by an operation, now or later.
    pub(crate) fn sends(&mut self, op: usize, key: &Key, value: &Bytes) {
        self.senders.insert(value.as_ptr() as usize, op);
        if key.partition.table == Table::Profile
            && let Ok(Profile::Erased(erased)) = codec::decode(value)
            && let Some(watch) = self.watches.get(&op)
        {
            self.deletions.entry(erased.deletion).or_insert(watch.first);
        }
    }

    /// A row was written.
    pub(crate) fn lands(&mut self, key: &Key, value: &Bytes) {
        if self.closed {
            return;
        }
        self.sender = self.senders.get(&(value.as_ptr() as usize)).copied().unwrap_or(usize::MAX);
        let result = match place_of(key) {
            Some((realm, ucid)) => self.lands_profile(realm, ucid, value),
            None if key.partition.table == Table::Profile => Err("a profile of nobody known".into()),
            None => row::is_clean(value).map_err(|what| format!("{what} in a row of {:?}", key.partition.table)),
        };
        self.note(result);
    }

    /// A row was taken away.
    pub(crate) fn goes(&mut self, key: &Key) {
        let Some(place) = place_of(key) else { return };
        let gone = self.rows.remove(&place);
        if !matches!(gone, Some(Known { profile: Profile::Erased(_) | Profile::Forward(_), .. })) {
            self.note(Err(format!("{:?}: a row was taken away that is neither erased nor a redirect", place.1)));
        }
    }

    fn lands_profile(&mut self, realm: Realm, ucid: Ucid, value: &Bytes) -> Result<(), Wrong> {
        let profile = codec::decode(value).map_err(|bad| format!("{ucid:?}: {bad}"))?;
        let etag = self.well_formed(realm, ucid, &profile, value)?;
        let old = self.rows.insert((realm, ucid), Known { profile: profile.clone(), etag });
        self.sealed.remove(&(realm, ucid));
        if let Profile::Sealed(sealed) = &profile {
            self.sealed.insert((realm, ucid), sealed.to);
        }
        let result = self.changes(realm, ucid, old.as_ref(), &profile).map_err(|wrong| format!("{ucid:?}: {wrong}"));
        self.watch_all();
        result?;
        self.no_orphans()
    }

    /// Every sealed profile is still meant to be absorbed by its winner: otherwise nobody would find what it says.
    fn no_orphans(&self) -> Result<(), Wrong> {
        for ((realm, loser), winner) in &self.sealed {
            let pending = self.live(*realm, *winner).and_then(|live| live.pending.as_ref());
            if pending.is_none_or(|pending| pending.loser != *loser) {
                return Err(format!("{loser:?} is sealed to {winner:?}, which does not know of it"));
            }
        }
        Ok(())
    }

    /// An operation begins, or goes on under another client.
    pub(crate) fn begins(&mut self, op: usize, asked: &Asked) {
        self.asked.entry(asked.first).or_insert_with(|| asked.clone());
        let mut watch = Watch::new(asked);
        watch.op = op;
        watch.done_before = self.committed.contains_key(&asked.first);
        let going = self.watches.values().find(|watch| watch.first == asked.first).map(|watch| &watch.units);
        if let (Asking::Delete(..), Some(past)) = (&asked.what, going.or(self.past.get(&asked.first))) {
            watch.units.clone_from(past);
        }
        self.lifted |= matches!(asked.what, Asking::Lift(..));
        self.begins_under(op, asked, &mut watch);
        self.watches.insert(op, watch);
        self.watch(op);
        if self.watches.len() == 1 && !self.disturbed {
            self.foretell(asked);
        } else {
            self.foretold.clear(); // something comes in between
        }
    }

    /// An operation is over without an answer.
    pub(crate) fn dies(&mut self, op: usize) {
        self.no_longer_watched(op);
        self.lift_ends(op, false);
        self.disturbed = true;
    }

    fn no_longer_watched(&mut self, op: usize) -> Option<Watch> {
        let watch = self.watches.remove(&op)?;
        self.past.insert(watch.first, watch.units.clone());
        Some(watch)
    }

    /// The people of an organisation in a region.
    pub(crate) fn people_of(&mut self, realm: Realm) -> &mut People {
        self.people.entry(realm).or_default()
    }

    fn upsert_of(&self, first: usize) -> Option<(&crate::ops::Upsert, &Asking)> {
        match &self.asked.get(&first)?.what {
            asking @ Asking::Upsert { plan, .. } => Some((plan, asking)),
            _ => None,
        }
    }
}

/// Whose row a key names, if it is a profile's.
fn place_of(key: &Key) -> Option<(Realm, Ucid)> {
    if key.partition.table != Table::Profile {
        return None;
    }
    let bytes = key.partition.bytes.as_slice();
    let ucid = Ucid::from_u128(u128::from_be_bytes(bytes.get(16..32)?.try_into().ok()?));
    Some((Realm::of_key(bytes.get(..8)?, bytes.get(8..16)?)?, ucid))
}
