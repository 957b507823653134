//! Deletes for good: what may not be written again, what is only left out, and what a lift gives back.

use super::erase::{Delete, Deleted};
use super::fetch::Sought;
use super::testing::{World, ready, record, region};
use super::upsert::{Idempotency, Write};
use crate::catalogue::{Catalogue, Definition};
use crate::error::{Code, Error};
use crate::id::{Identifier, OrgId, Ucid};
use crate::limits;
use crate::rules::Rules;
use crate::strategy::{Class, Contested, KindRule, Mode, Strategy};
use crate::tables::{RowHash, Table};
use serde_json::json;
use std::sync::Arc;

const ORG: u64 = 7;
/// SHA-256 of `jane@example.com`.
const JANE: &str = "8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d";

fn sought(identifiers: &[&str]) -> Vec<Sought> {
    record(identifiers).identifiers.into_iter().map(Sought::Identifier).collect()
}

fn for_good(sought: Vec<Sought>) -> Delete {
    Delete { region: region(), sought, idempotency: None, suppress: true }
}

fn sha256(kind_and_hash: &str) -> String {
    format!("email_sha256_lowercase={kind_and_hash}")
}

impl World {
    fn delete_for_good(&self, identifiers: &[&str]) -> Result<Deleted, Error> {
        self.watch.advance(10);
        ready(self.tenant().delete(&for_good(sought(identifiers))))
    }

    fn refuses(&self, identifiers: &[&str]) {
        self.store.writes();
        let refused = self.upsert(&record(identifiers)).map(|written| written.ucid).map_err(|error| error.code);
        assert_eq!(refused, Err(Code::Suppressed), "{identifiers:?}");
        let written = self.store.writes();
        assert!(written.iter().all(|table| *table == Table::Refused), "{identifiers:?} changed {written:?}");
    }

    fn listed(&self) -> Vec<(RowHash, Vec<String>)> {
        let org = OrgId::new(ORG).unwrap();
        let listed = ready(self.service.suppressions(org, None, 100)).unwrap();
        let kinds = |listed: super::suppress::Suppression| listed.writings.iter().map(|w| w.0.to_string()).collect();
        listed.into_iter().map(|(name, listed)| (name, kinds(listed))).collect()
    }

    fn lifts(&self, identifier: &str) -> bool {
        let identifier = record(&[identifier]).identifiers.remove(0);
        !ready(self.tenant().lift_suppression_of(region(), &identifier)).unwrap().is_empty()
    }

    fn sweeps(&self, after: u64) {
        self.watch.advance(after);
        for _ in 0..3 {
            assert_eq!(ready(self.service.sweep()).unwrap().failed, 0);
        }
    }

    fn count(&self, table: Table) -> usize {
        self.store.rows().keys().filter(|key| key.partition.table == table).count()
    }
}

/// Longer than the audit period.
const YEARS: u64 = 3 * 366 * 24 * 3_600 * 1_000;

#[test]
fn nobody_brings_a_person_back_who_was_deleted_for_good() {
    let world = World::new();
    let jane = world.upsert(&record(&["email=jane@example.com", "user_id=J", "loyalty=L"])).unwrap();
    let done = world.delete_for_good(&["user_id=J"]).unwrap();
    assert_eq!(done.deleted, [jane.ucid]);
    for one in ["email=jane@example.com", "email=Jane@Example.com", "user_id=J", "loyalty=L"] {
        world.refuses(&[one]);
    }
    world.refuses(&["user_id=someone", "loyalty=L"]);
    world.refuses(&[&sha256(JANE)]);
    assert_eq!(world.fetch("email", "jane@example.com"), json!([]));
    let other = world.upsert(&record(&["email=joan@example.com", "user_id=K"])).unwrap();
    assert!(other.not_attached.is_empty());
}

#[test]
fn without_it_a_later_write_makes_somebody_new() {
    let world = World::new();
    let before = world.upsert(&record(&["user_id=J"])).unwrap();
    ready(world.tenant().delete(&Delete { suppress: false, ..for_good(sought(&["user_id=J"])) })).unwrap();
    assert_ne!(world.upsert(&record(&["user_id=J"])).unwrap().ucid, before.ucid);
    assert_eq!(world.listed(), []);
}

#[test]
fn an_address_known_by_its_hash_is_refused_in_clear() {
    let world = World::new();
    world.upsert(&record(&[&sha256(JANE)])).unwrap();
    world.delete_for_good(&[&sha256(JANE)]).unwrap();
    world.refuses(&["email=jane@example.com"]);
    world.refuses(&[&sha256(JANE)]);
}

