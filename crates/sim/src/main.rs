//! The long run of the simulator, and the close look at one seed.
//!
//! ```text
//! onefold-sim --seeds 100000 [--first 0] [--focus All|Reads|Claims|Erasing|Splits|Strategies|Oracle|Suppressing] [--defect NAME] [--keep-going]
//! onefold-sim --undo 100000 [--first 0] [--defect NAME]      merges that are undone, against histories that never met
//! onefold-sim --seed 4711 [--focus …] [--defect NAME] [--trace]
//! ```

use onefold_core::defect::Defect;
use onefold_sim::config::Focus;
use onefold_sim::run::Setup;
use onefold_sim::shrink::shrink;
use onefold_sim::undo::undo;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

/// What the command line asks for.
#[derive(Default)]
struct Asked {
    seeds: u64,
    undo: Option<u64>,
    first: u64,
    one: Option<u64>,
    focus: Focus,
    defect: Option<Defect>,
    trace: bool,
    keep_going: bool,
}

fn main() -> ExitCode {
    let asked = match asked(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    let clean = match (asked.one, asked.undo) {
        (Some(seed), _) => look_closely(&asked, seed),
        (None, Some(count)) => undo_all(&asked, count),
        (None, None) => run_all(&asked),
    };
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn asked(mut words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked { seeds: 10_000, ..Asked::default() };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} wants a value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text} is not a number"));
        match word.as_str() {
            "--seeds" => asked.seeds = number(value()?)?,
            "--undo" => asked.undo = Some(number(value()?)?),
            "--first" => asked.first = number(value()?)?,
            "--seed" => asked.one = Some(number(value()?)?),
            "--focus" => asked.focus = named(&value()?, Focus::ALL)?,
            "--defect" => asked.defect = Some(named(&value()?, Defect::ALL)?),
            "--trace" => asked.trace = true,
            "--keep-going" => asked.keep_going = true,
            _ => return Err(format!("{word} is not known here")),
        }
    }
    Ok(asked)
}

fn named<T: Copy + std::fmt::Debug>(name: &str, of: &[T]) -> Result<T, String> {
    let found = of.iter().find(|one| format!("{one:?}") == name);
    found.copied().ok_or_else(|| format!("{name} is none of {of:?}"))
}

/// All seeds; the first that fails is looked at closely, unless all are to be counted.
fn run_all(asked: &Asked) -> bool {
    let (begin, mut calls) = (Instant::now(), 0);
    let mut wrong: BTreeMap<String, (u64, Vec<u64>)> = BTreeMap::new();
    for seed in asked.first..asked.first + asked.seeds {
        let outcome = Setup::new(seed, asked.focus, asked.defect).run();
        calls += outcome.calls;
        let Some(what) = outcome.wrong else { continue };
        if !asked.keep_going {
            println!("after {} histories:", seed - asked.first + 1);
            return look_closely(asked, seed);
        }
        let (count, seeds) = wrong.entry(without_numbers(&what)).or_default();
        *count += 1;
        if seeds.len() < 8 {
            seeds.push(seed);
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    for (what, (count, seeds)) in &wrong {
        println!("{count:6} {seeds:?} {what}");
    }
    let failed: u64 = wrong.values().map(|(count, _)| count).sum();
    let rate = asked.seeds as f64 / seconds;
    println!(
        "{} histories, {failed} failed, {calls} calls of the store, {seconds:.1} s, {rate:.0} a second",
        asked.seeds
    );
    wrong.is_empty()
}

/// Merges that are undone, up to the first that leaves a trace.
fn undo_all(asked: &Asked, count: u64) -> bool {
    let all = asked.first..asked.first + count;
    let wrong = all.into_iter().find_map(|seed| Some((seed, undo(seed, asked.defect)?)));
    match &wrong {
        Some((seed, wrong)) => println!("{wrong}\nseed {seed}"),
        None => println!("{count} histories with a merge undone show what they show without it"),
    }
    wrong.is_none()
}

/// So that the same fault of different seeds is counted as one: words with digits in them are left out.
fn without_numbers(what: &str) -> String {
    let words = what.split(' ').take(24);
    words.map(|word| if word.contains(|c: char| c.is_ascii_digit()) { "…" } else { word }).collect::<Vec<_>>().join(" ")
}

/// One seed: its shortest history that fails, in words.
fn look_closely(asked: &Asked, seed: u64) -> bool {
    let setup = Setup::new(seed, asked.focus, asked.defect);
    let outcome = setup.run();
    let Some(wrong) = &outcome.wrong else {
        println!("seed {seed} ends well; trace {:016x}", outcome.trace);
        if asked.trace {
            setup.replay(outcome.script, true).lines.iter().for_each(|line| println!("{line}"));
        }
        return true;
    };
    println!("seed {seed}: {wrong}\n{:?}", setup.config);
    match shrink(&setup, outcome.script) {
        Some(short) => {
            short.outcome.lines.iter().for_each(|line| println!("{line}"));
            println!("{:?} {:?}", short.script.faults, short.script.lands);
            println!("seed {seed}, shortened: {}", short.outcome.wrong.unwrap_or_default());
        }
        None => println!("it does not fail again: the run is not repeatable"),
    }
    false
}
