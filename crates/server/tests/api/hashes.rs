//! One identifier in several writings (contract section 1): raw and hashed, in writes, searches and deletes.

use crate::util::*;
use http::Method;

const RAW: &str = "jane@example.org";
/// Of [`RAW`], by the kinds that a catalogue can derive.
const HASHES: [(&str, &str, &str, &str); 6] = [
    ("email_sha256_lowercase", "sha256", "lower", "13d855ce931073d4924ac377cda0e9a543908b9d6607727c8033d729c65eced6"),
    ("email_md5_lowercase", "md5", "lower", "18385ac57d9b171dc3fe83a5a92b68d9"),
    ("email_sha1_lowercase", "sha1", "lower", "77baeb8633437c80bc3f06a7bcfbad66185ca14b"),
    ("email_sha256_uppercase", "sha256", "upper", "83ccae939f35dd2677a22eab75a745fb841320dfaeb0baa26d875c598625ceca"),
    ("email_md5_uppercase", "md5", "upper", "17046e54299910a6490fc4f2f6622bfe"),
    ("email_sha1_uppercase", "sha1", "upper", "75ca3cbbec3787c3d6097baacd7d1be11d295766"),
];
const PHONE: &str = "+491701234567";
/// Of [`PHONE`], likewise.
const PHONE_HASHES: [(&str, &str, &str, &str); 3] = [
    (
        "cellphone_number_e164_sha256",
        "sha256",
        "e164",
        "b4267a2234e2072fa4d2e8d89fbe727c50fc414731d6ecacc2ed3d00f05038d1",
    ),
    ("cellno_with_country_code_md5", "md5", "with_country_code", "96aaafc8bc53dfe5fcad39f3795b2111"),
    ("cellno_without_country_code_sha1", "sha1", "without_country_code", "394934888141af61d2c16fb8ad7c9de661fff2cb"),
];

fn derives(hashes: &[(&str, &str, &str, &str)]) -> serde_json::Value {
    let derivation = |(kind, algorithm, writing, _): &(&str, &str, &str, &str)| json!({"kind": kind, "algorithm": algorithm, "writing": writing});
    hashes.iter().map(derivation).collect()
}

/// An organisation that derives every hash.
async fn deriving() -> World {
    let world = world().await;
    let kinds = json!({"email": {"derives": derives(&HASHES)}, "cellphone": {"derives": derives(&PHONE_HASHES)}});
    world.admin(Method::PATCH, "/catalogue", json!({"kinds": kinds})).await.ok();
    world
}

async fn write(world: &World, kind: &str, value: &str) -> String {
    world.clock.advance(1);
    world.write(json!({"ids": {kind: value}})).await.ok()[0]["ucid"].as_str().unwrap().to_owned()
}

/// Each of these ways of writing it, first to make the person, then to find them by each of the others.
async fn all_are_one(world: World, writings: &[(&str, &str)]) {
    for (first, value) in writings {
        let ucid = write(&world, first, value).await;
        // Only the raw value tells which hashes are of it.
        let (raw, raw_value) = writings[0];
        assert_eq!(write(&world, raw, raw_value).await, ucid, "{raw} after {first}");
        for (kind, value) in writings {
            assert_eq!(write(&world, kind, value).await, ucid, "{kind} after {first}");
            assert_eq!(world.find(kind, value).await.ok()[0]["ucid"], *ucid, "{kind} after {first}");
        }
        let (last, value) = writings[writings.len() - 1];
        let deleted = world.delete(json!({"ids": {last: [value]}})).await.ok();
        assert_eq!(deleted["deletedProfiles"], json!([ucid]), "{last} after {first}");
        for (kind, value) in writings {
            world.find(kind, value).await.refused(404, "profile.not_found");
        }
    }
}

#[tokio::test]
async fn an_address_and_the_hash_that_the_crm_holds_are_one_from_the_start() {
    let hash = HASHES[0].3;
    let writings = [
        ("email", RAW),
        ("email", " Jane@Example.ORG "),
        ("email_sha256_lowercase", hash),
        ("email_sha256_lowercase", &hash.to_uppercase()),
    ];
    all_are_one(world().await, &writings).await;
}

