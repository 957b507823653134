//! `GET /admin/v1/orgs` and `GET /admin/v1/orgs/{orgId}`.

use crate::util::*;

#[tokio::test]
async fn the_root_key_sees_all_in_pages() {
    let world = world().await;
    for _ in 0..3 {
        world.post("/admin/v1/orgs", json!({"name": "Acme"})).key(ROOT_KEY).await;
    }
    let (mut seen, mut url, mut pages) = (vec![], "/admin/v1/orgs?limit=2".to_owned(), 0);
    loop {
        let page = world.get(&url).key(ROOT_KEY).await.ok();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|org| org["orgId"].as_u64().unwrap()));
        pages += 1;
        match page["next"].as_str() {
            Some(next) => url = format!("/admin/v1/orgs?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((seen, pages), (vec![1, 2, 3, ORG, OTHER_ORG], 3));
}

#[tokio::test]
async fn parameters_that_are_wrong_are_refused_together() {
    let world = world().await;
    let answer = world.get("/admin/v1/orgs?limit=0&cursor=x&colour=red").key(ROOT_KEY).await;
    answer.wrong_at("request.invalid", &["?limit", "?cursor", "?colour"]);
    world.get("/admin/v1/orgs?limit=101").key(ROOT_KEY).await.wrong_at("request.invalid", &["?limit"]);
    assert_eq!(world.get(&format!("/admin/v1/orgs?limit=100&apikey={ROOT_KEY}")).without("apikey").await.status, 200);
}

#[tokio::test]
async fn one_is_seen_by_the_root_key_and_by_its_own_administrators() {
    let world = world().await;
    let url = "/admin/v1/orgs/7";
    let seen = world.get(url).await.ok();
    assert_eq!((&seen["orgId"], &seen["regions"]), (&json!(ORG), &json!(["EU", "US"])));
    assert_eq!(world.get(url).key(ROOT_KEY).await.ok(), seen);
    world.get(url).key(&world.other_key).await.refused(403, "auth.org");
    world.get("/admin/v1/orgs").await.refused(403, "auth.scope");
}

#[tokio::test]
async fn no_answer_tells_an_administrator_which_organisations_there_are() {
    let world = world().await;
    let existing = world.get("/admin/v1/orgs/8").await.refused(403, "auth.org");
    let missing = world.get("/admin/v1/orgs/999").await.refused(403, "auth.org");
    assert_eq!(with(existing, json!({"request_id": null})), with(missing, json!({"request_id": null})));
    world.get("/admin/v1/orgs/999").key(ROOT_KEY).await.refused(404, "org.unknown");
    for nonsense in ["x", "0", "07", "+7", "-1", "9007199254740992", "%ff"] {
        let answer = world.get(&format!("/admin/v1/orgs/{nonsense}")).key(ROOT_KEY).await;
        answer.refused(404, "request.no_such_url");
    }
}

#[tokio::test]
async fn a_key_without_org_admin_sees_nothing() {
    let world = world().await;
    let reader = world.new_key(ORG, ["profile.read".parse().unwrap()].into_iter().collect()).await;
    world.get("/admin/v1/orgs/7").key(&reader).await.refused(403, "auth.scope");
    let narrowed = world.get("/admin/v1/orgs/7").header("scopes", "profile.read");
    narrowed.await.refused(403, "auth.scope");
}
