//! What a token opens, and in which order a call is checked.

use crate::issuer::*;
use crate::util::*;
use http::Method;
use onefold::auth::Last;
use onefold::http::{Needs, ROUTES};
use onefold_core::org::{OrgLimits, WriteAnswer};

/// A world that takes tokens of the issuer, by a file of keys.
async fn world(more: &str) -> World {
    let made = signers();
    let path = file(made.dir.path(), "door.json", &set(&[&made.rsa, &made.ec]));
    world_with(&settings(path.to_str().unwrap(), more)).await
}

fn token(more: Value) -> String {
    signers().rsa.token(&claims(more))
}

use serde_json::Value;

#[tokio::test]
async fn tokens_of_both_algorithms_write_and_fetch() {
    if !peers() {
        return;
    }
    let world = world("").await;
    for signer in [&signers().rsa, &signers().ec] {
        let token = signer.token(&claims(json!({})));
        world.say("u", json!({"city": "Porto"})).bearer(&token, ORG).await.ok();
        let found = world.search(json!({"search": {"user_id": ["u"]}, "include": ["sources"]}));
        let found = found.bearer(&token, ORG).await.ok();
        assert_eq!(found[0]["profile"]["city"]["city"], "Porto");
        assert!(found.to_string().contains("\"source\":\"crm\""), "the application is the source: {found}");
    }
}

#[tokio::test]
async fn the_header_names_the_organisation_and_the_body_the_same() {
    if !peers() {
        return;
    }
    let world = world("").await;
    let both = token(json!({"orgs": [ORG, OTHER_ORG, 999]}));
    let find = || world.find("user_id", "u");
    find().bearer(&both, ORG).await.refused(404, "profile.not_found");
    find().bearer(&both, OTHER_ORG).await.refused(403, "auth.org");
    find().bearer(&both, ORG).without("orgid").await.wrong_at("request.no_org_id", &["#orgId"]);
    find().bearer(&both, ORG).header("orgid", "seven").await.wrong_at("request.header", &["#orgId"]);
    // With a key the header is not looked at.
    find().header("orgid", "8").await.refused(404, "profile.not_found");
}

