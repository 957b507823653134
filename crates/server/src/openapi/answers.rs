//! What operations answer: their own bodies and headers, and the errors that every call of their sort can meet.

use super::Schemas;
use super::operations::Operation;
use crate::http::{Needs, Route};
use serde_json::{Map, Value, json};

/// What an operation answers, by status.
pub(super) fn responses(route: &Route, operation: &Operation, schemas: &mut Schemas) -> Map<String, Value> {
    let mut responses = Map::new();
    for (status, words, body) in operation.answers {
        let mut response = json!({"description": words, "headers": named(&headers_of(route, operation))});
        if let Some(body) = body {
            let media = media_type(operation);
            response["content"] = json!({media: {"schema": body(schemas)}});
        }
        responses.insert(status.to_string(), response);
    }
    for status in failures(route, operation) {
        let reference = json!({"$ref": format!("#/components/responses/{}", name(status))});
        responses.insert(status.to_string(), reference);
    }
    responses
}

fn reason(status: u16) -> &'static str {
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.unwrap_or("Not Done")
}

/// What an answer with this status is referred to by.
fn name(status: u16) -> String {
    reason(status).replace(' ', "")
}

fn media_type(operation: &Operation) -> &'static str {
    match operation.id {
        "alive" | "ready" | "metrics" => "text/plain",
        "docs" => "text/html",
        "backup" => "application/octet-stream",
        _ => "application/json",
    }
}

/// A header of answers.
struct Header {
    name: &'static str,
    about: &'static str,
    /// Its type in the sense of JSON Schema.
    kind: &'static str,
}

const fn header(name: &'static str, about: &'static str) -> Header {
    Header { name, about, kind: "string" }
}

const fn number(name: &'static str, about: &'static str) -> Header {
    Header { name, about, kind: "integer" }
}

const TOLD: &[Header] = &[
    header("X-Request-Id", "Names the request"),
    header("ETag", "Of the person as shown, where it is one"),
    header("X-Ucid", "The person's UCID"),
    header("X-Zeotap-UCID", "The same, for older clients"),
    header("X-Onefold-Not-Attached", "With 204: kinds whose values stayed with somebody else"),
    header("X-Onefold-Not-Linked", "With 204: kinds whose people were not joined"),
    header(
        "X-Onefold-Notice",
        "Where the average answer to a fetch was above 1 KB in the last hour: what to do about it",
    ),
    header("RateLimit-Policy", "All limits of the caller, calls (`q`) in so many seconds (`w`); absent without limits"),
    header("RateLimit", "Of the limit that is nearest, or was hit: calls left (`r`), seconds until it is full (`t`)"),
    number("Retry-After", "Seconds until it may be tried again"),
    number("X-RateLimit-Reset", "Seconds until there is another call"),
    header("WWW-Authenticate", "What credentials there are: an API key, or a bearer token where tokens are accepted"),
];
/// Headers of every call that was counted.
const LIMITED: &[&str] = &["RateLimit-Policy", "RateLimit"];

/// The headers, to be referred to by their name.
pub(super) fn headers() -> Map<String, Value> {
    let described = |header: &Header| json!({"description": header.about, "schema": {"type": header.kind}});
    TOLD.iter().map(|header| (header.name.to_owned(), described(header))).collect()
}

fn named(names: &[&str]) -> Map<String, Value> {
    let reference = |name: &&str| json!({"$ref": format!("#/components/headers/{name}")});
    names.iter().map(|name| ((*name).to_owned(), reference(name))).collect()
}

/// Headers of what is done.
fn headers_of(route: &Route, operation: &Operation) -> Vec<&'static str> {
    let own: &[&str] = match operation.id {
        "fetch" => &["ETag", "X-Onefold-Notice"],
        "upsert" => &["ETag", "X-Ucid", "X-Zeotap-UCID", "X-Onefold-Not-Attached", "X-Onefold-Not-Linked"],
        _ => &[],
    };
    let limited = if route.needs == Needs::Nothing { &[] } else { LIMITED };
    [&["X-Request-Id"][..], own, limited].concat()
}

/// Every status of an error that there is: 429 and 503 say when to come again.
const FAILED: [u16; 14] = [400, 401, 403, 404, 408, 409, 412, 413, 415, 429, 500, 502, 503, 504];

/// Answers of what is not done, to be referred to by the reason of their status.
pub(super) fn failed(problem: &Value) -> Map<String, Value> {
    let response = |status: u16| {
        let further: &[&str] = match status {
            401 => &["WWW-Authenticate"],
            429 => &["Retry-After", "X-RateLimit-Reset"],
            503 => &["Retry-After"],
            _ => &[],
        };
        let limited = if status == 401 { &[] } else { LIMITED };
        json!({
            "description": reason(status), "headers": named(&[&["X-Request-Id"][..], limited, further].concat()),
            "content": {"application/problem+json": {"schema": problem}}
        })
    };
    FAILED.into_iter().map(|status| (name(status), response(status))).collect()
}

/// Statuses of errors: those of every call, of a call with a key, of one with a body, and its own.
fn failures(route: &Route, operation: &Operation) -> Vec<u16> {
    let mut failures = [&[500, 503][..], operation.fails].concat();
    if route.needs != Needs::Nothing {
        failures.extend([400, 401, 403, 429, 502, 504]);
    }
    if operation.body.is_some() {
        failures.extend([408, 413, 415]);
    }
    failures.sort_unstable();
    failures.dedup();
    failures
}
