//! `POST /cdp/v1/users/_delete` (contract section 7).

use super::fields;
use super::headers::{self, JSON, Prefer};
use crate::app::App;
use crate::audit::About;
use crate::body;
use crate::caller::{Allowed, Caller, Deleter};
use crate::json::{self, Faults, Json, Place};
use crate::limits;
use crate::mail::Notice;
use crate::note::Note;
use crate::problem::{Problem, ServerCode};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use onefold_api::profiles::{DeleteAnswer, Notification};
use onefold_core::id::{OrgId, Region, Ucid};
use onefold_core::limits::DELETE_VALUES;
use onefold_core::service::erase::{Delete, Deleted};
use onefold_core::service::fetch::Sought;
use std::sync::Arc;
use uuid::Uuid;

/// Deletes people.
pub async fn delete(
    State(app): State<Arc<App>>,
    Allowed(caller): Deleter,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, limits::LARGE_BODY_BYTES).await?;
    headers::unconditional(&head.headers)?;
    let draft = Draft::read(&json::parse(&body)?, &caller)?;
    let key = headers::idempotency(&head.headers, &app.service, (draft.org, "delete"), &body, "")?;
    caller.check_org(draft.org)?;
    let delete = Delete { region: draft.region, sought: draft.sought, idempotency: key, suppress: draft.suppress };
    Note::of(&head).looked_up(delete.sought.len());
    let deleted = caller.tenant(&app).delete(&delete).await?;
    let notification = if draft.notify { tell(&app, &caller, &delete, &deleted).await } else { Notification::None };
    let mut response = match Prefer::of(&head.headers).minimal {
        Some(true) => StatusCode::NO_CONTENT.into_response(),
        _ => answer(&deleted, draft.values, notification)?,
    };
    response.extensions_mut().insert(About(Uuid::from_u128(deleted.deletion).to_string()));
    Ok(response)
}

/// Tells the administrator of what is done by now. A repeat tells again: whether the first mail came is not known here.
async fn tell(app: &App, caller: &Caller, delete: &Delete, deleted: &Deleted) -> Notification {
    let org = caller.org();
    let notice = Notice {
        org_id: org.id.get(),
        org_name: &org.name,
        deletion_id: &Uuid::from_u128(deleted.deletion).to_string(),
        at: app.service.clock().now(),
        region: &delete.region.to_string(),
        requested: delete.sought.len(),
        deleted: deleted.deleted.len(),
        not_found: deleted.not_found.len(),
        suppressed: delete.suppress,
        by: &format!("{} {}", if caller.key.is_token { "token" } else { "key" }, caller.key.id),
    };
    app.mailer.tell(org.admin_email.as_deref(), notice).await
}

fn answer(deleted: &Deleted, mut values: Vec<String>, notification: Notification) -> Result<Response, Problem> {
    let text = |ucids: &[Ucid]| ucids.iter().map(Ucid::to_string).collect();
    let answer = DeleteAnswer {
        ucids: text(&deleted.ucids),
        deleted_profiles: text(&deleted.deleted),
        profiles_not_found: deleted.not_found.iter().filter_map(|&at| values.get_mut(at).map(std::mem::take)).collect(),
        deletion_id: Uuid::from_u128(deleted.deletion).to_string(),
        notification,
    };
    let body = serde_json::to_vec(&answer).map_err(|error| Problem::fault(error.to_string()))?;
    Ok(([(CONTENT_TYPE, JSON)], Body::from(body)).into_response())
}

/// The body of a delete.
struct Draft {
    org: OrgId,
    region: Region,
    sought: Vec<Sought>,
    /// The values as sent, in the order of `sought`.
    values: Vec<String>,
    notify: bool,
    suppress: bool,
}

impl Draft {
    fn read(body: &Json<'_>, caller: &Caller) -> Result<Self, Problem> {
        let mut faults = Faults::new();
        let (mut org, mut region, mut ids) = (None, None, None);
        let (mut notify, mut suppress) = (false, false);
        for (name, value) in faults.root(body) {
            let place = &Place::ROOT.member(name);
            match (&**name, value) {
                ("orgId", value) => org = Some(value),
                ("region", value) => region = Some(value),
                ("ids", value) => ids = Some(value),
                ("sendEmailNotification" | "suppress", Json::Null) => {}
                ("sendEmailNotification", value) => notify = faults.boolean(value, place).unwrap_or(false),
                ("suppress", value) => suppress = faults.boolean(value, place).unwrap_or(false),
                _ => faults.unknown(place),
            }
        }
        let org = fields::org_id(&mut faults, org);
        let place = &Place::ROOT.member("region");
        let region = fields::required(&mut faults, region, place);
        let region = region.and_then(|json| fields::region(&mut faults, json, place, caller.org()));
        let (sought, values) = sought(&mut faults, ids);
        faults.check()?;
        match (org, region) {
            (Some(org), Some(region)) => Ok(Self { org, region, sought, values, notify, suppress }),
            _ => Err(Problem::fault("a delete without faults lacks a member")),
        }
    }
}

/// `ids`: one kind and its values.
fn sought(faults: &mut Faults, json: Option<&Json<'_>>) -> (Vec<Sought>, Vec<String>) {
    let place = &Place::ROOT.member("ids");
    let none = (Vec::new(), Vec::new());
    let Some(json) = fields::required(faults, json, place) else { return none };
    let Some(kinds) = faults.object(json, place) else { return none };
    let [(kind, values)] = kinds.as_slice() else {
        faults.add(ServerCode::DeleteOneKind, place, format!("has {} kinds", kinds.len()));
        return none;
    };
    let place = &place.member(kind);
    let Some(values) = faults.array(values, place) else { return none };
    if !(1..=DELETE_VALUES).contains(&values.len()) {
        faults.add(ServerCode::DeleteValues, place, format!("has {} values", values.len()));
        return none;
    }
    let read = |(index, value)| {
        let sought = fields::sought(faults, kind, value, &place.item(index))?;
        let Json::Text(value) = value else { return None };
        Some((sought, value.to_string()))
    };
    values.iter().enumerate().filter_map(read).unzip()
}
