//! The processes that are measured, and the one that asks them.

use crate::figures::{Report, Turn};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The root key of the server that is measured.
pub(crate) const ROOT_KEY: &str = "root_of_the_bench";

/// A server, until this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Onefold with its default settings over a new data directory.
    pub(crate) fn onefold(program: &Path, data: &Path) -> Self {
        let mut command = Command::new(program);
        command.args(["serve", "--no-demo", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        Self::start(command.env("ONEFOLD_ROOT_KEY", ROOT_KEY))
    }

    /// The bare server, which answers these bytes.
    pub(crate) fn bare(answer: &Path) -> Self {
        Self::start(itself().arg("bare").arg(answer).stdin(Stdio::piped()))
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.find_map(|line| Some(line.ok()?.strip_prefix("listening on http://")?.to_owned()));
        let address = said.expect("the server says where it listens").parse().unwrap();
        std::thread::spawn(move || lines.count());
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn itself() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

/// Asks a server for a while, from a process of its own.
pub(crate) fn client(server: &Server, requests: &Path, turn: Turn) -> Report {
    let mut command = itself();
    command.args(["client", &server.address.to_string(), &server.child.id().to_string()]).arg(requests);
    command.args([turn.first_number().to_string(), turn.length.as_millis().to_string()]);
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    std::io::stderr().flush().unwrap();
    assert!(output.status.success(), "the client failed");
    Report::parse(std::str::from_utf8(&output.stdout).unwrap())
}

/// Processor time that a process has taken, all its threads together.
pub(crate) fn cpu(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name, which may hold anything, ends with the last bracket; 12 and 13 after it are user and system time.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap()..].split_whitespace().collect();
    let ticks: u64 = fields[12..14].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}
