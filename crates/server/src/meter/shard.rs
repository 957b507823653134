//! The tally of one thread: what its calls added since it was last gathered. Threads that are more than there are shards
//! share them, which costs time and nothing else.

use super::call::{Call, Operation};
use crate::limits;
use http::StatusCode;
use onefold_core::count;
use onefold_core::id::{OrgId, Ucid};
use onefold_core::org::KeyId;
use onefold_core::service::usage::Counts;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// One tally, alone on its cache lines.
#[repr(align(128))]
#[derive(Default)]
pub(super) struct Shard(Mutex<Tally>);

/// What was added.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) lines: HashMap<Line, Counted, BuildHasherDefault<Mixer>>,
    pub(super) reads: Vec<Seen>,
}

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) key: KeyId,
    pub(super) operation: Operation,
    pub(super) status: u16,
}

impl Line {
    /// Whether it is of fetches that showed somebody.
    pub(super) fn is_shown_fetch(&self) -> bool {
        self.operation == Operation::FETCH && self.status == StatusCode::OK.as_u16()
    }
}

impl Hash for Line {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let key = self.key.as_u128();
        state.write_u64(key as u64 ^ (key >> 64) as u64 ^ u64::from(self.operation.0) << 16 ^ u64::from(self.status));
    }
}

/// How much of it there was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) org: OrgId,
    pub(super) counts: Counts,
    /// Reads for which there was no room.
    pub(super) missed: u64,
}

/// That a key was shown somebody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) org: OrgId,
    pub(super) key: KeyId,
    pub(super) ucid: Ucid,
}

/// What is to be done after a call was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct After {
    pub(super) reads_half_full: bool,
    pub(super) lines_full: bool,
}

impl Shard {
    pub(super) fn add(&self, call: &Call, shown: impl Iterator<Item = Ucid>) -> After {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(call, shown)
    }

    /// Gives an empty tally for the one that is there.
    pub(super) fn swap(&self, tally: &mut Tally) {
        std::mem::swap(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), tally);
    }
}

impl Tally {
    fn add(&mut self, call: &Call, shown: impl Iterator<Item = Ucid>) -> After {
        let Call { org, key, operation, status, .. } = *call;
        let none = Counted { org, counts: Counts::default(), missed: 0 };
        let counted = self.lines.entry(Line { key, operation, status }).or_insert(none);
        counted.counts.calls += u64::from(!call.refused);
        counted.counts.refused += u64::from(call.refused);
        counted.counts.identifiers += u64::from(call.identifiers);
        counted.counts.bytes += call.bytes;
        let before = self.reads.len();
        for ucid in shown {
            match self.reads.len() < limits::METER_READS {
                true => self.reads.push(Seen { org, key, ucid }),
                false => counted.missed += 1,
            }
        }
        let half = limits::METER_READS / 2;
        After {
            reads_half_full: before < half && self.reads.len() >= half,
            lines_full: self.lines.len() >= limits::METER_LINES,
        }
    }

    /// Makes it empty, and keeps its memory for the next time.
    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.reads.clear();
    }
}

/// The shard of this thread.
pub(super) fn mine(shards: &[Shard]) -> &Shard {
    &shards[count::thread() % shards.len()]
}

/// Spreads what is mostly random already: key ids are made by us.
#[derive(Default)]
pub(super) struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u128(&mut self, number: u128) {
        self.write_u64(number as u64 ^ (number >> 64) as u64);
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ mixed >> 32;
    }
}
