//! `onefold usage` and `onefold key reads`, seen by who runs the server.

use crate::util::*;
use serde_json::Value;
use std::path::Path;

/// A server with one organisation, a key of it and the key's id.
fn server(dir: &Path) -> (Server, String, String) {
    let server = Server::start(dir, &["--no-demo"]);
    server.json(&["org", "create", "--name", "Acme"]);
    let made = ["key", "create", "--org", "1", "--name", "web", "--scopes", "profile.read,profile.write"];
    let key = server.json(&made);
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (server, text("apikey"), text("keyId"))
}

fn write(server: &Server, key: &str, user: &str) -> String {
    let body = format!(r#"{{"orgId":1,"region":"EU","ids":{{"user_id":"{user}"}},"upsert":{{}}}}"#);
    let written: Value = serde_json::from_str(&body_of(&server.url, "POST", "/cdp/v1/users", key, &body)).unwrap();
    written[0]["ucid"].as_str().unwrap().to_owned()
}

#[test]
fn usage_is_a_table_and_a_chart_and_lives_through_a_restart() {
    let dir = directory();
    let (first, key, id) = server(dir.path());
    for _ in 0..3 {
        assert_eq!(first.fetch(1, &key), 404);
    }
    let by_key = first.json(&["usage", "--by", "key"]);
    assert_eq!((&by_key["items"][0]["keyId"], by_key["total"]["calls"].as_u64()), (&Value::from(id.as_str()), Some(3)));
    write(&first, &key, "jane");
    assert!(first.stop().success());

    let second = Server::start(dir.path(), &[]);
    assert_eq!(second.json(&["usage"])["total"]["calls"], 4, "also those of the last second before the stop");
    let by_operation = second.run(&["usage", "--org", "1", "--by", "operation", "--from", "2h"]);
    let (lines, status): (Vec<&str>, _) = (by_operation.stdout.lines().collect(), by_operation.status);
    assert!(status == 0 && lines[0].starts_with("organisation 1, "), "{by_operation:?}");
    assert!(lines[2].starts_with("OPERATION") && lines[3].starts_with("POST /cdp/v1/users/_search  3"), "{lines:?}");
    assert!(lines[3].ends_with(&"█".repeat(24)) && lines[4].ends_with(&"█".repeat(8)), "{lines:?}");
    assert!(lines[5].starts_with("all") && lines.len() == 6, "{lines:?}");
    let by_hour = second.run(&["usage"]);
    assert!(by_hour.stdout.contains("HOUR") && by_hour.stdout.contains('█'), "{by_hour:?}");
    assert!(by_hour.stdout.contains("calls; a column is an hour"), "{by_hour:?}");
    let by_key = second.run(&["usage", "--by", "key"]);
    assert!(by_key.stdout.contains(&format!("{id} web")), "{by_key:?}");
    let long_ago = second.run(&["usage", "--from", "2020-01-01", "--to", "2020-01-02"]);
    assert!(long_ago.status == 0 && long_ago.stdout.ends_with("no calls\n"), "{long_ago:?}");
}

#[test]
fn what_a_key_read_is_listed() {
    let dir = directory();
    let (server, key, id) = server(dir.path());
    let (jane, joe) = (write(&server, &key, "jane"), write(&server, &key, "joe"));
    let reads = server.json(&["key", "reads", &id]);
    let mut expected = [jane.as_str(), joe.as_str()];
    expected.sort_unstable();
    let found: Vec<&str> =
        reads["items"].as_array().unwrap().iter().map(|item| item["ucid"].as_str().unwrap()).collect();
    assert_eq!((found.as_slice(), &reads["missed"], &reads["next"]), (&expected[..], &Value::from(0), &Value::Null));
    let text = server.run(&["key", "reads", &id, "--org", "1", "--from", "1d"]);
    assert!(text.status == 0 && text.stdout.contains(&jane), "{text:?}");
    assert!(text.stdout.ends_with("2 profiles; none was left out\n"), "{text:?}");
    let text = server.run(&["key", "reads", &id, "--from", "2020-01-01", "--to", "2020-01-02"]);
    assert!(text.stdout.ends_with("0 profiles; none was left out\n"), "{text:?}");
}

#[test]
fn what_cannot_be_told_is_refused_and_says_why() {
    let dir = directory();
    let (server, ..) = server(dir.path());
    let usage = server.run(&["usage", "--from", "yesterday"]);
    assert!(usage.status == 2 && usage.stderr.contains("2025-01-31"), "{usage:?}");
    assert_eq!(server.run(&["usage", "--by", "day"]).status, 2);
    let long = server.run(&["usage", "--from", "60d"]);
    assert!(long.status == 1 && long.stderr.contains("?from must not be more than 31 days before to"), "{long:?}");
    assert_eq!(server.run(&["usage", "--org", "9"]).status, 1);
    for key in ["01941f29-7c00-7c1d-9e02-7d5b1a90c6f4", "no/such?key"] {
        let unknown = server.run(&["key", "reads", key]);
        assert!(unknown.status == 1 && unknown.stderr.contains("key.unknown"), "{unknown:?}");
        assert_eq!(server.run(&["key", "reads", key, "--org", "1"]).status, 1);
    }
    server.json(&["org", "create", "--name", "Other"]);
    let which = server.run(&["usage"]);
    assert!(which.status == 2 && which.stderr.contains("say which with --org N"), "{which:?}");
}
