//! The world of a history: several services over one store that fails, between layers that make every call a step of
//! the schedule and show every row that is written to the checks.
//!
//! ```text
//! Service … Service ──▶ Gate (one call a step) ──▶ Faulty ──▶ Watched (shows what lands) ──▶ Memory
//! ```

use crate::config::Config;
use crate::hub::{Hub, NodeClock, SeededEntropy, Shared, Turn, hub};
use crate::ops::{REGIONS, Realm};
use async_trait::async_trait;
use bytes::Bytes;
use onefold_core::defect::Defect;
use onefold_core::error::Error;
use onefold_core::org::{OrgLimits, WriteAnswer};
use onefold_core::service::Service;
use onefold_core::service::orgs::NewOrg;
use onefold_core::service::strategy::BlockedValues;
use onefold_core::store::{Guard, Outcome, Row, Store, StoreError, Version};
use onefold_core::tables::{Key, Partition, Sort};
use onefold_engines::faulty::{Call, Chooser, Fault};
use onefold_engines::{Faulty, Memory};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// Several services over one store.
pub(crate) struct World {
    pub(crate) shared: Shared,
    pub(crate) memory: Arc<Memory>,
    pub(crate) faulty: Faulty,
    pub(crate) services: Vec<Arc<Service>>,
}

impl World {
    /// Opens a service for each node.
    pub(crate) fn new(state: Hub, defect: Option<Defect>, config: &Config) -> Self {
        let nodes = state.skew.len();
        let shared: Shared = Arc::new(Mutex::new(state));
        let memory = Arc::new(Memory::new());
        let watched = Watched { inner: Arc::clone(&memory), shared: Arc::clone(&shared) };
        let faulty = Faulty::chosen(Arc::new(watched), Chosen(Arc::clone(&shared)));
        let store: Arc<dyn Store> = Arc::new(Gate { inner: faulty.clone(), shared: Arc::clone(&shared) });
        let open = |node| {
            let clock = Arc::new(NodeClock { shared: Arc::clone(&shared), node });
            let entropy = Arc::new(SeededEntropy(Arc::clone(&shared)));
            let service = at_once(Service::open(Arc::clone(&store), clock, entropy)).expect("nothing fails yet");
            Arc::new(match defect {
                Some(defect) => service.with_defect(defect),
                None => service,
            })
        };
        let services: Vec<Arc<Service>> = (0..nodes).map(open).collect();
        at_once(define(&services[0], config)).expect("nothing fails yet");
        Self { shared, memory, faulty, services }
    }
}

/// The organisations and their rules, as the sweeper reads them.
async fn define(service: &Service, config: &Config) -> Result<(), Error> {
    for number in 0..config.orgs {
        let id = Realm { org: number as u8, region: 0 }.org_id();
        let regions = REGIONS.iter().map(|code| code.parse().expect("these are regions")).collect();
        let (limits, write_answer) = (OrgLimits::default(), WriteAnswer::default());
        service.create_org(NewOrg { id: Some(id), name: "sim".into(), regions, limits, write_answer }).await?;
        service.set_strategy(id, config.rules.strategy.mode.clone()).await?;
        let patterns = config.blocked.clone();
        service.set_blocked_values(id, &BlockedValues { values: Vec::new(), patterns }).await?;
    }
    Ok(())
}

/// Runs to its end what never has to wait: calls of the harness itself.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    for _ in 0..1_000_000 {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
    unreachable!("nothing that the harness does waits for anybody")
}

/// Makes each call wait for its turn, and writes it down.
struct Gate {
    inner: Faulty,
    shared: Shared,
}

impl Gate {
    /// Waits, and says who calls.
    async fn turn(&self) -> usize {
        Turn::new(&self.shared).await;
        let mut hub = hub(&self.shared);
        let op = hub.current;
        hub.calls[op] += 1;
        op
    }

    fn tell(&self, op: usize, what: &str, key: &Key, value: Option<&Bytes>, answer: &dyn std::fmt::Debug) {
        let mut hub = hub(&self.shared);
        let Hub { trace, check, .. } = &mut *hub;
        trace.word(op as u64);
        trace.take(&key.partition.bytes);
        trace.take(value.map_or(&[], |value| value));
        trace.line(|| {
            let row = value.map(|value| check.describe(key, value)).unwrap_or_default();
            format!("  {op}: {what} {} {row} => {answer:?}", check.name(key))
        });
    }
}

