//! What names nobody in an organisation (contract section 6): the values that it lists itself, and those that were
//! blocked because too many people share them; and the records that were refused.

use super::orgs::org_id;
use super::page::{Asked, HashId, page};
use super::{fields, wire};
use crate::app::App;
use crate::auth::Administrator;
use crate::body;
use crate::hex::{hex, unhex};
use crate::json::{self, Faults, Json, Place};
use crate::limits::{BODY_BYTES, LARGE_BODY_BYTES};
use crate::problem::Problem;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use onefold_api::identity::{BlockedView, Blocklist, LeftAloneView, RefusedView};
use onefold_core::error::{Code, Error};
use onefold_core::id::{Identifier, Region};
use onefold_core::org::Org;
use onefold_core::service::blocked::{BlockedValue, Refused};
use onefold_core::service::strategy::BlockedValues;
use onefold_core::tables::{RowHash, Sort};
use std::str::FromStr;
use std::sync::Arc;

/// `GET …/blocklist`: what the organisation blocks beside what is blocked from the start.
pub async fn show(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = org_id(&wire::path(path)?)?;
    who.check_org(id)?;
    app.service.org(id).await?;
    wire::answer(StatusCode::OK, &list_view(&app.service.blocked_values(id).await?))
}

/// `PUT …/blocklist`: the whole of it.
pub async fn replace(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let id = org_id(&wire::path(path)?)?;
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, LARGE_BODY_BYTES).await?;
    let blocked = blocklist(&json::parse(&body)?)?;
    who.check_org(id)?;
    let done = app.service.set_blocked_values(id, &blocked).await;
    app.auth.changed();
    done?;
    wire::answer(StatusCode::OK, &list_view(&blocked))
}

/// `GET …/blocked`: the values that too many people share, without the values.
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
    let rows = app.service.blocked(id, asked.after.map(|HashId(hash)| hash), asked.limit + 1).await?;
    let rows = rows.iter().map(|(hash, value)| (hex(&hash.0), blocked_view(*hash, value)));
    wire::answer(StatusCode::OK, &page(rows, asked.limit))
}

