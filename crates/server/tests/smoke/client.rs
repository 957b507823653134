//! A client that keeps one connection, and the calls of an organisation.

use crate::util::PATIENCE;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// One call, so that it can be made again.
#[derive(Clone, Debug)]
pub struct Call {
    pub path: &'static str,
    /// The `Idempotency-Key`.
    pub key: Option<String>,
    /// Whether to ask for no body.
    pub minimal: bool,
    pub body: Value,
}

impl Call {
    pub fn new(path: &'static str, body: Value) -> Self {
        Self { path, key: None, minimal: false, body }
    }
}

/// What the server said.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    /// Null where there is none.
    pub json: Value,
}

impl Answer {
    pub fn is_done(&self) -> bool {
        matches!(self.status, 200 | 201 | 204)
    }

    /// Whether nobody knows if it was done, or done in full.
    pub fn is_open(&self) -> bool {
        self.json["retry"] == "same"
    }

    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    /// The UCID that a write names.
    pub fn ucid(&self) -> Option<String> {
        self.headers.get("x-ucid").map(|ucid| ucid.to_str().unwrap().to_owned())
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The request did not leave: it was surely not done.
    NotSent,
    /// It may have been done.
    Lost,
}

/// One connection.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
    key: String,
}

impl Client {
    /// To a server that answers.
    pub async fn connect(url: &str, key: &str) -> Self {
        Self::try_connect(url, key).await.expect("the server takes connections")
    }

    /// To one that may be on its way out.
    pub async fn try_connect(url: &str, key: &str) -> Option<Self> {
        let host = url.strip_prefix("http://").unwrap().to_owned();
        let stream = TcpStream::connect(&host).await.ok()?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        Some(Self { sender, host, key: key.into() })
    }

    /// Makes a call and waits for the whole answer.
    pub async fn call(&mut self, call: &Call) -> Result<Answer, NoAnswer> {
        let answered = timeout(PATIENCE, self.exchange("POST", call)).await;
        answered.unwrap_or_else(|_| panic!("no answer in {PATIENCE:?}: {call:?}"))
    }

    /// Reads a URL.
    pub async fn get(&mut self, path: &'static str) -> Answer {
        let call = Call::new(path, Value::Null);
        timeout(PATIENCE, self.exchange("GET", &call)).await.unwrap().unwrap()
    }

    /// Makes a call that must be done.
    pub async fn done(&mut self, call: &Call) -> Answer {
        let answer = self.call(call).await.unwrap();
        assert!(answer.is_done(), "{call:?}: {answer:?}");
        answer
    }

    async fn exchange(&mut self, method: &str, call: &Call) -> Result<Answer, NoAnswer> {
        self.sender.ready().await.map_err(|_| NoAnswer::NotSent)?;
        let sent = self.sender.send_request(request(&self.host, &self.key, method, call));
        let reason = |error: hyper::Error| if error.is_canceled() { NoAnswer::NotSent } else { NoAnswer::Lost };
        let (head, body) = sent.await.map_err(reason)?.into_parts();
        let body = body.collect().await.map_err(|_| NoAnswer::Lost)?.to_bytes();
        let json = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, json })
    }
}

fn request(host: &str, key: &str, method: &str, call: &Call) -> hyper::Request<Full<Bytes>> {
    let mut request = hyper::Request::builder().method(method).uri(call.path);
    request = request.header("host", host).header("apikey", key).header("content-type", "application/json");
    if let Some(key) = &call.key {
        request = request.header("idempotency-key", key);
    }
    if call.minimal {
        request = request.header("prefer", "return=minimal");
    }
    let body = if call.body.is_null() { String::new() } else { call.body.to_string() };
    request.body(Full::from(body)).unwrap()
}

/// An organisation without limits, with a key for all that the tests do.
#[derive(Clone, Debug)]
pub struct Org {
    pub id: u64,
    pub key: String,
}

impl Org {
    /// Made with the root key over `/admin/v1`. There is one: the paths name its number.
    pub async fn make(url: &str, root_key: &str) -> Self {
        let mut root = Client::connect(url, root_key).await;
        let limits = json!({"perSecond": 0, "perMinute": 0});
        let org = json!({"name": "smoke", "orgId": 1, "limits": limits});
        let org = root.done(&Call::new("/admin/v1/orgs", org)).await.json;
        let scopes = json!({"name": "smoke", "scopes": ["profile.read", "profile.write", "profile.delete"]});
        let key = root.done(&Call::new("/admin/v1/orgs/1/keys", scopes)).await.json;
        Self { id: org["orgId"].as_u64().unwrap(), key: key["apikey"].as_str().unwrap().into() }
    }
}

/// Kind and value.
pub type Id = (String, String);

/// Writes a person: a marker into a list, and one more into a counter.
pub fn write<'a>(org: &Org, ids: impl IntoIterator<Item = &'a Id>, marker: &str) -> Call {
    let ids: serde_json::Map<String, Value> =
        ids.into_iter().map(|(kind, value)| (kind.clone(), json!(value))).collect();
    let profile = json!({"markers": {"$append": marker}, "count": {"$add": 1}});
    Call::new("/cdp/v1/users", json!({"orgId": org.id, "region": "EU", "ids": ids, "upsert": {"profile": profile}}))
}

/// Deletes whoever has this identifier.
pub fn delete(org: &Org, (kind, value): &Id) -> Call {
    let ids = json!({kind: [value]});
    Call::new("/cdp/v1/users/_delete", json!({"orgId": org.id, "region": "EU", "ids": ids}))
}

/// Looks for at most five identifiers, and asks which of them found whom.
pub fn search(org: &Org, ids: &[Id]) -> Call {
    let mut kinds = serde_json::Map::new();
    for (kind, value) in ids {
        kinds.entry(kind).or_insert_with(|| json!([])).as_array_mut().unwrap().push(json!(value));
    }
    let body =
        json!({"orgId": org.id, "regions": ["EU"], "search": kinds, "include": ["matched"], "onMissing": "empty"});
    Call::new("/cdp/v1/users/_search", body)
}
