//! One history: operations begin, are polled one call at a time in the order of the schedule, die, answer; then
//! everything comes to rest and is looked at.

use crate::check::{Answer, Check};
use crate::config::{Config, Focus};
use crate::dice::Dice;
use crate::hub::{Hub, hub};
use crate::model::Shown;
use crate::ops::{self, Id, Op, Realm};
use crate::request::{self, Learnt};
use crate::rest;
use crate::schedule::{Scene, Scheduler, Script, Step};
use crate::world::World;
use onefold_core::defect::Defect;
use onefold_core::id::Ucid;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Polls after which a history must have come to an end.
const BOUND: usize = 60_000;

/// What a history is made from. The same setup and schedule give the same history.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The seed.
    pub seed: u64,
    /// The mixture.
    pub config: Config,
    /// What is asked for.
    pub plan: Vec<Op>,
    /// Operations that are left out, by the shrinker.
    pub without: BTreeSet<usize>,
    /// A defect in the service.
    pub defect: Option<Defect>,
    /// Whether every write reaches the store twice.
    pub twice: bool,
}

/// How a history ended.
#[derive(Debug)]
pub struct Outcome {
    /// What was wrong, if anything was.
    pub wrong: Option<String>,
    /// A hash of all that happened.
    pub trace: u64,
    /// All that happened in words, if it was asked for.
    pub lines: Vec<String>,
    /// The schedule as it came.
    pub script: Script,
    /// Calls of the store.
    pub calls: u64,
    /// For each operation its calls, and its writes that were done.
    pub costs: Vec<(u32, u32)>,
    /// For whose records people became one.
    pub links: Vec<usize>,
    /// What each identifier showed when everything had come to rest.
    pub(crate) at_rest: BTreeMap<(Realm, Id), Option<Shown>>,
}

impl Setup {
    /// The setup of a seed.
    pub fn new(seed: u64, focus: Focus, defect: Option<Defect>) -> Self {
        let mut dice = Dice::new(seed);
        let mut config = Config::swarm(&mut dice, focus);
        config.turn(&mut Dice::new(seed ^ 0x7e1e_ca57), focus);
        let plan = ops::plan(&config, &mut dice);
        Self { seed, config, plan, without: BTreeSet::new(), defect, twice: false }
    }

    /// A history that somebody wrote down: run it with [`Setup::replay`].
    pub fn written(nodes: usize, identifiers: usize, plan: Vec<Op>) -> Self {
        let config = Config::plain(nodes, identifiers, plan.len());
        Self { seed: 0, config, plan, without: BTreeSet::new(), defect: None, twice: false }
    }

    /// Runs it under its seed's schedule.
    pub fn run(&self) -> Outcome {
        let dice = Dice::new(self.seed.wrapping_add(1 << 63));
        self.run_by(Scheduler::seeded(dice, self.config.clone()), false)
    }

    /// Runs it under a schedule that was written down.
    pub fn replay(&self, script: Script, in_words: bool) -> Outcome {
        self.run_by(Scheduler::Scripted(script, 0), in_words)
    }

    fn run_by(&self, scheduler: Scheduler, in_words: bool) -> Outcome {
        let check = Check::new(&self.config, &self.plan);
        let mut state = Hub::new(self.seed, self.config.nodes, self.plan.len(), scheduler, check);
        state.trace.lines = in_words.then(Vec::new);
        state.twice = self.twice;
        let mut history = History::new(self, World::new(state, self.defect, &self.config));
        history.run();
        if hub(&history.world.shared).check.wrong.is_none() {
            let result = rest::come_to_rest(&history.world, &self.config);
            hub(&history.world.shared).check.note(result);
        }
        history.end()
    }
}

/// A leap of time by which values expire.
const DAY: u64 = 24 * 3_600 * 1_000;

type Running = Pin<Box<dyn Future<Output = Answer> + Send>>;

struct Task {
    op: usize,
    node: usize,
    first: usize,
    running: Running,
}

/// How the attempts at one request ended.
#[derive(Clone, Copy, Default)]
struct Ends {
    acknowledged: bool,
    refused: bool,
    doubtful: bool,
}

struct History<'a> {
    setup: &'a Setup,
    world: World,
    tasks: Vec<Task>,
    next: usize,
    learnt: Vec<Learnt>,
    ends: Vec<Ends>,
}

impl<'a> History<'a> {
    fn new(setup: &'a Setup, world: World) -> Self {
        let count = setup.plan.len();
        hub(&world.shared).check.secret = Some(world.services[0].secret().clone());
        let (learnt, ends) = (vec![Learnt::default(); count], vec![Ends::default(); count]);
        Self { setup, world, tasks: Vec::new(), next: 0, learnt, ends }
    }

    fn run(&mut self) {
        for _ in 0..BOUND {
            while self.setup.without.contains(&self.next) {
                self.next += 1;
            }
            let next = (self.next < self.setup.plan.len()).then_some(self.next);
            if self.tasks.is_empty() && next.is_none() {
                return self.judge_outcomes();
            }
            let alive: Vec<usize> = self.tasks.iter().map(|task| task.op).collect();
            let step = {
                let mut hub = hub(&self.world.shared);
                let Hub { scheduler, waiting, .. } = &mut *hub;
                scheduler.next(Scene { alive: &alive, next, waiting })
            };
            self.step(step);
            if hub(&self.world.shared).check.wrong.is_some() {
                return;
            }
        }
        hub(&self.world.shared).check.note(Err("no end".into()));
    }

