//! What many threads count at once, a store that fails meanwhile, and more than there is room for.

use super::*;
use crate::note::Note;
use crate::system::SystemEntropy;
use onefold_core::limits::KEY_READS_ROW;
use onefold_core::org::KeyId;
use onefold_core::service::Service;
use onefold_core::service::usage::{Asked, By, Used};
use onefold_core::store::Store;
use onefold_core::time::Clock;
use onefold_engines::faulty::FaultPlan;
use onefold_engines::{Faulty, Memory};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const NOW: Ms = 1_735_689_600_000;
const HOUR: Ms = 3_600_000;

#[derive(Clone, Default)]
struct Watch(Arc<AtomicU64>);

impl Clock for Watch {
    fn now(&self) -> Ms {
        NOW + self.0.load(Ordering::SeqCst)
    }
}

async fn service_on(store: Arc<dyn Store>, watch: &Watch) -> Service {
    Service::open(store, Arc::new(watch.clone()), Arc::new(SystemEntropy)).await.unwrap()
}

async fn service() -> Service {
    service_on(Arc::new(Memory::new()), &Watch::default()).await
}

fn org() -> OrgId {
    OrgId::new(7).unwrap()
}

fn key(number: u128) -> KeyId {
    KeyId::from_u128(number << 64 | number)
}

fn fetch(key_number: u128) -> Call {
    let operation = Operation::FETCH;
    Call { org: org(), key: key(key_number), operation, status: 200, refused: false, identifiers: 2, bytes: 10 }
}

fn ucid(number: usize) -> Ucid {
    Ucid::from_u128(number as u128 + 1)
}

fn nobody() -> std::iter::Empty<Ucid> {
    std::iter::empty()
}

async fn used(service: &Service, by: By) -> Vec<Used> {
    let start = Hour::of(NOW);
    let asked = Asked { hours: start..start.plus(24), by, fetch: "POST /cdp/v1/users/_search" };
    service.usage(org(), &asked).await.unwrap().items.into_iter().map(|(_, used)| used).collect()
}

async fn calls(service: &Service, by: By) -> Vec<u64> {
    used(service, by).await.iter().map(|used| used.counts.calls).collect()
}

async fn read_by(service: &Service, number: u128) -> (Vec<usize>, u64) {
    let hours = Hour::of(NOW)..Hour::of(NOW).plus(24);
    let (mut seen, mut missed, mut after) = (Vec::new(), 0, None);
    loop {
        let page = service.key_reads((org(), key(number)), hours.clone(), after, 1_000).await.unwrap();
        seen.extend(page.items.iter().map(|read| read.ucid.as_u128() as usize - 1));
        missed += page.missed;
        if !page.more {
            return (seen, missed);
        }
        after = page.items.last().copied();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_threads_at_once_lose_no_call_and_count_none_twice() {
    const THREADS: usize = 40;
    const CALLS: usize = 5_000;
    let (meter, service, done) = (Meter::new(NOW, 1_000_000), service().await, AtomicBool::new(false));
    let call = |thread: usize, number: usize| {
        let base = fetch((number % 7) as u128);
        match number % 3 {
            0 => meter.count(&base, [ucid(number), ucid(thread)].into_iter()),
            1 => meter.count(&Call { status: 429, refused: true, ..base }, nobody()),
            _ => meter.count(&Call { operation: Operation(3), status: 204, bytes: 0, ..base }, nobody()),
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || (0..CALLS).for_each(|number| call(thread, number))))
            .collect();
        // They are gathered and written while they count.
        let (meter, service, done) = (&meter, &service, &done);
        scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            while !done.load(Ordering::SeqCst) {
                runtime.block_on(meter.flush(service, false)).unwrap();
            }
        });
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        done.store(true, Ordering::SeqCst);
    });
    meter.flush(&service, true).await.unwrap();
    let sum = |of: fn(&Used) -> u64, used: &[Used]| used.iter().map(of).sum::<u64>();
    for by in [By::Key, By::Operation, By::Hour] {
        let used = used(&service, by).await;
        let all = (THREADS * CALLS) as u64;
        let third = |rest: usize| (THREADS * (0..CALLS).filter(|number| number % 3 == rest).count()) as u64;
        assert_eq!(sum(|used| used.counts.calls, &used), third(0) + third(2), "{by:?}");
        assert_eq!(sum(|used| used.counts.refused, &used), third(1));
        assert_eq!(sum(|used| used.counts.identifiers, &used), 2 * all);
        assert_eq!(sum(|used| used.counts.bytes, &used), 10 * (third(0) + third(1)));
        assert_eq!(sum(|used| used.fetches.calls, &used), third(0));
    }
    let mut seen: Vec<usize> = Vec::new();
    let mut missed = 0;
    for number in 0..7 {
        let (of_key, missed_of_key) = read_by(&service, number).await;
        assert!(of_key.is_sorted_by(|one, other| one < other), "each once");
        seen.extend(of_key.iter().filter(|seen| **seen >= THREADS && *seen % 7 == number as usize));
        missed += missed_of_key;
    }
    let expected = (THREADS..CALLS).filter(|number| number % 3 == 0).count();
    assert!(seen.len() == expected || missed > 0, "{} of {expected}, {missed} missed", seen.len());
}