#[tokio::test]
async fn no_answer_tells_whether_an_organisation_exists() {
    if !peers() {
        return;
    }
    let world = world("").await;
    let (own, more) = (token(json!({})), token(json!({"orgs": [ORG, 999]})));
    let body = |org: u64| json!({"orgId": org, "search": {"user_id": ["u"]}});
    let mut answers = Vec::new();
    for (token, org) in [(&own, OTHER_ORG), (&own, 999), (&more, 999), (&more, OTHER_ORG)] {
        let answer = world.post(SEARCH, body(org)).bearer(token, org).await;
        answers.push(with(answer.refused(403, "auth.org"), json!({"request_id": null})));
        world.get("/cdp/v1/deletions/x").bearer(token, org).await.refused(403, "auth.org");
        world.admin(Method::GET, "/keys", json!({})).bearer(token, org).await.refused(403, "auth.org");
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:#?}");
    for nobody in [json!({"orgs": []}), json!({"orgs": null}), json!({"orgs": "*"}), json!({"orgs": {"7": true}})] {
        world.find("user_id", "u").bearer(&token(nobody), ORG).await.refused(403, "auth.org");
    }
}

#[tokio::test]
async fn scopes_are_the_tokens_and_a_header_narrows_them() {
    if !peers() {
        return;
    }
    let world = world("").await;
    let (reader, none) = (token(json!({"scope": "openid profile.read"})), token(json!({"scope": null})));
    let find = || world.find("user_id", "u");
    find().bearer(&reader, ORG).await.refused(404, "profile.not_found");
    find().bearer(&reader, ORG).header("scopes", "profile.write").await.refused(403, "auth.scope");
    find().bearer(&reader, ORG).header("scopes", "profile.read;x").await.refused(400, "request.header");
    find().bearer(&none, ORG).await.refused(403, "auth.scope");
    find().bearer(&none, ORG).header("scopes", "profile.read").await.refused(403, "auth.scope");
    world.say("u", json!({})).bearer(&reader, ORG).await.refused(403, "auth.scope");
    let array = token(json!({"scope": null, "scp": ["profile.write"]}));
    world.say("u", json!({})).bearer(&array, ORG).await.ok();
    // On one connection, where it is remembered, too.
    let last = Last::default();
    find().bearer(&reader, ORG).on(&last).await.ok();
    world.say("u", json!({})).bearer(&reader, ORG).on(&last).await.refused(403, "auth.scope");
}

#[tokio::test]
async fn checks_come_in_their_order() {
    if !peers() {
        return;
    }
    let world = world("").await;
    let (good, reader) = (token(json!({})), token(json!({"scope": "profile.read"})));
    let write = || world.say("u", json!({}));
    // 401 before the scope, that before the organisation and the limits, those before the body.
    write().bearer("a.b.c", ORG).without("orgid").body("not json").await.refused(401, "auth.invalid");
    write().bearer(&reader, 999).without("orgid").body("not json").await.refused(403, "auth.scope");
    write().bearer(&good, 999).body("not json").await.refused(403, "auth.org");
    write().bearer(&good, ORG).header("content-type", "text/plain").body("x").await.refused(415, "request.media_type");
    write().bearer(&good, ORG).body("not json").await.refused(400, "request.malformed_json");
    let limits = OrgLimits { per_second: 0, per_minute: 1, ..OrgLimits::default() };
    world.org(9, limits, WriteAnswer::Profile).await;
    let nine = token(json!({"orgs": [9]}));
    write().bearer(&nine, 9).body("not json").await.refused(400, "request.malformed_json");
    write().bearer(&nine, 9).body("not json").await.refused(429, "limit.org");
    let weaker = token(json!({"orgs": [9], "scope": "profile.read"}));
    write().bearer(&weaker, 9).body("not json").await.refused(403, "auth.scope");
    // Two credentials are refused before anything is known of either.
    write().header("authorization", "Bearer a.b.c").await.refused(400, "auth.ambiguous");
    write().header("authorization", &format!("Bearer {good}")).await.refused(400, "auth.ambiguous");
}

#[tokio::test]
async fn every_guarded_route_is_closed_to_a_bad_token_and_to_one_without_the_scope() {
    if !peers() {
        return;
    }
    let world = world("").await;
    let (foreign, none) = (signers().foreign.token(&claims(json!({}))), token(json!({"scope": "none"})));
    for route in ROUTES.iter().filter(|route| route.needs != Needs::Nothing) {
        let url = route.path.replace("{orgId}", &ORG.to_string()).replace(['{', '}'], "");
        let call = || world.call(route.method.clone(), &url).header("content-type", "application/json").body("{}");
        for (token, status, code) in [(&foreign, 401, "auth.invalid"), (&none, 403, "auth.scope")] {
            let answer = call().bearer(token, ORG).await;
            let found = (answer.status.as_u16(), answer.json()["code"].clone());
            assert_eq!(found, (status, json!(code)), "{} {}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn a_token_administers_its_organisation_and_the_audit_log_says_so() {
    if !peers() {
        return;
    }
    let world = world("").await;
    let admin = token(json!({"scope": "org.admin"}));
    let new_key = json!({"name": "k", "scopes": ["profile.read"]});
    world.admin(Method::POST, "/keys", new_key).bearer(&admin, ORG).await;
    let log = world.admin(Method::GET, "/audit", json!({})).bearer(&admin, ORG).await.ok();
    let entry = &log["items"][0];
    assert_eq!((&entry["who"], &entry["outcome"]), (&json!("token"), &json!("done")), "{log:#}");
    let holder = entry["keyId"].as_str().unwrap();
    assert_eq!(&holder[14..15], "8", "a pseudonym, and no key's: {holder}");
    assert!(!log.to_string().contains("somebody"), "{log:#}");
    world.admin(Method::GET, "/audit/verify", json!({})).bearer(&admin, ORG).await.ok();
    world.get("/admin/v1/orgs/8").bearer(&admin, ORG).await.refused(403, "auth.org");
    world.get("/admin/v1/orgs").bearer(&admin, ORG).await.refused(403, "auth.scope");
    // The same holder with another token is the same; in another organisation it is another.
    let (again, other) = (token(json!({"jti": "2"})), token(json!({"orgs": [OTHER_ORG]})));
    let pseudonym = async |token: &str, org: u64| {
        let path = format!("/admin/v1/orgs/{org}");
        world.call(Method::PATCH, &path).bearer(token, org).header("content-type", "application/json").body("{}").await;
        let log = world.get(&format!("{path}/audit")).bearer(token, org).await.ok();
        log["items"][0]["keyId"].as_str().unwrap().to_owned()
    };
    assert_eq!(pseudonym(&again, ORG).await, holder);
    assert_ne!(pseudonym(&other, OTHER_ORG).await, holder);
}

#[tokio::test]
async fn a_get_takes_the_organisation_of_the_header() {
    if !peers() {
        return;
    }
    let world = world("").await;
    let both = token(json!({"orgs": [ORG, OTHER_ORG]}));
    world.say("u", json!({})).bearer(&both, ORG).await.ok();
    let deleted = world.delete(json!({"ids": {"user_id": ["u"]}})).bearer(&both, ORG).await.ok();
    let receipt = format!("/cdp/v1/deletions/{}", deleted["deletionId"].as_str().unwrap());
    assert_eq!(world.get(&receipt).bearer(&both, ORG).await.ok()["receipt"]["orgId"], ORG);
    world.get(&receipt).bearer(&both, OTHER_ORG).await.refused(404, "deletion.unknown");
    world.get(&receipt).bearer(&both, ORG).without("orgid").await.wrong_at("request.no_org_id", &["#orgId"]);
}

#[tokio::test]
async fn expiry_is_checked_at_every_call_on_an_open_connection_too() {
    if !peers() {
        return;
    }
    let world = world("").await;
    let (short, last) = (token(json!({"exp": later(10)})), Last::default());
    let find = || world.find("user_id", "u").bearer(&short, ORG);
    for _ in 0..3 {
        find().on(&last).await.refused(404, "profile.not_found");
    }
    // A second of leeway is configured.
    world.clock.advance(10_999);
    find().on(&last).await.refused(404, "profile.not_found");
    find().await.refused(404, "profile.not_found");
    world.clock.advance(1);
    find().on(&last).await.refused(401, "auth.invalid");
    find().await.refused(401, "auth.invalid");
}

#[tokio::test]
async fn what_a_connection_remembers_is_of_the_credential_and_the_organisation() {
    if !peers() {
        return;
    }
    let world = world("").await;
    let (both, last) = (token(json!({"orgs": [ORG, OTHER_ORG]})), Last::default());
    let find = |org: u64| world.post(SEARCH, json!({"orgId": org, "search": {"user_id": ["u"]}}));
    find(ORG).bearer(&both, ORG).on(&last).await.refused(404, "profile.not_found");
    find(OTHER_ORG).bearer(&both, OTHER_ORG).on(&last).await.refused(404, "profile.not_found");
    find(ORG).bearer(&both, OTHER_ORG).on(&last).await.refused(403, "auth.org");
    find(ORG).bearer(&both, 999).on(&last).await.refused(403, "auth.org");
    find(ORG).bearer(&both, ORG).without("orgid").on(&last).await.refused(400, "request.no_org_id");
    // A token is no key, and a key no token.
    find(ORG).bearer(&both, ORG).on(&last).await.refused(404, "profile.not_found");
    find(ORG).key(&both).on(&last).await.refused(401, "auth.invalid");
    find(ORG).on(&last).await.refused(404, "profile.not_found");
    find(ORG).bearer(&world.key, ORG).on(&last).await.refused(401, "auth.invalid");
}

#[tokio::test]
async fn the_limits_of_the_organisation_hold_and_those_of_a_holder() {
    if !peers() {
        return;
    }
    let world = world("per_minute = 2").await;
    let (one, again) = (token(json!({})), token(json!({"jti": "2"})));
    let other = token(json!({"sub": "somebody else"}));
    let find = |token: &str| world.find("user_id", "u").bearer(token, ORG);
    let first = find(&one).await;
    assert_eq!(first.header("ratelimit"), "\"key-minute\";r=1;t=30", "{:?}", first.headers);
    find(&again).await.refused(404, "profile.not_found");
    for token in [&one, &again] {
        let refused = find(token).await;
        refused.refused(429, "limit.key");
        assert!(!refused.header("retry-after").is_empty());
    }
    find(&other).await.refused(404, "profile.not_found");
    world.find("user_id", "u").await.refused(404, "profile.not_found");
}

#[tokio::test]
async fn what_a_token_called_and_read_is_metered_under_its_holder() {
    if !peers() {
        return;
    }
    let world = world("").await;
    let (good, reader) = (token(json!({})), token(json!({"scope": "profile.read"})));
    let written = world.say("u", json!({})).await;
    world.find("user_id", "u").bearer(&good, ORG).await.ok();
    world.find("user_id", "nobody").bearer(&reader, ORG).await.refused(404, "profile.not_found");
    world.say("u", json!({})).bearer(&reader, ORG).await.refused(403, "auth.scope");
    let usage = world.admin(Method::GET, "/usage?by=key", json!({})).key(ROOT_KEY).await.ok();
    let items = usage["items"].as_array().unwrap();
    let holder = items.iter().find(|item| item["name"].is_null()).unwrap_or_else(|| panic!("{usage:#}"));
    assert_eq!((&holder["calls"], &holder["refused"]), (&json!(2), &json!(1)), "two tokens, one holder: {usage:#}");
    let id = holder["keyId"].as_str().unwrap();
    let reads = world.admin(Method::GET, &format!("/keys/{id}/reads"), json!({})).key(ROOT_KEY).await.ok();
    assert_eq!(reads["items"][0]["ucid"], written.header("x-ucid"), "{reads:#}");
}
