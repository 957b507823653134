//! What happens at five times the calls that can be done: durable writes of new people over loopback, to a server that
//! takes every call and to one that refuses what would only wait. `just bench-overload`.
//!
//! First some connections write as fast as they are answered: that is what can be done. Then four thousand connections
//! send five times as many on a schedule, and whoever is refused comes again when the schedule says so.

#![allow(missing_docs, clippy::unwrap_used)]

use onefold::config::{Config, Layer};
use onefold::system::{SystemClock, SystemEntropy};
use onefold::{App, front, overload, serve};
use onefold_core::org::{OrgLimits, Scope, Scopes, WriteAnswer};
use onefold_core::service::Service;
use onefold_core::service::keys::NewKey;
use onefold_core::service::orgs::NewOrg;
use onefold_engines::{Embedded, EmbeddedOptions};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Connections that find out what can be done.
const FEW: u32 = 64;
/// Connections that send five times as much.
const MANY: u32 = 4_000;
const TIMES: f64 = 5.0;
const CALIBRATION: Duration = Duration::from_secs(3);
const LOAD: Duration = Duration::from_secs(8);
/// What is measured of the load begins when the share has been found.
const SETTLED: Duration = Duration::from_secs(3);

static NEXT: AtomicU64 = AtomicU64::new(0);

fn main() {
    let mut capacity = None;
    for (what, settings) in [
        ("every call is taken", "[server]\nprocessor_queue_ms = 0\nstore_queue_ms = 0"),
        ("what would only wait is refused", ""),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (server, clients) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        let (address, key) = server.block_on(start(directory.path(), settings));
        let can = *capacity.get_or_insert_with(|| {
            let calls = clients.block_on(load(address, &key, FEW, None, (Duration::ZERO, CALIBRATION)));
            report("as fast as they are answered", &calls, CALIBRATION);
            calls.len() as f64 / CALIBRATION.as_secs_f64()
        });
        let each = Duration::from_secs_f64(f64::from(MANY) / (can * TIMES));
        let calls = clients.block_on(load(address, &key, MANY, Some(each), (SETTLED, LOAD)));
        report(what, &calls, LOAD - SETTLED);
        server.shutdown_background();
    }
}

async fn start(directory: &std::path::Path, settings: &str) -> (SocketAddr, String) {
    let store = Arc::new(Embedded::open(directory, EmbeddedOptions::default()).unwrap());
    let service = Service::open(store, Arc::new(SystemClock), Arc::new(SystemEntropy)).await.unwrap();
    let limits = OrgLimits { per_second: 0, per_minute: 0, ids_per_fetch: 5 };
    let (name, regions) = ("Bench".into(), vec!["EU".parse().unwrap()]);
    let org = NewOrg { id: None, name, regions, limits, write_answer: WriteAnswer::Minimal };
    let org = service.create_org(org).await.unwrap().id;
    let scopes = Scopes::NONE.with(Scope::ProfileWrite);
    let key = NewKey { name: "bench".into(), scopes, expires: None, rate: None };
    let key = service.create_key(org, key).await.unwrap().secret;
    let config = Config::load(&[Layer::document("bench", settings)]).unwrap();
    let app = Arc::new(App::new(service, config, "root"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(overload::watch(app.clone()));
    tokio::spawn(serve::serve(front(app), listener, std::future::pending()));
    (address, key)
}

/// One call: its status and how long it took.
type Called = (u16, Duration);

/// Calls that began after `from` and before `until`.
async fn load(
    address: SocketAddr,
    key: &str,
    connections: u32,
    each: Option<Duration>,
    (from, until): (Duration, Duration),
) -> Vec<Called> {
    // One after the other: more at once than the system keeps waiting for a listener would begin seconds late.
    let mut streams = Vec::new();
    for _ in 0..connections {
        streams.push(TcpStream::connect(address).await.unwrap());
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
    let began = Instant::now();
    let clients: Vec<_> = (0..connections)
        .zip(streams)
        .map(|(number, stream)| {
            let (key, first) = (key.to_owned(), each.unwrap_or_default() * number / connections);
            tokio::spawn(client((address, stream), key, began, (first, each), (from, until)))
        })
        .collect();
    let mut calls = Vec::new();
    for client in clients {
        calls.extend(client.await.unwrap());
    }
    calls
}

async fn client(
    (address, mut stream): (SocketAddr, TcpStream),
    key: String,
    began: Instant,
    (first, each): (Duration, Option<Duration>),
    (from, until): (Duration, Duration),
) -> Vec<Called> {
    let (mut calls, mut at) = (Vec::new(), first);
    while began.elapsed() < until {
        tokio::time::sleep_until((began + at).into()).await;
        let sent = Instant::now();
        match write(&mut stream, &key).await {
            Some(status) if sent - began >= from => calls.push((status, sent.elapsed())),
            Some(_) => {}
            // A server may end a connection after it refused a call without reading its body.
            None => stream = TcpStream::connect(address).await.unwrap(),
        }
        // Who is late leaves out what was to be sent meanwhile.
        at = each.map_or(at, |each| (at + each).max(began.elapsed()));
    }
    calls
}

/// The status; `None` if the server has closed the connection.
async fn write(stream: &mut TcpStream, key: &str) -> Option<u16> {
    let user = NEXT.fetch_add(1, Ordering::Relaxed);
    let body = format!(
        "{{\"orgId\":1,\"region\":\"EU\",\"ids\":{{\"user_id\":\"u{user}\"}},\"upsert\":{{\"profile\":{{\"age\":34}}}}}}"
    );
    let length = body.len();
    let head = "POST /cdp/v1/users HTTP/1.1\r\nhost: onefold\r\ncontent-type: application/json\r\n";
    let request = format!("{head}apikey: {key}\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.ok()?;
    let (mut answer, mut piece) = (Vec::new(), [0; 2048]);
    loop {
        let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        answer.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let Some(end) = text.find("\r\n\r\n") else { continue };
        let length = text[..end].split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.lines().next()).map_or(0, |length| length.parse().unwrap());
        if answer.len() >= end + 4 + length {
            return text[9..12].parse().ok();
        }
    }
}

fn report(what: &str, calls: &[Called], time: Duration) {
    for (name, wanted) in [("done", true), ("refused", false)] {
        let mut times: Vec<Duration> =
            calls.iter().filter(|(status, _)| (*status < 300) == wanted).map(|(_, time)| *time).collect();
        times.sort_unstable();
        let at = |share: usize| times.get(times.len().saturating_sub(1) * share / 100).copied().unwrap_or_default();
        let rate = times.len() as f64 / time.as_secs_f64();
        println!("{what:32} {name:8} {rate:8.0} a second, median {:7.1?}, 99% {:7.1?}", at(50), at(99));
    }
    let other = calls.iter().filter(|(status, _)| ![204, 503].contains(status)).count();
    assert_eq!(other, 0, "answers that are neither");
}
