//! The house rules that a machine can hold: budgets of files and functions, the direction of dependencies, a page for
//! every code, links that lead somewhere, bounds that are named once.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use onefold::problem::ServerCode;
use onefold_core::error::Code;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines of a file of code.
const FILE_LINES: usize = 500;
/// Lines of a function: the longest, of nine in ten, of every second.
const FUNCTION_LINES: [usize; 3] = [80, 40, 12];

/// Files that are longer, each with its reason.
const LONG_FILES: &[(&str, &str)] =
    &[("crates/engines/src/conformance.rs", "one suite, read beside the trait line by line")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// All files below the root with this extension, without what is built or hidden.
fn files(extension: &str) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            if path.is_dir() && name != "target" && name != "data" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == extension) {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Code that ships: no tests.
fn shipped() -> impl Iterator<Item = (String, String)> {
    let test = |name: &str| name.contains("/tests") || name.contains("_tests.rs") || name.contains("/benches/");
    files("rs").into_iter().filter(move |(name, _)| !test(name))
}

#[test]
fn no_file_is_longer_than_one_reads_in_one_go() {
    let long: Vec<String> = shipped()
        .filter(|(name, text)| text.lines().count() > FILE_LINES && LONG_FILES.iter().all(|(long, _)| long != name))
        .map(|(name, text)| format!("{name}: {} lines", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "longer than {FILE_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn every_file_says_what_lives_in_it() {
    let silent: Vec<String> =
        files("rs").into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(name, _)| name).collect();
    assert!(silent.is_empty(), "no //! at the head of:\n{}", silent.join("\n"));
}

/// Lines from `fn` to the closing brace of the same indentation, for each function, as rustfmt writes them.
fn function_lengths(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().take_while(|line| !line.starts_with("mod tests {")).collect();
    let mut lengths = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let is_function =
            ["fn ", "pub fn ", "async fn ", "pub async fn ", "pub(crate) fn ", "pub(super) fn ", "const fn "]
                .iter()
                .any(|begin| trimmed.starts_with(begin))
                || trimmed.starts_with("pub(crate) async fn ")
                || trimmed.starts_with("pub(super) async fn ");
        let one_line = trimmed.ends_with('}') || trimmed.ends_with(';');
        if is_function && !one_line {
            let close = format!("{}}}", " ".repeat(line.len() - trimmed.len()));
            let end = lines[start..].iter().position(|line| *line == close).unwrap_or(0);
            lengths.push((end + 1, trimmed.to_owned()));
        }
    }
    lengths
}

#[test]
fn functions_are_short() {
    let mut all = Vec::new();
    for (name, text) in shipped() {
        all.extend(function_lengths(&text).into_iter().map(|(lines, function)| (lines, format!("{name}: {function}"))));
    }
    all.sort();
    let [longest, most, half] = FUNCTION_LINES;
    let at = |share: usize| all[(all.len() - 1) * share / 100].0;
    let long: Vec<&(usize, String)> = all.iter().filter(|(lines, _)| *lines > longest).collect();
    assert!(long.is_empty(), "longer than {longest} lines: {long:#?}");
    assert!(at(90) < most && at(50) <= half, "nine in ten: {}, every second: {}", at(90), at(50));
}

#[test]
fn dependencies_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("onefold-api", &[][..]),
        ("onefold-core", &[]),
        ("onefold-engines", &["onefold-core"]),
        ("onefold-sim", &["onefold-core", "onefold-engines"]),
        ("onefold", &["onefold-api", "onefold-core", "onefold-engines"]),
    ]);
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version=1", "--no-deps", "--offline"]).current_dir(root());
    let output = command.output().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let allowed = allowed.get(name).unwrap_or_else(|| panic!("{name} is new: say here what it may depend on"));
        let shipped = package["dependencies"].as_array().unwrap().iter().filter(|it| it["kind"].is_null());
        for dependency in shipped.map(|it| it["name"].as_str().unwrap()).filter(|it| it.starts_with("onefold")) {
            assert!(allowed.contains(&dependency), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let server = ServerCode::ALL.iter().map(|code| code.as_str());
    let codes: BTreeSet<String> = server.chain(Code::ALL.iter().map(|code| code.as_str())).map(str::to_owned).collect();
    let page = |(name, _): &(String, String)| Some(name.strip_prefix("docs/errors/")?.strip_suffix(".md")?.to_owned());
    let pages: BTreeSet<String> = files("md").iter().filter_map(page).filter(|name| name != "README").collect();
    assert_eq!(
        codes.difference(&pages).collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "codes without a page in docs/errors"
    );
    assert_eq!(pages.difference(&codes).collect::<Vec<_>>(), Vec::<&String>::new(), "pages without a code");
    assert_eq!(codes.len(), ServerCode::ALL.len() + Code::ALL.len(), "no code is used twice");
}

/// The targets of the Markdown links of a text, without those to other hosts and to places in the same file.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    targets.filter(|target| !target.contains("://") && !target.starts_with('#') && !target.starts_with("mailto:"))
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut dead = Vec::new();
    for (name, text) in files("md") {
        let folder = root().join(&name).parent().unwrap().to_owned();
        let prose: String = text.split("```").step_by(2).collect();
        let missing = links(&prose).filter(|target| !folder.join(target.split('#').next().unwrap()).exists());
        dead.extend(missing.map(|target| format!("{name}: {target}")));
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

#[test]
fn bounds_are_named_once() {
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, text) in shipped().filter(|(name, _)| name.ends_with("/limits.rs")) {
        let constants = text.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
        for constant in constants {
            named.entry(constant.to_owned()).or_default().push(name.clone());
        }
    }
    let twice: Vec<_> = named.iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(named.len() > 30 && twice.is_empty(), "named in two files: {twice:?}");
    for (name, text) in shipped().filter(|(name, _)| !name.ends_with("/limits.rs")) {
        for line in text.lines().filter(|line| line.trim_start().trim_start_matches("pub ").starts_with("const ")) {
            let again = named.keys().find(|bound| line.contains(&format!("const {bound}:")));
            assert!(again.is_none(), "{name} names a bound of limits.rs again: {line}");
        }
    }
}
