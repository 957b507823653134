//! What the audit log is told of calls (`onefold_core::service::audit`): every call that changes something under
//! `/admin`, every delete and split, and credentials that were refused.
//!
//! A call is recorded twice, by the same request id: as `begun` when its caller is known and nothing is done yet, and
//! with its outcome before it is answered. If the first cannot be written, the call is refused and nothing is done. A
//! process that dies in between leaves the first, so that nothing is done without a trace.

use crate::app::App;
use crate::front::RequestId;
use crate::http::route_of;
use crate::problem::{Code, Problem, ServerCode};
use axum::response::Response;
use http::Method;
use http::request::Parts;
use onefold_core::id::OrgId;
use onefold_core::service::Service;
use onefold_core::service::audit::{Act, Who};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often refused credentials are recorded: one entry for each sort, however many there were.
const RECORD_EVERY: Duration = Duration::from_secs(1);

/// Calls outside `/admin` that are recorded.
const RECORDED: [&str; 2] = ["/cdp/v1/users/_delete", "/cdp/v1/users/_split"];

/// An extension of a request that is to be recorded, into which goes what was written of it.
#[derive(Clone, Default)]
pub struct Slot(Arc<Mutex<Option<Recorded>>>);

/// An entry, and the organisation in whose log it is; none is the server itself.
pub type Recorded = (Option<OrgId>, Act);

impl Slot {
    /// Whether a call is to be recorded.
    pub fn is_for(method: &Method, path: &str) -> bool {
        !matches!(*method, Method::GET | Method::HEAD) && (path.starts_with("/admin/") || RECORDED.contains(&path))
    }

    /// What is to be recorded of a call that is answered so, if its beginning was.
    pub fn ended(&self, response: &Response) -> Option<Recorded> {
        let (org, act) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let about = response.extensions().get::<About>().map(|About(id)| id.as_str().into());
        let outcome = response.extensions().get::<Problem>().map_or("done", |problem| problem.code().as_str());
        Some((org, Act { about: about.unwrap_or(act.about), outcome: outcome.into(), ..act }))
    }
}

/// An extension of a response: the id of what a call made. Never anything that a caller chose.
#[derive(Clone)]
pub struct About(pub String);

/// Records that a call begins, if it is one that is to be recorded. `own` is the organisation of the caller's key.
pub async fn begin(app: &App, parts: &Parts, who: Who, own: Option<OrgId>) -> Result<(), Problem> {
    let Some(slot) = parts.extensions.get::<Slot>() else { return Ok(()) };
    let (route, path) = (route_of(parts.uri.path()), parts.uri.path());
    let org = match (own, org_in(route, path)) {
        (None, Some(named)) => app.service.find_org(named).await?.map(|org| org.id),
        (own, _) => own,
    };
    let act = Act {
        who,
        what: format!("{} {route}", parts.method).into(),
        about: ids_in(route, path).into(),
        request: parts.extensions.get::<RequestId>().map_or("", RequestId::as_str).into(),
        outcome: "begun".into(),
        count: 1,
    };
    app.service.audit(org, act.clone()).await?;
    *slot.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((org, act));
    Ok(())
}

/// Records what became of a call. It is done by then: if this fails the log has only its beginning, and says so there.
pub async fn finish(app: &App, ended: Option<Recorded>) {
    let Some((org, act)) = ended else { return };
    if let Err(error) = app.service.audit(org, act).await {
        tracing::error!(%error, "the outcome of a call is not in the audit log");
    }
}

fn parameters<'a>(route: &'a str, path: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    route.split('/').zip(path.split('/')).filter(|(pattern, _)| pattern.starts_with('{'))
}

fn org_in(route: &str, path: &str) -> Option<OrgId> {
    let (_, number) = parameters(route, path).find(|(name, _)| *name == "{orgId}")?;
    OrgId::new(number.parse().ok()?).ok()
}

