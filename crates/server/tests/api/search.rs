//! `POST /cdp/v1/users/_search` (contract section 4).

use crate::util::*;
use onefold_core::org::{OrgLimits, Scope, Scopes, WriteAnswer};
use onefold_core::tables::Table;
use onefold_engines::faulty::Fault;

const NO_IDENTIFIER: &str = "Search failed as no Identifier found in the request";
const NO_ORG: &str = "Request failed as no Org ID was found in request";
/// SHA-256 of `jane@example.org`, which the kind `email` derives.
const JANE_SHA256: &str = "13d855ce931073d4924ac377cda0e9a543908b9d6607727c8033d729c65eced6";

/// Jane's address as it is shown: the value and the hash that is known to be of it share an element.
fn janes_email() -> serde_json::Value {
    json!([{"email": "jane@example.org", "email_sha256_lowercase": JANE_SHA256, "_ts": NOW.to_string()}])
}

async fn with_jane() -> World {
    let world = world().await;
    let ids = json!({"user_id": "jane", "email": "jane@example.org"});
    let upsert = json!({
        "profile": {"age": 34, "loyalty": {"tier": "gold", "points": 1280}},
        "consent": {"gdpr": true},
        "mkt_preferences": {"SMS Optin": "yes"},
    });
    world.write(json!({"ids": ids, "upsert": upsert})).await.ok();
    world
}

#[tokio::test]
async fn a_profile_has_the_shape_of_the_contract() {
    let world = with_jane().await;
    let answer = world.find("email", "jane@example.org").await;
    let mut body = answer.ok();
    let ucid = body[0]["ucid"].take();
    assert_eq!(ucid.as_str().unwrap().len(), 36);
    let ts = NOW.to_string();
    let expected = json!([{
        "updated_ts": NOW, "created_ts": NOW,
        "profile": {"age": {"age": 34, "_ts": ts}, "loyalty": {"points": 1280, "tier": "gold", "_ts": ts}},
        "ids": {"email": janes_email(), "user_id": [{"user_id": "jane", "_ts": ts}]},
        "mkt_preferences": {"sms_optin": {"sms_optin": "yes", "_ts": ts}},
        "consent": {"gdpr": {"gdpr": "yes", "_ts": ts}},
        "region": "EU", "ucid": null,
    }]);
    assert_eq!(body, expected);
    assert!(answer.header("etag").starts_with('"') && answer.header("etag").ends_with('"'));
}

#[tokio::test]
async fn empty_sections_are_there_and_there_are_no_nulls() {
    let world = world().await;
    world.write(json!({"ids": {"user_id": "u"}})).await.ok();
    let profile = world.profile("u").await;
    for section in ["profile", "mkt_preferences", "consent"] {
        assert_eq!(profile[section], json!({}), "{section}");
    }
    assert!(profile.get("calc_attributes").is_none() && profile["ids"].get("linkedUcid").is_none());
}

#[tokio::test]
async fn values_are_alternatives_and_a_profile_comes_once_in_the_order_of_the_request() {
    let world = with_jane().await;
    world.say("john", json!({"age": 50})).await.ok();
    let search = r#"{"orgId":7,"search":{"user_id":["john","nobody","jane"],"email":["jane@example.org"]}}"#;
    let answer = world.search(json!({})).body(search).await;
    let ages: Vec<_> = answer.ok().as_array().unwrap().iter().map(|p| p["profile"]["age"]["age"].clone()).collect();
    assert_eq!(ages, [50, 34]);
    assert_eq!(answer.header("etag"), "", "an ETag is of one profile");
}

#[tokio::test]
async fn a_ucid_finds_its_profile_and_so_does_a_linked_one() {
    let world = world().await;
    let first = world.write(json!({"ids": {"user_id": "u"}})).await;
    world.clock.advance(5);
    let second = world.write(json!({"ids": {"email": "e"}})).await;
    world.clock.advance(5);
    world.write(json!({"ids": {"user_id": "u", "email": "e"}})).await.ok();
    for ucid in [first.header("x-ucid"), second.header("x-ucid")] {
        let profile = world.find("ucid", ucid).await.ok()[0].take();
        assert_eq!(profile["ucid"], first.header("x-ucid"));
        assert_eq!(profile["ids"]["linkedUcid"], json!([second.header("x-ucid")]));
    }
    world.find("ucid", "nonsense").await.wrong_at("request.invalid", &["/search/ucid/0"]);
}

