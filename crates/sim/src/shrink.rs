//! A shorter history that still fails: operations are left out, then what goes wrong, then changes of who goes next.

use crate::run::{Outcome, Setup};
use crate::schedule::{Script, Step};

/// A history that fails, as short as it was found.
#[derive(Debug)]
pub struct Short {
    /// What it is made from.
    pub setup: Setup,
    /// Its schedule.
    pub script: Script,
    /// How it ends, in words.
    pub outcome: Outcome,
}

/// Shortens a history that fails under this schedule; `None` if it does not fail.
pub fn shrink(setup: &Setup, script: Script) -> Option<Short> {
    let mut short = Shrinking { setup: setup.clone(), script };
    if !short.fails() {
        return None;
    }
    for _ in 0..4 {
        let before = short.size();
        short.drop_operations();
        short.drop_faults();
        short.drop_steps();
        if short.size() == before {
            break;
        }
    }
    let outcome = short.setup.replay(short.script.clone(), true);
    Some(Short { setup: short.setup, script: short.script, outcome })
}

struct Shrinking {
    setup: Setup,
    script: Script,
}

impl Shrinking {
    fn fails(&self) -> bool {
        self.setup.replay(self.script.clone(), false).wrong.is_some()
    }

    fn size(&self) -> (usize, usize, usize) {
        let left = self.setup.plan.len() - self.setup.without.len();
        (left, self.script.faults.len() + self.script.lands.len(), self.script.steps.len())
    }

    /// Keeps a change if it still fails under it.
    fn attempt(&mut self, change: impl FnOnce(&mut Self)) -> bool {
        let (setup, script) = (self.setup.clone(), self.script.clone());
        change(self);
        let fails = self.fails();
        if !fails {
            (self.setup, self.script) = (setup, script);
        }
        fails
    }

    fn drop_operations(&mut self) {
        for op in (0..self.setup.plan.len()).rev() {
            if !self.setup.without.contains(&op) {
                self.attempt(|short| {
                    short.setup.without.insert(op);
                });
            }
        }
    }

    fn drop_faults(&mut self) {
        for at in self.script.faults.keys().copied().collect::<Vec<_>>() {
            self.attempt(|short| {
                short.script.faults.remove(&at);
            });
        }
        for at in self.script.lands.keys().copied().collect::<Vec<_>>() {
            self.attempt(|short| {
                short.script.lands.remove(&at);
            });
        }
    }

    /// Leaves out stretches of the schedule, long ones first; and moves an operation's polls together.
    fn drop_steps(&mut self) {
        let mut length = self.script.steps.len().next_power_of_two();
        while length > 0 {
            let mut from = 0;
            while from < self.script.steps.len() {
                let to = (from + length).min(self.script.steps.len());
                let dropped = self.attempt(|short| drop(short.script.steps.drain(from..to)));
                if !dropped {
                    from += length;
                }
            }
            length /= 2;
        }
        self.join_turns();
    }

    fn join_turns(&mut self) {
        let whose = |step: &Step| if let Step::Poll(op, ..) = step { Some(*op) } else { None };
        for at in 2..self.script.steps.len() {
            let steps = &self.script.steps;
            if whose(&steps[at]).is_some()
                && whose(&steps[at]) == whose(&steps[at - 2])
                && whose(&steps[at - 1]) != whose(&steps[at])
            {
                self.attempt(|short| short.script.steps.swap(at, at - 1));
            }
        }
    }
}
