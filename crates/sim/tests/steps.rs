//! Stop before and after every call of the store, have every call fail in every way, send every write twice, and have
//! another client do it all in between: whatever is left must be recovered by whoever comes by, or by the sweeper.

use onefold_core::strategy::{Class, Contested, KindRule};
use onefold_engines::faulty::Fault;
use onefold_sim::ops::{Condition, Op, Realm, Target, Upsert, What};
use onefold_sim::run::{Outcome, Setup};
use onefold_sim::schedule::{Script, Step};

fn op(what: What, node: usize) -> Op {
    Op { what, realm: Realm { org: 0, region: 0 }, node }
}

fn write(ids: &[u8], key: Option<usize>) -> What {
    What::Upsert(Upsert {
        ids: ids.to_vec(),
        ucid: None,
        scalar: true,
        consent: Some(false),
        timestamp: None,
        key,
        condition: Condition::None,
    })
}

/// What is there before, and the operation that is stopped.
struct Scene {
    name: &'static str,
    /// Records; one that begins with [`FOR_GOOD`] is a delete for good by what follows.
    before: &'static [&'static [u8]],
    what: fn(usize) -> What,
    /// Two values each of a kind that tells people apart and of one that moves, beside the literal rule.
    moves: bool,
}

const FOR_GOOD: u8 = u8::MAX;

fn what_before(ids: &[u8]) -> What {
    match ids {
        [FOR_GOOD, id] => What::Delete(vec![Target::Id(*id)], false, true),
        ids => write(ids, None),
    }
}

/// Kinds of the scenes in which values move: 0 and 2 are of the first, 1 and 3 of the second.
fn kinds() -> Vec<KindRule> {
    let primary = |kind: &str, priority, contested| KindRule {
        kind: kind.into(),
        class: Class::Primary,
        priority,
        keep: Some(1),
        contested,
        ttl_days: None,
    };
    vec![primary("kind0", 1, Contested::Stay), primary("kind1", 2, Contested::Move)]
}

const SCENES: &[Scene] = &[
    Scene { name: "a new person", before: &[], what: |_| write(&[0, 1, 2], None), moves: false },
    Scene { name: "a new person, keyed", before: &[], what: |own| write(&[0, 1, 2], Some(own)), moves: false },
    Scene { name: "an update", before: &[&[0, 1]], what: |_| write(&[0], None), moves: false },
    Scene {
        name: "a keyed update with a new identifier",
        before: &[&[0]],
        what: |own| write(&[0, 2], Some(own)),
        moves: false,
    },
    Scene { name: "a merge of two", before: &[&[0], &[1]], what: |_| write(&[0, 1, 2], None), moves: false },
    Scene { name: "a keyed merge of two", before: &[&[0], &[1]], what: |own| write(&[1, 0], Some(own)), moves: false },
    Scene { name: "a merge of three", before: &[&[0], &[1], &[2]], what: |_| write(&[2, 0, 1], None), moves: false },
    Scene {
        name: "a keyed merge of three",
        before: &[&[2], &[1], &[0]],
        what: |own| write(&[0, 1, 2], Some(own)),
        moves: false,
    },
    Scene {
        name: "an erasure",
        before: &[&[0, 1]],
        what: |_| What::Delete(vec![Target::Id(1)], false, false),
        moves: false,
    },
    Scene {
        name: "a keyed erasure of a merged person and another",
        before: &[&[0], &[1], &[0, 1], &[2]],
        what: |_| What::Delete(vec![Target::Id(1), Target::Id(2)], true, false),
        moves: false,
    },
    Scene {
        name: "an erasure for good",
        before: &[&[0, 1]],
        what: |_| What::Delete(vec![Target::Id(1)], false, true),
        moves: false,
    },
    Scene {
        name: "a keyed erasure for good of a merged person and another",
        before: &[&[0], &[1], &[0, 1], &[2]],
        what: |_| What::Delete(vec![Target::Id(1), Target::Id(2)], true, true),
        moves: false,
    },
    Scene {
        name: "an erasure for good of a former value",
        before: &[&[0, 1], &[0, 3], &[2]],
        what: |_| What::Delete(vec![Target::Id(1)], true, true),
        moves: true,
    },
    Scene { name: "a lift", before: &[&[0, 1], &[FOR_GOOD, 0]], what: |_| What::Allow(0), moves: false },
    Scene { name: "a value moves", before: &[&[0, 1], &[2]], what: |_| write(&[2, 1], None), moves: true },
    Scene { name: "a keyed move", before: &[&[0, 1], &[2]], what: |own| write(&[1, 2], Some(own)), moves: true },
    Scene {
        name: "a former value is given to another",
        before: &[&[0, 1], &[0, 3], &[2]],
        what: |_| write(&[2, 1], None),
        moves: true,
    },
    Scene {
        name: "a visitor moves to nobody yet known",
        before: &[&[0, 1], &[0, 3]],
        what: |_| write(&[2, 3], None),
        moves: true,
    },
    Scene { name: "a split", before: &[&[0], &[1], &[0, 1], &[1]], what: |_| What::Split(2, 1), moves: false },
    Scene {
        name: "a split of what had merged others",
        before: &[&[0], &[1], &[2], &[1, 2], &[0, 1], &[2]],
        what: |_| What::Split(4, 1),
        moves: false,
    },
    Scene {
        name: "a split of one of several",
        before: &[&[0], &[1], &[2], &[0, 1], &[0, 2]],
        what: |_| What::Split(4, 1),
        moves: false,
    },
];

