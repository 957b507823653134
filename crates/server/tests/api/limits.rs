//! Limits of calls (contract section 8): of organisations, of keys, of one person. The limits of the tests are of a
//! minute, so that a slow machine does not fill a bucket meanwhile.

use crate::util::*;

const ORG_URL: &str = "/admin/v1/orgs/7";

/// Sets limits of the organisation by the root key, which has none, and shows them at once.
async fn limit(world: &World, limits: serde_json::Value) {
    world.call(http::Method::PATCH, ORG_URL).key(ROOT_KEY).body(json!({"limits": limits}).to_string()).await.ok();
}

fn find(world: &World) -> Call {
    world.search(json!({"search": {"user_id": ["u"]}, "onMissing": "empty"}))
}

#[tokio::test]
async fn over_the_limit_it_is_429_and_says_when_to_come_again() {
    let world = world().await;
    limit(&world, json!({"perSecond": 0, "perMinute": 2})).await;
    let first = find(&world).await;
    first.ok();
    assert_eq!(first.header("ratelimit-policy"), "\"org-minute\";q=2;w=60");
    assert_eq!(first.header("ratelimit"), "\"org-minute\";r=1;t=30");
    assert_eq!((first.header("retry-after"), first.header("x-ratelimit-reset")), ("", ""));
    find(&world).await.ok();
    let refused = find(&world).await;
    let problem = refused.refused(429, "limit.org");
    assert_eq!((&problem["retry"], &problem["title"]), (&json!("later"), &json!("Too Many Requests")));
    assert_eq!(refused.header("ratelimit-policy"), "\"org-minute\";q=2;w=60");
    let seconds: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    assert_eq!(refused.header("ratelimit"), format!("\"org-minute\";r=0;t={seconds}"));
    assert_eq!(refused.header("x-ratelimit-reset"), seconds.to_string());
}

#[tokio::test]
async fn all_routes_and_keys_of_an_organisation_draw_from_one_bucket() {
    let world = world().await;
    let second = world.new_key(ORG, onefold_core::org::Scope::ALL.into_iter().collect()).await;
    limit(&world, json!({"perSecond": 0, "perMinute": 4})).await;
    find(&world).await.ok();
    find(&world).key(&second).await.ok();
    let written = world.say("u", json!({"a": 1})).key(&second).await;
    written.ok();
    assert_eq!(written.header("ratelimit"), "\"org-minute\";r=1;t=45");
    world.get(ORG_URL).key(&second).await.ok();
    for call in [find(&world), world.get(ORG_URL), world.delete(json!({"ids": {"user_id": ["u"]}}))] {
        call.key(&second).await.refused(429, "limit.org");
    }
    find(&world).await.refused(429, "limit.org");
    world
        .search(json!({"orgId": OTHER_ORG, "search": {"user_id": ["u"]}}))
        .key(&world.other_key)
        .await
        .refused(404, "profile.not_found");
}

#[tokio::test]
async fn a_refused_call_does_nothing() {
    let world = world().await;
    limit(&world, json!({"perSecond": 0, "perMinute": 1})).await;
    world.say("u", json!({"a": 1})).await.ok();
    world.say("u", json!({"a": 2})).await.refused(429, "limit.org");
    world.delete(json!({"ids": {"user_id": ["u"]}})).await.refused(429, "limit.org");
    limit(&world, json!({"perMinute": 0})).await;
    assert_eq!(world.profile("u").await["profile"]["a"]["a"], 1);
}

