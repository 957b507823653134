//! What the unit tests of the operations stand on: a store of one map that counts its writes, a clock that stands still
//! until it is moved, and dice that count.

use super::Service;
use super::fetch::{Search, Sought};
use super::upsert::{Precondition, Write, Written};
use crate::error::Error;
use crate::id::{Identifier, OrgId, Region};
use crate::patch::{GroupPatch, Patch};
use crate::profile::attribute::Said;
use crate::rules::Rules;
use crate::store::{Guard, Outcome, Row, Store, StoreError, Version};
use crate::tables::{Key, Partition, Sort, Table};
use crate::time::{Clock, Entropy, Ms};
use crate::value::Scalar;
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// A store of one map.
#[derive(Default)]
pub(crate) struct Map {
    rows: Mutex<BTreeMap<Key, Row>>,
    writes: Mutex<Vec<Table>>,
    /// Writes that are still taken, if not all are.
    room: Mutex<Option<usize>>,
}

impl Map {
    /// The tables of the writes since the last call.
    pub(crate) fn writes(&self) -> Vec<Table> {
        std::mem::take(&mut self.writes.lock().expect("no test panics inside"))
    }

    /// Takes this many writes more, then none.
    pub(crate) fn fills_after(&self, writes: usize) {
        *self.room.lock().expect("no test panics inside") = Some(writes);
    }

    /// An older state in place of the present one.
    pub(crate) fn put_back(&self, rows: BTreeMap<Key, Row>) {
        *self.rows.lock().expect("no test panics inside") = rows;
    }

    /// All rows.
    pub(crate) fn rows(&self) -> BTreeMap<Key, Row> {
        self.rows.lock().expect("no test panics inside").clone()
    }
}

#[async_trait]
impl Store for Map {
    async fn read(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        Ok(self.rows.lock().expect("no test panics inside").get(key).cloned())
    }

    async fn write(&self, key: &Key, guard: Guard, value: Bytes) -> Result<Outcome, StoreError> {
        if let Some(room) = self.room.lock().expect("no test panics inside").as_mut() {
            *room = room.checked_sub(1).ok_or_else(|| StoreError::Unavailable("full".into()))?;
        }
        let mut rows = self.rows.lock().expect("no test panics inside");
        let now = rows.get(key).map(|row| row.version);
        let holds = match guard {
            Guard::Absent => now.is_none(),
            Guard::At(version) => now == Some(version),
            Guard::Any => true,
        };
        if !holds {
            return Ok(Outcome::Conflict);
        }
        let version = Version(now.map_or(1, |version| version.0 + 1));
        rows.insert(key.clone(), Row { version, value });
        self.writes.lock().expect("no test panics inside").push(key.partition.table);
        Ok(Outcome::Written(version))
    }

    async fn remove(&self, key: &Key, version: Version) -> Result<Outcome, StoreError> {
        self.rows.lock().expect("no test panics inside").remove(key);
        Ok(Outcome::Written(version))
    }

    async fn scan(
        &self,
        partition: &Partition,
        after: Option<&Sort>,
        limit: u16,
    ) -> Result<Vec<(Sort, Row)>, StoreError> {
        let rows = self.rows();
        let within = rows.into_iter().filter(|(key, _)| key.partition == *partition);
        let later = within.filter(|(key, _)| after.is_none_or(|after| key.sort > *after));
        Ok(later.take(limit.into()).map(|(key, row)| (key.sort, row)).collect())
    }

    async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
        self.rows.lock().expect("no test panics inside").retain(|key, _| key.partition != *partition);
        Ok(())
    }
}

/// A clock that stands still until it is moved.
pub(crate) struct Watch(AtomicU64);

impl Watch {
    pub(crate) fn advance(&self, by: Ms) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for Watch {
    fn now(&self) -> Ms {
        self.0.load(Ordering::Relaxed)
    }
}

/// Dice that count.
#[derive(Default)]
struct Dice(AtomicU64);

impl Entropy for Dice {
    fn bits(&self) -> u128 {
        let next = u128::from(self.0.fetch_add(1, Ordering::Relaxed));
        next << 100 | next
    }
}

/// A service over a map, at a known moment.
pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) store: Arc<Map>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) rules: Arc<Rules>,
}

/// When every test begins.
pub(crate) const START: Ms = 1_750_000_000_000;

/// The region of every test.
pub(crate) fn region() -> Region {
    "EU".parse().expect("EU is a region code")
}

impl World {
    pub(crate) fn new() -> Self {
        let (store, watch) = (Arc::new(Map::default()), Arc::new(Watch(AtomicU64::new(START))));
        let service = ready(Service::open(store.clone(), watch.clone(), Arc::new(Dice::default())));
        let world = Self { service: service.expect("the map never fails"), store, watch, rules: Arc::default() };
        world.store.writes();
        world
    }

    pub(crate) fn tenant(&self) -> super::Tenant<'_> {
        self.service.tenant(OrgId::new(7).expect("seven is an organisation"), self.rules.clone())
    }

    /// Writes a record a moment later.
    pub(crate) fn upsert(&self, write: &Write) -> Result<Written, Error> {
        self.watch.advance(10);
        ready(self.tenant().upsert(write))
    }

    /// What a search for one identifier shows.
    pub(crate) fn fetch(&self, kind: &str, value: &str) -> serde_json::Value {
        let sought = vec![Sought::Identifier(Identifier::new(kind, value).expect("a test's identifier fits"))];
        let search = Search { regions: vec![region()], sought, ..Search::default() };
        let found = ready(self.tenant().fetch(&search)).expect("the map never fails");
        serde_json::from_slice(&found.body).expect("an answer is JSON")
    }
}

/// A write of these identifiers, each `kind=value`.
pub(crate) fn record(identifiers: &[&str]) -> Write {
    let identifiers = identifiers.iter().map(|text| {
        let (kind, value) = text.split_once('=').expect("a test writes kind=value");
        Identifier::new(kind, value).expect("a test's identifier fits")
    });
    Write {
        region: region(),
        identifiers: identifiers.collect(),
        ucid: None,
        patch: Patch::default(),
        timestamp: None,
        source: "test".into(),
        request: "r".into(),
        idempotency: None,
        precondition: Precondition::None,
        strict: false,
    }
}

impl Write {
    /// Saying something of an attribute that is its own group.
    pub(crate) fn saying(mut self, name: &str, said: Said) -> Self {
        let members = GroupPatch::Members([(name.into(), said)].into());
        self.patch.groups.insert(name.into(), members);
        self
    }

    /// With a plain text.
    pub(crate) fn plain(self, name: &str, value: &str) -> Self {
        self.saying(name, Said::Plain(Scalar::from(value)))
    }
}

/// Runs a future that never waits.
pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("the map answers at once"),
    }
}

impl World {
    /// Where every identifier identifies, and several merge.
    pub(crate) fn literal() -> Self {
        Self { rules: Arc::new(Rules::literal()), ..Self::new() }
    }
}
