//! `onefold audit …`, `onefold receipt verify`, `onefold key rotate --root|--receipts`, seen by who runs the server.

use crate::util::*;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

fn server(dir: &Path) -> Server {
    let server = Server::start(dir, &["--no-demo"]);
    server.json(&["org", "create", "--name", "Acme"]);
    server
}

#[test]
fn the_log_is_shown_verified_and_lives_through_a_restart() {
    let dir = directory();
    let first = server(dir.path());
    first.json(&["key", "create", "--org", "1", "--name", "web", "--scopes", "profile.read"]);
    assert_eq!(first.fetch(1, "nobody-knows-this"), 401);
    assert!(first.stop().success());

    let second = Server::start(dir.path(), &[]);
    let log = second.json(&["audit", "tail", "--org", "1"]);
    assert_eq!(log["items"].as_array().unwrap().len(), 2);
    assert_eq!(log["items"][1]["what"], "POST /admin/v1/orgs/{orgId}/keys");
    let text = second.run(&["audit", "tail"]);
    assert!(text.stdout.contains("auth.invalid") && text.stdout.contains("POST /admin/v1/orgs"), "{text:?}");
    let verified = second.json(&["audit", "verify"]);
    assert_eq!(verified["status"], "good", "{verified}");
    let text = second.run(&["audit", "verify", "--org", "1"]);
    assert!(text.status == 0 && text.stdout.contains("2 entries in 1 chains: all as they were written"), "{text:?}");
    assert_eq!(second.run(&["audit", "tail", "--org", "99"]).status, 1);
}

#[test]
fn a_follower_sees_what_comes() {
    let dir = directory();
    let server = server(dir.path());
    let mut follower = onefold(dir.path());
    follower.args(["audit", "tail", "--follow", "--json"]).stdout(Stdio::piped());
    let mut follower = follower.spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((next()["outcome"].clone(), next()["outcome"].clone()), ("begun".into(), "done".into()));
    server.json(&["org", "create", "--name", "Later"]);
    assert_eq!((next()["outcome"].clone(), next()["about"].clone()), ("begun".into(), "2".into()));
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn a_new_root_key_is_kept_and_the_old_one_opens_nothing() {
    let dir = directory();
    let server = server(dir.path());
    let file = dir.path().join("data/root.key");
    let old = std::fs::read_to_string(&file).unwrap();
    let rotated = server.json(&["key", "rotate", "--root"]);
    let new = std::fs::read_to_string(&file).unwrap();
    assert_eq!(rotated["apikey"], new.trim());
    assert_ne!(old, new);
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions()) & 0o777, 0o600);
    assert_eq!(http(&server.url, "GET", "/admin/v1/orgs", old.trim(), ""), 401);
    server.json(&["org", "list"]);
    assert!(server.stop().success());
    Server::start(dir.path(), &[]).json(&["org", "list"]);
}

#[test]
fn a_root_key_of_the_environment_is_not_replaced() {
    let dir = directory();
    let mut command = onefold(dir.path());
    command.env("ONEFOLD_ROOT_KEY", "of-the-environment").args(["serve", "--listen", "127.0.0.1:0", "--no-demo"]);
    let server = Server::started(command, dir.path());
    let ran = run(onefold(&server.dir).env("ONEFOLD_ROOT_KEY", "of-the-environment").args(["key", "rotate", "--root"]));
    assert!(ran.status == 1 && ran.stderr.contains("key.from_environment"), "{ran:?}");
    assert_eq!(run(onefold(&server.dir).args(["key", "rotate", "--root", "--org", "1"])).status, 2);
    let nothing = run(onefold(&server.dir).args(["key", "rotate"]));
    assert_eq!(nothing.status, 2);
    assert!(nothing.stderr.contains("rotate --root") && nothing.stderr.contains("rotate --receipts"), "{nothing:?}");
}

#[test]
fn a_receipt_verifies_without_a_server_and_not_after_a_change() {
    let dir = directory();
    let server = server(dir.path());
    let made = ["key", "create", "--org", "1", "--name", "all", "--scopes", "profile.write,profile.delete"];
    let key = server.json(&made)["apikey"].as_str().unwrap().to_owned();
    let call = |method, path: &str, body: &str| -> Value {
        let answer = body_of(&server.url, method, path, &key, body);
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}"))
    };
    call("POST", "/cdp/v1/users", r#"{"orgId":1,"region":"EU","ids":{"user_id":"u"},"upsert":{}}"#);
    let deleted = call("POST", "/cdp/v1/users/_delete", r#"{"orgId":1,"region":"EU","ids":{"user_id":["u"]}}"#);
    let receipt = call("GET", &format!("/cdp/v1/deletions/{}", deleted["deletionId"].as_str().unwrap()), "");
    server.json(&["key", "rotate", "--receipts"]);
    let keys = call("GET", "/.well-known/onefold-keys.json", "");
    let keep = |name: &str, value: &Value| std::fs::write(dir.path().join(name), value.to_string()).unwrap();
    keep("receipt.json", &receipt);
    keep("keys.json", &keys);
    let changed = receipt.to_string().replace("\"region\":\"EU\"", "\"region\":\"US\"");
    std::fs::write(dir.path().join("changed.json"), changed).unwrap();
    assert_eq!(server.json(&["receipt", "verify", "receipt.json"])["valid"], true);
    assert!(server.stop().success());

    let verify = |file: &str| run(onefold(dir.path()).args(["receipt", "verify", file, "--keys", "keys.json"]));
    let good = verify("receipt.json");
    assert!(good.status == 0 && good.stdout.starts_with("valid: organisation 1"), "{good:?}");
    assert!(good.stdout.contains(", 1 profile deleted at 20"), "{good:?}");
    for (file, why) in [("changed.json", "signature"), ("keys.json", "is not a receipt"), ("none.json", "No such file")]
    {
        let bad = verify(file);
        assert!(bad.status == 1 && bad.stderr.contains(why), "{bad:?}");
    }
}
