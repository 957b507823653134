//! A directory with the certificates of `onefold tls dev`, a server on them, and the clients that call it.

use crate::util::{PATIENCE, Ran, Server, directory, onefold, run};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Whether the clients are there. Where they are not, says loudly that the test was skipped, or fails if they must be.
pub fn peers() -> bool {
    let there = |program: &str| Command::new(program).arg("--version").stdin(Stdio::null()).output().is_ok();
    let missing: Vec<&str> = ["curl", "openssl"].into_iter().filter(|program| !there(program)).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os("ONEFOLD_REQUIRE_PEERS").is_none(), "{missing:?} must be installed for this test");
    eprintln!("!!!! SKIPPED: {missing:?} not installed; TLS WAS NOT TESTED WITH REAL CLIENTS !!!!");
    false
}

/// Certificates, and a server that uses them.
pub struct Place {
    pub dir: TempDir,
    pub server: Server,
    /// `https://localhost:PORT`
    pub tls: String,
    pub mtls: String,
}

impl Place {
    /// With listeners of both kinds, and these settings beside.
    pub fn open(more: &str) -> Self {
        Self::over(certificates(), more)
    }

    /// On certificates that are there.
    pub fn over(dir: TempDir, more: &str) -> Self {
        let settings = format!(
            "[tls]\nlisten = '127.0.0.1:0'\ncertificate_file = 'tls/server.pem'\nprivate_key_file = 'tls/server.key'\n\
             {more}\n[mtls]\nlisten = '127.0.0.1:0'\nclient_ca_file = 'tls/ca.pem'\ncrl_file = 'tls/crl.pem'\n"
        );
        std::fs::write(dir.path().join("onefold.toml"), settings).unwrap();
        Self::at(dir)
    }

    /// With the settings that are there.
    pub fn at(dir: TempDir) -> Self {
        let server = Server::started(logging(dir.path(), &["--config", "onefold.toml"]), dir.path());
        let url = |what: &str| {
            let begin = format!("answering {what} on https://127.0.0.1:");
            let line = server.greeting.iter().find_map(|line| line.strip_prefix(&begin));
            format!("https://localhost:{}", line.unwrap())
        };
        let (tls, mtls) = (url("TLS"), url("mTLS"));
        Self { dir, server, tls, mtls }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join("tls").join(name)
    }

    /// `curl` with the authority known, these flags, and the status and the version of HTTP after the body.
    pub fn curl(&self, args: &[&str]) -> Ran {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "--max-time", "30", "-w", "\n%{http_version} %{http_code}"]);
        run(curl.arg("--cacert").arg(self.file("ca.pem")).args(args))
    }

    /// The same with a client certificate.
    pub fn curl_as(&self, client: &str, args: &[&str]) -> Ran {
        let (certificate, key) = (self.file(&format!("{client}.pem")), self.file(&format!("{client}.key")));
        let shown = ["--cert", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
        self.curl(&[&shown, args].concat())
    }

    /// Whether a client certificate gets in.
    pub fn lets_in(&self, client: &str) -> bool {
        let ran = self.curl_as(client, &[&(self.mtls.clone() + "/healthz")]);
        ran.status == 0 && ran.stdout.ends_with(" 200")
    }

    /// `openssl s_client` to the end of its input.
    pub fn s_client(&self, url: &str, args: &[&str]) -> Ran {
        run(&mut self.s_client_command(url, args))
    }

    fn s_client_command(&self, url: &str, args: &[&str]) -> Command {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-connect", &url.replace("https://localhost", "127.0.0.1")]);
        command.arg("-CAfile").arg(self.file("ca.pem")).args(["-verify_return_error", "-servername", "localhost"]);
        command.args(args);
        command
    }

    /// A connection that stays open, by `openssl s_client`.
    pub fn keep(&self, url: &str, args: &[&str]) -> Kept {
        let mut command = self.s_client_command(url, &[&["-quiet"], args].concat());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Kept { child, stdin, stdout }
    }

    /// A new organisation and a key for all that one does.
    pub fn org(&self, name: &str) -> (u64, String) {
        let org = self.server.json(&["org", "create", "--name", name])["orgId"].as_u64().unwrap();
        let scopes = "profile.read,profile.write,profile.delete,org.admin";
        let create = ["key", "create", "--org", &org.to_string(), "--name", name, "--scopes", scopes];
        (org, self.server.json(&create)["apikey"].as_str().unwrap().into())
    }

    /// Sends SIGHUP to the server.
    pub fn hang_up(&self) {
        self.server.signal("HUP");
    }

    /// Makes another set of certificates in another directory of the same place.
    pub fn others(&self, name: &str) -> PathBuf {
        make(self.dir.path(), name)
    }

    /// Puts a file in the place of another at once, as who renews certificates should.
    pub fn replace(&self, name: &str, with: &Path) {
        let beside = self.file("new");
        std::fs::copy(with, &beside).unwrap();
        std::fs::rename(beside, self.file(name)).unwrap();
    }
}

/// A server that writes its log into a file, [`logged`], and the number of its process into `id`.
pub fn logging(dir: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.current_dir(dir).env_remove("ONEFOLD_ROOT_KEY").env_remove("ONEFOLD_SERVER");
    // In the place of the shell, so that signals reach it.
    command.args(["-c", "echo $$ >id; exec \"$0\" \"$@\" 2>log", env!("CARGO_BIN_EXE_onefold")]);
    command.args(["serve", "--listen", "127.0.0.1:0", "--no-demo"]).args(flags);
    command
}

/// What it has logged so far.
pub fn logged(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("log")).unwrap()
}

/// A directory with `tls/ca.pem` and so on.
pub fn certificates() -> TempDir {
    let dir = directory();
    make(dir.path(), "tls");
    dir
}

fn make(dir: &Path, name: &str) -> PathBuf {
    let ran = run(onefold(dir).args(["tls", "dev", "--dir", name]));
    assert_eq!(ran.status, 0, "{ran:?}");
    dir.join(name)
}

/// Waits until something is so.
pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < end, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// A connection that is open. Closed when dropped.
pub struct Kept {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Kept {
    /// Sends a request over it, and reads the status of the answer.
    pub fn ask(&mut self, method: &str, path: &str, key: &str, body: &str) -> u16 {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\napikey: {key}\r\n");
        let head = format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n");
        // At once: a connection whose request is refused before its body came is closed, for the rest may be long.
        self.stdin.write_all((head + body).as_bytes()).unwrap();
        self.stdin.flush().unwrap();
        self.answer()
    }

    /// Waits until the server has closed it.
    pub fn ended(&mut self) {
        until("the end of the connection", || self.child.try_wait().unwrap().is_some());
    }

    fn answer(&mut self) -> u16 {
        let (mut status, mut length) = (None, 0);
        loop {
            let mut line = String::new();
            let read = self.stdout.read_line(&mut line).unwrap();
            assert!(read > 0, "the connection was closed");
            let line = line.trim_end().to_ascii_lowercase();
            match (&status, line.strip_prefix("content-length: ")) {
                (None, _) => status = Some(line.split(' ').nth(1).unwrap().parse().unwrap()),
                (_, Some(bytes)) => length = bytes.parse().unwrap(),
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        std::io::Read::read_exact(&mut self.stdout, &mut body).unwrap();
        status.unwrap()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