/// The ids in a path. What is neither a UUID nor a number may be anything, and is not shown.
fn ids_in(route: &str, path: &str) -> String {
    let is_id = |text: &str| uuid::Uuid::try_parse(text).is_ok() || text.parse::<u64>().is_ok();
    let shown = parameters(route, path).map(|(_, value)| if is_id(value) { value } else { "…" });
    shown.collect::<Vec<_>>().join(" ")
}

/// Sorts of refusal that are counted.
const REFUSALS: [ServerCode; 6] = [
    ServerCode::AuthMissing,
    ServerCode::AuthInvalid,
    ServerCode::AuthAmbiguous,
    ServerCode::AuthScope,
    ServerCode::AuthOrg,
    ServerCode::AuthCertificate,
];

/// Refused credentials, counted until they are recorded. A crash loses those of the last second.
#[derive(Default)]
pub struct Failures([Tally; REFUSALS.len()]);

#[derive(Default)]
struct Tally {
    count: AtomicU64,
    /// The last request; none if it was a handshake.
    last: Mutex<Option<RequestId>>,
}

impl Failures {
    /// Counts a problem, if it is one of those.
    pub fn note(&self, code: Code, id: &RequestId) {
        self.count(code, Some(id));
    }

    /// Counts a handshake that was refused for want of a good certificate: there is no request yet.
    pub fn note_handshake(&self) {
        self.count(ServerCode::AuthCertificate.into(), None);
    }

    fn count(&self, code: Code, id: Option<&RequestId>) {
        let Some(at) = REFUSALS.iter().position(|refusal| Code::from(*refusal) == code) else { return };
        self.0[at].count.fetch_add(1, Ordering::Relaxed);
        *self.0[at].last.lock().unwrap_or_else(PoisonError::into_inner) = id.cloned();
    }

    /// Writes what was counted: an entry for each sort, in the server's own log.
    pub async fn record(&self, service: &Service) {
        for (tally, code) in self.0.iter().zip(REFUSALS) {
            let count = tally.count.swap(0, Ordering::Relaxed);
            if count == 0 {
                continue;
            }
            let last = tally.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let act = Act {
                who: Who::Nobody,
                what: "authentication".into(),
                about: "".into(),
                request: last.as_ref().map_or("", RequestId::as_str).into(),
                outcome: code.as_str().into(),
                count,
            };
            if let Err(error) = service.audit(None, act).await {
                tracing::warn!(%error, "refused credentials are not in the audit log yet");
                tally.count.fetch_add(count, Ordering::Relaxed);
            }
        }
    }
}

/// Records refused credentials until `stop`, the last ones too.
pub async fn record_failures(app: Arc<App>, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut ticks = tokio::time::interval(RECORD_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        // Ends between two records: what one has taken from the count is in the log afterwards.
        tokio::select! {
            () = &mut stop => break,
            _ = ticks.tick() => app.failures.record(&app.service).await,
        }
    }
    app.failures.record(&app.service).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_of_a_path_are_recorded() {
        let route = "/admin/v1/orgs/{orgId}/keys/{keyId}";
        let key = "01941f29-7c00-7c1d-9e02-7d5b1a90c6f4";
        assert_eq!(ids_in(route, &format!("/admin/v1/orgs/7/keys/{key}")), format!("7 {key}"));
        assert_eq!(ids_in(route, "/admin/v1/orgs/7/keys/jane@example.com"), "7 …");
        assert_eq!(org_in(route, "/admin/v1/orgs/7/keys/x").map(OrgId::get), Some(7));
        assert_eq!(ids_in("/admin/v1/orgs", "/admin/v1/orgs"), "");
    }

    #[test]
    fn reads_are_not_recorded() {
        assert!(!Slot::is_for(&Method::GET, "/admin/v1/orgs") && !Slot::is_for(&Method::HEAD, "/admin/v1/orgs"));
        assert!(!Slot::is_for(&Method::POST, "/cdp/v1/users"));
        assert!(Slot::is_for(&Method::POST, "/cdp/v1/users/_delete"));
        assert!(Slot::is_for(&Method::PATCH, "/admin/v1/orgs/7"));
    }
}
