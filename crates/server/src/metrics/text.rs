//! The text format of Prometheus, and the list of everything that is shown in it.

use onefold_engines::metered::histogram::{Snapshot, bound};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What sort of figure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// As it is now.
    Gauge,
    /// Durations by bounds, with their sum and number.
    Histogram,
}

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its sort.
    pub kind: Kind,
    /// What it says.
    pub help: &'static str,
}

const fn family(name: &'static str, kind: Kind, help: &'static str) -> Family {
    Family { name, kind, help }
}

/// Every metric there is. What is not here is not shown.
pub const FAMILIES: &[Family] = &[
    family("onefold_request_seconds", Kind::Histogram, "From the head of a request to its answer, by route and status"),
    family("onefold_requests_in_flight", Kind::Gauge, "Requests under way"),
    family(
        "onefold_problems_total",
        Kind::Counter,
        "Requests that were not done, by the code that they were answered with",
    ),
    family(
        "onefold_overload_refused_per_mille",
        Kind::Gauge,
        "Of a thousand fetches, how many are refused because all wait too long for a processor",
    ),
    family(
        "onefold_overload_bound",
        Kind::Gauge,
        "Calls other than fetches that are let in at once, while there is a bound because writes take too long",
    ),
    family("onefold_merges_total", Kind::Counter, "People who became part of another, as this node did it"),
    family("onefold_splits_total", Kind::Counter, "Merges that were undone, as this node did it"),
    family("onefold_limited_total", Kind::Counter, "Calls that a limit refused, by the limit"),
    family("onefold_sweeps_total", Kind::Counter, "Passes of the sweeper"),
    family("onefold_store_seconds", Kind::Histogram, "Calls of the store, by table and how they ended"),
    family("onefold_cache_reads_total", Kind::Counter, "Reads of rows, by whether the cache had them"),
    family("onefold_cache_bytes", Kind::Gauge, "Bytes in the row cache"),
    family("onefold_commits_total", Kind::Counter, "Rounds made durable, one sync each"),
    family("onefold_committed_writes_total", Kind::Counter, "Rows written or removed in these rounds"),
    family("onefold_conflicts_total", Kind::Counter, "Writes whose row somebody else had written first"),
    family("onefold_commit_queue", Kind::Gauge, "Writes that wait for the committer"),
    family("onefold_disk_bytes", Kind::Gauge, "Bytes in the files of the data directory"),
    family(
        "onefold_deleted_seconds",
        Kind::Gauge,
        "For how long the files may have held bytes of what was deleted or replaced; 0 where they hold none",
    ),
    family("onefold_disk_free_bytes", Kind::Gauge, "Bytes left on the data directory's disk"),
    family(
        "onefold_tls_expires_seconds",
        Kind::Gauge,
        "When the certificate or the first of the revocation lists of a listener ends, since 1970",
    ),
    family("process_start_time_seconds", Kind::Gauge, "When the process began, since 1970"),
    family("process_resident_memory_bytes", Kind::Gauge, "Memory of the process"),
    family("onefold_build_info", Kind::Gauge, "The version that runs"),
];

/// Figures on their way to text. Lines of one family stand together, whatever order they come in.
pub struct Text(BTreeMap<&'static str, String>);

type Labels<'a> = [(&'a str, &'a str)];

impl Text {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// One figure. Label values are ours, and have nothing in them that would need escaping.
    pub fn value(&mut self, name: &'static str, labels: &Labels<'_>, value: u64) {
        self.line(name, "", labels, None, &value.to_string());
    }

    /// A histogram, in seconds.
    pub fn histogram(&mut self, name: &'static str, labels: &Labels<'_>, snapshot: &Snapshot) {
        let mut below = 0;
        for (at, count) in snapshot.buckets.iter().enumerate() {
            below += count;
            let last = at + 1 == snapshot.buckets.len();
            let bound = if last { "+Inf".to_owned() } else { seconds(bound(at)) };
            self.line(name, "_bucket", labels, Some(&bound), &below.to_string());
        }
        self.line(name, "_sum", labels, None, &seconds(snapshot.nanos));
        self.line(name, "_count", labels, None, &below.to_string());
    }

    fn line(&mut self, name: &'static str, suffix: &str, labels: &Labels<'_>, bound: Option<&str>, value: &str) {
        let lines = self.0.entry(name).or_default();
        let bound = bound.map(|bound| ("le", bound));
        let labels: Vec<String> =
            labels.iter().copied().chain(bound).map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        // Writing to a string does not fail.
        let _ = writeln!(lines, "{name}{suffix}{labels} {value}");
    }

    pub(super) fn finish(self) -> String {
        let mut text = String::new();
        for Family { name, kind, help } in FAMILIES {
            let Some(lines) = self.0.get(name) else { continue };
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            let _ = write!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}\n{lines}");
        }
        text
    }
}

fn seconds(nanos: u64) -> String {
    format!("{}", nanos as f64 / 1e9)
}
