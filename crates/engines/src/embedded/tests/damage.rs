//! Bytes that are not what was written: found by a read, a scan and a check, and never passed on.

use super::*;
use crate::embedded::layout;
use onefold_core::store::StoreError;
use onefold_core::tables::Table;
use std::fs;
use std::path::PathBuf;

/// Flips a bit of the row's stored bytes, behind the engine's back.
fn damage(store: &Embedded, key: &onefold_core::tables::Key) {
    let trees = store.trees().expect("open");
    let tree = trees.raw(key.partition.table);
    let place = layout::key(key);
    let mut bytes = tree.get(&place[..]).expect("read").expect("there").to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    tree.insert(&place[..], bytes).expect("damaged");
}

/// A store without a cache, since that would hide the damage, with rows 1 to 3 of which the second is damaged.
async fn damaged() -> (Arc<Embedded>, TempDir) {
    let (store, dir) = fresh_with(EmbeddedOptions { cache_bytes: 0, ..quick() });
    for sort in 1..=3 {
        put(&*store, &key(1, sort), Guard::Absent, text("secret value")).await;
    }
    damage(&store, &key(1, 2));
    (store, dir)
}

fn found(store: &Embedded) -> (u64, u64) {
    let checked = store.check().expect("checked");
    assert_eq!(checked.len(), Table::ALL.len());
    (checked.iter().map(|table| table.rows).sum(), checked.iter().map(|table| table.damaged).sum())
}

#[tokio::test]
async fn a_damaged_row_is_not_passed_on() {
    let (store, _dir) = damaged().await;
    let Err(StoreError::Corrupt(why)) = store.read(&key(1, 2)).await else { unreachable!("it is damaged") };
    assert_eq!(why, "a row of table op is not what was written");
    assert!(matches!(store.scan(&partition(1), None, 9).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.write(&key(1, 2), Guard::Any, text("x")).await, Err(StoreError::Corrupt(_))));
    assert!(get(&*store, &key(1, 3)).await.is_some(), "its neighbours are fine");
}

#[tokio::test]
async fn a_check_counts_what_is_damaged() {
    let (store, _dir) = damaged().await;
    assert_eq!(found(&store), (2, 1));
    let op = store.check().expect("checked").into_iter().find(|table| table.table == Table::Op).expect("checked");
    assert_eq!((op.rows, op.damaged), (2, 1));
    assert_eq!(store.all_rows(Table::Op).expect("open").filter(Result::is_ok).count(), 2);
}

#[tokio::test]
async fn a_purge_takes_damaged_rows_away() {
    let (store, _dir) = damaged().await;
    store.purge(&partition(1)).await.expect("purged");
    assert_eq!(found(&store), (0, 0));
}

/// The largest file of rows below a directory: a tree's table.
fn largest_table(dir: &Path) -> PathBuf {
    let mut found = Vec::new();
    let mut todo = vec![dir.join("rows/keyspaces")];
    while let Some(path) = todo.pop() {
        for entry in fs::read_dir(path).expect("listed") {
            let path = entry.expect("listed").path();
            if path.is_dir() { todo.push(path) } else { found.push(path) }
        }
    }
    found.into_iter().max_by_key(|path| fs::metadata(path).expect("there").len()).expect("a file")
}

#[tokio::test]
async fn a_flipped_byte_on_disk_is_found() {
    let (store, dir) = fresh();
    for sort in 0..200 {
        put(&*store, &key(1, sort), Guard::Absent, Bytes::from(vec![sort; 1000])).await;
    }
    store.trees().expect("open").raw(Table::Op).rotate_memtable_and_wait().expect("written to a table");
    store.close().await;
    let file = largest_table(dir.path());
    let mut bytes = fs::read(&file).expect("read");
    assert!(bytes.len() > 200_000, "the rows are in {}", file.display());
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&file, bytes).expect("written");

    let again = open(dir.path());
    let (rows, damaged) = found(&again);
    assert!(rows < 200 && damaged > 0, "{rows} rows, {damaged} damaged");
    let mut seen = (0, 0);
    for sort in 0..200 {
        match again.read(&key(1, sort)).await {
            Ok(row) => {
                assert_eq!(row.expect("there").value, Bytes::from(vec![sort; 1000]));
                seen.0 += 1;
            }
            Err(StoreError::Corrupt(_)) => seen.1 += 1,
            other => unreachable!("{other:?}"),
        }
    }
    assert!(seen.1 > 0 && seen.0 > 100, "{seen:?}");
}
