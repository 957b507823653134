//! `/admin/v1/orgs/{orgId}/keys` (contract section 11): make, list, change, rotate and revoke API keys.

use super::orgs::{org_id, rate};
use super::page::Asked;
use super::wire;
use crate::app::App;
use crate::auth::Administrator;
use crate::body;
use crate::json::{self, Faults, Json, Place};
use crate::limits::BODY_BYTES;
use crate::moment::LATEST;
use crate::problem::Problem;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use onefold_api::admin::{KeyView, ListView, RateLimit};
use onefold_core::error::{Code, Error};
use onefold_core::limits;
use onefold_core::org::{self, KeyId, KeyRate, OrgKey, Scope, Scopes};
use onefold_core::service::keys::{KeyPatch, NewKey, RatePatch, ShownKey};
use onefold_core::time::Ms;
use std::sync::Arc;

/// `POST …/keys`: the only answer, beside that of a rotation, that shows a secret.
pub async fn create(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let org = org_id(&wire::path(path)?)?;
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, BODY_BYTES).await?;
    let new = new_key(&json::parse(&body)?, app.service.clock().now())?;
    who.check_org(org)?;
    let shown = app.service.create_key(org, new).await?;
    let about = format!("{org} {}", shown.key.id);
    wire::answer_about(StatusCode::CREATED, &shown_view(shown), about)
}

/// `GET …/keys`: revoked and expired ones too.
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
    let page = app.service.keys(org, asked.after, asked.limit).await?;
    let next = page.items.last().filter(|_| page.more).map(|key| key.id.to_string());
    let items = page.items.iter().map(view).collect();
    wire::answer(StatusCode::OK, &ListView { items, next })
}

/// `PATCH …/keys/{keyId}`: what the body does not name stays.
pub async fn change(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (org, key) = wire::path(path)?;
    let org = org_id(&org)?;
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, BODY_BYTES).await?;
    let patch = key_patch(&json::parse(&body)?)?;
    who.check_org(org)?;
    app.service.org(org).await?;
    let key = app.service.patch_key(org, key_id(&key)?, &patch).await;
    app.auth.changed();
    wire::answer(StatusCode::OK, &view(&key?))
}

/// `POST …/keys/{keyId}/rotate`
pub async fn rotate(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (org, key) = wire::path(path)?;
    let org = org_id(&org)?;
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, BODY_BYTES).await?;
    let overlap = overlap(&json::parse(&body)?)?;
    who.check_org(org)?;
    app.service.org(org).await?;
    let shown = app.service.rotate_key(org, key_id(&key)?, overlap).await;
    app.auth.changed();
    wire::answer(StatusCode::CREATED, &shown_view(shown?))
}