#[tokio::test]
async fn nothing_found_is_404_or_empty_as_the_caller_likes() {
    let world = world().await;
    world.find("user_id", "nobody").await.refused(404, "profile.not_found");
    let search = json!({"user_id": ["nobody"]});
    world.search(json!({"search": search, "onMissing": "404"})).await.refused(404, "profile.not_found");
    assert_eq!(world.search(json!({"search": search, "onMissing": "empty"})).await.ok(), json!([]));
    world.search(json!({"search": search, "onMissing": 404})).await.wrong_at("request.invalid", &["/onMissing"]);
}

#[tokio::test]
async fn without_a_value_to_search_by_the_text_is_exact() {
    let world = world().await;
    let places = [
        (json!({}), "/search"),
        (json!({"search": {}}), "/search"),
        (json!({"search": []}), "/search"),
        (json!({"search": ""}), "/search"),
        (json!({"search": {"email": null}}), "/search/email"),
        (json!({"search": {"email": []}}), "/search/email"),
        (json!({"search": {"email": ""}}), "/search/email"),
        (json!({"search": {"email": ["a", null]}}), "/search/email/1"),
        (json!({"search": {"email": [""]}}), "/search/email/0"),
        (json!({"search": {"email": ["  "]}}), "/search/email/0"),
    ];
    for (body, place) in places {
        let problem = world.search(body).await.refused(400, "search.no_identifier");
        assert_eq!((&problem["detail"], &problem["message"]), (&json!(NO_IDENTIFIER), &json!(NO_IDENTIFIER)));
        assert_eq!(problem["errors"][0]["pointer"], place);
    }
    let null = format!("{{\"orgId\":{ORG},\"search\":null}}");
    world.search(json!({})).body(null).await.refused(400, "search.no_identifier");
}

#[tokio::test]
async fn without_an_organisation_the_text_is_exact_and_comes_before_the_other() {
    let world = world().await;
    for body in [r#"{}"#, r#"{"orgId":null}"#, r#"{"orgId":""}"#, r#"{"orgId":" ","search":{"email":[null]}}"#] {
        let problem = world.search(json!({})).body(body).await.refused(400, "request.no_org_id");
        assert_eq!((&problem["detail"], &problem["message"]), (&json!(NO_ORG), &json!(NO_ORG)));
        assert_eq!(problem["errors"].as_array().unwrap().len(), 2, "both faults are told");
    }
}

#[tokio::test]
async fn the_organisation_is_a_number_or_a_string_of_one() {
    let world = with_jane().await;
    let by = |org| world.post(SEARCH, json!({"orgId": org, "search": {"user_id": ["jane"]}}));
    by(json!("7")).await.ok();
    for bad in [json!("seven"), json!(7.5), json!(-7), json!(0), json!(true), json!([7]), json!("9007199254740992")] {
        by(bad).await.wrong_at("request.invalid", &["/orgId"]);
    }
    by(json!(OTHER_ORG)).await.refused(403, "auth.org");
    by(json!(999)).await.refused(403, "auth.org");
    let other = by(json!(OTHER_ORG)).key(&world.other_key).await;
    other.refused(404, "profile.not_found");
}

