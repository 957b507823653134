//! Rows in memory, hits and misses alike, bounded by bytes. A hot read ends here, under a microsecond.
//!
//! Two write to it: readers, who fill in what they found in a tree, and the committer, who publishes what it has made
//! durable. What a row is in the cache is never older than what the committer published last. That rests on this: a
//! reader takes a *place* before it looks into the tree, publishing takes the place away, and a place that was taken
//! away cannot be filled. So whoever filled in saw the tree after the last publication.

use onefold_core::store::{Row, Version};
use onefold_core::tables::Key;
use quick_cache::sync::{Cache, DefaultLifecycle, PlaceholderGuard};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// What is known of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cached {
    /// This is it.
    Row(Row),
    /// There is none.
    Absent,
    /// It is too large to be kept here: look into the tree.
    TooLarge,
}

/// Bytes that an entry takes beside its value: key, row, and the cache's own links and table.
const ENTRY_BYTES: u64 = 256;

/// Rows that are larger than this share of one shard would drive out too much, and beyond its bulk could not be kept.
const LARGEST_SHARE: u64 = 8;

#[derive(Clone)]
struct ByBytes;

impl Weighter<Key, Cached> for ByBytes {
    fn weight(&self, _: &Key, cached: &Cached) -> u64 {
        match cached {
            Cached::Row(row) => ENTRY_BYTES + row.value.len() as u64,
            Cached::Absent | Cached::TooLarge => ENTRY_BYTES,
        }
    }
}

/// The cache of one engine.
pub(super) struct RowCache {
    rows: Cache<Key, Cached, ByBytes>,
    largest: u64,
}

/// The right to fill in one row, until someone publishes it. Dropped unused, it passes to the next who waits for it.
pub(super) struct Place<'a> {
    place: PlaceholderGuard<'a, Key, Cached, ByBytes, DefaultHashBuilder, DefaultLifecycle<Key, Cached>>,
    largest: u64,
}

impl RowCache {
    /// A cache of about this many bytes. With less than a few KiB it keeps next to nothing, and still works.
    pub(super) fn new(bytes: u64) -> Self {
        // Threads must not queue for one lock, and each part must be able to hold many rows.
        let shards = (bytes >> 20).clamp(1, 64);
        let items = usize::try_from(bytes / 1024).unwrap_or(usize::MAX).max(1);
        let mut options = OptionsBuilder::new();
        options.shards(shards as usize).weight_capacity(bytes).estimated_items_capacity(items);
        let options = options.build().expect("capacity and size are given, which is all that is asked for");
        let rows = Cache::with_options(options, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        let largest = rows.shard_capacity() / LARGEST_SHARE;
        Self { rows, largest }
    }

    /// What is known of a row.
    pub(super) fn get(&self, key: &Key) -> Option<Cached> {
        self.rows.get(key)
    }

    /// What the committer knows of a row's version without looking into a tree. Does not count as a use.
    pub(super) fn version(&self, key: &Key) -> Option<Option<Version>> {
        match self.rows.peek(key)? {
            Cached::Row(row) => Some(Some(row.version)),
            Cached::Absent => Some(None),
            Cached::TooLarge => None,
        }
    }

    /// What is known of a row, or the right to find out. Whoever comes while another finds out waits for what that one
    /// finds. If each went to the tree on its own, one could find what the committer has just written, and another,
    /// later, be given the older row that a third has filled in meanwhile: time would seem to run backwards.
    pub(super) async fn get_or_place(&self, key: &Key) -> Result<Cached, Place<'_>> {
        let found = self.rows.get_value_or_guard_async(key).await;
        found.map_err(|place| Place { place, largest: self.largest })
    }

    /// What a row is from now on, or that it is gone. Only for the committer, and only after it is durable.
    pub(super) fn publish(&self, key: Key, row: Option<Row>) {
        // Always an insertion of something that fits: one that does not fit would leave a reader's place standing, and
        // what that reader found before would then be filled in after.
        self.rows.insert(key, fitting(row, self.largest));
    }

