//! Who gets in where a certificate is asked for.

use crate::place::{Place, peers, until};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd};
use std::path::Path;

#[test]
fn only_a_good_certificate_of_a_known_authority_gets_in() {
    if !peers() {
        return;
    }
    let place = Place::open("");
    let url = place.mtls.clone() + "/healthz";
    let stranger = place.others("elsewhere");
    for (name, copy) in [("client.pem", "stranger.pem"), ("client.key", "stranger.key")] {
        std::fs::copy(stranger.join(name), place.file(copy)).unwrap();
    }
    for version in [["--tls-max", "1.3"], ["--tls-max", "1.2"]] {
        let call = |client: &str| place.curl_as(client, &[&version[..], &[&url]].concat());
        let good = call("client");
        assert!(good.stdout.ends_with("2 200"), "{good:?}");
        for (client, why) in [("revoked", "revoked"), ("stranger", "unknown ca"), ("server", "")] {
            let refused = call(client);
            assert!(refused.status != 0 && refused.stdout.ends_with(" 000"), "{client}: {refused:?}");
            assert!(refused.stderr.contains(why), "{client} is told why: {refused:?}");
        }
        let without = place.curl(&[&version[..], &[&url]].concat());
        assert!(without.status != 0 && without.stdout.ends_with(" 000"), "{without:?}");
    }
    let anyone = place.curl(&[&(place.tls.clone() + "/healthz")]);
    assert!(anyone.stdout.ends_with("2 200"), "the other listener asks for none: {anyone:?}");
}

#[test]
fn a_session_is_not_resumed_where_a_certificate_is_asked_for() {
    if !peers() {
        return;
    }
    let place = Place::open("");
    let (certificate, key) = (place.file("client.pem"), place.file("client.key"));
    let shown = ["-tls1_2", "-reconnect", "-cert", certificate.to_str().unwrap(), "-key", key.to_str().unwrap()];
    let resumed = |url: &str| place.s_client(url, &shown).stdout.matches("Reused,").count();
    assert_eq!((resumed(&place.tls), resumed(&place.mtls)), (5, 0));
}

#[test]
fn one_that_expired_or_is_not_good_yet_does_not_get_in() {
    if !peers() {
        return;
    }
    let dir = crate::place::certificates();
    let tls = dir.path().join("tls");
    authority(&tls);
    // Without a revocation list, so that nothing else is wrong.
    let settings = "[tls]\nlisten = '127.0.0.1:0'\ncertificate_file = 'tls/server.pem'\n\
                    private_key_file = 'tls/server.key'\n\
                    [mtls]\nlisten = '127.0.0.1:0'\nclient_ca_file = 'tls/own-ca.pem'\n";
    std::fs::write(dir.path().join("onefold.toml"), settings).unwrap();
    let place = Place::at(dir);
    assert!(place.lets_in("own-good"), "the control gets in");
    assert!(!place.lets_in("own-expired") && !place.lets_in("own-early"));
}

#[test]
fn who_is_refused_at_the_handshake_is_counted_in_the_audit_log() {
    if !peers() {
        return;
    }
    let place = Place::open("");
    let stranger = place.others("elsewhere");
    for (name, copy) in [("client.pem", "stranger.pem"), ("client.key", "stranger.key")] {
        std::fs::copy(stranger.join(name), place.file(copy)).unwrap();
    }
    assert!(["revoked", "stranger"].iter().all(|client| !place.lets_in(client)) && place.lets_in("client"));
    for url in [&place.mtls, &place.mtls.replace("https", "http")] {
        assert_ne!(place.curl(&[url]).status, 0, "no certificate; no handshake at all, which is not counted");
    }
    let entries = || -> Vec<serde_json::Value> {
        let log = place.server.json(&["audit", "tail"]);
        let all = log["items"].as_array().unwrap().iter();
        all.filter(|entry| entry["outcome"] == "auth.certificate").cloned().collect()
    };
    let count = || entries().iter().map(|entry| entry["count"].as_u64().unwrap()).sum::<u64>();
    until("three of them", || count() >= 3);
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    assert_eq!(count(), 3);
    for entry in entries() {
        let told = [&entry["who"], &entry["what"], &entry["about"], &entry["requestId"]];
        assert_eq!(told, ["nobody", "authentication", "", ""], "{entry}");
    }
}

/// An authority of the test's own: `own-ca.pem`, and clients of three times.
fn authority(dir: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    std::fs::write(dir.join("own-ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    for (name, from, to) in [("own-good", 2020, 2090), ("own-expired", 2020, 2021), ("own-early", 2089, 2090)] {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap().pem();
        std::fs::write(dir.join(format!("{name}.pem")), certificate).unwrap();
        std::fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}
