//! What handlers of administration share with the wire: parameters of paths, and answers.

use super::headers::JSON;
use crate::audit::About;
use crate::problem::{Problem, ServerCode};
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use serde::Serialize;

/// The parameters of a path. What is no UTF-8 when decoded is no such URL.
pub(super) fn path<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    path.map(|Path(parameters)| parameters).map_err(|_| ServerCode::NoSuchUrl.into())
}

/// The same, and for the audit log the id of what the call made.
pub(super) fn answer_about(status: StatusCode, body: &impl Serialize, id: String) -> Result<Response, Problem> {
    let mut response = answer(status, body)?;
    response.extensions_mut().insert(About(id));
    Ok(response)
}

/// An answer with a body, which may be a secret: nobody on the way keeps it.
pub(super) fn answer(status: StatusCode, body: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(body).map_err(|error| Problem::fault(error.to_string()))?;
    let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((status, headers, body).into_response())
}
