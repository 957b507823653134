//! The certificate that a client showed, and whose calls may come over it.
//!
//! It was good at the handshake. On a connection that stays open it is judged again, by the files that hold then, at
//! most once in the time for which a key is remembered; so is the organisation that it is bound to.

use super::Door;
use crate::app::App;
use crate::auth::AGE;
use crate::problem::{Problem, ServerCode};
use onefold_core::certificate::Fingerprint;
use onefold_core::error::Error;
use onefold_core::id::OrgId;
use rustls::pki_types::{CertificateDer, UnixTime};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// A client known by its certificate; one for each connection.
pub struct Peer {
    door: Arc<Door>,
    chain: Vec<CertificateDer<'static>>,
    fingerprint: Fingerprint,
    seen: Mutex<Option<Seen>>,
}

/// What was found out, and when.
#[derive(Clone, Copy)]
struct Seen {
    read_at: Instant,
    changes: u64,
    readings: u64,
    standing: Standing,
}

/// Whose calls may come over a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Anyone's: it is bound to nobody.
    Free,
    /// Those of one organisation.
    Of(OrgId),
    /// Nobody's: it expired or was revoked since the handshake.
    Ended,
}

/// The fingerprint of a certificate: SHA-256 of its DER.
pub fn fingerprint(certificate: &[u8]) -> Fingerprint {
    Fingerprint(Sha256::digest(certificate).into())
}

impl Peer {
    /// From what was shown, the client's own certificate first. `None` if nothing was.
    pub fn of(door: &Arc<Door>, chain: Option<&[CertificateDer<'static>]>) -> Option<Arc<Self>> {
        let chain = chain?.to_vec();
        let fingerprint = fingerprint(chain.first()?);
        Some(Arc::new(Self { door: door.clone(), chain, fingerprint, seen: Mutex::new(None) }))
    }

    /// 403 `auth.certificate` unless calls of this caller may come over the certificate; no organisation is the holder
    /// of the root key, who calls over one that is bound to nobody.
    pub async fn check(&self, app: &App, caller: Option<OrgId>) -> Result<(), Problem> {
        let standing = match self.remembered(app) {
            Some(standing) => standing,
            None => self.look_up(app).await?,
        };
        match standing {
            Standing::Free => Ok(()),
            Standing::Of(org) if caller == Some(org) => Ok(()),
            Standing::Of(_) | Standing::Ended => Err(ServerCode::AuthCertificate.into()),
        }
    }

    fn remembered(&self, app: &App) -> Option<Standing> {
        let seen = (*self.seen.lock().unwrap_or_else(PoisonError::into_inner))?;
        let holds =
            seen.read_at.elapsed() < AGE && seen.changes == app.auth.changes() && seen.readings == self.door.readings();
        holds.then_some(seen.standing)
    }

    async fn look_up(&self, app: &App) -> Result<Standing, Error> {
        // Counted before anything is read.
        let (read_at, changes, readings) = (Instant::now(), app.auth.changes(), self.door.readings());
        let standing = match self.is_still_good() {
            false => Standing::Ended,
            true => app.service.certificate_org(self.fingerprint).await?.map_or(Standing::Free, Standing::Of),
        };
        let seen = Seen { read_at, changes, readings, standing };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(standing)
    }

    fn is_still_good(&self) -> bool {
        let Some((own, between)) = self.chain.split_first() else { return false };
        let judge = self.door.verifier();
        judge.is_some_and(|judge| judge.verify_client_cert(own, between, UnixTime::now()).is_ok())
    }
}
