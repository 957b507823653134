//! The worked cases of contract section 6, in the order given there, as a caller sees them: whose each record is, what a
//! fetch then shows, who is linked, and what was not attached.

use crate::util::*;
use http::Method;
use serde_json::Value;
use std::collections::BTreeSet;

/// The kinds that the cases write by a letter or two.
const KINDS: [(&str, &str); 10] = [
    ("CC", "ccode"),
    ("TTD", "ttd_id"),
    ("U", "user_id"),
    ("E", "email"),
    ("C", "cellphone"),
    ("G", "ga"),
    ("M", "maid"),
    ("N", "nid"),
    ("A", "anonymous_id"),
    ("K", "k"),
];

fn spell(short: &str) -> (&'static str, String) {
    let (letters, kind) = KINDS.into_iter().find(|(letters, _)| short.starts_with(letters)).unwrap();
    (kind, short.replacen(letters, &letters.to_lowercase(), 1))
}

fn shorten(kind: &str, value: &str) -> String {
    let (letters, _) = KINDS.into_iter().find(|(_, name)| *name == kind).unwrap();
    value.replacen(&letters.to_lowercase(), letters, 1)
}

/// A history: records are processed in order, profiles are called by their number in order of creation.
pub struct Cases {
    pub world: World,
    pub made: Vec<String>,
}

impl Cases {
    /// By the strategy that every organisation begins with.
    pub async fn by_default() -> Self {
        Self { world: world().await, made: Vec::new() }
    }

    /// User ID primary 1 keep 1; Email, Cellphone primary 2 keep 1; GA primary 3 keep 5 `move`; MAID secondary 1 keep 5;
    /// CCode and TTD disabled.
    pub async fn custom() -> Self {
        let cases = Self::by_default().await;
        let kinds = json!([
            {"kind": "user_id", "class": "primary", "priority": 1, "keep": 1},
            {"kind": "email", "class": "primary", "priority": 2, "keep": 1},
            {"kind": "cellphone", "class": "primary", "priority": 2, "keep": 1},
            {"kind": "ga", "class": "primary", "priority": 3, "keep": 5, "contested": "move"},
            {"kind": "maid", "class": "secondary", "priority": 1, "keep": 5},
            {"kind": "ccode", "class": "disabled"},
            {"kind": "ttd_id", "class": "disabled"},
        ]);
        let strategy = json!({"mode": "custom", "kinds": kinds});
        cases.world.admin(Method::PUT, "/strategy", strategy).await.ok();
        cases
    }

    fn record(short: &str) -> Value {
        short.split(',').map(|one| spell(one.trim())).map(|(kind, value)| (kind.to_owned(), json!(value))).collect()
    }

    /// Processes a record.
    pub async fn send(&mut self, short: &str) -> Answer {
        self.world.clock.advance(1);
        let answer = self.world.write(json!({"ids": Self::record(short)})).await;
        self.met(&answer);
        answer
    }

    fn met(&mut self, answer: &Answer) {
        let ucid = answer.header("x-ucid").to_owned();
        if !ucid.is_empty() && !self.made.contains(&ucid) {
            self.made.push(ucid);
        }
    }

    /// Processes a record; whose it is, and which of its kinds were not attached.
    pub async fn put(&mut self, short: &str) -> (usize, Vec<String>) {
        let profile = self.send(short).await.ok()[0].take();
        let kinds = profile["notAttached"].as_array().into_iter().flatten();
        (self.number(&profile["ucid"]), kinds.map(|kind| kind.as_str().unwrap().to_owned()).collect())
    }

    /// Processes a record that is attached in full; whose it is.
    pub async fn take(&mut self, short: &str) -> usize {
        let (whose, not_attached) = self.put(short).await;
        assert_eq!(not_attached, Vec::<String>::new(), "{short}");
        whose
    }

    pub fn number(&self, ucid: &Value) -> usize {
        1 + self.made.iter().position(|made| ucid == made).unwrap()
    }

    /// What an identifier finds.
    pub async fn found(&self, short: &str) -> Value {
        let (kind, value) = spell(short);
        self.world.search(json!({"search": {kind: [value]}, "onMissing": "empty"})).await.ok()
    }

