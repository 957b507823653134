//! Rounds: that many share one, that readers do not see one before it is durable, and what a failed one means.

use super::*;
use crate::embedded::health::DISK_FULL;
use onefold_core::store::StoreError;
use std::sync::mpsc;
use std::time::Duration;

/// A committer that is held up before each sync until it is let go, or for five seconds: a test that fails must end.
struct Held {
    arrived: mpsc::Receiver<()>,
    go: mpsc::Sender<io::Result<()>>,
}

impl Held {
    fn new(store: &Embedded) -> Self {
        let ((tell, arrived), (go, wait)) = (mpsc::channel(), mpsc::channel());
        let callback = move || {
            let _test_over = tell.send(());
            wait.recv_timeout(Duration::from_secs(5)).unwrap_or(Ok(()))
        };
        store.trees().expect("open").before_sync.set(callback);
        Self { arrived, go }
    }

    /// Waits until the committer is about to sync a round.
    fn wait(&self) {
        self.arrived.recv_timeout(Duration::from_secs(10)).expect("a round comes");
    }

    fn let_go(&self, result: io::Result<()>) {
        self.go.send(result).expect("the committer waits");
    }
}

type Answer = tokio::task::JoinHandle<Result<Outcome, StoreError>>;

fn begin(store: &Arc<Embedded>, sort: u8, guard: Guard, value: &'static str) -> Answer {
    let store = Arc::clone(store);
    tokio::spawn(async move { store.write(&key(1, sort), guard, text(value)).await })
}

/// Waits until as many messages stand in the queue.
async fn queued(store: &Embedded, count: usize) {
    for _ in 0..10_000 {
        if store.queue().max_capacity() - store.queue().capacity() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    unreachable!("{count} messages come within ten seconds");
}

async fn answer(answer: Answer) -> Result<Outcome, StoreError> {
    answer.await.expect("the task ends")
}

#[tokio::test]
async fn writers_that_wait_share_one_sync() {
    let (store, _dir) = fresh();
    let held = Held::new(&store);
    let first = begin(&store, 0, Guard::Absent, "first");
    held_by(&held).await;
    let others: Vec<_> = (1..=100).map(|sort| begin(&store, sort, Guard::Absent, "other")).collect();
    queued(&store, 100).await;
    held.let_go(Ok(()));
    held.let_go(Ok(()));
    for write in others.into_iter().chain([first]) {
        assert_eq!(answer(write).await, Ok(Outcome::Written(Version(1))));
    }
    let stats = store.stats();
    assert_eq!((stats.commits, stats.writes, stats.conflicts), (2, 101, 0));
}

/// The wait on another thread, so that the test's own tasks go on.
async fn held_by(held: &Held) {
    tokio::task::yield_now().await;
    held.wait();
}

#[tokio::test]
async fn a_conflict_alone_costs_no_sync() {
    let (store, _dir) = fresh();
    put(&*store, &key(1, 1), Guard::Absent, text("there")).await;
    let before = store.stats();
    assert_eq!(store.write(&key(1, 1), Guard::Absent, text("x")).await, Ok(Outcome::Conflict));
    assert_eq!(store.stats().commits, before.commits);
    assert_eq!(store.stats().conflicts, 1);
}

#[tokio::test]
async fn readers_do_not_see_what_is_not_durable() {
    for cache_bytes in [0, 8 << 20] {
        let (store, _dir) = fresh_with(EmbeddedOptions { cache_bytes, ..quick() });
        put(&*store, &key(1, 1), Guard::Absent, text("old")).await;
        let held = Held::new(&store);
        let replaced = begin(&store, 1, Guard::Any, "new");
        held_by(&held).await;
        let created = begin(&store, 2, Guard::Absent, "new");
        queued(&store, 1).await;
        assert_eq!(get(&*store, &key(1, 1)).await.map(|row| row.value), Some(text("old")));
        assert_eq!(get(&*store, &key(1, 2)).await, None);
        let seen = store.scan(&partition(1), None, 9).await.expect("scanned");
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].1.value, text("old"));
        assert!(!replaced.is_finished() && !created.is_finished(), "no answer before the sync");
        held.let_go(Ok(()));
        held.let_go(Ok(()));
        assert_eq!(answer(replaced).await, Ok(Outcome::Written(Version(2))));
        assert_eq!(answer(created).await, Ok(Outcome::Written(Version(1))));
        assert_eq!(get(&*store, &key(1, 1)).await.map(|row| row.value), Some(text("new")));
    }
}

