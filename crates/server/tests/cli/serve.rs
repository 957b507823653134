//! `onefold serve`: where it says that it can be found, and how it ends.

use crate::util::*;
use serde_json::json;

#[test]
fn its_address_is_in_the_data_directory_for_as_long_as_it_runs() {
    let dir = directory();
    let server = Server::start(dir.path(), &["--no-demo"]);
    let path = dir.path().join("data/address");
    assert_eq!(std::fs::read_to_string(&path).unwrap().trim(), server.url);
    assert!(server.stop().success());
    assert!(!path.exists());
}

#[test]
fn with_json_it_prints_one_document() {
    let dir = directory();
    let mut command = onefold(dir.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--json"]).stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut documents = serde_json::Deserializer::from_reader(child.stdout.take().unwrap()).into_iter();
    let greeting: serde_json::Value = documents.next().unwrap().unwrap();
    let url = greeting["listening"].as_str().unwrap();
    assert_eq!(http(url, "GET", "/healthz", "", ""), 200);
    assert_eq!(greeting["demo"]["calls"].as_array().unwrap().len(), 5);
    assert!(std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(documents.next().is_none(), "nothing else");
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_cannot_start_says_why() {
    let dir = directory();
    let server = Server::start(dir.path(), &["--no-demo"]);
    let second = server.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status, 1);
    assert!(second.stderr.contains("in use"), "{second:?}");
    let address = server.url.strip_prefix("http://").unwrap();
    let taken = server.run(&["serve", "--listen", address, "--data", "other", "--json"]);
    assert_eq!((taken.status, &taken.json()["code"]), (1, &json!("server.failed")));
    assert!(dir.path().join("data/address").exists(), "the first one is still found");
    let short = run(onefold(dir.path()).args(["serve", "--data", "other"]).env("ONEFOLD_ROOT_KEY", "x"));
    assert!(short.status == 1 && short.stderr.contains("ONEFOLD_ROOT_KEY must have at least 16"), "{short:?}");
}

#[test]
fn who_asks_where_none_runs_is_told_how_to_start_one_there() {
    let dir = directory();
    let asked = run(onefold(dir.path()).args(["org", "list", "--data", "my data"]));
    assert!(asked.status == 1 && asked.stderr.contains(" serve --data 'my data'\n"), "{asked:?}");
}