    /// Bytes in it, as it counts them.
    pub(super) fn bytes(&self) -> u64 {
        self.rows.weight()
    }
}

impl Place<'_> {
    /// Fills in what the tree had, unless the row was published meanwhile.
    pub(super) fn fill(self, row: Option<Row>) {
        let _published_meanwhile = self.place.insert(fitting(row, self.largest));
    }
}

fn fitting(row: Option<Row>, largest: u64) -> Cached {
    match row {
        None => Cached::Absent,
        Some(row) if row.value.len() as u64 > largest => Cached::TooLarge,
        Some(row) => Cached::Row(row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{key, text};
    use bytes::Bytes;

    fn row(version: u64, value: Bytes) -> Option<Row> {
        Some(Row { version: Version(version), value })
    }

    /// A reader's place for `key(1, 1)`, where nothing is known yet.
    async fn place(cache: &RowCache) -> Place<'_> {
        cache.get_or_place(&key(1, 1)).await.expect_err("nothing is known yet")
    }

    #[tokio::test]
    async fn what_is_filled_in_is_found() {
        let cache = RowCache::new(1 << 20);
        place(&cache).await.fill(row(1, text("found")));
        assert_eq!(cache.get(&key(1, 1)), row(1, text("found")).map(Cached::Row));
        assert_eq!(cache.version(&key(1, 1)), Some(Some(Version(1))));
    }

    #[tokio::test]
    async fn a_fill_does_not_replace_what_was_published_meanwhile() {
        let cache = RowCache::new(1 << 20);
        let slow_reader = place(&cache).await;
        cache.publish(key(1, 1), row(2, text("newer")));
        slow_reader.fill(row(1, text("older")));
        assert_eq!(cache.get(&key(1, 1)), row(2, text("newer")).map(Cached::Row));
    }

    #[tokio::test]
    async fn a_fill_does_not_bring_back_a_removed_row() {
        let cache = RowCache::new(1 << 20);
        let slow_reader = place(&cache).await;
        cache.publish(key(1, 1), None);
        slow_reader.fill(row(1, text("older")));
        assert_eq!(cache.get(&key(1, 1)), Some(Cached::Absent));
    }

    #[tokio::test]
    async fn a_fill_does_not_replace_a_newer_row_that_is_too_large_to_keep() {
        let cache = RowCache::new(1 << 20);
        let slow_reader = place(&cache).await;
        cache.publish(key(1, 1), row(2, Bytes::from(vec![0; 1 << 20])));
        slow_reader.fill(row(1, text("older")));
        assert_eq!(cache.get(&key(1, 1)), Some(Cached::TooLarge));
        assert_eq!(cache.version(&key(1, 1)), None);
    }

    #[tokio::test]
    async fn a_place_that_was_given_up_passes_on() {
        let cache = RowCache::new(1 << 20);
        let place_of_one = place(&cache).await;
        let wanted = key(1, 1);
        let mut other = Box::pin(cache.get_or_place(&wanted));
        let waits = tokio::time::timeout(std::time::Duration::from_millis(10), &mut other).await;
        assert!(waits.is_err(), "one finds out, the other waits");
        drop(place_of_one);
        other.await.expect_err("it is the other's turn").fill(None);
        assert_eq!(cache.get(&key(1, 1)), Some(Cached::Absent));
    }

    #[test]
    fn it_stays_within_its_bytes() {
        for bytes in [0, 4 << 10, 1 << 20, 8 << 20] {
            let cache = RowCache::new(bytes);
            for number in 0..20_000_u32 {
                let key = onefold_core::tables::ops(unique_org(number), 1).row(&[1]);
                cache.publish(key, row(1, Bytes::from(vec![0; 1000])));
            }
            assert!(cache.bytes() <= bytes, "{} of {bytes}", cache.bytes());
            assert!(cache.bytes() >= bytes / 2 || bytes < 1 << 20, "{} of {bytes}", cache.bytes());
        }
    }

    fn unique_org(number: u32) -> onefold_core::id::OrgId {
        onefold_core::id::OrgId::new(u64::from(number) + 1).expect("an organisation's number")
    }
}
