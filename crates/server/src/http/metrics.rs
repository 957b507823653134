//! `GET /metrics`: the figures of this process, in the text format of Prometheus. They hold nothing of any person and
//! nothing that a caller chose, but they tell how busy a deployment is: `metrics.access` says who may read them.

use crate::app::App;
use crate::auth;
use crate::config::Access;
use crate::problem::Problem;
use axum::extract::State;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::request::Parts;
use std::sync::Arc;

/// Where they are.
pub const PATH: &str = "/metrics";

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

type Answer = ([(HeaderName, HeaderValue); 2], String);

/// Shows them.
pub async fn show(State(app): State<Arc<App>>, parts: Parts) -> Result<Answer, Problem> {
    if !is_open(&app) {
        auth::administrator(&app, &parts).await?.check_root()?;
    }
    let headers = [(CONTENT_TYPE, TEXT), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, app.metrics.text(&app)))
}

/// Whether anyone who reaches this server may read them.
fn is_open(app: &App) -> bool {
    match app.config.metrics.access {
        Access::Open => true,
        Access::Root => false,
        Access::Auto => app.config.addresses().all(|address| address.ip().is_loopback()),
    }
}
