//! `GET` and `PUT /admin/v1/orgs/{orgId}/strategy` (contract sections 6 and 11).

use crate::util::*;
use http::Method;

fn put(world: &World, body: serde_json::Value) -> Call {
    world.admin(Method::PUT, "/strategy", body)
}

async fn show(world: &World) -> serde_json::Value {
    world.get(&format!("{ADMIN}/strategy")).await.ok()
}

#[tokio::test]
async fn an_organisation_begins_with_the_default_by_which_user_id_is_exclusive() {
    let world = world().await;
    assert_eq!(show(&world).await, json!({"mode": "default", "exclusive": ["user_id"], "version": 1}));
}

#[tokio::test]
async fn the_answer_is_what_was_sent_with_its_version() {
    let world = world().await;
    let kinds = json!([
        {"kind": "user_id", "class": "primary", "priority": 1, "keep": 1, "contested": "stay", "ttlDays": null},
        {"kind": "ga", "class": "primary", "priority": 3, "keep": 5, "contested": "move", "ttlDays": 180},
        {"kind": "maid", "class": "secondary", "priority": 5, "keep": null, "contested": "stay", "ttlDays": null},
    ]);
    let custom = json!({"mode": "custom", "kinds": kinds});
    let answer = put(&world, custom.clone()).await.ok();
    assert_eq!(answer, with(custom.clone(), json!({"version": 2})));
    assert_eq!(show(&world).await, answer);
    assert_eq!(put(&world, custom).await.ok(), answer, "the same again is no change");
    let default = put(&world, json!({"mode": "default", "exclusive": []})).await.ok();
    assert_eq!(default, json!({"mode": "default", "exclusive": [], "version": 3}));
}

#[tokio::test]
async fn what_is_left_out_has_its_default() {
    let world = world().await;
    let default = put(&world, json!({"mode": "default"})).await.ok();
    assert_eq!(default, json!({"mode": "default", "exclusive": ["user_id"], "version": 1}));
    let kinds = json!([{"kind": "a", "class": "primary"}, {"kind": "b", "class": "disabled"}]);
    let custom = put(&world, json!({"mode": "custom", "kinds": kinds})).await.ok();
    let rest = json!({"keep": null, "contested": "stay", "ttlDays": null});
    let expected = [
        with(rest.clone(), json!({"kind": "a", "class": "primary", "priority": 2})),
        with(rest, json!({"kind": "b", "class": "disabled", "priority": 1})),
    ];
    assert_eq!(custom["kinds"], json!(expected));
}

#[tokio::test]
async fn a_change_may_name_the_version_that_it_replaces() {
    let world = world().await;
    put(&world, json!({"mode": "default", "exclusive": [], "version": 1})).await.ok();
    let stale = json!({"mode": "default", "exclusive": ["customer"], "version": 1});
    put(&world, stale).await.refused(409, "definition.changed");
    assert_eq!(show(&world).await["exclusive"], json!([]));
    let mut shown = show(&world).await;
    shown["exclusive"] = json!(["customer"]);
    assert_eq!(put(&world, shown).await.ok()["version"], 3, "what was read can be sent back, changed");
}

