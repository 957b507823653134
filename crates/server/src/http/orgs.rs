//! `/admin/v1/orgs` (contract section 11): make, read, change and list organisations.

use super::page::Asked;
use super::wire;
use crate::app::App;
use crate::auth::Administrator;
use crate::body;
use crate::json::{self, Faults, Json, Place};
use crate::limits::BODY_BYTES;
use crate::problem::{Problem, ServerCode};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, Request, State};
use axum::response::Response;
use http::StatusCode;
use onefold_api::admin::{LimitsView, ListView, OrgView};
use onefold_core::id::{OrgId, Region};
use onefold_core::limits;
use onefold_core::org::{self, Org, OrgLimits, PersonLimits, WriteAnswer};
use onefold_core::service::orgs::{NewOrg, OrgPatch};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

/// `POST /admin/v1/orgs`
pub async fn create(State(app): State<Arc<App>>, who: Administrator, request: Request) -> Result<Response, Problem> {
    who.check_root()?;
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, BODY_BYTES).await?;
    let new = new_org(&json::parse(&body)?, &app.config.regions())?;
    let org = app.service.create_org(new).await;
    app.auth.changed();
    let org = org?;
    wire::answer_about(StatusCode::CREATED, &view(&org), org.id.to_string())
}

/// `GET /admin/v1/orgs`
pub async fn list(
    State(app): State<Arc<App>>,
    who: Administrator,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    who.check_root()?;
    let asked = Asked::of(query.as_deref())?;
    let page = app.service.orgs(asked.after.map(|Number(id)| id), asked.limit).await?;
    let next = page.items.last().filter(|_| page.more).map(|org| org.id.to_string());
    let items = page.items.iter().map(view).collect();
    wire::answer(StatusCode::OK, &ListView { items, next })
}

/// `GET /admin/v1/orgs/{orgId}`
pub async fn show(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = org_id(&wire::path(path)?)?;
    who.check_org(id)?;
    wire::answer(StatusCode::OK, &view(&app.service.org(id).await?))
}

/// `PATCH /admin/v1/orgs/{orgId}`: what the body does not name stays.
pub async fn change(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let id = org_id(&wire::path(path)?)?;
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, BODY_BYTES).await?;
    let patch = org_patch(&json::parse(&body)?, &app.config.regions())?;
    who.check_org(id)?;
    let org = app.service.patch_org(id, &patch).await;
    app.auth.changed();
    wire::answer(StatusCode::OK, &view(&org?))
}

/// The organisation of a URL. What cannot be a number is no such URL.
pub(super) fn org_id(text: &str) -> Result<OrgId, Problem> {
    let id = text.parse::<Number>().map(|Number(id)| id);
    id.map_err(|_| ServerCode::NoSuchUrl.into())
}

/// An organisation's number as text.
#[derive(Clone, Copy)]
struct Number(OrgId);

impl FromStr for Number {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let canonical = !text.starts_with(['0', '+']);
        let number = text.parse().ok().filter(|_| canonical).ok_or(())?;
        OrgId::new(number).map(Number).map_err(|_| ())
    }
}

fn view(org: &Org) -> OrgView {
    OrgView {
        org_id: org.id.get(),
        name: org.name.to_string(),
        regions: org.regions.iter().map(Region::to_string).collect(),
        limits: LimitsView {
            per_second: org.limits.per_second,
            per_minute: org.limits.per_minute,
            ids_per_fetch: org.limits.ids_per_fetch,
            person_per_second: org.limits.person.per_second,
            person_burst: org.limits.person.burst,
        },
        write_answer: match org.write_answer {
            WriteAnswer::Profile => "profile".into(),
            WriteAnswer::Minimal => "minimal".into(),
        },
        profile_ttl_days: org.profile_ttl_days,
        admin_email: org.admin_email.as_deref().map(str::to_owned),
        created_at: org.created,
    }
}

/// A body that makes an organisation, with all that is wrong with it.
fn new_org(body: &Json<'_>, regions: &[Region]) -> Result<NewOrg, Problem> {
    let mut faults = Faults::new();
    let mut id = None;
    let patch = members(body, regions, &mut faults, |json, place, faults| {
        id = match json {
            Json::Null => None,
            json => org_number(json, place, faults),
        };
    });
    let later = [("profileTtlDays", patch.profile_ttl_days.is_some()), ("adminEmail", patch.admin_email.is_some())];
    for (name, _) in later.iter().filter(|(_, named)| *named) {
        faults.invalid(&Place::ROOT.member(name), "is set by PATCH, once the organisation is there");
    }
    let named = |members: &json::Members<'_>| members.iter().any(|(name, _)| name == "name");
    if matches!(body, Json::Object(members) if !named(members)) {
        faults.invalid(&Place::ROOT.member("name"), "is required");
    }
    faults.check()?;
    let default = OrgLimits::default();
    Ok(NewOrg {
        id,
        name: patch.name.unwrap_or_default(),
        regions: patch.regions.unwrap_or_else(|| regions.to_vec()),
        limits: OrgLimits {
            per_second: patch.per_second.unwrap_or(default.per_second),
            per_minute: patch.per_minute.unwrap_or(default.per_minute),
            ids_per_fetch: patch.ids_per_fetch.unwrap_or(default.ids_per_fetch),
            person: PersonLimits { per_second: patch.person_per_second.flatten(), burst: patch.person_burst.flatten() },
        },
        write_answer: patch.write_answer.unwrap_or_default(),
    })
}