#[tokio::test]
async fn it_comes_after_the_scope_and_before_the_body() {
    let world = world().await;
    let writer = world.new_key(ORG, onefold_core::org::Scopes::NONE.with(onefold_core::org::Scope::ProfileWrite)).await;
    limit(&world, json!({"perSecond": 0, "perMinute": 1})).await;
    // What is refused before is not counted.
    for _ in 0..3 {
        find(&world).key("nonsense").await.refused(401, "auth.invalid");
        find(&world).key(&writer).await.refused(403, "auth.scope");
    }
    let wrong = find(&world).body("not json").await;
    wrong.refused(400, "request.malformed_json");
    assert_eq!(wrong.header("ratelimit"), "\"org-minute\";r=0;t=60", "a call that is refused for its body counts");
    for body in ["not json", "{}", "{\"orgId\": 8}"] {
        find(&world).body(body).await.refused(429, "limit.org");
    }
    find(&world).header("content-type", "text/html").await.refused(429, "limit.org");
}

#[tokio::test]
async fn a_key_may_have_a_limit_of_its_own() {
    let world = world().await;
    let body = json!({"name": "slow", "scopes": ["profile.read"], "rateLimit": {"perMinute": 2}});
    let made = world.post("/admin/v1/orgs/7/keys", body).await.json();
    let key = made["apikey"].as_str().unwrap();
    let first = find(&world).key(key).await;
    let policies = "\"org-second\";q=200;w=1, \"org-minute\";q=10000;w=60, \"key-minute\";q=2;w=60";
    assert_eq!(first.header("ratelimit-policy"), policies);
    assert_eq!(first.header("ratelimit"), "\"key-minute\";r=1;t=30", "the limit that is nearest");
    find(&world).key(key).await.ok();
    let refused = find(&world).key(key).await;
    refused.refused(429, "limit.key");
    assert!(refused.header("ratelimit").starts_with("\"key-minute\";r=0;t="));
    find(&world).await.ok();

    let url = format!("/admin/v1/orgs/7/keys/{}/rotate", made["keyId"].as_str().unwrap());
    let rotated = world.post(&url, json!({"overlapSeconds": 60})).await.json();
    find(&world).key(rotated["apikey"].as_str().unwrap()).await.refused(429, "limit.key");
}

#[tokio::test]
async fn a_limit_of_zero_is_none_and_the_root_key_has_none() {
    let world = world().await;
    limit(&world, json!({"perSecond": 0, "perMinute": 0})).await;
    for _ in 0..250 {
        let answer = find(&world).await;
        answer.ok();
        assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), ("", ""));
    }
    limit(&world, json!({"perSecond": 1, "perMinute": 1})).await;
    for _ in 0..5 {
        let answer = world.get(ORG_URL).key(ROOT_KEY).await;
        answer.ok();
        assert_eq!(answer.header("ratelimit"), "");
    }
}

#[tokio::test]
async fn raised_searches_may_be_large() {
    let world = world().await;
    let values: Vec<String> = (0..500).map(|number| format!("{number:0>300}")).collect();
    let large = || world.search(json!({"search": {"user_id": values}, "onMissing": "empty"}));
    large().await.refused(413, "request.too_large");
    limit(&world, json!({"idsPerFetch": 500})).await;
    large().await.ok();
}

#[tokio::test]
async fn one_person_takes_a_burst_of_writes_and_then_some_a_second() {
    let world = world_with("[limits]\nperson_per_second = 10\nperson_burst = 5").await;
    for number in 1..6 {
        world.say("kiosk", json!({"a": number})).await.ok();
    }
    let refused = world.write(json!({"ids": {"user_id": "kiosk", "anonymous_id": "new"}})).await;
    refused.refused(429, "limit.profile");
    assert_eq!(refused.header("ratelimit-policy"), "\"profile\";q=5;w=1");
    assert_eq!(refused.header("ratelimit"), "\"profile\";r=0;t=1");
    assert_eq!((refused.header("retry-after"), refused.header("x-ratelimit-reset")), ("1", "1"));
    world.find("anonymous_id", "new").await.refused(404, "profile.not_found");
    assert_eq!(world.profile("kiosk").await["profile"]["a"]["a"], 5);
    world.say("somebody else", json!({"a": 1})).await.ok();
    world.clock.advance(100);
    world.say("kiosk", json!({"a": 6})).await.ok();
    world.say("kiosk", json!({"a": 7})).await.refused(429, "limit.profile");
}

