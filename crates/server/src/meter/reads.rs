//! Whom each key read in this hour, once each, and what of that is not written yet. Everything here has a bound; what is
//! over one is counted as missed.

use super::shard::{Mixer, Seen};
use crate::limits;
use onefold_core::id::{OrgId, Ucid};
use onefold_core::limits::KEY_READS_ROW;
use onefold_core::org::KeyId;
use onefold_core::service::usage::{Hour, Place};
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;

/// UCIDs are made by us, so that nobody can choose some that meet.
type Ucids = HashSet<Ucid, BuildHasherDefault<Mixer>>;

pub(super) struct Book {
    /// Profiles that are kept of one key in one hour.
    most: u32,
    keys: HashMap<KeyId, OfKey>,
    /// UCIDs that are remembered so as not to be written twice.
    remembered: usize,
    /// Rows that wait to be written.
    ready: Vec<Reads>,
    /// The number of the next row.
    number: u32,
    /// Reads of which no row will tell, not even that they were missed, since somebody last asked.
    lost: u64,
}

struct OfKey {
    org: OrgId,
    remembered: Ucids,
    /// How many were kept in this hour.
    kept: u32,
    /// Not in a row yet.
    fresh: Vec<Ucid>,
    /// Not in a row yet.
    missed: u64,
}

/// A row to be written.
pub(super) struct Reads {
    pub(super) place: Place,
    pub(super) ucids: Vec<Ucid>,
    pub(super) missed: u64,
}

impl Book {
    pub(super) fn new(most: u32) -> Self {
        Self { most, keys: HashMap::new(), remembered: 0, ready: Vec::new(), number: 0, lost: 0 }
    }

    fn of(&mut self, org: OrgId, key: KeyId) -> Option<&mut OfKey> {
        if self.keys.len() >= limits::METER_ROWS && !self.keys.contains_key(&key) {
            return None;
        }
        let new = || OfKey { org, remembered: Ucids::default(), kept: 0, fresh: Vec::new(), missed: 0 };
        Some(self.keys.entry(key).or_insert_with(new))
    }

    pub(super) fn miss(&mut self, org: OrgId, key: KeyId, missed: u64) {
        if missed == 0 {
            return;
        }
        match self.of(org, key) {
            Some(of) => of.missed += missed,
            None => self.lost += missed,
        }
    }

    pub(super) fn add(&mut self, seen: &Seen) {
        if self.remembered >= limits::METER_REMEMBERED {
            // Some are written twice then, and told once all the same.
            self.keys.values_mut().for_each(|of| of.remembered = Ucids::default());
            self.remembered = 0;
        }
        let most = self.most;
        let Some(of) = self.of(seen.org, seen.key) else {
            self.lost += 1;
            return;
        };
        if of.remembered.contains(&seen.ucid) {
            return;
        }
        if of.kept >= most {
            of.missed += 1;
            return;
        }
        of.remembered.insert(seen.ucid);
        of.kept += 1;
        of.fresh.push(seen.ucid);
        self.remembered += 1;
    }

    /// Makes rows of what is not in one: of full ones alone, or of whatever there is.
    pub(super) fn make_rows(&mut self, hour: Hour, whatever: bool) {
        for (key, of) in &mut self.keys {
            while of.fresh.len() >= KEY_READS_ROW || whatever && (!of.fresh.is_empty() || of.missed > 0) {
                let mut ucids: Vec<Ucid> = of.fresh.drain(..of.fresh.len().min(KEY_READS_ROW)).collect();
                let mut missed = std::mem::take(&mut of.missed);
                if self.ready.len() >= limits::METER_READY {
                    missed += std::mem::take(&mut ucids).len() as u64;
                }
                if self.ready.len() >= 2 * limits::METER_READY {
                    // The store has taken nothing for long.
                    self.lost += missed;
                    continue;
                }
                self.number += 1;
                let place = Place { org: of.org, hour, key: *key, number: self.number };
                self.ready.push(Reads { place, ucids, missed });
            }
        }
    }

    /// Ends an hour.
    pub(super) fn close(&mut self, hour: Hour) {
        self.make_rows(hour, true);
        self.keys = HashMap::new();
        self.remembered = 0;
    }

    pub(super) fn take_ready(&mut self) -> Vec<Reads> {
        std::mem::take(&mut self.ready)
    }

    /// How many reads no row will tell of, since this was last asked.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// What could not be written, to be tried again.
    pub(super) fn give_back(&mut self, mut reads: Vec<Reads>) {
        reads.append(&mut self.ready);
        self.ready = reads;
    }
}
