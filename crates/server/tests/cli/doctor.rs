//! `onefold doctor`: a data directory that is good, damaged, in use, or none.

use crate::util::*;
use serde_json::{Value, json};
use std::path::Path;

/// A data directory with a demo in it, which nobody uses any more.
fn used(dir: &Path) {
    assert!(Server::start(dir, &[]).stop().success());
}

fn doctor(dir: &Path) -> Ran {
    run(onefold(dir).args(["doctor", "--json"]))
}

fn of_table(report: &Value, name: &str) -> Value {
    let tables = report["tables"].as_array().unwrap();
    tables.iter().find(|table| table["table"] == name).unwrap().clone()
}

#[test]
fn a_good_directory_is_said_to_be_good_with_counts() {
    let dir = directory();
    used(dir.path());
    let ran = doctor(dir.path());
    assert_eq!(ran.status, 0, "{ran:?}");
    let report = ran.json();
    assert_eq!((&report["status"], &report["damaged"], &report["warnings"]), (&json!("good"), &json!(0), &json!([])));
    assert_eq!(of_table(&report, "org"), json!({"table": "org", "rows": 1, "damaged": 0}));
    let text = run(onefold(dir.path()).arg("doctor"));
    assert!(text.status == 0 && text.stdout.contains("No damage found"), "{text:?}");
    assert!(Server::start(dir.path(), &[]).stop().success(), "looking did no harm");
}

#[test]
fn damaged_rows_are_counted_and_are_exit_status_1() {
    let dir = directory();
    used(dir.path());
    let rows = fjall::Database::builder(dir.path().join("data/rows")).open().unwrap();
    let orgs = rows.keyspace("org", fjall::KeyspaceCreateOptions::default).unwrap();
    let (place, _) = orgs.iter().next().unwrap().into_inner().unwrap();
    orgs.insert(place, b"not what was written").unwrap();
    rows.persist(fjall::PersistMode::SyncAll).unwrap();
    drop((orgs, rows));

    let ran = doctor(dir.path());
    let report = ran.json();
    assert_eq!((ran.status, &report["status"], &report["damaged"]), (1, &json!("damaged"), &json!(1)));
    assert_eq!(of_table(&report, "org"), json!({"table": "org", "rows": 0, "damaged": 1}));
    assert_eq!(of_table(&report, "api_key")["damaged"], 0);
    let text = run(onefold(dir.path()).arg("doctor"));
    assert!(text.status == 1 && text.stderr.contains("1 damaged row. "), "{text:?}");
}

#[test]
fn a_directory_in_use_is_left_alone() {
    let dir = directory();
    let server = Server::start(dir.path(), &[]);
    let ran = doctor(dir.path());
    assert_eq!((ran.status, &ran.json()["code"]), (1, &json!("doctor.in_use")));
    server.json(&["org", "list"]);
}

#[test]
fn what_is_no_data_directory_is_not_made_one() {
    let dir = directory();
    let ran = doctor(dir.path());
    assert_eq!((ran.status, &ran.json()["code"]), (1, &json!("doctor.no_directory")));
    assert!(!dir.path().join("data").exists());
    std::fs::create_dir(dir.path().join("data")).unwrap();
    assert_eq!(doctor(dir.path()).status, 1);
    assert_eq!(std::fs::read_dir(dir.path().join("data")).unwrap().count(), 0);
}

#[test]
fn another_format_is_said_to_be_one() {
    let dir = directory();
    used(dir.path());
    std::fs::write(dir.path().join("data/FORMAT"), "onefold rows 999\n").unwrap();
    let ran = run(onefold(dir.path()).arg("doctor"));
    assert!(ran.status == 1 && ran.stderr.contains("999"), "{ran:?}");
}

#[test]
fn a_root_key_that_others_may_read_is_pointed_out() {
    use std::os::unix::fs::PermissionsExt;
    let dir = directory();
    used(dir.path());
    let path = dir.path().join("data/root.key");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = doctor(dir.path());
    assert_eq!(ran.status, 0, "it is no damage");
    assert!(ran.json()["warnings"][0].as_str().unwrap().contains("chmod 600"), "{ran:?}");
}

