//! Calls against the whole server in process: its routes, headers, queries, bodies, and what the rules make of them.
//! Every input begins with the same world, so that each can be replayed: one organisation and a key, a clock that stands
//! still, dice that are none.

use crate::app::App;
use crate::auth::Last;
use crate::config::{Config, Layer};
use crate::front::Front;
use crate::serve;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::BodyExt;
use onefold_core::id::OrgId;
use onefold_core::org::{OrgLimits, Scope, WriteAnswer};
use onefold_core::service::Service;
use onefold_core::service::keys::NewKey;
use onefold_core::service::orgs::NewOrg;
use onefold_core::time::{Clock, Entropy, Ms};
use onefold_engines::Memory;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const ORG: u64 = 7;
const ROOT_KEY: &str = "root_of_the_fuzzer";
/// What stands in an input for the key of the organisation, which has every scope.
const KEY: &str = "KEY";
/// Between the requests of one input.
const NEXT: u8 = 0x1e;
/// Requests of one input; more would only make it slow.
const REQUESTS: usize = 8;
/// Bytes of what a connection sends and of what it is answered.
const CONNECTION_BYTES: usize = 1 << 20;

struct Still;

impl Clock for Still {
    fn now(&self) -> Ms {
        1_735_689_600_000
    }
}

/// Different numbers each time, and the same ones for each input.
#[derive(Default)]
struct Counted(AtomicU64);

impl Entropy for Counted {
    fn bits(&self) -> u128 {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        u128::from(count).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

struct World {
    front: Front,
    key: String,
}

impl World {
    async fn begin() -> Self {
        let service = Service::open(Arc::new(Memory::new()), Arc::new(Still), Arc::new(Counted::default())).await;
        let config = Config::load(&[Layer::document("fuzz", "[engine]\nkind = 'memory'")]);
        let config = config.expect("the settings are ours");
        let regions = config.regions();
        let app = App::new(service.expect("nothing fails in memory"), config, ROOT_KEY);
        let org = OrgId::new(ORG).expect("a number in its bounds");
        let limits = OrgLimits { per_second: 0, per_minute: 0, ..OrgLimits::default() };
        let new = NewOrg { id: Some(org), name: "Fuzz".into(), regions, limits, write_answer: WriteAnswer::Profile };
        app.service.create_org(new).await.expect("the first organisation");
        let scopes = Scope::ALL.into_iter().collect();
        let new = NewKey { name: "fuzz".into(), scopes, expires: None, rate: None };
        let key = app.service.create_key(org, new).await.expect("the first key").secret;
        Self { front: crate::front(Arc::new(app)), key }
    }

    /// The value of a header or the text of a path, with the key where it is asked for.
    fn with_key(&self, text: &[u8]) -> Vec<u8> {
        String::from_utf8(text.to_vec()).map_or(text.to_vec(), |text| text.replace(KEY, &self.key).into_bytes())
    }

    /// A request in the form of one: method and path, lines of headers, an empty line, the body. Where no header says
    /// who calls, the key does.
    fn request(&self, text: &[u8]) -> Option<Request<Body>> {
        let (head, body) = split(text, b"\n\n").unwrap_or((text, b""));
        let mut lines = head.split(|byte| *byte == b'\n');
        let (method, path) = split(lines.next()?, b" ")?;
        let mut request = Request::builder().method(method).uri(self.with_key(path));
        let mut is_known = false;
        for line in lines {
            let (name, value) = split(line, b": ")?;
            is_known |= [&b"apikey"[..], b"authorization"].contains(&name);
            request = request.header(name, self.with_key(value));
        }
        if !is_known {
            request = request.header("apikey", &self.key);
        }
        request.body(Body::from(body.to_vec())).ok()
    }
}

fn split<'t>(text: &'t [u8], by: &[u8]) -> Option<(&'t [u8], &'t [u8])> {
    let at = text.windows(by.len()).position(|window| window == by)?;
    Some((&text[..at], &text[at + by.len()..]))
}

fn block_on(future: impl Future<Output = ()>) {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime of one thread");
    }
    RUNTIME.with(|runtime| runtime.block_on(future));
}

/// Requests one after the other. None is a fault of ours, and every answer is what its head says.
pub(super) fn requests(data: &[u8]) {
    block_on(async {
        let world = World::begin().await;
        for text in data.split(|byte| *byte == NEXT).take(REQUESTS) {
            let Some(request) = world.request(text) else { continue };
            check(world.front.answer(request).await).await;
        }
    });
}

async fn check(response: Response) {
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a body that is there").to_bytes();
    assert!(head.headers.contains_key("x-request-id"), "no name: {head:?}");
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if head.headers.contains_key(CONTENT_ENCODING) || !kind.ends_with("json") {
        return;
    }
    let said: Value = serde_json::from_slice(&body).expect("what says that it is JSON is JSON");
    assert!(![500, 502, 503, 504].contains(&head.status.as_u16()), "{said}");
    if head.status.as_u16() >= 400 {
        let code = said["code"].as_str().expect("a problem has a code");
        assert!(kind == "application/problem+json" && code.contains('.'), "{said}");
    }
}

/// Bytes as a client may send them to the plain listener, over HTTP/1.
pub(super) fn connection(data: &[u8]) {
    block_on(async {
        let world = World::begin().await;
        let (mut client, server) = tokio::io::duplex(CONNECTION_BYTES);
        client.write_all(&world.with_key(&data[..data.len().min(CONNECTION_BYTES / 2)])).await.expect("there is room");
        client.shutdown().await.expect("nobody else closes it");
        serve::fuzz(&world.front, server, &Last::default()).await;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.expect("what was said can be read");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{}", String::from_utf8_lossy(&answer));
        assert!(!answer.starts_with(b"HTTP/1.1 500"), "{}", String::from_utf8_lossy(&answer));
    });
}