#[async_trait]
impl Store for Gate {
    async fn read(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        let op = self.turn().await;
        let row = self.inner.read(key).await;
        let answer = row.as_ref().map(|row| row.as_ref().map(|row| row.version.0)).map_err(name_of);
        self.tell(op, "read", key, row.as_ref().ok().and_then(|row| row.as_ref().map(|row| &row.value)), &answer);
        row
    }

    async fn write(&self, key: &Key, guard: Guard, value: Bytes) -> Result<Outcome, StoreError> {
        let op = self.turn().await;
        hub(&self.shared).check.sends(op, key, &value);
        let outcome = self.inner.write(key, guard, value.clone()).await;
        let twice = {
            let mut hub = hub(&self.shared);
            hub.writes[op] += u32::from(matches!(outcome, Ok(Outcome::Written(_))));
            hub.twice
        };
        if twice {
            // Nobody waits for the answer to the second: it must do no harm.
            let _second = self.inner.write(key, guard, value.clone()).await;
        }
        self.tell(op, &format!("write {guard:?}"), key, Some(&value), &outcome.as_ref().map_err(name_of));
        outcome
    }

    async fn remove(&self, key: &Key, version: Version) -> Result<Outcome, StoreError> {
        let op = self.turn().await;
        let outcome = self.inner.remove(key, version).await;
        self.tell(op, "remove", key, None, &outcome.as_ref().map_err(name_of));
        outcome
    }

    async fn scan(
        &self,
        partition: &Partition,
        after: Option<&Sort>,
        limit: u16,
    ) -> Result<Vec<(Sort, Row)>, StoreError> {
        self.turn().await;
        self.inner.scan(partition, after, limit).await
    }

    async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
        self.turn().await;
        self.inner.purge(partition).await
    }
}

fn name_of(error: &StoreError) -> &'static str {
    match error {
        StoreError::Unavailable(_) => "unavailable",
        StoreError::Unknown(_) => "unknown",
        StoreError::Corrupt(_) => "corrupt",
    }
}

/// Asks the schedule what goes wrong.
struct Chosen(Shared);

impl Chooser for Chosen {
    fn choose(&mut self, call: &Call<'_>) -> Fault {
        let mut hub = hub(&self.0);
        let op = hub.current;
        if hub.is_calm() {
            return Fault::None;
        }
        let number = hub.calls[op];
        let fault = hub.scheduler.fault(op, number, call.kind.changes());
        hub.trace.word(fault as u64);
        fault
    }

    fn lands(&mut self, waiting: usize) -> Option<usize> {
        let mut hub = hub(&self.0);
        let (op, calm) = (hub.current, hub.is_calm());
        let number = hub.calls[op];
        if calm { None } else { hub.scheduler.lands(op, number, waiting) }
    }
}

/// Shows every row that is really written to the checks.
struct Watched {
    inner: Arc<Memory>,
    shared: Shared,
}

#[async_trait]
impl Store for Watched {
    async fn read(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        self.inner.read(key).await
    }

    async fn write(&self, key: &Key, guard: Guard, value: Bytes) -> Result<Outcome, StoreError> {
        let outcome = self.inner.write(key, guard, value.clone()).await;
        if let Ok(Outcome::Written(_)) = outcome {
            hub(&self.shared).check.lands(key, &value);
        }
        outcome
    }

    async fn remove(&self, key: &Key, version: Version) -> Result<Outcome, StoreError> {
        let outcome = self.inner.remove(key, version).await;
        if let Ok(Outcome::Written(_)) = outcome {
            hub(&self.shared).check.goes(key);
        }
        outcome
    }

    async fn scan(
        &self,
        partition: &Partition,
        after: Option<&Sort>,
        limit: u16,
    ) -> Result<Vec<(Sort, Row)>, StoreError> {
        self.inner.scan(partition, after, limit).await
    }

    async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
        self.inner.purge(partition).await
    }
}
