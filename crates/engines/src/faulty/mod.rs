//! A store that fails on purpose, around any other: for tests and the simulator, never for production.
//!
//! What happens to a call is decided by a [`Chooser`], one call at a time, so that a run can be repeated exactly: there
//! is no clock, no thread and no dice here but the seed. Which faults there are, and who chooses, is in `choose`.

mod choose;

pub use choose::{Call, CallKind, Chooser, Fault, FaultPlan, Seeded};

use async_trait::async_trait;
use bytes::Bytes;
use onefold_core::store::{Guard, Outcome, Row, Store, StoreError, Version};
use onefold_core::tables::{Key, Partition, Sort};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Writes that may wait to be applied late. When one more comes, the oldest is applied first.
pub const LIMBO: usize = 64;

/// On which side of a call everything stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    /// The call is not done any more.
    Before,
    /// The call is still done, but its answer is lost.
    After,
}

/// A store whose calls may fail in every way that the contract allows.
///
/// Cheap to clone: clones share the store, the chooser, the limbo and the stop.
#[derive(Clone)]
pub struct Faulty {
    inner: Arc<dyn Store>,
    state: Arc<Mutex<State>>,
}

struct State {
    chooser: Box<dyn Chooser>,
    limbo: VecDeque<Late>,
    /// Calls so far, those that were refused included.
    calls: u64,
    /// The call at which to stop, if one is set.
    stop: Option<(u64, Edge)>,
    stopped: bool,
}

/// What was answered with "unknown" and may yet be applied, if its guard still holds then.
enum Late {
    Write(Key, Guard, Bytes),
    Remove(Key, Version),
}

/// What is to be done with the call at hand.
enum Course {
    /// As if nothing were wrong.
    Go,
    /// Not now and not later.
    Refuse,
    /// Neither done nor told so.
    Forget,
    /// Done, but the caller does not learn it.
    Lose,
    /// Not now, perhaps later.
    Delay,
}

impl Faulty {
    /// Fails as a plan says, with this seed. [`FaultPlan::default`] never fails.
    pub fn new(inner: Arc<dyn Store>, seed: u64, plan: FaultPlan) -> Self {
        Self::chosen(inner, Seeded::new(seed, plan))
    }

    /// Fails as a chooser says; a closure `FnMut(&Call<'_>) -> Fault` is one.
    pub fn chosen(inner: Arc<dyn Store>, chooser: impl Chooser + 'static) -> Self {
        let state = State { chooser: Box::new(chooser), limbo: VecDeque::new(), calls: 0, stop: None, stopped: false };
        Self { inner, state: Arc::new(Mutex::new(state)) }
    }

    /// From now on another chooser decides.
    pub fn choose_by(&self, chooser: impl Chooser + 'static) {
        self.state().chooser = Box::new(chooser);
    }

    /// Calls so far, those that were refused included.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Lets `more` calls pass, and stops before or after the one that follows: from then on everything is
    /// unavailable. `stop_at(0, Edge::Before)` stops at once. Replaces an earlier stop that has not come yet.
    pub fn stop_at(&self, more: u64, edge: Edge) {
        let mut state = self.state();
        state.stop = Some((state.calls.saturating_add(more), edge));
    }

    /// Takes back any stop, whether it has come or not. Calls are served again; what is in limbo stays there.
    pub fn resume(&self) {
        let mut state = self.state();
        state.stop = None;
        state.stopped = false;
    }

    /// Whether a stop has come.
    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// Writes that wait to be applied late, at most [`LIMBO`].
    pub fn limbo(&self) -> usize {
        self.state().limbo.len()
    }

    /// Applies everything in limbo now, oldest first, each under its guard. Returns how many of them landed. Stopped or
    /// not makes no difference: what is in limbo has left the caller's hands.
    ///
    /// # Errors
    /// Those of the store beneath; what was not tried then stays in limbo.
    pub async fn settle_limbo(&self) -> Result<usize, StoreError> {
        let mut landed = 0;
        for _ in 0..self.limbo() {
            landed += usize::from(self.settle(0).await?);
        }
        Ok(landed)
    }

    /// Applies one entry of the limbo, if it is there; says whether it landed.
    async fn settle(&self, index: usize) -> Result<bool, StoreError> {
        let late = self.state().limbo.remove(index);
        let outcome = match late {
            Some(Late::Write(key, guard, value)) => self.inner.write(&key, guard, value).await?,
            Some(Late::Remove(key, version)) => self.inner.remove(&key, version).await?,
            None => Outcome::Conflict,
        };
        Ok(outcome != Outcome::Conflict)
    }

    /// What has to happen before a call and to it. No lock is held when this returns.
    async fn course(&self, kind: CallKind, partition: &Partition, sort: Option<&Sort>) -> Result<Course, StoreError> {
        let (late, course) = self.state().decide(kind, partition, sort);
        if let Some(index) = late {
            self.settle(index).await?;
        }
        Ok(course)
    }

