//! The store's contract, line by line, as a suite that every engine passes.
//!
//! Each promise is one function over a fresh store; [`crate::conformance!`] makes a test of each. What only one engine
//! promises (to survive a restart, to refuse a second opener) is tested beside that engine.

use bytes::Bytes;
use onefold_core::store::{Guard, Outcome, Row, Store, Version};
use onefold_core::tables::{Key, Partition, Sort, Table};
use std::sync::Arc;

/// One test for every promise. The argument is a function that makes, asynchronously, a fresh store in an [`Arc`] and
/// whatever must be kept until the test is over (a directory, say).
#[macro_export]
macro_rules! conformance {
    ($make:expr) => {
        $crate::conformance!($make;
            what_was_never_written_is_not_there, absent_writes_only_where_nothing_is,
            at_writes_only_over_the_version_it_saw, any_always_writes, versions_grow_while_a_row_exists,
            a_conflict_changes_nothing, a_read_sees_what_was_written_before_it, readers_never_go_back,
            one_of_many_replacements_wins, one_of_many_creations_wins, no_increment_is_lost,
            a_removal_needs_the_version, a_removed_row_can_come_back, a_scan_is_ordered_by_sort_key,
            a_scan_begins_after_and_ends_at_the_limit, a_scan_shows_what_a_read_shows, a_scan_stays_in_its_partition,
            tables_are_apart, a_purge_takes_one_partition, a_purge_can_be_repeated, values_may_be_empty,
            values_may_be_large,
        );
    };
    ($make:expr; $($promise:ident,)+) => {
        mod conformance_suite {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $promise() {
                    let (store, _kept) = ($make)().await;
                    $crate::conformance::$promise(store).await;
                }
            )+
        }
    };
}

/// The partition with this number, for tests.
pub fn partition(number: u8) -> Partition {
    partition_of(Table::Op, number)
}

/// The partition with this number of a table, for tests.
pub fn partition_of(table: Table, number: u8) -> Partition {
    Partition { table, bytes: [number; 9].into_iter().collect() }
}

/// The row with this sort key in the partition with this number, for tests.
pub fn key(number: u8, sort: u8) -> Key {
    partition(number).row(&[sort])
}

/// The sort keys of no rows.
const NOTHING: [u8; 0] = [];

/// Bytes of a text, for tests.
pub fn text(value: &'static str) -> Bytes {
    Bytes::from_static(value.as_bytes())
}

async fn write(store: &dyn Store, key: &Key, guard: Guard, value: Bytes) -> Outcome {
    store.write(key, guard, value).await.expect("the store answers")
}

/// Writes a row that must be writable, and returns its version.
pub async fn put(store: &dyn Store, key: &Key, guard: Guard, value: Bytes) -> Version {
    match write(store, key, guard, value).await {
        Outcome::Written(version) => version,
        Outcome::Conflict => unreachable!("the guard {guard:?} holds"),
    }
}

/// Reads a row, or none, as the service does.
pub async fn get(store: &dyn Store, key: &Key) -> Option<Row> {
    match store.at_hand(key) {
        Some(row) => row,
        None => store.read(key).await.expect("the store answers"),
    }
}

async fn sorts(store: &dyn Store, partition: &Partition, after: Option<u8>, limit: u16) -> Vec<u8> {
    let after: Option<Sort> = after.map(|after| [after].into_iter().collect());
    let rows = store.scan(partition, after.as_ref(), limit).await.expect("the store answers");
    rows.iter().map(|(sort, _)| sort[0]).collect()
}

async fn fill(store: &dyn Store, partition: &Partition, sorts: impl IntoIterator<Item = u8>) {
    for sort in sorts {
        put(store, &partition.clone().row(&[sort]), Guard::Any, vec![sort].into()).await;
    }
}

/// A row that was never written reads as none.
pub async fn what_was_never_written_is_not_there(store: Arc<dyn Store>) {
    assert_eq!(get(&*store, &key(1, 1)).await, None);
    put(&*store, &key(1, 2), Guard::Absent, text("a neighbour")).await;
    assert_eq!(get(&*store, &key(1, 1)).await, None);
}

