//! What was deleted leaves the files, while all else stays, also for who reads and writes meanwhile, and after a crash.

use super::*;
use crate::conformance::partition_of;
use crate::embedded::PurgeError;
use onefold_core::tables::{Key, Partition};
use std::fs;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// As those of the suite, in a table that holds something of people.
fn partition(number: u8) -> Partition {
    partition_of(Table::Profile, number)
}

fn key(number: u8, sort: u8) -> Key {
    partition(number).row(&[sort])
}

const MARKER: &str = "marker-of-somebody-deleted";

/// Whether any file below has the bytes of the marker. By grep: the journals are long and hollow.
fn holds_marker(dir: &Path) -> bool {
    let grep = std::process::Command::new("grep").args(["-r", "-q", "-a", "-F", MARKER]).arg(dir).status();
    match grep.expect("grep is there").code() {
        Some(0) => true,
        Some(1) => false,
        other => panic!("grep: {other:?}"),
    }
}

async fn purge(store: &Arc<Embedded>) -> Result<super::super::Purged, PurgeError> {
    let store = store.clone();
    tokio::task::spawn_blocking(move || store.purge_files()).await.expect("no panic")
}

/// Rows 1 to 200, of which row 7 was written three times, with the marker before, and row 8 is removed.
async fn deleted() -> (Arc<Embedded>, TempDir) {
    // The end of a process takes nothing from the memory of the machine, and a disk is slow.
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a directory");
    let store = open(dir.path());
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
    let enough = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write_and_remove(store.clone(), enough.clone()));
    for _ in 0..3 {
        purge(&store).await.expect("purged");
    }
    enough.store(true, Relaxed);
    let rounds = writer.await.expect("no write was refused");
    assert!(rounds > 3, "{rounds} rounds of writes went on meanwhile");
    store.close().await;
    let again = open(dir.path());
    for sort in 100..=105 {
        let expected = Row { version: Version(2 + rounds), value: Bytes::from(format!("round {}", rounds - 1)) };
        assert_eq!(get(&*again, &key(1, sort)).await, Some(expected));
    }
    assert_eq!(again.scan(&partition(2), None, 1000).await.expect("scanned"), vec![]);
}