/// `DELETE …/blocked/{blockedId}`: the value names people again.
pub async fn lift(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let (org, blocked) = wire::path(path)?;
    let id = org_id(&org)?;
    who.check_org(id)?;
    app.service.org(id).await?;
    let HashId(hash) = blocked.parse().map_err(|()| Error::from(Code::BlockedUnknown))?;
    let value = app.service.blocked_value(id, hash).await?.ok_or(Error::from(Code::BlockedUnknown))?;
    let tenant = app.service.tenant(id, Arc::new(app.service.rules(id).await?));
    tenant.lift_block(value.region, hash).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST …/blocked/_lift`: the same by the value itself, which the list does not know.
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
    let (region, identifier) = value_in(&body, &app.service.org(id).await?, false)?;
    let region = region.ok_or_else(|| Problem::fault("a value without faults lacks its region"))?;
    let tenant = app.service.tenant(id, Arc::new(app.service.rules(id).await?));
    match tenant.lift_block_of(region, &identifier).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(Error::from(Code::BlockedUnknown).into()),
    }
}

/// `GET …/refused`: records and links that were refused, the newest first.
pub async fn refused(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let id = org_id(&wire::path(path)?)?;
    let asked = Asked::of(query.as_deref())?;
    who.check_org(id)?;
    app.service.org(id).await?;
    let after = asked.after.map(|RefusedAt(sort)| sort);
    let rows = app.service.refused(id, after.as_ref(), asked.limit + 1).await?;
    let rows = rows.iter().map(|(sort, refused)| (hex(sort), refused_view(refused)));
    wire::answer(StatusCode::OK, &page(rows, asked.limit))
}

/// A place in the list of refused records.
struct RefusedAt(Sort);

impl FromStr for RefusedAt {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        unhex::<16>(text).map(|bytes| Self(Sort::from_iter(bytes))).ok_or(())
    }
}

fn list_view(blocked: &BlockedValues) -> Blocklist {
    let texts = |texts: &[Box<str>]| texts.iter().map(|text| text.to_string()).collect();
    Blocklist { values: texts(&blocked.values), patterns: texts(&blocked.patterns) }
}

fn blocked_view(hash: RowHash, value: &BlockedValue) -> BlockedView {
    BlockedView {
        blocked_id: hex(&hash.0),
        region: value.region.to_string(),
        kind: value.kind.to_string(),
        blocked_at: value.at,
        profiles: value.met,
    }
}

fn refused_view(refused: &Refused) -> RefusedView {
    let alone = |(kind, ucid): &(Box<str>, onefold_core::id::Ucid)| LeftAloneView {
        kind: kind.to_string(),
        ucid: ucid.to_string(),
    };
    RefusedView {
        at: refused.at,
        region: refused.region.to_string(),
        reason: refused.reason.to_string(),
        kinds: refused.kinds.iter().map(|kind| kind.to_string()).collect(),
        left_alone: refused.left_alone.iter().map(alone).collect(),
        source: refused.source.to_string(),
        request: refused.request.to_string(),
    }
}

/// `{values, patterns}`, either of which may be left out.
pub(crate) fn blocklist(body: &Json<'_>) -> Result<BlockedValues, Problem> {
    let mut faults = Faults::new();
    let mut blocked = BlockedValues::default();
    for (name, json) in faults.root(body) {
        let place = &Place::ROOT.member(name);
        match &**name {
            "values" => blocked.values = texts(&mut faults, json, place),
            "patterns" => blocked.patterns = texts(&mut faults, json, place),
            _ => faults.unknown(place),
        }
    }
    faults.check()?;
    Ok(blocked)
}

fn texts(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Vec<Box<str>> {
    let mut texts = Vec::new();
    for (at, json) in faults.array(json, place).unwrap_or_default().iter().enumerate() {
        let place = &place.item(at);
        let Some(text) = faults.text(json, place) else { continue };
        match text.trim() {
            "" => faults.invalid(place, "is empty"),
            text if text.len() > onefold_core::limits::IDENTIFIER_BYTES => {
                faults.invalid(place, "is longer than 512 bytes");
            }
            text => texts.push(text.into()),
        }
    }
    texts
}

/// `{region, kind, value}`; the region may be left out where all of them may be meant.
pub(super) fn value_in(body: &Json<'_>, org: &Org, everywhere: bool) -> Result<(Option<Region>, Identifier), Problem> {
    let mut faults = Faults::new();
    let (mut region, mut kind, mut value) = (None, None, None);
    for (name, json) in faults.root(body) {
        match &**name {
            "region" => region = Some(json),
            "kind" => kind = Some(json),
            "value" => value = Some(json),
            _ => faults.unknown(&Place::ROOT.member(name)),
        }
    }
    let place = &Place::ROOT.member("region");
    let region = match region {
        None | Some(Json::Null) if everywhere => None,
        region => fields::required(&mut faults, region, place),
    };
    let region = region.and_then(|json| fields::region(&mut faults, json, place, org));
    let place = &Place::ROOT.member("kind");
    let kind = fields::required(&mut faults, kind, place).and_then(|json| faults.text(json, place));
    let kind = kind.filter(|kind| faults.parsed(onefold_core::id::check_kind(kind), place).is_some());
    let place = &Place::ROOT.member("value");
    let value = fields::required(&mut faults, value, place).and_then(|json| faults.text(json, place));
    let identifier = kind.zip(value).and_then(|(kind, value)| faults.parsed(Identifier::new(kind, value), place));
    faults.check()?;
    let identifier = identifier.ok_or_else(|| Problem::fault("a value without faults lacks a member"))?;
    Ok((region, identifier))
}
