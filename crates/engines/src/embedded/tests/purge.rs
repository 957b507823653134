//! What was deleted leaves the files, while all else stays, also for who reads and writes meanwhile, and after a crash.

use super::*;
use crate::embedded::PurgeError;
use onefold_core::tables::Key;
use std::fs;

const MARKER: &str = "marker-of-somebody-deleted";

/// Whether any file below has the bytes of the marker.
fn holds_marker(dir: &Path) -> bool {
    fs::read_dir(dir).expect("listed").map(|entry| entry.expect("entry").path()).any(|path| {
        if path.is_dir() {
            return holds_marker(&path);
        }
        fs::read(path).expect("read").windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
    })
}

async fn purge(store: &Arc<Embedded>) -> Result<super::super::Purged, PurgeError> {
    let store = store.clone();
    tokio::task::spawn_blocking(move || store.purge_files()).await.expect("no panic")
}

/// Rows 1 to 200, of which row 7 was written three times, with the marker before, and row 8 is removed.
async fn deleted() -> (Arc<Embedded>, TempDir) {
    let (store, dir) = fresh();
    for sort in 1..=200 {
        put(&*store, &key(1, sort), Guard::Absent, text(MARKER)).await;
    }
    for sort in 1..=200 {
        put(&*store, &key(1, sort), Guard::Any, text("living")).await;
    }
    put(&*store, &key(1, 7), Guard::Any, text("again")).await;
    store.remove(&key(1, 8), Version(2)).await.expect("removed");
    (store, dir)
}

async fn is_as_deleted_left_it(store: &Embedded) {
    assert_eq!(get(store, &key(1, 7)).await, Some(Row { version: Version(3), value: text("again") }));
    assert_eq!(get(store, &key(1, 8)).await, None);
    assert_eq!(get(store, &key(1, 200)).await, Some(Row { version: Version(2), value: text("living") }));
    assert_eq!(store.scan(&partition(1), None, 1000).await.expect("scanned").len(), 199);
}

#[tokio::test]
async fn nothing_deleted_is_left_and_all_else_stays() {
    let (store, dir) = deleted().await;
    assert!(holds_marker(dir.path()), "before");
    let done = purge(&store).await.expect("purged");
    assert!(done.rows >= 199, "{done:?}");
    assert!(!holds_marker(dir.path()), "after");
    is_as_deleted_left_it(&store).await;
    put(&*store, &key(1, 9), Guard::At(Version(2)), text("goes on")).await;
    store.close().await;
    let again = open(dir.path());
    is_as_deleted_left_it(&again).await;
    assert_eq!(get(&*again, &key(1, 9)).await, Some(Row { version: Version(3), value: text("goes on") }));
    purge(&again).await.expect("a second time");
    is_as_deleted_left_it(&again).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_meanwhile_are_all_there_and_removed_rows_stay_away() {
    let (store, dir) = deleted().await;
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for round in 0..40_u64 {
                for sort in 100..=105 {
                    put(&*store, &key(1, sort), Guard::At(Version(2 + round)), Bytes::from(format!("round {round}")))
                        .await;
                }
                let gone = key(2, round as u8);
                put(&*store, &gone, Guard::Absent, text("short")).await;
                store.remove(&gone, Version(1)).await.expect("removed");
            }
        }
    });
    for _ in 0..3 {
        purge(&store).await.expect("purged");
    }
    writer.await.expect("no write was refused");
    store.close().await;
    let again = open(dir.path());
    for sort in 100..=105 {
        let expected = Row { version: Version(42), value: text("round 39") };
        assert_eq!(get(&*again, &key(1, sort)).await, Some(expected));
    }
    assert_eq!(again.scan(&partition(2), None, 1000).await.expect("scanned"), vec![]);
}

#[tokio::test]
async fn a_folder_that_was_not_switched_to_counts_for_nothing() {
    let (store, dir) = deleted().await;
    store.close().await;
    fs::create_dir(dir.path().join("rows.1")).expect("made");
    fs::write(dir.path().join("rows.1/0.jnl"), MARKER).expect("written");
    let again = open(dir.path());
    assert!(!dir.path().join("rows.1").exists());
    is_as_deleted_left_it(&again).await;
}

#[tokio::test]
async fn a_crash_after_the_switch_leaves_the_new_folder() {
    let (store, dir) = deleted().await;
    let before = tempfile::tempdir().expect("a directory");
    copy(dir.path(), before.path());
    purge(&store).await.expect("purged");
    store.close().await;
    // As if the process had ended before it took the old folder away.
    copy(&before.path().join("rows"), &dir.path().join("rows"));
    let again = open(dir.path());
    assert!(!holds_marker(dir.path()));
    is_as_deleted_left_it(&again).await;
}

#[tokio::test]
async fn a_current_that_leads_nowhere_is_no_new_directory() {
    let (store, dir) = deleted().await;
    store.close().await;
    for name in ["rows.9", "elsewhere", ""] {
        fs::write(dir.path().join("CURRENT"), name).expect("written");
        assert!(Embedded::open(dir.path(), quick()).is_err(), "{name}");
    }
    fs::remove_file(dir.path().join("CURRENT")).expect("removed");
    is_as_deleted_left_it(&open(dir.path())).await;
}

#[tokio::test]
async fn it_is_noted_that_something_was_deleted_until_it_is_gone() {
    let (store, dir) = fresh();
    let deletion =
        Key { partition: onefold_core::tables::Partition { table: Table::Deletion, ..partition(1) }, ..key(1, 1) };
    put(&*store, &key(1, 1), Guard::Absent, text("ordinary")).await;
    assert_eq!(store.stale_for(), None);
    put(&*store, &deletion, Guard::Absent, text("a record")).await;
    assert!(store.stale_for().is_some());
    store.close().await;
    let again = open(dir.path());
    assert!(again.stale_for().is_some(), "also after a restart");
    purge(&again).await.expect("purged");
    assert_eq!(again.stale_for(), None);
    put(&*again, &deletion, Guard::Any, text("another")).await;
    assert!(again.stale_for().is_some());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("listed").map(|entry| entry.expect("entry")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &target) } else { drop(fs::copy(entry.path(), target)) }
    }
}
