//! The client: one thread, written by hand so that it takes as little as possible of a machine that it shares with what it
//! measures.

use crate::shared::{answer_length, number};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// For how long nothing may come.
const PATIENCE: Duration = Duration::from_secs(20);

/// When the next call is sent.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// As soon as the one before was answered.
    Answered,
    /// One every so often, on the next connection in turn that waits for nothing.
    Scheduled(Duration),
}

/// What became of calls.
#[derive(Default)]
pub(crate) struct Sent {
    /// Status, and how long it took to come.
    pub(crate) calls: Vec<(u16, Duration)>,
    /// Calls whose time came while every connection waited for an answer.
    pub(crate) busy: u64,
}

impl Sent {
    pub(crate) fn of(&self, wanted: impl Fn(u16) -> bool) -> Vec<Duration> {
        self.calls.iter().filter(|(status, _)| wanted(*status)).map(|(_, time)| *time).collect()
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// What reading came to.
enum Progress {
    More,
    Answered(u16),
    Closed,
}

impl Connection {
    fn open(address: SocketAddr, poll: &Poll, at: usize) -> Self {
        let stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(at), Interest::READABLE).unwrap();
        Self { stream, buffer: vec![0; 4096], filled: 0 }
    }

    fn read(&mut self) -> Progress {
        match self.stream.read(&mut self.buffer[self.filled..]) {
            Ok(0) => return Progress::Closed,
            Ok(count) => self.filled += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::More,
            Err(_) => return Progress::Closed,
        }
        let bytes = &self.buffer[..self.filled];
        if answer_length(bytes).is_none_or(|length| bytes.len() < length) {
            return Progress::More;
        }
        let status = std::str::from_utf8(&bytes[9..12]).unwrap().parse().unwrap();
        self.filled = 0;
        Progress::Answered(status)
    }
}

/// All connections.
pub(crate) struct Load {
    address: SocketAddr,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    /// Connections that wait for nothing.
    idle: Vec<usize>,
    /// Since when the others wait.
    since: Vec<Option<Instant>>,
    request: Vec<u8>,
    template: Vec<u8>,
    number: u64,
}

impl Load {
    pub(crate) fn connect(address: SocketAddr, connections: usize, template: &[u8]) -> Self {
        let poll = Poll::new().unwrap();
        let open = |at| {
            // More at once than a listener keeps waiting would begin seconds late.
            std::thread::sleep(Duration::from_micros(100));
            Connection::open(address, &poll, at)
        };
        let (open, since) = ((0..connections).map(open).collect(), vec![None; connections]);
        let (idle, events) = ((0..connections).collect(), Events::with_capacity(connections));
        let (request, template) = (Vec::new(), template.to_vec());
        Self { address, poll, events, connections: open, idle, since, request, template, number: 1 }
    }

    fn send(&mut self, at: usize) {
        self.request.clone_from(&self.template);
        number(&mut self.request, self.number);
        self.number += 1;
        self.since[at] = Some(Instant::now());
        // A connection that the server ended meanwhile is found out when its answer is read.
        let written = self.connections[at].stream.write(&self.request).unwrap_or(self.request.len());
        assert_eq!(written, self.request.len(), "a request fits the buffer of a socket");
    }

    /// Calls for so long, then waits for the answers that are missing, which are not counted.
    pub(crate) fn run(&mut self, pace: Pace, length: Duration) -> Sent {
        let (mut sent, began, mut scheduled) = (Sent::default(), Instant::now(), 0_u32);
        let mut last = began;
        loop {
            let now = Instant::now();
            if now - began >= length {
                break;
            }
            let wait = match pace {
                Pace::Answered => {
                    while let Some(at) = self.idle.pop() {
                        self.send(at);
                    }
                    PATIENCE
                }
                Pace::Scheduled(gap) => {
                    while began + gap * scheduled <= now {
                        scheduled += 1;
                        match self.idle.pop() {
                            Some(at) => self.send(at),
                            None => sent.busy += 1,
                        }
                    }
                    // A poll counts whole milliseconds, rounded up: then it is late, and sends what was due meanwhile.
                    (began + gap * scheduled).saturating_duration_since(now)
                }
            };
            if self.receive(wait, &mut sent) {
                last = Instant::now();
            }
            assert!(last.elapsed() < PATIENCE, "the server does not answer");
        }
        let mut late = Sent::default();
        while self.idle.len() < self.connections.len() {
            assert!(self.receive(PATIENCE, &mut late), "the server does not answer");
        }
        sent
    }

    /// Whether anything came.
    fn receive(&mut self, wait: Duration, sent: &mut Sent) -> bool {
        self.poll.poll(&mut self.events, Some(wait)).unwrap();
        for event in &self.events {
            let at = event.token().0;
            let progress = self.connections[at].read();
            if let Progress::More = progress {
                continue;
            }
            let since = self.since[at].take();
            match (progress, since) {
                (Progress::Answered(status), Some(since)) => sent.calls.push((status, since.elapsed())),
                // A server may end a connection after it refused a call without reading its body.
                _ => self.connections[at] = Connection::open(self.address, &self.poll, at),
            }
            if since.is_some() {
                self.idle.push(at);
            }
        }
        !self.events.is_empty()
    }
}