#[tokio::test]
async fn every_fault_is_told_at_once_and_changes_nothing() {
    let world = world().await;
    let kinds = json!([
        {"kind": "user_id", "class": "best", "priority": 6, "keep": 0, "contested": "go", "ttlDays": -1, "colour": 1},
        {"kind": "user_id", "class": "primary"},
        {"class": "primary"},
        {"kind": "user_id", "class": "primary", "priority": "1"},
        {"kind": "_own", "class": "primary"},
        "email",
    ]);
    let problem = put(&world, json!({"mode": "custom", "kinds": kinds, "exclusive": [], "x": 1})).await;
    let problem = problem.refused(400, "request.unknown_member");
    let mut at: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
    at.sort_unstable();
    let mut expected = vec![
        "/exclusive",
        "/kinds/0/class",
        "/kinds/0/colour",
        "/kinds/0/contested",
        "/kinds/0/keep",
        "/kinds/0/priority",
        "/kinds/0/ttlDays",
        "/kinds/1/kind",
        "/kinds/2/kind",
        "/kinds/3/kind",
        "/kinds/3/priority",
        "/kinds/4/kind",
        "/kinds/5",
        "/x",
    ];
    expected.sort_unstable();
    assert_eq!(at, expected);
    assert_eq!(show(&world).await["version"], 1);

    put(&world, json!({})).await.wrong_at("request.invalid", &["/mode"]);
    put(&world, json!({"mode": "strict"})).await.wrong_at("request.invalid", &["/mode"]);
    put(&world, json!({"mode": "custom"})).await.wrong_at("request.invalid", &["/kinds"]);
    put(&world, json!({"mode": "default", "kinds": []})).await.wrong_at("request.invalid", &["/kinds"]);
    put(&world, json!({"mode": "default", "exclusive": "user_id"})).await.wrong_at("request.invalid", &["/exclusive"]);
    put(&world, json!({"mode": "default", "exclusive": ["a", "a", "ucid"]}))
        .await
        .wrong_at("strategy.invalid", &["/exclusive/1", "/exclusive/2"]);
    let many: Vec<_> = (0..201).map(|n| json!({"kind": format!("k{n}"), "class": "primary"})).collect();
    put(&world, json!({"mode": "custom", "kinds": many})).await.wrong_at("strategy.invalid", &["/kinds"]);
}

#[tokio::test]
async fn a_change_holds_at_once_for_what_arrives_after_it() {
    let world = world().await;
    let ucid = async |ids| world.write(json!({"ids": ids})).await.header("x-ucid").to_owned();
    let first = ucid(json!({"user_id": "u1", "email": "e1"})).await;
    // Of two that were made in the same millisecond either may be the elder.
    world.clock.advance(1);
    let second = ucid(json!({"user_id": "u2", "email": "e2"})).await;
    assert_eq!(ucid(json!({"user_id": "u1", "email": "e2"})).await, first);
    assert_ne!(world.find("email", "e2").await.ok()[0]["ucid"], *first, "two customers stay two");
    put(&world, json!({"mode": "default", "exclusive": []})).key(ROOT_KEY).await.ok();
    assert_eq!(world.find("email", "e2").await.ok()[0]["ucid"], *second, "what was is not touched");
    ucid(json!({"user_id": "u1", "email": "e2"})).await;
    assert_eq!(world.find("email", "e2").await.ok()[0]["ucid"], *first, "by the literal rule they are one");
}

#[tokio::test]
async fn it_is_of_one_organisation() {
    let world = world().await;
    put(&world, json!({"mode": "default", "exclusive": []})).await.ok();
    let other = world.get("/admin/v1/orgs/8/strategy").key(&world.other_key).await.ok();
    assert_eq!(other["exclusive"], json!(["user_id"]));
    put(&world, json!({"mode": "default"})).key(&world.other_key).await.refused(403, "auth.org");
    world.get("/admin/v1/orgs/999/strategy").key(ROOT_KEY).await.refused(404, "org.unknown");
    let nobody = world.call(Method::PUT, "/admin/v1/orgs/999/strategy").header("content-type", "application/json");
    nobody.body(r#"{"mode":"default"}"#).key(ROOT_KEY).await.refused(404, "org.unknown");
}

#[tokio::test]
async fn a_kind_that_becomes_primary_leads_to_the_last_and_merges_nothing_until_one_holds_it() {
    let world = world().await;
    let with_class = |class| {
        json!({"mode": "custom", "kinds": [
            {"kind": "user_id", "class": "primary", "priority": 1, "keep": 1}, {"kind": "maid", "class": class},
        ]})
    };
    let say = async |ids| {
        world.clock.advance(1);
        world.write(json!({"ids": ids})).await.ok()[0]["ucid"].as_str().unwrap().to_owned()
    };
    put(&world, with_class("secondary")).await.ok();
    say(json!({"user_id": "u1", "maid": "m"})).await;
    let second = say(json!({"user_id": "u2", "maid": "m"})).await;
    put(&world, with_class("primary")).await.ok();
    assert_eq!(say(json!({"maid": "m"})).await, second);
    assert_eq!(world.find("maid", "m").await.ok().as_array().unwrap().len(), 1);
    let third = say(json!({"email": "e", "maid": "m"})).await;
    assert_eq!(third, second);
}
