//! `POST /cdp/v1/users` (contract section 5): who is meant, and what is answered.

use crate::util::*;
use onefold_core::org::{OrgLimits, Scope, WriteAnswer};
use onefold_core::tables::{self, Table};
use onefold_engines::faulty::Fault;

#[tokio::test]
async fn a_write_answers_with_the_profile_as_it_now_is() {
    let world = world().await;
    let written = world.say("jane", json!({"age": 34})).await;
    let fetched = world.find("user_id", "jane").await;
    assert_eq!(written.ok(), fetched.ok());
    assert_eq!(written.header("etag"), fetched.header("etag"));
    let ucid = written.json()[0]["ucid"].as_str().unwrap().to_owned();
    assert_eq!((written.header("x-ucid"), written.header("x-zeotap-ucid")), (&*ucid, &*ucid));
}

#[tokio::test]
async fn who_wants_no_body_gets_none_but_all_headers() {
    let world = world().await;
    let minimal = world.say("jane", json!({"age": 34})).header("prefer", "return=minimal").await;
    minimal.no_content();
    let fetched = world.find("user_id", "jane").await;
    assert_eq!(minimal.header("etag"), fetched.header("etag"));
    assert_eq!(minimal.header("x-ucid"), fetched.json()[0]["ucid"]);
    assert_eq!(minimal.header("x-zeotap-ucid"), minimal.header("x-ucid"));
}

#[tokio::test]
async fn an_organisation_may_make_204_its_default() {
    let world = world().await;
    world.org(9, OrgLimits::default(), WriteAnswer::Minimal).await;
    let key = world.new_key(9, Scope::ALL.into_iter().collect()).await;
    let write = || world.write(json!({"orgId": 9, "ids": {"user_id": "jane"}})).key(&key);
    write().await.no_content();
    write().header("prefer", "return=representation").await.ok();
}

#[tokio::test]
async fn a_strict_write_under_the_literal_rule_is_done_in_full() {
    let world = world().await;
    world.say("jane", json!({})).header("prefer", "handling=strict").await.ok();
}

