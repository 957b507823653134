//! `onefold key …`: the life of a key, seen by a caller who uses it.

use crate::util::*;
use serde_json::json;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const READ: [&str; 8] = ["key", "create", "--org", "1", "--name", "web", "--scopes", "profile.read"];

/// A server with organisation 1.
fn server(dir: &std::path::Path) -> Server {
    let server = Server::start(dir, &["--no-demo"]);
    server.json(&["org", "create", "--name", "Acme"]);
    server
}

#[test]
fn a_key_is_made_works_and_is_revoked_within_a_second() {
    let dir = directory();
    let server = server(dir.path());
    let made = server.json(&READ);
    let (id, secret) = (made["keyId"].as_str().unwrap(), made["apikey"].as_str().unwrap());
    assert_eq!(server.fetch(1, secret), 404, "nobody is there, and the key may ask");
    assert_eq!(server.fetch(2, secret), 403);
    assert_eq!(http(&server.url, "POST", "/cdp/v1/users", secret, "{}"), 403, "not its scope");

    let revoked = server.json(&["key", "revoke", "--org", "1", "--key", id]);
    assert_eq!(revoked, json!({"keyId": id, "revoked": true}));
    let since = Instant::now();
    while server.fetch(1, secret) != 401 {
        assert!(since.elapsed() < Duration::from_secs(1));
    }
    let listed = server.json(&["key", "list", "--org", "1"]);
    assert!(listed["items"][0]["revokedAt"].is_u64(), "{listed}");
    let text = server.run(&["key", "list", "--org", "1"]);
    assert!(text.stdout.contains("revoked") && !text.stdout.contains(secret), "{text:?}");
}

#[test]
fn a_key_is_changed_and_what_is_not_named_stays() {
    let dir = directory();
    let server = server(dir.path());
    let made = server.json(&[&READ[..], &["--per-second", "7"]].concat());
    let id = made["keyId"].as_str().unwrap();
    let update = |flags: &[&str]| server.json(&[&["key", "update", "--org", "1", "--key", id], flags].concat());
    let named = update(&["--name", "shop", "--per-minute", "90"]);
    assert_eq!((&named["name"], &named["rateLimit"]), (&json!("shop"), &json!({"perSecond": 7, "perMinute": 90})));
    let text = server.run(&["key", "list", "--org", "1"]);
    assert!(text.stdout.contains("shop") && text.stdout.contains("90"), "{text:?}");
    assert_eq!(update(&["--no-rate-limit"])["rateLimit"], json!(null));
    assert_eq!(update(&[])["name"], "shop");
}

#[test]
fn a_rotation_leaves_the_old_secret_for_its_overlap() {
    let dir = directory();
    let server = server(dir.path());
    let made = server.json(&READ);
    let (id, old) = (made["keyId"].as_str().unwrap(), made["apikey"].as_str().unwrap());
    let rotated = server.json(&["key", "rotate", "--org", "1", "--key", id, "--overlap-seconds", "2"]);
    let at = Instant::now();
    let new = rotated["apikey"].as_str().unwrap();
    assert_eq!((server.fetch(1, old), server.fetch(1, new)), (404, 404));
    while server.fetch(1, old) != 401 {
        assert!(at.elapsed() < Duration::from_secs(15), "the overlap does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(at.elapsed() > Duration::from_millis(1_500), "it ended too early");
    assert_eq!(server.fetch(1, new), 404);
    let none = server.json(&["key", "rotate", "--org", "1", "--key", id, "--overlap-seconds", "0"]);
    assert_eq!((server.fetch(1, new), server.fetch(1, none["apikey"].as_str().unwrap())), (401, 404));
}

#[test]
fn a_key_expires() {
    let dir = directory();
    let server = server(dir.path());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let (end, from) = ((now + 5_000).to_string(), Instant::now());
    let made = server.json(&[&READ[..], &["--expires-at", &end]].concat());
    let secret = made["apikey"].as_str().unwrap();
    assert_eq!(server.fetch(1, secret), 404);
    while server.fetch(1, secret) != 401 {
        assert!(from.elapsed() < Duration::from_secs(15), "it does not expire");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(from.elapsed() > Duration::from_millis(4_500), "it expired too early");
}

#[test]
fn keys_outlive_a_restart_and_so_do_revocations() {
    let dir = directory();
    let first = server(dir.path());
    let kept = first.json(&READ)["apikey"].as_str().unwrap().to_owned();
    let made = first.json(&READ);
    first.json(&["key", "revoke", "--org", "1", "--key", made["keyId"].as_str().unwrap()]);
    assert!(first.stop().success());
    let second = Server::start(dir.path(), &[]);
    assert_eq!(second.fetch(1, &kept), 404);
    assert_eq!(second.fetch(1, made["apikey"].as_str().unwrap()), 401);
}

#[test]
fn people_are_shown_the_secret_once() {
    let dir = directory();
    let server = server(dir.path());
    let text = server.run(&READ);
    let secret = text.stdout.lines().find_map(|line| line.strip_prefix("apikey  ")).unwrap();
    assert_eq!(server.fetch(1, secret), 404);
    let refused = server.run(&["key", "create", "--org", "1", "--name", "x", "--scopes", "everything"]);
    assert!(refused.status == 1 && refused.stderr.contains("/scopes/0"), "{refused:?}");
    let unknown = server.run(&["key", "revoke", "--org", "1", "--key", "a/../b", "--json"]);
    assert_eq!((unknown.status, &unknown.json()["code"]), (1, &json!("key.unknown")));
}
