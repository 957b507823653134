//! `POST /cdp/v1/users/_explain` (contract section 6), and the same for administrators, whose URL names the
//! organisation: `POST /admin/v1/orgs/{orgId}/identity/_explain`.

use super::orgs::org_id;
use super::search::body_limit;
use super::{fields, wire};
use crate::app::App;
use crate::auth::Administrator;
use crate::body;
use crate::caller::{Allowed, Reader};
use crate::json::{self, Faults, Json, Place};
use crate::limits;
use crate::note::Note;
use crate::problem::Problem;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use onefold_core::error::{Code, Error};
use onefold_core::id::OrgId;
use onefold_core::org::Org;
use onefold_core::service::Tenant;
use onefold_core::service::fetch::Search;
use std::sync::Arc;

/// Explains people to who may read them.
pub async fn explain(
    State(app): State<Arc<App>>,
    Allowed(caller): Reader,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, body_limit(&caller)).await?;
    let (org, search) = read(&json::parse(&body)?, caller.org(), true)?;
    caller.check_org(org.unwrap_or(caller.org().id))?;
    answer(&caller.tenant(&app), &search, &Note::of(&head)).await
}

/// Explains people to who administers.
pub async fn administered(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let id = org_id(&wire::path(path)?)?;
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, limits::LARGE_BODY_BYTES).await?;
    let body = json::parse(&body)?;
    who.check_org(id)?;
    let org = app.service.org(id).await?;
    let (_, search) = read(&body, &org, false)?;
    let tenant = app.service.tenant(id, Arc::new(app.service.rules(id).await?));
    answer(&tenant, &search, &Note::of(&head)).await
}

async fn answer(tenant: &Tenant<'_>, search: &Search, note: &Note) -> Result<Response, Problem> {
    note.looked_up(search.sought.len());
    let explained = tenant.explain(search).await.map_err(Problem::of_read)?;
    if explained.is_empty() {
        return Err(Error::from(Code::ProfileNotFound).into());
    }
    note.shows(explained.iter().filter_map(|person| person["ucid"].as_str()?.parse().ok()).collect());
    wire::answer(StatusCode::OK, &explained)
}

/// The body: a search, and the organisation unless the URL names it.
fn read(body: &Json<'_>, org: &Org, named: bool) -> Result<(Option<OrgId>, Search), Problem> {
    let mut faults = Faults::new();
    let (mut number, mut search, mut regions) = (None, None, None);
    for (name, json) in faults.root(body) {
        let place = &Place::ROOT.member(name);
        match (&**name, json) {
            ("orgId", json) if named => number = Some(json),
            ("search", json) => search = Some(json),
            ("regions", Json::Null) => {}
            ("regions", json) => regions = fields::regions(&mut faults, json, place, org),
            _ => faults.unknown(place),
        }
    }
    let number = if named { fields::org_id(&mut faults, number) } else { None };
    let sought = fields::search(&mut faults, search, org).unwrap_or_default();
    faults.check()?;
    let regions = regions.unwrap_or_else(|| org.regions.clone());
    Ok((number, Search { regions, sought, ..Search::default() }))
}