/// `DELETE …/keys/{keyId}`: for good; again is well.
pub async fn revoke(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let (org, key) = wire::path(path)?;
    let org = org_id(&org)?;
    who.check_org(org)?;
    app.service.org(org).await?;
    let revoked = app.service.revoke_key(org, key_id(&key)?).await;
    app.auth.changed();
    revoked?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The key of a URL.
pub(super) fn key_id(text: &str) -> Result<KeyId, Problem> {
    text.parse().map_err(|_| Error::from(Code::KeyUnknown).into())
}

fn view(key: &OrgKey) -> KeyView {
    let rate = |rate: KeyRate| RateLimit { per_second: rate.per_second, per_minute: rate.per_minute };
    KeyView {
        key_id: key.id.to_string(),
        apikey: None,
        name: key.name.to_string(),
        scopes: key.scopes.iter().map(|scope| scope.as_str().into()).collect(),
        rate_limit: key.rate.map(rate),
        created_at: key.created,
        expires_at: key.expires,
        rotated_at: key.rotated,
        old_secret_until: key.secrets.iter().filter_map(|secret| secret.until).max(),
        revoked_at: key.revoked,
    }
}

fn shown_view(shown: ShownKey) -> KeyView {
    KeyView { apikey: Some(shown.secret), ..view(&shown.key) }
}

/// A body that makes a key, with all that is wrong with it.
fn new_key(body: &Json<'_>, now: Ms) -> Result<NewKey, Problem> {
    let mut faults = Faults::new();
    let (mut name, mut scopes, mut expires, mut rate) = (None, None, None, None);
    let mut missing = vec!["name", "scopes"];
    for (member, json) in faults.root(body) {
        let place = Place::ROOT.member(member);
        missing.retain(|name| name != member);
        match (&**member, json) {
            ("expiresAt" | "rateLimit", Json::Null) => {}
            ("name", json) => name = key_name(json, &place, &mut faults),
            ("scopes", json) => scopes = scope_list(json, &place, &mut faults),
            ("expiresAt", json) => expires = expiry(json, &place, now, &mut faults),
            ("rateLimit", json) => rate = key_rate(json, &place, &mut faults).map(|rate| rate.over(None)),
            _ => faults.unknown(&place),
        }
    }
    if matches!(body, Json::Object(_)) {
        for name in missing {
            faults.invalid(&Place::ROOT.member(name), "is required");
        }
    }
    faults.check()?;
    let (name, scopes) = (name.unwrap_or_default(), scopes.unwrap_or_default());
    Ok(NewKey { name, scopes, expires, rate })
}

/// A body that changes a key, with all that is wrong with it.
fn key_patch(body: &Json<'_>) -> Result<KeyPatch, Problem> {
    let (mut faults, mut patch) = (Faults::new(), KeyPatch::default());
    for (member, json) in faults.root(body) {
        let place = Place::ROOT.member(member);
        match (&**member, json) {
            ("name", json) => patch.name = key_name(json, &place, &mut faults),
            ("rateLimit", Json::Null) => patch.rate = Some(None),
            ("rateLimit", json) => patch.rate = key_rate(json, &place, &mut faults).map(Some),
            ("scopes" | "expiresAt", _) => faults.invalid(&place, "cannot be changed"),
            _ => faults.unknown(&place),
        }
    }
    faults.check()?;
    Ok(patch)
}

fn key_name(json: &Json<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<Box<str>> {
    let name = faults.text(json, place)?.trim();
    faults.parsed(org::check_key_name(name), place)?;
    Some(name.into())
}

fn scope_list(json: &Json<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<Scopes> {
    let items = faults.array(json, place)?;
    if items.is_empty() {
        faults.invalid(place, "must name at least one scope");
    }
    let mut scopes = Scopes::NONE;
    for (index, item) in items.iter().enumerate() {
        let place = place.item(index);
        let Some(name) = faults.text(item, &place) else { continue };
        if let Some(scope) = faults.parsed(name.parse::<Scope>(), &place) {
            scopes = scopes.with(scope);
        }
    }
    Some(scopes)
}

fn expiry(json: &Json<'_>, place: &Place<'_>, now: Ms, faults: &mut Faults) -> Option<Ms> {
    let moment = json.integer().and_then(|moment| u64::try_from(moment).ok()).unwrap_or(0);
    let fits = now < moment && moment <= LATEST;
    let detail = "must be a moment to come, in milliseconds since the epoch";
    faults.parsed(fits.then_some(moment).ok_or(detail), place)
}

fn key_rate(json: &Json<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<RatePatch> {
    let mut limit = RatePatch::default();
    for (name, json) in faults.object(json, place)? {
        let place = place.member(name);
        match &**name {
            "perSecond" => limit.per_second = rate(json, &place, faults),
            "perMinute" => limit.per_minute = rate(json, &place, faults),
            _ => faults.unknown(&place),
        }
    }
    Some(limit)
}

/// How long a rotation leaves the old secret valid, in milliseconds.
fn overlap(body: &Json<'_>) -> Result<Ms, Problem> {
    let mut faults = Faults::new();
    let mut overlap = None;
    let place = Place::ROOT.member("overlapSeconds");
    for (name, json) in faults.root(body) {
        match &**name {
            "overlapSeconds" => overlap = json.integer().and_then(|seconds| u64::try_from(seconds).ok()),
            _ => faults.unknown(&Place::ROOT.member(name)),
        }
    }
    let overlap = overlap.filter(|seconds| *seconds <= limits::KEY_OVERLAP_SECONDS);
    let overlap = overlap.ok_or("must be an integer from 0 to 7776000");
    let overlap = faults.parsed(overlap, &place);
    faults.check()?;
    Ok(overlap.unwrap_or(0) * 1_000)
}