    /// Whom an identifier finds, which identifiers are shown, and whom they are linked to.
    pub async fn shows(&self, short: &str) -> (usize, BTreeSet<String>, Vec<usize>) {
        let found = self.found(short).await;
        assert_eq!(found.as_array().unwrap().len(), 1, "{short} finds one");
        let (mut ids, mut linked) = (BTreeSet::new(), Vec::new());
        for (group, elements) in found[0]["ids"].as_object().unwrap() {
            for element in elements.as_array().unwrap() {
                match element {
                    ucid if group == "linkedUcid" => linked.push(self.number(ucid)),
                    // A hash that derives from a value shares its element.
                    element => _ = ids.insert(shorten(group, element[group].as_str().unwrap())),
                }
            }
        }
        (self.number(&found[0]["ucid"]), ids, linked)
    }
}

pub fn set(short: &str) -> BTreeSet<String> {
    short.split(',').map(String::from).collect()
}

#[tokio::test]
async fn default_1_a_login_joins_what_it_names() {
    let mut cases = Cases::by_default().await;
    assert_eq!(cases.take("K1").await, 1);
    assert_eq!(cases.take("E1").await, 2);
    assert_eq!(cases.take("K1,E1").await, 1);
    for id in ["K1", "E1"] {
        assert_eq!(cases.shows(id).await, (1, set("K1,E1"), vec![2]));
    }
}

#[tokio::test]
async fn default_2_two_addresses_of_one_browser_are_one_person() {
    let mut cases = Cases::by_default().await;
    assert_eq!(cases.take("E1,G1").await, 1);
    assert_eq!(cases.take("E2,G1").await, 1);
    assert_eq!(cases.shows("E2").await, (1, set("E1,E2,G1"), vec![]));
}

#[tokio::test]
async fn default_3_a_browser_that_two_customers_use_moves() {
    let mut cases = Cases::by_default().await;
    assert_eq!(cases.take("A").await, 1);
    assert_eq!(cases.take("U1,A").await, 1);
    assert_eq!(cases.take("U2,A").await, 2);
    assert_eq!(cases.take("A").await, 2);
    assert_eq!(cases.shows("U1").await, (1, set("U1"), vec![]));
    assert_eq!(cases.shows("A").await, (2, set("U2,A"), vec![]));
}

#[tokio::test]
async fn default_4_an_address_stays_with_its_customer() {
    let mut cases = Cases::by_default().await;
    assert_eq!(cases.take("U1,E").await, 1);
    assert_eq!(cases.put("U2,E").await, (2, vec!["email".into()]));
    assert_eq!(cases.take("E").await, 1);
    assert_eq!(cases.shows("E").await, (1, set("U1,E"), vec![]));
    assert_eq!(cases.shows("U2").await, (2, set("U2"), vec![]));
}

#[tokio::test]
async fn custom_1_the_long_story() {
    let mut cases = Cases::custom().await;
    assert_eq!(cases.take("U1,M1").await, 1);
    assert_eq!(cases.shows("U1").await, (1, set("U1,M1"), vec![]));
    assert_eq!(cases.take("E1,M2").await, 2, "M is not looked up beside a primary");
    assert_eq!(cases.shows("E1").await, (2, set("E1,M2"), vec![]));
    assert_eq!(cases.take("U1,E1,G1").await, 1);
    assert_eq!(cases.shows("E1").await, (1, set("U1,E1,M1,M2,G1"), vec![2]));
    assert_eq!(cases.take("C1,CC123").await, 3);
    assert_eq!(cases.shows("C1").await, (3, set("C1,CC123"), vec![]));
    assert_eq!(cases.take("C1,E1").await, 1, "equal priority: the first created survives");
    assert_eq!(cases.shows("C1").await, (1, set("U1,E1,M1,M2,G1,C1,CC123"), vec![2, 3]));
    assert_eq!(cases.take("U1,G1,A1").await, 1);
    assert_eq!(cases.shows("U1").await, (1, set("U1,E1,M1,M2,G1,C1,CC123,A1"), vec![2, 3]));
    assert_eq!(cases.take("G2").await, 4);
    assert_eq!(cases.take("U1,G2").await, 1, "the unknown visitor is stitched");
    assert_eq!(cases.shows("G2").await, (1, set("U1,E1,M1,M2,G1,G2,C1,CC123,A1"), vec![2, 3, 4]));
}

#[tokio::test]
async fn custom_2_a_customers_address_joins_no_other_customer() {
    let mut cases = Cases::custom().await;
    assert_eq!(cases.take("U1,E1").await, 1);
    assert_eq!(cases.take("U2,E2").await, 2);
    assert_eq!(cases.put("U1,E2").await, (1, vec!["email".into()]));
    assert_eq!(cases.shows("E2").await, (2, set("U2,E2"), vec![]));
    assert_eq!(cases.shows("U1").await, (1, set("U1,E1"), vec![]));
}

