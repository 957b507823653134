//! A server of sets of keys on this machine: what it answers can be changed, and it counts who asks.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub struct Jwks {
    pub url: String,
    answer: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
}

impl Jwks {
    /// That answers with this set.
    pub fn with(set: &serde_json::Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys?v=1", listener.local_addr().unwrap());
        let answer = Arc::new(Mutex::new(Some(ok(&set.to_string()))));
        let asked = Arc::new(AtomicUsize::new(0));
        let (says, counts) = (answer.clone(), asked.clone());
        std::thread::spawn(move || {
            // One that is silent keeps its callers.
            let mut kept = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                read_head(&stream);
                counts.fetch_add(1, Ordering::SeqCst);
                match &*says.lock().unwrap() {
                    Some(answer) => _ = (&stream).write_all(answer.as_bytes()),
                    None => kept.push(stream),
                }
            }
        });
        Self { url, answer, asked }
    }

    /// From now on it answers with this set.
    pub fn set(&self, set: &serde_json::Value) {
        self.answers(&ok(&set.to_string()));
    }

    /// From now on it answers this, head and body.
    pub fn answers(&self, answer: &str) {
        *self.answer.lock().unwrap() = Some(answer.into());
    }

    /// From now on it takes requests and says nothing.
    pub fn falls_silent(&self) {
        *self.answer.lock().unwrap() = None;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

pub fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn read_head(stream: &TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).for_each(drop);
}

/// Waits until something is so.
pub async fn until<F: Future<Output = bool>>(what: &str, mut is: impl FnMut() -> F) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is().await {
        assert!(Instant::now() < end, "it never came: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
