//! A world to call: one organisation with regions EU and US and a key for everything, and another organisation.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use onefold::auth::Last;
use onefold::config::{Config, Layer};
use onefold::front::Front;
use onefold::token::Tokens;
use onefold::{App, system::SystemEntropy};
use onefold_core::id::{OrgId, Region};
use onefold_core::org::{OrgLimits, Scope, Scopes, WriteAnswer};
use onefold_core::service::Service;
use onefold_core::service::keys::NewKey;
use onefold_core::service::orgs::NewOrg;
use onefold_core::store::Store;
use onefold_core::tables::Table;
use onefold_core::time::{Clock, Ms};
use onefold_engines::faulty::{Call as StoreCall, Fault};
use onefold_engines::{Faulty, Memory};
use serde_json::Value;
pub use serde_json::json;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The moment at which every world begins.
pub const NOW: Ms = 1_735_689_600_000;
/// The organisation that tests speak for.
pub const ORG: u64 = 7;
/// Another.
pub const OTHER_ORG: u64 = 8;
/// The key that opens `/admin`.
pub const ROOT_KEY: &str = "root_of_the_tests";

pub const SEARCH: &str = "/cdp/v1/users/_search";
pub const USERS: &str = "/cdp/v1/users";
pub const DELETE: &str = "/cdp/v1/users/_delete";
pub const EXPLAIN: &str = "/cdp/v1/users/_explain";
pub const SPLIT: &str = "/cdp/v1/users/_split";
/// Where an organisation says how people are made.
pub const ADMIN: &str = "/admin/v1/orgs/7";

/// A clock that moves when it is told to.
pub struct TestClock(AtomicU64);

impl TestClock {
    pub fn advance(&self, by: Ms) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Ms {
        self.0.load(Ordering::SeqCst)
    }
}

/// A server and the keys to it.
pub struct World {
    pub app: Arc<App>,
    pub front: Front,
    pub clock: Arc<TestClock>,
    pub store: Arc<Memory>,
    /// Of [`ORG`], with every scope; its name is `tests`.
    pub key: String,
    /// Of [`OTHER_ORG`], with every scope.
    pub other_key: String,
}

/// What the store does to calls of one table, when a test says so.
#[derive(Clone, Default)]
pub struct Trouble(Arc<Mutex<Option<(Table, Fault)>>>);

impl Trouble {
    /// From now on, every write of this table (and every read, where the fault is of that sort) fails so.
    pub fn with(&self, table: Table, fault: Fault) {
        *self.0.lock().unwrap() = Some((table, fault));
    }

    fn choose(&self, call: &StoreCall<'_>) -> Fault {
        match *self.0.lock().unwrap() {
            Some((table, fault)) if call.partition.table == table => fault,
            _ => Fault::None,
        }
    }
}

