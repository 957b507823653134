//! `POST /admin/v1/orgs`: the root key makes organisations.

use crate::util::*;

const ORGS: &str = "/admin/v1/orgs";

#[tokio::test]
async fn it_makes_an_organisation_with_the_next_number_and_all_defaults() {
    let world = world().await;
    let answer = world.post(ORGS, json!({"name": " Acme "})).key(ROOT_KEY).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("cache-control"), "no-store");
    let expected = json!({
        "orgId": 1, "name": "Acme", "regions": ["EU", "UK", "US", "IN"],
        "limits": {"perSecond": 200, "perMinute": 10000, "idsPerFetch": 5},
        "writeAnswer": "profile", "createdAt": NOW
    });
    assert_eq!(answer.json(), expected);
    let second = world.post(ORGS, json!({"name": "Acme"})).key(ROOT_KEY).await;
    assert_eq!(second.json()["orgId"], 2, "names may repeat");
}

#[tokio::test]
async fn everything_may_be_chosen() {
    let world = world().await;
    let body = json!({
        "name": "Acme", "orgId": 9007199254740991u64, "regions": ["us", "Eu"], "writeAnswer": "minimal",
        "limits": {
            "perSecond": 0, "perMinute": 4294967295u32, "idsPerFetch": 500, "personPerSecond": 5, "personBurst": null
        }
    });
    let made = world.post(ORGS, body).key(ROOT_KEY).await.json();
    assert_eq!(made["orgId"], 9007199254740991u64);
    assert_eq!(made["regions"], json!(["US", "EU"]), "upper case, in the order given");
    let limits = json!({"perSecond": 0, "perMinute": 4294967295u32, "idsPerFetch": 500, "personPerSecond": 5});
    assert_eq!(made["limits"], limits);
    assert_eq!(made["writeAnswer"], "minimal");
}

#[tokio::test]
async fn a_number_that_is_taken_is_a_conflict_and_changes_nothing() {
    let world = world().await;
    let body = json!({"name": "Thief", "orgId": ORG});
    world.post(ORGS, body).key(ROOT_KEY).await.refused(409, "org.taken");
    let there = world.get("/admin/v1/orgs/7").key(ROOT_KEY).await.ok();
    assert_eq!(there["name"], "Tests");
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let world = world().await;
    let body = json!({
        "name": "", "orgId": 0, "regions": ["EU", "eu", "Mars", 5, "not a region"], "colour": "red",
        "limits": {"perSecond": -1, "perMinute": "many", "idsPerFetch": 501, "perHour": 3}, "writeAnswer": "nothing"
    });
    let answer = world.post(ORGS, body.clone()).key(ROOT_KEY).await;
    let problem = answer.refused(400, "request.unknown_member");
    let faults = problem["errors"].as_array().unwrap().iter();
    let mut at: Vec<&str> = faults.map(|fault| fault["pointer"].as_str().unwrap()).collect();
    at.sort_unstable();
    let expected = [
        "/colour",
        "/limits/idsPerFetch",
        "/limits/perHour",
        "/limits/perMinute",
        "/limits/perSecond",
        "/name",
        "/orgId",
        "/regions/1",
        "/regions/2",
        "/regions/3",
        "/regions/4",
        "/writeAnswer",
    ];
    assert_eq!(at, expected);
}

#[tokio::test]
async fn what_is_missing_or_of_another_shape_is_refused() {
    let world = world().await;
    let post = |body| world.post(ORGS, body).key(ROOT_KEY);
    post(json!({})).await.wrong_at("request.invalid", &["/name"]);
    post(json!([])).await.wrong_at("request.invalid", &[""]);
    post(json!({"name": "x".repeat(129)})).await.wrong_at("request.invalid", &["/name"]);
    post(json!({"name": "a\nb"})).await.wrong_at("request.invalid", &["/name"]);
    post(json!({"name": "A", "regions": []})).await.wrong_at("request.invalid", &["/regions"]);
    post(json!({"name": "A", "limits": 5})).await.wrong_at("request.invalid", &["/limits"]);
    post(json!({"name": "A", "limits": {"idsPerFetch": 0}}))
        .await
        .wrong_at("request.invalid", &["/limits/idsPerFetch"]);
    post(json!({"name": "A", "orgId": "5"})).await.wrong_at("request.invalid", &["/orgId"]);
    post(json!({"name": "A", "orgId": 9007199254740992u64})).await.wrong_at("request.invalid", &["/orgId"]);
    post(json!({"name": "A", "profileTtlDays": 5})).await.wrong_at("request.invalid", &["/profileTtlDays"]);
    post(json!({"name": "A", "defaultRegion": "EU"})).await.wrong_at("request.not_yet", &["/defaultRegion"]);
    let twice = world.post(ORGS, json!({})).key(ROOT_KEY).body(r#"{"name":"A","name":"B"}"#);
    twice.await.wrong_at("request.duplicate_key", &["/name"]);
}

#[tokio::test]
async fn nobody_but_the_root_key_makes_organisations() {
    let world = world().await;
    let body = json!({"name": "Acme"});
    world.post(ORGS, body.clone()).await.refused(403, "auth.scope");
    world.post(ORGS, body.clone()).key("nonsense").await.refused(401, "auth.invalid");
    world.post(ORGS, json!("nonsense")).without("apikey").await.refused(401, "auth.missing");
    assert_eq!(world.get(ORGS).key(ROOT_KEY).await.ok()["items"].as_array().unwrap().len(), 2);
}
