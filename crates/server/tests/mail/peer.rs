//! A real SMTP server beside the tests: aiosmtpd, fetched from PyPI into an environment of its own under `target/`.

use crate::util::PATIENCE;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

const VERSION: &str = "1.4.6";
/// Seconds that fetching it may take.
const INSTALL_S: &str = "150";

/// The Python that has it. Where it cannot be had, says loudly that the test was skipped, or fails if it must be.
pub fn python() -> Option<PathBuf> {
    match installed() {
        Ok(python) => Some(python),
        Err(why) => {
            assert!(std::env::var_os("ONEFOLD_REQUIRE_PEERS").is_none(), "aiosmtpd must be there for this test: {why}");
            eprintln!("!!!! SKIPPED: no aiosmtpd ({why}); MAIL WAS NOT TESTED WITH A REAL SERVER !!!!");
            None
        }
    }
}

fn installed() -> Result<PathBuf, String> {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let dir = base.join(format!("aiosmtpd-{VERSION}"));
    // Tests run side by side, and one of them installs.
    let lock = File::create(base.join("aiosmtpd.lock")).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let (python, done) = (dir.join("bin/python"), dir.join("installed"));
    if done.exists() {
        return Ok(python);
    }
    step(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir))?;
    let wanted = format!("aiosmtpd=={VERSION}");
    let args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &wanted];
    step(Command::new("timeout").arg(INSTALL_S).arg(&python).args(args))?;
    File::create(done).map_err(|error| error.to_string())?;
    Ok(python)
}

fn step(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

/// A server that is stopped when this is dropped.
pub struct Smtp {
    child: Child,
    lines: Receiver<String>,
    pub port: u16,
}

impl Smtp {
    /// Starts one: `mode` is `none`, `starttls` or `tls`, with the certificate in this directory; `login` is
    /// `user:password`, or empty.
    pub fn start(python: &Path, tls: &Path, mode: &str, login: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail/smtp.py");
        let mut command = Command::new(python);
        command.arg("-W").arg("ignore").arg(script).arg(mode).args([tls.join("server.pem"), tls.join("server.key")]);
        let mut child = command.arg(login).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut smtp = Self { child, lines, port: 0 };
        smtp.port = smtp.lines.recv_timeout(PATIENCE).expect("it says its port").parse().unwrap();
        smtp
    }

    /// The next mail that it took.
    pub fn mail(&self) -> Value {
        serde_json::from_str(&self.lines.recv_timeout(PATIENCE).expect("a mail comes")).unwrap()
    }

    /// Whether it took no more mail.
    pub fn is_empty(&self) -> bool {
        self.lines.try_recv().is_err()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
