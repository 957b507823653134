//! Connections over real sockets: slow clients, keep-alive, the end (contract sections 3 and 12).

use crate::util::*;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use futures_util::stream;
use onefold::front::Front;
use onefold::gate::Staying;
use onefold::{App, serve};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const QUICK: &str =
    "[server]\nhead_timeout_ms = 100\nbody_timeout_ms = 100\nwrite_timeout_ms = 200\nidle_timeout_ms = 300";
const SOON: Duration = Duration::from_secs(5);

struct Running {
    world: World,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

async fn running(settings: &str) -> Running {
    let world = world_with(settings).await;
    let front = world.front.clone();
    running_with(world, front).await
}

async fn running_with(world: World, front: Front) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serve::serve(front, listener, async {
        let _ = stopped.await;
    }));
    Running { world, address, stop: Some(stop), server }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A write as bytes, cut after the head.
    fn write(&self, user: &str) -> (String, String) {
        let body = json!({"orgId": ORG, "region": "EU", "ids": {"user_id": user}, "upsert": {}}).to_string();
        let length = body.len();
        let head = format!(
            "POST {USERS} HTTP/1.1\r\nhost: x\r\napikey: {}\r\ncontent-length: {length}\r\n\r\n",
            self.world.key
        );
        (head, body)
    }
}

/// All that still comes until the connection closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("it closes soon");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One answer, as far as it comes in one piece.
async fn piece(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 64 * 1024];
    let count = tokio::time::timeout(SOON, stream.read(&mut bytes)).await.expect("it answers soon").unwrap();
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

