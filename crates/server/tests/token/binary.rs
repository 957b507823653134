//! The real binary: settings, a file of keys that changes under it, keys by HTTPS, and `onefold token check`.

use crate::issuer::*;
use crate::process::{PATIENCE, Ran, Server, onefold, run};
use crate::util::json;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Claims that hold for an hour from now.
fn now_claims(org: u64, more: Value) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    crate::util::with(claims(json!({"exp": now + 3600, "orgs": [org]})), more)
}

/// A running server with these settings, and an organisation.
fn start(dir: &Path, jwks: &str) -> (Server, u64) {
    std::fs::write(dir.join("onefold.toml"), settings(jwks, "")).unwrap();
    let server = Server::start(dir, &["--no-demo", "--config", "onefold.toml"]);
    let org = server.json(&["org", "create", "--name", "A"])["orgId"].as_u64().unwrap();
    (server, org)
}

/// The status of a fetch with this token, by curl: 404 where it is let in, for there is nobody.
fn fetch(server: &Server, org: u64, token: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--noproxy", "*", "--max-time", "30", "-o", "/dev/null", "-w", "%{http_code}"]);
    curl.args(["-H", &format!("authorization: Bearer {token}"), "-H", &format!("orgId: {org}")]);
    curl.args(["-H", "content-type: application/json", "-d"]);
    curl.arg(format!(r#"{{"orgId":{org},"search":{{"user_id":["nobody"]}}}}"#));
    run(curl.arg(format!("{}/cdp/v1/users/_search", server.url))).stdout
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < end, "it never came: {what}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn check(dir: &Path, token: &str, args: &[&str]) -> Ran {
    std::fs::write(dir.join("token"), format!("{token}\n")).unwrap();
    run(onefold(dir).args(["token", "check", "token", "--config", "onefold.toml"]).args(args))
}

#[test]
fn a_file_of_keys_is_read_again_when_it_changes() {
    if !peers() {
        return;
    }
    let (made, dir) = (signers(), tempfile::tempdir().unwrap());
    let keys = file(dir.path(), "keys.json", &set(&[&made.rsa]));
    let (server, org) = start(dir.path(), "keys.json");
    let (old, new) = (made.rsa.token(&now_claims(org, json!({}))), made.next.token(&now_claims(org, json!({}))));
    assert_eq!(fetch(&server, org, &old), "404");
    assert_eq!(fetch(&server, org, &new), "401");

    // What is no set is not taken up.
    std::fs::write(&keys, "{\"keys\":").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert_eq!(fetch(&server, org, &old), "404");

    file(dir.path(), "keys.json", &set(&[&made.next]));
    until("the new key", || fetch(&server, org, &new) == "404");
    until("the end of the old one", || fetch(&server, org, &old) == "401");
}

#[test]
fn settings_that_make_no_sense_are_said_before_a_port_is_bound() {
    if !peers() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    file(dir.path(), "keys.json", &json!({"keys": []}));
    let said = |settings: &str| {
        std::fs::write(dir.path().join("onefold.toml"), settings).unwrap();
        let ran = run(onefold(dir.path()).args(["serve", "--listen", "127.0.0.1:0", "--config", "onefold.toml"]));
        assert_eq!(ran.status, 1, "{ran:?}");
        ran.stderr
    };
    let nothing = said("[token]\njwks = 'keys.json'\norganisations_claim = ''\nscope_claims = []");
    for missing in ["issuer is needed", "audience is needed", "organisations_claim is needed", "scope_claims must"] {
        assert!(nothing.contains(&format!("token.{missing}")), "{nothing}");
    }
    assert!(said("[token]\nissuer = 'i'").contains("token.issuer is of no use"));
    assert!(said(&settings("http://login.example/keys", "")).contains("must be https"));
    assert!(said(&settings("gone.json", "")).contains("gone.json"));
    assert!(said(&settings("keys.json", "")).contains("no key for RS256 or ES256"));
    assert!(said(&settings("keys.json", "ca_file = 'ca.pem'")).contains("token.ca_file is of no use"));
    assert!(said(&settings("keys.json", "keep_ms = 2000")).contains("token.keep_ms must be more"));
    assert!(said(&settings("keys.json", "refresh = 1")).contains("there is no setting token.refresh"));
    assert!(!dir.path().join("data").exists());
}

#[test]
fn a_command_tells_what_a_token_opens_and_why_it_does_not() {
    if !peers() {
        return;
    }
    let (made, dir) = (signers(), tempfile::tempdir().unwrap());
    file(dir.path(), "keys.json", &set(&[&made.ec]));
    std::fs::write(dir.path().join("onefold.toml"), settings("keys.json", "")).unwrap();
    let ran = check(dir.path(), &made.ec.token(&now_claims(7, json!({"scope": "profile.read"}))), &["--json"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let said = ran.json();
    assert_eq!(
        (&said["orgIds"], &said["scopes"], &said["source"]),
        (&json!([7]), &json!(["profile.read"]), &json!("crm"))
    );
    let expired = check(dir.path(), &made.ec.token(&claims(json!({}))), &[]);
    assert!(expired.status == 1 && expired.stderr.contains("the token has expired"), "{expired:?}");
    let unknown = check(dir.path(), &made.rsa.token(&claims(json!({}))), &["--json"]);
    assert_eq!((unknown.status, &unknown.json()["code"]), (1, &json!("token.invalid")));
    std::fs::write(dir.path().join("onefold.toml"), "").unwrap();
    let off = check(dir.path(), "x", &["--json"]);
    assert_eq!((off.status, &off.json()["code"]), (1, &json!("token.off")));
}

/// `openssl s_server`, which serves the files of a directory by HTTPS.
struct Web {
    child: Child,
    url: String,
}

impl Web {
    fn serve(dir: &Path) -> Self {
        let mut command = Command::new("openssl");
        command.current_dir(dir).args(["s_server", "-WWW", "-accept", "127.0.0.1:0"]);
        command.args(["-cert", "tls/server.pem", "-key", "tls/server.key"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.parse::<u16>().ok());
        let url = format!("https://localhost:{}/keys.json", port.unwrap());
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn keys_come_by_https_from_whom_the_authorities_vouch_for() {
    if !peers() {
        return;
    }
    let (made, dir) = (signers(), tempfile::tempdir().unwrap());
    for name in ["tls", "others"] {
        assert_eq!(run(onefold(dir.path()).args(["tls", "dev", "--dir", name])).status, 0);
    }
    file(dir.path(), "keys.json", &set(&[&made.rsa]));
    let web = Web::serve(dir.path());
    let token = made.rsa.token(&now_claims(7, json!({})));
    let with = |ca: &str| {
        std::fs::write(dir.path().join("onefold.toml"), settings(&web.url, &format!("ca_file = '{ca}'"))).unwrap();
        check(dir.path(), &token, &[])
    };
    let ran = with("tls/ca.pem");
    assert_eq!(ran.status, 0, "{ran:?}");
    for stranger in ["others/ca.pem", ""] {
        let ran = with(stranger);
        assert!(ran.status == 1 && ran.stderr.contains("cannot be read: invalid peer certificate"), "{ran:?}");
    }
}

#[test]
fn a_token_is_never_logged() {
    if !peers() {
        return;
    }
    let (made, dir) = (signers(), tempfile::tempdir().unwrap());
    file(dir.path(), "keys.json", &set(&[&made.rsa]));
    std::fs::write(dir.path().join("onefold.toml"), settings("keys.json", "[log]\nlevel = 'trace'")).unwrap();
    let log = dir.path().join("log");
    let mut command = onefold(dir.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--no-demo", "--config", "onefold.toml"]);
    command.stdout(Stdio::piped()).stderr(std::fs::File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let url = lines.find_map(|line| Some(line.strip_prefix("listening on ")?.to_owned())).unwrap();
    let tokens = [made.rsa.token(&now_claims(7, json!({}))), made.foreign.token(&now_claims(7, json!({})))];
    for token in &tokens {
        let mut stream = std::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        let head = "POST /cdp/v1/users/_search HTTP/1.1\r\nhost: x\r\nconnection: close\r\norgId: 7\r\n";
        write!(stream, "{head}authorization: Bearer {token}\r\ncontent-length: 2\r\n\r\n{{}}").unwrap();
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 40"), "{answer}");
    }
    let _ = child.kill();
    let _ = child.wait();
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("names no key of the issuer"), "why is for the log: {log}");
    for part in tokens.iter().flat_map(|token| token.split('.')).chain(["somebody", "foreign"]) {
        assert!(!log.contains(part), "a part of a token is in the log: {part}");
    }
}