/// `Absent` holds only where there is no row.
pub async fn absent_writes_only_where_nothing_is(store: Arc<dyn Store>) {
    let version = put(&*store, &key(1, 1), Guard::Absent, text("first")).await;
    assert_eq!(write(&*store, &key(1, 1), Guard::Absent, text("second")).await, Outcome::Conflict);
    assert_eq!(get(&*store, &key(1, 1)).await, Some(Row { version, value: text("first") }));
}

/// `At` holds only at the version that the row has.
pub async fn at_writes_only_over_the_version_it_saw(store: Arc<dyn Store>) {
    let first = put(&*store, &key(1, 1), Guard::Absent, text("first")).await;
    let second = put(&*store, &key(1, 1), Guard::At(first), text("second")).await;
    assert_eq!(write(&*store, &key(1, 1), Guard::At(first), text("late")).await, Outcome::Conflict);
    let ahead = Version(second.0 + 1);
    assert_eq!(write(&*store, &key(1, 1), Guard::At(ahead), text("early")).await, Outcome::Conflict);
    assert_eq!(write(&*store, &key(1, 2), Guard::At(first), text("none there")).await, Outcome::Conflict);
    assert_eq!(get(&*store, &key(1, 1)).await, Some(Row { version: second, value: text("second") }));
    assert_eq!(get(&*store, &key(1, 2)).await, None);
}

/// `Any` holds with and without a row.
pub async fn any_always_writes(store: Arc<dyn Store>) {
    let first = put(&*store, &key(1, 1), Guard::Any, text("first")).await;
    let second = put(&*store, &key(1, 1), Guard::Any, text("second")).await;
    assert!(second > first);
    assert_eq!(get(&*store, &key(1, 1)).await, Some(Row { version: second, value: text("second") }));
}

/// Each write's version is greater than any before it, whatever its guard and even if the value is the same.
pub async fn versions_grow_while_a_row_exists(store: Arc<dyn Store>) {
    let mut last = put(&*store, &key(1, 1), Guard::Absent, text("same")).await;
    for round in 0..20 {
        let guard = if round % 2 == 0 { Guard::At(last) } else { Guard::Any };
        let version = put(&*store, &key(1, 1), guard, text("same")).await;
        assert!(version > last, "{version:?} after {last:?}");
        last = version;
    }
}

/// A write or removal that conflicts leaves value and version as they were.
pub async fn a_conflict_changes_nothing(store: Arc<dyn Store>) {
    let first = put(&*store, &key(1, 1), Guard::Absent, text("first")).await;
    let second = put(&*store, &key(1, 1), Guard::At(first), text("second")).await;
    let before = get(&*store, &key(1, 1)).await;
    for guard in [Guard::Absent, Guard::At(first)] {
        assert_eq!(write(&*store, &key(1, 1), guard, text("no")).await, Outcome::Conflict);
    }
    assert_eq!(store.remove(&key(1, 1), first).await, Ok(Outcome::Conflict));
    assert_eq!(get(&*store, &key(1, 1)).await, before);
    put(&*store, &key(1, 1), Guard::At(second), text("the version still stands")).await;
}

/// Whoever reads after the answer sees the write, on whatever thread.
pub async fn a_read_sees_what_was_written_before_it(store: Arc<dyn Store>) {
    for round in 0..50_u8 {
        assert_eq!(get(&*store, &key(2, round)).await, None, "a miss, which an engine may remember");
        let version = put(&*store, &key(2, round), Guard::Absent, vec![round].into()).await;
        let elsewhere = Arc::clone(&store);
        let seen = tokio::spawn(async move { get(&*elsewhere, &key(2, round)).await }).await.expect("the task ends");
        assert_eq!(seen, Some(Row { version, value: vec![round].into() }));
    }
}

