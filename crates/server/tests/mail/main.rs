//! Mail to administrators (contract section 7): the real binary and a real SMTP server.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs, unreachable_pub)]

mod peer;
// Starting and stopping the binary, as the tests of the command line do.
#[allow(dead_code)]
#[path = "../cli/util.rs"]
mod util;

use peer::{Smtp, python};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use util::{PATIENCE, Server, body_of, directory, onefold, run};

const ADMIN: &str = "dpo@example.org";

/// A server with these settings of mail, an organisation, and a key to it.
struct Place {
    dir: TempDir,
    server: Server,
    key: String,
}

impl Place {
    fn open(dir: TempDir, mail: &str) -> Self {
        std::fs::write(dir.path().join("onefold.toml"), format!("[mail]\n{mail}\n")).unwrap();
        let mut shell = Command::new("sh");
        let serve = ["serve", "--listen", "127.0.0.1:0", "--no-demo", "--config", "onefold.toml"];
        shell.args(["-c", "exec \"$0\" \"$@\" 2>log", env!("CARGO_BIN_EXE_onefold")]).args(serve);
        shell.current_dir(dir.path()).env_remove("ONEFOLD_ROOT_KEY").env_remove("ONEFOLD_SERVER");
        shell.env("ONEFOLD__LOG__LEVEL", "trace");
        let server = Server::started(shell, dir.path());
        server.json(&["org", "create", "--name", "Bäcker & Söhne", "--id", "7"]);
        server.json(&["org", "update", "--id", "7", "--admin-email", ADMIN]);
        let scopes = "profile.write,profile.delete,org.admin";
        let key = server.json(&["key", "create", "--org", "7", "--name", "erasure", "--scopes", scopes]);
        Self { dir, key: key["apikey"].as_str().unwrap().into(), server }
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let answer = body_of(&self.server.url, "POST", path, &self.key, &body.to_string());
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    fn write(&self, user: &str) {
        let body = json!({"orgId": 7, "region": "EU", "ids": {"user_id": user, "email": "jane@example.net"},
                          "upsert": {"profile": {"name": "Jane Roe"}}});
        assert!(self.post("/cdp/v1/users", &body).is_array());
    }

    /// Writes somebody and deletes them, who asks that the administrator be told.
    fn delete(&self, user: &str) -> Value {
        self.write(user);
        let ids = json!({"user_id": [user, "stranger-7f3a"]});
        let body = json!({"orgId": 7, "region": "EU", "ids": ids, "sendEmailNotification": true});
        let answer = self.post("/cdp/v1/users/_delete", &body);
        assert_eq!(answer["deletedProfiles"].as_array().map(Vec::len), Some(1), "the delete is done: {answer}");
        answer
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }
}

/// Certificates for trying, good for `localhost` and `127.0.0.1`.
fn certificates() -> (TempDir, PathBuf) {
    let dir = directory();
    let made = run(onefold(dir.path()).args(["tls", "dev", "--dir", "tls"]));
    assert_eq!(made.status, 0, "{made:?}");
    let tls = dir.path().join("tls");
    (dir, tls)
}

fn settings(port: u16, tls: &str) -> String {
    format!("host = '127.0.0.1'\nport = {port}\ntls = '{tls}'\nfrom = 'Onefold <onefold@example.org>'")
}

/// What no mail and no log may hold.
fn is_clean(text: &str) {
    for personal in ["jane", "Jane", "stranger-7f3a", "user-of-"] {
        assert!(!text.contains(personal), "{personal} in {text}");
    }
}

#[test]
fn the_administrator_is_told_and_nothing_personal() {
    let Some(python) = python() else { return };
    let smtp = Smtp::start(&python, Path::new(""), "none", "");
    let place = Place::open(directory(), &settings(smtp.port, "none"));
    let answer = place.delete("user-of-1");
    assert_eq!(answer["notification"], "sent");
    let mail = smtp.mail();
    assert_eq!((&mail["from"], &mail["to"]), (&json!("onefold@example.org"), &json!([ADMIN])));
    let text = mail["text"].as_str().unwrap().replace("=\r\n", "");
    is_clean(&text);
    let deletion = answer["deletionId"].as_str().unwrap();
    for told in [
        &*format!("To: {ADMIN}"),
        "From: Onefold <onefold@example.org>",
        "Auto-Submitted: auto-generated",
        &*format!("Message-ID: <{deletion}.deletion@example.org>"),
        &*format!("Delete:              {deletion}"),
        "organisation 7 (B",
        "Region:              EU",
        "Values named:        2",
        "Profiles deleted:    1",
        "Values not found:    1",
        "May be written anew: yes",
        &*format!("GET /cdp/v1/deletions/{deletion}"),
    ] {
        assert!(text.contains(told), "{told:?} is not in {text}");
    }
    assert!(!text.contains(answer["ucids"][0].as_str().unwrap()), "no UCID either");
    // Whoever does not ask is told nothing.
    place.write("user-of-2");
    let ids = json!({"user_id": ["user-of-2"]});
    let quiet = place.post("/cdp/v1/users/_delete", &json!({"orgId": 7, "region": "EU", "ids": ids}));
    assert_eq!((&quiet["notification"], smtp.is_empty()), (&json!("none"), true));
    is_clean(&place.log());
    assert!(!place.log().contains("dpo@"), "{}", place.log());
}

#[test]
fn without_an_address_nobody_is_told_and_the_answer_says_so() {
    let Some(python) = python() else { return };
    let smtp = Smtp::start(&python, Path::new(""), "none", "");
    let place = Place::open(directory(), &settings(smtp.port, "none"));
    let shown = place.server.json(&["org", "update", "--id", "7", "--admin-email", ""]);
    assert!(shown.get("adminEmail").is_none(), "{shown}");
    assert_eq!(place.delete("user-of-1")["notification"], "not_configured");
    assert!(smtp.is_empty());
}

#[test]
fn a_server_that_wants_tls_and_a_password_gets_both() {
    let Some(python) = python() else { return };
    for mode in ["starttls", "tls"] {
        let (dir, tls) = certificates();
        let smtp = Smtp::start(&python, &tls, mode, "onefold:hunter2");
        std::fs::write(dir.path().join("password"), "hunter2\n").unwrap();
        let more = "ca_file = 'tls/ca.pem'\nuser = 'onefold'\npassword_file = 'password'";
        let place = Place::open(dir, &format!("{}\n{more}", settings(smtp.port, mode)));
        assert_eq!(place.delete("user-of-1")["notification"], "sent", "{mode}: {}", place.log());
        let mail = smtp.mail();
        assert_eq!((&mail["tls"], &mail["login"]), (&json!(true), &json!(true)), "{mode}");
        assert!(!place.log().contains("hunter2"));
    }
}

#[test]
fn a_server_that_is_not_trusted_or_does_not_know_us_gets_no_mail() {
    let Some(python) = python() else { return };
    let (dir, tls) = certificates();
    let smtp = Smtp::start(&python, &tls, "starttls", "onefold:hunter2");
    // Of an authority that the system does not know.
    let login = "user = 'onefold'\npassword = 'hunter2'";
    let place = Place::open(dir, &format!("{}\n{login}", settings(smtp.port, "starttls")));
    assert_eq!(place.delete("user-of-1")["notification"], "failed");
    assert!(place.log().contains("a notification was not sent"), "{}", place.log());
    drop(place);

    let (dir, tls) = certificates();
    let smtp_in_clear = Smtp::start(&python, &tls, "none", "");
    let place = Place::open(dir, &format!("{}\nca_file = 'tls/ca.pem'", settings(smtp_in_clear.port, "starttls")));
    assert_eq!(place.delete("user-of-1")["notification"], "failed", "it cannot be made to speak in clear");
    assert!(smtp_in_clear.is_empty());
    drop(place);

    let (dir, tls) = certificates();
    let other = Smtp::start(&python, &tls, "starttls", "onefold:another");
    let place = Place::open(dir, &format!("{}\nca_file = 'tls/ca.pem'\n{login}", settings(other.port, "starttls")));
    assert_eq!(place.delete("user-of-1")["notification"], "failed", "the password is wrong");
    assert!(smtp.is_empty() && other.is_empty());
    assert!(!place.log().contains("hunter2"));
}

#[test]
fn a_mailbox_that_is_refused_is_said_and_its_address_is_not_logged() {
    let Some(python) = python() else { return };
    let smtp = Smtp::start(&python, Path::new(""), "none", "");
    let place = Place::open(directory(), &settings(smtp.port, "none"));
    for (address, why) in [("nobody@example.org", "refused for good"), ("later@example.org", "refused for now")] {
        place.server.json(&["org", "update", "--id", "7", "--admin-email", address]);
        assert_eq!(place.delete("user-of-1")["notification"], "failed");
        assert!(place.log().contains(why), "{}", place.log());
        assert!(!place.log().contains(address), "{}", place.log());
    }
    assert!(smtp.is_empty());
}

#[test]
fn a_server_that_is_down_or_hangs_does_not_keep_a_delete_from_being_answered() {
    // One that answers nobody: connections wait in its queue, and nothing is ever said.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let down = TcpListener::bind("127.0.0.1:0").unwrap();
    let (hangs, gone) = (silent.local_addr().unwrap().port(), down.local_addr().unwrap().port());
    drop(down);
    for (port, why) in [(hangs, "timeout"), (gone, "connection")] {
        let place = Place::open(directory(), &format!("{}\ntimeout_ms = 300", settings(port, "none")));
        assert_eq!(place.delete("user-of-1")["notification"], "failed");
        assert!(place.log().contains(&format!("why=\"{why}\"")), "{}", place.log());
    }
}

#[test]
fn a_repeat_tells_again_under_the_same_message_id() {
    let Some(python) = python() else { return };
    let smtp = Smtp::start(&python, Path::new(""), "none", "");
    let place = Place::open(directory(), &settings(smtp.port, "none"));
    place.write("user-of-1");
    let body = json!({"orgId": 7, "region": "EU", "ids": {"user_id": ["user-of-1"]}, "sendEmailNotification": true,
                      "suppress": true});
    let answers = [(); 2].map(|()| keyed(&place, &body.to_string()));
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].contains("\"notification\":\"sent\""), "{answers:?}");
    let id = |mail: Value| {
        let text = mail["text"].as_str().unwrap().to_owned();
        assert!(text.contains("May be written anew: no, until an administrator lifts that"), "{text}");
        text.lines().find(|line| line.starts_with("Message-ID")).map(str::to_owned)
    };
    let both = [id(smtp.mail()), id(smtp.mail())];
    assert!(both[0].is_some() && both[0] == both[1], "{both:?}");
}