/// A body that changes an organisation, with all that is wrong with it.
fn org_patch(body: &Json<'_>, regions: &[Region]) -> Result<OrgPatch, Problem> {
    let mut faults = Faults::new();
    let patch = members(body, regions, &mut faults, |_, place, faults| {
        faults.invalid(place, "cannot be changed");
    });
    faults.check()?;
    Ok(patch)
}

/// The members of either body; `number` is given the `orgId`, if there is one.
fn members(
    body: &Json<'_>,
    regions: &[Region],
    faults: &mut Faults,
    mut number: impl FnMut(&Json<'_>, &Place<'_>, &mut Faults),
) -> OrgPatch {
    let mut patch = OrgPatch::default();
    for (name, json) in faults.root(body) {
        let place = Place::ROOT.member(name);
        match &**name {
            "name" => patch.name = org_name(json, &place, faults),
            "orgId" => number(json, &place, faults),
            "regions" => patch.regions = region_list(json, &place, regions, faults),
            "limits" => limit_members(json, &place, &mut patch, faults),
            "writeAnswer" => patch.write_answer = write_answer(json, &place, faults),
            "profileTtlDays" => patch.profile_ttl_days = profile_ttl_days(json, &place, faults),
            "adminEmail" => patch.admin_email = admin_email(json, &place, faults),
            "defaultRegion" => faults.not_yet(&place),
            _ => faults.unknown(&place),
        }
    }
    patch
}

fn org_number(json: &Json<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<OrgId> {
    let number = json.integer().and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
    faults.parsed(OrgId::new(number), place)
}

fn org_name(json: &Json<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<Box<str>> {
    let name = faults.text(json, place)?.trim();
    faults.parsed(org::check_org_name(name), place)?;
    Some(name.into())
}

fn region_list(json: &Json<'_>, place: &Place<'_>, known: &[Region], faults: &mut Faults) -> Option<Vec<Region>> {
    let items = faults.array(json, place)?;
    if !(1..=limits::ORG_REGIONS).contains(&items.len()) {
        faults.invalid(place, "must name 1 to 16 regions");
        return None;
    }
    let mut regions = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let place = place.item(index);
        let Some(code) = faults.text(item, &place) else { continue };
        match code.parse::<Region>() {
            Ok(region) if regions.contains(&region) => faults.invalid(&place, "comes twice"),
            Ok(region) if known.contains(&region) => regions.push(region),
            Ok(_) => faults.invalid(&place, "is not a region of this deployment"),
            Err(error) => faults.invalid(&place, error.0),
        }
    }
    Some(regions)
}

fn limit_members(json: &Json<'_>, place: &Place<'_>, patch: &mut OrgPatch, faults: &mut Faults) {
    for (name, json) in faults.object(json, place).into_iter().flatten() {
        let place = place.member(name);
        match &**name {
            "perSecond" => patch.per_second = rate(json, &place, faults),
            "perMinute" => patch.per_minute = rate(json, &place, faults),
            "idsPerFetch" => patch.ids_per_fetch = ids_per_fetch(json, &place, faults),
            "personPerSecond" => patch.person_per_second = of_person(json, &place, 0..=1_000_000, faults),
            "personBurst" => patch.person_burst = of_person(json, &place, 1..=1_000_000, faults),
            _ => faults.unknown(&place),
        }
    }
}

/// A number of requests; 0 means no limit.
pub(super) fn rate(json: &Json<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<u32> {
    let Some(number) = json.integer() else {
        faults.invalid(place, "must be an integer; 0 means no limit");
        return None;
    };
    let number = u32::try_from(number).map_err(|_| "must be an integer from 0 to 4294967295");
    faults.parsed(number, place)
}

fn ids_per_fetch(json: &Json<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<u16> {
    let number = json.integer().and_then(|number| u16::try_from(number).ok()).unwrap_or(0);
    let fits = (1..=limits::SEARCH_VALUES_MAX).contains(&number.into());
    faults.parsed(fits.then_some(number).ok_or("must be an integer from 1 to 500"), place)
}

/// A number of writes of one person; null means as everywhere on this server.
fn of_person(
    json: &Json<'_>,
    place: &Place<'_>,
    bounds: RangeInclusive<i64>,
    faults: &mut Faults,
) -> Option<Option<u32>> {
    let detail = match bounds.start() {
        0 => "must be an integer from 0 to 1000000, or null; 0 means no limit",
        _ => "must be an integer from 1 to 1000000, or null",
    };
    match json {
        Json::Null => Some(None),
        json => faults.integer(json, place, bounds, detail).map(Some),
    }
}

fn write_answer(json: &Json<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<WriteAnswer> {
    let answer = match faults.text(json, place)? {
        "profile" => Ok(WriteAnswer::Profile),
        "minimal" => Ok(WriteAnswer::Minimal),
        _ => Err("must be profile or minimal"),
    };
    faults.parsed(answer, place)
}

/// An address; null means none.
fn admin_email(json: &Json<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<Option<Box<str>>> {
    if matches!(json, Json::Null) {
        return Some(None);
    }
    let address = faults.text(json, place)?;
    faults.parsed(org::check_admin_email(address), place)?;
    Some(Some(address.into()))
}

/// Days; null means never.
fn profile_ttl_days(json: &Json<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<Option<u32>> {
    match json {
        Json::Null => Some(None),
        json => faults.integer(json, place, 1..=36_500, "must be an integer from 1 to 36500, or null").map(Some),
    }
}
