//! `POST /cdp/v1/users/_split` and what lifts it (contract section 6): a merge is undone, exactly.

use crate::cases::{Cases, set};
use crate::util::*;
use http::Method;
use serde_json::Value;

fn lift(world: &World, one: &str, other: &str) -> Call {
    world.admin(Method::POST, "/identity/_lift", json!({"region": "EU", "ucid": one, "otherUcid": other}))
}

async fn say(cases: &Cases, ids: Value, upsert: Value) -> Value {
    cases.world.clock.advance(1);
    cases.world.write(json!({"ids": ids, "upsert": upsert})).await.ok()[0].take()
}

/// What a profile shows but for what tells of the merge and of the last write.
async fn shown(cases: &Cases, ucid: &str) -> Value {
    let mut found = cases.world.find("ucid", ucid).await.ok()[0].take();
    found["ids"].as_object_mut().unwrap().remove("linkedUcid");
    found.as_object_mut().unwrap().remove("updated_ts");
    found
}

/// Two people who know nothing of each other: K1 is P1 and E1 is P2.
async fn two() -> Cases {
    let mut cases = Cases::by_default().await;
    cases.take("K1").await;
    cases.take("E1").await;
    let said = json!({
        "profile": {"name": "K", "visits": {"$add": 2}, "tags": ["k", "both"], "gone": "k", "group": {"a": 1}},
        "consent": {"ads": true, "news": true}, "mkt_preferences": {"sms": "yes"},
    });
    say(&cases, json!({"k": "k1"}), said).await;
    let said = json!({
        "profile": {"name": "E", "visits": {"$add": 3}, "tags": ["both", "e"], "gone": "e", "group": {"b": 2}},
        "consent": {"ads": false}, "mkt_preferences": {"sms": "no", "mail": "yes"},
    });
    say(&cases, json!({"email": "e1"}), said).await;
    cases
}

#[tokio::test]
async fn merge_and_split_leave_both_as_they_were() {
    let mut cases = two().await;
    let before = [shown(&cases, &cases.made[0]).await, shown(&cases, &cases.made[1]).await];
    cases.take("K1,E1").await;
    let merged = cases.world.find("k", "k1").await.ok()[0].take();
    assert_eq!(merged["profile"]["visits"]["visits"], 5, "counters add up");
    let both = cases.world.split(&cases.made[0], &cases.made[1]).await.ok();
    let ucids: Vec<&Value> = both.as_array().unwrap().iter().map(|one| &one["ucid"]).collect();
    assert_eq!(ucids, [&json!(cases.made[0]), &json!(cases.made[1])], "the answer is both profiles");
    for (number, mut before) in before.into_iter().enumerate() {
        let mut after = shown(&cases, &cases.made[number]).await;
        for profile in [&mut before, &mut after] {
            // The record that joined them communicated both identifiers once more.
            profile.as_object_mut().unwrap().remove("ids");
        }
        assert_eq!(after, before);
        assert!(both[number]["ids"].get("linkedUcid").is_none());
    }
    assert_eq!(cases.shows("K1").await, (1, set("K1"), vec![]));
    assert_eq!(cases.shows("E1").await, (2, set("E1"), vec![]));
}

