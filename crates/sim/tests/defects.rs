//! The test of the tester: each step of the protocol that is left out on purpose is found.
//!
//! What needs three that overtake each other shows in one of tens of thousands of histories at most, so it has a schedule
//! of its own. What a split must give back is looked for where there is a history to compare with.

use onefold_core::defect::Defect;
use onefold_core::strategy::{Class, Contested, KindRule};
use onefold_sim::config::Focus;
use onefold_sim::ops::{Condition, Op, Realm, Target, Upsert, What};
use onefold_sim::run::Setup;
use onefold_sim::schedule::{Script, Step};
use onefold_sim::undo::undo;

/// Which histories find a defect, and within how many of them: some ten times as many as it took on the average.
const FOUND: &[(Defect, Focus, u64)] = &[
    (Defect::ClearAtAbsorb, Focus::All, 200),
    (Defect::TakeWithoutRelease, Focus::Claims, 200),
    (Defect::AliasNotReadAgain, Focus::Claims, 4_000),
    (Defect::ReadWithoutFold, Focus::Reads, 8_000),
    (Defect::EraseWhilePending, Focus::Erasing, 1_000),
    (Defect::RetryWithoutFate, Focus::All, 200),
    (Defect::SplitWithoutApart, Focus::Splits, 2_000),
    (Defect::CopyForeignPrimary, Focus::Oracle, 500),
    (Defect::ForgetOneKept, Focus::Oracle, 500),
    (Defect::MoveWithoutLeaving, Focus::Oracle, 1_000),
    (Defect::ExpireOnWrongClock, Focus::Strategies, 2_000),
    (Defect::EraseWithoutSuppressing, Focus::Suppressing, 200),
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
    let aimed = [
        Defect::ReadWithoutRecheck,
        Defect::ReleaseOnOldView,
        Defect::SealOnOldView,
        Defect::SealWithoutEvaluating,
        Defect::PartOnOldView,
        Defect::RestoreWithoutLaterWrites,
    ];
    for defect in Defect::ALL {
        let looked_for = FOUND.iter().any(|(found, ..)| found == defect);
        assert!(looked_for || aimed.contains(defect), "{defect:?} is looked for nowhere");
    }
}

fn op(what: What) -> Op {
    Op { what, realm: Realm { org: 0, region: 0 }, node: 0 }
}

fn write(ids: &[u8]) -> Op {
    let (ids, ucid, scalar) = (ids.to_vec(), None, true);
    let (consent, timestamp, key, condition) = (None, None, None, Condition::None);
    op(What::Upsert(Upsert { ids, ucid, scalar, consent, timestamp, key, condition }))
}

fn kind(number: usize, priority: u8, keep: Option<u16>, contested: Contested) -> KindRule {
    let (kind, class) = (format!("kind{number}").into(), Class::Primary);
    KindRule { kind, class, priority, keep, contested, ttl_days: None }
}

/// So many calls of some operations, one operation after the other.
fn run_by(setup: &Setup, defect: Option<Defect>, calls: &[(usize, usize)]) -> Option<String> {
    let (mut steps, mut begun) = (Vec::new(), 0);
    for (op, calls) in calls.iter().copied() {
        if op >= begun {
            steps.push(Step::Start(op));
            begun = op + 1;
        }
        steps.extend(vec![Step::Poll(op, 0, 1); calls]);
    }
    let setup = Setup { defect, ..setup.clone() };
    setup.replay(Script { steps, ..Script::default() }, false).wrong
}

/// Enough calls for any operation to end.
const ALL: usize = 90;

/// A merge stops after some calls, a fetch by the younger's identifier makes some, the merge makes some more, and the
/// fetch goes on to its end.
fn fetch_while_merging(defect: Option<Defect>, stop: usize, reads: usize, more: usize) -> Option<String> {
    let fetch = op(What::Fetch(vec![Target::Id(0)], false));
    let setup = Setup::written(1, 2, vec![write(&[0]), write(&[1]), write(&[0, 1]), fetch]);
    run_by(&setup, defect, &[(0, ALL), (1, ALL), (2, stop), (3, reads), (2, more), (3, ALL)])
}

