//! The records to try: a file with one JSON object a line, or one array of them, read as strictly as the body of a write.

use super::super::output::Failure;
use super::refused;
use crate::json::{self, Json};
use crate::limits::TRIED_RECORDS;

/// Reads the text of a file.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Json<'_>>, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("the records are not in UTF-8"))?;
    let records = if text.trim_start().starts_with('[') { of_array(text) } else { of_lines(text) }?;
    match records.len() {
        0 => Err(wrong("there are no records")),
        count if count > TRIED_RECORDS => Err(wrong(&format!("{count} records are more than {TRIED_RECORDS}"))),
        _ => Ok(records),
    }
}

fn of_array(text: &str) -> Result<Vec<Json<'_>>, Failure> {
    match json::parse(text.as_bytes()).map_err(|problem| refused(&problem).about("the records"))? {
        Json::Array(records) => Ok(records),
        _ => Err(wrong("the records are no array")),
    }
}

fn of_lines(text: &str) -> Result<Vec<Json<'_>>, Failure> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let of_line = |at: usize, problem| refused(&problem).about(&format!("line {}", at + 1));
    lines.map(|(at, line)| json::parse(line.as_bytes()).map_err(|problem| of_line(at, problem))).collect()
}

fn wrong(text: &str) -> Failure {
    Failure::new("cli.input", text)
}