/// Readers beside a writer see versions that only grow, each with the value that was written under it.
pub async fn readers_never_go_back(store: Arc<dyn Store>) {
    const WRITES: u64 = 100;
    let first = put(&*store, &key(1, 1), Guard::Absent, 0_u64.to_be_bytes().to_vec().into()).await;
    let readers: Vec<_> = (0..4).map(|_| tokio::spawn(watch(Arc::clone(&store), WRITES))).collect();
    let mut last = first;
    for value in 1..=WRITES {
        last = put(&*store, &key(1, 1), Guard::At(last), value.to_be_bytes().to_vec().into()).await;
        tokio::task::yield_now().await;
    }
    for reader in readers {
        reader.await.expect("no reader went back");
    }
}

async fn watch(store: Arc<dyn Store>, until: u64) {
    let (mut version, mut value) = (Version(0), 0);
    while value < until {
        let row = get(&*store, &key(1, 1)).await.expect("the row is there");
        let seen = u64::from_be_bytes(row.value[..].try_into().expect("eight bytes"));
        assert!(row.version >= version && seen >= value, "{:?} {seen} after {version:?} {value}", row.version);
        assert_eq!(row.version == version, seen == value && version != Version(0), "a version has one value");
        (version, value) = (row.version, seen);
        tokio::task::yield_now().await;
    }
}

/// Of many writers that saw the same version, exactly one replaces the row.
pub async fn one_of_many_replacements_wins(store: Arc<dyn Store>) {
    for round in 0..10 {
        let version = put(&*store, &key(1, round), Guard::Absent, text("at first")).await;
        exactly_one_wins(&store, key(1, round), Guard::At(version)).await;
    }
}

/// Of many writers that saw no row, exactly one creates it.
pub async fn one_of_many_creations_wins(store: Arc<dyn Store>) {
    for round in 0..10 {
        exactly_one_wins(&store, key(1, round), Guard::Absent).await;
    }
}

