//! The files of a listener: reading them into what a handshake needs, and noticing that they changed.
//!
//! What is wrong with a file is said with its name and never with a byte of it: one of them is a key.

use crate::limits;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The protocols on offer, the best first.
const ALPN: [&[u8]; 2] = [super::HTTP2, b"http/1.1"];

/// Where the files of a listener are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// For a listener that wants client certificates.
    pub(super) clients: Option<ClientFiles>,
}

/// Who is known by a certificate.
#[derive(Clone, Debug)]
pub(super) struct ClientFiles {
    pub(super) ca: PathBuf,
    pub(super) crl: Option<PathBuf>,
}

/// What was read.
pub(super) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    pub(super) verifier: Option<Arc<dyn ClientCertVerifier>>,
}

/// What tells a file from what it was before.
pub(super) type Mark = Option<(SystemTime, u64, u64)>;

impl Files {
    /// Reads all of them, or says all that is wrong with them.
    pub(super) fn load(&self) -> Result<Loaded, Vec<String>> {
        let mut faults = Vec::new();
        let provider = Arc::new(ring::default_provider());
        let chain = noted(certificates(&self.certificate), &mut faults);
        let key = noted(private_key(&self.key), &mut faults);
        let verifier = self.clients.as_ref().map(|clients| clients.verifier(&provider, &mut faults));
        let (Some(chain), Some(key)) = (chain, key) else { return Err(faults) };
        let verifier = match verifier {
            None => None,
            Some(Some(verifier)) => Some(verifier),
            Some(None) => return Err(faults),
        };
        match config(provider, chain, key, verifier.clone()) {
            Ok(config) => Ok(Loaded { config: Arc::new(config), verifier }),
            Err(error) => Err(vec![format!("{} and {}: {error}", self.certificate.display(), self.key.display())]),
        }
    }

    /// How the files look from outside.
    pub(super) fn marks(&self) -> Vec<Mark> {
        let clients = self.clients.iter().flat_map(|clients| std::iter::once(&clients.ca).chain(&clients.crl));
        [&self.certificate, &self.key].into_iter().chain(clients).map(|path| mark(path)).collect()
    }
}

impl ClientFiles {
    fn verifier(
        &self,
        provider: &Arc<CryptoProvider>,
        faults: &mut Vec<String>,
    ) -> Option<Arc<dyn ClientCertVerifier>> {
        let roots = noted(roots(&self.ca), faults);
        let lists = noted(self.crl.as_deref().map_or(Ok(Vec::new()), revocations), faults);
        let (roots, lists) = (roots?, lists?);
        // Who cannot be told to be unrevoked is refused, and so is who is judged by a list that is overdue.
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .with_crls(lists)
            .enforce_revocation_expiration();
        let built = builder.build().map_err(|error| format!("{} and its lists: {error}", self.ca.display()));
        noted(built, faults)
    }
}

fn config(
    provider: Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let mut config = match &verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier.clone()),
        None => builder.with_no_client_auth(),
    }
    .with_single_cert(chain, key)?;
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    if verifier.is_some() {
        // A resumed session shows no certificate, so that one which is revoked by now would get in.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn noted<T>(read: Result<T, String>, faults: &mut Vec<String>) -> Option<T> {
    read.map_err(|fault| faults.push(fault)).ok()
}

/// A file of PEM. It is read at once, so that its sections are of one moment, and never more than it may hold.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let about = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if about.len() > limits::PEM_BYTES {
        return Err(format!("{} is larger than {} bytes", path.display(), limits::PEM_BYTES));
    }
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn sections<T: PemObject>(path: &Path, what: &str) -> Result<Vec<T>, String> {
    let text = read(path)?;
    let found: Result<Vec<T>, pem::Error> = T::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!("{} holds no {what} in PEM", path.display())),
        Err(_) => Err(format!("{} is not a whole file of PEM", path.display())),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    sections(path, "certificate")
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let mut keys = sections::<PrivateKeyDer<'static>>(path, "private key without a passphrase")?;
    match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => Ok(key),
        _ => Err(format!("{} holds several private keys", path.display())),
    }
}

fn revocations(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    sections(path, "revocation list")
}

/// The authorities in a file of PEM.
pub(crate) fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(roots)
}

fn mark(path: &Path) -> Mark {
    let about = fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len(), inode(&about)))
}

#[cfg(unix)]
fn inode(about: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(about)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}