#[tokio::test]
async fn custom_3_a_former_address_still_leads_home_until_it_is_given_away() {
    let mut cases = Cases::custom().await;
    assert_eq!(cases.take("U1,E1").await, 1);
    assert_eq!(cases.take("U1,E2").await, 1);
    assert_eq!(cases.shows("U1").await, (1, set("U1,E2"), vec![]), "Z1 shows E2");
    assert_eq!(cases.take("E1").await, 1);
    assert_eq!(cases.shows("E1").await, (1, set("U1,E2"), vec![]), "E1 alone still leads to Z1, and is not shown");
    assert_eq!(cases.take("U2,E1").await, 2);
    assert_eq!(cases.take("E1").await, 2);
    assert_eq!(cases.shows("E1").await, (2, set("U2,E1"), vec![]));
    assert_eq!(cases.shows("U1").await, (1, set("U1,E2"), vec![]));
}

#[tokio::test]
async fn custom_4_a_familys_telephone_gives_nobody_anothers_history() {
    let mut cases = Cases::custom().await;
    assert_eq!(cases.take("E1,C1").await, 1);
    assert_eq!(cases.put("E2,C1").await, (2, vec!["cellphone".into()]));
    assert_eq!(cases.shows("C1").await, (1, set("E1,C1"), vec![]));
    assert_eq!(cases.shows("E2").await, (2, set("E2"), vec![]));
}

#[tokio::test]
async fn custom_5_a_record_of_two_customers_is_the_one_listed_before() {
    let mut cases = Cases::custom().await;
    let second = cases.take("U2,C2").await;
    let first = cases.take("U1,E1").await;
    assert_eq!(cases.put("E1,C2").await, (first, vec!["cellphone".into()]), "Email is listed before Cellphone");
    assert_eq!(cases.shows("C2").await, (second, set("U2,C2"), vec![]));
    assert_eq!(cases.shows("E1").await, (first, set("U1,E1"), vec![]));
}

#[tokio::test]
async fn custom_6_disabled_kinds_name_nobody() {
    let mut cases = Cases::custom().await;
    cases.send("TTD1").await.refused(400, "identity.no_usable_identifier");
    let listed = cases.world.get(&format!("{ADMIN}/refused")).await.ok();
    assert_eq!(listed["items"][0]["reason"], "identity.no_usable_identifier", "and it is recorded");
    assert_eq!(cases.take("U1,TTD1").await, 1);
    assert_eq!(cases.take("U2,TTD1").await, 2);
    assert_eq!(cases.shows("U1").await, (1, set("U1,TTD1"), vec![]), "kept and shown");
    assert_eq!(cases.shows("U2").await, (2, set("U2,TTD1"), vec![]));
    let (kind, value) = spell("TTD1");
    for shared in [false, true] {
        let search = json!({"search": {kind: [value]}, "allowShared": shared});
        cases.world.search(search).await.refused(404, "profile.not_found");
    }
}

#[tokio::test]
async fn custom_7_secondaries_alone_join_who_has_no_primary() {
    let mut cases = Cases::custom().await;
    assert_eq!(cases.take("M1").await, 1);
    assert_eq!(cases.take("N1").await, 2);
    assert_eq!(cases.take("M1,N1").await, 1);
    assert_eq!(cases.shows("N1").await, (1, set("M1,N1"), vec![2]));
}

#[tokio::test]
async fn custom_8_a_shared_secondary_leads_to_who_communicated_it_last() {
    let mut cases = Cases::custom().await;
    assert_eq!(cases.take("U1,M1").await, 1);
    assert_eq!(cases.take("U2,M1").await, 2);
    assert_eq!(cases.take("M1").await, 2);
    assert_eq!(cases.found("M1").await, json!([]), "a search by it finds nothing");
    let shared = json!({"search": {"maid": ["m1"]}, "allowShared": true});
    let found = cases.world.search(shared).await.ok();
    let numbers: Vec<usize> = found.as_array().unwrap().iter().map(|one| cases.number(&one["ucid"])).collect();
    assert_eq!(numbers, [2, 1], "or all of them, the last first");
}

#[tokio::test]
async fn custom_9_a_ucid_does_not_lose_its_best_value() {
    let mut cases = Cases::custom().await;
    assert_eq!(cases.take("U1").await, 1);
    let before = cases.found("U1").await;
    let write = json!({"ucid": cases.made[0], "ids": {"user_id": "u2"}, "upsert": {"profile": {"a": 1}}});
    cases.world.write(write).await.refused(409, "identity.ucid_conflict");
    assert_eq!(cases.found("U1").await, before, "nothing done");
    assert_eq!(cases.found("U2").await, json!([]));
}
