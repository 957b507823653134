//! `/admin/v1/orgs/{orgId}/certificates` (contract sections 2 and 11): bind, list and unbind client certificates.
//!
//! Binding and unbinding take the root key: whoever could bind somebody else's certificate would lock them out, and who
//! could unbind their own would be free of what the operator holds them to.

use super::orgs::org_id;
use super::page::Asked;
use super::wire;
use crate::app::App;
use crate::auth::Administrator;
use crate::body;
use crate::json::{self, Faults, Json, Place};
use crate::limits::BODY_BYTES;
use crate::problem::Problem;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use onefold_api::admin::{CertificateView, ListView};
use onefold_core::certificate::{Certificate, Fingerprint};
use onefold_core::error::{Code, Error};
use onefold_core::org;
use std::sync::Arc;

/// `POST …/certificates`: again is well, and gives it the new name.
pub async fn bind(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    who.check_root()?;
    let org = org_id(&wire::path(path)?)?;
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, BODY_BYTES).await?;
    let (fingerprint, name) = wanted(&json::parse(&body)?)?;
    let bound = app.service.bind_certificate(org, fingerprint, name).await;
    app.auth.changed();
    wire::answer(StatusCode::CREATED, &view(&bound?))
}

/// `GET …/certificates`: those that are bound.
pub async fn list(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let org = org_id(&wire::path(path)?)?;
    let asked = Asked::of(query.as_deref())?;
    who.check_org(org)?;
    app.service.org(org).await?;
    let page = app.service.certificates(org, asked.after, asked.limit).await?;
    let items = page.items.iter().map(view).collect();
    wire::answer(StatusCode::OK, &ListView { items, next: page.next.map(|it| it.to_string()) })
}

/// `DELETE …/certificates/{fingerprint}`
pub async fn unbind(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    who.check_root()?;
    let (org, fingerprint) = wire::path(path)?;
    let org = org_id(&org)?;
    app.service.org(org).await?;
    let fingerprint = fingerprint.parse().map_err(|_| Error::from(Code::CertificateUnknown))?;
    let unbound = app.service.unbind_certificate(org, fingerprint).await;
    app.auth.changed();
    unbound?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn view(certificate: &Certificate) -> CertificateView {
    CertificateView {
        fingerprint: certificate.fingerprint.to_string(),
        name: certificate.name.to_string(),
        bound_at: certificate.bound,
    }
}

/// A body that binds a certificate, with all that is wrong with it.
fn wanted(body: &Json<'_>) -> Result<(Fingerprint, Box<str>), Problem> {
    let mut faults = Faults::new();
    let (mut fingerprint, mut name) = (None, None);
    let mut missing = vec!["fingerprint", "name"];
    for (member, json) in faults.root(body) {
        let place = Place::ROOT.member(member);
        missing.retain(|name| name != member);
        match &**member {
            "fingerprint" => {
                let text = faults.text(json, &place);
                fingerprint = text.and_then(|text| faults.parsed(text.trim().parse(), &place));
            }
            "name" => name = certificate_name(json, &place, &mut faults),
            _ => faults.unknown(&place),
        }
    }
    if matches!(body, Json::Object(_)) {
        for name in missing {
            faults.invalid(&Place::ROOT.member(name), "is required");
        }
    }
    faults.check()?;
    match (fingerprint, name) {
        (Some(fingerprint), Some(name)) => Ok((fingerprint, name)),
        _ => Err(Problem::fault("a body without faults lacks a member")),
    }
}

fn certificate_name(json: &Json<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<Box<str>> {
    let name = faults.text(json, place)?.trim();
    faults.parsed(org::check_key_name(name), place)?;
    Some(name.into())
}
