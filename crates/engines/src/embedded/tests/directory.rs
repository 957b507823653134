//! Whose the directory is, which format it has, and what a start that was cut short leaves.

use super::*;
use crate::OpenError;
use std::fs;

fn refusal(dir: &Path) -> OpenError {
    Embedded::open(dir, quick()).err().expect("refused")
}

#[tokio::test]
async fn a_second_opener_is_refused() {
    let (store, dir) = fresh();
    let refused = refusal(dir.path());
    assert!(matches!(refused, OpenError::InUse { .. }));
    assert!(refused.to_string().contains("in use by another process"), "{refused}");
    put(&*store, &key(1, 1), Guard::Absent, text("the first goes on")).await;
    store.close().await;
    assert!(get(&*open(dir.path()), &key(1, 1)).await.is_some(), "closing gives the directory back");
}

#[tokio::test]
async fn another_format_is_refused_with_a_way_out() {
    let (store, dir) = fresh();
    store.close().await;
    fs::write(dir.path().join("FORMAT"), "onefold rows 999\n").expect("written");
    let refused = refusal(dir.path());
    assert!(matches!(refused, OpenError::OtherVersion { found: 999, expected: 3, .. }));
    assert!(refused.to_string().contains("a newer onefold"), "{refused}");
    fs::write(dir.path().join("FORMAT"), "onefold rows 1\n").expect("written");
    let refused = refusal(dir.path());
    assert!(matches!(refused, OpenError::OtherVersion { found: 1, expected: 3, .. }));
    assert!(refused.to_string().contains("older than any"), "{refused}");
    fs::write(dir.path().join("FORMAT"), "something else").expect("written");
    assert!(matches!(refusal(dir.path()), OpenError::NotOurs { .. }));
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("holiday.jpg"), "a picture").expect("written");
    assert!(matches!(refusal(dir.path()), OpenError::NotOurs { .. }));
    assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 1);
}

#[tokio::test]
async fn rows_without_a_format_are_never_taken_for_a_new_directory() {
    let (store, dir) = fresh();
    put(&*store, &key(1, 1), Guard::Absent, text("precious")).await;
    store.close().await;
    let format = fs::read(dir.path().join("FORMAT")).expect("read");
    fs::remove_file(dir.path().join("FORMAT")).expect("removed");
    assert!(matches!(refusal(dir.path()), OpenError::NotOurs { .. }));
    fs::write(dir.path().join("FORMAT"), format).expect("written");
    assert!(get(&*open(dir.path()), &key(1, 1)).await.is_some());
}

#[tokio::test]
async fn a_first_start_that_was_cut_short_is_begun_again() {
    for leavings in [&["CREATING"][..], &["CREATING", "rows/0.jnl"], &["CREATING", "rows/0.jnl", "FORMAT"], &["LOCK"]] {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("rows")).expect("made");
        for name in leavings {
            fs::write(dir.path().join(name), "onef").expect("written");
        }
        if leavings == ["LOCK"] {
            fs::remove_dir(dir.path().join("rows")).expect("removed");
        }
        let store = open(dir.path());
        put(&*store, &key(1, 1), Guard::Absent, text("x")).await;
        store.close().await;
        assert!(get(&*open(dir.path()), &key(1, 1)).await.is_some(), "{leavings:?}");
        assert!(!dir.path().join("CREATING").exists());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_look_inside() {
    use std::os::unix::fs::PermissionsExt;
    let top = tempfile::tempdir().expect("a directory");
    let dir = top.path().join("made/by/us");
    let _store = open(&dir);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&dir.join("rows"))), (0o700, 0o700));
    assert_eq!((mode(&dir.join("LOCK")), mode(&dir.join("FORMAT"))), (0o600, 0o600));
}