#[test]
fn a_value_by_which_somebody_was_found_is_refused_in_all_its_writings() {
    let mut world = World::new();
    world.upsert(&record(&[&sha256(JANE)])).unwrap();
    // The catalogue derives another hash since: the row does not list it, but the delete names the address itself.
    world.rules = Arc::new(Rules { catalogue: Arc::new(deriving_md5()), ..Rules::default() });
    world.delete_for_good(&["email=jane@example.com"]).unwrap();
    world.refuses(&["email_md5_lowercase=9e26471d35a78862c17e467d87cddedf"]);
    assert!(world.lifts("email_md5_lowercase=9e26471d35a78862c17e467d87cddedf"));
    world.upsert(&record(&["email=jane@example.com"])).unwrap();
}

fn deriving_md5() -> Catalogue {
    use crate::catalogue::{Algorithm, Derivation, Writing};
    let mut definition = Definition::default();
    let md5 = Derivation { kind: "email_md5_lowercase".into(), algorithm: Algorithm::Md5, writing: Writing::Lower };
    definition.kinds.get_mut("email").unwrap().derives.push(md5);
    Catalogue::new(definition).unwrap()
}

#[test]
fn a_device_is_left_out_for_it_may_be_a_neighbours() {
    let world = World::new();
    let phone = "AdId=38400000-8cf0-11bd-b23e-10b96e40000d";
    world.upsert(&record(&["user_id=J", phone])).unwrap();
    world.delete_for_good(&["user_id=J"]).unwrap();
    let neighbour = world.upsert(&record(&["user_id=N", phone])).unwrap();
    assert_eq!(neighbour.not_attached, ["AdId".into()]);
    assert_eq!(world.fetch("AdId", "38400000-8cf0-11bd-b23e-10b96e40000d"), json!([]));
    let alone = world.upsert(&record(&[phone])).unwrap_err();
    assert_eq!(alone.code, Code::NoUsableIdentifier);
    let mut strict = record(&["user_id=N", phone]);
    strict.strict = true;
    assert_eq!(world.upsert(&strict).unwrap_err().code, Code::NotInFull);
}

fn kind(kind: &str, class: Class) -> KindRule {
    KindRule { kind: kind.into(), class, priority: 2, keep: None, contested: Contested::Stay, ttl_days: None }
}

fn under(kinds: Vec<KindRule>) -> Arc<Rules> {
    let strategy = Strategy { version: 2, mode: Mode::Custom { kinds } };
    Arc::new(Rules { strategy, ..Rules::default() })
}

#[test]
fn a_secondary_value_is_left_out_and_stays_with_whoever_has_it() {
    let mut world = World::new();
    world.rules = under(vec![kind("user_id", Class::Primary), kind("card", Class::Secondary)]);
    world.upsert(&record(&["user_id=J", "card=C"])).unwrap();
    let neighbour = world.upsert(&record(&["user_id=N", "card=C"])).unwrap();
    world.delete_for_good(&["user_id=J"]).unwrap();
    assert_eq!(world.fetch("card", "C")[0]["ucid"], neighbour.ucid.to_string(), "it is the neighbour's alone by now");
    let again = world.upsert(&record(&["user_id=N", "card=C"])).unwrap();
    assert_eq!((again.ucid, again.not_attached), (neighbour.ucid, vec!["card".into()]));
    let new = world.upsert(&record(&["user_id=M", "card=C"])).unwrap();
    assert_eq!(new.not_attached, ["card".into()]);
}

#[test]
fn the_class_of_a_kind_is_judged_when_somebody_writes() {
    let mut world = World::new();
    let both = |card| under(vec![kind("user_id", Class::Primary), kind("card", card)]);
    world.rules = both(Class::Secondary);
    world.upsert(&record(&["user_id=J", "card=C"])).unwrap();
    world.delete_for_good(&["user_id=J"]).unwrap();
    assert_eq!(world.upsert(&record(&["user_id=N", "card=C"])).unwrap().not_attached, ["card".into()]);
    world.rules = both(Class::Primary);
    world.refuses(&["user_id=N", "card=C"]);
    world.rules = both(Class::Disabled);
    assert_eq!(world.upsert(&record(&["user_id=N", "card=C"])).unwrap().not_attached, ["card".into()]);
}

