//! How a row lies in a tree, as the fuzzer and the replay of its corpus read it. No part of the interface: for `fuzz/`
//! alone.

use super::layout;
use onefold_core::tables::Table;

/// A key and a value as a tree gave them: the first byte says of which table, the second how long the key is. What is
/// read is written as it was.
pub fn row(data: &[u8]) {
    let Some(([table, length], rest)) = data.split_first_chunk() else { return };
    let table = Table::ALL[usize::from(*table) % Table::ALL.len()];
    let (place, bytes) = rest.split_at(usize::from(*length).min(rest.len()));
    let Some(key) = layout::parse_key(table, place) else { return };
    assert_eq!(&layout::key(&key)[..], place);
    if let Ok(row) = layout::parse_value(table, place, bytes) {
        assert_eq!(layout::value(table, place, &row), bytes);
    }
}
