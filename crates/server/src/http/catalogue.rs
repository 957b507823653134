//! `/admin/v1/orgs/{orgId}/catalogue` (contract section 11): read it, replace it, change some of it. What it means is in
//! [`onefold_core::catalogue`].

mod read;

use super::orgs::org_id;
use super::wire;
use crate::app::App;
use crate::auth::Administrator;
use crate::body;
use crate::json;
use crate::limits::{CATALOGUE_ROUNDS, LARGE_BODY_BYTES};
use crate::problem::Problem;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use onefold_api::identity::{AttributeView, CatalogueView, ConsentView, DerivationView, GroupView, KindView};
use onefold_core::catalogue::{AttributeEntry, Catalogue, Definition, Derivation, KindEntry};
use onefold_core::error::{Code, Error};
use onefold_core::id::OrgId;
use onefold_core::service::Service;
use onefold_core::service::catalogue::OrgCatalogue;
use std::sync::Arc;

pub(crate) use read::Change;

/// `GET …/catalogue`
pub async fn show(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = org_id(&wire::path(path)?)?;
    who.check_org(id)?;
    app.service.org(id).await?;
    wire::answer(StatusCode::OK, &view(&app.service.catalogue(id).await?))
}

/// `PUT …/catalogue`: the whole of it.
pub async fn replace(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    change(&app, who, &wire::path(path)?, request, true).await
}

/// `PATCH …/catalogue`: what the body names changes, entry by entry and member by member; null takes an entry out.
pub async fn patch(
    State(app): State<Arc<App>>,
    who: Administrator,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    change(&app, who, &wire::path(path)?, request, false).await
}

async fn change(app: &App, who: Administrator, path: &str, request: Request, whole: bool) -> Result<Response, Problem> {
    let id = org_id(path)?;
    let (head, body) = request.into_parts();
    let body = body::read(app, &head.headers, body, LARGE_BODY_BYTES).await?;
    let change = Change { body: &json::parse(&body)?, whole };
    if whole {
        // Before anything tells whether there is such an organisation.
        change.over(Catalogue::standard().definition())?;
    }
    who.check_org(id)?;
    let changed = apply(&app.service, id, &change).await;
    app.auth.changed();
    wire::answer(StatusCode::OK, &view(&changed?))
}

/// Changes what is there. Where somebody else did so in between, what they left is changed, unless the body names the
/// version that it was made for.
pub(crate) async fn apply(service: &Service, id: OrgId, change: &Change<'_>) -> Result<OrgCatalogue, Problem> {
    for _ in 0..CATALOGUE_ROUNDS {
        let before = service.catalogue(id).await?;
        let (definition, version) = change.over(before.catalogue.definition())?;
        let catalogue = read::made(definition)?;
        let meant = version.unwrap_or(before.version);
        let replaced = service.change_catalogue(id, |now| match now.version == meant {
            true => Ok(catalogue.clone()),
            false => Err(Code::DefinitionChanged.into()),
        });
        match replaced.await {
            Err(error) if error.code == Code::DefinitionChanged && version.is_none() => {}
            done => return Ok(done?),
        }
    }
    Err(Error::from(Code::Contention).into())
}

/// A catalogue as answered.
pub(crate) fn view(of: &OrgCatalogue) -> CatalogueView {
    let Definition { kinds, attributes, groups, consents } = of.catalogue.definition();
    CatalogueView {
        version: of.version,
        changed_at: of.changed,
        kinds: kinds.iter().map(|(name, entry)| (name.to_string(), kind_view(entry))).collect(),
        attributes: attributes.iter().map(|(name, entry)| (name.to_string(), attribute_view(entry))).collect(),
        groups: groups.iter().map(|(name, entry)| (name.to_string(), GroupView { atomic: entry.atomic })).collect(),
        consents: consents
            .iter()
            .map(|(name, entry)| (name.to_string(), ConsentView { ttl_days: entry.ttl_days }))
            .collect(),
    }
}

fn kind_view(entry: &KindEntry) -> KindView {
    KindView {
        group: entry.group.as_deref().map(str::to_owned),
        form: read::name_of(&read::FORMS, &entry.form),
        derives: entry.derives.iter().map(derivation_view).collect(),
        device: entry.device,
        pii: entry.pii,
        keep_raw: entry.keep_raw,
        cookie: entry.cookie.map(|cookie| read::name_of(&read::COOKIES, &cookie)),
    }
}

fn derivation_view(derivation: &Derivation) -> DerivationView {
    DerivationView {
        kind: derivation.kind.to_string(),
        algorithm: read::name_of(&read::ALGORITHMS, &derivation.algorithm),
        writing: read::name_of(&read::WRITINGS, &derivation.writing),
    }
}

fn attribute_view(entry: &AttributeEntry) -> AttributeView {
    AttributeView {
        kind: entry.kind.map(|kind| read::name_of(&read::TYPES, &kind)),
        group: entry.group.as_deref().map(str::to_owned),
        pii: entry.pii,
    }
}
