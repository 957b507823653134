//! What one tile says of one attribute, case by case: each test tells it things at moments and looks at what a profile
//! of this one tile would show.

use super::*;
use crate::patch::{GroupPatch, Patch};
use crate::profile::fold::Tiles;
use crate::profile::fold::arbitrary::fold;
use crate::profile::tile::Tile;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

fn scalar(json: &Json) -> Scalar {
    match json {
        Json::String(text) => Scalar::from(text.as_str()),
        Json::Bool(truth) => Scalar::Boolean(*truth),
        number => Scalar::from_f64(number.as_f64().unwrap()).unwrap(),
    }
}

fn scalars(json: &Json) -> Vec<Scalar> {
    json.as_array().unwrap().iter().map(scalar).collect()
}

fn value(json: &Json) -> Value {
    if json.is_array() { Value::List(scalars(json)) } else { Value::One(scalar(json)) }
}

fn number(n: f64) -> Number {
    Number::from_f64(n).unwrap()
}

fn plain(json: impl Into<Json>) -> Said {
    Said::Plain(scalar(&json.into()))
}

fn append(json: Json) -> Said {
    Said::Entries(scalars(&json))
}

fn remove(json: Json) -> Said {
    Said::Remove(scalars(&json))
}

fn set(json: impl Into<Json>) -> Said {
    Said::Set(value(&json.into()))
}

fn set_once(json: impl Into<Json>) -> Said {
    Said::SetOnce(value(&json.into()))
}

fn add(n: impl Into<f64>) -> Said {
    Said::Add(number(n.into()))
}

fn min(n: impl Into<f64>) -> Said {
    Said::Min(number(n.into()))
}

fn max(n: impl Into<f64>) -> Said {
    Said::Max(number(n.into()))
}

/// An attribute that was told these things in this order, each with its stamp.
fn told(sayings: impl IntoIterator<Item = (Ms, Said)>) -> Attribute {
    let mut attribute = Attribute::default();
    for (ts, said) in sayings {
        attribute.say(&said, ts, &format!("source {ts}").into());
    }
    attribute
}

/// What a profile of one tile shows in the group `g`, with stamps and sources.
fn shown_group(tile: Tile) -> BTreeMap<Box<str>, Stamped<Value>> {
    let tiles = Tiles::from([(crate::id::Ucid::from_u128(1), tile)]);
    fold(&tiles).groups.remove("g").unwrap_or_default()
}

fn shown(attribute: &Attribute) -> Option<Stamped<Value>> {
    let mut tile = Tile::default();
    tile.groups.entry("g".into()).or_default().members.insert("m".into(), attribute.clone());
    shown_group(tile).remove("m")
}

fn as_json(value: &Value) -> Json {
    let one = |scalar: &Scalar| match scalar {
        Scalar::Text(text) => json!(text),
        Scalar::Integer(n) => json!(n),
        Scalar::Double(n) => json!(n),
        Scalar::Boolean(truth) => json!(truth),
    };
    match value {
        Value::One(scalar) => one(scalar),
        Value::List(scalars) => scalars.iter().map(one).collect(),
    }
}

/// What is shown after these sayings, in this order of arrival; null where nothing is.
fn after<const N: usize>(sayings: [(Ms, Said); N]) -> Json {
    shown(&told(sayings)).map_or(Json::Null, |shown| as_json(&shown.value))
}

/// When and by whom the shown value was last said.
fn stamp_after<const N: usize>(sayings: [(Ms, Said); N]) -> (Ms, String) {
    let shown = shown(&told(sayings)).unwrap();
    (shown.ts, shown.source.to_string())
}

mod plain_values {
    use super::*;

    #[test]
    fn the_newer_wins() {
        assert_eq!(after([(1, plain("old")), (2, plain("new"))]), json!("new"));
    }

    #[test]
    fn an_older_one_that_arrives_late_loses() {
        assert_eq!(after([(2, plain("new")), (1, plain("old"))]), json!("new"));
    }

    #[test]
    fn of_equal_stamps_the_later_arrival_wins() {
        assert_eq!(after([(1, plain("first")), (1, plain("second"))]), json!("second"));
    }

    #[test]
    fn a_value_may_change_its_type() {
        assert_eq!(after([(1, plain("34")), (2, plain(34)), (3, plain(true))]), json!(true));
    }

    #[test]
    fn the_stamp_and_the_source_are_those_of_the_winner() {
        assert_eq!(stamp_after([(2, plain("new")), (1, plain("old"))]), (2, "source 2".into()));
    }

