//! `GET /admin/v1/orgs/{orgId}/refused`: records and links that were refused, without the values (contract section 6).

use crate::cases::Cases;
use crate::util::*;

async fn page(world: &World, query: &str) -> serde_json::Value {
    world.get(&format!("{ADMIN}/refused{query}")).await.ok()
}

#[tokio::test]
async fn they_are_listed_the_newest_first_with_the_reason_and_no_values() {
    let mut cases = Cases::custom().await;
    let secret = cases.world.write(json!({"ids": {"ttd_id": "secret"}})).header("x-request-id", "mine").await;
    secret.refused(400, "identity.no_usable_identifier");
    cases.world.clock.advance(60_000);
    cases.take("U1,E1").await;
    cases.put("U2,E1").await;
    let listed = page(&cases.world, "").await;
    let items = listed["items"].as_array().unwrap();
    assert_eq!((items.len(), &listed["next"]), (2, &json!(null)));
    let link = json!({
        "at": NOW + 60_002, "region": "EU", "reason": "identity.profile_holds_better", "kinds": ["email", "user_id"],
        "leftAlone": [{"kind": "email", "ucid": cases.made[0]}], "source": "tests", "request": items[0]["request"],
    });
    assert_eq!(items[0], link);
    let record = json!({
        "at": NOW, "region": "EU", "reason": "identity.no_usable_identifier", "kinds": ["ttd_id"], "leftAlone": [],
        "source": "tests", "request": "mine",
    });
    assert_eq!(items[1], record);
    assert!(!listed.to_string().contains("secret"));
}

#[tokio::test]
async fn a_page_is_continued_by_its_cursor() {
    let cases = Cases::custom().await;
    for _ in 0..5 {
        cases.world.write(json!({"ids": {"ttd_id": "x"}})).await.refused(400, "identity.no_usable_identifier");
        cases.world.clock.advance(60_000);
    }
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let mut listed = page(&cases.world, &query).await;
        seen.extend(listed["items"].as_array_mut().unwrap().drain(..).map(|item| item["at"].as_u64().unwrap()));
        match listed["next"].as_str() {
            Some(next) => query = format!("?limit=2&cursor={next}"),
            None => break,
        }
    }
    let expected: Vec<u64> = (0..5).rev().map(|n| NOW + n * 60_000).collect();
    assert_eq!(seen, expected);
    cases
        .world
        .get(&format!("{ADMIN}/refused?limit=0&cursor=x&y=1"))
        .await
        .wrong_at("request.invalid", &["?limit", "?cursor", "?y"]);
    cases.world.get(&format!("{ADMIN}/refused")).key(&cases.world.other_key).await.refused(403, "auth.org");
}

#[tokio::test]
async fn what_comes_again_within_a_minute_is_kept_once() {
    let cases = Cases::custom().await;
    for _ in 0..5 {
        cases.world.write(json!({"ids": {"ttd_id": "x"}})).await.refused(400, "identity.no_usable_identifier");
    }
    assert_eq!(page(&cases.world, "").await["items"].as_array().unwrap().len(), 1);
}
