//! Running the binary: a command to its end, or a server until it is dropped.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// For anything that should be a matter of moments.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The binary, with nothing of our own environment that it would look at, in this directory.
pub fn onefold(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onefold"));
    command.current_dir(dir).env_remove("ONEFOLD_ROOT_KEY").env_remove("ONEFOLD_SERVER");
    command
}

/// A directory to work in, in which a server keeps its `data`.
pub fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A server that is stopped when this is dropped.
pub struct Server {
    child: Option<Child>,
    lines: Receiver<String>,
    pub dir: PathBuf,
    /// Where it answers.
    pub url: String,
    /// All that it printed up to the end of its greeting.
    pub greeting: Vec<String>,
}

impl Server {
    /// Starts one on a free port, in this directory, and waits until it answers.
    pub fn start(dir: &Path, flags: &[&str]) -> Self {
        let mut command = onefold(dir);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
        Self::started(command, dir)
    }

    /// Starts this command.
    pub fn started(mut command: Command, dir: &Path) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let (url, greeting) = (String::new(), vec![]);
        let mut server = Self { child: Some(child), lines, dir: dir.into(), url, greeting };
        server.read_greeting();
        server
    }

    /// The line with the address, and what follows it without a pause.
    fn read_greeting(&mut self) {
        let until = Instant::now() + PATIENCE;
        while self.url.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).expect("the server says where it listens");
            if let Some(address) = line.strip_prefix("listening on ") {
                self.url = address.to_owned();
            }
            self.greeting.push(line);
        }
        loop {
            match self.lines.recv_timeout(Duration::from_millis(300)) {
                Ok(line) => self.greeting.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Runs a command of the command line beside it.
    pub fn run(&self, args: &[&str]) -> Ran {
        run(onefold(&self.dir).args(args))
    }

    /// The one JSON document that a command prints, which must succeed.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
        ran.json()
    }

    /// Sends it a signal.
    #[allow(dead_code)] // not by those tests that only start and stop it
    pub fn signal(&self, name: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Asks it to stop and waits until it has.
    pub fn stop(mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let stopped = Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert!(stopped.success());
        wait(&mut child)
    }

    /// The status of a fetch with this key: 404 where the key works, for there is nobody.
    pub fn fetch(&self, org: u64, key: &str) -> u16 {
        let body = format!(r#"{{"orgId":{org},"search":{{"user_id":["nobody"]}}}}"#);
        http(&self.url, "POST", "/cdp/v1/users/_search", key, &body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn wait(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < until, "it does not end");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Standard output as the one JSON document that it must be.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ran {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            let _ = child.kill();
            panic!("{command:?} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { status: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
}

/// The status of one request.
pub fn http(url: &str, method: &str, path: &str, key: &str, body: &str) -> u16 {
    use std::io::{Read, Write};
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\napikey: {key}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}
