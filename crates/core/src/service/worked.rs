//! The worked cases of contract section 6, in the order given there, record by record.

use super::testing::{World, ready, record};
use super::upsert::{Write, Written};
use crate::error::{Code, Error};
use crate::id::Ucid;
use crate::rules::Rules;
use crate::strategy::{Class, Contested, KindRule, Mode, Strategy};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The kinds that the cases write by a letter or two.
const KINDS: [(&str, &str); 10] = [
    ("CC", "ccode"),
    ("TTD", "ttd"),
    ("U", "user_id"),
    ("E", "email"),
    ("C", "cellphone"),
    ("G", "ga"),
    ("M", "maid"),
    ("N", "nid"),
    ("A", "anonymous_id"),
    ("K", "k"),
];

fn spell(short: &str) -> String {
    let by_letter = KINDS.iter().find(|(letters, _)| short.starts_with(letters));
    let (letters, kind) = by_letter.expect("the cases know the kind");
    format!("{kind}={}{}", letters.to_lowercase(), &short[letters.len()..])
}

struct Cases {
    world: World,
    made: Vec<Ucid>,
    /// Records of strangers that come in between, each time another number of them.
    strangers: u64,
}

thread_local! {
    /// With what the strangers' dice begin; zero: there are none.
    static STRANGERS: Cell<u64> = const { Cell::new(0) };
}

impl Cases {
    fn new(mode: Mode) -> Self {
        let mut world = World::new();
        world.rules = Arc::new(Rules { strategy: Strategy { version: 2, mode }, ..Rules::default() });
        Self { world, made: Vec::new(), strangers: STRANGERS.get() }
    }

    fn by_default() -> Self {
        Self::new(Mode::Default { exclusive: vec!["user_id".into()] })
    }

    /// User ID primary 1 keep 1; Email, Cellphone primary 2 keep 1; GA primary 3 keep 5 `move`; MAID secondary 1 keep 5;
    /// CCode and TTD disabled.
    fn custom() -> Self {
        let kind = |kind: &str, class, priority, keep, contested| KindRule {
            kind: kind.into(),
            class,
            priority,
            keep,
            contested,
            ttl_days: None,
        };
        let (primary, stay) = (Class::Primary, Contested::Stay);
        Self::new(Mode::Custom {
            kinds: vec![
                kind("user_id", primary, 1, Some(1), stay),
                kind("email", primary, 2, Some(1), stay),
                kind("cellphone", primary, 2, Some(1), stay),
                kind("ga", primary, 3, Some(5), Contested::Move),
                kind("maid", Class::Secondary, 1, Some(5), stay),
                kind("ccode", Class::Disabled, 5, None, stay),
                kind("ttd", Class::Disabled, 5, None, stay),
            ],
        })
    }

    fn write(&self, identifiers: &str) -> Write {
        let spelled: Vec<String> = identifiers.split(',').map(spell).collect();
        record(&spelled.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Strangers use the same kinds and other values, and are joined, moved and displaced among themselves.
    fn strangers_come(&mut self) {
        while self.strangers > 0 {
            let dice = self.strangers.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.strangers = dice | 1;
            if dice >> 62 == 0 {
                return;
            }
            let kinds = ["user_id", "email", "cellphone", "ga", "maid", "ttd", "anonymous_id", "k"];
            let kind = |shift: u64| kinds[(dice >> shift) as usize % kinds.len()];
            let value = |shift: u64| (dice >> shift) % 3;
            let mut identifiers = vec![format!("{}=stranger {}", kind(40), value(30))];
            if kind(20) != kind(40) {
                identifiers.push(format!("{}=stranger {}", kind(20), value(10)));
            }
            let record = record(&identifiers.iter().map(String::as_str).collect::<Vec<_>>());
            match self.world.upsert(&record) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.code, Code::NoUsableIdentifier),
            }
        }
    }

    fn try_put(&mut self, identifiers: &str) -> Result<Written, Error> {
        self.strangers_come();
        let written = self.world.upsert(&self.write(identifiers))?;
        if !self.made.contains(&written.ucid) {
            self.made.push(written.ucid);
        }
        Ok(written)
    }

