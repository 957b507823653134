//! From settings to a running server, and back to none.

use crate::app::App;
use crate::audit;
use crate::backup::restore::deployment;
use crate::config::{Config, Engine};
use crate::deletion_log::DeletionLog;
use crate::deletion_log::read::LogError;
use crate::http::backup::Backups;
use crate::mail::Mailer;
use crate::purger::Purger;
use crate::receipts::Receipts;
use crate::serve::Entrance;
use crate::system::{SystemClock, SystemEntropy};
use crate::telemetry::traces::Traces;
use crate::tls::Door;
use crate::token::Tokens;
use crate::{front, meter, overload, root_key, serve, tls};
use onefold_core::error::Error;
use onefold_core::service::Service;
use onefold_core::store::Store;
use onefold_engines::embedded::{DELETION_LOG, free_for_restore, is_being_restored};
use onefold_engines::metered::{CACHED_READS, StoreTimes};
use onefold_engines::{Embedded, EmbeddedOptions, Memory, Metered, OpenError};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// Rows that are kept by the hour end by the hour; a minute is soon enough.
const SWEEP_HOURS_EVERY: Duration = Duration::from_secs(60);

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error("{0}")]
    Engine(#[from] OpenError),
    /// The deletion log cannot be gone on with.
    #[error("{0}")]
    DeletionLog(#[from] LogError),
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

/// A service over a store that is watched, and what is below it where that has files.
pub struct Opened {
    /// The product.
    pub service: Service,
    /// How the store does.
    pub times: Arc<StoreTimes>,
    /// What it is kept in, and where deletions are written down beside it.
    pub files: Option<(Arc<Embedded>, DeletionLog)>,
}

/// Opens the store that the settings name, and the service over it. Blocks while a journal is read.
pub async fn open(config: &Config) -> Result<Opened, StartError> {
    let (store, embedded): (Arc<dyn Store>, _) = match &config.engine {
        Engine::Memory {} => (Arc::new(Memory::new()), None),
        Engine::Embedded { data, cache_mib, .. } => {
            check_log(config, data)?;
            let cache_bytes = u64::from(*cache_mib) << 20;
            let options = EmbeddedOptions { cache_bytes, ..EmbeddedOptions::default() };
            let store = Arc::new(Embedded::open(data, options)?);
            (store.clone(), Some(store))
        }
    };
    let store = Arc::new(Metered::new(store, CACHED_READS));
    let times = store.times();
    let service = Service::open(store, Arc::new(SystemClock), Arc::new(SystemEntropy)).await?;
    let (Some(store), Some(path)) = (embedded, config.engine.deletion_log()) else {
        return Ok(Opened { service, times, files: None });
    };
    let fresh = Uuid::from_u128(service.entropy().bits()).to_string();
    let log = DeletionLog::open(&path, &deployment(&service), &fresh)?;
    config.engine.data().map_or(Ok(()), |data| log.go_on_beside(data))?;
    let service = service.with_deletion_log(Arc::new(log.clone()));
    Ok(Opened { service, times, files: Some((store, log)) })
}

/// Refuses to begin anew beside a deletion log: somebody has lost a data directory, and wants to restore it.
fn check_log(config: &Config, data: &Path) -> Result<(), StartError> {
    let log = config.engine.deletion_log().filter(|log| log.metadata().is_ok_and(|about| about.len() > 0));
    match log {
        Some(log) if free_for_restore(data).is_ok() && !is_being_restored(data) => Err(LogError::Orphaned(log).into()),
        _ => Ok(()),
    }
}

/// Where a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Plain HTTP.
    pub plain: SocketAddr,
    /// HTTPS.
    pub tls: Option<SocketAddr>,
    /// HTTPS for clients with a certificate.
    pub mtls: Option<SocketAddr>,
}

/// Runs a server until the system tells it to stop. `serving` is called once calls are answered, with the addresses.
///
/// The port is bound before the store is opened, so that a second server on it fails at once; nobody is answered before
/// all is there.
pub async fn run(
    config: Config,
    serving: impl AsyncFnOnce(&App, Listening) -> Result<(), StartError>,
) -> Result<(), StartError> {
    // Before anything else: a signal that nobody handles ends the process.
    let hangup = signal(SignalKind::hangup())?;
    let doors = Door::all(&config).map_err(|faults| StartError::Other(faults.join("\n")))?;
    let (mailer, tokens) = (Mailer::new(&config.mail), Tokens::open(&config.token));
    let (mailer, tokens) = (mailer.map_err(StartError::Other)?, tokens.map_err(StartError::Other)?);
    let (listening, entrances) = bind(config.server.listen, &doors).await?;
    let (app, purger) = assemble(config, mailer, tokens).await?;
    app.metrics.watch_doors(&doors);
    let stop = stop_signal()?;
    let watcher = tokio::spawn(tls::watch(doors, Duration::from_millis(app.config.tls.watch_ms), hangup));
    let keys = app.tokens.as_ref().map(|tokens| tokio::spawn(tokens.watch()));
    let sweeper = tokio::spawn(sweep(app.clone()));
    let (stop_recorder, recorder_stopped) = tokio::sync::oneshot::channel::<()>();
    let recorder = tokio::spawn(audit::record_failures(app.clone(), async { drop(recorder_stopped.await) }));
    let meter = tokio::spawn(meter::run(app.clone()));
    let purger = purger.map(Purger::start);
    let queues = tokio::spawn(overload::watch(app.clone()));
    let (told, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve::serve_all(front(app.clone()), entrances, async {
        // Also when the sender is gone.
        let _ = stopped.await;
    }));
    let said = serving(&app, listening).await;
    if said.is_ok() {
        stop.await;
        tracing::info!("stopping");
    }
    drop(told);
    let served = server.await;
    keys.into_iter().chain([watcher]).for_each(|task| task.abort());
    for task in [sweeper, queues, meter] {
        task.abort();
        let _ = task.await;
    }
    drop(stop_recorder);
    let _ = recorder.await;
    app.meter.finish(&app.service).await;
    let last = app.clone();
    let _ = tokio::task::spawn_blocking(move || last.traces.get().map(Traces::stop)).await;
    if let Some(purger) = purger {
        purger.stop().await;
    }
    // With the last holder of the app the store is closed.
    drop(app);
    served.map_err(|error| StartError::Other(error.to_string()))?;
    said
}

/// Opens the store, and all that stands around it.
async fn assemble(
    config: Config,
    mailer: Mailer,
    tokens: Option<Tokens>,
) -> Result<(Arc<App>, Option<Purger>), StartError> {
    let Opened { service, times, files } = open(&config).await?;
    let root = root_key::find_or_make(config.engine.data(), service.entropy()).map_err(StartError::Other)?;
    let receipts = Receipts::find_or_make(config.engine.data(), service.entropy(), service.clock().now());
    let receipts = receipts.map_err(StartError::Other)?;
    if let Some((_, log)) = &files {
        make_known(&receipts, log).await.map_err(StartError::Other)?;
    }
    let embedded = files.as_ref().map(|(store, _)| store.clone());
    let purger = embedded.clone().map(|store| Purger::new(store, config.engine.purge_within()));
    let backups = files.map(|(store, log)| Backups::new(store, log));
    let app = Arc::new(App { receipts, tokens, mailer, backups, ..App::new(service, config, &root) });
    app.metrics.watch(times, embedded);
    if let Some(traces) = Traces::start(&app.config.telemetry).map_err(StartError::Other)? {
        let _ = app.traces.set(traces);
    }
    Ok((app, purger))
}

/// Writes down in the deletion log which keys sign receipts.
async fn make_known(receipts: &Receipts, log: &DeletionLog) -> Result<(), String> {
    let keys = receipts.unlogged(log.name())?;
    for key in &keys {
        log.append_key(key).await.map_err(|error| error.to_string())?;
    }
    if keys.is_empty() { Ok(()) } else { receipts.are_logged(log.name()) }
}

/// Binds every port, so that a second server on one of them fails at once.
async fn bind(plain: SocketAddr, doors: &[Arc<Door>]) -> Result<(Listening, Vec<Entrance>), StartError> {
    let listener = listen(plain)?;
    let mut listening = Listening { plain: listener.local_addr()?, tls: None, mtls: None };
    let mut entrances = vec![(listener, None)];
    for door in doors {
        let listener = listen(door.wanted())?;
        let address = Some(listener.local_addr()?);
        match door.kind() {
            tls::Kind::Tls => listening.tls = address,
            tls::Kind::Mtls => listening.mtls = address,
        }
        entrances.push((listener, Some(door.clone())));
    }
    Ok((listening, entrances))
}

fn listen(wanted: SocketAddr) -> Result<TcpListener, StartError> {
    let listening = || {
        let socket = if wanted.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // As the standard library does, so that a restart need not wait for the ends of old connections.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(wanted)?;
        socket.listen(crate::limits::BACKLOG)
    };
    listening().map_err(|error| StartError::Listen(wanted, error))
}

impl Engine {
    /// The directory of the engine, if it has one.
    pub fn data(&self) -> Option<&Path> {
        match self {
            Engine::Embedded { data, .. } => Some(data),
            Engine::Memory {} => None,
        }
    }

    /// Where deletions are written down, if anything is kept at all.
    pub fn deletion_log(&self) -> Option<PathBuf> {
        match self {
            Engine::Embedded { data, deletion_log, .. } if deletion_log.as_os_str().is_empty() => {
                Some(data.join(DELETION_LOG))
            }
            Engine::Embedded { deletion_log, .. } => Some(deletion_log.clone()),
            Engine::Memory {} => None,
        }
    }

    /// Within what time nothing deleted may be left in its files.
    fn purge_within(&self) -> Duration {
        match self {
            Engine::Embedded { purge_seconds, .. } => Duration::from_secs((*purge_seconds).into()),
            Engine::Memory {} => Duration::MAX,
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
    futures_util::future::join(sweep_work(&app), sweep_hours(&app)).await;
}

/// Removes what was metered so long ago that its time is over.
async fn sweep_hours(app: &App) {
    let usage_ms = u64::from(app.config.metering.usage_days) * DAY_MS;
    loop {
        match app.service.sweep_hours(usage_ms).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "swept what was metered long ago"),
            Err(error) => tracing::warn!(%error, "sweeping what was metered failed; the next pass goes on"),
        }
        tokio::time::sleep(SWEEP_HOURS_EVERY).await;
    }
}

async fn sweep_work(app: &App) {
    let mut ticks = tokio::time::interval(Duration::from_millis(app.config.sweep.every_ms));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let swept = app.service.sweep().await;
        app.metrics.swept(swept.is_ok());
        match swept {
            Ok(swept) if swept == Default::default() => {}
            Ok(swept) => tracing::info!(?swept, "swept"),
            Err(error) => tracing::warn!(%error, "sweeping failed; the next pass goes on"),
        }
    }
}