#[tokio::test]
async fn a_search_has_five_values_unless_the_organisation_was_given_more() {
    let world = with_jane().await;
    let five = json!({"user_id": ["a", "b", "jane"], "email": ["x", "y"]});
    world.search(json!({"search": five})).await.ok();
    let six = json!({"user_id": ["a", "b", "jane"], "email": ["x", "y", "z"]});
    world.search(json!({"search": six})).await.wrong_at("search.too_many_values", &["/search"]);

    let limits = OrgLimits { ids_per_fetch: 500, ..OrgLimits::default() };
    world.org(9, limits, WriteAnswer::Profile).await;
    let key = world.new_key(9, Scopes::NONE.with(Scope::ProfileRead)).await;
    let values = |count| (0..count).map(|n| format!("{n:0>500}")).collect::<Vec<_>>();
    let search = |count| world.post(SEARCH, json!({"orgId": 9, "search": {"user_id": values(count)}})).key(&key);
    search(500).await.refused(404, "profile.not_found");
    search(501).await.refused(400, "search.too_many_values");
}

#[tokio::test]
async fn regions_are_those_named_or_all_in_the_order_of_the_organisation() {
    let world = world().await;
    for region in ["US", "EU"] {
        world.write(json!({"ids": {"user_id": "u"}, "region": region})).await.ok();
    }
    let found = async |regions| {
        let answer = world.search(json!({"search": {"user_id": ["u"]}, "regions": regions})).await.ok();
        answer.as_array().unwrap().iter().map(|p| p["region"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(json!(null)).await, ["EU", "US"], "identity never crosses regions");
    assert_eq!(found(json!(["us"])).await, ["US"], "in any case");
    assert_eq!(found(json!(["US", "eu", "us"])).await, ["US", "EU"]);
    let bad = |regions| world.search(json!({"search": {"user_id": ["u"]}, "regions": regions}));
    bad(json!(["IN"])).await.wrong_at("request.unknown_region", &["/regions/0"]);
    bad(json!(["EU", "middle earth"])).await.wrong_at("request.invalid", &["/regions/1"]);
    bad(json!([])).await.wrong_at("request.invalid", &["/regions"]);
    bad(json!("EU")).await.wrong_at("request.invalid", &["/regions"]);
}

#[tokio::test]
async fn a_projection_shows_what_it_names_and_no_nulls() {
    let world = with_jane().await;
    let fetch = async |fetch| world.search(json!({"search": {"user_id": ["jane"]}, "fetch": fetch})).await;
    let answer = fetch(json!({"profile": ["age", "tier", "height"], "mkt_preferences": ["SMS Optin"]})).await;
    let profile = answer.ok()[0].take();
    let ts = NOW.to_string();
    assert_eq!(profile["profile"], json!({"age": {"age": 34, "_ts": ts}, "loyalty": {"tier": "gold", "_ts": ts}}));
    assert_eq!(profile["mkt_preferences"], json!({"sms_optin": {"sms_optin": "yes", "_ts": ts}}));
    assert_eq!((&profile["ids"], &profile["consent"]), (&json!({}), &json!({})));
    for always in ["ucid", "region", "created_ts", "updated_ts"] {
        assert!(!profile[always].is_null(), "{always}");
    }
    let whole = world.find("user_id", "jane").await;
    assert_eq!(answer.header("etag"), whole.header("etag"), "a projection does not change the ETag");
    let group = fetch(json!({"profile": ["loyalty"], "consent": ["gdpr"], "ids": ["email"]})).await.ok()[0].take();
    assert_eq!(group["profile"], json!({"loyalty": {"tier": "gold", "points": 1280, "_ts": ts}}));
    assert_eq!(group["consent"], json!({"gdpr": {"gdpr": "yes", "_ts": ts}}));
    assert_eq!(group["ids"], json!({"email": janes_email()}));
    assert_eq!(fetch(json!({})).await.ok()[0]["profile"], json!({}));

    fetch(json!({"calc_attributes": []})).await.wrong_at("request.not_yet", &["/fetch/calc_attributes"]);
    fetch(json!({"colours": []})).await.wrong_at("request.unknown_member", &["/fetch/colours"]);
    fetch(json!({"ids": "email"})).await.wrong_at("request.invalid", &["/fetch/ids"]);
    fetch(json!({"ids": [1]})).await.wrong_at("request.invalid", &["/fetch/ids/0"]);
    fetch(json!(["ids"])).await.wrong_at("request.invalid", &["/fetch"]);
}

#[tokio::test]
async fn it_can_say_which_values_found_a_profile_and_where_its_values_came_from() {
    let world = with_jane().await;
    let search = json!({"user_id": ["nobody", "jane"], "email": ["jane@example.org"]});
    let profile = world.search(json!({"search": search, "include": ["matched", "sources"]})).await.ok()[0].take();
    let matched = json!([{"kind": "email", "value": "jane@example.org"}, {"kind": "user_id", "value": "jane"}]);
    assert_eq!(profile["matched"], matched);
    assert_eq!(profile["sources"]["profile.age"], json!({"source": "tests", "_ts": NOW.to_string()}));
    let include = |include| world.search(json!({"search": {"user_id": ["jane"]}, "include": include}));
    include(json!(["events"])).await.wrong_at("request.not_yet", &["/include/0"]);
    include(json!(["matched", "colours"])).await.wrong_at("request.invalid", &["/include/1"]);
    include(json!("matched")).await.wrong_at("request.invalid", &["/include"]);
}

#[tokio::test]
async fn unless_spares_the_body_as_long_as_the_answer_would_be_the_same() {
    let world = with_jane().await;
    let etag = world.find("user_id", "jane").await.header("etag").to_owned();
    let unless = |etag: &str| world.search(json!({"search": {"user_id": ["jane"]}, "unless": etag}));
    assert_eq!(unless(&etag).await.no_content().header("etag"), etag);
    unless(etag.trim_matches('"')).await.no_content();
    unless("\"something else\"").await.ok();
    world.clock.advance(1);
    world.say("jane", json!({"age": 35})).await.ok();
    unless(&etag).await.ok();
    unless("").await.wrong_at("request.invalid", &["/unless"]);
}

#[tokio::test]
async fn what_this_version_does_not_have_and_what_nobody_knows_is_refused() {
    let world = with_jane().await;
    let search = |more| world.search(with(json!({"search": {"user_id": ["jane"]}}), more));
    search(json!({"allowShared": "yes"})).await.wrong_at("request.invalid", &["/allowShared"]);
    search(json!({"include": ["events"]})).await.wrong_at("request.not_yet", &["/include/0"]);
    search(json!({"fetchNce": true})).await.wrong_at("request.unknown_member", &["/fetchNce"]);
    search(json!({"a/b~c": 1})).await.wrong_at("request.unknown_member", &["/a~1b~0c"]);
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let world = world().await;
    let body = json!({
        "search": {"email": ["a", 5], "_x": ["b"], "phone": "c"},
        "regions": ["XX"], "include": ["all"], "colour": 1, "allowShared": 1,
    });
    let pointers =
        ["/regions/0", "/include/0", "/colour", "/allowShared", "/search/email/1", "/search/_x/0", "/search/phone"];
    let problem = world.search(body).await.refused(400, "request.unknown_member");
    let mut told: Vec<_> =
        problem["errors"].as_array().unwrap().iter().map(|f| f["pointer"].as_str().unwrap()).collect();
    let mut expected = pointers.to_vec();
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn kinds_and_values_are_within_their_bounds() {
    let world = world().await;
    let find = |kind: &str, value: &str| world.find(kind, value);
    find("A-z.0_9", &"v".repeat(512)).await.refused(404, "profile.not_found");
    find("kind", &format!(" {} ", "v".repeat(512))).await.refused(404, "profile.not_found");
    find("kind", &"v".repeat(513)).await.wrong_at("request.invalid", &["/search/kind/0"]);
    for kind in ["", "with space", "linkedUcid", "_x", &"k".repeat(65)] {
        find(kind, "v").await.refused(400, "request.invalid");
    }
}

#[tokio::test]
async fn a_region_that_cannot_be_read_makes_it_504_and_it_may_be_tried_again() {
    let (world, trouble) = world_in_trouble().await;
    world.say("jane", json!({"age": 34})).await.ok();
    trouble.with(Table::Profile, Fault::Refuse);
    let problem = world.find("user_id", "jane").await.refused(504, "store.unavailable");
    assert_eq!(problem["retry"], "later");
}
