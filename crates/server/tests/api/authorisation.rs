//! Every route against callers who may not call it. The routes come from the one table in the code and stand, line by
//! line with what they need, in `routes.txt`: a new route fails here until somebody has written down who may call it.

use crate::util::*;
use onefold::http::{Needs, ROUTES, Route};
use onefold_core::org::{Scope, Scopes};

const LISTED: &str = include_str!("routes.txt");
const UCIDS: [&str; 2] = ["01941f29-7c00-7c1d-9e02-7d5b1a90c6f4", "01941f29-7c00-7c1d-9e02-7d5b1a90c6f5"];

fn line(route: &Route) -> String {
    let needs = match route.needs {
        Needs::Nothing => "anyone",
        Needs::Scope(scope) => scope.as_str(),
        Needs::Admin => "root or own org.admin",
        Needs::Root => "root",
    };
    format!("{} {} — {needs}", route.method, route.path)
}

/// The URL of a route, for the organisation of the tests.
fn url(route: &Route) -> String {
    let key = "/01941f29-7c00-7c1d-9e02-7d5b1a90c6f4";
    route
        .path
        .replace("{orgId}", &ORG.to_string())
        .replace("/{keyId}", key)
        .replace("{blockedId}", "00112233445566778899aabbccddeeff")
        .replace("{suppressionId}", "00112233445566778899aabbccddeeff")
        .replace("{fingerprint}", &"0".repeat(64))
        .replace("{deletionId}", "d")
        .replace("{writeKey}", "w")
}

fn guarded() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.needs != Needs::Nothing)
}

/// A call that is right in all but the caller.
fn call(world: &World, route: &Route) -> Call {
    let body = match route.path {
        SEARCH => json!({"orgId": ORG, "search": {"user_id": ["u"]}}),
        USERS => json!({"orgId": ORG, "region": "EU", "ids": {"user_id": "u"}, "upsert": {}}),
        DELETE => json!({"orgId": ORG, "region": "EU", "ids": {"user_id": ["u"]}}),
        EXPLAIN => json!({"orgId": ORG, "search": {"user_id": ["u"]}}),
        SPLIT => json!({"orgId": ORG, "region": "EU", "ucid": UCIDS[0], "linkedUcid": UCIDS[1]}),
        "/admin/v1/orgs/{orgId}/strategy" => json!({"mode": "default"}),
        "/admin/v1/orgs/{orgId}/identity/_explain" => json!({"search": {"user_id": ["u"]}}),
        "/admin/v1/orgs/{orgId}/identity/_split" => json!({"region": "EU", "ucid": UCIDS[0], "linkedUcid": UCIDS[1]}),
        "/admin/v1/orgs/{orgId}/identity/_lift" => json!({"region": "EU", "ucid": UCIDS[0], "otherUcid": UCIDS[1]}),
        "/admin/v1/orgs/{orgId}/blocked/_lift" => json!({"region": "EU", "kind": "email", "value": "e"}),
        "/admin/v1/orgs/{orgId}/suppressions/_lift" => json!({"kind": "email", "value": "e"}),
        "/admin/v1/orgs" => json!({"name": "new"}),
        "/admin/v1/orgs/{orgId}" => json!({"name": "other"}),
        "/admin/v1/orgs/{orgId}/keys" => json!({"name": "new", "scopes": ["profile.read"]}),
        "/admin/v1/orgs/{orgId}/certificates" => json!({"name": "new", "fingerprint": "0".repeat(64)}),
        "/admin/v1/orgs/{orgId}/keys/{keyId}/rotate" => json!({"overlapSeconds": 0}),
        _ => json!({}),
    };
    world.call(route.method.clone(), &url(route)).header("content-type", "application/json").body(body.to_string())
}

#[test]
fn the_list_of_routes_is_the_table() {
    let table: Vec<String> = ROUTES.iter().map(line).collect();
    let listed: Vec<&str> = LISTED.lines().collect();
    assert_eq!(table, listed, "tests/api/routes.txt must say who may call each route");
}

#[tokio::test]
async fn without_a_key_it_is_401() {
    let world = world().await;
    for route in guarded() {
        let answer = call(&world, route).without("apikey").await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (401, &json!("auth.missing")), "{}", line(route));
    }
}

#[tokio::test]
async fn with_a_key_that_nobody_knows_it_is_401() {
    let world = world().await;
    for route in guarded() {
        let answer = call(&world, route).key("not-a-key").await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (401, &json!("auth.invalid")), "{}", line(route));
    }
}

#[tokio::test]
async fn without_the_scope_it_is_403_whatever_the_body() {
    let world = world().await;
    for route in guarded() {
        let needed = match route.needs {
            Needs::Scope(scope) => scope,
            _ => Scope::OrgAdmin,
        };
        let others: Scopes = Scope::ALL.into_iter().filter(|scope| *scope != needed).collect();
        let key = world.new_key(ORG, others).await;
        for call in [call(&world, route).key(&key), call(&world, route).key(&key).body("not json")] {
            let answer = call.await;
            let code = answer.json()["code"].clone();
            assert_eq!((answer.status.as_u16(), code), (403, json!("auth.scope")), "{}", line(route));
        }
        let narrowed = call(&world, route)
            .header("scopes", if needed == Scope::ProfileRead { "profile.write" } else { "profile.read" });
        let answer = narrowed.await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (403, &json!("auth.scope")), "{}", line(route));
    }
}

#[tokio::test]
async fn with_a_key_of_another_organisation_it_is_403_and_shows_nothing() {
    let world = world().await;
    for route in guarded() {
        let names_org = route.path.contains("{orgId}") || [SEARCH, USERS, DELETE, EXPLAIN, SPLIT].contains(&route.path);
        let answer = call(&world, route).key(&world.other_key).await;
        let expected = match (names_org, route.needs) {
            (_, Needs::Root) => Some("auth.scope"),
            (true, _) => Some("auth.org"),
            // The others speak of the key's own organisation, or are not there yet.
            (false, _) => None,
        };
        if let Some(code) = expected {
            assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (403, &json!(code)), "{}", line(route));
        }
    }
}

#[tokio::test]
async fn the_root_key_opens_administration_alone() {
    let world = world().await;
    for route in guarded() {
        let answer = call(&world, route).key(ROOT_KEY).await;
        match route.needs {
            Needs::Scope(_) => _ = answer.refused(403, "auth.scope"),
            _ => assert!(![401, 403].contains(&answer.status.as_u16()), "{}", line(route)),
        }
    }
}