    /// Processes a record; whose it is, by the number of the profile in order of creation.
    fn put(&mut self, identifiers: &str) -> usize {
        let written = self.try_put(identifiers).expect("the case takes the record");
        self.number(written.ucid)
    }

    fn number(&self, ucid: Ucid) -> usize {
        1 + self.made.iter().position(|made| *made == ucid).expect("it was made by a record")
    }

    /// What one search shows.
    fn found(&self, short: &str) -> serde_json::Value {
        let spelled = spell(short);
        let (kind, value) = spelled.split_once('=').expect("kind=value");
        self.world.fetch(kind, value)
    }

    /// The number of the profile that an identifier finds, its identifiers, and whom it is linked to.
    fn shows(&self, short: &str) -> (usize, BTreeSet<String>, BTreeSet<usize>) {
        let found = self.found(short);
        let profile = &found[0];
        let ucid = profile["ucid"].as_str().expect("somebody is found").parse().expect("a UCID");
        let mut ids = BTreeSet::new();
        let mut linked = BTreeSet::new();
        for (group, elements) in profile["ids"].as_object().expect("ids is an object") {
            for element in elements.as_array().expect("a group is an array") {
                if group == "linkedUcid" {
                    linked.insert(self.number(element.as_str().expect("a UCID").parse().expect("a UCID")));
                    continue;
                }
                for (letters, kind) in KINDS {
                    if let Some(value) = element.get(kind).and_then(|value| value.as_str()) {
                        ids.insert(format!("{letters}{}", value.trim_start_matches(&letters.to_lowercase())));
                    }
                }
            }
        }
        (self.number(ucid), ids, linked)
    }
}

fn set(identifiers: &str) -> BTreeSet<String> {
    identifiers.split(',').map(String::from).collect()
}

#[test]
fn default_a_login_joins_what_it_names() {
    let mut cases = Cases::by_default();
    cases.put("K1");
    cases.put("E1");
    assert_eq!(cases.put("K1,E1"), 1);
    assert_eq!(cases.shows("E1"), (1, set("K1,E1"), [2].into()));
}

#[test]
fn default_a_shared_device_joins_two_addresses() {
    let mut cases = Cases::by_default();
    cases.put("E1,G1");
    cases.put("E2,G1");
    assert_eq!(cases.shows("E2"), (1, set("E1,E2,G1"), BTreeSet::new()));
}

#[test]
fn default_a_browser_that_two_customers_use_moves() {
    let mut cases = Cases::by_default();
    assert_eq!(cases.put("A1"), 1);
    assert_eq!(cases.put("U1,A1"), 1);
    assert_eq!(cases.put("U2,A1"), 2);
    assert_eq!(cases.put("A1"), 2);
    assert_eq!(cases.shows("U1"), (1, set("U1"), BTreeSet::new()));
    assert_eq!(cases.shows("A1"), (2, set("U2,A1"), BTreeSet::new()));
}

#[test]
fn default_an_address_stays_with_its_customer() {
    let mut cases = Cases::by_default();
    cases.put("U1,E1");
    let second = cases.try_put("U2,E1").unwrap();
    assert_eq!(second.not_attached, ["email".into()]);
    assert_eq!(cases.number(second.ucid), 2);
    assert_eq!(cases.put("E1"), 1);
}

#[test]
fn custom_the_long_story() {
    let mut cases = Cases::custom();
    assert_eq!(cases.put("U1,M1"), 1);
    assert_eq!(cases.put("E1,M2"), 2, "M is not looked up beside a primary");
    assert_eq!(cases.put("U1,E1,G1"), 1);
    assert_eq!(cases.shows("U1"), (1, set("U1,E1,M1,M2,G1"), [2].into()));
    assert_eq!(cases.put("C1,CC123"), 3);
    assert_eq!(cases.put("C1,E1"), 1);
    assert_eq!(cases.shows("C1"), (1, set("U1,E1,M1,M2,G1,C1,CC123"), [2, 3].into()));
    cases.put("U1,G1,A1");
    assert_eq!(cases.shows("U1"), (1, set("U1,E1,M1,M2,G1,C1,CC123,A1"), [2, 3].into()));
    assert_eq!(cases.put("G2"), 4);
    assert_eq!(cases.put("U1,G2"), 1);
    assert_eq!(cases.shows("G2"), (1, set("U1,E1,M1,M2,G1,G2,C1,CC123,A1"), [2, 3, 4].into()));
}

