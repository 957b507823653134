//! The first start on an empty data directory, and the ones after it.

use crate::util::*;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn calls(server: &Server) -> Vec<String> {
    server.greeting.iter().filter(|line| line.starts_with("curl ")).cloned().collect()
}

/// Whether there is a curl to run the calls with. Without one this says so, loudly; under `ONEFOLD_REQUIRE_PEERS=1`
/// that is a failure.
fn there_is_curl() -> bool {
    let there = Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        assert_ne!(std::env::var("ONEFOLD_REQUIRE_PEERS").as_deref(), Ok("1"), "curl is required and not there");
        eprintln!("SKIPPED: there is no curl on this machine; the calls of the first run were not tried");
    }
    there
}

/// Runs a line as pasted into a shell, and gives the status of the answer and its body.
fn pasted(line: &str) -> (u16, String) {
    let line = format!("{line} -w '\\n%{{http_code}}'");
    let ran = run(Command::new("sh").arg("-c").arg(line));
    let (body, status) = ran.stdout.rsplit_once('\n').unwrap_or_else(|| panic!("{ran:?}"));
    (status.parse().unwrap(), body.to_owned())
}

#[test]
fn the_calls_that_it_prints_work_as_they_are_and_show_two_visitors_becoming_one() {
    let dir = directory();
    let server = Server::start(dir.path(), &[]);
    let calls = calls(&server);
    assert_eq!(calls.len(), 5, "{:#?}", server.greeting);
    assert!(calls.iter().all(|call| call.contains(&server.url)), "the printed address is the real one");
    if !there_is_curl() {
        return;
    }
    let answers: Vec<(u16, String)> = calls.iter().map(|call| pasted(call)).collect();
    for (call, (status, body)) in calls.iter().zip(&answers) {
        assert!((200..300).contains(status), "{status} {body}\n{call}");
    }
    let [web, app, login, fetched] = [0, 1, 2, 3].map(|at| {
        let people: serde_json::Value = serde_json::from_str(&answers[at].1).unwrap();
        people[0].clone()
    });
    assert_ne!(web["ucid"], app["ucid"], "two visitors");
    assert_eq!(login["ucid"], web["ucid"], "the first created survives");
    assert_eq!(login["ids"]["linkedUcid"], serde_json::json!([app["ucid"]]));
    for trait_of in [&web, &app] {
        for name in trait_of["profile"].as_object().unwrap().keys() {
            assert!(login["profile"].get(name).is_some(), "{name} is lost");
        }
    }
    assert_eq!(fetched, login);
    assert_eq!(pasted(&calls[3]).0, 404, "deleted");
}

#[test]
fn they_work_when_pasted_into_bash_line_by_line_with_their_comments() {
    let dir = directory();
    let server = Server::start(dir.path(), &[]);
    let bash = Command::new("bash").arg("--version").output().is_ok();
    if !bash || !there_is_curl() {
        return;
    }
    let lines = server.greeting.iter().filter(|line| line.starts_with("curl ") || line.starts_with('#'));
    let script = lines.map(|line| line.replace("curl ", "curl -f ") + "\n").collect::<String>();
    let ran = run(Command::new("bash").arg("-ec").arg(script));
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(ran.stdout.lines().filter(|line| !line.is_empty()).count(), 5, "each answer has a line: {ran:?}");
}

#[test]
fn a_later_run_starts_without_ceremony_and_says_where_keys_are_managed() {
    let dir = directory();
    let first = Server::start(dir.path(), &[]);
    let demo = first.json(&["org", "list"]);
    assert_eq!(demo["items"].as_array().unwrap().len(), 1);
    assert!(first.stop().success());

    let second = Server::start(dir.path(), &[]);
    assert!(calls(&second).is_empty(), "{:#?}", second.greeting);
    assert_eq!(second.json(&["org", "list"]), demo, "made once");
    let managed = second.greeting.iter().find_map(|line| line.strip_prefix("keys are managed with: ")).unwrap();
    let ran = run(Command::new("sh").current_dir(dir.path()).arg("-c").arg(managed));
    assert!(ran.status == 0 && ran.stdout.contains("demo"), "{ran:?}");
}

#[test]
fn no_demo_means_none() {
    let dir = directory();
    let server = Server::start(dir.path(), &["--no-demo"]);
    assert!(calls(&server).is_empty());
    assert_eq!(server.json(&["org", "list"]), serde_json::json!({"items": [], "next": null}));
    assert!(server.greeting.iter().any(|line| line.contains("org create")), "{:#?}", server.greeting);
}

#[test]
fn no_command_at_all_means_serve() {
    let dir = directory();
    let mut command = onefold(dir.path());
    command.args(["--listen", "127.0.0.1:0", "--data", "elsewhere"]);
    let server = Server::started(command, dir.path());
    assert_eq!(calls(&server).len(), 5);
    assert_eq!(http(&server.url, "GET", "/healthz", "", ""), 200);
    assert!(dir.path().join("elsewhere/root.key").exists());
    let hint = server.greeting.last().unwrap();
    assert!(hint.contains("--data elsewhere"), "a call to paste finds the directory: {hint}");
}

#[test]
fn the_root_key_is_made_once_and_nobody_else_may_read_it() {
    let dir = directory();
    let path = dir.path().join("data/root.key");
    let first = Server::start(dir.path(), &["--no-demo"]);
    let key = std::fs::read_to_string(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(http(&first.url, "GET", "/admin/v1/orgs", key.trim(), ""), 200);
    assert!(!first.greeting.join("\n").contains(key.trim()), "it is not printed");
    assert!(first.stop().success());
    let second = Server::start(dir.path(), &[]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), key);
    assert_eq!(http(&second.url, "GET", "/admin/v1/orgs", key.trim(), ""), 200);
}

#[test]
fn a_root_key_from_the_environment_counts_and_is_not_kept() {
    let dir = directory();
    let mut command = onefold(dir.path());
    command.args(["serve", "--listen", "127.0.0.1:0"]).env("ONEFOLD_ROOT_KEY", "chosen-for-this-test");
    let server = Server::started(command, dir.path());
    assert!(!dir.path().join("data/root.key").exists());
    assert_eq!(http(&server.url, "GET", "/admin/v1/orgs", "chosen-for-this-test", ""), 200);
    let list = ["org", "list", "--json"];
    assert_eq!(run(onefold(dir.path()).args(list).env("ONEFOLD_ROOT_KEY", "chosen-for-this-test")).status, 0);
    let other = run(onefold(dir.path()).args(list).env("ONEFOLD_ROOT_KEY", "another-than-was-chosen"));
    assert_eq!((other.status, &other.json()["code"]), (1, &serde_json::json!("auth.invalid")));
}
