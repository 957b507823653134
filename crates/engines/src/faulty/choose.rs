//! Which faults there are and who chooses among them. What a fault does to a call is in the module above.

use onefold_core::store::{Guard, Version};
use onefold_core::tables::{Partition, Sort};

/// One call of the store, as a chooser sees it before it is made. It never sees a value.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Its number, from 0, counting every call of this store.
    pub number: u64,
    /// What is asked for.
    pub kind: CallKind,
    /// The partition it concerns.
    pub partition: &'a Partition,
    /// The row it concerns; `None` for a scan or a purge.
    pub sort: Option<&'a Sort>,
}

/// What a call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// Read a row.
    Read,
    /// Write a row under a guard.
    Write(Guard),
    /// Remove a row at a version.
    Remove(Version),
    /// Scan a partition.
    Scan,
    /// Purge a partition.
    Purge,
}

impl CallKind {
    /// Whether it changes rows; only then can its fate be unknown.
    pub fn changes(self) -> bool {
        !matches!(self, Self::Read | Self::Scan)
    }
}

/// What happens to a call. Reads and scans, which have no effect, are unavailable under every fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the call is done and answered.
    None,
    /// Not done, and the caller is told: `Unavailable`.
    Refuse,
    /// Not done, ever, but the caller is told `Unknown`.
    Forget,
    /// Done, but the caller is told `Unknown`.
    LoseAnswer,
    /// Told `Unknown`; done later if its guard holds then. (A purge has no guard: it is done at once.)
    Late,
    /// Not done, `Unavailable`, and so is everything after it until [`super::Faulty::resume`].
    StopBefore,
    /// Done, told `Unknown`; everything after it is unavailable until [`super::Faulty::resume`].
    StopAfter,
}

/// Decides what happens to each call.
pub trait Chooser: Send {
    /// What happens to this call. Asked once a call, except while the store is stopped.
    fn choose(&mut self, call: &Call<'_>) -> Fault;

    /// Which of the `waiting` writes in limbo (0 is the oldest) lands just before the call that comes now, if any.
    /// Asked before [`Chooser::choose`], only if something waits. By default none lands until it is told to.
    fn lands(&mut self, waiting: usize) -> Option<usize> {
        let _ = waiting;
        None
    }
}

impl<F: FnMut(&Call<'_>) -> Fault + Send> Chooser for F {
    fn choose(&mut self, call: &Call<'_>) -> Fault {
        self(call)
    }
}

/// How often each fault happens: probabilities from 0 to 1, all 0 by default. Those of a write are tried in the order
/// in which they stand here, on one throw, so together they should not exceed 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaultPlan {
    /// Of a change: [`Fault::Refuse`].
    pub refuse: f64,
    /// Of a change: [`Fault::Forget`].
    pub forget: f64,
    /// Of a change: [`Fault::LoseAnswer`].
    pub lose_answer: f64,
    /// Of a change: [`Fault::Late`].
    pub late: f64,
    /// Of a read or scan: [`Fault::Refuse`].
    pub read_fails: f64,
    /// Before any call, while something is in limbo: that one of it, any, lands.
    pub lands: f64,
}

/// A plan with dice of its own: the same seed and the same calls bring the same faults.
#[derive(Clone, Debug)]
pub struct Seeded {
    state: u64,
    plan: FaultPlan,
}

impl Seeded {
    /// A plan under a seed.
    pub fn new(seed: u64, plan: FaultPlan) -> Self {
        Self { state: seed, plan }
    }

    /// The next number of splitmix64: small, fast, and the same everywhere for ever, which is all that is asked of it.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below 1, of 53 bits.
    fn throw(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Chooser for Seeded {
    fn choose(&mut self, call: &Call<'_>) -> Fault {
        let FaultPlan { refuse, forget, lose_answer, late, read_fails, .. } = self.plan;
        let mut left = self.throw();
        if !call.kind.changes() {
            return if left < read_fails { Fault::Refuse } else { Fault::None };
        }
        let faults =
            [(refuse, Fault::Refuse), (forget, Fault::Forget), (lose_answer, Fault::LoseAnswer), (late, Fault::Late)];
        for (probability, fault) in faults {
            if left < probability {
                return fault;
            }
            left -= probability;
        }
        Fault::None
    }

    fn lands(&mut self, waiting: usize) -> Option<usize> {
        let lands = self.throw() < self.plan.lands;
        // The remainder is skewed by less than one part in 2^57, for a limbo of at most 64.
        lands.then(|| (self.next() % waiting.max(1) as u64) as usize)
    }
}