#[tokio::test]
async fn what_was_written_since_goes_with_whose_identifiers_wrote_it() {
    let mut cases = two().await;
    cases.take("K1,E1").await;
    let upsert = |who: &str| {
        json!({
            "profile": {"name": format!("{who} later"), "visits": {"$add": 10}, "tags": {"$remove": "both"}},
            "consent": {"ads": who == "e"}, "mkt_preferences": {"sms": null},
        })
    };
    say(&cases, json!({"k": "k1"}), upsert("k")).await;
    say(&cases, json!({"email": "e1", "device_id": "d1"}), upsert("e")).await;
    say(&cases, json!({"k": "k1"}), json!({"profile": {"gone": null}})).await;
    let merged = cases.world.find("k", "k1").await.ok()[0].take();
    assert_eq!(merged["profile"]["visits"]["visits"], 25);
    assert!(merged["profile"].get("gone").is_none(), "a removal hides what older profiles say");

    cases.world.split(&cases.made[0], &cases.made[1]).await.ok();
    let [k, e] = [shown(&cases, &cases.made[0]).await, shown(&cases, &cases.made[1]).await];
    let value = |profile: &Value, name: &str| profile["profile"][name][name].clone();
    assert_eq!((value(&k, "name"), value(&e, "name")), (json!("k later"), json!("e later")));
    assert_eq!((value(&k, "visits"), value(&e, "visits")), (json!(12), json!(13)));
    assert_eq!((value(&k, "tags"), value(&e, "tags")), (json!(["k"]), json!(["e"])));
    assert_eq!((k["profile"].get("gone"), value(&e, "gone")), (None, json!("e")), "the removal was of the other");
    let ads = |profile: &Value| profile["consent"]["ads"]["ads"].clone();
    assert_eq!((ads(&k), ads(&e)), (json!("no"), json!("yes")));
    assert_eq!((k["mkt_preferences"].get("sms"), e["mkt_preferences"].get("sms")), (None, None));
    assert_eq!((&k["consent"]["news"]["news"], e["consent"].get("news")), (&json!("yes"), None));
    assert_eq!(cases.found("E1").await[0]["ids"]["device_id"][0]["device_id"], "d1", "a new identifier too");
}

#[tokio::test]
async fn former_values_go_with_their_profile() {
    let mut cases = Cases::custom().await;
    cases.take("U1,E1").await;
    cases.take("U1,E2").await;
    cases.take("C1").await;
    cases.take("C1,E3").await;
    cases.put("U1,C1").await;
    assert_eq!(cases.shows("C1").await.0, 2, "one address is kept, and two would have met");
    cases.take("G7").await;
    cases.take("U1,G7").await;
    assert_eq!(cases.shows("G7").await, (1, set("U1,E2,G7"), vec![3]));
    cases.world.split(&cases.made[0], &cases.made[2]).await.ok();
    assert_eq!(cases.shows("E1").await, (1, set("U1,E2"), vec![]), "E1 is a former value of Z1");
    assert_eq!(cases.shows("G7").await, (3, set("G7"), vec![]));
}

#[tokio::test]
async fn the_two_stay_apart_by_whatever_identifier_until_that_is_lifted() {
    let mut cases = two().await;
    cases.take("K1,E1").await;
    let (one, other) = (cases.made[0].clone(), cases.made[1].clone());
    cases.world.split(&one, &other).await.ok();
    cases.put("K1,E1").await;
    assert_eq!((cases.shows("K1").await.0, cases.shows("E1").await.0), (1, 2), "by the same record");
    cases.put("K1,N1").await;
    cases.put("E1,N1").await;
    assert_eq!((cases.shows("K1").await.0, cases.shows("E1").await.0), (1, 2), "by a third identifier");
    let third = cases.take("M7").await;
    cases.put("E1,M7").await;
    cases.put("K1,M7").await;
    assert_ne!(cases.shows("K1").await.0, cases.shows("E1").await.0, "by way of a third person, {third}");
    let told = cases.world.explain("ucid", &one).await;
    assert_eq!(told["keptApart"][0], json!({"profile": one, "from": other}));

    cases.world.post(SPLIT, json!({})).key(ROOT_KEY).await.refused(403, "auth.scope");
    lift(&cases.world, &one, &other).key(&cases.world.other_key).await.refused(403, "auth.org");
    lift(&cases.world, &one, &one).await.wrong_at("request.invalid", &["/otherUcid"]);
    lift(&cases.world, &one, "01941f29-7c00-7c1d-9e02-7d5b1a90c6f4").await.refused(404, "profile.unknown_ucid");
    lift(&cases.world, &one, &other).key(ROOT_KEY).await.no_content();
    assert_eq!(cases.world.explain("ucid", &one).await["keptApart"], json!([]));
    assert_eq!(cases.take("K1,E1").await, 1);
    assert_eq!(cases.shows("E1").await.0, 1, "they meet again");
}

