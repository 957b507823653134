//! The operations one after another on one map: what each costs, and what each promises to a single caller. Faults and
//! several callers at once are the simulator's.

use super::erase::Delete;
use super::fetch::Sought;
use super::testing::{START, World, ready, record, region};
use super::upsert::{Idempotency, Precondition};
use crate::error::Code;
use crate::id::Identifier;
use crate::limits;
use crate::profile::attribute::Said;
use crate::tables::{RowHash, Table};
use crate::value::{Number, Scalar};
use serde_json::json;

fn delete(identifiers: &[&str]) -> Delete {
    let sought = record(identifiers).identifiers.into_iter().map(Sought::Identifier).collect();
    Delete { region: region(), sought, idempotency: None, suppress: false }
}

fn key(n: u8, body: u8) -> Option<Idempotency> {
    Some(Idempotency { key: RowHash([n; 16]), body: RowHash([body; 16]) })
}

#[test]
fn a_new_person_costs_two_writes_each_further_identifier_one_an_update_one() {
    let world = World::literal();
    world.upsert(&record(&["mail=e"])).unwrap();
    assert_eq!(world.store.writes(), [Table::Alias, Table::Profile]);
    world.upsert(&record(&["mail=e"]).plain("a", "1")).unwrap();
    assert_eq!(world.store.writes(), [Table::Profile]);
    world.upsert(&record(&["mail=e", "phone=p", "app=a"])).unwrap();
    assert_eq!(world.store.writes(), [Table::Alias, Table::Alias, Table::Profile]);
    world.upsert(&record(&["mail=f", "phone=q"])).unwrap();
    assert_eq!(world.store.writes(), [Table::Alias, Table::Alias, Table::Profile]);
}

#[test]
fn a_record_that_names_two_people_makes_them_one_and_the_first_created_survives() {
    let world = World::literal();
    let first = world.upsert(&record(&["k=1"]).plain("a", "from k")).unwrap();
    let second = world.upsert(&record(&["e=1"]).plain("b", "from e")).unwrap();
    let both = world.upsert(&record(&["e=1", "k=1"]).plain("c", "both")).unwrap();
    assert_eq!(both.ucid, first.ucid);
    for (kind, value) in [("k", "1"), ("e", "1")] {
        let found = world.fetch(kind, value);
        assert_eq!(found[0]["ucid"], first.ucid.to_string());
        assert_eq!(found[0]["ids"]["linkedUcid"], json!([second.ucid.to_string()]));
        assert_eq!(found[0]["profile"]["a"]["a"], "from k");
        assert_eq!(found[0]["profile"]["b"]["b"], "from e");
        assert_eq!(found[0]["profile"]["c"]["c"], "both");
    }
}

#[test]
fn a_write_that_fails_once_a_link_may_stand_says_so() {
    let both = record(&["e=1", "k=1"]);
    // Whom the value met, the ticket and the intent of the link come first; what fails before them has joined nobody.
    for (room, linked) in [(0, false), (1, false), (2, false), (3, true), (4, true), (7, true)] {
        let world = World::new();
        world.upsert(&record(&["k=1"])).unwrap();
        world.upsert(&record(&["e=1"])).unwrap();
        world.store.fills_after(room);
        let error = world.upsert(&both).unwrap_err();
        assert_eq!((error.code, error.linked), (Code::StoreUnavailable, linked), "after {room} writes");
    }
}

#[test]
fn a_shared_identifier_joins_by_the_literal_rule() {
    let world = World::literal();
    world.upsert(&record(&["e=1", "g=1"])).unwrap();
    world.upsert(&record(&["e=2", "g=1"])).unwrap();
    let found = world.fetch("e", "2");
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["ids"]["e"].as_array().unwrap().len(), 2);
}

