//! Certificates bound to organisations: bind, list, unbind, look up (contract section 2).
//!
//! Two kinds of row in one table. That of the fingerprint is the truth: at most one organisation has it. The other lets
//! an organisation list what it has, is written before the truth and never removed, and shows nothing by itself.

use super::Service;
use crate::certificate::{Certificate, Fingerprint, Listed};
use crate::error::{Code, Error};
use crate::id::OrgId;
use crate::limits;
use crate::tables::{self, Sort};

/// A page of the certificates of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePage {
    /// Those that are bound.
    pub items: Vec<Certificate>,
    /// After which one the next page begins, if there is one.
    pub next: Option<Fingerprint>,
}

impl Service {
    /// Binds a certificate; one that the organisation has already gets the new name. [`Code::OrgUnknown`];
    /// [`Code::CertificateTaken`] if another organisation has it; [`Code::TooManyCertificates`].
    pub async fn bind_certificate(
        &self,
        org: OrgId,
        fingerprint: Fingerprint,
        name: Box<str>,
    ) -> Result<Certificate, Error> {
        self.org(org).await?;
        self.room_for_a_certificate(org, fingerprint).await?;
        self.records.put(&tables::org_certificate(org, fingerprint), &Listed(fingerprint)).await?;
        let new = Certificate { fingerprint, org: Some(org), name, bound: self.clock.now() };
        self.records
            .modify(&tables::certificate(fingerprint), |found: Option<Certificate>| match found.and_then(bound) {
                Some((owner, _)) if owner != org => Err(Code::CertificateTaken.into()),
                Some((_, same)) if same.name == new.name => Ok((None, same)),
                Some((_, other)) => {
                    let renamed = Certificate { bound: other.bound, ..new.clone() };
                    Ok((Some(renamed.clone()), renamed))
                }
                None => Ok((Some(new.clone()), new.clone())),
            })
            .await
    }

    /// Two calls at once may pass the bound by one; it is there against runaway scripts.
    async fn room_for_a_certificate(&self, org: OrgId, fingerprint: Fingerprint) -> Result<(), Error> {
        let (mut after, mut listed) = (None, 0);
        loop {
            let rows: Vec<(Sort, Listed)> =
                self.records.scan(&tables::org_certificates(org), after.as_ref(), limits::PAGE).await?;
            listed += rows.len();
            if rows.iter().any(|(_, row)| row.0 == fingerprint) {
                return Ok(());
            }
            if listed >= limits::ORG_CERTIFICATES {
                return Err(Code::TooManyCertificates.into());
            }
            match rows.into_iter().last() {
                Some((sort, _)) => after = Some(sort),
                None => return Ok(()),
            }
        }
    }

    /// Certificates of an organisation in order of their fingerprints, after this one; `limit` is 1 to
    /// [`limits::PAGE`]. A page may be short, as those that were unbound are left out.
    pub async fn certificates(
        &self,
        org: OrgId,
        after: Option<Fingerprint>,
        limit: u16,
    ) -> Result<CertificatePage, Error> {
        let after = after.map(|fingerprint| Sort::from_iter(fingerprint.0));
        let rows: Vec<(Sort, Listed)> =
            self.records.scan(&tables::org_certificates(org), after.as_ref(), limit).await?;
        let next = rows.last().filter(|_| rows.len() == usize::from(limit)).map(|(_, row)| row.0);
        let mut items = Vec::new();
        for (_, Listed(fingerprint)) in rows {
            let found = self.records.read::<Certificate>(&tables::certificate(fingerprint)).await?;
            items.extend(found.map(|(_, certificate)| certificate).filter(|it| it.org == Some(org)));
        }
        Ok(CertificatePage { items, next })
    }

    /// Unbinds a certificate. [`Code::CertificateUnknown`] if it is not bound to this organisation.
    pub async fn unbind_certificate(&self, org: OrgId, fingerprint: Fingerprint) -> Result<(), Error> {
        // A write whose answer was lost may meet its own work.
        let mut done = false;
        self.records
            .modify(&tables::certificate(fingerprint), |found: Option<Certificate>| match found.and_then(bound) {
                Some((owner, certificate)) if owner == org => {
                    done = true;
                    Ok((Some(Certificate { org: None, ..certificate }), ()))
                }
                _ if done => Ok((None, ())),
                _ => Err(Code::CertificateUnknown.into()),
            })
            .await
    }

    /// Whom a certificate is bound to, if to anyone.
    pub async fn certificate_org(&self, fingerprint: Fingerprint) -> Result<Option<OrgId>, Error> {
        let found = self.records.read::<Certificate>(&tables::certificate(fingerprint)).await?;
        Ok(found.and_then(|(_, certificate)| certificate.org))
    }
}

/// A certificate that is bound, and to whom.
fn bound(certificate: Certificate) -> Option<(OrgId, Certificate)> {
    Some((certificate.org?, certificate))
}
