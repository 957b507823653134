//! That each fault does what it says, that a seed repeats, and that no faults means none.

use super::{Call, CallKind, Chooser, Edge, Fault, FaultPlan, Faulty, LIMBO, Seeded};
use crate::Memory;
use crate::conformance::{get, key, partition, put, text};
use onefold_core::store::{Guard, Outcome, Store, StoreError, Version};
use std::sync::Arc;

crate::conformance!(|| async { (Arc::new(Faulty::new(Arc::new(Memory::new()), 1, FaultPlan::default())), (),) });

/// A memory with one row, `key(1, 1)` at version 1, and a store around it that does `fault` to every change.
async fn with(fault: Fault) -> (Arc<Memory>, Faulty) {
    let memory = Arc::new(Memory::new());
    put(&*memory, &key(1, 1), Guard::Absent, text("before")).await;
    let chooser = move |call: &Call<'_>| if call.kind.changes() { fault } else { Fault::None };
    (Arc::clone(&memory), Faulty::chosen(memory, chooser))
}

async fn change(store: &Faulty) -> Result<Outcome, StoreError> {
    store.write(&key(1, 1), Guard::At(Version(1)), text("after")).await
}

async fn value(memory: &Memory) -> Vec<u8> {
    get(memory, &key(1, 1)).await.map(|row| row.value.to_vec()).unwrap_or_default()
}

#[tokio::test]
async fn a_refused_write_is_not_done() {
    let (memory, store) = with(Fault::Refuse).await;
    assert!(matches!(change(&store).await, Err(StoreError::Unavailable(_))));
    assert_eq!(value(&memory).await, b"before");
}

