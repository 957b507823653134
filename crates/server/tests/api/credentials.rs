//! What opens a call and what does not (contract section 2), whatever the route.

use crate::util::*;
use onefold_engines::Memory;
use onefold_engines::faulty::{Call as StoreCall, Fault, Faulty};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const MISSING: (u16, &str) = (404, "profile.not_found");

#[track_caller]
fn is(answer: &Answer, (status, code): (u16, &str)) {
    answer.refused(status, code);
}

fn search(world: &World, query: &str) -> Call {
    world.post(&format!("{SEARCH}{query}"), json!({"orgId": ORG, "search": {"user_id": ["u"]}}))
}

#[tokio::test]
async fn a_key_comes_by_header_or_by_url_parameter() {
    let world = world().await;
    is(&search(&world, "").await, MISSING);
    let encoded: String = world.key.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for key in [&world.key, &encoded] {
        is(&search(&world, &format!("?x=y&apikey={key}")).without("apikey").await, MISSING);
        is(&search(&world, &format!("?apikey={key}")).await, MISSING);
    }
    is(&search(&world, &format!("?apikey={}", world.other_key)).await, (400, "auth.ambiguous"));
    is(&search(&world, "?apikey=nonsense").await, (400, "auth.ambiguous"));
}

#[tokio::test]
async fn without_a_valid_key_nothing_opens() {
    let world = world().await;
    let missing = search(&world, "").without("apikey").await;
    is(&missing, (401, "auth.missing"));
    assert_eq!(missing.header("www-authenticate"), r#"ApiKey realm="onefold", Bearer realm="onefold""#);
    is(&search(&world, "").key("").await, (401, "auth.missing"));
    let long = "x".repeat(5000);
    for unknown in ["nonsense", "of_", &world.key[..world.key.len() - 1], &world.key.to_lowercase(), &long] {
        is(&search(&world, "").key(unknown).await, (401, "auth.invalid"));
    }
}

#[tokio::test]
async fn where_tokens_are_not_configured_none_is_valid() {
    let world = world().await;
    is(&search(&world, "").bearer("eyJ", ORG).await, (401, "auth.invalid"));
    is(&search(&world, "").header("authorization", "Bearer eyJ").await, (400, "auth.ambiguous"));
    is(&search(&world, "").header("authorization", "Basic eyJ").await, MISSING);
}

#[tokio::test]
async fn the_root_key_opens_administration_only() {
    let world = world().await;
    for call in [search(&world, ""), world.say("u", json!({})), world.delete(json!({"ids": {"user_id": ["u"]}}))] {
        is(&call.key(ROOT_KEY).await, (403, "auth.scope"));
    }
    world.get("/admin/v1/orgs").key(ROOT_KEY).await.ok();
}

#[tokio::test]
async fn a_header_narrows_what_a_key_grants_and_never_widens_it() {
    let world = world().await;
    let narrowed = |scopes| search(&world, "").header("scopes", scopes);
    is(&narrowed("profile.read,profile.write").await, MISSING);
    is(&narrowed("profile.write").await, (403, "auth.scope"));
    is(&narrowed("no.such.scope").await, (403, "auth.scope"));
    for malformed in ["", "profile.read,,profile.write", "profile.read;profile.write"] {
        narrowed(malformed).await.wrong_at("request.header", &["#scopes"]);
    }
    let writer = world.new_key(ORG, ["profile.write".parse().unwrap()].into_iter().collect()).await;
    is(&narrowed("profile.read").key(&writer).await, (403, "auth.scope"));
    is(&search(&world, "").key(&writer).await, (403, "auth.scope"));
    is(&narrowed("%%").key("nonsense").await, (401, "auth.invalid"));
}

#[tokio::test]
async fn an_answer_is_the_same_whether_the_other_organisation_exists_or_not() {
    let world = world().await;
    let of = |org: u64| world.search(json!({"orgId": org, "search": {"user_id": ["u"]}}));
    let (existing, missing) = (of(OTHER_ORG).await, of(999).await);
    let strip = |answer: &Answer| with(answer.refused(403, "auth.org"), json!({"request_id": null}));
    assert_eq!(strip(&existing), strip(&missing));
}

/// A world whose store can be cut off, and which counts its reads.
async fn cut_off() -> (World, Arc<AtomicBool>, Arc<AtomicU64>) {
    let (gone, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let memory = Arc::new(Memory::new());
    let (is_gone, counted) = (gone.clone(), reads.clone());
    let store = Faulty::chosen(memory.clone(), move |call: &StoreCall<'_>| {
        counted.fetch_add(u64::from(!call.kind.changes()), Ordering::SeqCst);
        if is_gone.load(Ordering::SeqCst) { Fault::Refuse } else { Fault::None }
    });
    (world_over(Arc::new(store), memory, "").await, gone, reads)
}

/// Nothing of profiles is asked, so that only the credentials need the store.
async fn refused_by_scope(world: &World, key: &str) -> Answer {
    search(world, "").key(key).header("scopes", "events.write").await
}

#[tokio::test]
async fn when_the_store_is_gone_keys_run_out_into_503_and_never_into_acceptance() {
    let (world, gone, _) = cut_off().await;
    is(&refused_by_scope(&world, &world.key).await, (403, "auth.scope"));
    is(&refused_by_scope(&world, "nonsense").await, (401, "auth.invalid"));
    gone.store(true, Ordering::SeqCst);
    let unseen = refused_by_scope(&world, "never seen").await;
    is(&unseen, (503, "store.unavailable"));
    assert!(!unseen.header("retry-after").is_empty());
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    for key in [&*world.key, "nonsense"] {
        is(&refused_by_scope(&world, key).await, (503, "store.unavailable"));
    }
    gone.store(false, Ordering::SeqCst);
    is(&refused_by_scope(&world, &world.key).await, (403, "auth.scope"));
}

#[tokio::test]
async fn hits_and_misses_are_looked_up_once_a_second() {
    let (world, _, reads) = cut_off().await;
    for (key, expected) in [(&*world.key, (403, "auth.scope")), ("nonsense", (401, "auth.invalid"))] {
        is(&refused_by_scope(&world, key).await, expected);
        let before = reads.load(Ordering::SeqCst);
        for _ in 0..20 {
            is(&refused_by_scope(&world, key).await, expected);
        }
        assert_eq!(reads.load(Ordering::SeqCst), before, "{key}");
    }
}