async fn exactly_one_wins(store: &Arc<dyn Store>, key: Key, guard: Guard) {
    let attempt = |number: u8| {
        let (store, key) = (Arc::clone(store), key.clone());
        tokio::spawn(async move { (number, write(&*store, &key, guard, vec![number].into()).await) })
    };
    let attempts: Vec<_> = (0..16).map(attempt).collect();
    let mut winners = Vec::new();
    for attempt in attempts {
        if let (number, Outcome::Written(version)) = attempt.await.expect("the task ends") {
            winners.push(Row { version, value: vec![number].into() });
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(get(&**store, &key).await, winners.pop(), "the row is the winner's");
}

/// Counting up with reads and guarded writes from several threads counts every step.
pub async fn no_increment_is_lost(store: Arc<dyn Store>) {
    const TASKS: u64 = 8;
    const STEPS: u64 = 10;
    put(&*store, &key(1, 1), Guard::Absent, 0_u64.to_be_bytes().to_vec().into()).await;
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(count(Arc::clone(&store), STEPS))).collect();
    for task in tasks {
        task.await.expect("the task ends");
    }
    let row = get(&*store, &key(1, 1)).await.expect("the row is there");
    assert_eq!(row.value[..], (TASKS * STEPS).to_be_bytes());
}

async fn count(store: Arc<dyn Store>, steps: u64) {
    let mut done = 0;
    while done < steps {
        let row = get(&*store, &key(1, 1)).await.expect("the row is there");
        let value = u64::from_be_bytes(row.value[..].try_into().expect("eight bytes")) + 1;
        let outcome = write(&*store, &key(1, 1), Guard::At(row.version), value.to_be_bytes().to_vec().into()).await;
        done += u64::from(outcome != Outcome::Conflict);
    }
}

/// A removal happens only at the row's version, and says which version it removed.
pub async fn a_removal_needs_the_version(store: Arc<dyn Store>) {
    let first = put(&*store, &key(1, 1), Guard::Absent, text("first")).await;
    let second = put(&*store, &key(1, 1), Guard::At(first), text("second")).await;
    assert_eq!(store.remove(&key(1, 1), first).await, Ok(Outcome::Conflict));
    assert_eq!(store.remove(&key(1, 1), second).await, Ok(Outcome::Written(second)));
    assert_eq!(get(&*store, &key(1, 1)).await, None);
    assert_eq!(store.remove(&key(1, 1), second).await, Ok(Outcome::Conflict));
    assert_eq!(sorts(&*store, &partition(1), None, 9).await, NOTHING);
}

/// Where a row was removed one can be created, and what was aimed at the old one does not land unless versions meet.
pub async fn a_removed_row_can_come_back(store: Arc<dyn Store>) {
    let mut version = put(&*store, &key(1, 1), Guard::Absent, text("old")).await;
    version = put(&*store, &key(1, 1), Guard::At(version), text("older")).await;
    assert_eq!(store.remove(&key(1, 1), version).await, Ok(Outcome::Written(version)));
    assert_eq!(write(&*store, &key(1, 1), Guard::At(version), text("late")).await, Outcome::Conflict);
    let again = put(&*store, &key(1, 1), Guard::Absent, text("new")).await;
    assert_eq!(get(&*store, &key(1, 1)).await, Some(Row { version: again, value: text("new") }));
}

/// Rows come in order of their sort keys' bytes, a prefix before what it begins, however they were written.
pub async fn a_scan_is_ordered_by_sort_key(store: Arc<dyn Store>) {
    let ordered: [&[u8]; 7] = [&[], &[0], &[0, 0], &[0, 1], &[1], &[0x7f, 0xff], &[0xff; 40]];
    for place in [3, 6, 0, 5, 1, 4, 2] {
        put(&*store, &partition(1).row(ordered[place]), Guard::Absent, text("x")).await;
    }
    let rows = store.scan(&partition(1), None, 100).await.expect("the store answers");
    let seen: Vec<&[u8]> = rows.iter().map(|(sort, _)| &sort[..]).collect();
    assert_eq!(seen, ordered);
}

/// A scan goes on after a sort key, whether or not a row has it, and stops at the limit.
pub async fn a_scan_begins_after_and_ends_at_the_limit(store: Arc<dyn Store>) {
    fill(&*store, &partition(1), (1..=9).map(|sort| sort * 10)).await;
    assert_eq!(sorts(&*store, &partition(1), None, 0).await, NOTHING);
    assert_eq!(sorts(&*store, &partition(1), None, 3).await, [10, 20, 30]);
    assert_eq!(sorts(&*store, &partition(1), Some(30), 3).await, [40, 50, 60]);
    assert_eq!(sorts(&*store, &partition(1), Some(65), 3).await, [70, 80, 90]);
    assert_eq!(sorts(&*store, &partition(1), Some(75), u16::MAX).await, [80, 90]);
    assert_eq!(sorts(&*store, &partition(1), Some(90), 3).await, NOTHING);
}

/// A scan shows the same value and version as a read, also after a row was replaced or removed.
pub async fn a_scan_shows_what_a_read_shows(store: Arc<dyn Store>) {
    fill(&*store, &partition(1), 1..=3).await;
    put(&*store, &key(1, 2), Guard::Any, text("replaced")).await;
    let third = get(&*store, &key(1, 3)).await.expect("the row is there");
    store.remove(&key(1, 3), third.version).await.expect("the store answers");
    let rows = store.scan(&partition(1), None, 100).await.expect("the store answers");
    assert_eq!(rows.len(), 2);
    for (sort, row) in rows {
        assert_eq!(get(&*store, &partition(1).row(&sort)).await, Some(row));
    }
}

/// A scan shows nothing of the partitions beside it.
pub async fn a_scan_stays_in_its_partition(store: Arc<dyn Store>) {
    for number in [0, 1, 2, 0xfe, 0xff] {
        fill(&*store, &partition(number), [0, number, 0xff]).await;
    }
    for number in [0, 0xfe, 0xff] {
        let rows = store.scan(&partition(number), None, 100).await.expect("the store answers");
        assert!(rows.iter().all(|(sort, row)| sort[..] == row.value[..] && [0, number, 0xff].contains(&sort[0])));
        assert_eq!(rows.len(), if number == 0 || number == 0xff { 2 } else { 3 });
    }
    assert_eq!(sorts(&*store, &partition(3), None, 100).await, NOTHING);
}

/// The same partition and sort key in two tables are two rows. An empty partition is one, too.
pub async fn tables_are_apart(store: Arc<dyn Store>) {
    for table in Table::ALL {
        for bytes in [&[][..], &[7; 9]] {
            let place = Partition { table, bytes: bytes.iter().copied().collect() };
            put(&*store, &place.row(&[1]), Guard::Absent, vec![table as u8].into()).await;
        }
    }
    for table in Table::ALL {
        let nothing = Partition { table, bytes: [].into_iter().collect() };
        for place in [nothing, partition_of(table, 7)] {
            let rows = store.scan(&place, None, 100).await.expect("the store answers");
            assert_eq!(rows.len(), 1, "{place:?}");
            assert_eq!(rows[0].1.value[..], [table as u8]);
        }
    }
}

/// A purge removes every row of one partition, from reads and scans, and none of any other.
pub async fn a_purge_takes_one_partition(store: Arc<dyn Store>) {
    for number in [1, 2, 3] {
        fill(&*store, &partition(number), 0..=255).await;
    }
    let elsewhere = partition_of(Table::Ticket, 2);
    fill(&*store, &elsewhere, [1]).await;
    assert!(get(&*store, &key(2, 7)).await.is_some(), "a hit, which an engine may remember");
    store.purge(&partition(2)).await.expect("the store answers");
    assert_eq!(get(&*store, &key(2, 7)).await, None);
    assert_eq!(sorts(&*store, &partition(2), None, 999).await, NOTHING);
    for untouched in [partition(1), partition(3)] {
        assert_eq!(sorts(&*store, &untouched, None, 999).await.len(), 256);
    }
    assert_eq!(sorts(&*store, &elsewhere, None, 999).await, [1]);
}

/// Purging nothing is fine, and a purged partition can be written again.
pub async fn a_purge_can_be_repeated(store: Arc<dyn Store>) {
    store.purge(&partition(1)).await.expect("nothing to purge");
    fill(&*store, &partition(1), 1..=3).await;
    store.purge(&partition(1)).await.expect("purged");
    store.purge(&partition(1)).await.expect("purged again");
    fill(&*store, &partition(1), 2..=3).await;
    assert_eq!(sorts(&*store, &partition(1), None, 9).await, [2, 3]);
}

/// An empty value is a row, not its absence.
pub async fn values_may_be_empty(store: Arc<dyn Store>) {
    let version = put(&*store, &key(1, 1), Guard::Absent, Bytes::new()).await;
    assert_eq!(get(&*store, &key(1, 1)).await, Some(Row { version, value: Bytes::new() }));
    assert_eq!(write(&*store, &key(1, 1), Guard::Absent, text("x")).await, Outcome::Conflict);
    assert_eq!(sorts(&*store, &partition(1), None, 9).await, [1]);
}

/// A value of one MiB comes back whole, and is replaced like any other.
pub async fn values_may_be_large(store: Arc<dyn Store>) {
    let large = |seed: u32| Bytes::from((0..1 << 18).flat_map(|n: u32| (n ^ seed).to_le_bytes()).collect::<Vec<u8>>());
    let first = put(&*store, &key(1, 1), Guard::Absent, large(1)).await;
    assert_eq!(get(&*store, &key(1, 1)).await, Some(Row { version: first, value: large(1) }));
    let second = put(&*store, &key(1, 1), Guard::At(first), large(2)).await;
    assert_eq!(get(&*store, &key(1, 1)).await, Some(Row { version: second, value: large(2) }));
    put(&*store, &key(1, 1), Guard::At(second), text("small again")).await;
    let row = get(&*store, &key(1, 1)).await.expect("the row is there");
    assert_eq!(row.value, text("small again"));
}
