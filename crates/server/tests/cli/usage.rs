//! What every command has in common: exit status, `--json`, and what is said where no server runs.

use crate::util::*;
use serde_json::json;

const COMMANDS: [&[&str]; 16] = [
    &["org", "create", "--name", "A"],
    &["org", "list"],
    &["org", "show", "--id", "1"],
    &["org", "update", "--id", "1", "--name", "B"],
    &["key", "create", "--org", "1", "--name", "k", "--scopes", "profile.read"],
    &["key", "list", "--org", "1"],
    &["key", "rotate", "--org", "1", "--key", "k", "--overlap-seconds", "0"],
    &["key", "revoke", "--org", "1", "--key", "k"],
    &["strategy", "show", "--org", "1"],
    &["identity", "explain", "--org", "1", "user_id=u"],
    &["identity", "split", "--org", "1", "--region", "EU", "--ucid", "u", "--linked", "v"],
    &["identity", "lift", "--org", "1", "--region", "EU", "--ucid", "u", "--other", "v"],
    &["catalogue", "show", "--org", "1"],
    &["blocked", "list", "--org", "1"],
    &["blocked", "lift", "--org", "1", "--id", "x"],
    &["refused", "list", "--org", "1"],
];

#[test]
fn where_no_server_runs_every_command_says_how_to_start_one() {
    let dir = directory();
    for command in COMMANDS {
        for server in ["http://127.0.0.1:1", "127.0.0.1:1"] {
            let args = [command, &["--server", server]].concat();
            let ran = run(onefold(dir.path()).args(&args));
            assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{command:?}");
            assert!(ran.stderr.contains("no server is running") && ran.stderr.contains(" serve"), "{ran:?}");
            let keyed =
                run(onefold(dir.path()).args(&args).arg("--json").env("ONEFOLD_ROOT_KEY", "some-root-key-or-other"));
            assert_eq!((keyed.status, &keyed.json()["code"]), (1, &json!("cli.no_server")), "{command:?}");
        }
    }
    assert!(!dir.path().join("data").exists(), "asking makes no data directory");
}

#[test]
fn a_server_that_was_killed_is_not_found_but_said_to_be_gone() {
    let dir = directory();
    let server = Server::start(dir.path(), &["--no-demo"]);
    drop(server);
    assert!(dir.path().join("data/address").exists(), "left behind by the kill");
    let ran = run(onefold(dir.path()).args(["org", "list"]));
    assert!(ran.status == 1 && ran.stderr.contains("no server is running"), "{ran:?}");
}

#[test]
fn the_server_is_named_by_flag_or_variable_too() {
    let (dir, elsewhere) = (directory(), directory());
    let server = Server::start(dir.path(), &[]);
    let data = dir.path().join("data");
    let list = ["org", "list", "--json", "--data", data.to_str().unwrap()];
    assert_eq!(run(onefold(elsewhere.path()).args(list)).status, 0, "by the data directory");
    let root = std::fs::read_to_string(data.join("root.key")).unwrap();
    let mut command = onefold(elsewhere.path());
    command.args(["org", "list", "--json"]).env("ONEFOLD_ROOT_KEY", root.trim());
    assert_eq!(run(command.env("ONEFOLD_SERVER", &server.url)).status, 0, "by the variable");
    command.env("ONEFOLD_SERVER", "127.0.0.1:1").args(["--server", &server.url]);
    assert_eq!(run(&mut command).status, 0, "the flag wins");
}

#[test]
fn wrong_usage_is_exit_status_2() {
    let dir = directory();
    let wrong: [&[&str]; 9] = [
        &["nonsense"],
        &["org"],
        &["org", "create"],
        &["org", "create", "--name", "A", "--id", "many"],
        &["key", "rotate", "--org", "1", "--key", "k"],
        &["serve", "--listen", "nowhere"],
        &["--listen", "127.0.0.1:0", "org", "list"],
        &["org", "list", "--server", "https://127.0.0.1:8080"],
        &["config", "--no-such-flag"],
    ];
    for args in wrong {
        let ran = run(onefold(dir.path()).args(args));
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{args:?} {ran:?}");
        assert!(!ran.stderr.is_empty());
        let ran = run(onefold(dir.path()).args(args).arg("--json"));
        assert_eq!((ran.status, &ran.json()["code"]), (2, &json!("cli.usage")), "{args:?}");
    }
    for args in [&["--help"][..], &["key", "create", "--help"], &["--version"]] {
        assert_eq!(run(onefold(dir.path()).args(args)).status, 0, "{args:?}");
    }
}
