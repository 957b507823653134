//! What the server counts of itself, for `GET /metrics` (docs/operations.md says what to watch).
//!
//! No label has a value that a caller chose: routes come from the route table, codes from the lists of codes, tables from
//! `tables.rs`. Cells are made when they are first needed, so that what never happens takes no room and no line.

mod text;

pub use text::{FAMILIES, Family, Kind, Text};

use crate::app::App;
use crate::http::{ROUTES, place_of, search};
use crate::limit::POLICIES;
use crate::problem::{Code, Problem, ServerCode};
use crate::tls::Door;
use http::{Method, StatusCode};
use onefold_core::error::Code as CoreCode;
use onefold_engines::Embedded;
use onefold_engines::metered::StoreTimes;
use onefold_engines::metered::histogram::Histogram;
use std::array;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Statuses that we answer with. Another one, which would be a mistake, counts as 500.
const STATUSES: [u16; 22] =
    [200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 406, 408, 409, 412, 413, 415, 421, 429, 500, 502, 503, 504];
const FAULT: usize = 18;
const _: () = assert!(STATUSES[FAULT] == 500);

type ByStatus = [OnceLock<Box<Histogram>>; STATUSES.len()];

/// All of it.
pub struct Metrics {
    /// By place in the route table; the last is for what is no route.
    requests: Vec<ByStatus>,
    /// The place of a fetch.
    fetch: usize,
    server_codes: Vec<AtomicU64>,
    core_codes: Vec<AtomicU64>,
    /// Calls that were refused, by the limit.
    limited: [AtomicU64; POLICIES.len()],
    sweeps: [AtomicU64; 2],
    started: SystemTime,
    store: OnceLock<Arc<StoreTimes>>,
    embedded: OnceLock<Arc<Embedded>>,
    doors: OnceLock<Vec<Arc<Door>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let numbers = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect();
        Self {
            requests: (0..=ROUTES.len()).map(|_| array::from_fn(|_| OnceLock::new())).collect(),
            fetch: place(&Method::POST, search::PATH),
            server_codes: numbers(ServerCode::ALL.len()),
            core_codes: numbers(CoreCode::ALL.len()),
            limited: Default::default(),
            sweeps: Default::default(),
            started: SystemTime::now(),
            store: OnceLock::new(),
            embedded: OnceLock::new(),
            doors: OnceLock::new(),
        }
    }
}

fn place(method: &Method, route: &str) -> usize {
    place_of(method, route).unwrap_or(ROUTES.len())
}

impl Metrics {
    /// From now on the store's figures are shown too.
    pub fn watch(&self, store: Arc<StoreTimes>, embedded: Option<Arc<Embedded>>) {
        // A server has one store; a second one would be a mistake of a test.
        let _ = self.store.set(store);
        if let Some(embedded) = embedded {
            let _ = self.embedded.set(embedded);
        }
    }

    /// From now on it is shown when the files of these listeners end.
    pub fn watch_doors(&self, doors: &[Arc<Door>]) {
        let _ = self.doors.set(doors.to_vec());
    }

    /// Notes an answer. `fetch` says that it is one of a fetch, whose place is known.
    pub fn answered(&self, fetch: bool, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let place = if fetch { self.fetch } else { place(method, route) };
        let status = STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(FAULT);
        self.requests[place][status].get_or_init(Box::default).note(took, 1);
    }

