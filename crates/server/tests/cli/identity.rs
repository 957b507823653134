//! `onefold strategy|identity|catalogue|blocked|suppression|refused …`.

use crate::util::*;
use serde_json::{Value, json};
use std::path::Path;

const CUSTOM: &str = r#"{"mode": "custom", "kinds": [
    {"kind": "user_id", "class": "primary", "priority": 1, "keep": 1},
    {"kind": "email", "class": "primary", "priority": 2, "keep": 1},
    {"kind": "ttd", "class": "disabled"}]}"#;
const RECORDS: &str = r#"{"ids": {"user_id": "u1"}}
{"ids": {"email": "e1@example.org"}, "upsert": {"profile": {"city": "Porto"}}}
{"ids": {"user_id": "u1", "email": "e1@example.org"}}

{"ids": {"user_id": "u2", "email": "e1@example.org"}}
{"ids": {"ttd": "x"}}
"#;

fn file(dir: &Path, name: &str, text: &str) -> String {
    std::fs::write(dir.join(name), text).unwrap();
    name.into()
}

fn tried(dir: &Path, args: &[&str]) -> Value {
    let ran = run(onefold(dir).args(["strategy", "test"]).args(args).arg("--json"));
    assert_eq!(ran.status, 0, "{ran:?}");
    ran.json()
}

