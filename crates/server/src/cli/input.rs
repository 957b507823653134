//! Files that commands read.

use super::output::Failure;
use crate::limits::INPUT_BYTES;
use serde_json::Value;
use std::io::Read;
use std::path::Path;

/// The bytes of a file; `-` is standard input.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::new("cli.input", &format!("{}: {error}", path.display()));
    let source: Box<dyn Read> = match path.to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => Box::new(std::fs::File::open(path).map_err(failed)?),
    };
    let mut bytes = Vec::new();
    source.take(INPUT_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > INPUT_BYTES {
        return Err(Failure::new("cli.input", &format!("{} is larger than 64 MiB", path.display())));
    }
    Ok(bytes)
}

/// A file as the JSON document that it must be.
pub(super) fn json(path: &Path) -> Result<Value, Failure> {
    let found = serde_json::from_slice(&bytes(path)?);
    found.map_err(|error| Failure::new("cli.input", &format!("{} is not JSON: {error}", path.display())))
}
