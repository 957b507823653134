//! The client: one thread, 64 connections, each of which asks again as soon as it was answered. Written by hand, so that
//! it takes as little as possible of a machine that it shares with what it measures.

use crate::CONNECTIONS;
use crate::figures::Report;
use crate::shared::{answer_length, cpu, number};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// For how long it asks before anything is counted.
const WARM: Duration = Duration::from_millis(300);
/// For how long nothing may come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked, in turn.
pub(crate) struct Requests {
    requests: Vec<Vec<u8>>,
    /// The next number.
    number: u64,
    asked: usize,
}

impl Requests {
    pub(crate) fn new(requests: Vec<Vec<u8>>, number: u64) -> Self {
        Self { requests, number, asked: 0 }
    }

    fn next(&mut self, buffer: &mut Vec<u8>) {
        let request = &self.requests[self.asked % self.requests.len()];
        self.asked += 1;
        buffer.clear();
        buffer.extend_from_slice(request);
        number(buffer, self.number);
        self.number += 1;
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    asked_at: Instant,
}

impl Connection {
    fn ask(&mut self, request: &[u8]) {
        self.filled = 0;
        self.asked_at = Instant::now();
        let written = self.stream.write(request).unwrap();
        assert_eq!(written, request.len(), "a request fits the buffer of a socket");
    }

    /// Whether the answer is there in full.
    fn answered(&mut self) -> bool {
        match self.stream.read(&mut self.buffer[self.filled..]) {
            Ok(0) => panic!("the server closed a connection"),
            Ok(count) => self.filled += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        }
        let bytes = &self.buffer[..self.filled];
        let Some(length) = answer_length(bytes) else { return false };
        assert!(bytes.starts_with(b"HTTP/1.1 20"), "refused: {}", String::from_utf8_lossy(bytes));
        assert!(self.filled <= length, "more than one answer");
        self.filled == length
    }
}

/// All connections.
pub(crate) struct Client {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    request: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let poll = Poll::new().unwrap();
        let connect = |number| {
            let stream = std::net::TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE).unwrap();
            Connection { stream, buffer: vec![0; 64 * 1024], filled: 0, asked_at: Instant::now() }
        };
        let connections = (0..CONNECTIONS).map(connect).collect();
        Self { poll, events: Events::with_capacity(CONNECTIONS), connections, request: Vec::new() }
    }

    /// Asks on every connection, and again on each that was answered for as long as `answered` (given since when it
    /// waited, and the answer) says so. Ends when nothing is under way.
    pub(crate) fn ask(&mut self, requests: &mut Requests, mut answered: impl FnMut(Instant, &[u8]) -> bool) {
        for connection in &mut self.connections {
            requests.next(&mut self.request);
            connection.ask(&self.request);
        }
        let mut under_way = self.connections.len();
        while under_way > 0 {
            self.poll.poll(&mut self.events, Some(PATIENCE)).unwrap();
            assert!(!self.events.is_empty(), "the server does not answer");
            for event in &self.events {
                let connection = &mut self.connections[event.token().0];
                if !connection.answered() {
                    continue;
                }
                if answered(connection.asked_at, &connection.buffer[..connection.filled]) {
                    requests.next(&mut self.request);
                    connection.ask(&self.request);
                } else {
                    under_way -= 1;
                }
            }
        }
    }
}

/// Asks for a while and prints what came of it. Arguments: address and process of the server, the file of requests, the
/// first number, milliseconds.
pub(crate) fn run(arguments: &[String]) {
    let [address, process, file, number, length] = arguments else { panic!("five arguments: {arguments:?}") };
    let process = process.parse().unwrap();
    let requests = std::fs::read(file).unwrap().split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    let mut requests = Requests::new(requests, number.parse().unwrap());
    let mut client = Client::connect(address.parse().unwrap());
    let warm = Instant::now() + WARM;
    client.ask(&mut requests, |_, _| Instant::now() < warm);
    let mut waits = Vec::with_capacity(1 << 20);
    let (began, before) = (Instant::now(), cpu(process));
    let until = began + Duration::from_millis(length.parse().unwrap());
    client.ask(&mut requests, |asked_at, _| {
        let now = Instant::now();
        waits.push(now - asked_at);
        now < until
    });
    let (took, cpu) = (began.elapsed(), cpu(process) - before);
    println!("{}", Report::new(&mut waits, took, cpu).print());
}