#[test]
fn every_profile_of_a_person_is_meant_and_former_values_too() {
    let mut world = World::new();
    let keeps_one = |name: &str, priority| KindRule { keep: Some(1), priority, ..kind(name, Class::Primary) };
    world.rules = under(vec![keeps_one("user_id", 1), keeps_one("mail", 2), kind("ga", Class::Primary)]);
    world.upsert(&record(&["ga=1"])).unwrap();
    let jane = world.upsert(&record(&["user_id=J", "mail=old"])).unwrap();
    world.upsert(&record(&["user_id=J", "mail=new"])).unwrap();
    world.upsert(&record(&["user_id=J", "ga=1"])).unwrap();
    assert_eq!(world.delete_for_good(&["mail=old"]).unwrap().ucids.len(), 1);
    let _whoever_was_first = jane.ucid;
    for one in ["ga=1", "user_id=J", "mail=old", "mail=new"] {
        world.refuses(&[one]);
    }
}

#[test]
fn by_ucid_too_and_a_repeat_says_the_same() {
    let world = World::new();
    let jane = world.upsert(&record(&["user_id=J", "loyalty=L"])).unwrap();
    let key = Idempotency { key: RowHash([1; 16]), body: RowHash([2; 16]) };
    let delete = Delete { idempotency: Some(key), ..for_good(vec![Sought::Ucid(jane.ucid)]) };
    let first = ready(world.tenant().delete(&delete)).unwrap();
    assert_eq!(ready(world.tenant().delete(&delete)).unwrap(), first);
    world.refuses(&["loyalty=L"]);
    assert_eq!(world.listed().len(), 2);
}

#[test]
fn a_delete_that_cannot_note_what_it_suppresses_is_not_acknowledged_and_is_finished_by_a_repeat_or_the_sweeper() {
    for room in 0..14 {
        for sweep in [false, true] {
            let world = World::new();
            let jane = world.upsert(&record(&["user_id=J", "email=jane@example.com"])).unwrap();
            let key = Idempotency { key: RowHash([1; 16]), body: RowHash([2; 16]) };
            let delete = Delete { idempotency: Some(key), ..for_good(sought(&["user_id=J"])) };
            world.store.fills_after(room);
            let first = ready(world.tenant().delete(&delete));
            world.store.fills_after(usize::MAX);
            let erased = world.fetch("user_id", "J") == json!([]);
            if let Err(error) = &first {
                let doubtful = error.code == Code::StoreUnknown;
                assert!(doubtful || error.code == Code::StoreUnavailable && !erased, "{room}: {error:?}");
            }
            if erased {
                // From the moment of deletion on, whatever else was done.
                world.refuses(&["user_id=J"]);
                world.refuses(&["email=jane@example.com"]);
                world.refuses(&[&sha256(JANE)]);
            } else {
                assert_eq!(world.upsert(&record(&["user_id=J"])).unwrap().ucid, jane.ucid, "{room}: nothing was done");
            }
            if sweep && erased {
                world.sweeps(limits::TICKET_MS);
            } else {
                assert_eq!(ready(world.tenant().delete(&delete)).unwrap().deleted, [jane.ucid], "{room}");
            }
            world.refuses(&["user_id=J"]);
            assert_eq!(world.listed().len(), 2, "{room}");
        }
    }
}

#[test]
fn a_lift_gives_back_every_writing_and_nothing_else() {
    let world = World::new();
    let write: Write = record(&["user_id=J", "email=jane@example.com"]);
    let before = world.upsert(&write).unwrap();
    world.delete_for_good(&["user_id=J"]).unwrap();
    assert!(world.lifts(&sha256(JANE)));
    assert!(!world.lifts("email=jane@example.com"), "it is lifted");
    world.refuses(&["user_id=J"]);
    let anew = world.upsert(&record(&["email=jane@example.com"])).unwrap();
    assert_ne!(anew.ucid, before.ucid);
    let [(name, kinds)] = world.listed().try_into().unwrap();
    assert_eq!(kinds, ["user_id"]);
    ready(world.tenant().lift_suppression(name)).unwrap();
    assert_eq!(ready(world.tenant().lift_suppression(name)).unwrap_err().code, Code::SuppressionUnknown);
    world.upsert(&write).unwrap();
    assert_eq!(world.listed(), []);
    // And suppressed once more.
    world.delete_for_good(&["user_id=J"]).unwrap();
    world.refuses(&["email=jane@example.com"]);
    assert_eq!(world.listed().len(), 2);
}

#[test]
fn a_value_that_is_blocked_names_nobody_and_is_not_refused() {
    let mut world = World::new();
    world.upsert(&record(&["user_id=J", "mail=office"])).unwrap();
    world.delete_for_good(&["user_id=J"]).unwrap();
    world.refuses(&["user_id=N", "mail=office"]);
    let blocked = crate::rules::Blocklist::new(vec!["office".into()], &[]).unwrap();
    world.rules = Arc::new(Rules { blocked: Arc::new(blocked), ..Rules::default() });
    assert_eq!(world.upsert(&record(&["user_id=N", "mail=office"])).unwrap().not_attached, ["mail".into()]);
}