/// Over a store that can fail.
pub async fn world_in_trouble() -> (World, Trouble) {
    let (memory, trouble) = (Arc::new(Memory::new()), Trouble::default());
    let store = {
        let trouble = trouble.clone();
        Arc::new(Faulty::chosen(memory.clone(), move |call: &StoreCall<'_>| trouble.choose(call)))
    };
    (world_over(store, memory, "").await, trouble)
}

/// With the settings that tests have.
pub async fn world() -> World {
    world_with("").await
}

/// With some settings of its own.
pub async fn world_with(settings: &str) -> World {
    let store = Arc::new(Memory::new());
    world_over(store.clone(), store, settings).await
}

/// Over a store that wraps the memory engine in something.
pub async fn world_over(store: Arc<dyn Store>, memory: Arc<Memory>, settings: &str) -> World {
    let clock = Arc::new(TestClock(AtomicU64::new(NOW)));
    let service = Service::open(store, clock.clone(), Arc::new(SystemEntropy)).await.unwrap();
    let layers = [Layer::document("tests", "[engine]\nkind = 'memory'"), Layer::document("test", settings)];
    let config = Config::load(&layers).unwrap();
    let tokens = Tokens::open(&config.token).unwrap();
    let app = Arc::new(App { tokens, ..App::new(service, config, ROOT_KEY) });
    let front = onefold::front(app.clone());
    let mut world = World { app, front, clock, store: memory, key: String::new(), other_key: String::new() };
    world.org(ORG, OrgLimits::default(), WriteAnswer::Profile).await;
    world.org(OTHER_ORG, OrgLimits::default(), WriteAnswer::Profile).await;
    world.key = world.new_key(ORG, Scope::ALL.into_iter().collect()).await;
    world.other_key = world.new_key(OTHER_ORG, Scope::ALL.into_iter().collect()).await;
    world
}

impl World {
    /// Makes an organisation with regions EU and US.
    pub async fn org(&self, id: u64, limits: OrgLimits, write_answer: WriteAnswer) {
        let regions: Vec<Region> = ["EU", "US"].iter().map(|code| code.parse().unwrap()).collect();
        let id = OrgId::new(id).unwrap();
        let new = NewOrg { id: Some(id), name: "Tests".into(), regions, limits, write_answer };
        self.app.service.create_org(new).await.unwrap();
    }

    /// Makes a key and gives its secret.
    pub async fn new_key(&self, org: u64, scopes: Scopes) -> String {
        let new = NewKey { name: "tests".into(), scopes, expires: None, rate: None };
        self.app.service.create_key(OrgId::new(org).unwrap(), new).await.unwrap().secret
    }

    /// A call, with the key for everything.
    pub fn call(&self, method: Method, url: &str) -> Call {
        let request = Request::builder().method(method).uri(url).header("apikey", &self.key).body(Body::empty());
        Call { front: self.front.clone(), request: request.unwrap() }
    }

    pub fn get(&self, url: &str) -> Call {
        self.call(Method::GET, url)
    }

    pub fn post(&self, url: &str, body: Value) -> Call {
        self.call(Method::POST, url).header("content-type", "application/json").body(body.to_string())
    }

    /// A search of [`ORG`]; `body` says the rest.
    pub fn search(&self, body: Value) -> Call {
        self.post(SEARCH, with(json!({"orgId": ORG}), body))
    }

    /// A search by one identifier.
    pub fn find(&self, kind: &str, value: &str) -> Call {
        self.search(json!({"search": {kind: [value]}}))
    }

    /// A write of [`ORG`] in EU; `body` says the rest.
    pub fn write(&self, body: Value) -> Call {
        self.post(USERS, with(json!({"orgId": ORG, "region": "EU", "upsert": {}}), body))
    }

    /// A write that says something of the profile of one identifier, in the form most tests use.
    pub fn say(&self, user: &str, profile: Value) -> Call {
        self.write(json!({"ids": {"user_id": user}, "upsert": {"profile": profile}}))
    }

    /// A delete of [`ORG`] in EU; `body` says the rest.
    pub fn delete(&self, body: Value) -> Call {
        self.post(DELETE, with(json!({"orgId": ORG, "region": "EU"}), body))
    }

    /// A call of an administrator of [`ORG`]; `path` begins behind the organisation.
    pub fn admin(&self, method: Method, path: &str, body: Value) -> Call {
        self.call(method, &format!("{ADMIN}{path}")).header("content-type", "application/json").body(body.to_string())
    }

    /// An explanation of whom this identifier leads to.
    pub async fn explain(&self, kind: &str, value: &str) -> Value {
        self.post(EXPLAIN, json!({"orgId": ORG, "search": {kind: [value]}})).await.ok()[0].take()
    }

    /// Splits `linked` out of `ucid`.
    pub fn split(&self, ucid: &str, linked: &str) -> Call {
        self.post(SPLIT, json!({"orgId": ORG, "region": "EU", "ucid": ucid, "linkedUcid": linked}))
    }

    /// The profile of a `user_id`, as a fetch shows it.
    pub async fn profile(&self, user: &str) -> Value {
        self.find("user_id", user).await.ok()[0].take()
    }
}

/// One object with the members of two; the second wins, and its nulls take members away.
pub fn with(mut base: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => _ = base.as_object_mut().unwrap().remove(name),
            value => base[name] = value.clone(),
        }
    }
    base
}

/// A call that is made when it is awaited.
pub struct Call {
    front: Front,
    request: Request<Body>,
}

impl Call {
    /// With this header, instead of one of that name.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().insert(name, value.parse().unwrap());
        self
    }

    /// Without a header.
    pub fn without(mut self, name: &str) -> Self {
        self.request.headers_mut().remove(name);
        self
    }

    /// With another key.
    pub fn key(self, key: &str) -> Self {
        self.header("apikey", key)
    }

    /// With a bearer token for an organisation, instead of a key.
    pub fn bearer(self, token: &str, org: u64) -> Self {
        self.without("apikey").header("authorization", &format!("Bearer {token}")).header("orgid", &org.to_string())
    }

    /// Made on a connection that may have been used before.
    #[allow(dead_code)] // only by the tests of tokens
    pub async fn on(self, last: &Last) -> Answer {
        Answer::of(self.front.answer_on(last, self.request).await).await
    }

    /// With this body, whatever it is.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { Answer::of(self.front.answer(self.request).await).await })
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (head, body) = response.into_parts();
        Self { status: head.status, headers: head.headers, bytes: body.collect().await.unwrap().to_bytes() }
    }

    /// A header as text; none is empty.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The body of a 200.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.bytes));
        assert_eq!(self.header("content-type"), "application/json");
        self.json()
    }

    /// A 204 has no body.
    #[track_caller]
    pub fn no_content(&self) -> &Self {
        assert_eq!(self.status, 204, "{}", String::from_utf8_lossy(&self.bytes));
        assert!(self.bytes.is_empty());
        self
    }

    /// A problem with this status and code, in the form that all have.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(self.status, status, "{text}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{text}");
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem
    }

    /// A 400 with this code, whose faults are at these places.
    #[track_caller]
    pub fn wrong_at(&self, code: &str, pointers: &[&str]) {
        let problem = self.refused(400, code);
        let faults = problem["errors"].as_array().unwrap().iter();
        let at: Vec<&str> = faults.map(|fault| fault["pointer"].as_str().unwrap()).collect();
        assert_eq!(at, pointers);
    }
}