#[tokio::test]
async fn so_are_all_hashes_that_the_catalogue_derives() {
    let hashes = HASHES.map(|(kind, _, _, hash)| (kind, hash));
    let writings: Vec<(&str, &str)> = [("email", RAW)].into_iter().chain(hashes).collect();
    all_are_one(deriving().await, &writings).await;
}

#[tokio::test]
async fn and_a_telephone_number_however_it_is_written() {
    let hashes = PHONE_HASHES.map(|(kind, _, _, hash)| (kind, hash));
    let raw = [PHONE, "+49 170 1234567", "0049 (170) 123-4567"].map(|number| ("cellphone", number));
    let writings: Vec<(&str, &str)> = raw.into_iter().chain(hashes).collect();
    all_are_one(deriving().await, &writings).await;
}

#[tokio::test]
async fn so_they_are_where_one_address_is_kept() {
    let world = deriving().await;
    let kinds = json!([{"kind": "user_id", "class": "primary", "priority": 1, "keep": 1},
        {"kind": "email", "class": "primary", "priority": 2, "keep": 1}]);
    world.admin(Method::PUT, "/strategy", json!({"mode": "custom", "kinds": kinds})).await.ok();
    for (kind, _, _, hash) in HASHES {
        let ucid = write(&world, kind, hash).await;
        assert_eq!(write(&world, "email", RAW).await, ucid, "email after {kind}");
        assert_eq!(write(&world, kind, hash).await, ucid);
        let shown = world.find("email", RAW).await.ok()[0]["ids"]["email"].take();
        assert_eq!(shown.as_array().unwrap().len(), 1, "{kind}: one address, one element: {shown}");
        world.delete(json!({"ids": {"email": [RAW]}})).await.ok();
    }
}

#[tokio::test]
async fn what_is_known_to_be_of_one_address_shares_an_element_of_its_group() {
    let world = world().await;
    let other = "0".repeat(63) + "1";
    let ids = json!({"email": RAW, "email_md5_lowercase": "18385ac57d9b171dc3fe83a5a92b68d9"});
    world.write(json!({"ids": ids})).await.ok();
    let both = world.write(json!({"ids": {"email": RAW, "email_sha256_lowercase": other}})).await.ok();
    let (first, second) = (NOW.to_string(), (NOW + 1).to_string());
    let group = [
        json!({"email": RAW, "email_sha256_lowercase": HASHES[0].3, "_ts": second}),
        json!({"email_md5_lowercase": HASHES[1].3, "_ts": first}),
        json!({"email_sha256_lowercase": other, "_ts": second}),
    ];
    let shown = both[0]["ids"]["email"].as_array().unwrap();
    assert_eq!(shown.len(), group.len());
    assert!(group.iter().all(|element| shown.contains(element)), "what is of another stands alone: {shown:?}");
}

#[tokio::test]
async fn a_value_may_be_kept_by_its_hashes_alone() {
    let world = world().await;
    world.admin(Method::PATCH, "/catalogue", json!({"kinds": {"email": {"keepRaw": false}}})).await.ok();
    let ucid = write(&world, "email", RAW).await;
    let found = world.find("email", "JANE@example.org").await.ok();
    assert_eq!(found[0]["ucid"], *ucid);
    let ts = (NOW + 1).to_string();
    assert_eq!(found[0]["ids"], json!({"email": [{"email_sha256_lowercase": HASHES[0].3, "_ts": ts}]}));
    for (_, row) in world.store.dump() {
        assert!(!row.value.windows(RAW.len()).any(|bytes| bytes == RAW.as_bytes()), "no row holds the address");
    }
}

#[tokio::test]
async fn uuids_of_devices_are_one_in_either_case() {
    let world = world().await;
    let id = "38400000-8CF0-11BD-B23E-10B96E40000D";
    let ucid = write(&world, "AdId", id).await;
    assert_eq!(world.find("AdId", &id.to_lowercase()).await.ok()[0]["ucid"], *ucid);
    assert_eq!(world.find("AdId", id).await.ok()[0]["ids"]["AdId"][0]["AdId"], id.to_lowercase());
    write(&world, "AdId", "Not-a-UUID").await;
    world.find("AdId", "not-a-uuid").await.refused(404, "profile.not_found");
}