#[tokio::test]
async fn a_later_write_of_a_round_is_judged_by_the_earlier() {
    let (store, dir) = fresh();
    let held = Held::new(&store);
    let first = begin(&store, 0, Guard::Absent, "holds the committer up");
    held_by(&held).await;
    let mut round = Vec::new();
    let guards = [Guard::Absent, Guard::Absent, Guard::At(Version(1)), Guard::At(Version(1)), Guard::Any];
    for (place, guard) in guards.into_iter().enumerate() {
        round.push(begin(&store, 1, guard, ["a", "b", "c", "d", "e"][place]));
        queued(&store, round.len()).await;
    }
    held.let_go(Ok(()));
    held.let_go(Ok(()));
    let mut outcomes = Vec::new();
    for write in round {
        outcomes.push(answer(write).await.expect("answered"));
    }
    let written = |version| Outcome::Written(Version(version));
    assert_eq!(outcomes, [written(1), Outcome::Conflict, written(2), Outcome::Conflict, written(3)]);
    assert!(answer(first).await.is_ok());
    assert_eq!(store.stats().commits, 2, "all in one round");
    store.close().await;
    let row = get(&*open(dir.path()), &key(1, 1)).await;
    assert_eq!(row, Some(Row { version: Version(3), value: text("e") }), "the last of them is in the tree");
}

#[tokio::test]
async fn a_removal_and_a_creation_share_a_round() {
    let (store, dir) = fresh();
    put(&*store, &key(1, 1), Guard::Absent, text("old")).await;
    let held = Held::new(&store);
    let first = begin(&store, 0, Guard::Absent, "holds the committer up");
    held_by(&held).await;
    let remover = Arc::clone(&store);
    let removed = tokio::spawn(async move { remover.remove(&key(1, 1), Version(1)).await });
    queued(&store, 1).await;
    let late = begin(&store, 1, Guard::At(Version(1)), "late");
    queued(&store, 2).await;
    let created = begin(&store, 1, Guard::Absent, "new");
    queued(&store, 3).await;
    held.let_go(Ok(()));
    held.let_go(Ok(()));
    assert_eq!(answer(removed).await, Ok(Outcome::Written(Version(1))));
    assert_eq!(answer(late).await, Ok(Outcome::Conflict));
    assert_eq!(answer(created).await, Ok(Outcome::Written(Version(1))));
    assert!(answer(first).await.is_ok());
    store.close().await;
    assert_eq!(get(&*open(dir.path()), &key(1, 1)).await.map(|row| row.value), Some(text("new")));
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_written_until_a_restart() {
    let (store, dir) = fresh();
    put(&*store, &key(1, 1), Guard::Absent, text("old")).await;
    put(&*store, &key(2, 1), Guard::Absent, text("elsewhere")).await;
    let held = Held::new(&store);
    let failing = begin(&store, 1, Guard::Any, "new");
    held_by(&held).await;
    let behind = begin(&store, 2, Guard::Absent, "behind it in the queue");
    queued(&store, 1).await;
    held.let_go(Err(io::ErrorKind::StorageFull.into()));

    assert_eq!(answer(failing).await, Err(StoreError::Unknown(DISK_FULL.into())));
    assert!(matches!(answer(behind).await, Err(StoreError::Unavailable(why)) if why.contains(DISK_FULL)));
    assert!(matches!(store.write(&key(9, 9), Guard::Any, text("x")).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.remove(&key(2, 1), Version(1)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.health(), Err(StoreError::Unavailable(why)) if why.contains(DISK_FULL)));
    assert_eq!(get(&*store, &key(1, 1)).await.map(|row| row.value), Some(text("old")), "reads go on");
    assert_eq!(get(&*store, &key(7, 7)).await, None, "also where a tree is asked");
    assert_eq!(store.scan(&partition(2), None, 9).await.map(|rows| rows.len()), Ok(1));

    drop(store);
    let again = open(dir.path());
    put(&*again, &key(1, 1), Guard::At(Version(1)), text("goes on")).await;
}

#[tokio::test]
async fn without_free_space_writes_wait_for_better_times() {
    let (store, _dir) = fresh_with(EmbeddedOptions { reserve_bytes: u64::MAX, ..quick() });
    let refused = store.write(&key(1, 1), Guard::Absent, text("x")).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(why)) if why.contains(DISK_FULL)));
    assert!(store.health().is_err());
    assert_eq!(get(&*store, &key(1, 1)).await, None, "not done, and not broken either");
    assert!(store.health.accepts().is_ok());
}

#[tokio::test]
async fn closing_finishes_what_waits() {
    let (store, dir) = fresh();
    let held = Held::new(&store);
    let mut writes = vec![begin(&store, 0, Guard::Absent, "holds the committer up")];
    held_by(&held).await;
    writes.extend((1..20).map(|sort| begin(&store, sort, Guard::Absent, "waits")));
    queued(&store, 19).await;
    let closing = Arc::clone(&store);
    let closed = tokio::spawn(async move { closing.close().await });
    queued(&store, 20).await;
    held.let_go(Ok(()));
    held.let_go(Ok(()));
    closed.await.expect("closed");
    for write in writes {
        assert_eq!(answer(write).await, Ok(Outcome::Written(Version(1))));
    }
    let again = open(dir.path());
    for sort in 0..20 {
        assert!(get(&*again, &key(1, sort)).await.is_some(), "{sort}");
    }
}
