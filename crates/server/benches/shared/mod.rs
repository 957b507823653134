//! What benches have in common: a server in a process of its own, and HTTP as it stands on the wire.

#![allow(dead_code, reason = "each bench uses a part")]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The root key of the server that is measured.
pub(crate) const ROOT_KEY: &str = "root_of_the_bench";
/// The organisation that [`organisation`] makes.
pub(crate) const ORG: u64 = 1;
/// Where profiles are written.
pub(crate) const WRITE: &str = "/cdp/v1/users";
/// Where a request has this, it is replaced by a number that no other has.
pub(crate) const NUMBER: &[u8; 12] = b"############";

/// A server, until this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Onefold over a new data directory, with its default settings but for these variables of its environment.
    pub(crate) fn onefold(program: &Path, data: &Path, settings: &[(&str, &str)]) -> Self {
        let mut command = Command::new(program);
        command.args(["serve", "--no-demo", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.envs(settings.iter().copied()).stderr(Stdio::null());
        Self::start(command.env("ONEFOLD_ROOT_KEY", ROOT_KEY))
    }

    /// Any that says where it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.find_map(|line| Some(line.ok()?.strip_prefix("listening on http://")?.to_owned()));
        let address = said.expect("the server says where it listens").parse().unwrap();
        std::thread::spawn(move || lines.count());
        Self { child, address }
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Processor time that a process has taken, all its threads together.
pub(crate) fn cpu(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name, which may hold anything, ends with the last bracket; 12 and 13 after it are user and system time.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap()..].split_whitespace().collect();
    let ticks: u64 = fields[12..14].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// How busy the machine is with everything that runs on it.
pub(crate) fn machine() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores, load average {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "));
}

/// A call with a body.
pub(crate) fn request(path: &str, key: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: onefold\r\napikey: {key}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A write about one person.
pub(crate) fn write(key: &str, ids: &Value, profile: &Value) -> Vec<u8> {
    request(WRITE, key, &json!({"orgId": ORG, "region": "EU", "ids": ids, "upsert": {"profile": profile}}))
}

/// Where something begins.
pub(crate) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = wanted[0];
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == first) {
        from += at;
        if text[from..].starts_with(wanted) {
            return Some(from);
        }
        from += 1;
    }
    None
}

/// Puts a number where a request has [`NUMBER`].
pub(crate) fn number(request: &mut [u8], number: u64) {
    while let Some(at) = find(request, NUMBER) {
        request[at..at + NUMBER.len()].copy_from_slice(format!("{number:012}").as_bytes());
    }
}

/// Bytes of an answer as its head says, once that is there.
pub(crate) fn answer_length(bytes: &[u8]) -> Option<usize> {
    let head = find(bytes, b"\r\n\r\n")? + 4;
    let name = b"content-length: ";
    let Some(at) = find(&bytes[..head], name) else { return Some(head) };
    let digits = bytes[at + name.len()..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(head + digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0')))
}

/// The body of an answer.
pub(crate) fn body(answer: &[u8]) -> &[u8] {
    &answer[find(answer, b"\r\n\r\n").unwrap() + 4..]
}

/// One request on a connection of its own.
pub(crate) fn asked(server: &Server, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(request).unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    while answer_length(&answer).is_none_or(|length| answer.len() < length) {
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "the server closed the connection");
        answer.extend_from_slice(&piece[..count]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 20"), "refused: {}", String::from_utf8_lossy(&answer));
    answer
}

/// Makes an organisation of one region and no limits, and gives a key of it.
pub(crate) fn organisation(server: &Server) -> String {
    let call = |path: &str, body: Value| -> Value {
        serde_json::from_slice(self::body(&asked(server, &request(path, ROOT_KEY, &body)))).unwrap()
    };
    let org =
        call("/admin/v1/orgs", json!({"name": "Bench", "regions": ["EU"], "limits": {"perSecond": 0, "perMinute": 0}}));
    assert_eq!(org["orgId"], ORG, "{org}");
    let scopes = ["profile.read", "profile.write"];
    let key = call("/admin/v1/orgs/1/keys", json!({"name": "bench", "scopes": scopes}));
    key["apikey"].as_str().expect("a key").to_owned()
}
