//! `GET`, `PUT` and `PATCH /admin/v1/orgs/{orgId}/catalogue` (contract sections 1, 4, 5, 11), and what follows from it:
//! types, groups, atomic groups, and consents that lapse.

use crate::util::*;
use http::Method;

fn put(world: &World, body: serde_json::Value) -> Call {
    world.admin(Method::PUT, "/catalogue", body)
}

fn patch(world: &World, body: serde_json::Value) -> Call {
    world.admin(Method::PATCH, "/catalogue", body)
}

async fn show(world: &World) -> serde_json::Value {
    world.get(&format!("{ADMIN}/catalogue")).await.ok()
}

const DAY: u64 = 24 * 3_600 * 1_000;

#[tokio::test]
async fn from_the_start_it_knows_addresses_telephones_and_devices() {
    let world = world().await;
    let shown = show(&world).await;
    assert_eq!((&shown["version"], &shown["changedAt"]), (&json!(0), &json!(null)));
    let email = json!({
        "group": null, "form": "email", "device": false, "pii": true, "keepRaw": true, "cookie": null,
        "derives": [{"kind": "email_sha256_lowercase", "algorithm": "sha256", "writing": "lower"}],
    });
    assert_eq!(shown["kinds"]["email"], email);
    assert_eq!(shown["kinds"]["cellphone"]["form"], "phone");
    assert_eq!(shown["kinds"]["email_md5_lowercase"]["group"], "email");
    for device in ["anonymous_id", "device_id", "AdId"] {
        assert_eq!(shown["kinds"][device]["device"], true, "{device}");
    }
    assert_eq!(shown["kinds"]["ga"]["cookie"], "first_party");
}

#[tokio::test]
async fn what_was_read_can_be_sent_back() {
    let world = world().await;
    let mut shown = show(&world).await;
    assert_eq!(put(&world, shown.clone()).await.ok(), shown, "the same again is no change");
    shown["attributes"] = json!({"age": {"type": "integer", "group": null, "pii": true}});
    let changed = put(&world, shown.clone()).await.ok();
    assert_eq!(changed, with(shown.clone(), json!({"version": 1, "changedAt": NOW})));
    assert_eq!(show(&world).await, changed);
    put(&world, shown).await.refused(409, "definition.changed");
}

#[tokio::test]
async fn put_is_the_whole_of_it_and_patch_what_it_names() {
    let world = world().await;
    let small = put(&world, json!({"kinds": {"email": {"form": "email"}}})).await.ok();
    assert_eq!(small["kinds"].as_object().unwrap().keys().collect::<Vec<_>>(), ["email"]);
    assert_eq!(small["kinds"]["email"]["derives"], json!([]), "what an entry leaves out has its default");
    let more = json!({
        "kinds": {"email": {"pii": true}, "loyalty_card": {"group": "loyalty"}},
        "groups": {"loyalty": {"atomic": true}}, "consents": {"ads": {"ttlDays": 30}},
    });
    let patched = patch(&world, more).await.ok();
    assert_eq!(patched["kinds"]["email"]["form"], "email", "members that are not named stay");
    assert_eq!((&patched["kinds"]["email"]["pii"], &patched["version"]), (&json!(true), &json!(2)));
    let less = patch(&world, json!({"kinds": {"loyalty_card": null}, "consents": {"ads": null}})).await.ok();
    assert_eq!((&less["kinds"]["loyalty_card"], &less["consents"]), (&json!(null), &json!({})));
    assert_eq!(less["groups"], json!({"loyalty": {"atomic": true}}));
}

