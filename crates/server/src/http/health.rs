//! `/healthz`: the process answers. `/readyz`: it can also read and write its store, and takes requests.

use crate::app::App;
use crate::limits;
use crate::problem::{Problem, ServerCode};
use axum::extract::State;
use bytes::Bytes;
use onefold_core::error::Error;
use onefold_core::store::{Guard, StoreError};
use onefold_core::tables;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// What was last known of the store, so that probes, which anyone may send, cost at most a write a second.
#[derive(Default)]
pub struct Readiness(Mutex<Option<(Instant, Result<(), StoreError>)>>);

/// The lease that no job has, for a row that is only written to see whether it can be.
const PROBE: u8 = u8::MAX;

/// Milliseconds after which a store that does not answer is taken for unreachable.
const PATIENCE: Duration = Duration::from_secs(2);

/// The process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// The store answers, and requests are taken.
pub async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.gate.is_closed() {
        return Err(ServerCode::ShuttingDown.into());
    }
    match app.readiness.of(&app).await {
        Ok(()) => Ok("ok\n"),
        // Whatever it was, traffic had better go elsewhere: 503, and nothing was done.
        Err(error) => Err(Error::from(StoreError::Unavailable(error.to_string())).into()),
    }
}

impl Readiness {
    async fn of(&self, app: &App) -> Result<(), StoreError> {
        let mut known = self.0.lock().await;
        match &*known {
            Some((at, result)) if at.elapsed() < Duration::from_millis(limits::READY_MS) => result.clone(),
            _ => {
                let result = probe(app).await;
                *known = Some((Instant::now(), result.clone()));
                result
            }
        }
    }
}

async fn probe(app: &App) -> Result<(), StoreError> {
    let (key, store) = (tables::job(PROBE), app.service.records().store());
    let probe = async {
        store.write(&key, Guard::Any, Bytes::from_static(b"ready")).await?;
        store.read(&key).await.map(|_| ())
    };
    let slow = |_| StoreError::Unavailable("it does not answer in time".into());
    tokio::time::timeout(PATIENCE, probe).await.map_err(slow)?
}
