//! What a command prints: text for people, or with `--json` one JSON document and nothing else on standard output; and
//! its exit status.

use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::process::ExitCode;

/// For whom to print.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    json: bool,
}

/// Why a command was not done.
#[derive(Debug)]
pub(super) struct Failure {
    usage: bool,
    /// What a person reads.
    text: String,
    /// What a machine reads.
    json: Value,
}

impl Failure {
    /// Refused or failed: exit status 1.
    pub(super) fn new(code: &str, text: &str) -> Self {
        Self { usage: false, text: text.into(), json: json!({ "code": code, "detail": text }) }
    }

    /// Wrong usage: exit status 2.
    pub(super) fn usage(text: &str) -> Self {
        Self { usage: true, ..Self::new("cli.usage", text) }
    }

    /// With a document of its own, such as the problem that a server answered with.
    pub(super) fn with(text: String, json: Value) -> Self {
        Self { usage: false, text, json }
    }
}

impl Failure {
    /// From a problem as HTTP has it: its detail and every fault.
    pub(super) fn problem(problem: Value) -> Self {
        let said = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let mut text = format!("{} ({})", said(&problem, "detail"), said(&problem, "code"));
        for fault in problem["errors"].as_array().into_iter().flatten() {
            text += &format!("\n  {} {}", said(fault, "pointer"), said(fault, "detail"));
        }
        Self::with(text, problem)
    }

    /// The code of the error.
    pub(super) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    /// The same, with what it is about before it.
    pub(super) fn about(self, what: &str) -> Self {
        Self { text: format!("{what}: {}", self.text), ..self }
    }
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints what was done.
    pub(super) fn done(self, text: &str, json: &impl Serialize) -> Result<(), Failure> {
        let printed = if self.json { print_json(json) } else { print(text) };
        printed.or_else(|error| match error.kind() {
            // Whoever read along has seen enough, as in `onefold key list | head -1`.
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(Failure::new("cli.output", &error.to_string())),
        })
    }

    /// Prints one of many things that go on, a line each.
    pub(super) fn line(self, text: &str, json: &impl Serialize) -> Result<bool, Failure> {
        let json = || serde_json::to_string(json).map_err(io::Error::from);
        let printed = if self.json { json().and_then(|json| print(&json)) } else { print(text) };
        match printed {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::new("cli.output", &error.to_string())),
        }
    }

    /// Prints why it was not done, and says so by the exit status.
    pub(super) fn failed(self, failure: &Failure) -> ExitCode {
        if self.json {
            // Nobody is left to be told that nobody is left to be told.
            let _printed = print_json(&failure.json);
        } else {
            let _printed = writeln!(io::stderr(), "onefold: {}", failure.text);
        }
        ExitCode::from(if failure.usage { 2 } else { 1 })
    }
}

fn print(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

fn print_json(json: &impl Serialize) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer_pretty(&mut stdout, json)?;
    writeln!(stdout)
}

/// So many of something: `1 profile`, `2 profiles`.
pub(super) fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Rows under headings, as wide as they need.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|title| (*title).to_owned()).collect();
    let lines = || std::iter::once(&head).chain(rows);
    let width = |column: usize| lines().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let padded = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:0$}", width(column).unwrap_or(0)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines().map(padded).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_it_needs() {
        let rows = vec![vec!["1".into(), "Acme".into()], vec!["900".into(), "Ü".into()]];
        assert_eq!(table(&["ID", "NAME"], &rows), "ID   NAME\n1    Acme\n900  Ü");
    }
}