/// How many of so many writes of one person are taken, and what the last answer says of the limit.
async fn written(world: &World, user: &str, writes: usize) -> (usize, String) {
    let (mut taken, mut policy) = (0, String::new());
    for _ in 0..writes {
        let answer = world.say(user, json!({"a": 1})).await;
        taken += usize::from(answer.status == 200);
        if answer.status != 200 {
            answer.refused(429, "limit.profile");
            policy = answer.header("ratelimit-policy").into();
        }
    }
    (taken, policy)
}

#[tokio::test]
async fn an_organisation_may_say_how_fast_one_of_its_people_is_written_to() {
    let world = world_with("[limits]\nperson_per_second = 10\nperson_burst = 5").await;
    assert_eq!(written(&world, "kiosk", 6).await, (5, "\"profile\";q=5;w=1".into()));
    limit(&world, json!({"personPerSecond": 2, "personBurst": 8})).await;
    assert_eq!(written(&world, "other", 9).await, (8, "\"profile\";q=8;w=4".into()));
    world.clock.advance(500);
    assert_eq!(written(&world, "other", 2).await.0, 1, "two a second");
    limit(&world, json!({"personPerSecond": 0})).await;
    assert_eq!(written(&world, "other", 50).await.0, 50, "0 is no limit");
    limit(&world, json!({"personPerSecond": null, "personBurst": 3})).await;
    assert_eq!(written(&world, "third", 4).await, (3, "\"profile\";q=3;w=1".into()), "each has its own default");
    world.clock.advance(100);
    assert_eq!(written(&world, "third", 2).await.0, 1, "ten a second, as the settings say");
    limit(&world, json!({"personBurst": null})).await;
    assert_eq!(written(&world, "fourth", 6).await.0, 5);
}

#[tokio::test]
async fn the_limit_of_a_person_of_one_organisation_is_not_that_of_another() {
    let world = world_with("[limits]\nperson_per_second = 0").await;
    limit(&world, json!({"personPerSecond": 1, "personBurst": 2})).await;
    assert_eq!(written(&world, "u", 4).await, (2, "\"profile\";q=2;w=2".into()));
    for number in 0..20 {
        let write = world.say("u", json!({"a": number})).key(&world.other_key);
        let body = json!({"orgId": OTHER_ORG, "region": "EU", "ids": {"user_id": "u"}, "upsert": {}});
        write.body(body.to_string()).await.ok();
    }
}

#[tokio::test]
async fn a_limit_of_a_person_that_another_node_sets_holds_within_a_second() {
    let world = world().await;
    world.say("u", json!({"a": 1})).await.ok();
    let (clock, entropy) = (world.clock.clone(), std::sync::Arc::new(onefold::system::SystemEntropy));
    let other_node = onefold_core::service::Service::open(world.store.clone(), clock, entropy).await.unwrap();
    let org = onefold_core::id::OrgId::new(ORG).unwrap();
    let patch = onefold_core::service::orgs::OrgPatch { person_burst: Some(Some(1)), ..Default::default() };
    other_node.patch_org(org, &patch).await.unwrap();
    let changed = std::time::Instant::now();
    while world.say("u", json!({"a": 1})).await.status != 429 {
        assert!(changed.elapsed() < std::time::Duration::from_secs(1), "it is not limited after a second");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_repeat_of_a_write_takes_nothing_of_its_person() {
    let world = world_with("[limits]\nperson_per_second = 1\nperson_burst = 1").await;
    world.say("u", json!({"a": {"$add": 1}})).await.ok();
    world.clock.advance(1_000);
    for _ in 0..4 {
        world.say("u", json!({"a": {"$add": 1}})).header("idempotency-key", "once").await.ok();
    }
    world.say("u", json!({"a": {"$add": 1}})).await.refused(429, "limit.profile");
    assert_eq!(world.profile("u").await["profile"]["a"]["a"], 2);
}
