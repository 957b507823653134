//! Merge ∘ split = identity: a history in which two sides merge and are split again must show what a history shows in
//! which they never met.
//!
//! Each side has identifiers of its own, and what is written is written by those of one side; a single record in the
//! middle names both. The other history has two records in its place, one for each side, and no split. Neither says
//! anything of an attribute that is compared, requests come one after another, and once the two have met only
//! identifiers are used that led to one of them before: what others have taken meanwhile stays taken.

use crate::config::Config;
use crate::dice::Dice;
use crate::model::Shown;
use crate::ops::{Condition, Id, Op, Realm, Upsert, What};
use crate::run::{Outcome, Setup};
use crate::schedule::Script;
use onefold_core::defect::Defect;
use std::collections::BTreeSet;

/// Values of each side.
const SIDE: usize = 6;
/// Kinds that they are of.
const KINDS: usize = 3;

/// A history with a merge that is undone, and the same without.
struct Pair {
    config: Config,
    with: Vec<Op>,
    without: Vec<Op>,
    /// The record that names both.
    met: usize,
}

/// Whether a seed's two histories show the same; what differs, in words.
pub fn undo(seed: u64, defect: Option<Defect>) -> Option<String> {
    let pair = Pair::new(seed, &mut Dice::new(seed ^ 0x0d0));
    let run = |plan: &[Op], in_words| run(seed, &pair.config, plan, defect, in_words);
    let (with, without) = (run(&pair.with, false), run(&pair.without, false));
    if let Some(wrong) = with.wrong.clone().or(without.wrong.clone()) {
        return Some(wrong);
    }
    let differs = (0..2 * SIDE as Id).find_map(|id| {
        let (with, without) = (pair.shows(&with, id), pair.shows(&without, id));
        (with != without).then(|| format!("identifier {id} shows {with:?} after a split, {without:?} without"))
    })?;
    let lines = |plan| run(plan, true).lines.join("\n");
    Some(format!("{}\n=====\n{}\n{differs}\n{:?}", lines(&pair.with), lines(&pair.without), pair.config))
}

fn run(seed: u64, config: &Config, plan: &[Op], defect: Option<Defect>, in_words: bool) -> Outcome {
    let (config, plan) = (config.clone(), plan.to_vec());
    Setup { seed, config, plan, without: BTreeSet::new(), defect, twice: false }.replay(Script::default(), in_words)
}

/// What is compared of a person: identifiers, how many others they are, what was said of each attribute.
type Compared = (BTreeSet<Id>, usize, BTreeSet<usize>, i64, Option<usize>, Option<bool>);

impl Pair {
    fn new(seed: u64, dice: &mut Dice) -> Self {
        let mut config = Config::plain(1, 2 * SIDE, 0);
        config.kinds = KINDS;
        if dice.chance(0.7) {
            config.strategy(dice);
            (config.identifiers, config.kinds) = (2 * SIDE, config.kinds.min(KINDS));
            config.faults = crate::config::Faults::default();
        }
        let stamped = dice.chance(0.4);
        let mut made = Making { kinds: config.kinds, stamped, plan: Vec::new(), used: [Vec::new(), Vec::new()] };
        for _ in 0..dice.between(2, 7) {
            made.write(dice, true);
        }
        let anchors = [0, 1].map(|side| made.anchor(dice, side));
        let (one, other) = (made.plan.len() - 2, made.plan.len() - 1);
        let met = made.plan.len();
        config.operations = met;
        made.keep_to(&anchors, &run(seed, &config, &made.plan, None, false));
        let mut without = made.plan.clone();
        made.plan.extend([bare(anchors.to_vec()), nothing()]);
        without.extend(anchors.map(|anchor| bare(vec![anchor])));
        for _ in 0..dice.between(1, 6) {
            made.write(dice, false);
        }
        let split = made.plan.len();
        made.plan.extend([op(What::Split(met, one)), op(What::Split(met, other))]);
        for _ in 0..dice.between(0, 3) {
            made.write(dice, false);
        }
        without.extend_from_slice(&made.plan[met + 2..]);
        (without[split], without[split + 1]) = (nothing(), nothing());
        config.operations = made.plan.len();
        Self { config, with: made.plan, without, met }
    }

