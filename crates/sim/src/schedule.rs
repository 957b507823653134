//! Who goes next and what goes wrong: thrown by a seed and written down, or read from what was written down.
//!
//! Faults are named by the operation and the number of its call, not by their place in the history, so that a schedule
//! means nearly the same after something was taken out of it.

use crate::config::{Config, Style};
use crate::dice::Dice;
use onefold_core::time::Ms;
use onefold_engines::faulty::Fault;
use std::collections::BTreeMap;

/// One step of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An operation begins.
    Start(usize),
    /// An operation makes its next call of the store, of several at once the one of this place, after so long.
    Poll(usize, usize, Ms),
    /// Its client is gone.
    Die(usize),
    /// A node stops: all that it was doing is gone.
    Stop(usize),
    /// A node's clock is set to so many milliseconds from the right time.
    Skew(usize, i64),
    /// So much time passes that all that was under way has ended or is gone.
    Pass(Ms),
}

/// A schedule as it was.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The steps in order.
    pub steps: Vec<Step>,
    /// What went wrong, by operation and number of its call.
    pub faults: BTreeMap<(usize, u32), Fault>,
    /// Which late write landed before that call.
    pub lands: BTreeMap<(usize, u32), usize>,
}

/// What a scheduler knows of the history when it chooses.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Operations under way.
    pub alive: &'a [usize],
    /// The operation that could begin.
    pub next: Option<usize>,
    /// For each operation how many calls it waits for.
    pub waiting: &'a [usize],
}

/// Who goes next.
pub enum Scheduler {
    /// By the seed.
    Seeded(Box<Seeded>),
    /// By a script; when it ends, whoever is first goes on to the end.
    Scripted(Script, usize),
}

/// A scheduler that throws dice and writes down what came.
pub struct Seeded {
    dice: Dice,
    config: Config,
    ranks: Vec<u64>,
    last: Option<usize>,
    written: Script,
}

impl Scheduler {
    /// By dice.
    pub fn seeded(mut dice: Dice, config: Config) -> Self {
        let ranks = (0..config.operations).map(|_| dice.bits()).collect();
        Self::Seeded(Box::new(Seeded { dice, config, ranks, last: None, written: Script::default() }))
    }

    /// The schedule so far.
    pub fn script(self) -> Script {
        match self {
            Self::Seeded(seeded) => seeded.written,
            Self::Scripted(script, _) => script,
        }
    }

    /// The next step. Something must be alive or able to begin.
    pub fn next(&mut self, scene: Scene<'_>) -> Step {
        match self {
            Self::Seeded(seeded) => {
                let step = seeded.next(scene);
                seeded.written.steps.push(step);
                step
            }
            Self::Scripted(script, at) => {
                while let Some(step) = script.steps.get(*at) {
                    *at += 1;
                    if is_possible(*step, scene) {
                        return *step;
                    }
                }
                scene.alive.first().map_or_else(|| Step::Start(scene.next.unwrap_or(0)), |op| Step::Poll(*op, 0, 1))
            }
        }
    }

    /// What happens to a call of an operation.
    pub fn fault(&mut self, op: usize, call: u32, changes: bool) -> Fault {
        match self {
            Self::Seeded(seeded) => {
                let fault = seeded.fault(changes);
                if fault != Fault::None {
                    seeded.written.faults.insert((op, call), fault);
                }
                fault
            }
            Self::Scripted(script, _) => script.faults.get(&(op, call)).copied().unwrap_or(Fault::None),
        }
    }

    /// Which of the late writes lands before a call of an operation.
    pub fn lands(&mut self, op: usize, call: u32, late: usize) -> Option<usize> {
        match self {
            Self::Seeded(seeded) => {
                let place = seeded.dice.chance(seeded.config.faults.lands).then(|| seeded.dice.below(late))?;
                seeded.written.lands.insert((op, call), place);
                Some(place)
            }
            Self::Scripted(script, _) => script.lands.get(&(op, call)).copied().filter(|place| *place < late),
        }
    }
}

fn is_possible(step: Step, scene: Scene<'_>) -> bool {
    match step {
        Step::Start(op) => scene.next == Some(op),
        Step::Poll(op, ..) | Step::Die(op) => scene.alive.contains(&op),
        Step::Stop(_) | Step::Skew(..) | Step::Pass(_) => true,
    }
}

impl Seeded {
    fn next(&mut self, scene: Scene<'_>) -> Step {
        let faults = self.config.faults;
        if let Some(next) = scene.next.filter(|_| scene.alive.len() < self.config.at_once)
            && (scene.alive.is_empty() || self.dice.chance(0.3))
        {
            return Step::Start(next);
        }
        if self.dice.chance(faults.die) {
            return Step::Die(self.dice.pick(scene.alive));
        }
        if self.dice.chance(faults.stop) {
            return Step::Stop(self.dice.below(self.config.nodes));
        }
        if self.dice.chance(faults.skew) {
            return Step::Skew(self.dice.below(self.config.nodes), self.dice.below(10_000) as i64 - 5_000);
        }
        if self.dice.chance(faults.pass) {
            return Step::Pass(faults.passes);
        }
        let op = self.who(scene.alive);
        self.last = Some(op);
        let pause = if self.dice.chance(0.2) { self.dice.below(40) as Ms } else { 0 };
        Step::Poll(op, self.dice.below(scene.waiting[op].max(1)), pause)
    }

    fn who(&mut self, alive: &[usize]) -> usize {
        let last = self.last.filter(|last| alive.contains(last));
        match (self.config.style, last) {
            (Style::Bursts, Some(last)) if self.dice.chance(0.85) => last,
            (Style::Ranks, _) => {
                if self.dice.chance(0.06) {
                    let op = self.dice.pick(alive);
                    self.ranks[op] = self.dice.bits();
                }
                alive.iter().copied().min_by_key(|op| self.ranks[*op]).unwrap_or(0)
            }
            _ => self.dice.pick(alive),
        }
    }

    fn fault(&mut self, changes: bool) -> Fault {
        let faults = self.config.faults;
        if !changes {
            return if self.dice.chance(faults.read_fails) { Fault::Refuse } else { Fault::None };
        }
        let all = [
            (faults.refuse, Fault::Refuse),
            (faults.forget, Fault::Forget),
            (faults.lose, Fault::LoseAnswer),
            (faults.late, Fault::Late),
        ];
        all.iter().find(|(rate, _)| self.dice.chance(*rate)).map_or(Fault::None, |(_, fault)| *fault)
    }
}