/// The body of the answer to a delete under an idempotency key.
fn keyed(place: &Place, body: &str) -> String {
    let host = place.server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (key, length) = (&place.key, body.len());
    write!(
        stream,
        "POST /cdp/v1/users/_delete HTTP/1.1\r\nhost: {host}\r\napikey: {key}\r\nidempotency-key: k\r\n\
         connection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn settings_that_cannot_be_are_told_before_anything_starts() {
    let dir = directory();
    let starts = |mail: &str| {
        std::fs::write(dir.path().join("onefold.toml"), format!("[mail]\n{mail}\n")).unwrap();
        let ran = run(onefold(dir.path()).args(["serve", "--listen", "127.0.0.1:0", "--config", "onefold.toml"]));
        assert_eq!(ran.status, 1, "{ran:?}");
        ran.stderr
    };
    let wrong = starts("host = 'x'\nfrom = 'nobody'\nuser = 'u'\ntls = 'none'\ntimeout_ms = 1");
    for told in ["mail.from must be", "mail.user and its password", "mail.tls must be", "mail.timeout_ms must be"] {
        assert!(wrong.contains(told), "{told:?} is not in {wrong}");
    }
    assert!(starts("from = 'a@b'").contains("mail.from is of no use while mail.host is empty"));
    let on = "host = 'x'\nfrom = 'a@example.org'";
    assert!(starts(&format!("{on}\nca_file = 'missing'")).contains("mail.ca_file: "));
    assert!(starts(&format!("{on}\nca_file = 'onefold.toml'")).contains("mail.ca_file holds no certificate"));
    assert!(starts(&format!("{on}\nuser = 'u'\npassword_file = 'missing'")).contains("mail.password_file: "));
    let both = starts(&format!("{on}\nuser = 'u'\npassword = 'p'\npassword_file = 'f'"));
    assert!(both.contains("exclude each other"), "{both}");
    std::fs::write(dir.path().join("onefold.toml"), format!("[mail]\n{on}\nuser = 'u'\npassword = 'hunter2'\n"))
        .unwrap();
    let printed = run(onefold(dir.path()).args(["config", "--config", "onefold.toml"]));
    assert!(printed.status == 0 && !printed.stdout.contains("hunter2"), "{printed:?}");
}
