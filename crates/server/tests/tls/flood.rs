//! A client of HTTP/2 that asks and takes it back, again and again (CVE-2023-44487).

use crate::place::{Place, peers};
use crate::util::PATIENCE;
use std::io::{ErrorKind, Read, Write};
use std::process::Stdio;

/// A frame of HTTP/2: length, type, flags, stream, payload.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[test]
fn requests_that_are_taken_back_at_once_end_the_connection() {
    if !peers() {
        return;
    }
    let place = Place::open("");
    let mut command = std::process::Command::new("openssl");
    let address = place.tls.replace("https://localhost", "127.0.0.1");
    command.args(["s_client", "-quiet", "-alpn", "h2", "-connect", &address]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut sender = child.stdin.take().unwrap();
    let mut said = child.stdout.take().unwrap();
    let hearing = std::thread::spawn(move || {
        let mut heard = Vec::new();
        let _ = said.read_to_end(&mut heard);
        heard
    });
    sender.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    sender.write_all(&frame(4, 0, 0, &[])).unwrap();
    // GET https / at "x", then RST_STREAM with CANCEL; as long as the server takes them.
    let head = [0x82, 0x87, 0x84, 0x41, 0x01, b'x'];
    let ended = (0..200_000u32).find_map(|at| {
        let stream = 2 * at + 1;
        let both = [frame(1, 5, stream, &head), frame(3, 0, stream, &8u32.to_be_bytes())].concat();
        sender.write_all(&both).err()
    });
    let until = std::time::Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let left_alone = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    let _ = child.wait();
    let heard = hearing.join().unwrap();
    assert!(!left_alone && ended.is_none_or(|error| error.kind() == ErrorKind::BrokenPipe), "the server went along");
    // GOAWAY with ENHANCE_YOUR_CALM.
    let goaway = heard.windows(17).any(|it| it[3] == 7 && it[..3] != [0, 0, 0] && it[13..17] == 11u32.to_be_bytes());
    assert!(goaway, "it says why: {heard:?}");
    assert!(place.curl(&[&(place.tls.clone() + "/healthz")]).stdout.ends_with(" 200"), "and serves the others");
}