#[tokio::test]
async fn a_forgotten_write_is_unknown_and_never_done() {
    let (memory, store) = with(Fault::Forget).await;
    assert!(matches!(change(&store).await, Err(StoreError::Unknown(_))));
    assert_eq!(store.settle_limbo().await, Ok(0));
    assert_eq!(value(&memory).await, b"before");
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_done() {
    let (memory, store) = with(Fault::LoseAnswer).await;
    assert!(matches!(change(&store).await, Err(StoreError::Unknown(_))));
    assert_eq!(value(&memory).await, b"after");
    assert!(matches!(store.remove(&key(1, 1), Version(2)).await, Err(StoreError::Unknown(_))));
    assert_eq!(memory.dump(), []);
}

#[tokio::test]
async fn a_late_write_lands_when_told() {
    let (memory, store) = with(Fault::Late).await;
    assert!(matches!(change(&store).await, Err(StoreError::Unknown(_))));
    assert_eq!((store.limbo(), value(&memory).await), (1, b"before".to_vec()));
    assert_eq!(store.settle_limbo().await, Ok(1));
    assert_eq!((store.limbo(), value(&memory).await), (0, b"after".to_vec()));
}

#[tokio::test]
async fn a_late_write_lands_only_if_its_guard_still_holds() {
    let (memory, store) = with(Fault::Late).await;
    let _unknown = change(&store).await;
    let _unknown = store.remove(&key(1, 1), Version(1)).await;
    put(&*memory, &key(1, 1), Guard::At(Version(1)), text("someone else's")).await;
    assert_eq!(store.settle_limbo().await, Ok(0));
    assert_eq!(value(&memory).await, b"someone else's");
}

#[tokio::test]
async fn a_late_write_without_a_guard_always_lands() {
    let (memory, store) = with(Fault::Late).await;
    let _unknown = store.write(&key(1, 1), Guard::Any, text("late")).await;
    put(&*memory, &key(1, 1), Guard::At(Version(1)), text("someone else's")).await;
    assert_eq!(store.settle_limbo().await, Ok(1));
    assert_eq!(value(&memory).await, b"late");
}

#[tokio::test]
async fn limbo_is_bounded() {
    let (memory, store) = with(Fault::Late).await;
    for sort in 0..=LIMBO as u8 {
        let _unknown = store.write(&key(2, sort), Guard::Absent, text("late")).await;
    }
    assert_eq!(store.limbo(), LIMBO);
    assert!(get(&*memory, &key(2, 0)).await.is_some(), "the oldest made room");
}

#[tokio::test]
async fn a_chooser_can_land_what_is_late_before_the_next_call() {
    struct LateThenLand;
    impl Chooser for LateThenLand {
        fn choose(&mut self, call: &Call<'_>) -> Fault {
            if call.kind.changes() { Fault::Late } else { Fault::None }
        }
        fn lands(&mut self, waiting: usize) -> Option<usize> {
            Some(waiting - 1)
        }
    }
    let store = Faulty::chosen(Arc::new(Memory::new()), LateThenLand);
    let _unknown = store.write(&key(1, 1), Guard::Absent, text("late")).await;
    assert_eq!(store.limbo(), 1);
    assert!(get(&store, &key(1, 1)).await.is_some(), "it landed just before the read");
}

#[tokio::test]
async fn a_failing_read_is_unavailable_under_every_fault() {
    let faults = [Fault::Refuse, Fault::Forget, Fault::LoseAnswer, Fault::Late, Fault::StopBefore, Fault::StopAfter];
    for fault in faults {
        let store = Faulty::chosen(Arc::new(Memory::new()), move |_: &Call<'_>| fault);
        assert!(matches!(store.read(&key(1, 1)).await, Err(StoreError::Unavailable(_))), "{fault:?}");
        let scanned = store.scan(&partition(1), None, 1).await;
        assert!(matches!(scanned, Err(StoreError::Unavailable(_))), "{fault:?}");
    }
}

/// Five creations, stopped at each call on each side: what was done and what the caller knows of it.
#[tokio::test]
async fn a_stop_comes_exactly_where_it_is_set() {
    for (stop, edge) in (0..5).flat_map(|stop| [(stop, Edge::Before), (stop, Edge::After)]) {
        let memory = Arc::new(Memory::new());
        let store = Faulty::new(Arc::clone(&memory) as Arc<dyn Store>, 1, FaultPlan::default());
        store.stop_at(stop, edge);
        for call in 0..5 {
            let answer = store.write(&key(1, call as u8), Guard::Absent, text("x")).await;
            match (call.cmp(&stop), edge) {
                (std::cmp::Ordering::Less, _) => assert_eq!(answer, Ok(Outcome::Written(Version(1)))),
                (std::cmp::Ordering::Equal, Edge::After) => assert!(matches!(answer, Err(StoreError::Unknown(_)))),
                _ => assert!(matches!(answer, Err(StoreError::Unavailable(_)))),
            }
        }
        assert_eq!(memory.dump().len() as u64, stop + u64::from(edge == Edge::After));
        assert!(store.is_stopped());
        assert!(matches!(store.read(&key(1, 0)).await, Err(StoreError::Unavailable(_))));
        store.resume();
        assert_eq!(store.calls(), 6);
        assert!(store.read(&key(1, 0)).await.is_ok());
    }
}

#[tokio::test]
async fn a_chooser_can_stop() {
    let (memory, store) = with(Fault::StopAfter).await;
    assert!(matches!(change(&store).await, Err(StoreError::Unknown(_))));
    assert_eq!(value(&memory).await, b"after");
    assert!(matches!(store.purge(&partition(1)).await, Err(StoreError::Unavailable(_))));
    assert_eq!(value(&memory).await, b"after");
}

/// A run of writes and reads under a plan that does everything; what was answered, and what is left.
async fn run(seed: u64) -> String {
    let plan = FaultPlan { refuse: 0.1, forget: 0.1, lose_answer: 0.1, late: 0.2, read_fails: 0.2, lands: 0.3 };
    let memory = Arc::new(Memory::new());
    let store = Faulty::new(Arc::clone(&memory) as Arc<dyn Store>, seed, plan);
    let mut trace = String::new();
    for round in 0..300_u16 {
        let key = key(1, (round % 7) as u8);
        let read = store.read(&key).await;
        let guard = read.clone().ok().flatten().map_or(Guard::Absent, |row| Guard::At(row.version));
        let written = store.write(&key, guard, round.to_be_bytes().to_vec().into()).await;
        trace += &format!("{read:?} {written:?} {}\n", store.limbo());
    }
    format!("{trace}{:?}", memory.dump())
}

#[tokio::test]
async fn a_seed_repeats_and_another_does_not() {
    assert_eq!(run(7).await, run(7).await);
    assert_ne!(run(7).await, run(8).await);
}

#[tokio::test]
async fn a_plan_brings_every_fault_about_as_often_as_it_says() {
    let plan = FaultPlan { refuse: 0.1, forget: 0.2, lose_answer: 0.3, late: 0.15, ..FaultPlan::default() };
    let mut seeded = Seeded::new(42, plan);
    let place = partition(1);
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for number in 0..10_000 {
        let call = Call { number, kind: CallKind::Write(Guard::Any), partition: &place, sort: None };
        *seen.entry(format!("{:?}", seeded.choose(&call))).or_default() += 1;
    }
    let expected = [("Refuse", 1_000), ("Forget", 2_000), ("LoseAnswer", 3_000), ("Late", 1_500), ("None", 2_500)];
    for (fault, count) in expected {
        assert!(seen[fault].abs_diff(count) < 200, "{fault}: {seen:?}");
    }
}
