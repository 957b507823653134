//! The settings of listeners with TLS, and which combinations of them make no sense. Whether the files hold what they
//! should is found out in [`crate::tls`], before a port is bound.

use super::Config;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// HTTPS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Address and port; empty for none.
    pub listen: String,
    /// The server's certificate, and those between it and its authority.
    pub certificate_file: PathBuf,
    /// The key of that certificate.
    pub private_key_file: PathBuf,
    /// Milliseconds for a handshake.
    pub handshake_timeout_ms: u64,
    /// Handshakes under way at once on each listener.
    pub max_handshakes: u32,
    /// Milliseconds between two looks at the files.
    pub watch_ms: u64,
}

/// HTTPS for clients with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mtls {
    /// Address and port; empty for none.
    pub listen: String,
    /// The server's certificate; empty for that of [`Tls`].
    pub certificate_file: PathBuf,
    /// The key of that certificate; empty for that of [`Tls`].
    pub private_key_file: PathBuf,
    /// The authorities of client certificates.
    pub client_ca_file: PathBuf,
    /// Their revocation lists; empty for none.
    pub crl_file: PathBuf,
}

impl Tls {
    /// How long a handshake may take.
    pub fn handshake_timeout(&self) -> Duration {
        Duration::from_millis(self.handshake_timeout_ms)
    }

    /// Where to answer, if at all.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }
}

impl Mtls {
    /// Where to answer, if at all.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listen.parse().ok()
    }

    /// The server's certificate and its key.
    pub fn identity<'a>(&'a self, tls: &'a Tls) -> (&'a Path, &'a Path) {
        match is_set(&self.certificate_file) {
            true => (&self.certificate_file, &self.private_key_file),
            false => (&tls.certificate_file, &tls.private_key_file),
        }
    }
}

impl Config {
    /// All addresses at which to answer.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        [Some(self.server.listen), self.tls.address(), self.mtls.address()].into_iter().flatten()
    }
}

fn is_set(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

/// All that is wrong with these two sections, apart from what the files hold.
pub(super) fn faults(config: &Config) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, listen) in [("tls.listen", &config.tls.listen), ("mtls.listen", &config.mtls.listen)] {
        if !listen.is_empty() && listen.parse::<SocketAddr>().is_err() {
            faults.push(format!("{name} must be an address and a port, such as 0.0.0.0:8443, or empty"));
        }
    }
    tls_faults(config, &mut faults);
    mtls_faults(config, &mut faults);
    address_faults(config, &mut faults);
    faults
}

fn tls_faults(Config { tls, mtls, .. }: &Config, faults: &mut Vec<String>) {
    let files = [
        ("tls.certificate_file", is_set(&tls.certificate_file)),
        ("tls.private_key_file", is_set(&tls.private_key_file)),
    ];
    let used = !tls.listen.is_empty() || (!mtls.listen.is_empty() && !is_set(&mtls.certificate_file));
    // One that is given at all is meant for something.
    let meant = used || files.iter().any(|(_, set)| *set);
    for (name, set) in files {
        if meant && !set {
            faults.push(format!("{name} is needed for a listener with TLS"));
        }
        if set && tls.listen.is_empty() && mtls.listen.is_empty() {
            faults.push(format!("{name} is of no use while tls.listen and mtls.listen are empty"));
        }
    }
}

fn mtls_faults(Config { mtls, .. }: &Config, faults: &mut Vec<String>) {
    let files = [
        ("mtls.certificate_file", &mtls.certificate_file),
        ("mtls.private_key_file", &mtls.private_key_file),
        ("mtls.client_ca_file", &mtls.client_ca_file),
        ("mtls.crl_file", &mtls.crl_file),
    ];
    if mtls.listen.is_empty() {
        let idle = files.iter().filter(|(_, path)| is_set(path));
        faults.extend(idle.map(|(name, _)| format!("{name} is of no use while mtls.listen is empty")));
        return;
    }
    if !is_set(&mtls.client_ca_file) {
        faults.push("mtls.client_ca_file is needed: without it nobody could be known by a certificate".into());
    }
    if is_set(&mtls.certificate_file) != is_set(&mtls.private_key_file) {
        faults.push("mtls.certificate_file and mtls.private_key_file go together".into());
    }
}

fn address_faults(config: &Config, faults: &mut Vec<String>) {
    let all = [
        ("server.listen", Some(config.server.listen)),
        ("tls.listen", config.tls.address()),
        ("mtls.listen", config.mtls.address()),
    ];
    for (at, (name, address)) in all.iter().enumerate() {
        let taken = all[..at].iter().find(|(_, other)| other == address && address.is_some_and(|it| it.port() != 0));
        if let Some((other, _)) = taken {
            faults.push(format!("{name} and {other} are the same address"));
        }
    }
}