#[test]
fn a_strategy_is_tried_without_a_server_and_nothing_is_stored() {
    let dir = directory();
    let (records, strategy) = (file(dir.path(), "r", RECORDS), file(dir.path(), "s", CUSTOM));
    let custom = tried(dir.path(), &[&records, "--strategy", &strategy]);
    let outcomes: Vec<_> =
        custom["records"].as_array().unwrap().iter().map(|one| (&one["person"], one["outcome"].as_str())).collect();
    let [first, second] = [json!("P1"), json!("P2")];
    let third = json!("P3");
    let expected = [
        (&first, Some("new")),
        (&second, Some("new")),
        (&first, Some("joined")),
        (&third, Some("new")),
        (&Value::Null, Some("refused")),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(custom["records"][2]["joined"], json!(["P2"]));
    assert_eq!(custom["records"][3]["notAttached"], json!(["email"]));
    assert_eq!(custom["records"][4]["problem"]["code"], "identity.no_usable_identifier");
    assert_eq!(custom["strategy"]["kinds"][0]["contested"], "stay");
    let people = custom["people"].as_array().unwrap();
    assert_eq!(people.iter().map(|person| &person["person"]).collect::<Vec<_>>(), ["P1", "P3"]);
    assert_eq!(people[0]["profile"]["city"]["city"], "Porto");
    assert_eq!(people[0]["explanation"]["merges"][0]["request"], "record-3");

    let default = tried(dir.path(), &[&records]);
    assert_eq!(default["records"][4]["person"], "P4", "by the default every kind names somebody");
    let text = run(onefold(dir.path()).args(["strategy", "test", &records, "--strategy", &strategy]));
    assert_eq!(text.status, 0);
    for part in ["RECORD", "user_id leads to P1; email led to P2, who merged into P1", "notAttached: email", "PERSON"] {
        assert!(text.stdout.contains(part), "{part}: {}", text.stdout);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing but the two files");
}

#[test]
fn records_may_be_an_array_and_what_is_wrong_with_one_is_told() {
    let dir = directory();
    let try_it =
        |text: &str| run(onefold(dir.path()).args(["strategy", "test", &file(dir.path(), "r", text), "--json"]));
    let array = try_it(r#"[{"ids": {"user_id": "u"}, "orgId": 77, "region": "UK"}, {"ids": {"user_id": "u"}}]"#);
    let people: Vec<Value> =
        array.json()["records"].as_array().unwrap().iter().map(|one| one["person"].clone()).collect();
    assert_eq!(people, ["P1", "P2"], "people are never joined across regions");
    for (text, code) in [
        ("", "cli.input"),
        ("[]", "cli.input"),
        ("nonsense", "request.malformed_json"),
        (r#"{"ids": {"user_id": "u"}} {}"#, "request.malformed_json"),
        (r#"{"ids": {"user_id": "u"}, "colour": 1}"#, "request.unknown_member"),
        (r#"{"user_id": "u"}"#, "request.unknown_member"),
        (r#"[{"ids": {"user_id": "u"}}, 5]"#, "request.invalid"),
        (r#"{"ids": {"user_id": "u"}, "region": "Mars"}"#, "request.unknown_region"),
    ] {
        let ran = try_it(text);
        assert_eq!((ran.status, ran.json()["code"].as_str()), (1, Some(code)), "{text}");
    }
    let second =
        run(onefold(dir.path()).args(["strategy", "test", &file(dir.path(), "r", "{\"ids\":{\"a\":\"b\"}}\n{}")]));
    assert!(second.status == 1 && second.stderr.contains("record 2"), "{second:?}");
    let strategy = file(dir.path(), "s", r#"{"mode": "custom", "kinds": [{"kind": "a", "class": "best"}]}"#);
    let records = file(dir.path(), "r", RECORDS);
    let wrong = run(onefold(dir.path()).args(["strategy", "test", &records, "--strategy", &strategy]));
    assert!(wrong.status == 1 && wrong.stderr.contains("/kinds/0/class"), "{wrong:?}");
    assert_eq!(run(onefold(dir.path()).args(["strategy", "test", "no-such-file"])).status, 1);
    assert_eq!(run(onefold(dir.path()).args(["strategy", "test"])).status, 2);
}

#[test]
fn a_strategy_is_shown_replaced_and_tried_as_stored() {
    let dir = directory();
    let server = Server::start(dir.path(), &[]);
    let shown = server.json(&["strategy", "show", "--org", "1"]);
    assert_eq!(shown, json!({"mode": "default", "exclusive": ["user_id"], "version": 1}));
    let set = server.json(&["strategy", "set", "--org", "1", &file(dir.path(), "s", CUSTOM)]);
    assert_eq!((&set["version"], &set["kinds"][1]["keep"]), (&json!(2), &json!(1)));
    let text = server.run(&["strategy", "show", "--org", "1"]);
    assert!(text.stdout.contains("KIND") && text.stdout.contains("version 2"), "{text:?}");
    let bad = server.run(&["strategy", "set", "--org", "1", &file(dir.path(), "b", r#"{"mode": "x"}"#)]);
    assert!(bad.status == 1 && bad.stderr.contains("/mode"), "{bad:?}");
    assert_eq!(server.run(&["strategy", "show", "--org", "9"]).status, 1);
    let stored = tried(dir.path(), &[&file(dir.path(), "r", RECORDS), "--org", "1"]);
    assert_eq!(stored["records"][4]["outcome"], "refused", "the stored strategy was tried");
}

#[test]
fn the_catalogue_and_the_blocked_values_are_shown_and_replaced() {
    let dir = directory();
    let server = Server::start(dir.path(), &[]);
    let age = r#"{"attributes": {"age": {"type": "integer", "pii": true}}}"#;
    let merged = server.json(&["catalogue", "set", "--org", "1", "--merge", &file(dir.path(), "c", age)]);
    assert_eq!((&merged["version"], &merged["kinds"]["email"]["form"]), (&json!(1), &json!("email")));
    assert_eq!(server.json(&["catalogue", "show", "--org", "1"]), merged);
    let text = server.run(&["catalogue", "show", "--org", "1"]);
    assert!(text.stdout.contains("cellphone") && text.stdout.contains("age"), "{text:?}");
    let whole = server.json(&["catalogue", "set", "--org", "1", &file(dir.path(), "c", age)]);
    assert_eq!(whole["kinds"], json!({}), "without --merge it is the whole of it");

    let list = json!({"values": ["test@example.org"], "patterns": ["^demo-"]});
    let set = server.json(&["blocked", "set", "--org", "1", &file(dir.path(), "b", &list.to_string())]);
    assert_eq!((&set, &server.json(&["blocked", "show", "--org", "1"])), (&list, &list));
    assert_eq!(server.json(&["blocked", "list", "--org", "1"]), json!({"items": [], "next": null}));
    let unknown = server.run(&["blocked", "lift", "--org", "1", "--id", &"0".repeat(32), "--json"]);
    assert_eq!((unknown.status, &unknown.json()["code"]), (1, &json!("blocked.unknown")));
    let by_value = ["blocked", "lift", "--org", "1", "--region", "EU", "--value", "email=a", "--json"];
    assert_eq!(server.run(&by_value).json()["code"], "blocked.unknown");
    assert_eq!(server.run(&["blocked", "lift", "--org", "1"]).status, 2);
    assert_eq!(server.json(&["refused", "list", "--org", "1", "--limit", "5"]), json!({"items": [], "next": null}));
}

#[test]
fn what_was_deleted_for_good_is_listed_and_lifted() {
    let dir = directory();
    let server = Server::start(dir.path(), &[]);
    let scopes = "profile.write,profile.delete";
    let key = server.json(&["key", "create", "--org", "1", "--name", "web", "--scopes", scopes]);
    let post = |path: &str, body: &str| http(&server.url, "POST", path, key["apikey"].as_str().unwrap(), body);
    let write = r#"{"orgId":1,"region":"EU","ids":{"user_id":"j","card":"c"},"upsert":{}}"#;
    assert_eq!(post("/cdp/v1/users", write), 200);
    let delete = r#"{"orgId":1,"region":"EU","ids":{"user_id":["j"]},"suppress":true}"#;
    assert_eq!(post("/cdp/v1/users/_delete", delete), 200);
    assert_eq!(post("/cdp/v1/users", write), 400);
    let listed = server.json(&["suppression", "list", "--org", "1"]);
    let items = listed["items"].as_array().unwrap();
    let card = items.iter().find(|item| item["kind"] == "card").unwrap();
    let text = server.run(&["suppression", "list", "--org", "1"]);
    assert!(text.stdout.contains("SUPPRESSED AT") && text.stdout.contains("user_id"), "{text:?}");
    assert!(!text.stdout.contains(&card["suppressedAt"].to_string()), "a moment as people read it: {text:?}");
    let id = card["suppressionId"].as_str().unwrap();
    let by_id = ["suppression", "lift", "--org", "1", "--id", id];
    assert_eq!(server.json(&by_id), json!({"suppressionId": id, "lifted": true}));
    assert_eq!(server.run(&by_id).status, 1);
    assert_eq!(post("/cdp/v1/users", write), 400, "the other one still is");
    server.json(&["suppression", "lift", "--org", "1", "--value", "user_id=j"]);
    assert_eq!(post("/cdp/v1/users", write), 200);
    let again = server.run(&["suppression", "lift", "--org", "1", "--value", "user_id=j", "--region", "EU", "--json"]);
    assert_eq!((again.status, &again.json()["code"]), (1, &json!("suppression.unknown")));
    assert_eq!(server.run(&["suppression", "lift", "--org", "1", "--value", "j"]).status, 2);
    let nothing = server.run(&["suppression", "lift", "--org", "1"]);
    assert!(nothing.status == 2 && nothing.stderr.contains("<--id <ID>|--value <KIND=VALUE>>"), "{nothing:?}");
    assert_eq!(server.run(&["suppression", "lift", "--org", "1", "--id", id, "--value", "user_id=j"]).status, 2);
}

#[test]
fn a_person_is_explained_split_and_may_meet_again() {
    let dir = directory();
    let server = Server::start(dir.path(), &[]);
    let key = server.json(&["key", "create", "--org", "1", "--name", "web", "--scopes", "profile.write"]);
    let write = |ids: &str| {
        let body = format!(r#"{{"orgId":1,"region":"EU","ids":{ids},"upsert":{{}}}}"#);
        assert_eq!(http(&server.url, "POST", "/cdp/v1/users", key["apikey"].as_str().unwrap(), &body), 200);
    };
    write(r#"{"k":"k1"}"#);
    write(r#"{"nid":"n1"}"#);
    write(r#"{"k":"k1","nid":"n1"}"#);
    let told = server.json(&["identity", "explain", "--org", "1", "k=k1"]);
    let merge = &told[0]["merges"][0];
    let (one, other) = (told[0]["ucid"].as_str().unwrap(), merge["profile"].as_str().unwrap());
    let text = server.run(&["identity", "explain", "--org", "1", &format!("ucid={other}")]);
    assert!(text.stdout.contains("P2 and P1 became one. A record of web"), "{text:?}");
    assert_eq!(server.run(&["identity", "explain", "--org", "1", "k1"]).status, 2);
    assert_eq!(server.run(&["identity", "explain", "--org", "1", "k=nobody"]).status, 1);

    let at = ["--org", "1", "--region", "EU", "--ucid", one];
    let both = server.json(&[&["identity", "split"][..], &at, &["--linked", other]].concat());
    assert_eq!((both[0]["ucid"].as_str(), both[1]["ucid"].as_str()), (Some(one), Some(other)));
    write(r#"{"k":"k1","nid":"n1"}"#);
    let apart = server.json(&["identity", "explain", "--org", "1", "k=k1"]);
    assert_eq!(apart[0]["keptApart"][0]["from"], *other);
    let refused = server.json(&["refused", "list", "--org", "1"]);
    assert_eq!(refused["items"][0]["reason"], "identity.kept_apart");
    let lifted = server.json(&[&["identity", "lift"][..], &at, &["--other", other]].concat());
    assert_eq!(lifted["lifted"], true);
    write(r#"{"k":"k1","nid":"n1"}"#);
    assert_eq!(server.json(&["identity", "explain", "--org", "1", "nid=n1"])[0]["ucid"], *one);
}
