//! Listeners with TLS: the files behind them, handshakes, and the certificates that clients show (contract section 2).
//!
//! A [`Door`] is what one listener shows to the network. Its files are read again when they change (`watch.rs`); what is
//! wrong with the new ones leaves in place what was read before, and connections that are open do not notice. What
//! happens on a connection after the handshake is in [`crate::serve`].

pub mod dev;
mod ends;
mod files;
mod peer;
mod watch;

pub(crate) use files::roots;
pub use peer::{Peer, fingerprint};
pub use watch::watch;

use crate::config::Config;
use crate::limits;
use ends::Ends;
use files::{ClientFiles, Files, Loaded, Mark};
use rustls::server::danger::ClientCertVerifier;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// HTTP/2, as clients ask for it.
pub const HTTP2: &[u8] = b"h2";

/// Which listener it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anyone may connect.
    Tls,
    /// Only who shows a certificate.
    Mtls,
}

impl Kind {
    /// Its name in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Tls => "tls",
            Kind::Mtls => "mtls",
        }
    }
}

/// One listener with TLS.
pub struct Door {
    kind: Kind,
    wanted: SocketAddr,
    files: Files,
    now: Mutex<Now>,
    /// Counts what was read: what was judged by earlier files is judged again.
    readings: AtomicU64,
    handshakes: Semaphore,
    timeout: Duration,
}

/// What holds at present.
struct Now {
    loaded: Arc<Loaded>,
    /// How the files looked just before they were last read, well or not.
    marks: Vec<Mark>,
}

impl Door {
    /// Those that the settings ask for, with their files read; or all that is wrong with the files.
    pub fn all(config: &Config) -> Result<Vec<Arc<Door>>, Vec<String>> {
        let (tls, mtls) = (&config.tls, &config.mtls);
        let own = (tls.certificate_file.as_path(), tls.private_key_file.as_path());
        let crl = Some(mtls.crl_file.clone()).filter(|path| !path.as_os_str().is_empty());
        let clients = ClientFiles { ca: mtls.client_ca_file.clone(), crl };
        let asked = [
            tls.address().map(|address| (Kind::Tls, address, files(own, None))),
            mtls.address().map(|address| (Kind::Mtls, address, files(mtls.identity(tls), Some(clients)))),
        ];
        let (mut doors, mut faults) = (Vec::new(), Vec::new());
        for (kind, wanted, files) in asked.into_iter().flatten() {
            match Door::open(kind, wanted, files, config) {
                Ok(door) => doors.push(Arc::new(door)),
                Err(wrong) => {
                    faults.extend(wrong.into_iter().filter(|fault| !faults.contains(fault)).collect::<Vec<_>>())
                }
            }
        }
        if faults.is_empty() { Ok(doors) } else { Err(faults) }
    }

    fn open(kind: Kind, wanted: SocketAddr, files: Files, config: &Config) -> Result<Self, Vec<String>> {
        let marks = files.marks();
        let loaded = Arc::new(files.load()?);
        loaded.ends().tell(kind);
        Ok(Self {
            kind,
            wanted,
            files,
            now: Mutex::new(Now { loaded, marks }),
            readings: AtomicU64::new(0),
            handshakes: Semaphore::new(config.tls.max_handshakes as usize),
            timeout: config.tls.handshake_timeout(),
        })
    }

    /// Which listener it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where the settings want it.
    pub fn wanted(&self) -> SocketAddr {
        self.wanted
    }

    /// Shakes hands, in time and in turn. Waits at most as long as a handshake may take, so that who is slow holds up
    /// others no longer than that.
    pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(&self, socket: S) -> io::Result<TlsStream<S>> {
        let shaking = async {
            let _turn = self.handshakes.acquire().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>(TlsAcceptor::from(self.loaded().config.clone()).accept(socket).into_fallible().await)
        };
        match tokio::time::timeout(self.timeout, shaking).await {
            Ok(shaken) => match shaken? {
                Ok(stream) => Ok(stream),
                Err((error, socket)) => {
                    part(socket).await;
                    Err(error)
                }
            },
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long")),
        }
    }

    /// Reads the files again. What is wrong with them is told, and leaves in place what was read before.
    fn reload(&self) -> Result<(), Vec<String>> {
        let marks = self.files.marks();
        let (loaded, faults) = self.files.load_over(Some(&self.loaded()));
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.marks = marks;
        if let Some(loaded) = loaded {
            now.loaded = Arc::new(loaded);
        }
        drop(now);
        self.readings.fetch_add(1, Ordering::SeqCst);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Which of its files end, and when, in seconds since 1970.
    pub fn expiries(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.ends().known()
    }

    fn ends(&self) -> Ends {
        self.loaded().ends()
    }

    fn loaded(&self) -> Arc<Loaded> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).loaded.clone()
    }

    fn marks(&self) -> Vec<Mark> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).marks.clone()
    }

    fn verifier(&self) -> Option<Arc<dyn ClientCertVerifier>> {
        self.loaded().verifier()
    }

    fn readings(&self) -> u64 {
        self.readings.load(Ordering::SeqCst)
    }
}

/// Lets a client that was refused read why. What it had already sent is read, since a socket that is closed before that
/// takes back what it was told.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S) {
    let parting = async {
        let mut heard = [0; 1024];
        let mut left = limits::HEAD_BYTES;
        let _ = socket.shutdown().await;
        while left > 0 {
            match socket.read(&mut heard).await {
                Ok(bytes @ 1..) => left = left.saturating_sub(bytes),
                _ => return,
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(limits::LINGER_MS), parting).await;
}

fn files((certificate, key): (&Path, &Path), clients: Option<ClientFiles>) -> Files {
    Files { certificate: certificate.into(), key: key.into(), clients }
}
