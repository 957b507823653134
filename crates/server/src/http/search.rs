//! `POST /cdp/v1/users/_search` (contract section 4).

use super::fields;
use super::headers::{self, JSON};
use crate::app::App;
use crate::auth::Last;
use crate::body;
use crate::caller::{Allowed, Caller, Reader};
use crate::json::{self, Faults, Json, Place};
use crate::limits;
use crate::note::Note;
use crate::problem::Problem;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, ETAG};
use http::request::Parts;
use onefold_core::error::Code;
use onefold_core::id::{OrgId, Region};
use onefold_core::limits::SEARCH_VALUES;
use onefold_core::patch::normalise_preference;
use onefold_core::profile::render::Projection;
use onefold_core::service::fetch::{Found, Search, Sought};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Its route.
pub const PATH: &str = "/cdp/v1/users/_search";
/// Its name among operations.
pub const OPERATION: &str = "POST /cdp/v1/users/_search";

/// Fetches profiles.
pub async fn search(
    State(app): State<Arc<App>>,
    Allowed(caller): Reader,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    fetched(&app, (caller, &Note::of(&head)), &head, body).await
}

/// The same without the router, which calls [`search`] with the same extractor, but takes as long as half a fetch to do
/// so. Whoever changes one of them changes both.
pub async fn direct<B>(app: &App, last: &Last, note: &Note, request: http::Request<B>) -> Result<Response, Problem>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let (head, body) = request.into_parts();
    let Allowed(caller) = Reader::on(last, &head, (app, note)).await?;
    fetched(app, (caller, note), &head, body).await
}

async fn fetched<B>(app: &App, (caller, note): (Caller, &Note), head: &Parts, body: B) -> Result<Response, Problem>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let body = body::read(app, &head.headers, body, body_limit(&caller)).await?;
    let wanted = Wanted::read(&json::parse(&body)?, &caller)?;
    caller.check_org(wanted.org)?;
    note.looked_up(wanted.search.sought.len());
    let mut found = caller.tenant(app).fetch(&wanted.search).await.map_err(Problem::of_read)?;
    note.shows(std::mem::take(&mut found.shown));
    wanted.answer(found)
}

/// More may be sent where more may be searched by.
pub(super) fn body_limit(caller: &Caller) -> usize {
    let raised = usize::from(caller.org().limits.ids_per_fetch) > SEARCH_VALUES;
    if raised { limits::LARGE_BODY_BYTES } else { limits::BODY_BYTES }
}

/// A search as it was asked for.
struct Wanted {
    org: OrgId,
    search: Search,
    /// The ETag of the answer that the caller has.
    unless: Option<String>,
    /// Whether nothing found is an empty answer instead of 404.
    empty: bool,
}

/// The members of a search, as they are read.
struct Draft<'c> {
    caller: &'c Caller,
    faults: Faults,
    org: Option<OrgId>,
    sought: Option<Vec<Sought>>,
    regions: Option<Vec<Region>>,
    only: Option<Projection>,
    matched: bool,
    sources: bool,
    shared: bool,
    unless: Option<String>,
    empty: bool,
}

impl Wanted {
    fn read(body: &Json<'_>, caller: &Caller) -> Result<Self, Problem> {
        let mut draft = Draft {
            caller,
            faults: Faults::new(),
            org: None,
            sought: None,
            regions: None,
            only: None,
            matched: false,
            sources: false,
            shared: false,
            unless: None,
            empty: false,
        };
        draft.members(body);
        draft.finish()
    }

    fn answer(&self, found: Found) -> Result<Response, Problem> {
        if found.count == 0 && !self.empty {
            return Err(onefold_core::error::Error::from(Code::ProfileNotFound).into());
        }
        let etag = found.etag.map(headers::etag);
        let same = etag.as_ref().zip(self.unless.as_ref()).is_some_and(|(etag, unless)| {
            let (etag, unless) = (etag.as_bytes(), unless.as_bytes());
            unless == etag || unless == &etag[1..etag.len() - 1]
        });
        let mut response = Response::new(if same { Body::empty() } else { Body::from(found.body) });
        if same {
            *response.status_mut() = StatusCode::NO_CONTENT;
        } else {
            response.headers_mut().insert(CONTENT_TYPE, JSON);
        }
        if let Some(etag) = etag {
            response.headers_mut().insert(ETAG, etag);
        }
        Ok(response)
    }
}

