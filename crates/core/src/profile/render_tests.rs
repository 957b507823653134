//! The bytes of an answer: exactly, for a profile like the one in contract section 4; and for any other, that they are
//! good JSON that says no name twice.

use super::*;
use crate::id::Identifier;
use crate::patch::{GroupPatch, Patch};
use crate::profile::attribute::Said;
use crate::profile::fold::arbitrary::{carried, fold, name, tiles};
use crate::profile::tile::{Carried, Tile};
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

fn held(kind: &str, value: &str, n: u8) -> Carried {
    Carried { identifier: Identifier::new(kind, value).unwrap(), ..carried(n) }
}

const JANE: &str = "01941f29-7c00-7c1d-9e02-7d5b1a90c6f4";
const LINKED: &str = "6f1c0f0e-1111-7222-8333-444455556666";

fn who() -> Name {
    Name { region: "EU".parse().unwrap(), ucid: JANE.parse().unwrap() }
}

fn member(group: &str, name: &str, said: Said) -> Patch {
    let members = GroupPatch::Members(BTreeMap::from([(name.into(), said)]));
    Patch { groups: BTreeMap::from([(group.into(), members)]), ..Patch::default() }
}

fn plain(text: &str) -> Said {
    Said::Plain(text.into())
}

/// The example of the contract, and a second profile that was merged into it.
fn jane() -> Tiles {
    let mut jane = Tile { created: 1_704_067_200_456, updated: 1_735_689_600_123, ..Tile::default() };
    let mut say = |ts: Ms, source: &str, patch: Patch| jane.apply(&patch, ts, &source.into());
    say(1_735_689_600_000, "crm", member("age", "age", plain("34")));
    say(1_734_000_000_000, "shop", member("loyalty", "tier", plain("gold")));
    say(1_735_000_000_000, "shop", member("loyalty", "points", Said::Plain(Scalar::Integer(1280))));
    let sms = BTreeMap::from([("sms_optin".into(), Some("yes".into()))]);
    say(1_735_689_600_000, "web", Patch { preferences: sms, ..Patch::default() });
    let gdpr = BTreeMap::from([("gdpr_advertising".into(), true), ("gdpr_profiling".into(), false)]);
    say(1_735_689_600_000, "web", Patch { consents: gdpr, ..Patch::default() });
    let mut hold = |kind: &str, value: &str, n: u8, ts: Ms| {
        jane.hold(&held(kind, value, n), ts, ts, ts);
    };
    hold("email_sha256_lowercase", "b4c9", 1, 1_735_689_600_000);
    hold("AdId", "38400000-8cf0-11bd-b23e-10b96e40000d", 2, 1_730_000_000_000);
    let mut linked = Tile { created: 1_720_000_000_000, updated: 1_730_000_000_001, ..Tile::default() };
    linked.hold(&held("AdId", "later", 3), 1_730_000_000_001, 1, 1);
    Tiles::from([(who().ucid, jane), (LINKED.parse().unwrap(), linked)])
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn whole(tiles: &Tiles) -> String {
    text(render(who(), tiles, &fold(tiles)))
}

fn part(tiles: &Tiles, only: &Projection, extras: &Extras<'_>) -> Json {
    serde_json::from_slice(&render_part(who(), tiles, &fold(tiles), Some(only), extras)).unwrap()
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<Box<str>> {
    names.into_iter().map(Box::from).collect()
}

fn profile(only: [&str; 1]) -> Json {
    part(&jane(), &Projection { profile: names(only), ..Projection::default() }, &Extras::default())["profile"].clone()
}

#[test]
fn a_whole_profile_byte_by_byte() {
    let lines = [
        r#"{"updated_ts":1735689600123,"created_ts":1704067200456,"#,
        r#""profile":{"age":{"age":"34","_ts":"1735689600000"},"#,
        r#""loyalty":{"points":1280,"tier":"gold","_ts":"1735000000000"}},"#,
        r#""ids":{"AdId":[{"AdId":"later","_ts":"1730000000001"},"#,
        r#"{"AdId":"38400000-8cf0-11bd-b23e-10b96e40000d","_ts":"1730000000000"}],"#,
        r#""email":[{"email_sha256_lowercase":"b4c9","_ts":"1735689600000"}],"#,
        r#""linkedUcid":["6f1c0f0e-1111-7222-8333-444455556666"]},"#,
        r#""mkt_preferences":{"sms_optin":{"sms_optin":"yes","_ts":"1735689600000"}},"#,
        r#""consent":{"gdpr_advertising":{"gdpr_advertising":"yes","_ts":"1735689600000"},"#,
        r#""gdpr_profiling":{"gdpr_profiling":"no","_ts":"1735689600000"}},"#,
        r#""region":"EU","ucid":"01941f29-7c00-7c1d-9e02-7d5b1a90c6f4"}"#,
    ];
    assert_eq!(whole(&jane()), lines.concat());
}

#[test]
fn empty_sections_are_there() {
    let tiles = Tiles::from([(who().ucid, Tile::default())]);
    let lines = [
        r#"{"updated_ts":0,"created_ts":0,"profile":{},"ids":{},"mkt_preferences":{},"consent":{},"#,
        r#""region":"EU","ucid":"01941f29-7c00-7c1d-9e02-7d5b1a90c6f4"}"#,
    ];
    assert_eq!(whole(&tiles), lines.concat());
}

#[test]
fn values_of_every_type() {
    let list = ["a".into(), Scalar::Integer(-1), Scalar::Double(129.5), Scalar::Boolean(false)].to_vec();
    let mut tile = Tile::default();
    tile.apply(&member("l", "l", Said::Entries(list)), 1, &"crm".into());
    tile.apply(&member("t", "t", Said::Plain(Scalar::Boolean(true))), 1, &"crm".into());
    let tiles = Tiles::from([(who().ucid, tile)]);
    let expected = r#""profile":{"l":{"l":["a",-1,129.5,false],"_ts":"1"},"t":{"t":true,"_ts":"1"}}"#;
    assert!(whole(&tiles).contains(expected), "{}", whole(&tiles));
}

#[test]
fn names_and_values_are_escaped() {
    let mut tile = Tile::default();
    tile.apply(&member("a\"b", "c\\d", plain("line\nbreak \u{1} \"quoted\" ü")), 1, &"crm".into());
    tile.hold(&held("user_id", "a\"},{", 1), 1, 1, 1);
    let rendered = whole(&Tiles::from([(who().ucid, tile)]));
    assert!(rendered.contains(r#"{"a\"b":{"c\\d":"line\nbreak \u0001 \"quoted\" ü","_ts":"1"}}"#), "{rendered}");
    assert!(rendered.contains(r#"{"user_id":[{"user_id":"a\"},{","_ts":"1"}]}"#), "{rendered}");
}

#[test]
fn a_projection_by_group_brings_the_whole_group() {
    assert_eq!(profile(["loyalty"]), json!({"loyalty": {"tier": "gold", "points": 1280, "_ts": "1735000000000"}}));
}

#[test]
fn a_projection_by_attribute_brings_that_one_with_its_own_stamp() {
    assert_eq!(profile(["tier"]), json!({"loyalty": {"tier": "gold", "_ts": "1734000000000"}}));
    assert_eq!(profile(["age"]), json!({"age": {"age": "34", "_ts": "1735689600000"}}));
}

#[test]
fn a_projection_of_names_that_the_profile_does_not_hold_leaves_them_out() {
    let only = Projection {
        ids: names(["user_id"]),
        profile: names(["unknown"]),
        consent: names(["unknown"]),
        mkt_preferences: names(["unknown"]),
    };
    let expected = json!({
        "updated_ts": 1_735_689_600_123_u64, "created_ts": 1_704_067_200_456_u64,
        "profile": {}, "ids": {}, "mkt_preferences": {}, "consent": {}, "region": "EU", "ucid": JANE,
    });
    assert_eq!(part(&jane(), &only, &Extras::default()), expected);
}

#[test]
fn a_projection_of_each_section() {
    let only = Projection {
        ids: names(["AdId", "linkedUcid"]),
        consent: names(["gdpr_profiling"]),
        mkt_preferences: names(["sms_optin"]),
        ..Projection::default()
    };
    let shown = part(&jane(), &only, &Extras::default());
    assert_eq!(shown["ids"].as_object().unwrap().len(), 2);
    assert_eq!(shown["ids"]["AdId"].as_array().unwrap().len(), 2);
    assert_eq!(shown["ids"]["linkedUcid"], json!([LINKED]));
    assert_eq!(shown["consent"], json!({"gdpr_profiling": {"gdpr_profiling": "no", "_ts": "1735689600000"}}));
    assert_eq!(shown["mkt_preferences"], json!({"sms_optin": {"sms_optin": "yes", "_ts": "1735689600000"}}));
    assert_eq!(shown["profile"], json!({}));
}

#[test]
fn linked_ucids_are_not_shown_unless_asked_for() {
    let only = Projection { ids: names(["AdId"]), ..Projection::default() };
    assert_eq!(part(&jane(), &only, &Extras::default())["ids"].get("linkedUcid"), None);
}

#[test]
fn matched_says_what_found_the_profile() {
    let extras =
        Extras { matched: Some(vec![("AdId", "later"), ("ucid", LINKED)]), sources: false, ..Extras::default() };
    let shown = part(&jane(), &Projection::default(), &extras);
    let expected = json!([{"kind": "AdId", "value": "later"}, {"kind": "ucid", "value": LINKED}]);
    assert_eq!(shown["matched"], expected);
    assert_eq!(shown.get("sources"), None);
}

#[test]
fn sources_say_where_each_value_came_from() {
    let extras = Extras { matched: None, sources: true, ..Extras::default() };
    let shown: Json = serde_json::from_slice(&render_part(who(), &jane(), &fold(&jane()), None, &extras)).unwrap();
    let expected = json!({
        "profile.age": {"source": "crm", "_ts": "1735689600000"},
        "profile.loyalty.tier": {"source": "shop", "_ts": "1734000000000"},
        "profile.loyalty.points": {"source": "shop", "_ts": "1735000000000"},
        "mkt_preferences.sms_optin": {"source": "web", "_ts": "1735689600000"},
        "consent.gdpr_advertising": {"source": "web", "_ts": "1735689600000"},
        "consent.gdpr_profiling": {"source": "web", "_ts": "1735689600000"},
    });
    assert_eq!(shown["sources"], expected);
    assert_eq!(shown.get("matched"), None);
}

#[test]
fn sources_are_those_of_what_is_shown() {
    let only = Projection { profile: names(["tier"]), consent: names(["gdpr_profiling"]), ..Projection::default() };
    let shown = part(&jane(), &only, &Extras { matched: None, sources: true, ..Extras::default() });
    let sources: BTreeSet<_> = shown["sources"].as_object().unwrap().keys().collect();
    assert!(sources.into_iter().eq(["consent.gdpr_profiling", "profile.loyalty.tier"]));
}

#[test]
fn dots_in_names_do_not_make_two_paths_one() {
    let mut tile = Tile::default();
    for (group, name) in [("a.b", "a.b"), ("a", "b"), ("a.b", "c"), ("a", "b.c"), ("a\\.b", "a\\.b")] {
        tile.apply(&member(group, name, plain("x")), 1, &"crm".into());
    }
    let tiles = Tiles::from([(who().ucid, tile)]);
    let rendered =
        render_part(who(), &tiles, &fold(&tiles), None, &Extras { matched: None, sources: true, ..Extras::default() });
    let Strict(json) = serde_json::from_slice(&rendered).unwrap();
    let paths: BTreeSet<_> = json["sources"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [r"profile.a.b", r"profile.a.b\.c", r"profile.a\.b", r"profile.a\.b.c", r"profile.a\\\.b"];
    assert_eq!(paths, BTreeSet::from(expected));
}

/// JSON in which an object with a name twice is an error.
#[derive(Debug)]
struct Strict(Json);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON without nulls and without a name twice in one object")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Strict(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Strict, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some((name, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if object.insert(name.clone(), value).is_some() {
                return Err(serde::de::Error::custom(format!("{name} comes twice")));
            }
        }
        Ok(Strict(object.into()))
    }
}

fn projection() -> impl Strategy<Value = Projection> {
    let names = || proptest::collection::btree_set(name(), 0..4);
    let ids = proptest::sample::subsequence(vec!["user_id", "email", "AdId", "linkedUcid"], 0..4)
        .prop_map(|kinds| kinds.into_iter().map(Box::from).collect());
    (ids, names(), names(), names()).prop_map(|(ids, profile, consent, mkt_preferences)| Projection {
        ids,
        profile,
        consent,
        mkt_preferences,
    })
}

proptest! {
    #[test]
    fn any_answer_is_good_json_and_a_part_says_nothing_that_the_whole_does_not(
        tiles in tiles(),
        only in projection(),
        matched in "\\PC{0,9}",
    ) {
        let shown = fold(&tiles);
        let extras = Extras { matched: Some(vec![("email", &matched)]), sources: true, ..Extras::default() };
        let rendered = render_part(who(), &tiles, &shown, None, &extras);
        let Strict(whole) = serde_json::from_slice(&rendered).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(&whole["matched"], &json!([{"kind": "email", "value": matched}]));
        let values = |section: &str| whole[section].as_object().unwrap().len();
        prop_assert_eq!(values("sources"), shown.attributes() + values("mkt_preferences") + values("consent"));

        let rendered = render_part(who(), &tiles, &shown, Some(&only), &extras);
        let Strict(part) = serde_json::from_slice(&rendered).map_err(|error| TestCaseError::fail(error.to_string()))?;
        for section in ["ids", "mkt_preferences", "consent", "sources"] {
            for (name, value) in part[section].as_object().unwrap() {
                prop_assert_eq!(Some(value), whole[section].get(name));
            }
        }
        for (group, members) in part["profile"].as_object().unwrap() {
            for (name, value) in members.as_object().unwrap().iter().filter(|(name, _)| *name != "_ts") {
                prop_assert_eq!(value, &whole["profile"][group][name]);
                prop_assert!(only.profile.contains(&**group) || only.profile.contains(&**name));
            }
        }
    }
}