#[test]
fn a_stamp_of_the_server_is_later_than_all_that_the_row_says() {
    let world = World::literal();
    let ahead = START + limits::TIMESTAMP_AHEAD_MS;
    let mut early = record(&["e=1"]).plain("a", "ahead");
    early.timestamp = Some(ahead);
    world.upsert(&early).unwrap();
    world.upsert(&record(&["e=1"]).plain("a", "acknowledged later")).unwrap();
    let found = world.fetch("e", "1");
    assert_eq!(found[0]["profile"]["a"], json!({"a": "acknowledged later", "_ts": (ahead + 1).to_string()}));
}

#[test]
fn a_timestamp_more_than_five_minutes_ahead_is_refused() {
    let world = World::literal();
    let mut write = record(&["e=1"]);
    write.timestamp = Some(START + 10 + limits::TIMESTAMP_AHEAD_MS + 1);
    assert_eq!(world.upsert(&write).unwrap_err().code, Code::TimestampAhead);
    assert_eq!(world.store.writes(), []);
}

#[test]
fn an_erased_person_is_gone_and_a_replay_does_not_bring_them_back() {
    let world = World::literal();
    let ada = record(&["e=ada@example.com", "p=+4912345"]).plain("name", "Ada Lovelace");
    let before = world.upsert(&ada).unwrap();
    let done = ready(world.tenant().delete(&delete(&["p=+4912345", "p=nobody"]))).unwrap();
    assert_eq!((done.deleted, done.not_found), (vec![before.ucid], vec![1]));
    assert_eq!(world.fetch("e", "ada@example.com"), json!([]));
    for row in world.store.rows().values() {
        let text = String::from_utf8_lossy(&row.value);
        assert!(!text.contains("Lovelace") && !text.contains("ada@example.com") && !text.contains("4912345"));
    }
    let again = ready(world.tenant().delete(&delete(&["e=ada@example.com"]))).unwrap_err();
    assert_eq!(again.code, Code::AlreadyDeleted);
    let mut late = ada.clone();
    late.timestamp = Some(START);
    assert_eq!(world.upsert(&late).unwrap_err().code, Code::Erased);
    let anew = world.upsert(&ada).unwrap();
    assert_ne!(anew.ucid, before.ucid);
    late.timestamp = Some(START + 5);
    assert_eq!(world.upsert(&late).unwrap_err().code, Code::Erased, "also once somebody new has the identifier");
}

#[test]
fn an_idempotency_key_makes_an_increment_count_once() {
    let world = World::literal();
    let mut write = record(&["e=1"]).saying("n", Said::Add(Number::Integer(1)));
    write.idempotency = key(1, 1);
    let first = world.upsert(&write).unwrap();
    let second = world.upsert(&write).unwrap();
    assert_eq!(first.ucid, second.ucid);
    assert_eq!(world.fetch("e", "1")[0]["profile"]["n"]["n"], 1);
    write.idempotency = key(1, 2);
    assert_eq!(world.upsert(&write).unwrap_err().code, Code::IdempotencyMismatch);
    write.idempotency = key(1, 1);
    world.watch.advance(limits::IDEMPOTENCY_MS);
    world.upsert(&write).unwrap();
    assert_eq!(world.fetch("e", "1")[0]["profile"]["n"]["n"], 2, "a day later the key is free again");
}

#[test]
fn many_keyed_writes_do_not_pile_up_in_the_row() {
    let world = World::literal();
    for n in 0..40 {
        let mut write = record(&["e=1"]).saying("n", Said::Add(Number::Integer(1)));
        write.idempotency = key(n, 1);
        world.upsert(&write).unwrap();
    }
    assert_eq!(world.fetch("e", "1")[0]["profile"]["n"]["n"], 40);
    let profile = world.store.rows().into_iter().find(|(key, _)| key.partition.table == Table::Profile).unwrap().1;
    assert!(profile.value.len() < 3_000, "{} bytes", profile.value.len());
}

