//! What only the embedded engine promises. The contract that all share is in [`crate::conformance`].

mod commits;
mod damage;
mod directory;
mod kill;
mod purge;

use super::{Embedded, EmbeddedOptions};
use crate::conformance::{get, key, partition, put, text};
use bytes::Bytes;
use onefold_core::store::{Guard, Outcome, Row, Store, Version};
use onefold_core::tables::Table;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;

/// Called by the committer just before it syncs a round; can hold it up there, or make it fail.
#[derive(Default)]
pub(super) struct Hook(Mutex<Option<Callback>>);

type Callback = Box<dyn FnMut() -> io::Result<()> + Send>;

impl Hook {
    pub(super) fn call(&self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map_or(Ok(()), |callback| callback())
    }

    fn set(&self, callback: impl FnMut() -> io::Result<()> + Send + 'static) {
        *self.0.lock().expect("no callback panics") = Some(Box::new(callback));
    }
}

/// The variable that names the step of a purge at which the process ends, as if it were killed there.
const STOP_AT: &str = "ONEFOLD_TEST_STOP_AT";

pub(super) fn reached(step: &str) {
    if std::env::var(STOP_AT).is_ok_and(|stop| stop == step) {
        std::process::abort();
    }
}

/// Options under which tests are quick; the sync is tested where it matters.
fn quick() -> EmbeddedOptions {
    EmbeddedOptions { fsync: false, cache_bytes: 8 << 20, block_cache_bytes: 1 << 20, ..EmbeddedOptions::default() }
}

fn open(dir: &Path) -> Arc<Embedded> {
    Arc::new(Embedded::open(dir, quick()).expect("opened"))
}

fn fresh() -> (Arc<Embedded>, TempDir) {
    fresh_with(quick())
}

fn fresh_with(options: EmbeddedOptions) -> (Arc<Embedded>, TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    (Arc::new(Embedded::open(dir.path(), options).expect("opened")), dir)
}

mod with_a_cache {
    use super::*;
    crate::conformance!(|| async { fresh() });
}

mod with_sync {
    use super::*;
    crate::conformance!(|| async { fresh_with(EmbeddedOptions { fsync: true, ..quick() }) });
}

mod with_no_room_in_the_cache {
    use super::*;
    crate::conformance!(|| async { fresh_with(EmbeddedOptions { cache_bytes: 0, ..quick() }) });
}

mod with_a_short_queue {
    use super::*;
    crate::conformance!(|| async { fresh_with(EmbeddedOptions { queue: 1, max_batch: 1, ..quick() }) });
}

mod reopened {
    use super::*;
    crate::conformance!(|| async {
        let (store, dir) = fresh();
        store.close().await;
        drop(store);
        (open(dir.path()), dir)
    });
}

#[tokio::test]
async fn rows_and_versions_outlive_closing() {
    let (store, dir) = fresh();
    let first = put(&*store, &key(1, 1), Guard::Absent, text("first")).await;
    let second = put(&*store, &key(1, 1), Guard::At(first), text("second")).await;
    let removed = put(&*store, &key(1, 2), Guard::Absent, text("removed")).await;
    store.remove(&key(1, 2), removed).await.expect("removed");
    put(&*store, &key(2, 1), Guard::Absent, text("purged")).await;
    store.purge(&partition(2)).await.expect("purged");
    put(&*store, &key(3, 1), Guard::Absent, Bytes::from(vec![3; 1 << 20])).await;
    store.close().await;

    let again = open(dir.path());
    assert_eq!(get(&*again, &key(1, 1)).await, Some(Row { version: second, value: text("second") }));
    assert_eq!(get(&*again, &key(1, 2)).await, None);
    assert_eq!(get(&*again, &key(2, 1)).await, None);
    assert_eq!(get(&*again, &key(3, 1)).await.map(|row| row.value.len()), Some(1 << 20));
    assert_eq!(again.write(&key(1, 1), Guard::At(first), text("late")).await, Ok(Outcome::Conflict));
    let third = put(&*again, &key(1, 1), Guard::At(second), text("third")).await;
    assert!(third > second, "versions go on where they were");
}

#[tokio::test]
async fn dropping_does_what_closing_does() {
    let (store, dir) = fresh();
    put(&*store, &key(1, 1), Guard::Absent, text("kept")).await;
    drop(store);
    assert!(get(&*open(dir.path()), &key(1, 1)).await.is_some());
}

#[tokio::test]
async fn after_closing_nothing_is_read_or_written() {
    let (store, dir) = fresh();
    put(&*store, &key(1, 1), Guard::Absent, text("cached")).await;
    store.close().await;
    store.close().await;
    let other = open(dir.path());
    put(&*other, &key(1, 1), Guard::Any, text("another process's")).await;
    assert!(store.read(&key(1, 1)).await.is_err(), "what is cached may be old by now");
    assert!(store.write(&key(1, 1), Guard::Any, text("x")).await.is_err());
    assert!(store.scan(&partition(1), None, 1).await.is_err());
    assert!(store.purge(&partition(1)).await.is_err());
    assert!(store.health().is_err() && store.check().is_err());
}

#[tokio::test]
async fn a_known_row_and_a_known_absence_need_no_tree() {
    let (store, _dir) = fresh();
    put(&*store, &key(1, 1), Guard::Absent, text("known")).await;
    assert_eq!(get(&*store, &key(1, 2)).await, None);
    let trees = store.trees().expect("open");
    for sort in [1, 2] {
        let place = super::layout::key(&key(1, sort));
        trees.raw(partition(1).table).insert(&place[..], b"not a row").expect("damaged");
    }
    assert_eq!(get(&*store, &key(1, 1)).await.map(|row| row.value), Some(text("known")));
    assert_eq!(get(&*store, &key(1, 2)).await, None);
}

#[tokio::test]
async fn the_cache_stays_within_its_bytes() {
    let (store, _dir) = fresh_with(EmbeddedOptions { cache_bytes: 1 << 20, ..quick() });
    for number in 0..40 {
        for sort in 0..8 {
            put(&*store, &key(number, sort), Guard::Absent, Bytes::from(vec![number; 10_000])).await;
        }
    }
    let bytes = store.stats().cache_bytes;
    assert!((1 << 19..=1 << 20).contains(&bytes), "{bytes}");
    for number in 0..40 {
        let row = get(&*store, &key(number, 3)).await;
        assert_eq!(row, Some(Row { version: Version(1), value: Bytes::from(vec![number; 10_000]) }));
    }
    assert!(store.stats().cache_bytes <= 1 << 20);
}

#[tokio::test]
async fn a_value_beyond_the_bound_is_refused() {
    let (store, _dir) = fresh();
    let too_large = Bytes::from(vec![0; super::VALUE_BYTES + 1]);
    assert!(store.write(&key(1, 1), Guard::Any, too_large).await.is_err());
    assert_eq!(get(&*store, &key(1, 1)).await, None);
}