#[tokio::test]
async fn one_record_with_the_identifiers_of_two_people_makes_them_one() {
    let world = world().await;
    let first = world.write(json!({"ids": {"user_id": "k1"}, "upsert": {"profile": {"a": 1}}})).await;
    world.clock.advance(1);
    let second = world.write(json!({"ids": {"email": "e1"}, "upsert": {"profile": {"b": 2}}})).await;
    world.clock.advance(1);
    let both = world.write(json!({"ids": {"user_id": "k1", "email": "e1"}})).await.ok()[0].take();
    assert_eq!(both["ucid"], first.header("x-ucid"), "the first created survives");
    assert_eq!(both["ids"]["linkedUcid"], json!([second.header("x-ucid")]));
    assert_eq!((&both["profile"]["a"]["a"], &both["profile"]["b"]["b"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn two_records_with_one_identifier_are_one_person() {
    let world = world().await;
    world.write(json!({"ids": {"email": "e1", "ga": "g1"}})).await.ok();
    let person = world.write(json!({"ids": {"email": "e2", "ga": "g1"}})).await.ok()[0].take();
    assert_eq!(person["ids"]["email"].as_array().unwrap().len(), 2);
    assert_eq!(person["ids"].get("linkedUcid"), None);
}

#[tokio::test]
async fn a_ucid_names_the_profile_that_is_meant() {
    let world = world().await;
    let ucid = world.say("jane", json!({})).await.header("x-ucid").to_owned();
    let by = |ucid: &str, ids| world.write(json!({"ucid": ucid, "ids": ids, "upsert": {"profile": {"age": 3}}}));
    assert_eq!(by(&ucid, json!(null)).await.header("x-ucid"), ucid);
    by(&ucid, json!({"email": "e"})).await.ok();
    assert_eq!(world.find("email", "e").await.ok()[0]["ucid"], *ucid);
    by("01941f29-7c00-7c1d-9e02-7d5b1a90c6f4", json!({"user_id": "x"})).await.refused(404, "profile.unknown_ucid");
    by("nonsense", json!({})).await.wrong_at("request.invalid", &["/ucid"]);
}

#[tokio::test]
async fn identifiers_are_one_to_ten_strings_of_any_kind() {
    let world = world().await;
    let write = |ids| world.write(json!({"ids": ids}));
    let ids = |count| (0..count).map(|n| (format!("kind{n}"), json!("v"))).collect::<serde_json::Map<_, _>>();
    write(json!(ids(10))).await.ok();
    write(json!(ids(11))).await.wrong_at("write.too_many_identifiers", &["/ids"]);
    write(json!({})).await.wrong_at("write.no_identifier", &["/ids"]);
    world.write(json!({})).await.wrong_at("write.no_identifier", &["/ids"]);
    write(json!([])).await.wrong_at("request.invalid", &["/ids"]);
    write(json!({"a": 1, "b": null, "c": ["x"], "d": " "}))
        .await
        .wrong_at("request.invalid", &["/ids/a", "/ids/b", "/ids/c", "/ids/d"]);
    for (kind, shown) in [("ucid", "ucid"), ("linkedUcid", "linkedUcid"), ("_mine", "_mine"), ("a b", "…")] {
        write(json!({kind: "v"})).await.wrong_at("request.invalid", &[&format!("/ids/{shown}")]);
    }
    let trimmed = write(json!({"user_id": "  jane "})).await.ok();
    assert_eq!(trimmed[0]["ids"]["user_id"][0]["user_id"], "jane");
    world.find("user_id", "JANE").await.refused(404, "profile.not_found");
}

#[tokio::test]
async fn a_region_is_needed_and_is_one_of_the_organisation() {
    let world = world().await;
    let write = |region| world.write(json!({"ids": {"user_id": "jane"}, "region": region}));
    assert_eq!(write(json!("us")).await.ok()[0]["region"], "US");
    write(json!(null)).await.wrong_at("request.invalid", &["/region"]);
    write(json!("IN")).await.wrong_at("request.unknown_region", &["/region"]);
    write(json!(["EU"])).await.wrong_at("request.invalid", &["/region"]);
}

#[tokio::test]
async fn an_organisation_is_needed_and_is_the_callers() {
    let world = world().await;
    let write = |org| world.write(json!({"orgId": org, "ids": {"user_id": "jane"}}));
    let problem = write(json!(null)).await.refused(400, "request.no_org_id");
    assert_eq!(problem["detail"], "Request failed as no Org ID was found in request");
    write(json!(OTHER_ORG)).await.refused(403, "auth.org");
    world.find("user_id", "jane").key(&world.other_key).await.refused(403, "auth.org");
}

#[tokio::test]
async fn members_that_nobody_knows_are_refused_and_all_faults_told() {
    let world = world().await;
    let write = json!({
        "ids": {"user_id": 5}, "colour": 1, "region": "XX", "timestamp": "now", "source": "",
        "upsert": {"events": [], "consent": {"a": "maybe"}},
    });
    let problem = world.write(write).await.refused(400, "request.unknown_member");
    let mut at: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|f| f["pointer"].as_str().unwrap()).collect();
    at.sort_unstable();
    let expected =
        ["/colour", "/ids/user_id", "/region", "/source", "/timestamp", "/upsert/consent/a", "/upsert/events"];
    assert_eq!(at, expected);
    world.write(json!({"ids": {"user_id": "a"}, "upsert": null})).await.wrong_at("request.invalid", &["/upsert"]);
}

#[tokio::test]
async fn where_it_came_from_is_said_or_is_the_name_of_the_key() {
    let world = world().await;
    world.write(json!({"ids": {"user_id": "u"}, "source": "crm", "upsert": {"profile": {"a": 1}}})).await.ok();
    world.say("u", json!({"b": 1})).await.ok();
    let found = world.search(json!({"search": {"user_id": ["u"]}, "include": ["sources"]})).await.ok();
    assert_eq!(found[0]["sources"]["profile.a"]["source"], "crm");
    assert_eq!(found[0]["sources"]["profile.b"]["source"], "tests");
    for bad in [json!("x".repeat(65)), json!(""), json!("a\nb"), json!(1)] {
        world.write(json!({"ids": {"user_id": "u"}, "source": bad})).await.wrong_at("request.invalid", &["/source"]);
    }
}

#[tokio::test]
async fn an_older_timestamp_loses_value_by_value() {
    let world = world().await;
    let at = |timestamp, profile| {
        world.write(json!({"ids": {"user_id": "u"}, "timestamp": timestamp, "upsert": {"profile": profile}}))
    };
    at(NOW, json!({"a": "new"})).await.ok();
    let profile = at(NOW - 10, json!({"a": "old", "b": "old"})).await.ok()[0]["profile"].take();
    assert_eq!(profile["a"], json!({"a": "new", "_ts": NOW.to_string()}));
    assert_eq!(profile["b"], json!({"b": "old", "_ts": (NOW - 10).to_string()}));
}

#[tokio::test]
async fn a_timestamp_is_milliseconds_and_at_most_five_minutes_ahead() {
    let world = world().await;
    let at = |timestamp| world.write(json!({"ids": {"user_id": "u"}, "timestamp": timestamp}));
    at(json!(NOW + 300_000)).await.ok();
    at(json!(NOW + 300_001)).await.refused(400, "write.timestamp_ahead");
    for bad in [json!(-1), json!(1.5), json!("1735689600000"), json!(true)] {
        at(bad).await.wrong_at("request.invalid", &["/timestamp"]);
    }
}

#[tokio::test]
async fn an_acknowledged_write_is_not_beaten_by_an_earlier_one() {
    let world = world().await;
    let ahead = json!({"ids": {"user_id": "u"}, "timestamp": NOW + 200_000, "upsert": {"profile": {"a": 1}}});
    world.write(ahead).await.ok();
    let profile = world.say("u", json!({"a": 2})).await.ok()[0]["profile"]["a"].take();
    assert_eq!(profile, json!({"a": 2, "_ts": (NOW + 200_001).to_string()}));
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_503_and_nothing_was_done() {
    let (world, trouble) = world_in_trouble().await;
    trouble.with(Table::Profile, Fault::Refuse);
    let answer = world.say("u", json!({})).await;
    assert_eq!(answer.refused(503, "store.unavailable")["retry"], "later");
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn a_store_that_does_not_say_is_504_and_to_be_asked_the_same_again() {
    let (world, trouble) = world_in_trouble().await;
    world.say("u", json!({})).await.ok();
    trouble.with(Table::Alias, Fault::Forget);
    trouble.with(Table::Profile, Fault::Forget);
    let problem = world.say("u", json!({"a": 1})).await;
    // Reads are refused under every fault, so that a write may also be told that nothing was done.
    let (status, retry) = (problem.status.as_u16(), problem.json()["retry"].clone());
    assert!((status, &retry) == (504, &json!("same")) || (status, &retry) == (503, &json!("later")), "{problem:?}");
}

#[tokio::test]
async fn a_damaged_row_is_502() {
    let world = world().await;
    let ucid = world.say("u", json!({"a": 1})).await.header("x-ucid").parse().unwrap();
    let org = onefold_core::id::OrgId::new(ORG).unwrap();
    let key = tables::profile(org, "EU".parse().unwrap(), ucid);
    let store: &dyn onefold_core::store::Store = &*world.store;
    store.write(&key, onefold_core::store::Guard::Any, bytes::Bytes::from_static(b"\xff?")).await.unwrap();
    world.find("user_id", "u").await.refused(502, "store.corrupt");
    world.say("u", json!({"a": 2})).await.refused(502, "store.corrupt");
}
