//! `onefold config`: the settings that hold in the end.

use crate::util::*;
use serde_json::json;

#[test]
fn it_prints_what_holds_from_file_environment_and_flags() {
    let dir = directory();
    std::fs::write(dir.path().join("my.toml"), "[server]\nmax_in_flight = 5\nlisten = '127.0.0.1:1'\n").unwrap();
    let mut command = onefold(dir.path());
    command.args(["config", "--json", "--config", "my.toml", "--data", "there"]);
    let config = run(command.env("ONEFOLD__SERVER__LISTEN", "127.0.0.1:2")).json();
    assert_eq!(config["server"]["max_in_flight"], 5);
    assert_eq!(config["server"]["listen"], "127.0.0.1:2");
    assert_eq!(config["engine"]["data"], "there");
    let text = run(onefold(dir.path()).arg("config"));
    assert!(text.status == 0 && text.stdout.contains("[server]"), "{text:?}");
}

#[test]
fn what_is_wrong_is_told_all_at_once() {
    let dir = directory();
    std::fs::write(dir.path().join("my.toml"), "[server]\ncolour = 'red'\nmax_in_flight = 0\n").unwrap();
    for command in [&["config"][..], &["serve"], &["org", "list"], &["doctor"]] {
        let mut command_line = onefold(dir.path());
        let ran = run(command_line.args(command).args(["--config", "my.toml"]));
        assert_eq!(ran.status, 1, "{command:?}");
        assert!(ran.stderr.contains("colour") && ran.stderr.contains("max_in_flight"), "{ran:?}");
        let json = run(command_line.arg("--json")).json();
        assert_eq!(json["code"], json!("config.invalid"));
    }
    assert_eq!(run(onefold(dir.path()).args(["config", "--config", "missing.toml"])).status, 1);
}
