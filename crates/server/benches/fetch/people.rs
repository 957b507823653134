//! An organisation with some thousand persons of one kilobyte each, and the requests about them.

use crate::client::{Client, Requests};
use crate::shared::{NUMBER, ORG, Server, asked, body, organisation, request, write};
use crate::{ANSWER_BYTES, CONNECTIONS, FEW_PERSONS, PERSONS};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const FETCH: &str = "/cdp/v1/users/_search";

/// Files of requests, and of the one answer that the bare server gives.
pub(crate) struct World {
    pub(crate) answer: PathBuf,
    pub(crate) fetches: PathBuf,
    pub(crate) few_fetches: PathBuf,
    pub(crate) updates: PathBuf,
    pub(crate) arrivals: PathBuf,
}

fn user(number: usize) -> String {
    format!("user-{number:08}")
}

fn fetch(key: &str, number: usize) -> Vec<u8> {
    request(FETCH, key, &json!({"orgId": ORG, "search": {"user_id": [user(number)]}}))
}

/// A person whose answer has so much in it.
fn person(padding: usize) -> Value {
    json!({
        "first_name": "Jane", "last_name": "Doe", "city": "Lisbon", "age": 34, "newsletter": true,
        "loyalty": {"tier": "gold", "points": 1280}, "interests": ["running", "hiking", "cooking"],
        "last_seen": "000000000000", "about": "x".repeat(padding),
    })
}

impl World {
    pub(crate) fn make(server: &Server, scratch: &Path) -> Self {
        let key = organisation(server);
        let ids = |number| json!({ "user_id": user(number) });
        asked(server, &write(&key, &ids(0), &person(0)));
        let padding = ANSWER_BYTES - body(&asked(server, &fetch(&key, 0))).len();
        let people = (0..PERSONS).map(|number| write(&key, &ids(number), &person(padding))).collect();
        let fetches: Vec<_> = (0..PERSONS).map(|number| fetch(&key, number)).collect();
        each_once(server, people);
        each_once(server, fetches.clone());
        let answer = asked(server, &fetch(&key, 0));
        assert_eq!(body(&answer).len(), ANSWER_BYTES);
        let number = std::str::from_utf8(NUMBER).unwrap();
        let update = |at| write(&key, &ids(at), &json!({"last_seen": number}));
        let both = json!({"user_id": number, "device_id": number});
        let file = |name: &str, requests: Vec<Vec<u8>>| {
            let path = scratch.join(name);
            std::fs::write(&path, requests.join(&0)).unwrap();
            path
        };
        Self {
            answer: file("answer", vec![answer]),
            few_fetches: file("few_fetches", fetches[..FEW_PERSONS].to_vec()),
            fetches: file("fetches", fetches),
            updates: file("updates", (0..PERSONS).map(update).collect()),
            arrivals: file("arrivals", vec![write(&key, &both, &person(padding))]),
        }
    }
}

/// Every request, on all connections, in any order.
fn each_once(server: &Server, requests: Vec<Vec<u8>>) {
    let mut left = requests.len().saturating_sub(CONNECTIONS);
    Client::connect(server.address).ask(&mut Requests::new(requests, 0), |_, _| {
        let more = left > 0;
        left = left.saturating_sub(1);
        more
    });
}
