//! What may not be written again in an organisation (contract section 7): identifiers of people who were deleted for good,
//! by keyed hash alone.

use super::blocked::value_in;
use super::orgs::org_id;
use super::page::Asked;
use super::page::{HashId, page};
use super::wire;
use crate::app::App;
use crate::audit::About;
use crate::auth::Administrator;
use crate::body;
use crate::hex::hex;
use crate::json;
use crate::limits::BODY_BYTES;
use crate::problem::Problem;
use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use onefold_api::identity::SuppressionView;
use onefold_core::error::{Code, Error};
use onefold_core::id::OrgId;
use onefold_core::service::suppress::Suppression;
use onefold_core::tables::RowHash;
use std::sync::Arc;
use uuid::Uuid;

/// `GET …/suppressions`: the identifiers, without their values.
pub async fn list(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let id = org_id(&wire::path(path)?)?;
    let asked = Asked::of(query.as_deref())?;
    who.check_org(id)?;
    app.service.org(id).await?;
    let rows = app.service.suppressions(id, asked.after.map(|HashId(hash)| hash), asked.limit + 1).await?;
    let rows = rows.iter().map(|(name, suppression)| (hex(&name.0), view(*name, suppression)));
    wire::answer(StatusCode::OK, &page(rows, asked.limit))
}

/// `DELETE …/suppressions/{suppressionId}`: the identifier may be written again, in all its writings.
pub async fn lift(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let (org, suppression) = wire::path(path)?;
    let id = org_id(&org)?;
    who.check_org(id)?;
    app.service.org(id).await?;
    let HashId(name) = suppression.parse().map_err(|()| Error::from(Code::SuppressionUnknown))?;
    let tenant = app.service.tenant(id, Arc::new(app.service.rules(id).await?));
    tenant.lift_suppression(name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST …/suppressions/_lift`: the same by the value itself, which the list does not know; in one region or in all.
pub async fn lift_value(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let id = org_id(&wire::path(path)?)?;
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, BODY_BYTES).await?;
    let body = json::parse(&body)?;
    who.check_org(id)?;
    let org = app.service.org(id).await?;
    let (region, identifier) = value_in(&body, &org, true)?;
    let tenant = app.service.tenant(id, Arc::new(app.service.rules(id).await?));
    let mut lifted = Vec::new();
    for region in region.map_or(org.regions, |region| vec![region]) {
        lifted.extend(tenant.lift_suppression_of(region, &identifier).await?);
    }
    match lifted.is_empty() {
        true => Err(Error::from(Code::SuppressionUnknown).into()),
        false => Ok((StatusCode::NO_CONTENT, about(id, &lifted)).into_response()),
    }
}

/// What the audit log is told of: as the call that names one by its id.
fn about(org: OrgId, lifted: &[RowHash]) -> Extension<About> {
    let names = lifted.iter().map(|name| hex(&name.0));
    Extension(About(std::iter::once(org.to_string()).chain(names).collect::<Vec<_>>().join(" ")))
}

fn view(name: RowHash, suppression: &Suppression) -> SuppressionView {
    SuppressionView {
        suppression_id: hex(&name.0),
        region: suppression.region.to_string(),
        kind: suppression.kind.to_string(),
        writings: suppression.writings.iter().map(|(kind, _)| kind.to_string()).collect(),
        suppressed_at: suppression.at,
        deletion_id: Uuid::from_u128(suppression.deletion).to_string(),
    }
}
