//! `GET /cdp/v1/deletions/{deletionId}` (contract section 7): the signed receipt of a delete.

use super::wire;
use crate::app::App;
use crate::caller::{Allowed, Deleter};
use crate::problem::Problem;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use onefold_api::receipts::Receipt;
use onefold_core::error::{Code, Error};
use onefold_core::id::Ucid;
use std::sync::Arc;

/// The version of what is signed.
const VERSION: u32 = 1;

/// The receipt of a delete of the caller's organisation.
pub(super) async fn receipt(
    State(app): State<Arc<App>>,
    Allowed(caller): Deleter,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id: Ucid = wire::path(path)?.parse().map_err(|_| Error::from(Code::DeletionUnknown))?;
    let org = caller.org().id;
    let deletion = caller.tenant(&app).deletion(id.as_u128()).await?;
    let signed = app.receipts.sign(Receipt {
        at: deletion.at,
        deleted_profiles: deletion.deleted.iter().map(Ucid::to_string).collect(),
        deletion_id: id.to_string(),
        issued_at: app.service.clock().now(),
        key_id: String::new(),
        org_id: org.get(),
        region: deletion.region.to_string(),
        requested: deletion.requested,
        version: VERSION,
    });
    wire::answer(StatusCode::OK, &signed.map_err(Problem::fault)?)
}