    fn shows(&self, outcome: &Outcome, id: Id) -> Option<Compared> {
        let realm = Realm { org: 0, region: 0 };
        let Shown { ids, linked, marks, sum, scalar, consent, .. } = outcome.at_rest.get(&(realm, id))?.clone()?;
        let both = [self.met, self.met + 1];
        let marks = marks.into_iter().filter(|mark| !both.contains(mark)).collect();
        let sum = both.iter().fold(sum, |sum, op| sum & !crate::model::increment(*op));
        Some((ids, linked.len(), marks, sum, scalar, consent))
    }
}

fn op(what: What) -> Op {
    Op { what, realm: Realm { org: 0, region: 0 }, node: 0 }
}

/// An operation that changes nothing.
fn nothing() -> Op {
    op(What::Fetch(Vec::new(), false))
}

/// A record that says nothing of what is compared.
fn bare(ids: Vec<Id>) -> Op {
    let (ucid, consent, timestamp, key, condition) = (None, None, None, None, Condition::None);
    op(What::Upsert(Upsert { ids, ucid, scalar: false, consent, timestamp, key, condition }))
}

struct Making {
    kinds: usize,
    /// Whether clients say when what they say was true; else the server does, in the order in which they come.
    stamped: bool,
    plan: Vec<Op>,
    /// Values of each side that somebody wrote.
    used: [Vec<Id>; 2],
}

impl Making {
    /// A write by identifiers of one side, no two of a kind.
    fn write(&mut self, dice: &mut Dice, new: bool) {
        let side = dice.below(2);
        let mut from: Vec<Id> = if new { side_of(side).collect() } else { self.used[side].clone() };
        let mut ids: Vec<Id> = Vec::new();
        for id in dice.take(&mut from, SIDE) {
            if ids.len() < 3
                && ids.iter().all(|other| self.kind(*other) != self.kind(id))
                && (ids.is_empty() || dice.chance(0.5))
            {
                ids.push(id);
            }
        }
        self.push(dice, side, ids);
    }

    /// A write by one identifier, which is going to name its side.
    fn anchor(&mut self, dice: &mut Dice, side: usize) -> Id {
        let other = self.used[1 - side].last().copied().filter(|_| side == 1);
        let mut of: Vec<Id> = self.used[side].clone();
        of.extend(side_of(side));
        let id = of.into_iter().find(|id| other.is_none_or(|other| self.kind(other) != self.kind(*id)));
        let id = id.expect("a side has values of every kind");
        self.push(dice, side, vec![id]);
        id
    }

    /// From now on only identifiers are used that lead to those whom the anchors lead to.
    fn keep_to(&mut self, anchors: &[Id; 2], outcome: &Outcome) {
        let realm = Realm { org: 0, region: 0 };
        let leads = |id: &Id| outcome.at_rest.get(&(realm, *id)).and_then(|shown| Some(shown.as_ref()?.ucid));
        for (used, anchor) in self.used.iter_mut().zip(anchors) {
            used.retain(|id| leads(id).is_some() && leads(id) == leads(anchor));
        }
    }

    fn push(&mut self, dice: &mut Dice, side: usize, ids: Vec<Id>) {
        if ids.is_empty() {
            return self.plan.push(nothing());
        }
        for id in &ids {
            self.used[side].retain(|other| other != id);
            self.used[side].push(*id);
        }
        let Op { what: What::Upsert(bare), .. } = bare(ids) else { return };
        let (scalar, consent) = (dice.chance(0.6), dice.chance(0.4).then(|| dice.chance(0.5)));
        let timestamp = self.stamped.then(|| dice.below(3_000) as u64);
        self.plan.push(op(What::Upsert(Upsert { scalar, consent, timestamp, ..bare })));
    }

    fn kind(&self, id: Id) -> usize {
        usize::from(id) % self.kinds
    }
}

fn side_of(side: usize) -> std::ops::Range<Id> {
    (side * SIDE) as Id..((side + 1) * SIDE) as Id
}
