//! The test of the tester: each step of the protocol that is left out on purpose is found.
//!
//! `SealOnOldView` is not here: to seal on an old view matters only where a rule can take an intent back, and by the
//! literal rule nothing does. It comes with the strategies.

use onefold_core::defect::Defect;
use onefold_sim::config::Focus;
use onefold_sim::run::Setup;

/// Which histories find a defect, and within how many of them: some ten times as many as it took on the average.
const FOUND: &[(Defect, Focus, u64)] = &[
    (Defect::ClearAtAbsorb, Focus::All, 200),
    (Defect::TakeWithoutRelease, Focus::Claims, 200),
    (Defect::ReleaseOnOldView, Focus::Claims, 4_000),
    (Defect::AliasNotReadAgain, Focus::Claims, 4_000),
    (Defect::ReadWithoutFold, Focus::Reads, 8_000),
    (Defect::ReadWithoutRecheck, Focus::Reads, 30_000),
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
    let left_out = [Defect::SealOnOldView];
    for defect in Defect::ALL {
        let looked_for = FOUND.iter().any(|(found, ..)| found == defect);
        assert!(looked_for || left_out.contains(defect), "{defect:?} is looked for nowhere");
    }
}
