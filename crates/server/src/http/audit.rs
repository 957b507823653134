//! The audit log (contract section 11): `/admin/v1/audit` of the server itself, `/admin/v1/orgs/{orgId}/audit` of an
//! organisation; and `…/verify`, one chain a page.

use super::orgs::org_id;
use super::page::Asked;
use super::wire;
use crate::app::App;
use crate::auth::Administrator;
use crate::problem::Problem;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use onefold_api::admin::{AuditView, ChainView, ListView};
use onefold_core::id::{OrgId, Ucid};
use onefold_core::service::audit::read::{At, Verified};
use onefold_core::service::audit::{Entry, Who};
use std::sync::Arc;

/// `GET /admin/v1/audit`
pub(super) async fn of_server(
    State(app): State<Arc<App>>,
    who: Administrator,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    who.check_root()?;
    list(&app, None, query.as_deref()).await
}

/// `GET /admin/v1/orgs/{orgId}/audit`
pub(super) async fn of_org(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let org = org_id(&wire::path(path)?)?;
    who.check_org(org)?;
    app.service.org(org).await?;
    list(&app, Some(org), query.as_deref()).await
}

/// `GET /admin/v1/audit/verify`
pub(super) async fn verify_server(
    State(app): State<Arc<App>>,
    who: Administrator,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    who.check_root()?;
    verify(&app, None, query.as_deref()).await
}

/// `GET /admin/v1/orgs/{orgId}/audit/verify`
pub(super) async fn verify_org(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let org = org_id(&wire::path(path)?)?;
    who.check_org(org)?;
    app.service.org(org).await?;
    verify(&app, Some(org), query.as_deref()).await
}

async fn list(app: &App, org: Option<OrgId>, query: Option<&str>) -> Result<Response, Problem> {
    let asked = Asked::<At>::of(query)?;
    let page = app.service.audit_log(org, asked.after, asked.limit).await?;
    let next = page.items.last().filter(|_| page.more).map(|(at, _)| at.to_string());
    let items = page.items.iter().map(view).collect();
    wire::answer(StatusCode::OK, &ListView { items, next })
}

async fn verify(app: &App, org: Option<OrgId>, query: Option<&str>) -> Result<Response, Problem> {
    let asked = Asked::<Ucid>::of(query)?;
    let found = app.service.verify_audit(org, asked.after.map(Ucid::as_u128)).await?;
    let next = found.as_ref().filter(|(_, more)| *more).map(|(chain, _)| Ucid::from_u128(chain.chain).to_string());
    let items = found.iter().map(|(chain, _)| chain_view(chain)).collect();
    wire::answer(StatusCode::OK, &ListView::<ChainView> { items, next })
}

fn view((at, entry): &(At, Entry)) -> AuditView {
    let (who, key_id) = match entry.act.who {
        Who::Root => ("root", None),
        Who::Key(id) => ("key", Some(id.to_string())),
        Who::Token(id) => ("token", Some(id.to_string())),
        Who::Nobody => ("nobody", None),
        Who::Server => ("server", None),
    };
    AuditView {
        entry: at.to_string(),
        at: entry.at,
        who: who.into(),
        key_id,
        what: entry.act.what.to_string(),
        about: entry.act.about.to_string(),
        request_id: entry.act.request.to_string(),
        outcome: entry.act.outcome.to_string(),
        count: entry.act.count,
    }
}

fn chain_view(chain: &Verified) -> ChainView {
    ChainView {
        chain: Ucid::from_u128(chain.chain).to_string(),
        begun_at: chain.begun,
        entries: chain.entries,
        broken_at: chain.broken.map(|broken| broken.number),
        broken: chain.broken.map(|broken| broken.what.into()),
    }
}
