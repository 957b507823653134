//! Problems, request ids and URLs that are not there (contract section 3).

use crate::util::*;
use http::Method;
use onefold::overload::Kind;
use std::time::Instant;

#[tokio::test]
async fn a_problem_has_all_members() {
    let world = world().await;
    let answer = world.search(json!({})).header("x-request-id", "my-id.1_2").await;
    let detail = "Search failed as no Identifier found in the request";
    let expected = json!({
        "type": "https://onefold.dev/errors/search.no_identifier", "title": "Bad Request", "status": 400,
        "detail": detail, "error": "Bad Request", "message": detail, "code": "search.no_identifier",
        "request_id": "my-id.1_2", "retry": "no",
        "errors": [{"pointer": "/search", "detail": "is missing or empty"}],
    });
    assert_eq!(answer.refused(400, "search.no_identifier"), expected);
    let wire: onefold_api::problem::Problem = serde_json::from_slice(&answer.bytes).unwrap();
    assert_eq!(serde_json::to_value(wire).unwrap(), expected);
}

#[tokio::test]
async fn every_answer_has_a_request_id_the_callers_if_it_fits() {
    let world = world().await;
    world.say("u", json!({})).await.ok();
    let longest = "x".repeat(64);
    for (url, id) in [("/healthz", "A-z.0_9"), ("/nowhere", &*longest)] {
        assert_eq!(world.get(url).header("x-request-id", id).await.header("x-request-id"), id);
    }
    assert_eq!(world.find("user_id", "u").header("x-request-id", "mine").await.header("x-request-id"), "mine");
    let too_long = "x".repeat(65);
    for bad in ["", "with space", "a/b", &*too_long] {
        let made = world.get("/healthz").header("x-request-id", bad).await.header("x-request-id").to_owned();
        assert!(made != bad && made.len() == 36, "{made}");
    }
}

#[tokio::test]
async fn a_url_that_is_not_there_is_404_and_a_method_that_is_not_is_405() {
    let world = world().await;
    for url in ["/", "/cdp/v1/user", "/cdp/v1/users/", "/cdp/v2/users"] {
        world.get(url).await.refused(404, "request.no_such_url");
    }
    let answer = world.get(USERS).await;
    answer.refused(405, "request.method");
    assert_eq!(answer.header("allow"), "POST");
    world.call(Method::DELETE, SEARCH).await.refused(405, "request.method");
}

#[tokio::test]
async fn no_problem_holds_what_the_caller_sent() {
    let world = world().await;
    let bodies = [
        json!({"search": {"email": [{"secret@example.org": 1}], "ucid": ["secret@example.org"]}}),
        json!({"search": {"email": ["a"]}, "regions": ["secret@example.org"], "onMissing": "secret@example.org"}),
    ];
    for body in bodies {
        let answer = world.search(body).await;
        assert_eq!(answer.status, 400);
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("secret@"));
    }
    let names = json!({"secret@example.org": "v"});
    let writes = [
        (json!({"ids": names}), "/ids/…"),
        (
            json!({"ids": {"user_id": "u"}, "upsert": {"profile": {"secret@example.org": [1, [2]]}}}),
            "/upsert/profile/…/1",
        ),
        (json!({"ids": {"user_id": "u"}, "secret@example.org": 1}), "/…"),
    ];
    for (body, pointer) in writes {
        let problem = world.write(body).await.json();
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        assert!(!problem.to_string().contains("secret@"), "{problem}");
    }
    let twice = world.write(json!({})).body(r#"{"ids":{"secret@example.org":"a","secret@example.org":"b"}}"#).await;
    twice.wrong_at("request.duplicate_key", &["/ids/…"]);
    let listed = world.get("/admin/v1/orgs?secret@example.org=1").key(ROOT_KEY).await;
    listed.wrong_at("request.invalid", &["?…"]);
    let used = world.get("/cdp/v1/usage?secret@example.org=1").await.json();
    assert_eq!(used["errors"][0]["pointer"], "?…", "{used}");
}

#[tokio::test]
async fn what_this_version_does_not_have_is_refused_after_authentication() {
    let world = world().await;
    let post = ["/cdp/v1/users/_events", "/cdp/v1/events"];
    for url in post {
        world.post(url, json!({})).await.refused(400, "request.not_yet");
        world.post(url, json!({})).without("apikey").await.refused(401, "auth.missing");
    }
    for url in ["/v1/identify", "/v1/batch", "/v1/t", "/v1/m"] {
        world.post(url, json!({})).without("apikey").await.refused(400, "request.not_yet");
    }
}

#[tokio::test]
async fn too_much_at_once_is_503_and_nothing_is_done() {
    let world = world_with("[server]\nmax_in_flight = 1").await;
    let _inside = world.app.gate.enter().unwrap();
    let answer = world.say("u", json!({})).await;
    assert_eq!(answer.refused(503, "server.overloaded")["retry"], "later");
    assert_eq!(answer.header("retry-after"), "1");
    drop(_inside);
    world.find("user_id", "u").await.refused(404, "profile.not_found");
}

#[tokio::test]
async fn what_is_refused_before_anything_is_done_for_it_is_answered_as_well_as_any_problem() {
    let world = world_with("[server]\nmax_in_flight = 1").await;
    let inside = world.app.overload.admit(Kind::Other, Instant::now());
    let answer = world.say("u", json!({})).header("x-request-id", "mine").await;
    assert_eq!(answer.refused(503, "server.overloaded")["request_id"], "mine");
    let headers = ["x-request-id", "retry-after", "content-length"].map(|name| answer.header(name).to_owned());
    assert_eq!(headers, ["mine", "1", &answer.bytes.len().to_string()]);
    drop(inside);
    let metrics = String::from_utf8(world.get("/metrics").await.bytes.to_vec()).unwrap();
    for line in [
        r#"onefold_problems_total{code="server.overloaded"} 1"#,
        r#"onefold_request_seconds_count{method="POST",route="/cdp/v1/users",status="503"} 1"#,
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    world.find("user_id", "u").await.refused(404, "profile.not_found");
}

#[tokio::test]
async fn who_comes_while_it_shuts_down_is_told_so() {
    let world = world().await;
    world.app.gate.close();
    let answer = world.find("user_id", "u").await;
    answer.refused(503, "server.shutting_down");
    assert_eq!((answer.header("retry-after"), answer.header("connection")), ("1", "close"));
}

#[tokio::test]
async fn a_fault_of_ours_is_500() {
    let memory = std::sync::Arc::new(onefold_engines::Memory::new());
    let broken = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let store = {
        let broken = broken.clone();
        let chooser = move |_: &onefold_engines::faulty::Call<'_>| {
            assert!(!broken.load(std::sync::atomic::Ordering::SeqCst), "a planted panic");
            onefold_engines::faulty::Fault::None
        };
        std::sync::Arc::new(onefold_engines::Faulty::chosen(memory.clone(), chooser))
    };
    let world = world_over(store, memory, "").await;
    world.say("u", json!({})).await.ok();
    broken.store(true, std::sync::atomic::Ordering::SeqCst);
    world.find("user_id", "u").await.refused(500, "server.fault");
}
