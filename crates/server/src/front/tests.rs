//! A fetch is answered alike with and without the router, and a connection that is remembered opens no more than one
//! that is not.

use super::*;
use crate::config::{Config, Layer};
use crate::system::{SystemClock, SystemEntropy};
use onefold_core::id::OrgId;
use onefold_core::org::{KeyId, OrgLimits, Scope, Scopes, WriteAnswer};
use onefold_core::service::Service;
use onefold_core::service::keys::{NewKey, ShownKey};
use onefold_core::service::orgs::NewOrg;
use onefold_engines::Memory;

async fn front() -> Front {
    front_with("").await
}

async fn front_with(settings: &str) -> Front {
    let service = Service::open(Arc::new(Memory::new()), Arc::new(SystemClock), Arc::new(SystemEntropy)).await;
    let config = Layer::document("test", &format!("[engine]\nkind = 'memory'\n{settings}"));
    let config = Config::load(&[config]).unwrap();
    let front = crate::front(Arc::new(App::new(service.unwrap(), config, "root_of_the_test")));
    for id in [7, 8] {
        let (id, regions) = (OrgId::new(id).ok(), vec!["EU".parse().unwrap()]);
        let (limits, write_answer) = (OrgLimits::default(), WriteAnswer::Profile);
        let org = NewOrg { id, name: "Tests".into(), regions, limits, write_answer };
        front.app.service.create_org(org).await.unwrap();
    }
    front
}

async fn key(front: &Front, org: u64, scope: Scope) -> ShownKey {
    let new = NewKey { name: "tests".into(), scopes: Scopes::NONE.with(scope), expires: None, rate: None };
    front.app.service.create_key(OrgId::new(org).unwrap(), new).await.unwrap()
}

async fn revoke(front: &Front, key: KeyId) {
    front.app.service.revoke_key(OrgId::new(7).unwrap(), key).await.unwrap();
    front.app.auth.changed();
}

fn search(key: &str, body: &str) -> Request<Body> {
    let request = Request::post(http::search::PATH).header("apikey", key).header("x-request-id", "same");
    request.body(Body::from(body.to_owned())).unwrap()
}

const NOBODY: &str = r#"{"orgId":7,"search":{"user_id":["nobody"]},"onMissing":"empty"}"#;

async fn told(response: Response) -> (u16, Vec<String>, Bytes) {
    let problem = response.extensions().get::<Problem>().map(|problem| Bytes::from(problem.body("same")));
    let mut headers: Vec<_> = response.headers().iter().map(|header| format!("{header:?}")).collect();
    // Whether a connection can go on is for the front to say that has it.
    headers.retain(|header| !header.contains("content-length") && !header.contains("\"connection\""));
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), headers, problem.unwrap_or(body))
}

#[tokio::test]
async fn a_fetch_is_answered_as_the_router_would() {
    let front = front().await;
    let (reader, writer) = (key(&front, 7, Scope::ProfileRead).await, key(&front, 7, Scope::ProfileWrite).await);
    let (reader, writer) = (reader.secret.as_str(), writer.secret.as_str());
    let large = format!("{NOBODY}{}", " ".repeat(limits::BODY_BYTES));
    let bodies = [NOBODY, &NOBODY.replace("empty", "404"), "{}", "{", "", &large, &NOBODY.replace('7', "8")];
    let with_bodies = bodies.into_iter().map(|body| (reader, body));
    let with_keys = [writer, "", "nonsense", "root_of_the_test"].into_iter().map(|key| (key, NOBODY));
    let mut statuses = Vec::new();
    for (key, body) in with_bodies.chain(with_keys) {
        let request = search(key, body);
        let id = RequestId::of(request.headers(), &front.app);
        let notes = [Arc::<Note>::default(), Arc::default()];
        let direct = told(front.fetched(&Last::default(), &notes[0], request).await).await;
        let handled = front.lent(search(key, body), &id, (&notes[1], None)).await;
        let [one, other] = notes.map(|note| (note.key().map(|key| key.id), note.identifiers(), note.shown().cloned()));
        assert_eq!(one, other);
        assert_eq!(direct, told(handled).await, "{key} {body:.80}");
        statuses.push(direct.0);
    }
    assert_eq!(statuses, [200, 404, 400, 400, 400, 413, 403, 403, 401, 401, 403]);
}

#[tokio::test]
async fn only_a_post_of_its_path_is_a_fetch() {
    let front = front().await;
    for (method, path, status) in [("GET", http::search::PATH, 405), ("POST", "/cdp/v1/users/_search/", 404)] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        assert_eq!(front.answer(request).await.status(), status);
    }
}

#[tokio::test]
async fn a_connection_is_known_by_the_key_of_each_request_and_only_while_it_is_valid() {
    let (front, last) = (front().await, Last::default());
    let (first, second) = (key(&front, 7, Scope::ProfileRead).await, key(&front, 8, Scope::ProfileRead).await);
    let status = async |key: &str| front.answer_on(&last, search(key, NOBODY)).await.status().as_u16();
    assert_eq!(status(&first.secret).await, 200);
    assert_eq!(status(&first.secret).await, 200);
    // Another organisation's key may not ask for this one, whoever asked before it.
    assert_eq!(status(&second.secret).await, 403);
    assert_eq!(status("").await, 401);
    assert_eq!(status(&first.secret).await, 200);
    let almost = format!("{}x", &first.secret[..first.secret.len() - 1]);
    assert_eq!(status(&almost).await, 401);
    assert_eq!(status(&first.secret).await, 200);
    revoke(&front, first.key.id).await;
    assert_eq!(status(&first.secret).await, 401);
}

#[tokio::test]
async fn when_too_many_wait_for_the_store_a_write_is_refused_and_fetches_and_probes_are_not() {
    let front = front_with("[server]\nmax_in_flight = 1").await;
    let (reader, writer) = (key(&front, 7, Scope::ProfileRead).await, key(&front, 7, Scope::ProfileWrite).await);
    let body = r#"{"orgId":7,"region":"EU","ids":{"user_id":"somebody"},"upsert":{}}"#;
    let write =
        || Request::post("/cdp/v1/users").header("apikey", &writer.secret).header("content-type", "application/json");
    let write = async || front.answer(write().body(Body::from(body)).unwrap()).await;
    let waits = front.app.overload.admit(Kind::Other, Instant::now());
    let refused = write().await;
    assert_eq!((refused.status().as_u16(), refused.headers().contains_key("retry-after")), (503, true));
    assert!(String::from_utf8_lossy(&told(refused).await.2).contains("server.overloaded"));
    let somebody = NOBODY.replace("nobody", "somebody");
    let fetched = told(front.answer(search(&reader.secret, &somebody)).await).await;
    assert_eq!((fetched.0, &*fetched.2), (200, &b"[]"[..]), "nothing was done");
    let probe = Request::get("/healthz").body(Body::empty()).unwrap();
    assert_eq!(front.answer(probe).await.status(), 200);
    drop(waits);
    assert_eq!(write().await.status(), 200);
}
