//! The test of the tester: each step of the protocol that is left out on purpose is found.
//!
//! `SealOnOldView` is not here: to seal on an old view matters only where a rule can take an intent back, and by the
//! literal rule nothing does. It comes with the strategies. `ReadWithoutRecheck` shows in one of tens of thousands of
//! histories, so it has a schedule of its own.

use onefold_core::defect::Defect;
use onefold_sim::config::Focus;
use onefold_sim::ops::{Condition, Op, Realm, Target, Upsert, What};
use onefold_sim::run::Setup;
use onefold_sim::schedule::{Script, Step};

/// Which histories find a defect, and within how many of them: some ten times as many as it took on the average.
const FOUND: &[(Defect, Focus, u64)] = &[
    (Defect::ClearAtAbsorb, Focus::All, 200),
    (Defect::TakeWithoutRelease, Focus::Claims, 200),
    (Defect::ReleaseOnOldView, Focus::Claims, 4_000),
    (Defect::AliasNotReadAgain, Focus::Claims, 4_000),
    (Defect::ReadWithoutFold, Focus::Reads, 8_000),
    (Defect::EraseWhilePending, Focus::Erasing, 1_000),
    (Defect::RetryWithoutFate, Focus::All, 200),
];

#[test]
fn every_planted_defect_is_found() {
    let missed: Vec<_> = FOUND.iter().filter(|(defect, focus, within)| !is_found(*defect, *focus, *within)).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

fn is_found(defect: Defect, focus: Focus, within: u64) -> bool {
    let found = (0..within).find(|seed| Setup::new(*seed, focus, Some(defect)).run().wrong.is_some());
    println!("{defect:?}: {found:?}");
    found.is_some()
}

#[test]
fn no_defect_is_forgotten() {
    let left_out = [Defect::SealOnOldView, Defect::ReadWithoutRecheck];
    for defect in Defect::ALL {
        let looked_for = FOUND.iter().any(|(found, ..)| found == defect);
        assert!(looked_for || left_out.contains(defect), "{defect:?} is looked for nowhere");
    }
}

/// A merge stops after some calls, a fetch by the younger's identifier makes some, the merge makes some more, and the
/// fetch goes on to its end.
fn fetch_while_merging(defect: Option<Defect>, stop: usize, reads: usize, more: usize) -> Option<String> {
    let op = |what| Op { what, realm: Realm { org: 0, region: 0 }, node: 0 };
    let (consent, timestamp, key, condition) = (None, None, None, Condition::None);
    let write = |ids: &[u8]| {
        let ids = ids.to_vec();
        op(What::Upsert(Upsert { ids, ucid: None, scalar: true, consent, timestamp, key, condition }))
    };
    let fetch = op(What::Fetch(vec![Target::Id(0)], false));
    let setup = Setup { defect, ..Setup::written(1, 2, vec![write(&[0]), write(&[1]), write(&[0, 1]), fetch]) };
    let mut steps = Vec::new();
    for (op, calls) in [(0, 60), (1, 60), (2, stop), (3, reads)] {
        steps.push(Step::Start(op));
        steps.extend(vec![Step::Poll(op, 0, 1); calls]);
    }
    steps.extend(vec![Step::Poll(2, 0, 1); more]);
    steps.extend([Step::Poll(3, 0, 1); 60]);
    setup.replay(Script { steps, ..Script::default() }, false).wrong
}

#[test]
fn a_read_that_does_not_look_again_is_found() {
    let all = || (1..24).flat_map(|stop| (1..6).flat_map(move |reads| (1..12).map(move |more| (stop, reads, more))));
    for defect in [Defect::ReadWithoutRecheck, Defect::ReadWithoutFold] {
        let found = all().find(|(stop, reads, more)| fetch_while_merging(Some(defect), *stop, *reads, *more).is_some());
        assert!(found.is_some(), "{defect:?}");
    }
    for (stop, reads, more) in all() {
        assert_eq!(fetch_while_merging(None, stop, reads, more), None, "{stop} {reads} {more}");
    }
}