/// Who comes by after the stop, at another node.
fn comers(target: usize, what: &What) -> Vec<Vec<What>> {
    let keyed = matches!(what, What::Upsert(Upsert { key: Some(_), .. }) | What::Delete(_, true, _));
    let fetches = (0..3).map(|id| What::Fetch(vec![Target::Id(id)], false)).collect();
    let mut comers = vec![
        fetches,
        vec![write(&[0], None)],
        vec![write(&[1, 2], None), What::Sweep],
        vec![What::Delete(vec![Target::Id(0)], false, false)],
    ];
    if keyed {
        comers.push(vec![What::Repeat(target)]);
    }
    if matches!(what, What::Allow(_) | What::Delete(_, _, true)) {
        comers.push(vec![What::Allow(0), write(&[0], None)]);
        comers.push(vec![What::Delete(vec![Target::Id(1)], false, true), What::Allow(1), write(&[1], None)]);
    }
    if let What::Split(one, other) = what {
        comers.push(vec![What::Split(*one, *other), write(&[0, 1], None)]);
        comers.push(vec![What::Lift(0, *other), write(&[0, 1], None)]);
    }
    comers
}

impl Scene {
    fn target(&self) -> usize {
        self.before.len()
    }

    fn setup(&self, comers: &[What]) -> Setup {
        let mut plan: Vec<Op> = self.before.iter().map(|ids| op(what_before(ids), 0)).collect();
        plan.push(op((self.what)(self.target()), 0));
        plan.extend(comers.iter().map(|what| op(what.clone(), 1)));
        let setup = Setup::written(2, if self.moves { 4 } else { 3 }, plan);
        let config = if self.moves { setup.config.under(kinds()) } else { setup.config };
        Setup { config, ..setup }
    }

    /// Everything before the target to its end, then so many calls of the target.
    fn script(&self, calls: usize) -> Script {
        let mut script = Script::default();
        for before in 0..self.target() {
            script.steps.push(Step::Start(before));
            script.steps.extend([Step::Poll(before, 0, 1); 120]);
        }
        script.steps.push(Step::Start(self.target()));
        script.steps.extend(vec![Step::Poll(self.target(), 0, 1); calls]);
        script
    }

    fn calls(&self) -> usize {
        let outcome = self.setup(&[]).replay(self.script(0), false);
        assert_eq!(outcome.wrong, None, "{}", self.name);
        outcome.costs[self.target()].0 as usize
    }

