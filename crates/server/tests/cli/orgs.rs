//! `onefold org …`.

use crate::util::*;
use serde_json::json;

#[test]
fn organisations_are_made_changed_shown_and_listed() {
    let dir = directory();
    let server = Server::start(dir.path(), &["--no-demo"]);
    let made =
        server.json(&["org", "create", "--name", "Acme", "--id", "42", "--regions", "us,eu", "--per-second", "0"]);
    assert_eq!((&made["orgId"], &made["regions"]), (&json!(42), &json!(["US", "EU"])));
    assert_eq!(made["limits"]["perSecond"], 0);
    let next = server.json(&["org", "create", "--name", "Second"]);
    let changed = server.json(&["org", "update", "--id", "42", "--ids-per-fetch", "50", "--write-answer", "minimal"]);
    assert_eq!((&changed["limits"]["idsPerFetch"], &changed["name"]), (&json!(50), &json!("Acme")));
    let person = |per_second, burst| {
        let flags = ["--person-per-second", per_second, "--person-burst", burst];
        server.json(&[&["org", "update", "--id", "42"], &flags[..]].concat())["limits"].clone()
    };
    let limits = person("5", "20");
    assert_eq!((&limits["personPerSecond"], &limits["personBurst"]), (&json!(5), &json!(20)));
    assert_eq!(person("default", "default"), changed["limits"]);
    assert_eq!(server.run(&["org", "update", "--id", "42", "--person-burst", "none"]).status, 2);
    assert_eq!(server.json(&["org", "show", "--id", "42"]), changed);
    assert_eq!(server.json(&["org", "list"]), json!({"items": [next, changed], "next": null}));

    let text = server.run(&["org", "list"]);
    assert_eq!((text.status, text.stdout.lines().count()), (0, 3), "{text:?}");
    assert!(text.stdout.starts_with("ORG") && text.stdout.contains("Acme"), "{text:?}");
}

#[test]
fn a_refusal_is_told_with_its_faults_and_exit_status_1() {
    let dir = directory();
    let server = Server::start(dir.path(), &["--no-demo"]);
    server.json(&["org", "create", "--name", "Acme", "--id", "42"]);
    let taken = server.run(&["org", "create", "--name", "Acme", "--id", "42", "--json"]);
    assert_eq!((taken.status, &taken.json()["code"]), (1, &json!("org.taken")));
    let wrong = server.run(&["org", "create", "--name", "", "--regions", "Mars"]);
    assert_eq!((wrong.status, wrong.stdout.as_str()), (1, ""));
    assert!(wrong.stderr.contains("/name") && wrong.stderr.contains("/regions/0"), "{wrong:?}");
    assert_eq!(server.run(&["org", "show", "--id", "7"]).status, 1);
}

#[test]
fn more_than_a_page_is_listed_whole() {
    let dir = directory();
    let server = Server::start(dir.path(), &["--no-demo"]);
    let root = std::fs::read_to_string(dir.path().join("data/root.key")).unwrap();
    for n in 0..101 {
        let body = format!(r#"{{"name":"Org {n}"}}"#);
        assert_eq!(http(&server.url, "POST", "/admin/v1/orgs", root.trim(), &body), 201);
    }
    assert_eq!(server.json(&["org", "list"])["items"].as_array().unwrap().len(), 101);
}
