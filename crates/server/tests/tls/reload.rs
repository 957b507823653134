//! Files that change under a running server.

use crate::place::{Place, certificates, peers, until};
use crate::util::run;
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// Whether the certificate on offer is the one in this file: a client that trusts its authority alone gets in.
fn offers(place: &Place, dir: &Path) -> bool {
    let ca = dir.join("ca.pem");
    place.curl(&["--cacert", ca.to_str().unwrap(), &(place.tls.clone() + "/healthz")]).stdout.ends_with(" 200")
}

#[test]
fn a_renewed_certificate_is_taken_up_and_nobody_is_cut_off() {
    if !peers() {
        return;
    }
    let place = Place::open("watch_ms = 3600000");
    let (before, new) = (place.dir.path().join("before"), place.others("new"));
    std::fs::create_dir(&before).unwrap();
    std::fs::copy(place.file("ca.pem"), before.join("ca.pem")).unwrap();
    let mut kept = place.keep(&place.tls, &[]);
    assert_eq!(kept.ask("GET", "/healthz", "", ""), 200);

    // A key that is not the certificate's: what was read before goes on to hold.
    place.replace("server.key", &new.join("server.key"));
    place.hang_up();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(offers(&place, &before) && !offers(&place, &new));
    std::fs::write(place.file("server.pem"), "no certificate").unwrap();
    place.hang_up();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(offers(&place, &before));

    place.replace("server.pem", &new.join("server.pem"));
    place.hang_up();
    until("the new certificate", || offers(&place, &new));
    assert!(!offers(&place, &before));
    assert_eq!(kept.ask("GET", "/healthz", "", ""), 200, "who is inside does not notice");
}

#[test]
fn the_files_are_watched() {
    if !peers() {
        return;
    }
    let place = Place::open("watch_ms = 100");
    let new = place.others("new");
    for name in ["server.key", "server.pem"] {
        place.replace(name, &new.join(name));
    }
    until("the new certificate", || offers(&place, &new));
}

#[test]
fn who_is_revoked_does_not_get_in_again_and_is_refused_where_he_is() {
    if !peers() {
        return;
    }
    let dir = certificates();
    let tls = dir.path().join("tls");
    std::fs::rename(tls.join("crl.pem"), tls.join("crl-later.pem")).unwrap();
    empty_list(&tls);
    let place = Place::over(dir, "watch_ms = 100");
    let (org, key) = place.org("a");
    let shown = (place.file("revoked.pem"), place.file("revoked.key"));
    let shown = ["-cert", shown.0.to_str().unwrap(), "-key", shown.1.to_str().unwrap()];
    let body = json!({"orgId": org, "search": {"user_id": ["nobody"]}}).to_string();
    let mut kept = place.keep(&place.mtls, &shown);
    assert_eq!(kept.ask("POST", "/cdp/v1/users/_search", &key, &body), 404, "nothing is revoked yet");

    place.replace("crl.pem", &place.file("crl-later.pem"));
    until("the revocation", || !place.lets_in("revoked"));
    assert!(place.lets_in("client"));
    assert_eq!(kept.ask("POST", "/cdp/v1/users/_search", &key, &body), 403, "an open connection is no way round");
    assert_eq!(kept.ask("GET", "/healthz", "", ""), 200, "but it is not cut off");
}

/// A list of the authority that revokes nothing, made by OpenSSL.
fn empty_list(dir: &Path) {
    let settings = "[ca]\ndefault_ca = own\n[own]\ndatabase = index.txt\ndefault_md = sha256\ndefault_crl_days = 30\n\
                    crlnumber = number\n";
    std::fs::write(dir.join("ca.cnf"), settings).unwrap();
    std::fs::write(dir.join("index.txt"), "").unwrap();
    std::fs::write(dir.join("number"), "01\n").unwrap();
    let mut command = Command::new("openssl");
    command.current_dir(dir).args(["ca", "-config", "ca.cnf", "-gencrl", "-keyfile", "ca.key", "-cert", "ca.pem"]);
    let ran = run(command.args(["-out", "crl.pem"]));
    assert_eq!(ran.status, 0, "{ran:?}");
}
