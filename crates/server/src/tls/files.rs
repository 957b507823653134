//! The files of a listener: reading them into what a handshake needs, and noticing that they changed.
//!
//! What is wrong with a file is said with its name and never with a byte of it: one of them is a key.

use super::ends::{self, Ends};
use crate::limits;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
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

/// What was read. The server's identity and the clients known to it are taken up apart from each other.
pub(super) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    identity: Identity,
    known: Option<Known>,
}

/// The server's certificate and key.
#[derive(Clone)]
struct Identity {
    key: Arc<CertifiedKey>,
    ends: Option<u64>,
}

/// The authorities of clients, and what judges clients by them and the revocation lists.
#[derive(Clone)]
struct Known {
    roots: Arc<RootCertStore>,
    verifier: Arc<dyn ClientCertVerifier>,
    ends: Option<u64>,
}

impl Loaded {
    pub(super) fn verifier(&self) -> Option<Arc<dyn ClientCertVerifier>> {
        self.known.as_ref().map(|known| known.verifier.clone())
    }

    pub(super) fn ends(&self) -> Ends {
        Ends { certificate: self.identity.ends, crl: self.known.as_ref().and_then(|known| known.ends) }
    }
}

/// What tells a file from what it was before.
pub(super) type Mark = Option<(SystemTime, u64, u64)>;

impl Files {
    /// Reads all of them, or says all that is wrong with them.
    pub(super) fn load(&self) -> Result<Loaded, Vec<String>> {
        match self.load_over(None) {
            (Some(loaded), faults) if faults.is_empty() => Ok(loaded),
            (_, faults) => Err(faults),
        }
    }

    /// Reads all of them; where something is wrong, which is said, what was read before takes its place.
    pub(super) fn load_over(&self, before: Option<&Loaded>) -> (Option<Loaded>, Vec<String>) {
        let mut faults = Vec::new();
        let provider = Arc::new(ring::default_provider());
        let identity = self.identity(&provider, &mut faults).or_else(|| before.map(|before| before.identity.clone()));
        let known = self.clients.as_ref().map(|clients| {
            let before = before.and_then(|before| before.known.as_ref());
            clients.read(&provider, before, &mut faults).or_else(|| before.cloned())
        });
        let (Some(identity), true) = (identity, known.as_ref().is_none_or(Option::is_some)) else {
            return (None, faults);
        };
        let known = known.flatten();
        let config = config(provider, &identity, known.as_ref()).map_err(|error| error.to_string());
        let config = noted(config, &mut faults).map(Arc::new);
        (config.map(|config| Loaded { config, identity, known }), faults)
    }

    fn identity(&self, provider: &CryptoProvider, faults: &mut Vec<String>) -> Option<Identity> {
        let chain = noted(certificates(&self.certificate), faults);
        let key = noted(private_key(&self.key), faults);
        let (chain, key) = (chain?, key?);
        let ends = ends::of_certificates(chain.iter().map(AsRef::as_ref));
        let certified = CertifiedKey::from_der(chain, key, provider)
            .map_err(|error| format!("{} and {}: {error}", self.certificate.display(), self.key.display()));
        Some(Identity { key: Arc::new(noted(certified, faults)?), ends })
    }

    /// How the files look from outside.
    pub(super) fn marks(&self) -> Vec<Mark> {
        let clients = self.clients.iter().flat_map(|clients| std::iter::once(&clients.ca).chain(&clients.crl));
        [&self.certificate, &self.key].into_iter().chain(clients).map(|path| mark(path)).collect()
    }
}

impl ClientFiles {
    /// Authorities that cannot be read keep no new list from being taken up: it is put to those of before. New
    /// authorities wait for lists that can be read, without which their clients would be refused.
    fn read(&self, provider: &Arc<CryptoProvider>, before: Option<&Known>, faults: &mut Vec<String>) -> Option<Known> {
        let roots = noted(roots(&self.ca).map(Arc::new), faults);
        let roots = roots.or_else(|| before.map(|before| before.roots.clone()));
        let lists = noted(self.crl.as_deref().map_or(Ok(Vec::new()), revocations), faults);
        let roots = roots?;
        let known = lists.and_then(|lists| noted(self.judging(provider, roots.clone(), lists), faults));
        if known.is_none() && before.is_some_and(|before| before.roots.roots != roots.roots) {
            faults.push(format!("{} waits for the lists", self.ca.display()));
        }
        known
    }

    fn judging(
        &self,
        provider: &Arc<CryptoProvider>,
        roots: Arc<RootCertStore>,
        lists: Vec<CertificateRevocationListDer<'static>>,
    ) -> Result<Known, String> {
        let ends = ends::of_lists(lists.iter().map(AsRef::as_ref));
        // Who cannot be told to be unrevoked is refused, and so is who is judged by a list that is overdue.
        let builder = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
            .with_crls(lists)
            .enforce_revocation_expiration();
        // There are authorities, so that it can be the lists alone.
        let at_fault = self.crl.as_ref().unwrap_or(&self.ca);
        let verifier = builder.build().map_err(|error| format!("{}: {error}", at_fault.display()))?;
        Ok(Known { roots, verifier, ends })
    }
}

fn config(
    provider: Arc<CryptoProvider>,
    identity: &Identity,
    known: Option<&Known>,
) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let mut config = match known {
        Some(known) => builder.with_client_cert_verifier(known.verifier.clone()),
        None => builder.with_no_client_auth(),
    }
    .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.key.clone())));
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    if known.is_some() {
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
