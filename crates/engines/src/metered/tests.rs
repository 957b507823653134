//! Calls are passed on as they are, and measured by table and end.

use super::*;
use crate::conformance::{key, text};
use crate::faulty::{Call as FaultyCall, Fault, Faulty};
use crate::memory::Memory;

crate::conformance!(|| async { (Arc::new(Metered::new(Arc::new(Memory::new()), 2)), ()) });

fn counted(meter: &StoreTimes, call: Call, ended: Ended) -> u64 {
    let same = meter.series().filter(|(_, at, how, _)| (*at, *how) == (call, ended));
    same.map(|(_, _, _, snapshot)| snapshot.count()).sum()
}

#[tokio::test]
async fn each_change_is_counted_as_it_ended() {
    let store = Metered::new(Arc::new(Memory::new()), 1);
    for _ in 0..2 {
        store.write(&key(1, 1), Guard::Absent, text("one")).await.expect("answered");
    }
    store.scan(&crate::conformance::partition(1), None, 10).await.expect("answered");
    let times = store.times();
    assert_eq!(counted(&times, Call::Write, Ended::Done), 1);
    assert_eq!(counted(&times, Call::Write, Ended::Conflict), 1);
    assert_eq!(counted(&times, Call::Scan, Ended::Done), 1);
    assert_eq!(counted(&times, Call::Remove, Ended::Done), 0);
}

#[tokio::test]
async fn what_failed_is_counted_by_what_is_known_of_it() {
    for (fault, ended) in [(Fault::Refuse, Ended::Unavailable), (Fault::LoseAnswer, Ended::Unknown)] {
        let faulty = Faulty::chosen(Arc::new(Memory::new()), move |_: &FaultyCall<'_>| fault);
        let store = Metered::new(Arc::new(faulty), 1);
        store.write(&key(1, 1), Guard::Any, text("one")).await.expect_err("it fails");
        assert_eq!(counted(&store.times(), Call::Write, ended), 1);
    }
}

#[tokio::test]
async fn a_measured_read_counts_for_those_that_were_not() {
    let store = Metered::new(Arc::new(Memory::new()), 4);
    for _ in 0..40 {
        store.read(&key(1, 1)).await.expect("answered");
    }
    assert_eq!(counted(&store.times(), Call::Read, Ended::Done), 40);
}

#[tokio::test]
async fn a_read_is_one_whether_the_row_is_at_hand_or_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let embedded = crate::Embedded::open(dir.path(), crate::EmbeddedOptions::default()).expect("opens");
    embedded.write(&key(1, 1), Guard::Absent, text("one")).await.expect("answered");
    let store = Metered::new(Arc::new(embedded), 4);
    for _ in 0..40 {
        assert!(store.at_hand(&key(1, 1)).expect("the cache has it").is_some());
    }
    assert_eq!(counted(&store.times(), Call::Read, Ended::Done), 40);
    // What is never at hand is measured when it is read, however often it was asked for before.
    let store = Metered::new(Arc::new(Memory::new()), 4);
    for _ in 0..40 {
        assert!(store.at_hand(&key(1, 1)).is_none());
        store.read(&key(1, 1)).await.expect("answered");
    }
    assert_eq!(counted(&store.times(), Call::Read, Ended::Done), 40);
}