async fn write_and_remove(store: Arc<Embedded>, enough: Arc<AtomicBool>) -> u64 {
    let mut round = 0;
    while !enough.load(Relaxed) {
        for sort in 100..=105 {
            let value = Bytes::from(format!("round {round}"));
            put(&*store, &key(1, sort), Guard::At(Version(2 + round)), value).await;
        }
        let gone = key(2, round as u8);
        put(&*store, &gone, Guard::Absent, text("short")).await;
        store.remove(&gone, Version(1)).await.expect("removed");
        round += 1;
    }
    round
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
async fn it_is_noted_that_something_was_overwritten_or_removed_until_it_is_gone() {
    let (store, dir) = fresh();
    put(&*store, &key(1, 1), Guard::Absent, text("new")).await;
    let lease = Partition { table: Table::Job, ..partition(1) }.row(&[1]);
    put(&*store, &lease, Guard::Any, text("a lease")).await;
    put(&*store, &lease, Guard::Any, text("another lease")).await;
    assert_eq!(store.stale_for(), None, "neither what is new nor what is nobody's leaves anything behind");
    put(&*store, &key(1, 1), Guard::Any, text("changed")).await;
    assert!(store.stale_for().is_some());
    store.close().await;
    let again = open(dir.path());
    assert!(again.stale_for().is_some(), "also after a restart");
    purge(&again).await.expect("purged");
    assert_eq!(again.stale_for(), None);
    again.remove(&key(1, 1), Version(2)).await.expect("removed");
    assert!(again.stale_for().is_some());
    fs::write(dir.path().join("STALE"), "1700000000000\n").expect("written");
    assert!(
        again.stale_for().expect("stale") > std::time::Duration::from_secs(86_400 * 365),
        "{:?}",
        again.stale_for()
    );
    fs::write(dir.path().join("STALE"), "?").expect("written");
    assert!(again.stale_for().is_some(), "a note that cannot be read is one");
}

#[tokio::test]
async fn what_is_deleted_during_a_purge_is_due_anew_and_not_as_of_before() {
    let (store, dir) = deleted().await;
    fs::write(dir.path().join("STALE"), "1700000000000\n").expect("written");
    // Whoever reads holds up its end, so that what is removed now comes in the middle.
    let trees = store.trees().expect("open");
    let reader = trees.rows(Table::Profile);
    drop(trees);
    let purging = tokio::spawn({
        let store = store.clone();
        async move { purge(&store).await }
    });
    until_switched(&dir).await;
    store.remove(&key(1, 200), Version(2)).await.expect("removed");
    drop(reader);
    purging.await.expect("no panic").expect("purged");
    assert!(store.stale_for().expect("due again") < std::time::Duration::from_secs(3600), "{:?}", store.stale_for());
}

async fn until_switched(dir: &TempDir) {
    while !dir.path().join("CURRENT").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// What the process does that is ended at a step of it.
#[tokio::test]
#[ignore = "only as the process that is ended by the test below"]
async fn child() {
    let dir = std::env::var("ONEFOLD_TEST_PURGE_DIR").expect("started by the test below");
    let store = open(dir.as_ref());
    purge(&store).await.expect("purged");
}

fn purge_that_ends_at(dir: &Path, step: &str) {
    let program = std::env::current_exe().expect("this program");
    let mut child = std::process::Command::new(program);
    child.args(["--exact", "embedded::tests::purge::child", "--ignored"]).env("ONEFOLD_TEST_PURGE_DIR", dir);
    let ended = child.env(STOP_AT, step).output().expect("started");
    assert!(!ended.status.success(), "{step} was not reached: {ended:?}");
}

#[tokio::test]
async fn whatever_step_it_ends_at_one_complete_generation_is_left() {
    let before = ["begun", "copied some", "copied all", "persisted", "written beside"];
    let after = ["renamed", "removing", "removed"];
    for step in before.into_iter().chain(after) {
        let (store, dir) = deleted().await;
        store.close().await;
        purge_that_ends_at(dir.path(), step);
        let again = open(dir.path());
        is_as_deleted_left_it(&again).await;
        assert!(again.check().expect("checked").iter().all(|table| table.damaged == 0), "{step}");
        assert_eq!(holds_marker(dir.path()), before.contains(&step), "{step}");
        assert!(again.stale_for().is_some(), "{step}: it is not known to be done");
        purge(&again).await.expect("purged");
        assert!(!holds_marker(dir.path()) && again.stale_for().is_none(), "{step}");
        is_as_deleted_left_it(&again).await;
    }
}

#[tokio::test]
async fn an_earlier_layout_is_taken_over_and_is_then_this_one() {
    let (store, dir) = deleted().await;
    store.close().await;
    fs::write(dir.path().join("FORMAT"), "onefold rows 2\n").expect("written");
    is_as_deleted_left_it(&open(dir.path())).await;
    assert_eq!(fs::read_to_string(dir.path().join("FORMAT")).expect("read"), "onefold rows 3\n");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("listed").map(|entry| entry.expect("entry")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &target) } else { drop(fs::copy(entry.path(), target)) }
    }
}

#[tokio::test]
async fn who_reads_a_snapshot_reads_on_while_the_files_are_exchanged() {
    let (store, dir) = deleted().await;
    let snapshot = store.snapshot().expect("open");
    store.remove(&key(1, 200), Version(2)).await.expect("removed");
    let purging = tokio::spawn({
        let store = store.clone();
        async move { purge(&store).await }
    });
    until_switched(&dir).await;
    let rows: Vec<_> = snapshot.rows(Table::Profile).collect::<Result<_, _>>().expect("read");
    assert_eq!((rows.len(), &rows[198].0), (199, &key(1, 200)), "as of then");
    assert!(holds_marker(dir.path()), "its files are still there");
    drop(snapshot);
    purging.await.expect("no panic").expect("purged");
    assert!(!holds_marker(dir.path()));
}

#[tokio::test]
async fn what_is_restored_has_its_versions_and_is_no_directory_until_it_is_finished() {
    let (store, _dir) = deleted().await;
    let snapshot = store.snapshot().expect("open");
    let top = tempfile::tempdir().expect("a directory");
    let into = top.path().join("new");
    let rows = || Table::ALL.into_iter().flat_map(|table| snapshot.rows(table));
    let restored = Embedded::restore(&into, quick(), rows().take(50)).expect("restored");
    restored.close().await;
    assert!(matches!(Embedded::open(&into, quick()), Err(crate::OpenError::Restoring { .. })));
    let restored = Embedded::restore(&into, quick(), rows()).expect("begun anew");
    is_as_deleted_left_it(&restored).await;
    restored.finish_restore().expect("finished");
    put(&restored, &key(1, 9), Guard::At(Version(2)), text("goes on")).await;
    restored.close().await;
    drop(restored);
    let again = open(&into);
    is_as_deleted_left_it(&again).await;
    again.close().await;
    assert!(Embedded::restore(&into, quick(), rows()).is_err(), "a directory with something in it is left alone");
    is_as_deleted_left_it(&open(&into)).await;
}
