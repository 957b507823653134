//! `POST /cdp/v1/users/_explain` (contract section 6): why a person is who they are.

use crate::cases::Cases;
use crate::util::*;
use http::Method;
use serde_json::Value;

/// A customer of four merges and one refused link, whose identifiers are plain to read.
pub async fn customer() -> (World, Value) {
    let cases = Cases::custom().await;
    let world = cases.world;
    let say = async |source: &str, request: &str, ids: Value, profile: Value| {
        world.clock.advance(60_000);
        let body = json!({"ids": ids, "source": source, "upsert": {"profile": profile}});
        world.write(body).header("x-request-id", request).await.ok();
    };
    say("web", "req-1", json!({"ga": "GA1.2.111"}), json!({"city": "Porto", "interests": ["trail running"]})).await;
    say("crm", "req-2", json!({"user_id": "jane"}), json!({"name": "Jane", "points": {"$add": 100}})).await;
    say("newsletter", "req-3", json!({"email": "jane@example.org"}), json!({"city": "Lisbon"})).await;
    say("call-centre", "req-4", json!({"cellphone": "+351 912 345 678"}), json!({})).await;
    say("app", "req-5", json!({"ga": "GA1.2.222"}), json!({"interests": ["hiking"]})).await;
    say("crm", "req-6", json!({"user_id": "john", "email": "john@example.org"}), json!({"name": "John"})).await;
    say("web", "req-7", json!({"user_id": "jane", "ga": "GA1.2.111"}), json!({})).await;
    say("web", "req-8", json!({"user_id": "jane", "email": "jane@example.org"}), json!({})).await;
    say("call-centre", "req-9", json!({"email": "jane@example.org", "cellphone": "+351 912 345 678"}), json!({})).await;
    say("app", "req-10", json!({"user_id": "jane", "ga": "GA1.2.222"}), json!({"points": {"$add": 20}})).await;
    say("web", "req-11", json!({"user_id": "jane", "email": "john@example.org"}), json!({})).await;
    let told = world.explain("user_id", "jane").await;
    (world, told)
}

fn texts<'a>(list: &'a Value, name: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[name].as_str().unwrap()).collect()
}

#[tokio::test]
async fn four_merges_and_one_refused_link_are_told() {
    let (world, told) = customer().await;
    assert_eq!(told["ucid"], world.profile("jane").await["ucid"]);
    assert_eq!((&told["region"], &told["strategyVersion"]), (&json!("EU"), &json!(2)));
    assert_eq!(told["profiles"].as_array().unwrap().len(), 5);
    assert_eq!(texts(&told["merges"], "request"), ["req-7", "req-8", "req-9", "req-10"], "in order of time");
    assert_eq!(texts(&told["merges"], "source"), ["web", "web", "call-centre", "app"]);
    let second = &told["merges"][1];
    assert_eq!(second["by"], json!({"kind": "email", "value": "jane@example.org"}));
    assert_eq!((&second["rule"], &second["at_ts"]), (&json!("2"), &json!(NOW + 8 * 60_000)));
    assert_eq!(texts(&second["record"], "kind"), ["email", "email_sha256_lowercase", "user_id"]);

    assert_eq!(told["refusedLinks"].as_array().unwrap().len(), 1);
    let refused = &told["refusedLinks"][0];
    assert_eq!(
        (&refused["kind"], &refused["rule"], &refused["request"]),
        (&json!("email"), &json!("2a"), &json!("req-11"))
    );
    assert_eq!(refused["leftAlone"], world.profile("john").await["ucid"]);
    assert!(!told.to_string().contains("john"), "what is another's is not told");
}

#[tokio::test]
async fn for_every_attribute_it_says_who_said_what_and_who_won() {
    let (_, told) = customer().await;
    let city = &told["attributes"]["city"];
    assert_eq!((&city["shown"], &city["from"]["source"]), (&json!("Lisbon"), &json!("newsletter")));
    let said: Vec<_> = city["said"].as_array().unwrap().iter().map(|said| (&said["value"], &said["won"])).collect();
    assert_eq!(said, [(&json!("Porto"), &json!(false)), (&json!("Lisbon"), &json!(true))]);
    let points = &told["attributes"]["points"];
    assert_eq!(points["shown"], 120);
    assert!(points["said"].as_array().unwrap().iter().all(|said| said["won"] == true), "increments add up");
    let interests = &told["attributes"]["interests"];
    assert_eq!(interests["shown"], json!(["trail running", "hiking"]));
    assert!(interests["said"].as_array().unwrap().iter().all(|said| said["said"] == "entry" && said["won"] == true));
}

