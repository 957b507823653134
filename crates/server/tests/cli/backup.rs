//! `onefold backup` and `onefold restore`: everything comes back, and nobody who was deleted.

use crate::util::*;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const SCOPES: &str = "profile.read,profile.write,profile.delete,org.admin";
const USERS: &str = "/cdp/v1/users";

/// A directory with a server's data, beside it its deletion log, and what its clients know.
struct Place {
    dir: TempDir,
    org: u64,
    key: String,
}

/// The program, with the deletion log beside the data.
fn program(dir: &Path) -> Command {
    let mut command = onefold(dir);
    command.env("ONEFOLD__ENGINE__DELETION_LOG", dir.join("kept/deletions.log"));
    command
}

impl Place {
    fn new() -> (Self, Server) {
        let dir = directory();
        fs::create_dir(dir.path().join("kept")).unwrap();
        let mut place = Self { dir, org: 0, key: String::new() };
        let server = place.start();
        place.org = server.json(&["org", "create", "--name", "Acme"])["orgId"].as_u64().unwrap();
        let org = place.org.to_string();
        let key = server.json(&["key", "create", "--org", &org, "--name", "k", "--scopes", SCOPES]);
        place.key = key["apikey"].as_str().unwrap().to_owned();
        (place, server)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start(&self) -> Server {
        let mut command = program(self.dir.path());
        command.args(["serve", "--listen", "127.0.0.1:0", "--no-demo"]);
        Server::started(command, self.dir.path())
    }

    fn run(&self, args: &[&str]) -> Ran {
        run(program(self.dir.path()).args(args))
    }

    fn call(&self, server: &Server, path: &str, body: Value) -> Value {
        let body = body_of(&server.url, "POST", path, &self.key, &body.to_string());
        serde_json::from_str(&body).unwrap()
    }

    /// Writes somebody, and gives the UCID.
    fn write(&self, server: &Server, user: &str) -> String {
        let answer = self.call(server, USERS, self.record(user));
        answer[0]["ucid"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    fn record(&self, user: &str) -> Value {
        let ids = json!({"user_id": user, "email": format!("{user}@example.com")});
        json!({"orgId": self.org, "region": "EU", "ids": ids, "upsert": {"profile": {"note": format!("of {user}")}}})
    }

    fn delete(&self, server: &Server, user: &str) -> String {
        self.delete_with(server, user, false)
    }

    fn delete_with(&self, server: &Server, user: &str, suppress: bool) -> String {
        let ids = json!({"email": [format!("{user}@example.com")]});
        let body = json!({"orgId": self.org, "region": "EU", "ids": ids, "suppress": suppress});
        let answer = self.call(server, "/cdp/v1/users/_delete", body);
        assert_eq!(answer["deletedProfiles"].as_array().map(Vec::len), Some(1), "{answer}");
        answer["deletionId"].as_str().unwrap().to_owned()
    }

    fn status(&self, server: &Server, kind: &str, value: &str) -> u16 {
        let body = json!({"orgId": self.org, "search": {kind: [value]}});
        http(&server.url, "POST", "/cdp/v1/users/_search", &self.key, &body.to_string())
    }

    fn is_there(&self, server: &Server, user: &str) -> bool {
        let by_id = self.status(server, "user_id", user);
        assert_eq!(by_id, self.status(server, "email", &format!("{user}@example.com")));
        by_id == 200
    }

    fn backup(&self) -> Value {
        let ran = self.run(&["backup", "b.onefold", "--json"]);
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.json()
    }

    /// The server ends, and its directory is lost.
    fn lose(&self, server: Server) {
        assert!(server.stop().success());
        fs::remove_dir_all(self.path("data")).unwrap();
    }
}

fn audited(server: &Server, what: &str) -> Value {
    let log = server.json(&["audit", "tail"]);
    let found = log["items"].as_array().unwrap().iter().find(|entry| entry["what"] == what).cloned();
    found.unwrap_or_else(|| panic!("{what} is not in {log}"))
}

#[test]
fn who_was_deleted_after_a_backup_does_not_come_back() {
    let (place, server) = Place::new();
    let ucid = place.write(&server, "leaves");
    place.write(&server, "stays");
    place.write(&server, "never again");
    let made = place.backup();
    assert_eq!((made["file"].as_str(), made["warnings"].as_array().map(Vec::len)), (Some("b.onefold"), Some(0)));
    let rotated = server.run(&["key", "rotate", "--receipts"]);
    assert_eq!(rotated.status, 0, "{rotated:?}");
    let deletion = place.delete(&server, "leaves");
    place.write(&server, "comes and goes");
    place.delete(&server, "comes and goes");
    for user in ["never again", "nor this one"] {
        place.write(&server, user);
        place.delete_with(&server, user, true);
    }
    place.lose(server);
    let refused = place.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(refused.status == 1 && refused.stderr.contains("restore a backup"), "{refused:?}");
    assert!(!place.path("data").exists(), "nothing new was begun in place of what was lost");

    let restored = place.run(&["restore", "b.onefold", "--json"]);
    assert_eq!(restored.status, 0, "{restored:?}");
    let mut deletions = restored.json()["deletions"].clone();
    assert!(deletions["until"].take().is_number());
    assert_eq!(deletions, json!({"lines": 8, "people": 2, "withThem": 0, "until": null, "missing": null}));
    assert_eq!(restored.json()["newReceiptKey"], true, "the one of the backup was replaced");
    let server = place.start();
    assert!(place.is_there(&server, "stays"));
    assert!(!place.is_there(&server, "leaves") && !place.is_there(&server, "comes and goes"));
    assert_eq!(place.status(&server, "ucid", &ucid), 404);
    // Nor by a late telephone.
    for user in ["leaves", "comes and goes"] {
        let mut late = place.record(user);
        late["timestamp"] = 1_700_000_000_000_u64.into();
        assert_eq!(place.call(&server, USERS, late)["code"], "identity.erased", "{user}");
    }
    for user in ["never again", "nor this one"] {
        assert_eq!(place.call(&server, USERS, place.record(user))["code"], "identity.suppressed", "{user}");
    }
    let receipt = http(&server.url, "GET", &format!("/cdp/v1/deletions/{deletion}"), &place.key, "");
    assert_eq!(receipt, 200, "the proof of the delete is there");
    let entry = audited(&server, "onefold restore");
    assert_eq!((&entry["outcome"], &entry["count"]), (&json!("done"), &json!(2)));
    assert_ne!(place.write(&server, "leaves"), ucid, "who comes back of themselves is somebody new");

    // And so on: what is deleted now does not come back by the same backup either.
    place.delete(&server, "stays");
    place.lose(server);
    let restored = place.run(&["restore", "b.onefold"]);
    assert!(restored.status == 0 && restored.stdout.contains("receipts are signed with a new key"), "{restored:?}");
    assert!(!place.is_there(&place.start(), "stays"));
}

#[test]
fn without_the_deletion_log_it_is_refused_unless_that_is_accepted_and_recorded() {
    let (place, server) = Place::new();
    place.write(&server, "leaves");
    place.write(&server, "stays");
    let early = fs::read(place.path("kept/deletions.log")).unwrap();
    place.delete(&server, "stays");
    place.write(&server, "stays");
    place.backup();
    place.delete(&server, "leaves");
    place.lose(server);

    let log = fs::read(place.path("kept/deletions.log")).unwrap();
    fs::write(place.path("damaged.log"), String::from_utf8_lossy(&log).replacen("\"at\":1", "\"at\":2", 1)).unwrap();
    fs::write(place.path("early.log"), early).unwrap();
    fs::remove_file(place.path("kept/deletions.log")).unwrap();
    for (given, words) in [
        (None, "there is no deletion log"),
        (Some("early.log"), "is an older copy"),
        (Some("damaged.log"), "is damaged in line 3"),
        (Some("b.onefold"), "is not a deletion log"),
    ] {
        let more = given.map_or(vec![], |log| vec!["--deletion-log", log]);
        let refused = place.run(&[&["restore", "b.onefold"], more.as_slice()].concat());
        assert_eq!(refused.status, 1, "{refused:?}");
        for said in [words, "nothing was changed", "--accept-missing-deletions"] {
            assert!(refused.stderr.contains(said), "{said}: {refused:?}");
        }
        assert!(!place.path("data").exists());
    }

    let accepted = place.run(&["restore", "b.onefold", "--accept-missing-deletions", "--json"]);
    assert!(accepted.status == 0 && accepted.json()["deletions"]["missing"].is_string(), "{accepted:?}");
    let server = place.start();
    assert!(place.is_there(&server, "stays") && place.is_there(&server, "leaves"), "as the flag says");
    audited(&server, "onefold restore --accept-missing-deletions");
    let text = server.run(&["audit", "tail"]);
    assert!(text.status == 0 && !text.stdout.contains(" 0 times"), "{text:?}");
}

#[test]
fn what_is_deleted_while_a_backup_is_made_is_gone_as_well() {
    let (place, server) = Place::new();
    place.write(&server, "leaves");
    place.write(&server, "stays");
    let root = fs::read_to_string(place.path("data/root.key")).unwrap();
    let host = server.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!("POST /admin/v1/backup HTTP/1.0\r\nhost: {host}\r\napikey: {}\r\n", root.trim());
    write!(stream, "{head}content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.0 200"), "{}", String::from_utf8_lossy(&answer));
    place.delete(&server, "leaves");
    let mut backup = Vec::new();
    stream.read_to_end(&mut backup).unwrap();
    let marked = backup.windows(9).any(|window| window == b"of leaves");
    assert!(marked, "it is as of its beginning");
    fs::write(place.path("b.onefold"), backup).unwrap();
    place.lose(server);

    let restored = place.run(&["restore", "b.onefold"]);
    assert!(restored.status == 0 && restored.stdout.contains("1 people deleted again"), "{restored:?}");
    let server = place.start();
    assert!(place.is_there(&server, "stays") && !place.is_there(&server, "leaves"));
}

#[test]
fn what_is_no_whole_backup_is_refused_and_changes_nothing() {
    let (place, server) = Place::new();
    place.write(&server, "stays");
    place.backup();
    let again = place.run(&["backup", "b.onefold"]);
    assert!(again.status == 1 && again.stderr.contains("is there already"), "{again:?}");
    assert!(server.stop().success());
    let in_use = place.run(&["restore", "b.onefold"]);
    assert!(in_use.status == 1 && in_use.stderr.contains("is not empty"), "{in_use:?}");
    fs::rename(place.path("data"), place.path("before")).unwrap();

    let whole = fs::read(place.path("b.onefold")).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    let newer = String::from_utf8_lossy(&whole[..20]).replace("\"version\":1", "\"version\":2");
    let line = String::from_utf8(whole[..whole.iter().position(|byte| *byte == b'\n').unwrap()].to_vec()).unwrap();
    let newer =
        [line.replace("\"version\":1", "\"version\":2").as_bytes(), &whole[line.len()..], newer.as_bytes()].concat();
    for (bytes, words) in [
        (&whole[..whole.len() - 10], "is not complete"),
        (&damaged, "is damaged"),
        (&newer, "and this version cannot read it"),
        (b"a picture", "is not a backup of onefold"),
    ] as [(&[u8], &str); 4]
    {
        fs::write(place.path("wrong"), bytes).unwrap();
        let refused = place.run(&["restore", "wrong"]);
        assert!(refused.status == 1 && refused.stderr.contains(words), "{words}: {refused:?}");
        assert!(refused.stderr.contains("nothing was changed") && !place.path("data").exists(), "{refused:?}");
    }
    let looked = place.run(&["restore", "b.onefold", "--check"]);
    assert!(looked.status == 0 && looked.stdout.contains("all is well"), "{looked:?}");
    assert!(!place.path("data").exists());

    // A restore that was cut short is no directory to serve, and is begun again.
    assert_eq!(place.run(&["restore", "b.onefold"]).status, 0);
    fs::write(place.path("data/RESTORING"), "").unwrap();
    let refused = place.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(refused.status == 1 && refused.stderr.contains("run onefold restore again"), "{refused:?}");
    let looked = place.run(&["doctor"]);
    assert!(looked.status == 1 && looked.stderr.contains("run onefold restore again"), "{looked:?}");
    fs::remove_file(place.path("data/FORMAT")).unwrap();
    let looked = place.run(&["doctor"]);
    assert!(looked.status == 1 && looked.stderr.contains("run onefold restore again"), "also early in it: {looked:?}");
    assert_eq!(place.run(&["restore", "b.onefold"]).status, 0);
    assert!(place.is_there(&place.start(), "stays"));
}

#[test]
fn a_deletion_log_in_the_data_directory_is_warned_of_and_can_be_given() {
    let dir = directory();
    let server = Server::start(dir.path(), &[]);
    let made = server.json(&["backup", "b.onefold"]);
    assert!(made["warnings"][0].as_str().unwrap().contains("engine.deletion_log"), "{made}");
    let (backup, log) = (dir.path().join("b.onefold"), dir.path().join("data/deletions.log"));
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(server.stop().success());
    fs::rename(dir.path().join("data"), dir.path().join("old")).unwrap();
    // Alone in a new directory, or named.
    fs::create_dir(dir.path().join("data")).unwrap();
    fs::copy(dir.path().join("old/deletions.log"), &log).unwrap();
    assert_eq!(run(onefold(dir.path()).args(["restore", "b.onefold"])).status, 0);
    assert!(Server::start(dir.path(), &[]).stop().success());
    fs::remove_dir_all(dir.path().join("data")).unwrap();
    let named = run(onefold(dir.path()).args(["restore", "b.onefold", "--deletion-log", "old/deletions.log"]));
    assert!(named.status == 0 && log.exists(), "{named:?}");
    assert!(Server::start(dir.path(), &[]).stop().success(), "and the server goes on with it");
}

#[test]
fn a_backup_of_damaged_rows_is_none() {
    let (place, server) = Place::new();
    place.write(&server, "somebody");
    assert!(server.stop().success());
    let rows = fjall::Database::builder(place.path("data/rows")).open().unwrap();
    let profiles = rows.keyspace("profile", fjall::KeyspaceCreateOptions::default).unwrap();
    let (at, _) = profiles.iter().next().unwrap().into_inner().unwrap();
    profiles.insert(at, b"not what was written").unwrap();
    rows.persist(fjall::PersistMode::SyncAll).unwrap();
    drop((profiles, rows));

    let server = place.start();
    let refused = place.run(&["backup", "b.onefold", "--json"]);
    assert_eq!((refused.status, &refused.json()["code"]), (1, &json!("server.fault")), "{refused:?}");
    assert!(!place.path("b.onefold").exists() && !place.path("b.onefold.part").exists());
    audited(&server, "POST /admin/v1/backup");
}
