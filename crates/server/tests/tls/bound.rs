//! Certificates that are bound to an organisation.

use crate::place::{Place, peers};
use crate::util::Ran;
use serde_json::json;

/// A fetch of nobody: 404 where the key may be used.
fn fetch(place: &Place, org: u64, key: &str) -> Ran {
    let body = json!({"orgId": org, "search": {"user_id": ["nobody"]}}).to_string();
    let url = place.mtls.clone() + "/cdp/v1/users/_search";
    let key = format!("apikey: {key}");
    place.curl_as("client", &["-H", &key, "-H", "content-type: application/json", "-d", &body, &url])
}

fn admin(place: &Place, key: &str, org: u64) -> Ran {
    let url = format!("{}/admin/v1/orgs/{org}/keys", place.mtls);
    place.curl_as("client", &["-H", &format!("apikey: {key}"), &url])
}

#[test]
fn a_key_of_another_organisation_is_403_over_a_bound_certificate() {
    if !peers() {
        return;
    }
    let place = Place::open("");
    let server = &place.server;
    let ((a, key_a), (b, key_b)) = (place.org("a"), place.org("b"));
    let root = std::fs::read_to_string(place.dir.path().join("data/root.key")).unwrap();
    let root = root.trim();
    assert!(fetch(&place, b, &key_b).stdout.ends_with("2 404"), "it is bound to nobody yet");

    let file = place.file("client.pem");
    let file = ["--file", file.to_str().unwrap()];
    let (a_text, b_text) = (a.to_string(), b.to_string());
    let bind = |org| [&["certificate", "bind", "--name", "the crm", "--org", org], &file[..]].concat();
    let bound = server.json(&bind(&a_text));
    assert_eq!(bound["name"], "the crm");
    assert_eq!(server.json(&bind(&a_text)), bound, "again is well");

    let refused = fetch(&place, b, &key_b);
    assert!(refused.stdout.contains("auth.certificate") && refused.stdout.ends_with("2 403"), "{refused:?}");
    assert!(fetch(&place, a, &key_a).stdout.ends_with("2 404"), "its own organisation's key is good");
    assert!(admin(&place, &key_b, b).stdout.ends_with("2 403"));
    assert!(admin(&place, root, a).stdout.ends_with("2 403"), "the root key is of no organisation");
    assert!(admin(&place, &key_a, a).stdout.ends_with("2 200"));
    assert_eq!(server.fetch(b, &key_b), 404, "the plain listener knows no certificates");

    let taken = server.run(&bind(&b_text));
    assert!(taken.status == 1 && taken.stderr.contains("certificate.taken"), "{taken:?}");
    let listed = server.json(&["certificate", "list", "--org", &a.to_string()]);
    assert_eq!(listed["items"], json!([bound]));
    assert_eq!(server.json(&["certificate", "list", "--org", &b.to_string()])["items"], json!([]));

    // As openssl prints it.
    let fingerprint = bound["fingerprint"].as_str().unwrap().to_uppercase();
    let pairs: Vec<&str> = (0..32).map(|at| &fingerprint[2 * at..2 * at + 2]).collect();
    let (a, pairs) = (a.to_string(), pairs.join(":"));
    let unbind = ["certificate", "unbind", "--org", &a, "--fingerprint", &pairs];
    server.json(&unbind);
    assert!(fetch(&place, b, &key_b).stdout.ends_with("2 404"), "unbound, and felt at once");
    let again = server.run(&unbind);
    assert!(again.status == 1 && again.stderr.contains("certificate.unknown"), "{again:?}");
}

#[test]
fn a_connection_that_is_open_feels_it_too() {
    if !peers() {
        return;
    }
    let place = Place::open("");
    let ((a, _), (b, key_b)) = (place.org("a"), place.org("b"));
    let (certificate, key) = (place.file("client.pem"), place.file("client.key"));
    let shown = ["-cert", certificate.to_str().unwrap(), "-key", key.to_str().unwrap()];
    let mut kept = place.keep(&place.mtls, &shown);
    let body = json!({"orgId": b, "search": {"user_id": ["nobody"]}}).to_string();
    assert_eq!(kept.ask("POST", "/cdp/v1/users/_search", &key_b, &body), 404);
    let file = certificate.to_str().unwrap();
    place.server.json(&["certificate", "bind", "--name", "crm", "--org", &a.to_string(), "--file", file]);
    assert_eq!(kept.ask("POST", "/cdp/v1/users/_search", &key_b, &body), 403);
}

#[test]
fn what_is_wrong_with_a_certificate_to_bind_is_said() {
    let place = Place::open("");
    let (org, key) = place.org("a");
    let org = org.to_string();
    let ca_key = place.file("ca.key");
    let bind = ["certificate", "bind", "--org", &org, "--name", "x"];
    for (more, status, said) in [
        (&["--fingerprint", "abc"][..], 1, "64 hexadecimal digits"),
        (&["--file", "nowhere.pem"], 1, "nowhere.pem"),
        (&["--file", ca_key.to_str().unwrap()], 1, "no certificate"),
        (&[], 2, "--file"),
    ] {
        let ran = place.server.run(&[&bind, more].concat());
        assert!(ran.status == status && ran.stderr.contains(said), "{more:?}: {ran:?}");
    }
    let (url, path) = (&place.server.url, format!("/admin/v1/orgs/{org}/certificates"));
    let body = json!({"name": "x", "fingerprint": "0".repeat(64)}).to_string();
    assert_eq!(crate::util::http(url, "POST", &path, &key, &body), 403, "binding takes the root key");
    assert_eq!(crate::util::http(url, "GET", &path, &key, ""), 200, "listing does not");
}
