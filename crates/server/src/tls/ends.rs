//! When what a listener lives on ends: the server's certificate, after which clients turn away, and the revocation
//! lists, after which every client is refused. Said in the log while there is time, and for `GET /metrics`.

use super::Kind;
use std::time::{SystemTime, UNIX_EPOCH};
use x509_parser::prelude::FromDer;
use x509_parser::{certificate::X509Certificate, revocation_list::CertificateRevocationList};

const DAY_SECONDS: u64 = 24 * 3_600;
/// How long before its end a file is warned of.
const NOTICE_SECONDS: u64 = 14 * DAY_SECONDS;

/// Seconds since 1970 at which the first of what is in a file ends; none where there is no such file, or it does not say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    pub(super) certificate: Option<u64>,
    pub(super) crl: Option<u64>,
}

/// How near an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nearness {
    Far,
    Near,
    Over,
}

/// The earliest end of these certificates.
pub(super) fn of_certificates<'a>(ders: impl IntoIterator<Item = &'a [u8]>) -> Option<u64> {
    let end = |der| Some(X509Certificate::from_der(der).ok()?.1.validity().not_after.timestamp());
    ders.into_iter().filter_map(end).min().map(since_1970)
}

/// The earliest moment at which the next of these lists is due.
pub(super) fn of_lists<'a>(ders: impl IntoIterator<Item = &'a [u8]>) -> Option<u64> {
    let end = |der| Some(CertificateRevocationList::from_der(der).ok()?.1.next_update()?.timestamp());
    ders.into_iter().filter_map(end).min().map(since_1970)
}

fn since_1970(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or_default()
}

impl Ends {
    /// By the name of the file, those that are known.
    pub(super) fn known(self) -> impl Iterator<Item = (&'static str, u64)> {
        [("certificate", self.certificate), ("crl", self.crl)].into_iter().filter_map(|(file, end)| Some((file, end?)))
    }

    pub(super) fn nearness(self) -> Vec<Nearness> {
        let now = now();
        self.known().map(|(_, end)| Nearness::of(end, now)).collect()
    }

    /// Logs what ended or soon will.
    pub(super) fn tell(self, kind: Kind) {
        let now = now();
        for (file, end) in self.known() {
            let days = end.abs_diff(now) / DAY_SECONDS;
            match (Nearness::of(end, now), file) {
                (Nearness::Far, _) => {}
                (Nearness::Near, _) => {
                    tracing::warn!(listener = ?kind, file, days, "a file of this listener ends soon; renew it")
                }
                (Nearness::Over, "crl") => tracing::error!(
                    listener = ?kind, file, days, "the next update of a revocation list is overdue; every client is refused"
                ),
                (Nearness::Over, _) => {
                    tracing::error!(listener = ?kind, file, days, "the certificate has expired; clients turn away from it")
                }
            }
        }
    }
}

impl Nearness {
    fn of(end: u64, now: u64) -> Self {
        match end.checked_sub(now) {
            None => Nearness::Over,
            Some(left) if left <= NOTICE_SECONDS => Nearness::Near,
            Some(_) => Nearness::Far,
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    #[test]
    fn the_first_to_end_counts() {
        let ending = |year| {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(year, 1, 1));
            params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
        };
        let made = [ending(2060), ending(2050), ending(2070)];
        let end = of_certificates(made.iter().map(Vec::as_slice));
        assert_eq!(end, Some(date_time_ymd(2050, 1, 1).unix_timestamp() as u64));
        assert_eq!((of_certificates([&b"x"[..]]), of_lists([made[0].as_slice()])), (None, None));
    }

    #[test]
    fn it_is_near_for_fourteen_days() {
        let end = 1_000 * DAY_SECONDS;
        let at = |now| Nearness::of(end, now);
        assert_eq!([end - 15 * DAY_SECONDS, end - 14 * DAY_SECONDS - 1].map(at), [Nearness::Far; 2]);
        assert_eq!([end - 14 * DAY_SECONDS, end - 1, end].map(at), [Nearness::Near; 3]);
        assert_eq!([end + 1, end + 15 * DAY_SECONDS].map(at), [Nearness::Over; 2]);
    }
}
