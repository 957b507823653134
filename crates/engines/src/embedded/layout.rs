//! How a row lies in a tree, byte by byte. Which tree, and how trees are read and written, is in `trees`.
//!
//! * key: one byte that says how long the partition is, the partition, the sort key. The first byte keeps a partition
//!   from being the beginning of another, so all keys that begin with it are its rows and no others.
//! * value: the version (8 bytes, big endian), a checksum (8 bytes, big endian), the row's value.
//!
//! The checksum covers table, key, version and value. It is there because a tree can return what was not written (a bad
//! disk, a file put back from elsewhere, a fault in a library), and a profile that is wrong is worse than none.

use arrayvec::ArrayVec;
use bytes::Bytes;
use onefold_core::store::{Row, StoreError, Version};
use onefold_core::tables::{Key, Partition, Sort, Table};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A key as it lies in a tree: at most 1 + 40 + 40 bytes, made without allocating.
pub(super) type TreeKey = ArrayVec<u8, 82>;

/// Bytes of version and checksum before a value.
const HEAD: usize = 16;

/// Longest sort key, in bytes.
const SORT_BYTES: usize = 40;

/// The bytes with which all keys of a partition begin.
pub(super) fn prefix(partition: &Partition) -> TreeKey {
    let length = u8::try_from(partition.bytes.len()).expect("a partition has at most 40 bytes");
    std::iter::once(length).chain(partition.bytes.iter().copied()).collect()
}

/// The key of a row.
pub(super) fn key(key: &Key) -> TreeKey {
    joined(&key.partition, &key.sort)
}

/// The key of the row with this sort key in a partition.
pub(super) fn joined(partition: &Partition, sort: &Sort) -> TreeKey {
    let mut bytes = prefix(partition);
    bytes.extend(sort.iter().copied());
    bytes
}

/// A key that is greater than all of a partition and not greater than any other that follows.
pub(super) fn end(partition: &Partition) -> TreeKey {
    let mut bytes = prefix(partition);
    bytes.extend([0xff; SORT_BYTES + 1]);
    bytes
}

/// The place that a tree's key stands for, or `None` if it cannot be one.
pub(super) fn parse_key(table: Table, bytes: &[u8]) -> Option<Key> {
    let (length, rest) = bytes.split_first()?;
    let (partition, sort) = rest.split_at_checked(usize::from(*length))?;
    let bytes = ArrayVec::try_from(partition).ok()?;
    Some(Key { partition: Partition { table, bytes }, sort: Sort::try_from(sort).ok()? })
}

/// A row's bytes as they lie in a tree under a key.
pub(super) fn value(table: Table, key: &[u8], row: &Row) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + row.value.len());
    bytes.extend_from_slice(&row.version.0.to_be_bytes());
    bytes.extend_from_slice(&checksum(table, key, row.version.0, &row.value).to_be_bytes());
    bytes.extend_from_slice(&row.value);
    bytes
}

/// The row that lies under a key. Copies the value, so that keeping the row does not keep a whole block of the tree.
///
/// # Errors
/// `Corrupt` where the bytes are not those that were written. Its text names the table and nothing of the row.
pub(super) fn parse_value(table: Table, key: &[u8], bytes: &[u8]) -> Result<Row, StoreError> {
    let (version, rest) = split_number(bytes).ok_or_else(|| damaged(table))?;
    let (expected, value) = split_number(rest).ok_or_else(|| damaged(table))?;
    if checksum(table, key, version, value) != expected {
        return Err(damaged(table));
    }
    Ok(Row { version: Version(version), value: Bytes::copy_from_slice(value) })
}

/// What is said of any damage in a table.
pub(super) fn damaged(table: Table) -> StoreError {
    StoreError::Corrupt(format!("a row of table {} is not what was written", table.name()))
}

fn split_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*number), rest))
}

fn checksum(table: Table, key: &[u8], version: u64, value: &[u8]) -> u64 {
    let place = xxh3_64_with_seed(key, table as u64);
    xxh3_64_with_seed(value, place ^ version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{key as row_key, partition, text};

    #[test]
    fn a_row_comes_back() {
        let key = key(&row_key(3, 4));
        assert_eq!(parse_key(Table::Op, &key), Some(row_key(3, 4)));
        for content in [text(""), text("x"), Bytes::from(vec![7; 100_000])] {
            let row = Row { version: Version(9), value: content };
            assert_eq!(parse_value(Table::Op, &key, &value(Table::Op, &key, &row)), Ok(row));
        }
    }

    #[test]
    fn any_flipped_bit_is_found() {
        let key = key(&row_key(3, 4));
        let good = value(Table::Op, &key, &Row { version: Version(9), value: text("some value") });
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse_value(Table::Op, &key, &bad), Err(damaged(Table::Op)), "bit {bit}");
        }
        for length in 0..good.len() {
            assert!(parse_value(Table::Op, &key, &good[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_row_in_another_place_is_found() {
        let here = key(&row_key(3, 4));
        let good = value(Table::Op, &here, &Row { version: Version(9), value: text("some value") });
        assert!(parse_value(Table::Op, &key(&row_key(3, 5)), &good).is_err());
        assert!(parse_value(Table::Ticket, &here, &good).is_err());
    }

    #[test]
    fn the_end_of_a_partition_is_after_its_last_row_and_before_the_next_partition() {
        let last = joined(&partition(1), &Sort::from([0xff; SORT_BYTES]));
        assert!(last < end(&partition(1)));
        assert!(end(&partition(1)) < prefix(&partition(2)));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bytes in [&[][..], &[5, 1, 2], &[0; 42], &[41; 42]] {
            assert_eq!(parse_key(Table::Op, bytes), None);
        }
    }
}