#[tokio::test]
async fn every_fault_is_told_at_once_and_changes_nothing() {
    let world = world().await;
    let wrong = json!({
        "kinds": {
            "email": {"form": "mail", "derives": [{"kind": "h", "algorithm": "crc", "writing": "lower"}, 1], "x": 1},
            "_mine": {}, "plain": {"keepRaw": false},
        },
        "attributes": {"age": {"type": "number"}, "$x": {}},
        "groups": {"g": {"atomic": "yes"}}, "consents": {"ads": {"ttlDays": 0}, "news": {}}, "colour": 1,
    });
    for call in [put(&world, wrong.clone()), patch(&world, wrong)] {
        let problem = call.await.refused(400, "request.unknown_member");
        let mut at: Vec<&str> =
            problem["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
        at.sort_unstable();
        let expected = [
            "/attributes/$x",
            "/attributes/age/type",
            "/colour",
            "/consents/ads/ttlDays",
            "/consents/news/ttlDays",
            "/groups/g/atomic",
            "/kinds/_mine",
            "/kinds/email/derives/0/algorithm",
            "/kinds/email/derives/1",
            "/kinds/email/form",
            "/kinds/email/x",
            "/kinds/plain/keepRaw",
        ];
        assert_eq!(at, expected);
    }
    assert_eq!(show(&world).await["version"], 0);
    let two = json!({"kinds": {"a": {"derives": [{"kind": "b", "algorithm": "md5", "writing": "e164"}]}}});
    patch(&world, two).await.wrong_at("catalogue.invalid", &["/kinds/a/derives/0/writing"]);
}

#[tokio::test]
async fn it_is_of_one_organisation_and_holds_at_once() {
    let world = world().await;
    patch(&world, json!({"attributes": {"age": {"type": "integer"}}})).key(ROOT_KEY).await.ok();
    world.say("u", json!({"age": "x"})).await.wrong_at("value.wrong_type", &["/upsert/profile/age"]);
    let other = json!({"orgId": OTHER_ORG, "ids": {"user_id": "u"}, "upsert": {"profile": {"age": "x"}}});
    world.write(other).key(&world.other_key).await.ok();
    patch(&world, json!({})).key(&world.other_key).await.refused(403, "auth.org");
    world.get("/admin/v1/orgs/999/catalogue").key(ROOT_KEY).await.refused(404, "org.unknown");
}

#[tokio::test]
async fn values_of_a_kind_that_is_marked_as_a_device_move_to_whom_used_them_last() {
    let world = world().await;
    let write = async |user: &str| {
        world.clock.advance(1);
        world.write(json!({"ids": {"user_id": user, "tv": "t"}})).await.ok()[0].take()
    };
    write("u1").await;
    assert_eq!(write("u2").await["notAttached"], json!(["tv"]), "unknown kinds stay");
    patch(&world, json!({"kinds": {"tv": {"device": true}}})).await.ok();
    let second = write("u2").await;
    assert_eq!(second.get("notAttached"), None);
    assert_eq!(world.find("tv", "t").await.ok()[0]["ucid"], second["ucid"]);
    assert!(world.profile("u1").await["ids"].get("tv").is_none());
}

#[tokio::test]
async fn a_typed_attribute_takes_only_its_type_and_every_fault_is_told() {
    let world = world().await;
    let types = ["string", "integer", "double", "boolean", "timestamp", "list"];
    let attributes: serde_json::Map<_, _> =
        types.iter().map(|name| (format!("a_{name}"), json!({"type": name}))).collect();
    patch(&world, json!({"attributes": attributes})).await.ok();
    let right = json!({
        "a_string": "x", "a_integer": 5, "a_double": 1.5, "a_boolean": true, "a_timestamp": "2025-01-01T00:00:00Z",
        "a_list": ["x"],
    });
    world.say("u", right.clone()).await.ok();
    let wrong = json!({
        "a_string": 1, "a_integer": 1.5, "a_double": "1", "a_boolean": "yes", "a_timestamp": "yesterday",
        "a_list": {"$set": "x"}, "free": "anything",
    });
    let problem = world.say("u", wrong).await.refused(400, "value.wrong_type");
    let at: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].clone()).collect();
    let expected: Vec<_> = ["a_boolean", "a_double", "a_integer", "a_list", "a_string", "a_timestamp"]
        .iter()
        .map(|name| json!(format!("/upsert/profile/{name}")))
        .collect();
    assert_eq!(at, expected);
    let profile = world.profile("u").await;
    for (name, value) in right.as_object().unwrap() {
        assert_eq!(profile["profile"][name][name], *value, "{name}: nothing changed");
    }
    world.say("u", json!({"a_list": "y", "a_integer": null})).await.ok();
    let profile = world.profile("u").await;
    assert_eq!(profile["profile"]["a_list"]["a_list"], json!(["x", "y"]), "a plain value is an entry of a list");
    assert!(profile["profile"].get("a_integer").is_none(), "anything can be removed");
}

#[tokio::test]
async fn attributes_share_a_group() {
    let world = world().await;
    let attributes = json!({"tier": {"group": "loyalty"}, "points": {"group": "loyalty", "type": "integer"}});
    patch(&world, json!({"attributes": attributes})).await.ok();
    world.say("u", json!({"tier": "gold"})).await.ok();
    world.clock.advance(5);
    world.say("u", json!({"points": 7})).await.ok();
    let expected = json!({"loyalty": {"tier": "gold", "points": 7, "_ts": (NOW + 5).to_string()}});
    assert_eq!(world.profile("u").await["profile"], expected, "the group shows the newest stamp");
    world.say("u", json!({"points": "many"})).await.wrong_at("value.wrong_type", &["/upsert/profile/points"]);
}

#[tokio::test]
async fn an_atomic_group_is_shown_as_whoever_spoke_of_it_last_left_it() {
    for (atomic, expected) in
        [(false, json!({"street": "Hill 2", "city": "Porto"})), (true, json!({"street": "Hill 2"}))]
    {
        let world = world().await;
        patch(&world, json!({"groups": {"address": {"atomic": atomic}}})).await.ok();
        let say = async |ids, address| {
            world.clock.advance(1);
            world.write(json!({"ids": ids, "upsert": {"profile": {"address": address}}})).await.ok()
        };
        say(json!({"user_id": "u"}), json!({"street": "Road 1", "city": "Porto"})).await;
        say(json!({"email": "e"}), json!({"street": "Hill 2"})).await;
        say(json!({"user_id": "u", "email": "e"}), json!({})).await;
        let mut address = world.profile("u").await["profile"]["address"].take();
        address.as_object_mut().unwrap().remove("_ts");
        assert_eq!(address, expected, "atomic: {atomic}");
    }
}

#[tokio::test]
async fn a_consent_lapses_and_its_withdrawal_does_not() {
    let world = world().await;
    patch(&world, json!({"consents": {"ads": {"ttlDays": 30}, "news": {"ttlDays": 30}}})).await.ok();
    let consent = json!({"ads": true, "news": "no", "forever": true});
    world.write(json!({"ids": {"user_id": "u"}, "upsert": {"consent": consent}})).await.ok();
    let names = async || {
        let profile = world.profile("u").await;
        profile["consent"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    world.clock.advance(30 * DAY - 1);
    assert_eq!(names().await, ["ads", "forever", "news"]);
    world.clock.advance(1);
    assert_eq!(names().await, ["forever", "news"], "a yes is not shown past it, a no stays");
    world.write(json!({"ids": {"user_id": "u"}, "upsert": {"consent": {"ads": true}}})).await.ok();
    assert_eq!(names().await, ["ads", "forever", "news"], "given again, it is there again");
}
