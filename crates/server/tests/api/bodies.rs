//! Bodies: media types, encodings, sizes, JSON read strictly (contract section 3).

use crate::util::*;
use onefold::encoding::Coding;
use std::time::Duration;

const ALL: [Coding; 3] = [Coding::Gzip, Coding::Brotli, Coding::Zstd];

#[tokio::test]
async fn bodies_may_be_encoded_and_are_bounded_after_decoding() {
    let world = world().await;
    let write = |size: usize| {
        let write = json!({"orgId": ORG, "region": "EU", "ids": {"user_id": "u"}, "upsert": {"profile": {"a": 1}}});
        let text = write.to_string();
        format!("{}{text}", " ".repeat(size - text.len()))
    };
    for coding in ALL {
        let call = |body: String| {
            let encoded = coding.encode(body.as_bytes()).unwrap();
            world.write(json!({})).header("content-encoding", coding.as_str()).body(encoded)
        };
        call(write(64 * 1024)).await.ok();
        call(write(64 * 1024 + 1)).await.refused(413, "request.too_large");
        call(write(4 << 20)).await.refused(413, "request.too_large");
        let torn = world.write(json!({})).header("content-encoding", coding.as_str()).body(write(500));
        torn.await.refused(400, "request.unreadable");
    }
    world.write(json!({})).body(write(64 * 1024 + 1)).await.refused(413, "request.too_large");
    for coding in ["deflate", "gzip, br", "gzip, identity"] {
        let call = world.say("u", json!({})).header("content-encoding", coding);
        call.await.refused(415, "request.media_type");
    }
    world.say("u", json!({})).header("content-encoding", "identity").await.ok();
}

#[tokio::test]
async fn a_delete_may_be_2_mib() {
    let world = world().await;
    let body = |size: usize| {
        let text = json!({"orgId": ORG, "region": "EU", "ids": {"user_id": ["u"]}}).to_string();
        format!("{}{text}", " ".repeat(size - text.len()))
    };
    world.delete(json!({})).body(body(2 << 20)).await.ok();
    world.delete(json!({})).body(body((2 << 20) + 1)).await.refused(413, "request.too_large");
}

#[tokio::test]
async fn answers_are_encoded_when_asked_for_and_worth_it() {
    let world = world().await;
    world.say("large", json!({"a": "x".repeat(5000)})).await.ok();
    world.say("small", json!({"a": "x"})).await.ok();
    let plain = world.find("user_id", "large").await;
    assert_eq!(plain.header("content-encoding"), "");
    for coding in ALL {
        let answer = world.find("user_id", "large").header("accept-encoding", coding.as_str()).await;
        assert_eq!((answer.header("content-encoding"), answer.header("vary")), (coding.as_str(), "accept-encoding"));
        assert!(answer.bytes.len() < 1000);
        assert_eq!(coding.decode(&answer.bytes, 1 << 20).unwrap(), plain.bytes);
        assert_eq!(answer.header("etag"), plain.header("etag"));
        let small = world.find("user_id", "small").header("accept-encoding", coding.as_str()).await;
        assert_eq!(small.header("content-encoding"), "");
    }
}

#[tokio::test]
async fn only_json_in_utf8_is_taken() {
    let world = world().await;
    let as_type = |media: &str| world.say("u", json!({})).header("content-type", media);
    for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
        as_type(good).await.ok();
    }
    world.say("u", json!({})).without("content-type").await.ok();
    for bad in
        ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/xml"]
    {
        as_type(bad).await.refused(415, "request.media_type");
    }
}

#[tokio::test]
async fn json_is_read_strictly() {
    let world = world().await;
    let cases = [
        ("", "request.malformed_json", ""),
        ("{\"orgId\":7", "request.malformed_json", ""),
        ("{\"orgId\":7}{}", "request.malformed_json", ""),
        ("{\"orgId\":7,\"search\":{\"a\":[\"1\"],\"a\":[\"2\"]}}", "request.duplicate_key", "/search/a"),
        ("{\"orgId\":18446744073709551616}", "request.number", "/orgId"),
        ("[]", "request.no_org_id", ""),
    ];
    for (body, code, pointer) in cases {
        let problem = world.search(json!({})).body(body).await.refused(400, code);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let invalid = b"{\"orgId\":7,\"search\":{\"a\":[\"\xff\"]}}".to_vec();
    world.search(json!({})).body(invalid).await.refused(400, "request.malformed_json");
    let deep = format!("{{\"orgId\":7,\"x\":{}{}}}", "[".repeat(16), "]".repeat(16));
    world.search(json!({})).body(deep).await.refused(400, "request.too_deep");
}

#[tokio::test]
async fn faults_are_told_up_to_a_hundred() {
    let world = world().await;
    let many: serde_json::Map<_, _> = (0..500).map(|n| (format!("m{n}"), json!(1))).collect();
    let problem = world.search(json!(many)).await.refused(400, "search.no_identifier");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_408() {
    let world = world_with("[server]\nbody_timeout_ms = 50").await;
    let never = axum::body::Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let began = std::time::Instant::now();
    let answer = world.search(json!({})).body(never).await;
    assert_eq!(answer.refused(408, "request.timeout")["retry"], "later");
    assert_eq!(answer.header("connection"), "close");
    assert!(began.elapsed() < Duration::from_secs(5));
}
