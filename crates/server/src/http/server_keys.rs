//! Keys of the server itself: `POST /admin/v1/server-keys/rotate` (root), and the public ones of receipts at
//! `/.well-known/onefold-keys.json`, open to anyone.

use super::backup::Backups;
use super::wire;
use crate::app::App;
use crate::auth::Administrator;
use crate::body;
use crate::deletion_log::DeletionLog;
use crate::json::{self, Faults, Json, Place};
use crate::limits::BODY_BYTES;
use crate::problem::{Problem, ServerCode};
use crate::root_key;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use onefold_api::admin::ServerKeyView;
use onefold_core::error::Error;
use std::sync::Arc;

#[derive(Clone, Copy)]
enum Which {
    Root,
    Receipts,
}

/// Puts a new key in place of the present one, at once.
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    who: Administrator,
    request: Request,
) -> Result<Response, Problem> {
    who.check_root()?;
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, BODY_BYTES).await?;
    let which = which(&json::parse(&body)?)?;
    let (rotated, about) = match which {
        Which::Root => (root(&app)?, "root".to_owned()),
        Which::Receipts => receipts(&app).await?,
    };
    wire::answer_about(StatusCode::OK, &rotated, about)
}

fn root(app: &App) -> Result<ServerKeyView, Problem> {
    if root_key::is_in_environment() {
        return Err(ServerCode::KeyFromEnvironment.into());
    }
    let key = root_key::make(app.config.engine.data(), app.service.entropy()).map_err(Problem::fault)?;
    app.auth.replace_root(&app.service, &key);
    Ok(ServerKeyView { key: "root".into(), apikey: Some(key), key_id: None })
}

async fn receipts(app: &App) -> Result<(ServerKeyView, String), Problem> {
    if app.receipts.is_in_environment() {
        return Err(ServerCode::KeyFromEnvironment.into());
    }
    let drawn = app.receipts.draw(app.service.entropy(), app.service.clock().now()).map_err(Problem::fault)?;
    let log = app.backups.as_ref().map(Backups::log);
    if let Some(log) = log {
        log.append_key(&drawn.public).await.map_err(Error::from)?;
    }
    let id = app.receipts.replace(drawn, log.map_or("", DeletionLog::name)).map_err(Problem::fault)?;
    Ok((ServerKeyView { key: "receipts".into(), apikey: None, key_id: Some(id.clone()) }, id))
}

fn which(body: &Json<'_>) -> Result<Which, Problem> {
    let (mut faults, mut which) = (Faults::new(), None);
    for (name, json) in faults.root(body) {
        let place = Place::ROOT.member(name);
        if &**name != "key" {
            faults.unknown(&place);
            continue;
        }
        let named = match faults.text(json, &place) {
            Some("root") => Ok(Which::Root),
            Some("receipts") => Ok(Which::Receipts),
            Some(_) => Err("must be root or receipts"),
            None => continue,
        };
        which = faults.parsed(named, &place);
    }
    if matches!(body, Json::Object(members) if members.is_empty()) {
        faults.invalid(&Place::ROOT.member("key"), "is required");
    }
    faults.check()?;
    which.ok_or_else(|| Problem::fault("a rotation without faults names no key"))
}

/// `GET /.well-known/onefold-keys.json`
pub(super) async fn public(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    wire::answer(StatusCode::OK, &app.receipts.public().map_err(Problem::fault)?)
}
