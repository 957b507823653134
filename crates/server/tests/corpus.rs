//! The stored corpus of the fuzzer (`fuzz/corpus`), replayed through the same parsers by a plain build: what the fuzzer
//! found once stays found.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use onefold::fuzzing::TARGETS;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz().join(folder)).unwrap().map(Result::unwrap);
    entries.map(|entry| entry.path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for target in TARGETS {
        let name = target.name;
        let program = fs::read_to_string(fuzz().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("run(\"{name}\", data)")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

#[test]
fn the_stored_corpus_holds() {
    for target in TARGETS {
        let entries = fs::read_dir(fuzz().join("corpus").join(target.name)).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 5, "{} has a corpus", target.name);
        for file in files {
            let data = fs::read(&file).unwrap();
            let run = std::panic::catch_unwind(|| (target.run)(&data));
            assert!(run.is_ok(), "{} panics at {}", target.name, file.display());
        }
    }
}

/// What every parser must bear without a fuzzer, too: nothing, and ends cut off.
#[test]
fn what_is_cut_off_holds() {
    for target in TARGETS {
        (target.run)(b"");
        let entries = fs::read_dir(fuzz().join("corpus").join(target.name)).unwrap();
        for file in entries.map(|entry| entry.unwrap().path()) {
            let data = fs::read(&file).unwrap();
            for cut in [1, data.len() / 2, data.len().saturating_sub(1)] {
                (target.run)(&data[..cut.min(data.len())]);
            }
        }
    }
}
