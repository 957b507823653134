//! The audit log under changes that somebody made to its rows.

use super::super::testing::{World, ready};
use super::read::{At, Verified};
use super::*;
use crate::store::{Guard, Store};
use crate::tables::Key;

fn act(what: &str) -> Act {
    let (about, request, outcome) = ("".into(), "r-1".into(), "done".into());
    Act { who: Who::Root, what: what.into(), about, request, outcome, count: 1 }
}

fn org() -> Option<OrgId> {
    OrgId::new(7).ok()
}

fn written(acts: u32) -> World {
    let world = World::new();
    for number in 0..acts {
        ready(world.service.audit(org(), act(&format!("act {number}")))).unwrap();
    }
    world
}

fn verified(world: &World) -> Verified {
    ready(world.service.verify_audit(org(), None)).unwrap().unwrap().0
}

fn key(world: &World, number: u64) -> Key {
    tables::audit_entry(org(), verified(world).chain, number)
}

fn wrong(world: &World) -> Option<(u64, &'static str)> {
    verified(world).broken.map(|broken| (broken.number, broken.what))
}

#[test]
fn entries_are_listed_the_newest_first_in_pages() {
    let world = written(5);
    let first = ready(world.service.audit_log(org(), None, 2)).unwrap();
    let acts: Vec<&str> = first.items.iter().map(|(_, entry)| &*entry.act.what).collect();
    assert_eq!((acts, first.more), (vec!["act 4", "act 3"], true));
    let rest = ready(world.service.audit_log(org(), Some(first.items[1].0), 100)).unwrap();
    assert_eq!((rest.items.len(), rest.more), (3, false));
    assert_eq!(rest.items[2].0.to_string().parse::<At>(), Ok(rest.items[2].0));
    assert!(ready(world.service.audit_log(None, None, 100)).unwrap().items.is_empty(), "the server's log is apart");
}

#[test]
fn what_was_written_verifies() {
    let world = written(5);
    assert_eq!((verified(&world).entries, wrong(&world)), (5, None));
}

#[test]
fn a_changed_a_missing_and_a_moved_entry_are_found() {
    let world = written(5);
    let row = ready(world.store.read(&key(&world, 3))).unwrap().unwrap();
    let mut entry = Entry::decode(&row.value).unwrap();
    entry.act.who = Who::Nobody;
    ready(world.store.write(&key(&world, 3), Guard::Any, entry.encode())).unwrap();
    assert_eq!(wrong(&world), Some((3, "changed")));

    let other = ready(world.store.read(&key(&world, 4))).unwrap().unwrap();
    ready(world.store.write(&key(&world, 3), Guard::Any, other.value)).unwrap();
    assert_eq!(wrong(&world), Some((3, "changed")));

    let version = ready(world.store.read(&key(&world, 3))).unwrap().unwrap().version;
    ready(world.store.remove(&key(&world, 3), version)).unwrap();
    assert_eq!(wrong(&world), Some((3, "missing")));
}

#[test]
fn an_end_that_was_cut_off_is_found() {
    let world = written(5);
    let version = ready(world.store.read(&key(&world, 5))).unwrap().unwrap().version;
    ready(world.store.remove(&key(&world, 5), version)).unwrap();
    assert_eq!(wrong(&world), Some((5, "missing")));
    let listed = tables::audit_chains(org()).row(&verified(&world).chain.to_be_bytes());
    let row = ready(world.store.read(&listed)).unwrap().unwrap();
    let shorter = Chain { count: 4, ..Chain::decode(&row.value).unwrap() };
    ready(world.store.write(&listed, Guard::Any, shorter.encode())).unwrap();
    assert_eq!(wrong(&world), Some((0, "end_changed")));
}

#[test]
fn another_process_begins_another_chain_and_a_missing_chain_is_found() {
    let world = written(2);
    let first = verified(&world).chain;
    world.watch.advance(1);
    let other = Service { lines: Arc::default(), ..world.service.clone() };
    ready(other.audit(org(), act("later"))).unwrap();
    let (second, more) = ready(other.verify_audit(org(), Some(first))).unwrap().unwrap();
    assert_eq!((second.entries, second.broken, more), (1, None, false));
    ready(other.remove_chain(org(), first)).unwrap();
    assert_eq!(wrong(&world), Some((0, "earlier_chain_missing")));
}

#[test]
fn chains_end_with_their_audit_period() {
    let world = written(2);
    let first = verified(&world).chain;
    world.watch.advance(2 * limits::AUDIT_CHAIN_MS);
    ready(world.service.audit(org(), act("after a month"))).unwrap();
    assert_eq!(ready(world.service.audit_chains(org())).unwrap().len(), 2);
    world.watch.advance(2 * 366 * 24 * 3_600 * 1_000);
    ready(world.service.audit(org(), act("after two years"))).unwrap();
    assert!(verified(&world).chain != first);
    assert_eq!((ready(world.service.audit_chains(org())).unwrap().len(), wrong(&world)), (1, None));
}