#[tokio::test]
async fn a_connection_takes_one_request_after_the_other() {
    let server = running("").await;
    let mut stream = server.connect().await;
    for user in ["a", "b"] {
        let (head, body) = server.write(user);
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        assert!(piece(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
    }
}

#[tokio::test]
async fn a_head_that_is_none_is_answered_before_the_connection_ends() {
    let running = running(QUICK).await;
    let long = format!("GET / HTTP/1.1\r\n{}\r\n", "x: 1\r\n".repeat(200));
    let two = "POST / HTTP/1.1\r\ncontent-length: 4\r\ncontent-length: 60\r\n\r\n";
    for (head, status) in [("GET / HTTP/1.1\r\nx a: 1\r\n\r\n", 400), (two, 400), (&*long, 431)] {
        let mut stream = running.connect().await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:?} to {head:.60}");
    }
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_rest_of_the_next_request() {
    let running = running("").await;
    let mut stream = running.connect().await;
    let (head, body) = running.write("u");
    stream.write_all(format!("{head}{body}POST /half").as_bytes()).await.unwrap();
    assert!(piece(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_connection_outlives_a_refusal_that_came_before_the_body() {
    let running = running(QUICK).await;
    let mut stream = running.connect().await;
    let search = |key: &str| format!("POST {SEARCH} HTTP/1.1\r\nhost: x\r\napikey: {key}\r\ncontent-length: 2\r\n\r\n");
    let write = |key: &str| search(key).replace(SEARCH, USERS);
    for head in [search("wrong"), write("wrong"), search(&running.world.key)] {
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        stream.write_all(b"{}").await.unwrap();
        let answer = piece(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 40") && !answer.contains("connection: close"), "{answer}");
    }
    // What is too much to be dropped, or does not come, ends it, and the answer says so.
    for (length, body) in [(1_000_000, "{"), (20, "{")] {
        let mut stream = running.connect().await;
        let head = write("wrong").replace("length: 2", &format!("length: {length}"));
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn a_refused_body_is_not_asked_for_where_the_client_waits_for_that() {
    let running = running(QUICK).await;
    let mut stream = running.connect().await;
    let (head, _) = running.write("u");
    let head = head.replace(&running.world.key, "wrong").replace("host: x", "host: x\r\nexpect: 100-continue");
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn an_answer_that_takes_its_time_is_sent_to_its_end_also_when_the_server_stops() {
    let world = world_with(QUICK).await;
    let app = world.front.app().clone();
    let slow = |State(app): State<Arc<App>>| async move {
        let stream = stream::unfold((0, Staying::new(app)), async |(count, staying)| {
            tokio::time::sleep(Duration::from_millis(100)).await;
            (count < 8).then(|| (Ok::<_, std::io::Error>(format!("{count} ")), (count + 1, staying)))
        });
        Body::from_stream(stream)
    };
    let router = Router::new().route("/slow", get(slow)).with_state(app.clone());
    let mut running = running_with(world, Front::new(app, router)).await;
    let mut stream = running.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let begun = piece(&mut stream).await;
    running.stop.take().unwrap().send(()).unwrap();
    let all = begun + &rest(&mut stream).await;
    assert!(all.contains("0 ") && all.contains("7 ") && all.ends_with("0\r\n\r\n"), "{all}");
}

#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_is_cut_off() {
    let server = running(QUICK).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /cdp/v1/users HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_cut_off_all_the_same() {
    let server = running(QUICK).await;
    let mut stream = server.connect().await;
    let began = Instant::now();
    while stream.write_all(b"P").await.is_ok() && began.elapsed() < SOON {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() < SOON);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_with_408() {
    let server = running(QUICK).await;
    let mut stream = server.connect().await;
    stream.write_all(server.write("a").0.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout") && answer.contains("request.timeout"), "{answer}");
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_after_a_while() {
    let server = running(QUICK).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(rest(&mut stream).await.ends_with("ok\n"));
}

#[tokio::test]
async fn a_new_connection_may_be_silent_for_as_long_as_one_between_two_requests() {
    let server = running("[server]\nhead_timeout_ms = 50\nidle_timeout_ms = 600").await;
    let (mut silent, mut late) = (server.connect().await, server.connect().await);
    let began = Instant::now();
    tokio::time::sleep(Duration::from_millis(300)).await;
    late.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(piece(&mut late).await.ends_with("ok\n"));
    assert_eq!(rest(&mut silent).await, "");
    assert!(began.elapsed() >= Duration::from_millis(600), "{:?}", began.elapsed());
}

#[tokio::test]
async fn who_does_not_take_answers_is_cut_off() {
    let server = running(QUICK).await;
    server.world.say("u", json!({"a": "x".repeat(60_000)})).await.ok();
    let body = json!({"orgId": ORG, "search": {"user_id": ["u"]}}).to_string();
    let length = body.len();
    let key = &server.world.key;
    let request =
        format!("POST {SEARCH} HTTP/1.1\r\nhost: x\r\napikey: {key}\r\ncontent-length: {length}\r\n\r\n{body}");
    let mut stream = server.connect().await;
    let began = Instant::now();
    // Asks for ever and reads nothing.
    while began.elapsed() < SOON {
        let sent = tokio::time::timeout(Duration::from_millis(50), stream.write_all(request.as_bytes())).await;
        if matches!(sent, Ok(Err(_))) {
            return;
        }
    }
    panic!("it was never cut off");
}

#[tokio::test]
async fn what_is_under_way_is_finished_and_what_comes_later_is_told_so() {
    let mut server = running("").await;
    let (head, body) = server.write("a");
    let (mut under_way, mut open) = (server.connect().await, server.connect().await);
    open.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(piece(&mut open).await.ends_with("ok\n"));
    under_way.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.take().unwrap().send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (later, later_body) = server.write("b");
    open.write_all(format!("{later}{later_body}").as_bytes()).await.unwrap();
    let told = rest(&mut open).await;
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("server.shutting_down"), "{told}");
    assert!(TcpStream::connect(server.address).await.is_err(), "no new connections");
    under_way.write_all(body.as_bytes()).await.unwrap();
    assert!(rest(&mut under_way).await.starts_with("HTTP/1.1 200 OK"));
    tokio::time::timeout(SOON, server.server).await.expect("it ends soon").unwrap();
}

#[tokio::test]
async fn what_does_not_finish_in_time_does_not_hold_up_the_end() {
    let mut server = running("[server]\nshutdown_ms = 100").await;
    let mut stream = server.connect().await;
    stream.write_all(server.write("a").0.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.take().unwrap().send(()).unwrap();
    tokio::time::timeout(SOON, server.server).await.expect("it ends soon").unwrap();
}

#[tokio::test]
async fn more_connections_than_there_may_be_wait() {
    let server = running("[server]\nmax_connections = 1").await;
    let first = server.connect().await;
    let mut second = server.connect().await;
    second.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(100), second.read_u8()).await;
    assert!(waits.is_err(), "nobody answers yet");
    drop(first);
    assert!(piece(&mut second).await.starts_with("HTTP/1.1 200"));
}