#[test]
fn custom_a_customers_address_does_not_join_another_customer() {
    let mut cases = Cases::custom();
    cases.put("U1,E1");
    cases.put("U2,E2");
    let written = cases.try_put("U1,E2").unwrap();
    assert_eq!((cases.number(written.ucid), written.not_attached), (1, vec!["email".into()]));
    assert_eq!(cases.shows("E2"), (2, set("U2,E2"), BTreeSet::new()));
    assert_eq!(cases.shows("U1"), (1, set("U1,E1"), BTreeSet::new()));
}

#[test]
fn custom_a_former_address_still_leads_home_until_it_is_given_away() {
    let mut cases = Cases::custom();
    cases.put("U1,E1");
    cases.put("U1,E2");
    assert_eq!(cases.shows("U1"), (1, set("U1,E2"), BTreeSet::new()));
    assert_eq!(cases.put("E1"), 1);
    assert_eq!(cases.shows("E1"), (1, set("U1,E2"), BTreeSet::new()));
    assert_eq!(cases.put("U2,E1"), 2);
    assert_eq!(cases.put("E1"), 2);
    assert_eq!(cases.shows("U1"), (1, set("U1,E2"), BTreeSet::new()));
}

#[test]
fn custom_a_familys_telephone_gives_nobody_anothers_history() {
    let mut cases = Cases::custom();
    cases.put("E1,C1");
    let written = cases.try_put("E2,C1").unwrap();
    assert_eq!((cases.number(written.ucid), written.not_attached), (2, vec!["cellphone".into()]));
    assert_eq!(cases.put("C1"), 1);
}

#[test]
fn custom_two_customers_are_not_merged_by_a_record_of_lesser_identifiers() {
    let mut cases = Cases::custom();
    cases.put("U2,C2");
    cases.put("U1,E1");
    let written = cases.try_put("E1,C2").unwrap();
    assert_eq!((cases.number(written.ucid), written.not_attached), (2, vec!["cellphone".into()]));
    assert_eq!(cases.put("C2"), 1);
}

#[test]
fn custom_disabled_kinds_name_nobody() {
    let mut cases = Cases::custom();
    assert_eq!(cases.try_put("TTD1").unwrap_err().code, Code::NoUsableIdentifier);
    assert_eq!(cases.put("U1,TTD1"), 1);
    assert_eq!(cases.put("U2,TTD1"), 2);
    assert_eq!(cases.found("TTD1"), serde_json::json!([]));
}

#[test]
fn custom_secondaries_alone_join_who_has_no_primary() {
    let mut cases = Cases::custom();
    cases.put("M1");
    cases.put("N1");
    assert_eq!(cases.put("M1,N1"), 1);
    assert_eq!(cases.shows("N1"), (1, set("M1,N1"), [2].into()));
}

#[test]
fn custom_a_shared_secondary_leads_to_who_communicated_it_last() {
    let mut cases = Cases::custom();
    cases.put("U1,M1");
    cases.put("U2,M1");
    assert_eq!(cases.put("M1"), 2);
    assert_eq!(cases.found("M1"), serde_json::json!([]), "a search by it finds nothing");
}

#[test]
fn custom_a_write_by_ucid_does_not_replace_the_best_value() {
    let mut cases = Cases::custom();
    cases.put("U1");
    let mut write = cases.write("U2");
    write.ucid = Some(cases.made[0]);
    cases.world.store.writes();
    assert_eq!(cases.world.upsert(&write).unwrap_err().code, Code::UcidConflict);
    assert_eq!(cases.world.store.writes(), []);
}

