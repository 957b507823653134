//! Stale devices are folded into the person before a limit refuses anything, and the oldest device values leave.

use super::testing::{World, ready, record, region};
use crate::error::Code;
use crate::id::Ucid;
use crate::limits;
use crate::profile::attribute::Said;
use crate::value::{Number, Scalar};

fn count(world: &World) -> usize {
    let shown = world.fetch("user_id", "jane");
    shown[0]["ids"]["anonymous_id"].as_array().map_or(0, Vec::len)
}

fn visit(world: &World, number: usize) -> Ucid {
    let anonymous = format!("anonymous_id=visit {number}");
    let alone =
        record(&[&anonymous]).saying("views", Said::Add(Number::sum([]))).plain("last_page", &format!("{number}"));
    let visitor = world.upsert(&alone.saying("seen", Said::Entries(vec![Scalar::Integer(number as i64)]))).unwrap();
    world.upsert(&record(&["user_id=jane", &anonymous])).unwrap();
    visitor.ucid
}

#[test]
fn a_loyal_customer_with_a_new_device_every_month_is_stitched_for_ever() {
    let world = World::new();
    world.upsert(&record(&["user_id=jane"]).plain("name", "Jane")).unwrap();
    let mut visitors = Vec::new();
    for month in 0..140 {
        world.watch.advance(30 * 24 * 3_600 * 1_000);
        visitors.push(visit(&world, month));
    }
    let shown = world.fetch("user_id", "jane");
    assert_eq!(shown[0]["profile"]["name"]["name"], "Jane");
    assert_eq!(shown[0]["profile"]["last_page"]["last_page"], "139");
    let seen: Vec<i64> = (0..140).collect();
    assert_eq!(shown[0]["profile"]["seen"]["seen"], serde_json::json!(seen), "what each visit said is there");
    let linked = shown[0]["ids"]["linkedUcid"].as_array().unwrap().len();
    assert!(linked < limits::PERSON_TILES, "{linked} profiles are still told apart");
    // The first visitor's UCID still leads here, and can no longer be split out.
    let jane: Ucid = shown[0]["ucid"].as_str().unwrap().parse().unwrap();
    let found = ready(world.tenant().identity(region()).show(visitors[0])).unwrap().unwrap();
    assert_eq!(found.0, jane);
    let refused = ready(world.tenant().split(region(), jane, visitors[0])).unwrap_err();
    assert_eq!(refused.code, Code::FoldedForGood);
    // The last one can.
    ready(world.tenant().split(region(), jane, visitors[139])).unwrap();
}

#[test]
fn a_customer_with_too_many_fresh_devices_is_refused_a_link_and_told_so() {
    let world = World::new();
    world.upsert(&record(&["user_id=jane"])).unwrap();
    for number in 0..limits::PERSON_TILES - 1 {
        visit(&world, number);
    }
    let alone = world.upsert(&record(&["anonymous_id=one more"])).unwrap();
    let written = world.upsert(&record(&["user_id=jane", "anonymous_id=one more"])).unwrap();
    assert_eq!(written.not_linked.iter().map(|kind| &**kind).collect::<Vec<_>>(), ["anonymous_id"]);
    assert_eq!(written.not_attached, written.not_linked, "it is all that leads to that profile, so it stays there");
    assert_ne!(written.ucid, alone.ucid);
}

#[test]
fn the_oldest_device_values_leave_when_there_are_too_many() {
    let world = World::new();
    for number in 0..limits::PROFILE_IDENTIFIERS + 50 {
        world.upsert(&record(&["user_id=jane", &format!("anonymous_id={number}")])).unwrap();
    }
    assert_eq!(count(&world), limits::PROFILE_IDENTIFIERS - 1);
    assert_eq!(world.fetch("anonymous_id", "0"), serde_json::json!([]));
    assert_eq!(
        world.fetch("anonymous_id", &(limits::PROFILE_IDENTIFIERS + 49).to_string())[0]["ids"]["user_id"][0]["user_id"],
        "jane"
    );
}