    fn check(&self, setup: &Setup, script: Script, how: &str) {
        let outcome = setup.replay(script.clone(), false);
        if outcome.wrong.is_some() {
            let lines = setup.replay(script, true).lines.join("\n");
            assert_eq!(outcome.wrong, None, "{lines}\n{}, {how}", self.name);
        }
    }
}

#[test]
fn whoever_comes_by_goes_on_where_a_client_died() {
    for scene in SCENES {
        for calls in 0..=scene.calls() {
            for comers in comers(scene.target(), &(scene.what)(scene.target())) {
                let mut script = scene.script(calls);
                script.steps.push(Step::Die(scene.target()));
                let how = format!("stopped after call {calls}, then {comers:?}");
                scene.check(&scene.setup(&comers), script, &how);
            }
        }
    }
}

#[test]
fn the_sweeper_finishes_what_nobody_comes_by_for() {
    for scene in SCENES {
        for calls in 0..=scene.calls() {
            let mut script = scene.script(calls);
            script.steps.push(Step::Die(scene.target()));
            scene.check(&scene.setup(&[]), script, &format!("stopped after call {calls}"));
        }
    }
}

#[test]
fn every_call_may_fail_in_every_way() {
    let faults = [Fault::Refuse, Fault::Forget, Fault::LoseAnswer, Fault::Late];
    for scene in SCENES {
        for call in 1..=scene.calls() as u32 {
            for fault in faults {
                for comers in comers(scene.target(), &(scene.what)(scene.target())) {
                    let mut script = scene.script(120);
                    script.faults.insert((scene.target(), call), fault);
                    scene.check(&scene.setup(&comers), script, &format!("{fault:?} at call {call}, then {comers:?}"));
                }
            }
        }
    }
}

#[test]
fn another_may_do_it_all_in_between() {
    for scene in SCENES {
        for calls in 0..=scene.calls() {
            for comers in comers(scene.target(), &(scene.what)(scene.target())) {
                let mut script = scene.script(calls);
                for comer in 0..comers.len() {
                    script.steps.push(Step::Start(scene.target() + 1 + comer));
                    script.steps.extend([Step::Poll(scene.target() + 1 + comer, 0, 1); 200]);
                }
                let how = format!("{comers:?} between call {calls} and the next");
                scene.check(&scene.setup(&comers), script, &how);
            }
        }
    }
}

#[test]
fn every_write_may_come_twice() {
    for scene in SCENES {
        let setup = Setup { twice: true, ..scene.setup(&[write(&[0], None)]) };
        scene.check(&setup, scene.script(0), "every write twice");
    }
}

fn calm(plan: Vec<Op>, identifiers: usize) -> Outcome {
    let mut steps = Vec::new();
    for number in 0..plan.len() {
        steps.push(Step::Start(number));
        steps.extend([Step::Poll(number, 0, 1); 300]);
    }
    let outcome = Setup::written(1, identifiers, plan).replay(Script { steps, ..Script::default() }, false);
    assert_eq!(outcome.wrong, None);
    outcome
}

#[test]
fn a_new_person_costs_two_writes_and_one_for_each_further_identifier_and_an_update_one() {
    for count in 1..=6_u8 {
        let ids: Vec<u8> = (0..count).collect();
        let plan = vec![op(write(&ids, None), 0), op(write(&ids, None), 0), op(write(&[0], None), 0)];
        let costs = calm(plan, usize::from(count)).costs;
        assert_eq!(costs[0].1, 1 + u32::from(count), "a new person with {count} identifiers");
        assert_eq!((costs[1].1, costs[2].1), (1, 1), "an update");
        assert_eq!(costs[2].0, 3, "an update by one identifier: its alias, the row, the write");
    }
}

#[test]
fn a_fetch_costs_two_reads() {
    let plan = vec![op(write(&[0, 1], None), 0), op(What::Fetch(vec![Target::Id(1)], false), 0)];
    assert_eq!(calm(plan, 2).costs[1], (2, 0));
}
