//! `POST /cdp/v1/users` (contract section 5).

use super::headers::{self, JSON, Prefer};
use super::{fields, patch};
use crate::app::App;
use crate::body;
use crate::caller::{Allowed, Writer};
use crate::front::RequestId;
use crate::json::{self, Faults, Json, Place};
use crate::limits;
use crate::note::Note;
use crate::problem::{Problem, ServerCode};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use onefold_core::id::{Identifier, OrgId, Region, Ucid};
use onefold_core::limits::{SOURCE_BYTES, WRITE_IDENTIFIERS};
use onefold_core::org::{Org, WriteAnswer};
use onefold_core::patch::Patch;
use onefold_core::service::fetch::Shown;
use onefold_core::service::upsert::{Precondition, Write, Written};
use onefold_core::time::Ms;
use onefold_core::value::Source;
use std::sync::Arc;

/// Writes one profile.
pub async fn upsert(
    State(app): State<Arc<App>>,
    Allowed(caller): Writer,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, limits::BODY_BYTES).await?;
    let conditions = Conditions::read(&head.headers)?;
    let draft = Draft::read(&json::parse(&body)?, caller.org())?;
    let key = headers::idempotency(&head.headers, &app.service, (draft.org, "upsert"), &body, &conditions.outcome())?;
    caller.check_org(draft.org)?;
    let tenant = caller.tenant(&app);
    let write = Write {
        idempotency: key,
        precondition: conditions.precondition,
        strict: conditions.prefer.strict,
        ..draft.write(caller.key.source.clone(), id.as_str())
    };
    let note = Note::of(&head);
    note.looked_up(write.identifiers.len() + usize::from(write.ucid.is_some()));
    let written = tenant.upsert(&write).await?;
    note.shows(Shown::one(written.ucid));
    let minimal = conditions.prefer.minimal.unwrap_or(caller.org().write_answer == WriteAnswer::Minimal);
    answer(written, minimal)
}

/// What the headers say.
struct Conditions {
    prefer: Prefer,
    precondition: Precondition,
}

impl Conditions {
    fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self { prefer: Prefer::of(headers), precondition: headers::precondition(headers)? })
    }

    /// What of them changes what the write does, for the hash of the request under an idempotency key.
    fn outcome(&self) -> String {
        format!("{} {:?}", self.prefer.strict, self.precondition)
    }
}

fn answer(written: Written, minimal: bool) -> Result<Response, Problem> {
    let mut response = Response::new(if minimal { Body::empty() } else { Body::from(written.body) });
    if minimal {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    let value = |text: String| HeaderValue::try_from(text).map_err(|_| Problem::fault("a header of an answer"));
    let ucid = value(written.ucid.to_string())?;
    let headers = response.headers_mut();
    if !minimal {
        headers.insert(CONTENT_TYPE, JSON);
    }
    if let Some(etag) = written.etag {
        headers.insert(ETAG, headers::etag(etag));
    }
    if minimal {
        for (name, kinds) in
            [(headers::NOT_ATTACHED, &written.not_attached), (headers::NOT_LINKED, &written.not_linked)]
        {
            if !kinds.is_empty() {
                headers.insert(name, value(kinds.join(", "))?);
            }
        }
    }
    headers.insert(headers::UCID, ucid.clone());
    headers.insert(headers::OLD_UCID, ucid);
    Ok(response)
}

/// The body of a write.
pub(crate) struct Draft {
    pub(crate) org: OrgId,
    region: Region,
    identifiers: Vec<Identifier>,
    ucid: Option<Ucid>,
    patch: Patch,
    timestamp: Option<Ms>,
    source: Option<Source>,
}

impl Draft {
    /// The write that it asks for, without conditions: from whom where it does not say, and under which request.
    pub(crate) fn write(self, source: Source, request: &str) -> Write {
        Write {
            region: self.region,
            identifiers: self.identifiers,
            ucid: self.ucid,
            patch: self.patch,
            timestamp: self.timestamp,
            source: self.source.unwrap_or(source),
            request: request.into(),
            idempotency: None,
            precondition: Precondition::None,
            strict: false,
        }
    }

    pub(crate) fn read(body: &Json<'_>, of: &Org) -> Result<Self, Problem> {
        let mut faults = Faults::new();
        let (mut org, mut region, mut ids, mut upsert) = (None, None, None, None);
        let (mut ucid, mut timestamp, mut source) = (None, None, None);
        let mut named = false;
        for (name, value) in faults.root(body) {
            let place = &Place::ROOT.member(name);
            match (&**name, value) {
                ("orgId", value) => org = Some(value),
                ("region", value) => region = Some(value),
                ("upsert", value) => upsert = Some(value),
                ("ids" | "ucid" | "timestamp" | "source", Json::Null) => {}
                ("ids", value) => ids = Some(value),
                ("ucid", value) => {
                    named = true;
                    ucid = faults.text(value, place).and_then(|text| faults.parsed(text.trim().parse(), place));
                }
                ("timestamp", value) => timestamp = self::timestamp(&mut faults, value, place),
                ("source", value) => source = self::source(&mut faults, value, place),
                _ => faults.unknown(place),
            }
        }
        let org = fields::org_id(&mut faults, org);
        let place = &Place::ROOT.member("region");
        let region = fields::required(&mut faults, region, place);
        let region = region.and_then(|json| fields::region(&mut faults, json, place, of));
        let identifiers = identifiers(&mut faults, ids, named);
        let place = &Place::ROOT.member("upsert");
        let patch = fields::required(&mut faults, upsert, place).map(|json| patch::read(&mut faults, json, place));
        faults.check()?;
        match (org, region, patch) {
            (Some(org), Some(region), Some(patch)) => {
                Ok(Self { org, region, identifiers, ucid, patch, timestamp, source })
            }
            _ => Err(Problem::fault("a write without faults lacks a member")),
        }
    }
}

/// `ids`: one value of each kind. `named` says whether a UCID makes them optional.
fn identifiers(faults: &mut Faults, json: Option<&Json<'_>>, named: bool) -> Vec<Identifier> {
    let place = &Place::ROOT.member("ids");
    let kinds = json.and_then(|json| faults.object(json, place)).map_or(&[][..], Vec::as_slice);
    let missing = json.is_none_or(|json| matches!(json, Json::Object(kinds) if kinds.is_empty()));
    if missing && !named {
        faults.add(ServerCode::WriteNoIdentifier, place, "is missing or empty, and there is no ucid");
    }
    if kinds.len() > WRITE_IDENTIFIERS {
        faults.add(ServerCode::WriteTooManyIdentifiers, place, format!("has {} identifiers", kinds.len()));
    }
    let mut identifiers = Vec::with_capacity(kinds.len());
    for (kind, value) in kinds {
        let place = &place.member(kind);
        let value = faults.text(value, place);
        identifiers.extend(value.and_then(|value| faults.parsed(Identifier::new(kind, value), place)));
    }
    identifiers
}

fn timestamp(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Option<Ms> {
    let ms = json.integer().and_then(|ms| Ms::try_from(ms).ok());
    if ms.is_none() {
        faults.invalid(place, "must be an integer, milliseconds since 1970");
    }
    ms
}

fn source(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> Option<Source> {
    let source = faults.text(json, place)?;
    let fits = (1..=SOURCE_BYTES).contains(&source.len()) && !source.chars().any(char::is_control);
    if !fits {
        faults.invalid(place, "must have 1 to 64 bytes and no control characters");
    }
    Some(source.into())
}