/// An operation stops after some calls, all others come to their end, and it goes on: found at some stop, and only with
/// the defect.
fn is_found_when_overtaken(defect: Defect, setup: &Setup, target: usize) {
    let wrong = |defect, stop| {
        let all = (0..setup.plan.len()).map(|op| (op, if op == target { stop } else { ALL }));
        run_by(setup, defect, &all.chain([(target, ALL)]).collect::<Vec<_>>())
    };
    assert!((1..40).any(|stop| wrong(Some(defect), stop).is_some()), "{defect:?}");
    for stop in 1..40 {
        assert_eq!(wrong(None, stop), None, "{stop}");
    }
}

/// Two customers by `kind0`, and a browser by `kind1` that moves between them.
fn two_of_a_browser(plan: &[&[u8]]) -> Setup {
    let setup = Setup::written(1, 4, plan.iter().map(|ids| write(ids)).collect());
    let kinds = vec![kind(0, 1, Some(1), Contested::Stay), kind(1, 2, None, Contested::Move)];
    Setup { config: setup.config.clone().under(kinds), ..setup }
}

/// A browser leaves its owner for another; a third finishes that, a fourth is about to give it back, and the one who
/// began goes on.
#[test]
fn a_release_on_an_old_view_is_found() {
    let setup = two_of_a_browser(&[&[0, 1], &[2], &[2, 1], &[0], &[0, 1]]);
    let wrong = |defect, stop, claims| {
        let calls = [(0, ALL), (1, ALL), (2, stop), (3, ALL), (4, claims), (2, ALL), (4, ALL)];
        run_by(&setup, defect, &calls)
    };
    let all = || (1..24).flat_map(|stop| (1..24).map(move |claims| (stop, claims)));
    let found = all().find(|(stop, claims)| wrong(Some(Defect::ReleaseOnOldView), *stop, *claims).is_some());
    assert!(found.is_some());
    for (stop, claims) in all() {
        assert_eq!(wrong(None, stop, claims), None, "{stop} {claims}");
    }
}

#[test]
fn a_split_that_gives_back_only_what_was_before_is_found() {
    let found = (0..500).find(|seed| undo(*seed, Some(Defect::RestoreWithoutLaterWrites)).is_some());
    assert!(found.is_some());
}

/// A merge is meant; then the younger has a telephone of its own, so the merge is taken back; then that telephone moves
/// on, and nothing speaks against the merge any more but that nobody means it.
#[test]
fn a_seal_on_an_old_view_and_one_without_a_view_are_found() {
    let kinds = vec![
        kind(0, 1, Some(1), Contested::Stay),
        kind(1, 2, Some(1), Contested::Move),
        kind(2, 3, None, Contested::Stay),
        kind(3, 3, None, Contested::Stay),
    ];
    let plan = [&[1, 2][..], &[3, 0], &[4], &[2, 3], &[0, 5], &[1], &[4, 5]].map(write);
    let setup = Setup::written(1, 6, plan.to_vec());
    let setup = Setup { config: setup.config.clone().under(kinds), ..setup };
    is_found_when_overtaken(Defect::SealOnOldView, &setup, 3);
    // Without the last two the merge is not taken back by another, and whoever meant it must see that itself.
    let setup = Setup { without: [5, 6].into(), ..setup };
    is_found_when_overtaken(Defect::SealWithoutEvaluating, &setup, 3);
}

/// A split is meant and finished by another; then the two may meet again, and do.
#[test]
fn a_part_on_an_old_view_is_found() {
    let mut plan = vec![write(&[0]), write(&[1]), write(&[0, 1]), op(What::Split(2, 1))];
    plan.extend([write(&[0]), op(What::Lift(0, 1)), write(&[0, 1])]);
    is_found_when_overtaken(Defect::PartOnOldView, &Setup::written(1, 2, plan), 3);
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
