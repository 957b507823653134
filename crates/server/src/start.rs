//! From settings to a running server, and back to none.

use crate::app::App;
use crate::config::{Config, Engine};
use crate::purger::Purger;
use crate::system::{SystemClock, SystemEntropy};
use crate::{front, root_key, serve};
use onefold_core::error::Error;
use onefold_core::service::Service;
use onefold_core::store::Store;
use onefold_engines::{Embedded, EmbeddedOptions, Memory, OpenError};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error("{0}")]
    Engine(#[from] OpenError),
    /// The store was opened, but does not answer as it must.
    #[error("the store does not answer: {0}")]
    Store(#[from] Error),
    /// The address is taken, or is not of this machine.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// The system refuses something.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// Opens the store that the settings name, and the service over it. Blocks while a journal is read.
/// Beside it comes what takes deleted bytes off the disk, where there is a disk.
pub async fn open(config: &Config) -> Result<(Service, Option<Purger>), StartError> {
    let (store, purger): (Arc<dyn Store>, _) = match &config.engine {
        Engine::Memory {} => (Arc::new(Memory::new()), None),
        Engine::Embedded { data, cache_mib, purge_seconds } => {
            let cache_bytes = u64::from(*cache_mib) << 20;
            let store = Embedded::open(data, EmbeddedOptions { cache_bytes, ..EmbeddedOptions::default() })?;
            let store = Arc::new(store);
            (store.clone(), Some(Purger::new(store, Duration::from_secs((*purge_seconds).into()))))
        }
    };
    Ok((Service::open(store, Arc::new(SystemClock), Arc::new(SystemEntropy)).await?, purger))
}

/// Runs a server until the system tells it to stop. `serving` is called once calls are answered, with the address.
///
/// The port is bound before the store is opened, so that a second server on it fails at once; nobody is answered before
/// all is there.
pub async fn run(
    config: Config,
    serving: impl AsyncFnOnce(&App, SocketAddr) -> Result<(), StartError>,
) -> Result<(), StartError> {
    let wanted = config.server.listen;
    let listener = TcpListener::bind(wanted).await.map_err(|error| StartError::Listen(wanted, error))?;
    let address = listener.local_addr()?;
    let (service, purger) = open(&config).await?;
    let root = root_key::find_or_make(config.engine.data(), service.entropy()).map_err(StartError::Other)?;
    let app = Arc::new(App::new(service, config, &root));
    let stop = stop_signal()?;
    let sweeper = tokio::spawn(sweep(app.clone()));
    let purger = purger.map(Purger::start);
    let (told, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve::serve(front(app.clone()), listener, async {
        // Also when the sender is gone.
        let _ = stopped.await;
    }));
    let said = serving(&app, address).await;
    if said.is_ok() {
        stop.await;
        tracing::info!("stopping");
    }
    drop(told);
    let served = server.await;
    sweeper.abort();
    let _ = sweeper.await;
    if let Some(purger) = purger {
        purger.stop().await;
    }
    // With the last holder of the app the store is closed.
    drop(app);
    served.map_err(|error| StartError::Other(error.to_string()))?;
    said
}

impl Engine {
    /// The directory of the engine, if it has one.
    pub fn data(&self) -> Option<&Path> {
        match self {
            Engine::Embedded { data, .. } => Some(data),
            Engine::Memory {} => None,
        }
    }
}

/// Ready once the system asks the process to end.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Finishes and cleans up, for as long as the server runs.
async fn sweep(app: Arc<App>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(app.config.sweep.every_ms));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match app.service.sweep().await {
            Ok(swept) if swept == Default::default() => {}
            Ok(swept) => tracing::info!(?swept, "swept"),
            Err(error) => tracing::warn!(%error, "sweeping failed; the next pass goes on"),
        }
    }
}