#[tokio::test]
async fn consents_and_preferences_are_told_too() {
    let world = world().await;
    for (source, consent, preference) in [("crm", true, "yes"), ("web", false, "no")] {
        world.clock.advance(1);
        let upsert = json!({"consent": {"ads": consent}, "mkt_preferences": {"sms": preference}});
        let ids = json!({"user_id": "u"});
        world.write(json!({"ids": ids, "source": source, "upsert": upsert})).await.ok();
    }
    let told = world.explain("user_id", "u").await;
    assert_eq!((&told["consents"]["ads"]["shown"], &told["preferences"]["sms"]["shown"]), (&json!("no"), &json!("no")));
    assert_eq!(told["consents"]["ads"]["from"]["source"], "web");
}

#[tokio::test]
async fn it_is_asked_like_a_search() {
    let (world, told) = customer().await;
    let explain = |body| world.post(EXPLAIN, with(json!({"orgId": ORG}), body));
    for search in [json!({"email": ["JANE@example.org"]}), json!({"ucid": [told["profiles"][3]["ucid"]]})] {
        assert_eq!(explain(json!({"search": search})).await.ok(), json!([told]));
    }
    let both = explain(json!({"search": {"user_id": ["john", "nobody", "jane"]}, "regions": ["EU"]})).await.ok();
    assert_eq!((both.as_array().unwrap().len(), &both[1]), (2, &told), "in the order of the request");
    explain(json!({"search": {"user_id": ["nobody"]}})).await.refused(404, "profile.not_found");
    explain(json!({"search": {"user_id": ["jane"]}, "regions": ["US"]})).await.refused(404, "profile.not_found");
    explain(json!({})).await.refused(400, "search.no_identifier");
    explain(json!({"orgId": null})).await.refused(400, "request.no_org_id");
    explain(json!({"search": {"user_id": ["jane"]}, "fetch": {}}))
        .await
        .wrong_at("request.unknown_member", &["/fetch"]);
    explain(json!({"search": {"user_id": ["1", "2", "3", "4", "5", "6"]}}))
        .await
        .refused(400, "search.too_many_values");
    explain(json!({"orgId": OTHER_ORG, "search": {"user_id": ["jane"]}})).await.refused(403, "auth.org");
    let by_root = |body| world.admin(Method::POST, "/identity/_explain", body).key(ROOT_KEY);
    assert_eq!(by_root(json!({"search": {"user_id": ["jane"]}})).await.ok(), json!([told]));
    by_root(json!({"orgId": ORG, "search": {"user_id": ["jane"]}}))
        .await
        .wrong_at("request.unknown_member", &["/orgId"]);
}

#[tokio::test]
async fn a_shared_value_explains_all_whom_it_sits_on() {
    let mut cases = Cases::custom().await;
    cases.take("U1,M1").await;
    cases.take("U2,M1").await;
    let body = json!({"orgId": ORG, "search": {"maid": ["m1"]}});
    let told = cases.world.post(EXPLAIN, body).await.ok();
    let numbers: Vec<usize> = told.as_array().unwrap().iter().map(|one| cases.number(&one["ucid"])).collect();
    assert_eq!(numbers, [2, 1]);
}

/// The page that shows an explanation: `ONEFOLD_KEEP_DOCS=1 cargo test -p onefold --test api explained` writes it.
#[tokio::test]
async fn the_page_that_shows_an_explanation_is_true() {
    let (_, told) = customer().await;
    let page = explained_page(told);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/explained.md");
    if std::env::var_os("ONEFOLD_KEEP_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap() == page, "docs/explained.md is not what explain answers now");
}

fn explained_page(told: Value) -> String {
    // UCIDs are random after their time: each becomes one that tells its place.
    let mut text = serde_json::to_string_pretty(&told).unwrap();
    let profiles = texts(&told["profiles"], "ucid").into_iter().chain(texts(&told["refusedLinks"], "leftAlone"));
    for (place, ucid) in profiles.enumerate() {
        text = text.replace(ucid, &format!("{}-7000-8000-{:012}", &ucid[..13], place + 1));
    }
    let told: Value = serde_json::from_str(&text).unwrap();
    let story: Vec<&str> = told["story"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    include_str!("explained.md.txt").replace("{story}", &story.join("\n\n")).replace("{json}", &text)
}