/// Whether a file below has these bytes. A file may go while the server is at work. By grep: the journals are long and
/// hollow.
fn holds(dir: &Path, bytes: &str) -> bool {
    let grep = std::process::Command::new("grep").args(["-r", "-s", "-q", "-a", "-F", bytes]).arg(dir).status();
    grep.unwrap().code() == Some(0)
}

const MARKER: &str = "marker-of-somebody-who-wants-to-go";

/// Writes somebody with the marker and somebody without, deletes the first, and gives a call that finds the second.
fn write_and_delete(server: &Server) -> impl Fn(&Server) -> u16 + use<> {
    let org = server.json(&["org", "create", "--name", "Acme"])["orgId"].as_u64().unwrap();
    let scopes = "profile.read,profile.write,profile.delete";
    let key = server.json(&["key", "create", "--org", &org.to_string(), "--name", "k", "--scopes", scopes]);
    let key = key["apikey"].as_str().unwrap().to_owned();
    for (user, note) in [("u1", MARKER), ("u2", "stays")] {
        let body = format!(
            r#"{{"orgId":{org},"region":"EU","ids":{{"user_id":"{user}"}},"upsert":{{"profile":{{"note":"{note}"}}}}}}"#
        );
        assert_eq!(http(&server.url, "POST", "/cdp/v1/users", &key, &body), 200);
    }
    let body = format!(r#"{{"orgId":{org},"region":"EU","ids":{{"user_id":["u1"]}}}}"#);
    assert_eq!(http(&server.url, "POST", "/cdp/v1/users/_delete", &key, &body), 200);
    move |server| {
        let find = |user| format!(r#"{{"orgId":{org},"search":{{"user_id":["{user}"]}}}}"#);
        assert_eq!(http(&server.url, "POST", "/cdp/v1/users/_search", &key, &find("u1")), 404);
        http(&server.url, "POST", "/cdp/v1/users/_search", &key, &find("u2"))
    }
}

#[test]
fn a_purge_leaves_nothing_deleted_in_any_file() {
    let dir = directory();
    let server = Server::start(dir.path(), &[]);
    let find = write_and_delete(&server);
    assert!(server.stop().success());
    assert!(holds(dir.path(), MARKER), "before");
    let ran = run(onefold(dir.path()).args(["doctor", "--purge", "--json"]));
    let purged = &ran.json()["purged"];
    assert!(ran.status == 0 && purged["rows"].as_u64() > Some(3), "{ran:?}");
    for moment in ["before", "after"] {
        assert!((1..1 << 20).contains(&purged[moment].as_u64().unwrap()), "hollow journals do not count: {purged}");
    }
    assert!(!holds(dir.path(), MARKER), "after");
    assert!(!dir.path().join("data/STALE").exists());
    let server = Server::start(dir.path(), &[]);
    assert_eq!(find(&server), 200);
}

#[test]
fn a_running_server_takes_deleted_bytes_off_the_disk_in_time() {
    let dir = directory();
    let start = |seconds: &str| {
        let mut command = onefold(dir.path());
        command.args(["serve", "--listen", "127.0.0.1:0"]).env("ONEFOLD__ENGINE__PURGE_SECONDS", seconds);
        Server::started(command, dir.path())
    };
    let server = start("86400");
    let find = write_and_delete(&server);
    assert!(holds(dir.path(), MARKER), "before");
    drop(server); // Killed; the next one knows of it all the same.
    let server = start("2");
    let until = std::time::Instant::now() + PATIENCE;
    while holds(dir.path(), MARKER) || dir.path().join("data/STALE").exists() {
        assert!(std::time::Instant::now() < until, "still there");
        assert_eq!(find(&server), 200, "answers go on");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    drop(server);
    assert_eq!(find(&start("2")), 200);
}