    fn step(&mut self, step: Step) {
        if !matches!(step, Step::Poll(..)) {
            hub(&self.world.shared).trace.line(|| format!("{step:?}"));
        }
        match step {
            Step::Start(op) => self.start(op),
            Step::Poll(op, place, pause) => self.poll(op, place, pause),
            Step::Die(op) => self.die(|task| task.op == op),
            Step::Stop(node) => self.die(|task| task.node == node),
            Step::Skew(node, by) => hub(&self.world.shared).skew[node] = by,
            Step::Pass(time) => self.pass_long(time),
        }
    }

    /// Longer than any request or any late write takes: tickets count on it that by then nobody is at work any more.
    fn pass_long(&mut self, time: u64) {
        self.die(|_| true);
        let landed = crate::world::at_once(self.world.faulty.settle_limbo());
        hub(&self.world.shared).check.note(landed.map(drop).map_err(|error| error.to_string()));
        self.pass(time);
    }

    fn pass(&mut self, time: u64) {
        let mut hub = hub(&self.world.shared);
        hub.now += time;
        hub.check.now = hub.now;
        if time > DAY {
            hub.check.time_passed();
        }
    }

    fn start(&mut self, op: usize) {
        self.next = op + 1;
        let asked = {
            let mut hub = hub(&self.world.shared);
            let asked = request::ask(&self.setup.plan, op, &self.learnt, &hub.check.asked, &self.setup.config);
            hub.check.begins(op, &asked);
            hub.trace.word(op as u64);
            hub.trace.line(|| format!("{op}: asks {}", self.setup.plan[op]));
            asked
        };
        let node = self.setup.plan[op].node;
        let service = Arc::clone(&self.world.services[node]);
        let running: Running = Box::pin(request::perform(service, asked.clone(), self.setup.config.clone()));
        self.tasks.push(Task { op, node, first: asked.first, running });
    }

    fn poll(&mut self, op: usize, place: usize, pause: u64) {
        self.pass(pause);
        let Some(index) = self.tasks.iter().position(|task| task.op == op) else { return };
        hub(&self.world.shared).allow(op, place);
        let polled = self.tasks[index].running.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        hub(&self.world.shared).calm();
        if let Poll::Ready(answer) = polled {
            let task = self.tasks.remove(index);
            self.answered(&task, &answer);
        }
    }

    fn answered(&mut self, task: &Task, answer: &Answer) {
        let memory = &self.world.memory;
        let rows = || crate::check::rest::bytes_of(memory.dump());
        let mut hub = hub(&self.world.shared);
        hub.check.answers(task.op, answer, rows);
        hub.trace.line(|| format!("{}: answers {}", task.op, request::in_words(answer)));
        let learnt = Learnt::of(answer);
        hub.trace.word(learnt.ucid.map_or(0, |ucid: Ucid| ucid.as_u128() as u64));
        self.learnt[task.op] = learnt;
        let ends = &mut self.ends[task.first];
        match request::fate(answer) {
            request::Fate::Done => ends.acknowledged = true,
            request::Fate::NotDone => ends.refused = true,
            request::Fate::Unknown => ends.doubtful = true,
        }
    }

    fn die(&mut self, whose: impl Fn(&Task) -> bool) {
        let (gone, left) = std::mem::take(&mut self.tasks).into_iter().partition(|task| whose(task));
        self.tasks = left;
        for task in Vec::into_iter(gone) {
            self.ends[task.first].doubtful = true;
            let op = task.op;
            drop(task);
            hub(&self.world.shared).check.dies(op);
        }
    }

    /// What the clients were told against what happened.
    fn judge_outcomes(&mut self) {
        let landed = crate::world::at_once(self.world.faulty.settle_limbo());
        let mut hub = hub(&self.world.shared);
        hub.check.note(landed.map(drop).map_err(|error| error.to_string()));
        for (first, ends) in self.ends.iter().enumerate() {
            let result = hub.check.outcome(first, ends.acknowledged, ends.refused && !ends.doubtful);
            hub.check.note(result);
        }
    }

    fn end(self) -> Outcome {
        self.tasks.into_iter().for_each(drop);
        let mut state = hub(&self.world.shared);
        let scheduler = std::mem::replace(&mut state.scheduler, Scheduler::Scripted(Script::default(), 0));
        Outcome {
            wrong: state.check.wrong.take(),
            trace: state.trace.hash,
            lines: state.trace.lines.take().unwrap_or_default(),
            script: scheduler.script(),
            calls: self.world.faulty.calls(),
            links: std::mem::take(&mut state.check.links),
            at_rest: std::mem::take(&mut state.check.at_rest),
            costs: state.calls.iter().copied().zip(state.writes.iter().copied()).collect(),
        }
    }
}
