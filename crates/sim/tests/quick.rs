//! The quick run, the seeds that once failed, and that a seed always means the same.

use onefold_sim::config::Focus;
use onefold_sim::run::Setup;
use onefold_sim::shrink::shrink;

/// Runs one seed, and says all there is to say if it fails.
fn run(seed: u64, focus: Focus) {
    let setup = Setup::new(seed, focus, None);
    let outcome = setup.run();
    if outcome.wrong.is_some() {
        let short = shrink(&setup, outcome.script).expect("what failed once fails again");
        let lines = short.outcome.lines.join("\n");
        assert_eq!(outcome.wrong, None, "{lines}\nseed {seed} {focus:?}, shortened: {:?}", short.outcome.wrong);
    }
}

#[test]
fn histories_end_well() {
    (0..4_000).for_each(|seed| run(seed, Focus::All));
}

#[test]
fn histories_of_reads_claims_and_erasing_end_well() {
    for focus in [Focus::Reads, Focus::Claims, Focus::Erasing] {
        (0..1_000).for_each(|seed| run(seed, focus));
    }
}

#[test]
fn histories_of_splits_and_strategies_end_well() {
    for focus in [Focus::Splits, Focus::Strategies, Focus::Oracle] {
        (0..2_000).for_each(|seed| run(seed, focus));
    }
}

#[test]
fn histories_of_deletes_for_good_end_well() {
    (0..3_000).for_each(|seed| run(seed, Focus::Suppressing));
}

#[test]
fn seeds_that_once_failed_end_well() {
    let kept = include_str!("../seeds.txt").lines().filter(|line| !line.starts_with('#'));
    for line in kept {
        let mut words = line.split(' ');
        let seed = words.next().and_then(|seed| seed.parse().ok()).expect("a line begins with a seed");
        let word = words.next().expect("a line names its focus");
        let focus = Focus::ALL.iter().find(|focus| format!("{focus:?}") == word).expect("a line names a focus");
        run(seed, *focus);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..150 {
        let (one, other) = (Setup::new(seed, Focus::All, None).run(), Setup::new(seed, Focus::All, None).run());
        assert_eq!((one.trace, one.calls), (other.trace, other.calls), "seed {seed}");
        let again = Setup::new(seed, Focus::All, None).replay(one.script, false);
        assert_eq!((one.trace, one.calls), (again.trace, again.calls), "seed {seed}, by its schedule as written down");
    }
    let traces: std::collections::BTreeSet<u64> =
        (0..150).map(|s| Setup::new(s, Focus::All, None).run().trace).collect();
    assert_eq!(traces.len(), 150, "different seeds give different traces");
}
