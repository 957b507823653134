//! `POST /cdp/v1/users/_delete` (contract section 7).

use crate::util::*;

#[tokio::test]
async fn a_deleted_person_is_found_by_nothing_and_the_answer_says_who_it_was() {
    let world = world().await;
    let ucid = world.write(json!({"ids": {"user_id": "jane", "email": "e"}})).await.header("x-ucid").to_owned();
    let answer = world.delete(json!({"ids": {"user_id": ["jane", " nobody "]}})).await.ok();
    let expected = json!({
        "ucids": [ucid], "deletedProfiles": [ucid], "profilesNotFound": [" nobody "],
        "deletionId": answer["deletionId"], "notification": "none",
    });
    assert_eq!(answer, expected);
    assert_eq!(answer["deletionId"].as_str().unwrap().len(), 36);
    for (kind, value) in [("user_id", "jane"), ("email", "e"), ("ucid", &*ucid)] {
        world.find(kind, value).await.refused(404, "profile.not_found");
    }
}

#[tokio::test]
async fn no_row_holds_what_was_deleted() {
    let world = world().await;
    world.write(json!({"ids": {"user_id": "marker-id"}, "upsert": {"profile": {"a": "marker-value"}}})).await.ok();
    let holds = |text: &str| {
        let rows = world.store.dump();
        rows.iter().any(|(_, row)| row.value.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    assert!(holds("marker-id") && holds("marker-value"));
    world.delete(json!({"ids": {"user_id": ["marker-id"]}})).await.ok();
    assert!(!holds("marker-id") && !holds("marker-value"));
}

#[tokio::test]
async fn deleting_by_a_linked_ucid_deletes_the_whole_person() {
    let world = world().await;
    world.write(json!({"ids": {"user_id": "u"}})).await.ok();
    world.clock.advance(5);
    let second = world.write(json!({"ids": {"email": "e"}})).await.header("x-ucid").to_owned();
    world.clock.advance(5);
    world.write(json!({"ids": {"user_id": "u", "email": "e"}})).await.ok();
    world.delete(json!({"ids": {"ucid": [second]}})).await.ok();
    world.find("user_id", "u").await.refused(404, "profile.not_found");
}

#[tokio::test]
async fn deleting_again_is_refused_with_the_exact_text_and_deleting_nobody_is_not() {
    let world = world().await;
    world.say("jane", json!({})).await.ok();
    let delete = || world.delete(json!({"ids": {"user_id": ["jane"]}}));
    delete().await.ok();
    let problem = delete().await.refused(400, "delete.already_deleted");
    assert_eq!(problem["detail"], "User Profile is already deleted");
    assert_eq!(problem["message"], "User Profile is already deleted");
    let nobody = world.delete(json!({"ids": {"user_id": ["nobody"]}})).await.ok();
    assert_eq!((&nobody["deletedProfiles"], &nobody["profilesNotFound"]), (&json!([]), &json!(["nobody"])));
}

#[tokio::test]
async fn a_later_write_makes_a_new_person_but_an_older_one_is_refused() {
    let world = world().await;
    let first = world.say("jane", json!({"age": 1})).await.header("x-ucid").to_owned();
    world.clock.advance(1000);
    world.delete(json!({"ids": {"user_id": ["jane"]}})).await.ok();
    let late = json!({"ids": {"user_id": "jane"}, "timestamp": NOW + 500});
    world.write(late).await.refused(400, "identity.erased");
    let second = world.say("jane", json!({"age": 2})).await;
    second.ok();
    assert_ne!(second.header("x-ucid"), first);
}

#[tokio::test]
async fn a_repeat_under_the_same_idempotency_key_gives_the_same_answer() {
    let world = world().await;
    world.say("jane", json!({})).await.ok();
    let delete =
        |user: &str| world.delete(json!({"ids": {"user_id": [user, "nobody"]}})).header("idempotency-key", "k");
    let first = delete("jane").await.ok();
    world.say("jane", json!({})).await.ok();
    assert_eq!(delete("jane").await.ok(), first);
    world.find("user_id", "jane").await.ok();
    delete("john").await.refused(409, "idempotency.mismatch");
}

#[tokio::test]
async fn exactly_one_kind_and_one_to_four_hundred_values() {
    let world = world().await;
    let delete = |ids| world.delete(json!({"ids": ids}));
    delete(json!({})).await.wrong_at("delete.one_kind", &["/ids"]);
    delete(json!({"a": ["1"], "b": ["2"]})).await.wrong_at("delete.one_kind", &["/ids"]);
    delete(json!({"a": []})).await.wrong_at("delete.values", &["/ids/a"]);
    delete(json!({"a": "1"})).await.wrong_at("request.invalid", &["/ids/a"]);
    delete(json!({"a": ["1", 2, ""]})).await.wrong_at("request.invalid", &["/ids/a/1", "/ids/a/2"]);
    delete(json!({"ucid": ["x"]})).await.wrong_at("request.invalid", &["/ids/ucid/0"]);
    world.delete(json!({})).await.wrong_at("request.invalid", &["/ids"]);
    let values = |count| (0..count).map(|n| format!("{n:0>512}")).collect::<Vec<_>>();
    let answer = delete(json!({"a": values(400)})).await.ok();
    assert_eq!(answer["profilesNotFound"].as_array().unwrap().len(), 400);
    delete(json!({"a": values(401)})).await.wrong_at("delete.values", &["/ids/a"]);
}

#[tokio::test]
async fn region_and_organisation_are_needed_and_right() {
    let world = world().await;
    let ids = json!({"user_id": ["jane"]});
    world.delete(json!({"ids": ids, "region": null})).await.wrong_at("request.invalid", &["/region"]);
    world.delete(json!({"ids": ids, "region": "IN"})).await.wrong_at("request.unknown_region", &["/region"]);
    world.delete(json!({"ids": ids, "orgId": null})).await.wrong_at("request.no_org_id", &["/orgId"]);
    world.delete(json!({"ids": ids, "orgId": OTHER_ORG})).await.refused(403, "auth.org");
}

#[tokio::test]
async fn what_is_said_of_mail_and_suppression() {
    let world = world().await;
    let delete = |more| world.delete(with(json!({"ids": {"user_id": ["jane"]}}), more));
    let answer = delete(json!({"sendEmailNotification": true, "suppress": false})).await.ok();
    assert_eq!(answer["notification"], "not_configured");
    delete(json!({"suppress": null})).await.ok();
    delete(json!({"suppress": "no"})).await.wrong_at("request.invalid", &["/suppress"]);
    delete(json!({"sendEmailNotification": 1})).await.wrong_at("request.invalid", &["/sendEmailNotification"]);
    delete(json!({"colour": 1})).await.wrong_at("request.unknown_member", &["/colour"]);
}

#[tokio::test]
async fn a_delete_has_no_conditions_and_may_be_answered_without_a_body() {
    let world = world().await;
    world.say("jane", json!({})).await.ok();
    let delete = || world.delete(json!({"ids": {"user_id": ["jane"]}}));
    delete().header("if-match", "*").await.wrong_at("request.header", &["#If-Match"]);
    delete().header("prefer", "return=minimal").await.no_content();
}