#[test]
fn no_row_keeps_a_value_and_suppressions_outlive_the_audit_period() {
    let world = World::new();
    world.upsert(&record(&["user_id=unmistakable", "email=jane@example.com"])).unwrap();
    world.delete_for_good(&["user_id=unmistakable"]).unwrap();
    world.sweeps(YEARS);
    for (key, row) in world.store.rows() {
        let text = String::from_utf8_lossy(&row.value);
        assert!(!text.contains("unmistakable") && !text.contains("jane"), "{key:?}");
    }
    assert_eq!((world.count(Table::Profile), world.count(Table::Deletion), world.count(Table::Ticket)), (0, 0, 0));
    world.refuses(&["email=jane@example.com"]);
    assert!(world.lifts("email=jane@example.com"));
    assert_eq!(world.count(Table::Alias), 1, "the other one");
    assert!(world.lifts("user_id=unmistakable"));
    assert_eq!((world.count(Table::Alias), world.count(Table::Suppression)), (0, 0));
}

#[test]
fn what_was_lifted_goes_with_the_audit_period() {
    let world = World::new();
    world.upsert(&record(&["user_id=J", "email=jane@example.com"])).unwrap();
    world.delete_for_good(&["user_id=J"]).unwrap();
    assert!(world.lifts("email=jane@example.com") && world.lifts("user_id=J"));
    world.sweeps(YEARS);
    assert_eq!((world.count(Table::Alias), world.count(Table::Suppression), world.count(Table::Profile)), (0, 0, 0));
}

#[test]
fn a_list_of_suppressions_comes_in_pages() {
    let world = World::new();
    let many: Vec<String> = (0..7).map(|n| format!("k{n}=v")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    world.upsert(&record(&many)).unwrap();
    world.delete_for_good(&["k0=v"]).unwrap();
    assert!(world.lifts("k3=v"));
    let org = OrgId::new(ORG).unwrap();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = ready(world.service.suppressions(org, after, 4)).unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        all.extend(page.into_iter().map(|(_, listed)| listed.kind));
    }
    all.sort();
    assert_eq!(all, ["k0", "k1", "k2", "k4", "k5", "k6"].map(Box::from));
}

// After the audit period.

/// An alias that was claimed for a person who was deleted before they had it, which nobody cleans up.
fn stale(world: &World, ucid: Ucid, value: &str) {
    let (tenant, identifier) = (world.tenant(), Identifier::new("user_id", value).unwrap());
    let identity = tenant.identity(region());
    let alias = super::identity::Alias::default().owned_by(ucid);
    assert!(ready(identity.swap_alias(identity.hash(&identifier), None, &alias)).unwrap().is_done());
}

#[test]
fn nobody_gets_the_ucid_of_somebody_who_was_deleted_once_that_is_forgotten() {
    let world = World::new();
    let gone = world.upsert(&record(&["user_id=J"])).unwrap();
    ready(world.tenant().delete(&Delete { suppress: false, ..for_good(sought(&["user_id=J"])) })).unwrap();
    stale(&world, gone.ucid, "K");
    world.sweeps(YEARS);
    assert_eq!(world.count(Table::Profile), 0);
    let new = world.upsert(&record(&["user_id=K"])).unwrap();
    assert_ne!(new.ucid, gone.ucid);
    assert_eq!(world.fetch("user_id", "K")[0]["ucid"], new.ucid.to_string());
    assert_eq!(world.count(Table::Profile), 1, "no row was made for who is gone");
}

#[test]
fn a_tombstone_goes_also_where_somebody_else_has_the_identifier_by_then() {
    let world = World::new();
    world.upsert(&record(&["user_id=J"])).unwrap();
    ready(world.tenant().delete(&Delete { suppress: false, ..for_good(sought(&["user_id=J"])) })).unwrap();
    let anew = world.upsert(&record(&["user_id=J"])).unwrap();
    let stone = || {
        let (tenant, identifier) = (world.tenant(), Identifier::new("user_id", "J").unwrap());
        let identity = tenant.identity(region());
        ready(identity.alias(identity.hash(&identifier))).unwrap().1.erased
    };
    assert!(stone().is_some());
    world.sweeps(YEARS);
    assert_eq!(stone(), None);
    assert_eq!(world.fetch("user_id", "J")[0]["ucid"], anew.ucid.to_string());
}