impl Draft<'_> {
    fn members(&mut self, body: &Json<'_>) {
        let mut org = None;
        let mut search = None;
        for (name, value) in self.faults.root(body) {
            let place = &Place::ROOT.member(name);
            match (&**name, value) {
                ("orgId", value) => org = Some(value),
                ("search", value) => search = Some(value),
                ("allowShared", Json::Boolean(allowed)) => self.shared = *allowed,
                ("allowShared", Json::Null) => {}
                ("allowShared", _) => self.faults.invalid(place, "must be true or false"),
                ("regions" | "fetch" | "include" | "unless" | "onMissing", Json::Null) => {}
                ("regions", value) => self.regions = fields::regions(&mut self.faults, value, place, self.caller.org()),
                ("fetch", value) => self.projection(value, place),
                ("include", value) => self.include(value, place),
                ("unless", value) => self.unless(value, place),
                ("onMissing", value) => self.on_missing(value, place),
                _ => self.faults.unknown(place),
            }
        }
        self.org = fields::org_id(&mut self.faults, org);
        self.sought = fields::search(&mut self.faults, search, self.caller.org());
    }

    fn projection(&mut self, json: &Json<'_>, place: &Place<'_>) {
        let Some(sections) = self.faults.object(json, place) else { return };
        let mut only = Projection::default();
        for (section, names) in sections {
            let place = &place.member(section);
            let to = match &**section {
                "ids" => &mut only.ids,
                "profile" => &mut only.profile,
                "consent" => &mut only.consent,
                "mkt_preferences" => &mut only.mkt_preferences,
                "calc_attributes" => {
                    self.faults.not_yet(place);
                    continue;
                }
                _ => {
                    self.faults.unknown(place);
                    continue;
                }
            };
            *to = names_of(&mut self.faults, names, place);
        }
        only.mkt_preferences = only.mkt_preferences.iter().map(|name| normalise_preference(name).into()).collect();
        self.only = Some(only);
    }

    fn include(&mut self, json: &Json<'_>, place: &Place<'_>) {
        for (index, item) in self.faults.array(json, place).unwrap_or_default().iter().enumerate() {
            let place = &place.item(index);
            match self.faults.text(item, place) {
                Some("matched") => self.matched = true,
                Some("sources") => self.sources = true,
                Some("events") => self.faults.not_yet(place),
                Some(_) => self.faults.invalid(place, "must be matched, sources or events"),
                None => {}
            }
        }
    }

    fn unless(&mut self, json: &Json<'_>, place: &Place<'_>) {
        match self.faults.text(json, place) {
            Some(etag) if (1..=limits::ETAG_BYTES).contains(&etag.len()) => self.unless = Some(etag.to_owned()),
            Some(_) => self.faults.invalid(place, "must be an ETag"),
            None => {}
        }
    }

    fn on_missing(&mut self, json: &Json<'_>, place: &Place<'_>) {
        match json {
            Json::Text(text) if text == "404" => self.empty = false,
            Json::Text(text) if text == "empty" => self.empty = true,
            _ => self.faults.invalid(place, "must be \"404\" or \"empty\""),
        }
    }

    fn finish(self) -> Result<Wanted, Problem> {
        self.faults.check()?;
        let (Some(org), Some(sought)) = (self.org, self.sought) else {
            return Err(Problem::fault("a search without faults lacks a member"));
        };
        let search = Search {
            regions: self.regions.unwrap_or_else(|| self.caller.org().regions.clone()),
            sought,
            only: self.only,
            matched: self.matched,
            sources: self.sources,
            allow_shared: self.shared,
        };
        Ok(Wanted { org, search, unless: self.unless, empty: self.empty })
    }
}

fn names_of(faults: &mut Faults, json: &Json<'_>, place: &Place<'_>) -> BTreeSet<Box<str>> {
    let names = faults.array(json, place).unwrap_or_default().iter().enumerate();
    names.filter_map(|(index, name)| faults.text(name, &place.item(index)).map(Box::from)).collect()
}
