//! Which protocols a client may speak.

use crate::place::{Place, peers};
use crate::util::PATIENCE;
use serde_json::json;
use std::io::Read;

#[test]
fn tls_1_3_and_1_2_are_spoken_and_nothing_older() {
    if !peers() {
        return;
    }
    let place = Place::open("");
    for (flag, protocol) in [("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")] {
        let ran = place.s_client(&place.tls, &[flag, "-verify_hostname", "localhost"]);
        assert!(ran.status == 0 && ran.stdout.contains("Verification: OK"), "{flag}: {ran:?}");
        assert!(ran.stdout.contains(protocol), "{flag}: {ran:?}");
    }
    for flag in ["-tls1_1", "-tls1"] {
        // At level 0 OpenSSL itself would still speak it.
        let ran = place.s_client(&place.tls, &[flag, "-cipher", "ALL:@SECLEVEL=0"]);
        assert!(ran.status != 0 && ran.stderr.contains("alert"), "{flag}: {ran:?}");
        assert!(ran.stdout.contains("no peer certificate available"), "{flag}: {ran:?}");
    }
    let plain = place.curl(&[&place.tls.replace("https", "http")]);
    assert_ne!(plain.status, 0, "plain HTTP is not spoken there: {plain:?}");
}

#[test]
fn http_2_and_1_1_are_spoken_over_it_as_the_client_likes() {
    if !peers() {
        return;
    }
    let place = Place::open("");
    let health = place.tls.clone() + "/healthz";
    for (flag, version) in [("--http2", "2 200"), ("--http1.1", "1.1 200"), ("--no-alpn", "1.1 200")] {
        let ran = place.curl(&[flag, &health]);
        assert!(ran.stdout.ends_with(version), "{flag}: {ran:?}");
    }
    let alpn = place.s_client(&place.tls, &["-alpn", "spdy/3"]);
    assert!(alpn.status != 0, "a client that speaks neither is told so: {alpn:?}");
}

#[test]
fn calls_mean_the_same_over_http_2() {
    if !peers() {
        return;
    }
    let place = Place::open("");
    let (org, key) = place.org("acme");
    let header = format!("apikey: {key}");
    let call = |path: &str, body: &str| {
        let url = place.tls.clone() + path;
        place.curl(&["--http2", "-H", &header, "-H", "content-type: application/json", "-d", body, &url])
    };
    let write = json!({"orgId": org, "region": "EU", "ids": {"user_id": "u"}, "upsert": {"profile": {"age": 3}}});
    let written = call("/cdp/v1/users", &write.to_string());
    assert!(written.stdout.ends_with("2 200"), "{written:?}");
    let found = call("/cdp/v1/users/_search", &json!({"orgId": org, "search": {"user_id": ["u"]}}).to_string());
    assert!(found.stdout.ends_with("2 200") && found.stdout.contains(r#""age":3"#), "{found:?}");
    let refused = call("/cdp/v1/users/_search", "{");
    assert!(refused.stdout.contains("request.malformed_json") && refused.stdout.ends_with("2 400"), "{refused:?}");
    let large = format!("x-large: {}", "x".repeat(40_000));
    let refused = place.curl(&["--http2", "-H", &large, &(place.tls.clone() + "/healthz")]);
    assert!(!refused.stdout.ends_with(" 200"), "a head has a bound: {refused:?}");
    let many = place.curl(&["--http2", "--parallel", "-H", &header, &(place.tls.clone() + "/readyz?[1-150]")]);
    assert_eq!(many.stdout.matches("2 200").count(), 150, "more than may be under way at once wait: {many:?}");
}

#[test]
fn who_connects_and_says_nothing_holds_nobody_up() {
    if !peers() {
        return;
    }
    let connect = |place: &Place| {
        let address = place.tls.replace("https://localhost", "127.0.0.1");
        let stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let health = |place: &Place| place.curl(&[&(place.tls.clone() + "/healthz")]);
    let place = Place::open("handshake_timeout_ms = 600000\nmax_handshakes = 2");
    let silent = connect(&place);
    assert!(health(&place).stdout.ends_with(" 200"), "the other handshake is free");
    drop(silent);
    let place = Place::open("handshake_timeout_ms = 300\nmax_handshakes = 1");
    let mut silent = connect(&place);
    let mut said = Vec::new();
    let ended = silent.read_to_end(&mut said);
    assert!(ended.is_ok() && said.is_empty(), "it is cut off: {ended:?} {said:?}");
    assert!(health(&place).stdout.ends_with(" 200"), "and its turn is another's");
}

#[test]
fn a_stop_ends_connections_that_are_open() {
    if !peers() {
        return;
    }
    let place = Place::open("");
    let mut kept = place.keep(&place.tls, &[]);
    assert_eq!(kept.ask("GET", "/healthz", "", ""), 200);
    let Place { server, .. } = place;
    assert!(server.stop().success());
    kept.ended();
}