#[test]
fn preconditions_hold_or_nothing_is_written() {
    let world = World::literal();
    let with = |precondition| {
        let mut write = record(&["e=1"]).plain("a", "1");
        write.precondition = precondition;
        write
    };
    assert_eq!(world.upsert(&with(Precondition::Exists)).unwrap_err().code, Code::PreconditionFailed);
    let written = world.upsert(&with(Precondition::Absent)).unwrap();
    assert_eq!(world.upsert(&with(Precondition::Absent)).unwrap_err().code, Code::PreconditionFailed);
    let etag = written.etag.unwrap().writes;
    world.upsert(&with(Precondition::Matches(vec![1, etag]))).unwrap();
    assert_eq!(world.upsert(&with(Precondition::Matches(vec![etag]))).unwrap_err().code, Code::PreconditionFailed);
    world.upsert(&record(&["p=1"])).unwrap();
    let mut both = with(Precondition::Exists);
    both.identifiers.push(Identifier::new("p", "1").unwrap());
    assert_eq!(world.upsert(&both).unwrap_err().code, Code::WouldLink);
}

#[test]
fn what_passes_a_bound_is_refused_and_changes_nothing() {
    let world = World::literal();
    let large = "x".repeat(limits::PROFILE_SHOWN_BYTES / 2);
    world.upsert(&record(&["k=1"]).plain("a", &large)).unwrap();
    world.store.writes();
    let refused = world.upsert(&record(&["k=1", "new=1"]).plain("b", &large)).unwrap_err();
    assert_eq!((refused.code, refused.linked), (Code::ProfileTooLarge, false));
    assert_eq!(world.store.writes(), []);
}

#[test]
fn a_link_that_would_pass_a_limit_of_one_person_is_left_out_and_said() {
    let world = World::literal();
    let large = "x".repeat(limits::PROFILE_SHOWN_BYTES / 2);
    let first = world.upsert(&record(&["a=1"]).plain("a", &large)).unwrap();
    world.upsert(&record(&["b=1"]).plain("b", &large)).unwrap();
    let both = world.upsert(&record(&["a=1", "b=1"])).unwrap();
    assert_eq!((both.ucid, both.not_linked), (first.ucid, vec!["b".into()]));
    let mut strict = record(&["a=1", "b=1"]).plain("c", "1");
    strict.strict = true;
    assert_eq!(world.upsert(&strict).unwrap_err().code, Code::NotInFull);
    assert!(world.fetch("a", "1")[0]["profile"].get("c").is_none());
}

#[test]
fn operators_on_numbers_meet_only_numbers() {
    let world = World::literal();
    world.upsert(&record(&["e=1"]).plain("a/b", "text")).unwrap();
    let refused = world.upsert(&record(&["e=1"]).saying("a/b", Said::Add(Number::Integer(1)))).unwrap_err();
    assert_eq!((refused.code, refused.faults[0].pointer.as_str()), (Code::NotANumber, "/upsert/profile/a~1b"));
    world.upsert(&record(&["e=1"]).saying("n", Said::Plain(Scalar::Integer(40)))).unwrap();
    world.upsert(&record(&["e=1"]).saying("n", Said::Add(Number::Integer(2)))).unwrap();
    assert_eq!(world.fetch("e", "1")[0]["profile"]["n"]["n"], 42);
}

#[test]
fn the_sweeper_closes_tickets_and_buries_what_the_audit_period_is_over_for() {
    let world = World::literal();
    world.upsert(&record(&["k=1"])).unwrap();
    world.upsert(&record(&["e=1"])).unwrap();
    world.upsert(&record(&["k=1", "e=1"])).unwrap();
    ready(world.tenant().delete(&delete(&["k=1"]))).unwrap();
    let count = |table: Table| world.store.rows().keys().filter(|key| key.partition.table == table).count();
    assert_eq!((count(Table::Alias), count(Table::Profile)), (2, 2));
    world.watch.advance(limits::TICKET_MS);
    ready(world.service.sweep()).unwrap();
    assert_eq!(count(Table::Ticket), 1, "the burial is due later");
    world.watch.advance(2 * 366 * 24 * 3_600 * 1_000);
    ready(world.service.sweep()).unwrap();
    assert_eq!(
        (count(Table::Alias), count(Table::Profile), count(Table::Ticket), count(Table::Deletion)),
        (0, 0, 0, 0)
    );
}
