//! A backup on a disk: what was written is read, and whatever was done to it is found.

use super::read::{Item, ReadError, Reader, verify};
use super::write::{Enclosed, all};
use super::*;
use bytes::Bytes;
use onefold_core::store::{Guard, Store};
use onefold_core::tables::{Key, Partition, Table};
use onefold_engines::{Embedded, EmbeddedOptions};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn header() -> Header {
    Header::new(5, "ours".into(), Mark { log: "log".into(), bytes: 7, last: "sum".into() })
}

fn key(number: u16) -> Key {
    let partition = Partition { table: Table::Profile, bytes: [7; 32].into_iter().collect() };
    partition.row(&number.to_be_bytes())
}

async fn store(dir: &Path) -> Embedded {
    let options = EmbeddedOptions { fsync: false, ..EmbeddedOptions::default() };
    let store = Embedded::open(dir, options).unwrap();
    for number in 0..300 {
        let value = Bytes::from(vec![number as u8; 3_000]);
        store.write(&key(number), Guard::Any, value).await.unwrap();
    }
    store.write(&key(7), Guard::Any, Bytes::from_static(b"again")).await.unwrap();
    store
}

/// A backup, and where it lies.
async fn backup() -> (TempDir, PathBuf, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir.path().join("data")).await;
    let snapshot = store.snapshot().unwrap();
    store.write(&key(8), Guard::Any, Bytes::from_static(b"later")).await.unwrap();
    let (mut bytes, mut pieces) = (Vec::new(), 0);
    let files = [Enclosed { name: "receipts.key", bytes: b"seed".to_vec() }];
    let rows = all(&header(), &files, &snapshot, |piece| {
        bytes.extend_from_slice(&piece);
        pieces += 1;
        true
    });
    assert_eq!((rows.unwrap(), pieces), (300, 4), "as it goes, not as a whole");
    let path = dir.path().join("backup");
    fs::write(&path, &bytes).unwrap();
    (dir, path, bytes)
}

#[tokio::test]
async fn it_holds_every_row_with_its_version_as_of_its_beginning() {
    let (_dir, path, _) = backup().await;
    let (header, rows) = verify(&path).unwrap();
    assert_eq!((&header, rows), (&super::tests::header(), 300));
    let mut reader = Reader::open(&path).unwrap();
    let mut found = 0;
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::File(file) => assert_eq!((file.name, file.bytes.as_slice()), ("receipts.key", &b"seed"[..])),
            Item::Row(at, row) if at == key(7) => assert_eq!((row.version.0, &row.value[..]), (2, &b"again"[..])),
            Item::Row(at, row) => {
                assert_eq!((row.version.0, row.value.len()), (1, 3_000));
                found += usize::from(at == key(8));
            }
        }
    }
    assert_eq!(found, 1, "what was written later is not in it");
}

#[tokio::test]
async fn nothing_is_taken_that_is_not_whole() {
    let (_dir, path, bytes) = backup().await;
    let line = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in [0, 1, line - 1, line, line + 1, bytes.len() / 2, bytes.len() - 33, bytes.len() - 1] {
        fs::write(&path, &bytes[..cut]).unwrap();
        let refused = verify(&path).unwrap_err();
        assert!(matches!(refused, ReadError::Truncated(_) | ReadError::NotOne(_)), "{cut}: {refused}");
    }
    for at in [line, line + 3, bytes.len() / 3, bytes.len() / 2, bytes.len() - 41, bytes.len() - 5] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        let refused = verify(&path).unwrap_err();
        assert!(matches!(refused, ReadError::Damaged(..) | ReadError::Truncated(_)), "{at}: {refused}");
    }
    fs::write(&path, [bytes.as_slice(), b"more"].concat()).unwrap();
    assert!(matches!(verify(&path), Err(ReadError::Damaged(..))));
}

#[tokio::test]
async fn other_versions_say_so() {
    let (_dir, path, bytes) = backup().await;
    let with = |from: &str, to: &str| {
        let line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        let first = String::from_utf8(bytes[..line].to_vec()).unwrap();
        assert!(first.contains(from), "{first}");
        fs::write(&path, [first.replace(from, to).as_bytes(), &bytes[line..]].concat()).unwrap();
        verify(&path).unwrap_err()
    };
    assert!(matches!(with("\"version\":1", "\"version\":2"), ReadError::Newer(..)));
    assert!(matches!(with("\"rows\":3", "\"rows\":99"), ReadError::Newer(..)));
    assert!(matches!(with("\"rows\":3", "\"rows\":1"), ReadError::Older(..)));
    assert!(matches!(with("\"backup\"", "\"else\""), ReadError::NotOne(_)));
    assert!(matches!(with("\"ours\"", "\"theirs\""), ReadError::Damaged(..)), "the first line is covered, too");
}
