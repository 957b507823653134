//! Every parser that meets the network or the disk, as the fuzzer (`fuzz/`) and the replay of its corpus
//! (`tests/corpus.rs`) call it. Each takes any bytes, and panics where something does not hold that must hold for all
//! of them. No part of the interface.

mod calls;

use crate::cli;
use crate::config::{Config, Layer};
use crate::json::{self, Json};
use crate::limits::JSON_DEPTH;
use crate::{deletion_log, receipts, root_key, token};
use onefold_api::receipts::{PublicKeys, SignedReceipt};
use onefold_core::fuzzing as core;
use onefold_engines::embedded::fuzzing as engine;
use serde_json::Value;

/// A parser, and the name of its program in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// Panics where the parser does what it must not.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "calls", run: calls::requests },
    Target { name: "connection", run: calls::connection },
    Target { name: "json", run: json },
    Target { name: "token", run: token::fuzz },
    Target { name: "settings", run: settings },
    Target { name: "files", run: files },
    Target { name: "names", run: core::names },
    Target { name: "profile_row", run: core::profile_row },
    Target { name: "record_row", run: core::record_row },
    Target { name: "engine_row", run: engine::row },
];

/// Runs the one of this name.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a program is named as its target").run)(data);
}

/// What our parser takes, another one takes for the same. It may take more: it is not as strict.
fn json(data: &[u8]) {
    let Ok(ours) = json::parse(data) else { return };
    let theirs: Value = match serde_json::from_slice(data) {
        Ok(theirs) => theirs,
        // It takes a number that is rounded to the largest for one that is beyond.
        Err(error) if error.to_string().starts_with("number out of range") => return,
        Err(error) => unreachable!("what is strict JSON is JSON: {error}"),
    };
    assert!(same(&ours, &theirs, 0), "{ours:?} is not {theirs:?}");
}

fn same(ours: &Json<'_>, theirs: &Value, depth: usize) -> bool {
    assert!(depth <= JSON_DEPTH, "nested deeper than is allowed");
    match (ours, theirs) {
        (Json::Null, Value::Null) => true,
        (Json::Boolean(ours), Value::Bool(theirs)) => ours == theirs,
        // Minus zero is a whole number to us.
        (Json::Integer(0), Value::Number(theirs)) => theirs.as_f64() == Some(0.0),
        (Json::Integer(ours), Value::Number(theirs)) => theirs.as_i64() == Some(*ours),
        (Json::Double(ours), Value::Number(theirs)) => theirs.as_f64().is_some_and(|theirs| close(*ours, theirs)),
        (Json::Text(ours), Value::String(theirs)) => ours == theirs,
        (Json::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs, depth + 1))
        }
        (Json::Object(ours), Value::Object(theirs)) => {
            let fits = |name: &str, ours| theirs.get(name).is_some_and(|it| same(ours, it, depth + 1));
            ours.len() == theirs.len() && ours.iter().all(|(name, ours)| fits(name, ours))
        }
        _ => false,
    }
}

/// The other parser's last bit may be wrong: it is built without the feature that makes it right.
fn close(ours: f64, theirs: f64) -> bool {
    ours == theirs || (ours - theirs).abs() <= ours.abs() * 1e-15
}

/// A file of settings: what holds in the end is printed as something that is read as the same.
fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(config) = Config::load(&[Layer::document("fuzz", text)]) else { return };
    let again = Config::load(&[Layer::document("printed", &config.print())]);
    assert_eq!(again.as_ref(), Ok(&config));
}

/// Files that the server or a command reads: the first byte says which sort.
fn files(data: &[u8]) {
    let Some((sort, text)) = data.split_first() else { return };
    match sort % 6 {
        0 => root_key::fuzz(text),
        1 => receipts::fuzz(text),
        2 => receipt(text),
        3 => cli::fuzz_records(text),
        4 => deletion_log::fuzz(text),
        _ => backup(text).expect("a file can be written beside others that do not last"),
    }
}

/// A backup: it is read to its end, or said to be something else.
fn backup(text: &[u8]) -> std::io::Result<()> {
    let name = format!("onefold-fuzz-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, text)?;
    let _judged = crate::backup::read::verify(&path);
    std::fs::remove_file(&path)
}

/// A receipt, and after a byte of zero the public keys. None that was made here is signed by one of them.
fn receipt(text: &[u8]) {
    let Some(at) = text.iter().position(|byte| *byte == 0) else { return };
    let signed = serde_json::from_slice::<SignedReceipt>(&text[..at]);
    let keys = serde_json::from_slice::<PublicKeys>(&text[at + 1..]);
    if let (Ok(signed), Ok(keys)) = (signed, keys) {
        let _judged = receipts::verify(&signed, &keys);
    }
}
