//! `GET /cdp/v1/usage` (contract section 8), and the same for administrators, whose URL names the organisation:
//! `GET /admin/v1/orgs/{orgId}/usage`; and whom a key read: `GET /admin/v1/orgs/{orgId}/keys/{keyId}/reads`.

mod asked;

use super::keys::key_id;
use super::orgs::org_id;
use super::{search, wire};
use crate::app::App;
use crate::auth::{self, Administrator};
use crate::caller::{Allowed, OrgAdmin};
use crate::problem::Problem;
use asked::{UsageAsked, by_name};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use onefold_api::usage::{ReadItem, ReadsView, UsageItem, UsageOthers, UsageSums, UsageView};
use onefold_core::error::{Code, Error};
use onefold_core::id::OrgId;
use onefold_core::org::KeyId;
use onefold_core::service::Service;
use onefold_core::service::usage::{Asked, Of, Usage, Used};
use std::sync::Arc;

/// `GET /cdp/v1/usage`: of the key's own organisation.
pub(super) async fn own(
    State(app): State<Arc<App>>,
    Allowed(caller): OrgAdmin,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let asked = UsageAsked::of(query.as_deref(), app.service.clock().now())?;
    answer(&app, caller.org().id, asked).await
}

/// `GET /admin/v1/orgs/{orgId}/usage`
pub(super) async fn of_org(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let org = org_id(&wire::path(path)?)?;
    let asked = UsageAsked::of(query.as_deref(), app.service.clock().now())?;
    who.check_org(org)?;
    app.service.org(org).await?;
    answer(&app, org, asked).await
}

/// `GET /admin/v1/orgs/{orgId}/keys/{keyId}/reads`: of revoked keys too.
pub(super) async fn reads(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let (org, key) = wire::path(path)?;
    let org = org_id(&org)?;
    let asked = asked::ReadsAsked::of(query.as_deref(), app.service.clock().now())?;
    who.check_org(org)?;
    app.service.org(org).await?;
    let key = key_id(&key)?;
    if !auth::is_holder(key) {
        app.service.key(org, key).await?;
    }
    app.meter.flush(&app.service, true).await?;
    let found = app.service.key_reads((org, key), asked.hours.clone(), asked.after, asked.limit).await?;
    let view = ReadsView {
        org_id: org.get(),
        key_id: key.to_string(),
        from: asked.hours.start.begins(),
        to: asked.hours.end.begins(),
        items: found
            .items
            .iter()
            .map(|read| ReadItem { ucid: read.ucid.to_string(), hour: read.hour.begins() })
            .collect(),
        missed: found.missed,
        next: found.items.last().filter(|_| found.more).map(ToString::to_string),
    };
    wire::answer(StatusCode::OK, &view)
}

async fn answer(app: &App, org: OrgId, asked: UsageAsked) -> Result<Response, Problem> {
    // What this node counted up to now is in the answer, and what others did up to a second ago.
    app.meter.flush(&app.service, false).await?;
    let UsageAsked { hours, by } = asked;
    let usage = app.service.usage(org, &Asked { hours: hours.clone(), by, fetch: search::OPERATION }).await?;
    let view = UsageView {
        org_id: org.get(),
        from: hours.start.begins(),
        to: hours.end.begins(),
        by: by_name(by).into(),
        items: items(&app.service, org, &usage).await?,
        others: usage.others.as_ref().map(|(items, used)| UsageOthers { items: *items as u64, sums: sums(used) }),
        total: sums(&usage.total),
    };
    wire::answer(StatusCode::OK, &view)
}

async fn items(service: &Service, org: OrgId, usage: &Usage) -> Result<Vec<UsageItem>, Error> {
    let mut items = Vec::with_capacity(usage.items.len());
    for (of, used) in &usage.items {
        let item = UsageItem { sums: sums(used), ..UsageItem::default() };
        items.push(match of {
            Of::Key(key) => {
                UsageItem { key_id: Some(key.to_string()), name: key_name(service, org, *key).await?, ..item }
            }
            Of::Operation(operation) => UsageItem { operation: Some(operation.to_string()), ..item },
            Of::Hour(hour) => UsageItem { hour: Some(hour.begins()), ..item },
        });
    }
    Ok(items)
}

async fn key_name(service: &Service, org: OrgId, key: KeyId) -> Result<Option<String>, Error> {
    match service.key(org, key).await {
        Ok(key) => Ok(Some(key.name.into())),
        Err(error) if error.code == Code::KeyUnknown => Ok(None),
        Err(error) => Err(error),
    }
}

fn sums(used: &Used) -> UsageSums {
    UsageSums {
        calls: used.counts.calls,
        refused: used.counts.refused,
        identifiers: used.counts.identifiers,
        bytes: used.counts.bytes,
        fetches: used.fetches.calls,
        average_fetch_bytes: used.average_fetch(),
        statuses: used.statuses.iter().map(|(status, calls)| (status.to_string(), *calls)).collect(),
    }
}