#[tokio::test]
async fn a_store_that_fails_loses_no_call_and_counts_none_twice() {
    for seed in 0..50 {
        let (memory, watch) = (Arc::new(Memory::new()), Watch::default());
        let sound = service_on(memory.clone(), &watch).await;
        let plan = FaultPlan { refuse: 0.1, forget: 0.1, lose_answer: 0.1, late: 0.2, ..FaultPlan::default() };
        let faulty = Faulty::new(memory.clone(), seed, plan);
        // The secret is there by now, so that opening only reads; it is tried until it can.
        let service = loop {
            match Service::open(Arc::new(faulty.clone()), Arc::new(watch.clone()), Arc::new(SystemEntropy)).await {
                Ok(service) => break service,
                Err(_) => continue,
            }
        };
        let meter = Meter::new(NOW, 100);
        for number in 0..200 {
            meter.count(&fetch((number % 3) as u128), [ucid(number)].into_iter());
            if number == 120 {
                watch.0.store(HOUR, Ordering::SeqCst);
            }
            if number % 5 == 0 {
                let _tried_again = meter.flush(&service, number % 2 == 0).await;
            }
        }
        while meter.flush(&service, true).await.is_err() {}
        faulty.settle_limbo().await.unwrap();
        assert_eq!(calls(&sound, By::Hour).await, [121, 79], "seed {seed}");
        assert_eq!(calls(&sound, By::Key).await, [67, 67, 66], "seed {seed}");
        let (seen, missed) = read_by(&sound, 1).await;
        assert_eq!((seen.len(), missed), (67, 0), "seed {seed}");
    }
}

#[tokio::test]
async fn a_call_counts_in_the_hour_in_which_its_tally_was_begun() {
    let watch = Watch::default();
    let service = service_on(Arc::new(Memory::new()), &watch).await;
    let meter = Meter::new(NOW, 10);
    meter.count(&fetch(1), [ucid(1)].into_iter());
    watch.0.store(HOUR, Ordering::SeqCst);
    meter.flush(&service, true).await.unwrap();
    meter.count(&fetch(1), [ucid(1)].into_iter());
    meter.count(&fetch(1), [ucid(1)].into_iter());
    meter.flush(&service, true).await.unwrap();
    assert_eq!(calls(&service, By::Hour).await, [1, 2]);
    assert_eq!(read_by(&service, 1).await, (vec![1, 1], 0), "once in each hour");
}

#[tokio::test]
async fn what_is_written_makes_room_and_goes_on_in_another_row() {
    let (meter, service) = (Meter::new(NOW, 10), service().await);
    let keys = limits::METER_ROWS as u128 + 100;
    for number in (0..keys).chain(0..200) {
        meter.count(&fetch(number), nobody());
        if number % 10_000 == 0 {
            meter.flush(&service, false).await.unwrap();
        }
    }
    meter.flush(&service, false).await.unwrap();
    assert_eq!(meter.books().totals.take_lost(), 0);
    assert_eq!(calls(&service, By::Hour).await, [keys as u64 + 200]);
    // More keys than an answer lists are told in one sum.
    let start = Hour::of(NOW);
    let asked = Asked { hours: start..start.plus(1), by: By::Key, fetch: "" };
    let usage = service.usage(org(), &asked).await.unwrap();
    let (others, rest) = usage.others.unwrap();
    assert_eq!((usage.items.len(), others), (1_000, keys as usize - 1_000));
    let listed: u64 = usage.items.iter().map(|(_, used)| used.counts.calls).sum();
    assert_eq!((listed, rest.counts.calls), (1_200, keys as u64 - 1_000), "those with the most calls are listed");
    assert_eq!(usage.total.counts.calls, keys as u64 + 200);
}

