//! `cargo bench -p onefold --bench hot [-- --onefold PATH]`: does one hot person slow others? For each arm one prober
//! writes to and fetches persons of its own, one call after another, while 64 clients do nothing, or write to one person
//! under its limit, or write to it without one. Prints the prober's latencies, and what became of the writes.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "shared/mod.rs"]
mod shared;

use serde_json::{Value, json};
use shared::Server;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CLIENTS: usize = 64;
/// For how long each arm is probed.
const LENGTH: Duration = Duration::from_secs(5);

/// One connection that asks and waits.
struct Connection {
    stream: BufReader<TcpStream>,
    key: String,
}

impl Connection {
    fn open(address: SocketAddr, key: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stream: BufReader::new(stream), key: key.into() }
    }

    fn post(&mut self, path: &str, body: &Value) -> (u16, Vec<u8>) {
        let (key, body) = (&self.key, body.to_string());
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: onefold\r\napikey: {key}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(head.as_bytes()).unwrap();
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            let text = line.trim_end().to_ascii_lowercase();
            if let Some(rest) = text.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(rest) = text.strip_prefix("content-length: ") {
                length = rest.parse().unwrap();
            } else if text.is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).unwrap();
        (status, answer)
    }
}

fn write(person: &str, number: u64) -> Value {
    json!({"orgId": 1, "region": "EU", "ids": {"user_id": person}, "upsert": {"profile": {"visits": {"$add": 1}, "last": number}}})
}

/// Latencies of the prober's writes and fetches, sorted.
fn probe(address: SocketAddr, key: &str) -> [Vec<Duration>; 2] {
    let mut connection = Connection::open(address, key);
    let mut taken = [Vec::new(), Vec::new()];
    let until = Instant::now() + LENGTH;
    for number in 0.. {
        let person = format!("cold-{}", number % 500);
        let search = json!({"orgId": 1, "search": {"user_id": [person]}});
        for (which, path, body) in [(0, "/cdp/v1/users", write(&person, number)), (1, "/cdp/v1/users/_search", search)]
        {
            let began = Instant::now();
            assert_eq!(connection.post(path, &body).0, 200);
            taken[which].push(began.elapsed());
        }
        if Instant::now() > until {
            break;
        }
    }
    taken.iter_mut().for_each(|taken| taken.sort_unstable());
    taken
}

fn measure(name: &str, program: &Path, person_per_second: u32, clients: usize) {
    let (data, limit) = (tempfile::tempdir().unwrap(), person_per_second.to_string());
    let server = Server::onefold(program, data.path(), &[("ONEFOLD__LIMITS__PERSON_PER_SECOND", &limit)]);
    let key = shared::organisation(&server);
    let (going, done) = (Arc::new(AtomicBool::new(true)), Arc::new([const { AtomicU64::new(0) }; 3]));
    let hammer = |_| {
        let (going, done, address, key) = (going.clone(), done.clone(), server.address, key.clone());
        std::thread::spawn(move || {
            let mut connection = Connection::open(address, &key);
            while going.load(Ordering::Relaxed) {
                let which = match connection.post("/cdp/v1/users", &write("hot", 1)).0 {
                    200 => 0,
                    429 => 1,
                    _ => 2,
                };
                done[which].fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let hammers: Vec<_> = (0..clients).map(hammer).collect();
    std::thread::sleep(Duration::from_millis(500));
    let taken = probe(server.address, &key);
    going.store(false, Ordering::Relaxed);
    hammers.into_iter().for_each(|hammer| hammer.join().unwrap());
    let at = |taken: &[Duration], per_mille: usize| taken[taken.len() * per_mille / 1000].as_micros();
    let [written, refused, failed] = [0, 1, 2].map(|which| done[which].load(Ordering::Relaxed));
    println!(
        "{name:28} others' writes: median {:6} us, 99% {:6} us; fetches: median {:6} us, 99% {:6} us | hot: {written} written, {refused} refused (429), {failed} otherwise",
        at(&taken[0], 500),
        at(&taken[0], 990),
        at(&taken[1], 500),
        at(&taken[1], 990),
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let program: std::path::PathBuf = match arguments.as_slice() {
        [name, path] if name == "--onefold" => path.into(),
        _ => env!("CARGO_BIN_EXE_onefold").into(),
    };
    for _ in 0..2 {
        measure("nobody else", &program, 50, 0);
        measure("64 at one person, limited", &program, 50, CLIENTS);
        measure("64 at one person, no limit", &program, 0, CLIENTS);
    }
}
