//! `POST /cdp/v1/users/_split` (contract section 6): a merge is undone; and what keeps the two apart is lifted. For
//! administrators the same with the organisation in the URL: `…/identity/_split` and `…/identity/_lift`.

use super::headers::JSON;
use super::orgs::org_id;
use super::{fields, wire};
use crate::app::App;
use crate::audit::About;
use crate::auth::Administrator;
use crate::body;
use crate::caller::{Allowed, OrgAdmin};
use crate::json::{self, Faults, Json, Place};
use crate::limits::BODY_BYTES;
use crate::note::Note;
use crate::problem::Problem;
use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use onefold_core::id::{OrgId, Region, Ucid};
use onefold_core::org::Org;
use onefold_core::service::Tenant;
use std::sync::Arc;

/// Splits two people.
pub async fn split(
    State(app): State<Arc<App>>,
    Allowed(caller): OrgAdmin,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, BODY_BYTES).await?;
    let two = Two::read(&json::parse(&body)?, caller.org(), LINKED, true)?;
    caller.check_org(two.org.unwrap_or(caller.org().id))?;
    parted(&caller.tenant(&app), &two, &Note::of(&head)).await
}

/// The same for administrators.
pub async fn administered(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let note = request.extensions().get::<Arc<Note>>().cloned().unwrap_or_default();
    let (tenant, two) = Two::of(&app, who, &wire::path(path)?, request, LINKED).await?;
    parted(&tenant, &two, &note).await
}

/// Lets two people who were split meet again. They do not at once: the next record that names both joins them.
pub async fn lift(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (tenant, two) = Two::of(&app, who, &wire::path(path)?, request, OTHER).await?;
    tenant.lift(two.region, two.one, two.other).await?;
    Ok((StatusCode::NO_CONTENT, two.about()).into_response())
}

async fn parted(tenant: &Tenant<'_>, two: &Two, note: &Note) -> Result<Response, Problem> {
    note.looked_up([two.one, two.other].len());
    let found = tenant.split(two.region, two.one, two.other).await?;
    note.shows([two.one, two.other].into_iter().collect());
    Ok((two.about(), [(CONTENT_TYPE, JSON)], found.body).into_response())
}

/// How the second of the two is called in a split.
const LINKED: &str = "linkedUcid";
/// How it is called where the two are equals.
const OTHER: &str = "otherUcid";

/// Two profiles of one region.
struct Two {
    org: Option<OrgId>,
    region: Region,
    one: Ucid,
    other: Ucid,
}

impl Two {
    /// Whom the audit log is told of.
    fn about(&self) -> Extension<About> {
        Extension(About(format!("{} {}", self.one, self.other)))
    }

    /// The body of a call of an administrator, and the way to the organisation in its URL.
    async fn of<'a>(
        app: &'a App,
        who: Administrator,
        path: &str,
        request: Request,
        second: &str,
    ) -> Result<(Tenant<'a>, Self), Problem> {
        let id = org_id(path)?;
        let (head, body) = request.into_parts();
        let body = body::read(app, &head.headers, body, BODY_BYTES).await?;
        let body = json::parse(&body)?;
        who.check_org(id)?;
        let two = Self::read(&body, &app.service.org(id).await?, second, false)?;
        Ok((app.service.tenant(id, Arc::new(app.service.rules(id).await?)), two))
    }

    fn read(body: &Json<'_>, org: &Org, second: &str, named: bool) -> Result<Self, Problem> {
        let mut faults = Faults::new();
        let (mut number, mut region, mut one, mut other) = (None, None, None, None);
        for (name, json) in faults.root(body) {
            match &**name {
                "orgId" if named => number = Some(json),
                "region" => region = Some(json),
                "ucid" => one = Some(json),
                name if name == second => other = Some(json),
                _ => faults.unknown(&Place::ROOT.member(name)),
            }
        }
        let number = if named { fields::org_id(&mut faults, number) } else { None };
        let place = &Place::ROOT.member("region");
        let region = fields::required(&mut faults, region, place);
        let region = region.and_then(|json| fields::region(&mut faults, json, place, org));
        let one = fields::ucid(&mut faults, one, &Place::ROOT.member("ucid"));
        let place = &Place::ROOT.member(second);
        let other = fields::ucid(&mut faults, other, place);
        if one.is_some() && one == other {
            faults.invalid(place, "is the same profile as ucid");
        }
        faults.check()?;
        match (region, one, other) {
            (Some(region), Some(one), Some(other)) => Ok(Self { org: number, region, one, other }),
            _ => Err(Problem::fault("two profiles without faults lack a member")),
        }
    }
}
