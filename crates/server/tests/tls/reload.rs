//! Files that change under a running server.

use crate::place::{Place, certificates, logged, logging, peers, until};
use crate::util::{Server, directory, http, run};
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

#[test]
fn what_is_good_of_new_files_is_taken_up_beside_what_is_broken() {
    if !peers() {
        return;
    }
    let dir = certificates();
    let tls = dir.path().join("tls");
    std::fs::rename(tls.join("crl.pem"), tls.join("crl-later.pem")).unwrap();
    empty_list(&tls);
    for (name, copy) in [("crl.pem", "crl-empty.pem"), ("ca.pem", "clients-ca.pem"), ("ca.pem", "before/ca.pem")] {
        std::fs::create_dir_all(tls.join("before")).unwrap();
        std::fs::copy(tls.join(name), tls.join(copy)).unwrap();
    }
    let settings = "[tls]\nlisten = '127.0.0.1:0'\ncertificate_file = 'tls/server.pem'\n\
                    private_key_file = 'tls/server.key'\nwatch_ms = 3600000\n\
                    [mtls]\nlisten = '127.0.0.1:0'\nclient_ca_file = 'tls/clients-ca.pem'\ncrl_file = 'tls/crl.pem'\n";
    std::fs::write(dir.path().join("onefold.toml"), settings).unwrap();
    let place = Place::at(dir);
    let (junk, before, new) = (place.file("junk"), place.file("before"), place.others("new"));
    std::fs::write(&junk, "junk").unwrap();
    assert!(place.lets_in("revoked"), "nothing is revoked yet");
    let errors = |file: &str| {
        let log = logged(place.dir.path());
        log.lines().filter(|line| line.contains("ERROR") && line.contains(file)).count()
    };

    place.replace("server.pem", &junk);
    place.replace("crl.pem", &place.file("crl-later.pem"));
    place.hang_up();
    until("the revocation, beside a broken certificate", || !place.lets_in("revoked"));
    assert!(place.lets_in("client") && offers(&place, &before), "all else is as before");
    assert_eq!((errors("server.pem"), errors("crl.pem")), (2, 0), "each listener says what was not taken up");

    place.replace("clients-ca.pem", &junk);
    place.replace("crl.pem", &place.file("crl-empty.pem"));
    place.hang_up();
    until("the next list, beside broken authorities", || place.lets_in("revoked"));
    assert!(place.lets_in("client") && errors("clients-ca.pem") == 1);

    place.replace("crl.pem", &junk);
    place.replace("clients-ca.pem", &new.join("ca.pem"));
    for name in ["server.key", "server.pem"] {
        place.replace(name, &new.join(name));
    }
    place.hang_up();
    until("the new certificate, beside a broken list", || offers(&place, &new));
    until("what the other listener says", || errors("crl.pem") == 1);
    assert_eq!(errors("clients-ca.pem waits"), 1, "new authorities are taken up with their lists");
    let shown =
        ["--cacert", new.join("ca.pem").to_str().unwrap(), &(place.mtls.clone() + "/healthz")].map(str::to_owned);
    let ran = place.curl_as("client", &shown.each_ref().map(String::as_str));
    assert!(ran.stdout.ends_with(" 200"), "clients are judged as before: {ran:?}");
}

#[test]
fn a_hangup_before_anything_is_open_does_not_end_it() {
    let dir = certificates();
    let tls = dir.path().join("tls");
    std::fs::rename(tls.join("server.key"), tls.join("real.key")).unwrap();
    // A server that reads this waits until somebody writes it.
    assert!(Command::new("mkfifo").arg(tls.join("server.key")).status().unwrap().success());
    let settings = "[tls]\nlisten = '127.0.0.1:0'\ncertificate_file = 'tls/server.pem'\n\
                    private_key_file = 'tls/server.key'\nwatch_ms = 3600000\n";
    std::fs::write(dir.path().join("onefold.toml"), settings).unwrap();
    let command = logging(dir.path(), &["--config", "onefold.toml"]);
    let sender = {
        let (dir, tls) = (dir.path().to_owned(), tls.clone());
        std::thread::spawn(move || {
            // Opened once the server has opened it.
            let mut pipe = std::fs::OpenOptions::new().write(true).open(tls.join("server.key")).unwrap();
            assert!(!dir.join("data").exists());
            let id = std::fs::read_to_string(dir.join("id")).unwrap();
            assert!(Command::new("kill").args(["-s", "HUP", id.trim()]).status().unwrap().success());
            std::fs::copy(tls.join("real.key"), tls.join("copy.key")).unwrap();
            std::fs::rename(tls.join("copy.key"), tls.join("server.key")).unwrap();
            std::io::Write::write_all(&mut pipe, &std::fs::read(tls.join("real.key")).unwrap()).unwrap();
        })
    };
    let server = Server::started(command, dir.path());
    sender.join().unwrap();
    assert_eq!(http(&server.url, "GET", "/healthz", "", ""), 200);
    until("the reading that was asked for", || logged(dir.path()).contains("read again"));
    assert!(server.stop().success());
}

#[test]
fn a_server_without_certificates_takes_note_of_a_hangup_and_goes_on() {
    let dir = directory();
    let server = Server::started(logging(dir.path(), &[]), dir.path());
    for times in 1..=2 {
        server.signal("HUP");
        until("the line of the log", || logged(dir.path()).matches("nothing to read again").count() == times);
    }
    assert_eq!(http(&server.url, "GET", "/healthz", "", ""), 200);
    assert!(server.stop().success());
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