#[tokio::test]
async fn while_nothing_can_be_written_it_is_bounded_and_says_what_it_lost() {
    let memory = Arc::new(Memory::new());
    let service = service_on(memory.clone(), &Watch::default()).await;
    let meter = Meter::new(NOW, 10);
    for number in 0..limits::METER_ROWS as u128 + 100 {
        meter.count(&fetch(number), nobody());
    }
    meter.gather(None);
    assert_eq!(meter.books().totals.take_lost(), 100);
    meter.flush(&service, false).await.unwrap();
    meter.count(&fetch(u128::from(u64::MAX)), nobody());
    meter.flush(&service, false).await.unwrap();
    assert_eq!(calls(&service, By::Hour).await, [limits::METER_ROWS as u64 + 1]);
}

#[tokio::test]
async fn of_what_a_key_reads_in_an_hour_so_much_is_kept_and_the_rest_is_counted() {
    let (meter, service) = (Meter::new(NOW, 300), service().await);
    for number in 0..400 {
        meter.count(&fetch(1), [ucid(number)].into_iter());
        meter.count(&fetch(1), [ucid(0)].into_iter());
    }
    meter.flush(&service, true).await.unwrap();
    let (seen, missed) = read_by(&service, 1).await;
    assert_eq!((seen, missed), ((0..300).collect(), 100));
    let none = Meter::new(NOW, 0);
    none.count(&fetch(2), [ucid(1)].into_iter());
    none.flush(&service, true).await.unwrap();
    assert_eq!(read_by(&service, 2).await, (vec![], 1));
}

#[tokio::test]
async fn more_reads_than_a_tally_holds_are_counted_as_missed() {
    let (meter, service) = (Meter::new(NOW, 1_000_000), service().await);
    meter.count(&fetch(1), (0..limits::METER_READS + 50).map(ucid));
    meter.flush(&service, true).await.unwrap();
    let (seen, missed) = read_by(&service, 1).await;
    assert_eq!((seen.len(), missed), (limits::METER_READS, 50));
}

#[tokio::test]
async fn few_reads_wait_for_their_row_to_fill_up_and_many_do_not() {
    let (meter, service) = (Meter::new(NOW, 1_000), service().await);
    meter.count(&fetch(1), (0..KEY_READS_ROW + 3).map(ucid));
    meter.flush(&service, false).await.unwrap();
    assert_eq!(read_by(&service, 1).await.0.len(), KEY_READS_ROW);
    meter.flush(&service, true).await.unwrap();
    assert_eq!(read_by(&service, 1).await.0.len(), KEY_READS_ROW + 3);
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_counted_too() {
    let (meter, service) = (Meter::new(NOW, 10), service().await);
    let note = Note::default();
    drop(Pending::new(&meter, &note, (&http::Method::POST, "/cdp/v1/users")));
    meter.flush(&service, true).await.unwrap();
    assert!(used(&service, By::Hour).await.is_empty(), "nobody who is known");
}

#[test]
fn operations_are_called_by_method_and_route() {
    let name = |method: http::Method, route| Operation::of(&method, route).name();
    assert_eq!(Operation::of(&http::Method::POST, "/cdp/v1/users/_search"), Operation::FETCH);
    assert_eq!(Operation::FETCH.name(), "POST /cdp/v1/users/_search");
    assert_eq!(name(http::Method::POST, "/cdp/v1/users"), "POST /cdp/v1/users");
    assert_eq!(name(http::Method::PATCH, "/admin/v1/orgs/{orgId}"), "PATCH /admin/v1/orgs/{orgId}");
    assert_eq!(name(http::Method::HEAD, "/admin/v1/orgs/{orgId}"), "GET /admin/v1/orgs/{orgId}");
    assert_eq!(name(http::Method::PUT, "none"), "other");
}
