//! `POST /cdp/v1/users`: what may be said, and what is then shown (contract section 5).

use crate::util::*;
use serde_json::Value;

/// What is shown of attribute `a` after these were said of it, one write a millisecond.
async fn after(said: &[Value]) -> Value {
    let world = world().await;
    for value in said {
        world.say("u", json!({"a": value})).await.ok();
        world.clock.advance(1);
    }
    world.profile("u").await["profile"]["a"]["a"].take()
}

#[tokio::test]
async fn values_are_strings_numbers_booleans_and_arrays_of_them() {
    for value in [json!("x"), json!(""), json!(5), json!(-2.5), json!(true), json!(["x", 1, false]), json!(i64::MAX)] {
        assert_eq!(after(std::slice::from_ref(&value)).await, value);
    }
    assert_eq!(after(&[json!(1.0)]).await, json!(1), "1 and 1.0 are one value");
}

#[tokio::test]
async fn the_newer_scalar_wins_and_null_removes() {
    assert_eq!(after(&[json!(1), json!("two")]).await, "two");
    assert_eq!(after(&[json!(1), json!(null)]).await, Value::Null);
    assert_eq!(after(&[json!([1]), json!(null), json!([2])]).await, json!([2]));
}

#[tokio::test]
async fn lists_accumulate_without_duplicates_in_the_order_of_arrival() {
    assert_eq!(after(&[json!(["b", "a", "b"]), json!(["c", "a"]), json!("d")]).await, json!(["b", "a", "c", "d"]));
    let added_again = [json!(["a", "b"]), json!({"$remove": "a"}), json!(["a"])];
    assert_eq!(after(&added_again).await, json!(["b", "a"]), "since it was last absent");
}

#[tokio::test]
async fn operators_do_what_they_are_called() {
    let cases = [
        (vec![json!([1, 2]), json!({"$set": [3]})], json!([3])),
        (vec![json!(1), json!({"$set": "x"})], json!("x")),
        (vec![json!({"$set_once": 1}), json!({"$set_once": 2})], json!(1)),
        (vec![json!(40), json!({"$add": 2})], json!(42)),
        (vec![json!({"$add": 2}), json!({"$add": -3})], json!(-1)),
        (vec![json!(5), json!({"$min": 3}), json!({"$min": 4})], json!(3)),
        (vec![json!(5), json!({"$max": 7.5}), json!({"$max": 6})], json!(7.5)),
        (vec![json!(["a"]), json!({"$append": "b"}), json!({"$append": ["c", "a"]})], json!(["a", "b", "c"])),
        (vec![json!(["a", "b", "c"]), json!({"$remove": ["a", "c"]})], json!(["b"])),
        (vec![json!(1), json!({"$unset": true})], Value::Null),
    ];
    for (said, shown) in cases {
        assert_eq!(after(&said).await, shown, "{said:?}");
    }
}

#[tokio::test]
async fn operators_that_are_wrong_in_form_are_refused() {
    let world = world().await;
    let say = |value| world.say("u", json!({"a": value}));
    let place = "/upsert/profile/a";
    for (value, member) in [
        (json!({"$increase": 1}), "/$increase"),
        (json!({"$unset": false}), "/$unset"),
        (json!({"$add": "1"}), "/$add"),
        (json!({"$min": null}), "/$min"),
        (json!({"$set": null}), "/$set"),
        (json!({"$add": 1, "$min": 2}), ""),
        (json!({"$set": 1, "tier": "gold"}), ""),
    ] {
        say(value.clone()).await.wrong_at("write.operator", &[&format!("{place}{member}")]);
    }
    let nested = [
        (json!({"b": {"c": 1}}), "/b"),
        (json!([[1]]), "/0"),
        (json!([1, null]), "/1"),
        (json!([{}]), "/0"),
        (json!({"$append": [null]}), "/$append/0"),
        (json!({"$set": {"b": 1}}), "/$set"),
    ];
    for (value, member) in nested {
        say(value.clone()).await.wrong_at("write.nested", &[&format!("{place}{member}")]);
    }
}

#[tokio::test]
async fn an_operator_on_numbers_that_meets_something_else_is_refused() {
    let world = world().await;
    world.say("u", json!({"a": "text"})).await.ok();
    world.say("u", json!({"a": {"$add": 1}})).await.refused(400, "value.not_a_number");
}