    #[test]
    fn a_removal_removes() {
        assert_eq!(after([(1, plain("x")), (2, Said::Unset)]), Json::Null);
    }

    #[test]
    fn a_late_removal_does_not_remove_what_is_newer() {
        assert_eq!(after([(2, plain("x")), (1, Said::Unset)]), json!("x"));
    }

    #[test]
    fn a_late_value_stays_removed() {
        assert_eq!(after([(2, Said::Unset), (1, plain("x"))]), Json::Null);
    }

    #[test]
    fn a_value_after_a_removal_is_there_again() {
        assert_eq!(after([(1, plain("x")), (2, Said::Unset), (3, plain("y"))]), json!("y"));
    }

    #[test]
    fn of_a_value_and_a_removal_of_one_stamp_the_later_arrival_wins() {
        assert_eq!(after([(1, plain("x")), (1, Said::Unset)]), Json::Null);
        assert_eq!(after([(1, Said::Unset), (1, plain("x"))]), json!("x"));
    }

    #[test]
    fn set_is_a_plain_value() {
        assert_eq!(after([(1, plain("x")), (2, set("y"))]), json!("y"));
        assert_eq!(after([(2, plain("x")), (1, set("y"))]), json!("x"));
    }

    #[test]
    fn a_removal_of_this_very_value_removes_it() {
        assert_eq!(after([(1, plain("x")), (2, remove(json!(["x"])))]), Json::Null);
        assert_eq!(after([(1, plain("x")), (2, remove(json!(["y"])))]), json!("x"));
        assert_eq!(after([(2, plain("x")), (1, remove(json!(["x"])))]), json!("x"));
    }
}

mod set_once {
    use super::*;

    #[test]
    fn the_first_stays() {
        assert_eq!(after([(1, set_once("first")), (2, set_once("second"))]), json!("first"));
    }

    #[test]
    fn the_first_is_the_oldest_stamp_however_late_it_arrives() {
        assert_eq!(after([(2, set_once("second")), (1, set_once("first"))]), json!("first"));
    }

    #[test]
    fn of_equal_stamps_the_first_arrival_stays() {
        assert_eq!(after([(1, set_once("first")), (1, set_once("second"))]), json!("first"));
    }

    #[test]
    fn it_shows_only_where_there_is_no_plain_value_or_removal() {
        assert_eq!(after([(1, set_once("once")), (2, plain("x"))]), json!("x"));
        assert_eq!(after([(1, plain("x")), (2, set_once("once"))]), json!("x"));
        assert_eq!(after([(2, set_once("once")), (1, plain("x"))]), json!("x"));
        assert_eq!(after([(1, set_once("once")), (2, Said::Unset)]), Json::Null);
        assert_eq!(after([(1, Said::Unset), (2, set_once("once"))]), Json::Null);
    }

    #[test]
    fn it_may_be_a_list_and_no_entry_comes_twice() {
        assert_eq!(after([(1, set_once(json!(["b", "a", "b"])))]), json!(["b", "a"]));
    }
}

#[path = "attribute_tests/increments.rs"]
mod increments;

#[path = "attribute_tests/bounds.rs"]
mod bounds;

#[path = "attribute_tests/lists.rs"]
mod lists;

#[path = "attribute_tests/groups.rs"]
mod groups;

#[test]
fn the_newest_stamp_is_that_of_anything_said() {
    let each = [plain("x"), append(json!(["a"])), set(1), set_once(1), add(1), min(1), max(1), Said::Unset];
    for said in each.into_iter().chain([remove(json!(["a"]))]) {
        assert_eq!(told([(7, said.clone())]).newest(), 7, "{said:?}");
    }
    assert_eq!(told([(9, append(json!(["a"]))), (7, plain("b"))]).newest(), 9);
}

#[test]
fn what_a_newer_value_hides_is_not_kept() {
    let older = [(1, add(1)), (2, min(2)), (3, max(3)), (4, set_once("once")), (5, append(json!(["a"])))];
    let hidden = older.into_iter().chain([(6, remove(json!(["b"]))), (9, set("x"))]);
    assert_eq!(told(hidden), told([(9, set("x"))]));
    let summed = (1..40).map(|ts| (ts, add(1))).chain([(40, plain(7))]);
    assert_eq!(told(summed), told([(40, plain(7))]));
}

#[test]
fn an_attribute_of_which_nothing_was_said_is_empty() {
    assert!(Attribute::default().is_empty());
    assert!(told([(1, append(json!([])))]).is_empty());
    assert!(!told([(1, Said::Unset)]).is_empty());
}