    /// Notes a request that was not done.
    pub fn refused(&self, problem: &Problem) {
        let count = match problem.code() {
            Code::Server(code) => self.server_codes.get(code as usize),
            Code::Core(code) => self.core_codes.get(code as usize),
        };
        if let Some(count) = count {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Notes a call that this limit refused.
    pub fn limited(&self, policy: &str) {
        if let Some(at) = POLICIES.iter().position(|known| *known == policy) {
            self.limited[at].fetch_add(1, Relaxed);
        }
    }

    /// Notes a pass of the sweeper.
    pub fn swept(&self, done: bool) {
        self.sweeps[usize::from(done)].fetch_add(1, Relaxed);
    }

    /// All figures, in the text format of Prometheus.
    pub fn text(&self, app: &App) -> String {
        let mut text = Text::new();
        self.requests(&mut text);
        self.problems(&mut text);
        text.value("onefold_requests_in_flight", &[], app.gate.inside().into());
        let (refused, bound) = app.overload.refused();
        text.value("onefold_overload_refused_per_mille", &[], refused.into());
        if let Some(bound) = bound {
            text.value("onefold_overload_bound", &[], bound.into());
        }
        for (policy, count) in POLICIES.iter().zip(&self.limited) {
            text.value("onefold_limited_total", &[("policy", policy)], count.load(Relaxed));
        }
        text.value("onefold_merges_total", &[], app.service.counts().merges.get());
        text.value("onefold_splits_total", &[], app.service.counts().splits.get());
        for (outcome, count) in ["failed", "done"].into_iter().zip(&self.sweeps) {
            text.value("onefold_sweeps_total", &[("outcome", outcome)], count.load(Relaxed));
        }
        self.store(&mut text);
        if let Some(embedded) = self.embedded.get() {
            embedded_figures(&mut text, embedded);
        }
        self.expiries(&mut text);
        self.process(&mut text);
        text.finish()
    }

    fn requests(&self, text: &mut Text) {
        let routes = ROUTES.iter().map(|route| (route.method.as_str(), route.path)).chain([("any", "none")]);
        for ((method, route), by_status) in routes.zip(&self.requests) {
            for (status, histogram) in STATUSES.iter().zip(by_status) {
                let Some(histogram) = histogram.get() else { continue };
                let labels = [("method", method), ("route", route), ("status", &*status.to_string())];
                text.histogram("onefold_request_seconds", &labels, &histogram.snapshot());
            }
        }
    }

    fn problems(&self, text: &mut Text) {
        let server = ServerCode::ALL.iter().map(|code| code.as_str()).zip(&self.server_codes);
        let core = CoreCode::ALL.iter().map(|code| code.as_str()).zip(&self.core_codes);
        for (code, count) in server.chain(core) {
            text.value("onefold_problems_total", &[("code", code)], count.load(Relaxed));
        }
    }

    fn store(&self, text: &mut Text) {
        for (table, call, outcome, snapshot) in self.store.get().iter().flat_map(|meter| meter.series()) {
            let labels = [("table", table.name()), ("call", call.name()), ("outcome", outcome.name())];
            text.histogram("onefold_store_seconds", &labels, &snapshot);
        }
    }

    fn expiries(&self, text: &mut Text) {
        for door in self.doors.get().into_iter().flatten() {
            for (file, end) in door.expiries() {
                let labels = [("listener", door.kind().name()), ("file", file)];
                text.value("onefold_tls_expires_seconds", &labels, end);
            }
        }
    }

    fn process(&self, text: &mut Text) {
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        text.value("process_start_time_seconds", &[], started.as_secs());
        if let Some(bytes) = resident_bytes() {
            text.value("process_resident_memory_bytes", &[], bytes);
        }
        text.value("onefold_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    }
}

fn embedded_figures(text: &mut Text, embedded: &Embedded) {
    let stats = embedded.stats();
    text.value("onefold_cache_reads_total", &[("found", "hit")], stats.hits);
    text.value("onefold_cache_reads_total", &[("found", "miss")], stats.misses);
    text.value("onefold_cache_bytes", &[], stats.cache_bytes);
    text.value("onefold_commits_total", &[], stats.commits);
    text.value("onefold_committed_writes_total", &[], stats.writes);
    text.value("onefold_conflicts_total", &[], stats.conflicts);
    text.value("onefold_commit_queue", &[], stats.queued);
    text.value("onefold_disk_bytes", &[], stats.disk_bytes);
    text.value("onefold_deleted_seconds", &[], embedded.stale_for().unwrap_or_default().as_secs());
    let free = embedded.free_bytes();
    if free != u64::MAX {
        text.value("onefold_disk_free_bytes", &[], free);
    }
}

/// Memory of this process, where the system has `/proc`.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