#[tokio::test]
async fn an_object_writes_members_of_a_group_and_others_stay() {
    let world = world().await;
    world.say("u", json!({"loyalty": {"tier": "gold", "points": 1280}})).await.ok();
    world.clock.advance(1);
    world.say("u", json!({"loyalty": {"points": {"$add": 20}, "since": 2019}})).await.ok();
    let group = world.profile("u").await["profile"]["loyalty"].take();
    let ts = (NOW + 1).to_string();
    assert_eq!(group, json!({"tier": "gold", "points": 1300, "since": 2019, "_ts": ts}), "the group shows the newest");
    world.clock.advance(1);
    world.say("u", json!({"loyalty": {"tier": null}})).await.ok();
    assert_eq!(world.profile("u").await["profile"]["loyalty"].get("tier"), None);
    world.say("u", json!({"loyalty": {}})).await.ok();
    world.clock.advance(1);
    world.say("u", json!({"loyalty": null})).await.ok();
    assert_eq!(world.profile("u").await["profile"], json!({}));
}

#[tokio::test]
async fn names_are_within_their_bounds() {
    let world = world().await;
    world.say("u", json!({"x".repeat(128): 1, "with space": 1, "ümlaut": 1})).await.ok();
    for (name, shown) in [("", "…"), ("_ts", "_ts"), ("a\u{7}b", "…"), (&"x".repeat(129), "…")] {
        for section in ["profile", "consent"] {
            let write = json!({"ids": {"user_id": "u"}, "upsert": {section: {name: "yes"}}});
            world.write(write).await.wrong_at("request.invalid", &[&format!("/upsert/{section}/{shown}")]);
        }
        world.say("u", json!({"group": {name: 1}})).await.refused(400, "request.invalid");
    }
    world.say("u", json!({"$x": 1})).await.refused(400, "request.invalid");
}

#[tokio::test]
async fn consents_are_yes_or_no_in_any_case_or_booleans_and_null_is_ignored() {
    let world = world().await;
    let say = |consent| world.write(json!({"ids": {"user_id": "u"}, "upsert": {"consent": consent}}));
    say(json!({"a": "YES", "b": "No", "c": true, "d": false})).await.ok();
    world.clock.advance(1);
    let shown = say(json!({"a": null})).await.ok()[0]["consent"].take();
    let values: Vec<_> = ["a", "b", "c", "d"].iter().map(|name| shown[name][name].as_str().unwrap()).collect();
    assert_eq!(values, ["yes", "no", "yes", "no"]);
    for bad in [json!("maybe"), json!(1), json!({}), json!([])] {
        say(json!({"a": bad})).await.wrong_at("request.invalid", &["/upsert/consent/a"]);
    }
}

#[tokio::test]
async fn preferences_are_strings_under_normalised_names() {
    let world = world().await;
    let say = |preferences| world.write(json!({"ids": {"user_id": "u"}, "upsert": {"mkt_preferences": preferences}}));
    let shown = say(json!({"Call Center Calls": "weekly"})).await.ok()[0]["mkt_preferences"].take();
    assert_eq!(shown["call_center_calls"]["call_center_calls"], "weekly");
    world.clock.advance(1);
    assert_eq!(say(json!({"call-center calls": null})).await.ok()[0]["mkt_preferences"], json!({}));
    say(json!({"a": true})).await.wrong_at("request.invalid", &["/upsert/mkt_preferences/a"]);
    say(json!({"A  B": "1", "a b": "2"})).await.wrong_at("request.invalid", &["/upsert/mkt_preferences/…"]);
}

#[tokio::test]
async fn a_list_has_a_thousand_entries_and_no_more() {
    let world = world().await;
    let list = |from, to| (from..to).collect::<Vec<i64>>();
    world.say("u", json!({"a": list(0, 1000)})).await.ok();
    world.say("u", json!({"a": list(0, 1001)})).await.wrong_at("value.list_too_long", &["/upsert/profile/a"]);
    world.say("u", json!({"a": 1000})).await.refused(400, "value.list_too_long");
    assert_eq!(world.profile("u").await["profile"]["a"]["a"].as_array().unwrap().len(), 1000, "nothing was changed");
}

#[tokio::test]
async fn a_profile_has_a_thousand_attributes_and_64_kib_and_a_write_that_passes_them_changes_nothing() {
    let world = world().await;
    let many = |from: u32, to| (from..to).map(|n| (format!("a{n}"), json!(1))).collect::<serde_json::Map<_, _>>();
    world.say("u", json!({"g": many(0, 1000)})).await.ok();
    world.say("u", json!({"g": many(1000, 1001)})).await.refused(400, "profile.too_many_attributes");
    world.say("v", json!({"a": "x".repeat(40_000)})).await.ok();
    world.say("v", json!({"b": "x".repeat(40_000)})).await.refused(400, "profile.too_large");
    assert_eq!(world.profile("v").await["profile"].get("b"), None);
}
