//! schemathesis, from PyPI, against the running server: it makes requests from openapi.json, right ones and wrong ones,
//! and compares what comes back with what the document says.
//!
//! Its document is narrowed to the organisation of the test, since no schema can say which region an organisation has or
//! whether a person is still the one of an ETag: then every right request must be done and every wrong one refused.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

#[path = "cli/util.rs"]
mod util;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use util::{Server, directory, onefold};

const VERSION: &str = "4.32.5";
const ROOT_KEY: &str = "root_of_the_schemathesis_test";
/// Seconds that a step may take at most.
const INSTALL_S: &str = "150";
const RUN_S: &str = "240";

/// The program, in an environment of its own under `target/`; why not, where it cannot be had.
fn schemathesis() -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("schemathesis-{VERSION}"));
    let program = dir.join("bin/schemathesis");
    if program.exists() {
        return Ok(program);
    }
    let step = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(format!("{command:?}: {error}")),
    };
    step(Command::new("python3").args(["-m", "venv"]).arg(&dir))?;
    let pip = dir.join("bin/pip");
    let wanted = format!("schemathesis=={VERSION}");
    let args = ["install", "--quiet", "--disable-pip-version-check", &wanted];
    step(Command::new("timeout").arg(INSTALL_S).arg(pip).args(args))?;
    Ok(program)
}

/// The document of the server, as it is for organisation 1 with regions EU and US.
fn narrowed() -> Value {
    let mut document = onefold::openapi::document();
    for methods in document["paths"].as_object_mut().unwrap().values_mut() {
        for operation in methods.as_object_mut().unwrap().values_mut() {
            // They depend on what is stored, or on each other; and the key travels in the header.
            let known = ["If-Match", "If-None-Match", "cursor", "scopes", "from", "to"];
            let keep = |parameter: &Value| !known.contains(&parameter["name"].as_str().unwrap());
            operation["parameters"].as_array_mut().unwrap().retain(keep);
            operation["security"].as_array_mut().unwrap().retain(|scheme| !scheme["header"].is_null());
        }
    }
    let components = &mut document["components"];
    components["securitySchemes"].as_object_mut().unwrap().retain(|name, _| name == "header");
    let schemas = &mut components["schemas"];
    for name in ["SearchBody", "ExplainBody", "WriteBody", "DeleteBody", "SplitBody"] {
        schemas[name]["properties"]["orgId"] = json!({"const": 1});
        if !["SearchBody", "ExplainBody"].contains(&name) {
            schemas[name]["properties"]["region"] = json!({"enum": ["EU", "us"]});
        }
    }
    schemas["WriteBody"]["properties"]["timestamp"]["maximum"] = json!(1_700_000_000_000_u64);
    // Whether an operator fits depends on what the attribute is.
    let said = &mut schemas["Upsert"]["properties"]["profile"]["additionalProperties"]["anyOf"];
    said[4]["additionalProperties"]["anyOf"].as_array_mut().unwrap().truncate(3);
    said.as_array_mut().unwrap().remove(3);
    schemas["KeyBody"]["properties"]["expiresAt"] = json!({"const": null});
    // Nobody is split from themselves.
    for (name, first) in [("ucid", "[0-7]"), ("linkedUcid", "[8-9a-f]")] {
        let pattern = format!("^{first}[0-9a-f]{{7}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$");
        schemas["SplitBody"]["properties"][name]["pattern"] = json!(pattern);
    }
    for name in ["SearchBody", "ExplainBody"] {
        let search = &mut schemas[name]["properties"];
        search["regions"]["items"] = json!({"enum": ["EU", "us"]});
        search["search"]["maxProperties"] = json!(2);
        search["search"]["additionalProperties"]["maxItems"] = json!(2);
        search["search"]["properties"]["ucid"]["maxItems"] = json!(2);
    }
    for name in ["OrgBody", "OrgPatchBody"] {
        schemas[name]["properties"]["regions"]["items"] = json!({"enum": ["EU", "US"]});
    }
    document
}

fn run(program: &Path, dir: &Path, server: &Server, key: &str, which: &[&str]) {
    let mut command = Command::new("timeout");
    command.current_dir(dir).arg(RUN_S).arg(program).args(["run", "openapi.json", "--url", &server.url]);
    command.args(["-H", &format!("apikey: {key}"), "--max-examples", "15", "--seed", "1", "--no-color"]);
    command.args(["--phases", "coverage,fuzzing", "--continue-on-failure", "--no-shrink"]).args(which);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace(key, "KEY");
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("Authentication failed"), "nothing was tried: {text}");
    eprintln!("{}", text.lines().rev().find(|line| line.contains("generated")).unwrap_or_default());
}

#[test]
fn schemathesis_finds_nothing() {
    let program = match schemathesis() {
        Ok(program) => program,
        Err(why) if std::env::var_os("ONEFOLD_REQUIRE_PEERS").is_some() => panic!("schemathesis cannot be had: {why}"),
        Err(why) => return eprintln!("!!!! SKIPPED: schemathesis cannot be had: {why} !!!!"),
    };
    let dir = directory();
    std::fs::write(dir.path().join("openapi.json"), narrowed().to_string()).unwrap();
    let mut command = onefold(dir.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--no-demo"]).env("ONEFOLD_ROOT_KEY", ROOT_KEY);
    // It asks as fast as it can, and of few people: a refusal for that would say nothing of the document.
    command.env("ONEFOLD__LIMITS__PERSON_PER_SECOND", "0");
    let server = Server::started(command, dir.path());
    let admin = |args: &[&str]| {
        let ran = util::run(onefold(dir.path()).args(args).arg("--json").env("ONEFOLD_ROOT_KEY", ROOT_KEY));
        assert_eq!(ran.status, 0, "{ran:?}");
        ran.json()
    };
    let unlimited = ["--per-second", "0", "--per-minute", "0"];
    admin(&[&["org", "create", "--name", "Tests", "--regions", "EU,US"][..], &unlimited].concat());
    let scopes = "profile.read,profile.write,profile.delete,events.write,org.admin";
    let key = admin(&["key", "create", "--org", "1", "--name", "tests", "--scopes", scopes]);
    // Profiles first: of what the other run finds in a list, it revokes.
    run(&program, dir.path(), &server, key["apikey"].as_str().unwrap(), &["--include-path-regex", "^/cdp"]);
    // Names have so many bytes, and no schema can count those: right requests of administration may be refused.
    let which = ["--exclude-path-regex", "^/cdp", "--exclude-checks", "positive_data_acceptance"];
    run(&program, dir.path(), &server, ROOT_KEY, &which);
}
