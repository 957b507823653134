//! Settings that make no sense, files that hold something else, and certificates for trying.

use crate::place::certificates;
use crate::util::{directory, onefold, run};
use std::path::Path;

fn refused(dir: &Path, settings: &str, said: &[&str]) {
    std::fs::write(dir.join("my.toml"), settings).unwrap();
    let ran = run(onefold(dir).args(["serve", "--listen", "127.0.0.1:0", "--config", "my.toml"]));
    assert_eq!(ran.status, 1, "{settings}: {ran:?}");
    assert!(ran.stdout.is_empty() && !dir.join("data").exists(), "before anything was done: {ran:?}");
    for said in said {
        assert!(ran.stderr.contains(said), "{settings} must say {said}: {}", ran.stderr);
    }
}

#[test]
fn combinations_that_make_no_sense_are_refused_all_at_once() {
    let dir = directory();
    refused(
        dir.path(),
        "[tls]\nlisten = 'here'\nmax_handshakes = 0\n[mtls]\nlisten = '127.0.0.1:9443'\ncertificate_file = 'x'\n",
        &[
            "tls.listen must be",
            "tls.max_handshakes",
            "tls.certificate_file is needed",
            "tls.private_key_file is needed",
        ],
    );
    refused(
        dir.path(),
        "[mtls]\nlisten = '127.0.0.1:9443'\ncertificate_file = 'x'\n",
        &["mtls.client_ca_file is needed", "go together"],
    );
    let unused = "[tls]\ncertificate_file = 'x'\nprivate_key_file = 'y'\n[mtls]\ncrl_file = 'z'\n";
    refused(dir.path(), unused, &["tls.certificate_file is of no use", "mtls.crl_file is of no use"]);
    let files = "certificate_file = 'x'\nprivate_key_file = 'y'\n";
    let twice =
        format!("[tls]\nlisten = '127.0.0.1:9443'\n{files}[mtls]\nlisten = '127.0.0.1:9443'\nclient_ca_file = 'z'\n");
    refused(dir.path(), &twice, &["the same address"]);
}

#[test]
fn files_that_are_not_what_they_should_be_are_named_all_at_once_and_not_shown() {
    let dir = certificates();
    let tls = dir.path().join("tls");
    std::fs::write(tls.join("odd.pem"), "-----BEGIN CERTIFICATE-----\nsesame\n").unwrap();
    let both = |certificate: &str, key: &str, ca: &str, crl: &str| {
        format!(
            "[tls]\nlisten = '127.0.0.1:0'\ncertificate_file = 'tls/{certificate}'\nprivate_key_file = 'tls/{key}'\n\
             [mtls]\nlisten = '127.0.0.1:0'\nclient_ca_file = 'tls/{ca}'\ncrl_file = 'tls/{crl}'\n"
        )
    };
    refused(
        dir.path(),
        &both("nowhere.pem", "server.pem", "odd.pem", "ca.pem"),
        &["nowhere.pem", "server.pem holds no private key", "odd.pem", "ca.pem holds no revocation list"],
    );
    refused(dir.path(), &both("server.pem", "client.key", "ca.pem", "crl.pem"), &["server.pem and", "client.key"]);
    let ran = run(onefold(dir.path()).args(["serve", "--config", "my.toml"]));
    assert!(!ran.stderr.contains("sesame"), "{ran:?}");
}

#[test]
fn certificates_for_trying_are_made_once_and_keys_are_their_owners() {
    use std::os::unix::fs::PermissionsExt;
    let dir = certificates();
    for name in ["ca.key", "server.key", "client.key", "revoked.key"] {
        let mode = std::fs::metadata(dir.path().join("tls").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let before = std::fs::read(dir.path().join("tls/ca.pem")).unwrap();
    let again = run(onefold(dir.path()).args(["tls", "dev"]));
    assert!(again.status == 1 && again.stderr.contains("is there already"), "{again:?}");
    assert_eq!(std::fs::read(dir.path().join("tls/ca.pem")).unwrap(), before);
    let json =
        run(onefold(dir.path()).args(["tls", "dev", "--dir", "other", "--name", "api.example", "--json"])).json();
    assert_eq!(json["files"].as_array().unwrap().len(), 9);
    assert!(json["calls"][0].as_str().unwrap().contains("https://api.example:"), "{json}");
    let config = run(onefold(dir.path()).args(["config", "--config", "other/onefold.toml", "--json"])).json();
    assert!(config["tls"]["private_key_file"].as_str().unwrap().ends_with("other/server.key"), "{config}");
}

#[test]
fn names_that_no_certificate_can_have_are_refused_before_anything_is_written() {
    let dir = directory();
    let make = |at: &str, name: &str| run(onefold(dir.path()).args(["tls", "dev", "--dir", at, "--name", name]));
    let long = format!("{}.example", "a".repeat(64));
    let bad =
        ["", "bad name!!", "*", "*.", "a.*.b", "**.example", "host:8443", "https://host", "[::1]", "1.2.3", &long];
    for name in bad {
        let ran = make("bad", name);
        assert!(ran.status == 2 && ran.stderr.contains("a DNS name, such as"), "{name}: {ran:?}");
        assert!(!dir.path().join("bad").exists(), "{name}");
    }
    for (at, name) in ["localhost", "api.example.com", "*.example.com", "192.0.2.7", "2001:db8::7"].iter().enumerate() {
        let ran = make(&at.to_string(), name);
        assert_eq!(ran.status, 0, "{name}: {ran:?}");
    }
    let wild = run(onefold(dir.path()).args(["tls", "dev", "--name", "*.example.com", "--json"])).json();
    assert!(wild["calls"][0].as_str().unwrap().ends_with(" https://www.example.com:8443/healthz"), "{wild}");
}