#[test]
fn a_split_gives_both_back_as_if_they_had_never_met_and_keeps_them_apart() {
    let mut cases = Cases::by_default();
    cases.world.upsert(&cases.write("K1").plain("a", "k before")).unwrap();
    let k = cases.try_put("K1").unwrap().ucid;
    cases.world.upsert(&cases.write("E1").plain("b", "e before")).unwrap();
    let e = cases.try_put("E1").unwrap().ucid;
    assert_eq!(cases.put("K1,E1"), 1);
    cases.world.upsert(&cases.write("E1").plain("b", "e since")).unwrap();
    cases.world.upsert(&cases.write("K1").plain("a", "k since")).unwrap();
    assert_eq!(cases.found("K1")[0]["profile"]["b"]["b"], "e since");

    let both = ready(cases.world.tenant().split(super::testing::region(), k, e)).unwrap();
    assert_eq!(both.count, 2);
    let (one, other) = (cases.found("K1"), cases.found("E1"));
    assert_eq!((one[0]["ucid"].as_str(), other[0]["ucid"].as_str()), (Some(&*k.to_string()), Some(&*e.to_string())));
    assert_eq!(one[0]["profile"]["a"]["a"], "k since");
    assert!(one[0]["profile"].get("b").is_none() && other[0]["profile"].get("a").is_none());
    assert_eq!(other[0]["profile"]["b"]["b"], "e since");

    let again = cases.try_put("K1,E1").unwrap();
    assert_eq!((again.ucid, again.not_linked), (e, vec!["k".into()]), "email is listed before k");
    assert_eq!(cases.found("K1")[0]["ucid"], k.to_string(), "they stay apart");
    ready(cases.world.tenant().lift(super::testing::region(), k, e)).unwrap();
    assert_eq!(cases.put("K1,E1"), 1);
    assert_eq!(cases.shows("E1"), (1, set("K1,E1"), [2].into()));
}

#[test]
fn who_stays_is_found_also_where_the_way_led_through_who_is_split_out() {
    let mut cases = Cases::by_default();
    let [k, n, e] = ["K1", "N1", "E1"].map(|record| cases.try_put(record).unwrap().ucid);
    // C1 comes to E1, both to K1, and N1 to them by way of C1: what leads from C1's profile leads through that of E1.
    for record in ["C1", "E1,C1", "K1,E1", "N1,C1"] {
        cases.try_put(record).unwrap();
    }
    for (of, out) in [(k, e), (n, e)] {
        ready(cases.world.tenant().split(super::testing::region(), of, out)).unwrap();
    }
    for (record, whose) in [("K1", k), ("E1", e), ("N1", n), ("C1", n)] {
        assert_eq!(cases.found(record)[0]["ucid"], whose.to_string(), "{record}");
    }
}

#[test]
fn the_cases_come_out_the_same_with_records_of_strangers_in_between() {
    let cases = [
        default_a_login_joins_what_it_names,
        default_a_shared_device_joins_two_addresses,
        default_a_browser_that_two_customers_use_moves,
        default_an_address_stays_with_its_customer,
        custom_the_long_story,
        custom_a_customers_address_does_not_join_another_customer,
        custom_a_former_address_still_leads_home_until_it_is_given_away,
        custom_a_familys_telephone_gives_nobody_anothers_history,
        custom_two_customers_are_not_merged_by_a_record_of_lesser_identifiers,
        custom_disabled_kinds_name_nobody,
        custom_secondaries_alone_join_who_has_no_primary,
        custom_a_shared_secondary_leads_to_who_communicated_it_last,
        custom_a_write_by_ucid_does_not_replace_the_best_value,
        a_split_gives_both_back_as_if_they_had_never_met_and_keeps_them_apart,
    ];
    for seed in (1..40_u64).map(|seed| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
        STRANGERS.set(seed | 1);
        cases.iter().for_each(|case| case());
    }
    STRANGERS.set(0);
}
