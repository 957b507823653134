//! The processes that are measured, and the one that asks them.

use crate::figures::{Report, Turn};
use crate::shared::Server;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The bare server, which answers these bytes.
pub(crate) fn bare(answer: &Path) -> Server {
    Server::start(itself().arg("bare").arg(answer).stdin(Stdio::piped()))
}

fn itself() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

/// Asks a server for a while, from a process of its own.
pub(crate) fn client(server: &Server, requests: &Path, turn: Turn) -> Report {
    let mut command = itself();
    command.args(["client", &server.address.to_string(), &server.process().to_string()]).arg(requests);
    command.args([turn.first_number().to_string(), turn.length.as_millis().to_string()]);
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    std::io::stderr().flush().unwrap();
    assert!(output.status.success(), "the client failed");
    Report::parse(std::str::from_utf8(&output.stdout).unwrap())
}
