//! What metering costs a call: counting it, noting whom it was shown, on one and on all processors, while the tallies are
//! gathered and written beside it. `just bench-meter`.

#![allow(missing_docs, clippy::unwrap_used)]

use onefold::meter::{Call, Meter, Operation};
use onefold::system::{SystemClock, SystemEntropy};
use onefold_core::id::{OrgId, Ucid};
use onefold_core::org::KeyId;
use onefold_core::service::Service;
use onefold_core::time::Clock;
use onefold_engines::Memory;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const CALLS: u32 = 2_000_000;

fn main() {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let meter = Meter::new(SystemClock.now(), 100_000);
    let key = |number: u32| KeyId::new(1_735_689_600_000, u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15) << 32);
    let call = |number: u32| Call {
        org: OrgId::new(1).unwrap(),
        key: key(number),
        operation: Operation::FETCH,
        status: 200,
        refused: false,
        identifiers: 1,
        bytes: 800,
    };
    let one = call(1);
    let many: Vec<Call> = (0..1_000).map(call).collect();
    let person = |number: u32| Ucid::from_u128(u128::from(number % 50_000).wrapping_mul(0x9E37_79B9_7F4A_7C15) << 3);
    let nobody = std::iter::empty::<Ucid>;
    written_beside(&meter, || {
        report("one key", 1, |_| meter.count(black_box(&one), nobody()));
        report("one key, all threads", threads, |_| meter.count(black_box(&one), nobody()));
        report("one of a thousand keys", 1, |number| meter.count(black_box(&many[number as usize % 1_000]), nobody()));
        report("one of a thousand keys, all threads", threads, |number| {
            meter.count(black_box(&many[number as usize % 1_000]), nobody());
        });
        report("one key, and whom it was shown", 1, |number| meter.count(&one, std::iter::once(person(number))));
        report("the same, all threads", threads, |number| meter.count(&one, std::iter::once(person(number))));
    });
}

/// Does something while what is counted is gathered and written as in a server.
fn written_beside(meter: &Meter, work: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let service = Service::open(Arc::new(Memory::new()), Arc::new(SystemClock), Arc::new(SystemEntropy));
    let (service, done) = (runtime.block_on(service).unwrap(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                runtime.block_on(meter.flush(&service, false)).unwrap();
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        work();
        done.store(true, Ordering::SeqCst);
    });
}

/// Nanoseconds of one call, the least of five runs.
fn report(what: &str, threads: usize, call: impl Fn(u32) + Sync) {
    let run = || {
        let began = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..CALLS).for_each(&call));
            }
        });
        began.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    let least = (0..5).map(|_| run()).fold(f64::MAX, f64::min);
    println!("{what:45} {threads} threads {least:8.1} ns");
}
