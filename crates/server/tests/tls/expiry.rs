//! Certificates and revocation lists that end: said in the log and among the metrics.

use crate::place::{Place, logged, until};
use crate::util::{body_of, directory};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, SerialNumber,
};
use std::path::Path;
use std::time::SystemTime;
use time::{Duration, OffsetDateTime};

/// A server with a certificate and a revocation list that end then.
fn ending(certificate: OffsetDateTime, crl: OffsetDateTime) -> Place {
    let dir = directory();
    let at = |name: &str| dir.path().join(name);
    let settings = "[tls]\nlisten = '127.0.0.1:0'\ncertificate_file = 'own.pem'\nprivate_key_file = 'own.key'\n\
                    watch_ms = 100\n\
                    [mtls]\nlisten = '127.0.0.1:0'\nclient_ca_file = 'ca.pem'\ncrl_file = 'crl.pem'\n";
    std::fs::write(at("onefold.toml"), settings).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().unwrap();
    std::fs::write(at("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    let (mut params, key) = (CertificateParams::new(Vec::new()).unwrap(), KeyPair::generate().unwrap());
    (params.not_before, params.not_after) = (OffsetDateTime::UNIX_EPOCH, certificate);
    std::fs::write(at("own.pem"), params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    std::fs::write(at("own.key"), key.serialize_pem()).unwrap();
    let list = CertificateRevocationListParams {
        this_update: OffsetDateTime::UNIX_EPOCH,
        next_update: crl,
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    std::fs::write(at("crl.pem"), list.signed_by(&issuer).unwrap().pem().unwrap()).unwrap();
    Place::at(dir)
}

/// Whether the log has a line of this level with all of these words.
fn has_line(dir: &Path, level: &str, words: &[&str]) -> bool {
    logged(dir).lines().any(|line| line.contains(level) && words.iter().all(|word| line.contains(word)))
}

#[test]
fn what_ended_is_said_at_the_start_and_shown_among_the_metrics() {
    let now = OffsetDateTime::from(SystemTime::now());
    let (ended, due) = (now - Duration::days(3), now + Duration::hours(12 * 24 + 12));
    let place = ending(ended, due);
    let dir = place.dir.path();
    for listener in ["Tls", "Mtls"] {
        assert!(has_line(dir, "ERROR", &[listener, "certificate", "has expired"]), "{}", logged(dir));
    }
    assert!(has_line(dir, "WARN", &["Mtls", "crl", "days=12", "ends soon"]), "{}", logged(dir));
    let figures = body_of(&place.server.url, "GET", "/metrics", "", "");
    let shown: Vec<&str> = figures.lines().filter(|line| line.starts_with("onefold_tls_expires_seconds")).collect();
    let line = |listener: &str, file: &str, end: OffsetDateTime| {
        let end = end.unix_timestamp();
        format!("onefold_tls_expires_seconds{{listener=\"{listener}\",file=\"{file}\"}} {end}")
    };
    let expected = [line("tls", "certificate", ended), line("mtls", "certificate", ended), line("mtls", "crl", due)];
    assert_eq!(shown, expected);
}

#[test]
fn a_list_that_becomes_overdue_is_said_when_it_does() {
    let now = OffsetDateTime::from(SystemTime::now());
    let place = ending(now + Duration::days(90), now + Duration::seconds(8));
    let dir = place.dir.path();
    assert!(has_line(dir, "WARN", &["crl", "ends soon"]), "{}", logged(dir));
    until("the error", || has_line(dir, "ERROR", &["Mtls", "crl", "overdue"]));
    assert!(!logged(dir).contains("expired"), "the certificate is good: {}", logged(dir));
}