    /// Runs a read, a scan or a purge, which are never late: a read has no effect, and a purge may be repeated.
    async fn answer<T>(
        &self,
        course: Course,
        done: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match course {
            Course::Go => done.await,
            Course::Refuse => Err(refused()),
            Course::Forget => Err(unknown()),
            Course::Lose | Course::Delay => done.await.and(Err(unknown())),
        }
    }

    /// Runs a guarded change, or keeps it for later.
    async fn change(&self, course: Course, late: Late) -> Result<Outcome, StoreError> {
        match course {
            Course::Refuse => return Err(refused()),
            Course::Forget => return Err(unknown()),
            Course::Delay => return self.delay(late).await,
            Course::Go | Course::Lose => {}
        }
        let outcome = match late {
            Late::Write(key, guard, value) => self.inner.write(&key, guard, value).await?,
            Late::Remove(key, version) => self.inner.remove(&key, version).await?,
        };
        if matches!(course, Course::Lose) { Err(unknown()) } else { Ok(outcome) }
    }

    async fn delay(&self, late: Late) -> Result<Outcome, StoreError> {
        if self.limbo() >= LIMBO {
            self.settle(0).await?;
        }
        self.state().limbo.push_back(late);
        Err(unknown())
    }

    /// The state. A panic of another holder leaves nothing half done that matters to a test.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Which entry of the limbo lands before this call, and what becomes of the call.
    fn decide(&mut self, kind: CallKind, partition: &Partition, sort: Option<&Sort>) -> (Option<usize>, Course) {
        let number = self.calls;
        self.calls += 1;
        if let Some(course) = self.stopping(number) {
            return (None, course);
        }
        let waiting = self.limbo.len();
        let late = if waiting == 0 { None } else { self.chooser.lands(waiting) };
        let fault = self.chooser.choose(&Call { number, kind, partition, sort });
        (late, self.course(fault, kind))
    }

    /// What a stop that was set, or has come, makes of call `number`.
    fn stopping(&mut self, number: u64) -> Option<Course> {
        if self.stopped {
            return Some(Course::Refuse);
        }
        let (at, edge) = self.stop?;
        if number < at {
            return None;
        }
        self.stopped = true;
        Some(if edge == Edge::Before { Course::Refuse } else { Course::Lose })
    }

    fn course(&mut self, fault: Fault, kind: CallKind) -> Course {
        self.stopped |= matches!(fault, Fault::StopBefore | Fault::StopAfter);
        match fault {
            Fault::None => Course::Go,
            Fault::Refuse | Fault::StopBefore => Course::Refuse,
            // A read that fails is never half done.
            _ if !kind.changes() => Course::Refuse,
            Fault::Forget => Course::Forget,
            Fault::LoseAnswer | Fault::StopAfter => Course::Lose,
            Fault::Late => Course::Delay,
        }
    }
}

fn refused() -> StoreError {
    StoreError::Unavailable("refused on purpose".into())
}

fn unknown() -> StoreError {
    StoreError::Unknown("answer withheld on purpose".into())
}

#[async_trait]
impl Store for Faulty {
    async fn read(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        let course = self.course(CallKind::Read, &key.partition, Some(&key.sort)).await?;
        self.answer(course, self.inner.read(key)).await.map_err(only_unavailable)
    }

    async fn write(&self, key: &Key, guard: Guard, value: Bytes) -> Result<Outcome, StoreError> {
        let course = self.course(CallKind::Write(guard), &key.partition, Some(&key.sort)).await?;
        self.change(course, Late::Write(key.clone(), guard, value)).await
    }

    async fn remove(&self, key: &Key, version: Version) -> Result<Outcome, StoreError> {
        let course = self.course(CallKind::Remove(version), &key.partition, Some(&key.sort)).await?;
        self.change(course, Late::Remove(key.clone(), version)).await
    }

    async fn scan(
        &self,
        partition: &Partition,
        after: Option<&Sort>,
        limit: u16,
    ) -> Result<Vec<(Sort, Row)>, StoreError> {
        let course = self.course(CallKind::Scan, partition, None).await?;
        self.answer(course, self.inner.scan(partition, after, limit)).await.map_err(only_unavailable)
    }

    async fn purge(&self, partition: &Partition) -> Result<(), StoreError> {
        let course = self.course(CallKind::Purge, partition, None).await?;
        self.answer(course, self.inner.purge(partition)).await
    }
}

/// A read whose answer was lost by a stop is just unavailable: reads have no effect that could be in doubt.
fn only_unavailable(error: StoreError) -> StoreError {
    match error {
        StoreError::Unknown(why) => StoreError::Unavailable(why),
        other => other,
    }
}

#[cfg(test)]
mod tests;
