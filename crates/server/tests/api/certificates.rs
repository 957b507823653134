//! `/admin/v1/orgs/{orgId}/certificates`: bind, list and unbind. What a bound certificate then does is in `tests/tls`.

use crate::util::*;
use http::Method;
use serde_json::Value;

const PATH: &str = "/admin/v1/orgs/7/certificates";
const OTHER_PATH: &str = "/admin/v1/orgs/8/certificates";

fn fingerprint(number: u8) -> String {
    format!("{number:02x}").repeat(32)
}

async fn bind(world: &World, path: &str, name: &str, number: u8) -> Answer {
    world.post(path, json!({"name": name, "fingerprint": fingerprint(number)})).key(ROOT_KEY).await
}

async fn unbind(world: &World, path: &str, number: u8) -> Answer {
    world.call(Method::DELETE, &format!("{path}/{}", fingerprint(number))).key(ROOT_KEY).await
}

async fn listed(world: &World, query: &str) -> Value {
    world.get(&format!("{PATH}{query}")).await.ok()
}

#[tokio::test]
async fn one_that_is_bound_is_listed_until_it_is_unbound() {
    let world = world().await;
    let bound = bind(&world, PATH, " crm ", 1).await;
    assert_eq!(bound.status, 201);
    let expected = json!({"fingerprint": fingerprint(1), "name": "crm", "boundAt": NOW});
    assert_eq!(bound.json(), expected);
    world.clock.advance(5);
    let renamed = bind(&world, PATH, "crm 2", 1).await;
    assert_eq!(renamed.json(), with(expected, json!({"name": "crm 2"})));
    assert_eq!(listed(&world, "").await, json!({"items": [renamed.json()], "next": null}));
    unbind(&world, PATH, 1).await.no_content();
    assert_eq!(listed(&world, "").await["items"], json!([]));
    unbind(&world, PATH, 1).await.refused(404, "certificate.unknown");
    assert_eq!(bind(&world, PATH, "again", 1).await.status, 201);
}

#[tokio::test]
async fn it_is_one_organisations_at_a_time() {
    let world = world().await;
    bind(&world, PATH, "ours", 1).await;
    bind(&world, OTHER_PATH, "theirs", 1).await.refused(409, "certificate.taken");
    unbind(&world, OTHER_PATH, 1).await.refused(404, "certificate.unknown");
    let theirs = || world.get(OTHER_PATH).key(&world.other_key);
    assert_eq!(theirs().await.ok()["items"], json!([]));
    unbind(&world, PATH, 1).await.no_content();
    assert_eq!(bind(&world, OTHER_PATH, "theirs", 1).await.status, 201);
    assert_eq!(listed(&world, "").await["items"], json!([]));
    assert_eq!(theirs().await.ok()["items"][0]["name"], "theirs");
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let world = world().await;
    for number in [3, 1, 2] {
        bind(&world, PATH, "c", number).await;
    }
    unbind(&world, PATH, 2).await.no_content();
    let (mut seen, mut query) = (Vec::new(), "?limit=1".to_owned());
    loop {
        let page = listed(&world, &query).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|it| it["fingerprint"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=1&cursor={next}");
    }
    assert_eq!(seen, [json!(fingerprint(1)), json!(fingerprint(3))]);
    world.get(&format!("{PATH}?cursor=x")).await.wrong_at("request.invalid", &["?cursor"]);
}

#[tokio::test]
async fn what_is_wrong_is_told_all_at_once() {
    let world = world().await;
    let bad = json!({"fingerprint": "12:34", "name": " ", "colour": 1});
    let wrong = world.post(PATH, bad).key(ROOT_KEY).await;
    wrong.wrong_at("request.unknown_member", &["/colour", "/fingerprint", "/name"]);
    let missing = world.post(PATH, json!({})).key(ROOT_KEY).await;
    missing.wrong_at("request.invalid", &["/fingerprint", "/name"]);
    bind(&world, "/admin/v1/orgs/99/certificates", "x", 1).await.refused(404, "org.unknown");
    let odd = world.call(Method::DELETE, &format!("{PATH}/x")).key(ROOT_KEY).await;
    odd.refused(404, "certificate.unknown");
    world.get("/admin/v1/orgs/99/certificates").key(ROOT_KEY).await.refused(404, "org.unknown");
}