#[tokio::test]
async fn one_of_several_is_split_out_and_the_others_stay() {
    let mut cases = Cases::by_default().await;
    for id in ["K1", "E1", "N1", "M1"] {
        cases.take(id).await;
    }
    for record in ["K1,E1", "K1,N1", "K1,M1"] {
        cases.take(record).await;
    }
    cases.world.split(&cases.made[0], &cases.made[2]).await.ok();
    assert_eq!(cases.shows("K1").await, (1, set("K1,E1,M1"), vec![2, 4]));
    assert_eq!(cases.shows("N1").await, (3, set("N1"), vec![]));
    for (linked, now) in [(1, 0), (3, 0), (2, 2)] {
        let found = cases.world.find("ucid", &cases.made[linked]).await.ok();
        assert_eq!(found[0]["ucid"], *cases.made[now], "every UCID finds its person");
    }
}

#[tokio::test]
async fn one_that_had_merged_others_takes_them_along() {
    let mut cases = Cases::by_default().await;
    for id in ["K1", "E1", "N1"] {
        cases.take(id).await;
    }
    cases.take("E1,N1").await;
    cases.take("K1,N1").await;
    assert_eq!(cases.shows("N1").await, (1, set("K1,E1,N1"), vec![2, 3]));
    let both = cases.world.split(&cases.made[0], &cases.made[1]).await.ok();
    assert_eq!(both[1]["ids"]["linkedUcid"], json!([cases.made[2]]));
    assert_eq!(cases.shows("K1").await, (1, set("K1"), vec![]));
    assert_eq!(cases.shows("N1").await, (2, set("E1,N1"), vec![3]));
    cases.world.split(&cases.made[1], &cases.made[2]).await.ok();
    assert_eq!(cases.shows("E1").await, (2, set("E1"), vec![]), "and can be split again");
    assert_eq!(cases.shows("N1").await, (3, set("N1"), vec![]));
}

#[tokio::test]
async fn a_split_that_was_done_answers_again_and_one_that_cannot_be_is_refused() {
    let mut cases = two().await;
    cases.take("K1,E1").await;
    let (one, other) = (cases.made[0].clone(), cases.made[1].clone());
    let unknown = "01941f29-7c00-7c1d-9e02-7d5b1a90c6f4";
    cases.world.split(&one, unknown).await.refused(404, "profile.unknown_ucid");
    cases.world.split(&other, &one).await.refused(400, "split.not_linked");
    let first = cases.world.split(&one, &other).await.ok();
    assert_eq!(cases.world.split(&one, &other).await.ok(), first);
    cases.take("N1").await;
    let third = cases.made[2].clone();
    cases.world.split(&one, &third).await.refused(400, "split.not_linked");
    cases.world.split("x", "y").await.wrong_at("request.invalid", &["/ucid", "/linkedUcid"]);
    let body = json!({"orgId": ORG, "region": "IN", "ucid": one, "linkedUcid": other, "x": 1});
    cases.world.post(SPLIT, body).await.refused(400, "request.unknown_member");
    let theirs = json!({"orgId": OTHER_ORG, "region": "EU", "ucid": one, "linkedUcid": other});
    cases.world.post(SPLIT, theirs).await.refused(403, "auth.org");
    let by_root = json!({"region": "eu", "ucid": one, "linkedUcid": other});
    let administered = cases.world.admin(Method::POST, "/identity/_split", by_root).key(ROOT_KEY).await;
    assert_eq!(administered.ok(), first);
}

#[tokio::test]
async fn deleting_one_of_two_that_were_split_leaves_the_other() {
    let mut cases = two().await;
    cases.take("K1,E1").await;
    cases.world.split(&cases.made[0], &cases.made[1]).await.ok();
    cases.world.delete(json!({"ids": {"k": ["k1"]}})).await.ok();
    assert_eq!(cases.found("K1").await, json!([]));
    assert_eq!(cases.shows("E1").await, (2, set("E1"), vec![]));
}
