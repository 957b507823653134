//! `POST /admin/v1/backup` (root): all rows as they are now, as one file (`crate::backup`), streamed.

use crate::app::App;
use crate::auth::Administrator;
use crate::backup::Header;
use crate::backup::restore::deployment;
use crate::backup::write::{self, Ended};
use crate::body;
use crate::deletion_log::DeletionLog;
use crate::gate::Staying;
use crate::json::{self, Faults, Place};
use crate::limits::{BACKUP_PIECES, BODY_BYTES};
use crate::problem::{Problem, ServerCode};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use onefold_core::error::Error;
use onefold_engines::Embedded;
use std::io;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// What backups are made of.
pub struct Backups {
    store: Arc<Embedded>,
    log: DeletionLog,
    /// One at a time: each holds the bytes on the disk that are written over meanwhile.
    turn: Arc<Semaphore>,
}

impl Backups {
    /// Of this store, and beside it this log.
    pub fn new(store: Arc<Embedded>, log: DeletionLog) -> Self {
        Self { store, log, turn: Arc::new(Semaphore::new(1)) }
    }

    /// Where deletions are written down.
    pub fn log(&self) -> &DeletionLog {
        &self.log
    }
}

/// Streams a backup. A stream that ends without its end is none: whoever reads it finds out.
pub(super) async fn make(
    State(app): State<Arc<App>>,
    who: Administrator,
    request: Request,
) -> Result<Response, Problem> {
    who.check_root()?;
    let (head, body) = request.into_parts();
    let body = body::read(&app, &head.headers, body, BODY_BYTES).await?;
    nothing_more(&body)?;
    let mut pieces = begin(&app)?;
    // What fails at once can still be told.
    let first = pieces.recv().await.ok_or_else(|| Problem::fault("a backup without a beginning"))?;
    let first = first.map_err(|error| Problem::fault(error.to_string()))?;
    let inside = (pieces, Staying::new(app));
    let rest = stream::unfold(inside, async |mut inside| Some((inside.0.recv().await?, inside)));
    let body = Body::from_stream(stream::once(async { Ok(first) }).chain(rest));
    Ok(([(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, "no-store")], body).into_response())
}

/// The body says nothing yet: an empty object.
fn nothing_more(body: &[u8]) -> Result<(), Problem> {
    let body = json::parse(body)?;
    let mut faults = Faults::new();
    for (name, _) in faults.root(&body) {
        faults.unknown(&Place::ROOT.member(name));
    }
    faults.check()
}

type Pieces = mpsc::Receiver<io::Result<Bytes>>;

fn begin(app: &App) -> Result<Pieces, Problem> {
    let backups = app.backups.as_ref().ok_or(ServerCode::BackupNoFiles)?;
    let turn = backups.turn.clone().try_acquire_owned().map_err(|_| ServerCode::BackupUnderWay)?;
    let files = Vec::from_iter(app.receipts.enclosed().map_err(Problem::fault)?);
    // The log before the rows: all that it holds by now is deleted in them.
    let mark = backups.log.mark();
    let header = Header::new(app.service.clock().now(), deployment(&app.service), mark);
    let rows = backups.store.snapshot().map_err(Error::from)?;
    let (sender, pieces) = mpsc::channel(BACKUP_PIECES);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        match write::all(&header, &files, &rows, |piece| sender.blocking_send(Ok(piece)).is_ok()) {
            Ok(rows) => tracing::info!(rows, "a backup was made"),
            Err(Ended::Gone) => tracing::warn!("a backup was broken off by whoever asked for it"),
            Err(error) => {
                tracing::error!(%error, "a backup could not be made");
                // Cuts the connection, so that nobody takes it for whole.
                let _nobody_reads = sender.blocking_send(Err(io::Error::other("the backup could not be made")));
            }
        }
    });
    Ok(pieces)
}
