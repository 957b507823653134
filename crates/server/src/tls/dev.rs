//! Certificates for trying TLS on one machine: an authority, a server, a client, and a client that is revoked. Not for
//! anything else: the authority's key lies beside them.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
};
use rustls::pki_types::DnsName;
use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};

/// For how long they are good. Some systems take no longer one from a server.
const DAYS: i64 = 365;

/// Why they were not made.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// Somebody may be using it.
    #[error("{0} is there already, and nothing was written; say another place with --dir, or remove it")]
    There(PathBuf),
    /// The system refuses.
    #[error("cannot write {0}: {1}")]
    Io(PathBuf, io::Error),
    /// A name that no certificate can have.
    #[error("a certificate cannot be made: {0}")]
    Cannot(#[from] rcgen::Error),
}

/// One certificate and its key, in PEM.
struct Made {
    certificate: String,
    key: String,
    serial: SerialNumber,
}

/// A name that a certificate can have: of DNS, also with `*` for its first label, or an address. Others are told so.
pub fn name(text: &str) -> Result<String, String> {
    let dns = text.strip_prefix("*.").unwrap_or(text);
    let is_dns = !dns.ends_with('.') && DnsName::try_from(dns).is_ok();
    if is_dns || text.parse::<IpAddr>().is_ok() {
        return Ok(text.into());
    }
    Err("it must be a DNS name, such as api.example.com or *.example.com, or an IP address".into())
}

/// Makes them in this directory, which is made if need be: `ca.pem`, `server.pem`, `client.pem`, `revoked.pem`, each
/// with its `.key`, and `crl.pem`. The server's is good for these names and addresses. Nothing is replaced.
pub fn make(dir: &Path, names: &[String]) -> Result<Vec<PathBuf>, DevError> {
    let authority = Authority::new()?;
    let server = authority.issue("Onefold server for trying", names, ExtendedKeyUsagePurpose::ServerAuth)?;
    let client = authority.issue("Onefold client for trying", &[], ExtendedKeyUsagePurpose::ClientAuth)?;
    let revoked = authority.issue("Onefold client, revoked", &[], ExtendedKeyUsagePurpose::ClientAuth)?;
    let crl = authority.revoking(&revoked)?;
    let files = [
        ("ca.pem", authority.certificate),
        ("ca.key", authority.issuer.key().serialize_pem()),
        ("crl.pem", crl),
        ("server.pem", server.certificate),
        ("server.key", server.key),
        ("client.pem", client.certificate),
        ("client.key", client.key),
        ("revoked.pem", revoked.certificate),
        ("revoked.key", revoked.key),
    ];
    if let Some((there, _)) = files.iter().find(|(name, _)| dir.join(name).exists()) {
        return Err(DevError::There(dir.join(there)));
    }
    fs::create_dir_all(dir).map_err(|error| DevError::Io(dir.into(), error))?;
    let written = files.iter().map(|(name, text)| {
        let path = dir.join(name);
        match write(&path, text) {
            Ok(()) => Ok(path),
            Err(error) => Err(DevError::Io(path, error)),
        }
    });
    written.collect()
}

struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Result<Self, DevError> {
        // Two that are made here are not taken for each other.
        let name = format!("Onefold authority for trying {:08x}", rand::random::<u32>());
        let mut params = params(&name, &[])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    fn issue(&self, name: &str, names: &[String], usage: ExtendedKeyUsagePurpose) -> Result<Made, DevError> {
        let mut params = params(name, names)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let serial = SerialNumber::from_slice(&uuid::Uuid::from_u128(rand::random::<u128>() >> 1).into_bytes());
        params.serial_number = Some(serial.clone());
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Made { certificate, key: key.serialize_pem(), serial })
    }

    fn revoking(&self, made: &Made) -> Result<String, DevError> {
        let now = OffsetDateTime::now_utc();
        let revoked = RevokedCertParams {
            serial_number: made.serial.clone(),
            revocation_time: now,
            reason_code: Some(RevocationReason::Superseded),
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: now - Duration::days(1),
            next_update: now + Duration::days(DAYS),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.issuer)?.pem()?)
    }
}

fn params(name: &str, names: &[String]) -> Result<CertificateParams, DevError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    // A day back, for clocks that differ.
    params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(DAYS);
    Ok(params)
}

/// A new file; a key only for its owner, from its first byte on.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if path.extension().is_some_and(|it| it == "key") {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    options.open(path)?.write_all(text.as_bytes())
}
