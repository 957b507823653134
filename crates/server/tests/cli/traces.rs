//! Traces to a collector that reads them by OpenTelemetry's own schema.

use crate::util::*;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Takes one batch and answers it.
fn take(stream: TcpStream) -> Vec<Span> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    let (mut length, mut head) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().contains("content-type: application/x-protobuf"), "{head}");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    let batch = ExportTraceServiceRequest::decode(&*body).unwrap();
    batch.resource_spans.into_iter().flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect()
}

fn ask(method: &str, url: &str, traceparent: &str) {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("{method} /cdp/nothing?apikey=secret HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    write!(stream, "{head}traceparent: {traceparent}\r\nx-request-id: mine\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

fn fetch(url: &str, traceparent: &str) {
    ask("GET", url, traceparent);
}

/// The spans that a server sends of what it is asked here, the last at its end.
fn spans(ask: impl FnOnce(&Server)) -> Vec<Span> {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = directory();
    let mut command = onefold(dir.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--no-demo"]);
    command.env("ONEFOLD__TELEMETRY__OTLP_ENDPOINT", format!("http://{}", collector.local_addr().unwrap()));
    command.env("ONEFOLD__TELEMETRY__SAMPLE_PER_MILLE", "0").env("ONEFOLD__TELEMETRY__EVERY_MS", "100");
    let server = Server::started(command, dir.path());
    ask(&server);
    // What waits is sent at the end too.
    let stopping = std::thread::spawn(move || server.stop());
    let (sender, taken) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(take(collector.accept().unwrap().0)));
    let spans = taken.recv_timeout(PATIENCE).expect("the collector is sent something");
    assert!(stopping.join().unwrap().success());
    spans
}

#[test]
fn a_sampled_request_is_a_span_of_its_callers_trace_and_holds_no_url() {
    let spans = spans(|server| {
        fetch(&server.url, &format!("00-{}-{PARENT}-00", "1".repeat(32)));
        fetch(&server.url, &format!("00-{TRACE}-{PARENT}-01"));
    });
    let [span] = spans.as_slice() else { panic!("one was sampled: {spans:?}") };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    assert_eq!(span.name, "none");
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    let text = format!("{span:?}");
    for told in ["request.no_such_url", "404", "mine", "GET"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!text.contains("secret") && !text.contains("nothing"), "{text}");
}

#[test]
fn a_method_of_the_callers_own_is_not_told() {
    let spans = spans(|server| ask("jane.doe", &server.url, &format!("00-{TRACE}-{PARENT}-01")));
    let text = format!("{spans:?}");
    assert!(text.contains("_OTHER") && !text.contains("jane"), "{text}");
}

#[test]
fn a_collector_that_is_gone_holds_nothing_up() {
    let dir = directory();
    let mut command = onefold(dir.path());
    command.args(["serve", "--listen", "127.0.0.1:0", "--no-demo"]);
    command.env("ONEFOLD__TELEMETRY__OTLP_ENDPOINT", "http://127.0.0.1:1").env("ONEFOLD__TELEMETRY__EVERY_MS", "100");
    let server = Server::started(command, dir.path());
    for _ in 0..20 {
        fetch(&server.url, &format!("00-{TRACE}-{PARENT}-01"));
    }
    assert!(server.stop().success());
}

#[test]
fn an_endpoint_that_cannot_be_is_refused_before_the_start() {
    let dir = directory();
    for wrong in ["https://collector:4318", "collector:4318", "http://user:pass@collector", "http://c/?key=1"] {
        let ran = run(onefold(dir.path()).arg("config").env("ONEFOLD__TELEMETRY__OTLP_ENDPOINT", wrong));
        assert_ne!(ran.status, 0, "{wrong}");
        assert!(format!("{ran:?}").contains("telemetry.otlp_endpoint"), "{ran:?}");
    }
}
