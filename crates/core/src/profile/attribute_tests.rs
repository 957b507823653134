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

mod increments {
    use super::*;

    #[test]
    fn they_add_up_without_a_plain_value() {
        assert_eq!(after([(1, add(2)), (2, add(3)), (3, add(-1))]), json!(4));
    }

    #[test]
    fn they_apply_to_the_newest_plain_value() {
        assert_eq!(after([(1, plain(10)), (2, add(2)), (3, add(3))]), json!(15));
    }

    #[test]
    fn a_newer_plain_value_hides_them() {
        assert_eq!(after([(1, add(2)), (2, plain(10))]), json!(10));
        assert_eq!(after([(1, plain(10)), (2, add(2)), (3, plain(20))]), json!(20));
    }

    #[test]
    fn a_late_plain_value_keeps_those_that_are_newer() {
        assert_eq!(after([(1, add(1)), (3, add(2)), (2, plain(10))]), json!(12));
    }

    #[test]
    fn a_late_increment_counts_if_it_is_newer_than_the_plain_value() {
        assert_eq!(after([(2, plain(10)), (5, add(1)), (3, add(2))]), json!(13));
        assert_eq!(after([(2, plain(10)), (5, add(1)), (1, add(2))]), json!(11));
    }

    #[test]
    fn of_equal_stamps_each_counts() {
        assert_eq!(after([(1, add(2)), (1, add(2))]), json!(4));
    }

    #[test]
    fn an_increment_of_the_plain_values_stamp_is_not_newer() {
        assert_eq!(after([(1, plain(10)), (1, add(2))]), json!(10));
        assert_eq!(after([(1, add(2)), (1, plain(10))]), json!(10));
    }

    #[test]
    fn after_a_removal_they_count_from_nothing() {
        assert_eq!(after([(1, plain(10)), (2, Said::Unset), (3, add(2))]), json!(2));
    }

    #[test]
    fn halves_are_added_exactly_and_a_whole_sum_is_whole() {
        assert_eq!(after([(1, plain(1)), (2, add(0.5))]), json!(1.5));
        assert_eq!(after([(1, add(0.5)), (2, add(0.5))]), json!(1));
    }

    #[test]
    fn a_text_is_not_incremented() {
        assert_eq!(after([(1, plain("x")), (2, add(1))]), json!("x"));
    }

    #[test]
    fn the_stamp_is_that_of_the_newest_increment() {
        assert_eq!(stamp_after([(1, plain(10)), (5, add(1)), (3, add(2))]), (5, "source 5".into()));
    }

    /// Forty increments of one: thirty-two are kept apart, eight are a sum under the newest of them.
    fn forty() -> Attribute {
        told((1..=40).map(|ts| (ts, add(1))))
    }

    fn forty_and(ts: Ms, said: Said) -> (Attribute, Json) {
        let mut attribute = forty();
        attribute.say(&said, ts, &"late".into());
        let json = as_json(&shown(&attribute).unwrap().value);
        (attribute, json)
    }

    #[test]
    fn the_last_thirty_two_keep_their_stamps_and_older_ones_are_one_sum() {
        let attribute = forty();
        assert_eq!(attribute.increments.iter().map(|i| i.ts).collect::<Vec<_>>(), (9..=40).collect::<Vec<_>>());
        assert_eq!(attribute.older.as_ref().map(|older| (older.ts, older.value)), Some((8, number(8.0))));
        assert_eq!(shown(&attribute).map(|shown| as_json(&shown.value)), Some(json!(40)));
    }

    #[test]
    fn a_late_increment_older_than_those_joins_the_sum() {
        let (attribute, json) = forty_and(3, add(5));
        assert_eq!(json, json!(45));
        assert_eq!(attribute.older.as_ref().map(|older| (older.ts, older.value)), Some((8, number(13.0))));
    }

    #[test]
    fn a_late_increment_among_those_pushes_the_oldest_into_the_sum() {
        let (attribute, json) = forty_and(20, add(5));
        assert_eq!(json, json!(45));
        assert_eq!(attribute.increments.len(), limits::INCREMENTS);
        assert_eq!(attribute.older.as_ref().map(|older| (older.ts, older.value)), Some((9, number(9.0))));
    }

    #[test]
    fn a_late_plain_value_among_those_is_exact() {
        assert_eq!(forty_and(20, plain(100)).1, json!(120));
        assert_eq!(forty_and(8, plain(100)).1, json!(132));
    }

    #[test]
    fn before_the_sums_stamp_the_whole_sum_counts_as_newer() {
        assert_eq!(forty_and(5, plain(100)).1, json!(140));
    }

    proptest! {
        #[test]
        fn what_is_kept_apart_and_what_is_summed_does_not_depend_on_arrival(
            order in Just((1..=60_u64).collect::<Vec<_>>()).prop_shuffle()
        ) {
            let attribute = told(order.into_iter().map(|ts| (ts, add(ts as f64))));
            let kept: Vec<_> = attribute.increments.iter().map(|i| (i.ts, i.value)).collect();
            let last: Vec<_> = (29..=60).map(|ts| (ts, number(ts as f64))).collect();
            prop_assert_eq!(kept, last);
            let older = attribute.older.unwrap();
            prop_assert_eq!((older.ts, older.value), (28, number(f64::from((1..=28).sum::<i32>()))));
        }
    }
}

mod bounds {
    use super::*;

    #[test]
    fn the_least_and_the_greatest_are_shown() {
        assert_eq!(after([(1, min(5)), (2, min(3)), (3, min(4))]), json!(3));
        assert_eq!(after([(1, max(5)), (2, max(7)), (3, max(6))]), json!(7));
    }

    #[test]
    fn they_hold_an_older_plain_value() {
        assert_eq!(after([(1, plain(10)), (2, min(5))]), json!(5));
        assert_eq!(after([(1, plain(1)), (2, min(5))]), json!(1));
        assert_eq!(after([(1, plain(1)), (2, max(5))]), json!(5));
        assert_eq!(after([(1, plain(10)), (2, max(5))]), json!(10));
    }

    #[test]
    fn a_newer_plain_value_forgets_them() {
        assert_eq!(after([(1, min(5)), (2, plain(10))]), json!(10));
        assert_eq!(after([(1, max(5)), (2, plain(1))]), json!(1));
    }

    #[test]
    fn a_late_plain_value_is_held_by_those_that_are_newer_alone() {
        assert_eq!(after([(1, min(2)), (3, min(5)), (2, plain(10))]), json!(5));
        assert_eq!(after([(1, max(9)), (3, max(5)), (2, plain(1))]), json!(5));
    }

    #[test]
    fn a_late_bound_older_than_the_plain_value_loses() {
        assert_eq!(after([(2, plain(10)), (1, min(5))]), json!(10));
        assert_eq!(after([(2, plain(10)), (1, max(50))]), json!(10));
    }

    #[test]
    fn increments_come_first_then_the_least_then_the_greatest() {
        assert_eq!(after([(1, plain(1)), (2, min(5)), (3, add(10))]), json!(5));
        assert_eq!(after([(1, plain(1)), (2, max(20)), (3, add(10))]), json!(20));
        assert_eq!(after([(1, min(5)), (2, max(7))]), json!(7));
        assert_eq!(after([(1, max(7)), (2, min(5))]), json!(7));
    }

    #[test]
    fn after_a_removal_they_count_from_nothing() {
        assert_eq!(after([(1, plain(1)), (2, Said::Unset), (3, min(5))]), json!(5));
    }

    #[test]
    fn only_bounds_that_could_still_matter_are_kept() {
        let attribute = told([(1, min(3)), (2, min(9)), (3, min(5)), (4, min(7))]);
        assert_eq!(attribute.least.iter().map(|bound| bound.ts).collect::<Vec<_>>(), [1, 3, 4]);
    }

    #[test]
    fn beyond_thirty_two_the_two_oldest_become_one_and_the_bound_stays_right_without_a_plain_value() {
        let attribute = told((1..=33).map(|ts| (ts, min(ts as f64))));
        assert_eq!(attribute.least.len(), limits::INCREMENTS);
        assert_eq!((attribute.least[0].ts, attribute.least[0].value), (2, number(1.0)));
        assert_eq!(shown(&attribute).map(|shown| as_json(&shown.value)), Some(json!(1)));
    }

    type Bounds = Vec<(Ms, i32)>;

    fn up_to_32_bounds() -> impl Strategy<Value = Bounds> {
        proptest::collection::vec(-20..20_i32, 0..=32)
            .prop_map(|values| (1..).zip(values).collect::<Bounds>())
            .prop_shuffle()
    }

    /// What is shown with a plain value of this stamp, and what it should be: keep everything, look at what is newer.
    fn with_plain(bounds: &Bounds, at: Ms, of: i32, said: fn(i32) -> Said) -> Json {
        let mut attribute = told(bounds.iter().map(|(ts, n)| (*ts, said(*n))));
        attribute.say(&plain(of), at, &"late".into());
        as_json(&shown(&attribute).unwrap().value)
    }

    proptest! {
        #[test]
        fn up_to_thirty_two_bounds_are_exact_under_a_plain_value_of_any_stamp(bounds in up_to_32_bounds()) {
            for at in 0..=33 {
                let newer = || bounds.iter().filter(|(ts, _)| *ts > at).map(|(_, n)| *n);
                let least = newer().min().map_or(100, |least| least.min(100));
                prop_assert_eq!(with_plain(&bounds, at, 100, min), json!(least));
                let greatest = newer().max().map_or(-100, |greatest| greatest.max(-100));
                prop_assert_eq!(with_plain(&bounds, at, -100, max), json!(greatest));
            }
        }
    }
}

mod lists {
    use super::*;

    #[test]
    fn arrays_accumulate() {
        assert_eq!(after([(1, append(json!(["a"]))), (2, append(json!(["b", "c"])))]), json!(["a", "b", "c"]));
    }

    #[test]
    fn duplicates_are_dropped() {
        assert_eq!(
            after([(1, append(json!(["a", "b", "a"]))), (2, append(json!(["b", "c"])))]),
            json!(["a", "b", "c"])
        );
        assert_eq!(after([(1, append(json!([1, 1.0, "1", true])))]), json!([1, "1", true]));
    }

    #[test]
    fn a_scalar_sent_to_a_list_is_added() {
        assert_eq!(after([(1, append(json!(["a"]))), (2, plain("b"))]), json!(["a", "b"]));
    }

    #[test]
    fn beside_a_list_an_older_or_newer_plain_value_counts_as_an_entry() {
        assert_eq!(after([(1, plain("a")), (2, append(json!(["b"])))]), json!(["a", "b"]));
        assert_eq!(after([(2, plain("a")), (1, append(json!(["b"])))]), json!(["b", "a"]));
    }

    #[test]
    fn entries_stand_in_the_order_of_their_first_addition() {
        let sayings = [(1, append(json!(["b"]))), (2, append(json!(["a"]))), (3, append(json!(["b"])))];
        assert_eq!(after(sayings), json!(["b", "a"]));
    }

    #[test]
    fn late_entries_stand_where_their_stamp_puts_them() {
        assert_eq!(after([(2, append(json!(["b"]))), (1, append(json!(["a"])))]), json!(["a", "b"]));
        assert_eq!(after([(2, append(json!(["b", "a"]))), (1, append(json!(["a"])))]), json!(["a", "b"]));
    }

    #[test]
    fn entries_of_one_write_stand_as_sent() {
        assert_eq!(after([(1, append(json!(["c", "a", "b"])))]), json!(["c", "a", "b"]));
    }

    #[test]
    fn writes_of_one_stamp_stand_as_they_came() {
        let sayings = [(1, append(json!(["c", "b"]))), (1, append(json!(["a"]))), (1, plain("0"))];
        assert_eq!(after(sayings), json!(["c", "b", "a", "0"]));
        assert_eq!(after([(1, plain("x")), (1, append(json!(["a"])))]), json!(["x", "a"]));
    }

    #[test]
    fn a_removed_entry_is_gone() {
        assert_eq!(after([(1, append(json!(["a", "b"]))), (2, remove(json!(["a"])))]), json!(["b"]));
    }

    #[test]
    fn a_late_addition_of_a_removed_entry_is_hidden() {
        assert_eq!(after([(1, append(json!(["b"]))), (3, remove(json!(["a"]))), (2, plain("a"))]), json!(["b"]));
    }

    #[test]
    fn a_late_addition_of_a_removed_entry_does_not_make_a_list() {
        assert_eq!(after([(5, remove(json!(["a"]))), (3, append(json!(["a"]))), (7, plain("x"))]), json!("x"));
    }

    #[test]
    fn a_late_removal_does_not_hide_a_newer_addition() {
        assert_eq!(after([(2, append(json!(["a"]))), (1, remove(json!(["a"])))]), json!(["a"]));
    }

    #[test]
    fn of_an_addition_and_a_removal_of_one_stamp_the_later_arrival_wins() {
        let both = append(json!(["a", "b"]));
        assert_eq!(after([(1, both.clone()), (1, remove(json!(["a"])))]), json!(["b"]));
        assert_eq!(after([(1, remove(json!(["a"]))), (1, both)]), json!(["a", "b"]));
    }

    #[test]
    fn an_entry_added_again_stands_where_it_came_back() {
        let sayings = [
            (1, append(json!(["a", "b"]))),
            (2, remove(json!(["a"]))),
            (3, append(json!(["c"]))),
            (4, append(json!(["a"]))),
        ];
        assert_eq!(after(sayings), json!(["b", "c", "a"]));
    }

    #[test]
    fn a_late_removal_between_two_additions_moves_the_entry_to_the_second_as_sent() {
        let both =
            [(1, append(json!(["x", "a", "b"]))), (5, append(json!(["b", "a"]))), (3, remove(json!(["a", "b"])))];
        assert_eq!(after(both), json!(["x", "b", "a"]));
        let twice = [(1, append(json!(["a"]))), (5, append(json!(["a", "b", "a"]))), (3, remove(json!(["a"])))];
        assert_eq!(after(twice), json!(["a", "b"]));
        let cleared = [(1, append(json!(["a", "b"]))), (5, append(json!(["b", "a"]))), (3, Said::Unset)];
        assert_eq!(after(cleared), json!(["b", "a"]));
    }

    #[test]
    fn when_the_last_entry_is_removed_nothing_is_shown() {
        assert_eq!(after([(1, append(json!(["a"]))), (2, remove(json!(["a"])))]), Json::Null);
        assert_eq!(after([(1, append(json!([])))]), Json::Null);
    }

    #[test]
    fn a_removal_removes_all_that_is_older() {
        assert_eq!(after([(1, append(json!(["a"]))), (2, Said::Unset)]), Json::Null);
        assert_eq!(after([(2, Said::Unset), (1, append(json!(["a"])))]), Json::Null);
        assert_eq!(after([(1, append(json!(["a"]))), (3, append(json!(["b"]))), (2, Said::Unset)]), json!(["b"]));
    }

    #[test]
    fn set_replaces_the_list() {
        assert_eq!(after([(1, append(json!(["a"]))), (2, set(json!(["b", "c", "b"])))]), json!(["b", "c"]));
        assert_eq!(after([(1, append(json!(["a"]))), (2, set("x"))]), json!("x"));
        assert_eq!(after([(1, append(json!(["a"]))), (2, set(json!([])))]), Json::Null);
    }

    #[test]
    fn a_late_set_hides_only_what_is_older() {
        let late = [(1, append(json!(["a"]))), (3, append(json!(["b"]))), (2, set(json!(["c"])))];
        assert_eq!(after(late), json!(["c", "b"]));
        assert_eq!(after([(2, set(json!(["c"]))), (1, append(json!(["a"])))]), json!(["c"]));
        assert_eq!(after([(1, plain("x")), (2, set(json!(["c"])))]), json!(["c"]));
        assert_eq!(after([(3, plain("x")), (2, set(json!(["c"])))]), json!(["c", "x"]));
    }

    #[test]
    fn a_list_outshines_numbers_and_set_once() {
        assert_eq!(after([(1, add(5)), (2, set_once("once")), (3, append(json!(["a"])))]), json!(["a"]));
    }

    #[test]
    fn the_stamp_is_that_of_the_newest_addition_or_removal() {
        let both = append(json!(["a", "b"]));
        assert_eq!(stamp_after([(1, both.clone()), (3, append(json!(["a"])))]), (3, "source 3".into()));
        assert_eq!(stamp_after([(1, both), (4, remove(json!(["a"])))]).0, 4);
    }

    #[test]
    fn a_thousand_entries_are_shown() {
        let many = append((0..1_005).collect());
        let Json::Array(shown) = after([(1, many)]) else { panic!("not a list") };
        assert_eq!((shown.len(), &shown[999]), (limits::LIST_ENTRIES, &json!(999)));
    }
}

mod groups {
    use super::*;

    /// A tile that was told these things of the group `g`: of a member, or (without a name) that all of it goes.
    fn after<const N: usize>(sayings: [(Ms, Option<(&str, Said)>); N]) -> Json {
        let mut tile = Tile::default();
        for (ts, said) in sayings {
            let said = match said {
                Some((name, said)) => GroupPatch::Members(BTreeMap::from([(name.into(), said)])),
                None => GroupPatch::Unset,
            };
            let patch = Patch { groups: BTreeMap::from([("g".into(), said)]), ..Patch::default() };
            tile.apply(&patch, ts, &"crm".into());
        }
        shown_group(tile).into_iter().map(|(name, said)| (name.to_string(), as_json(&said.value))).collect()
    }

    const ALL: Option<(&str, Said)> = None;

    fn say(name: &str, said: Said) -> Option<(&str, Said)> {
        Some((name, said))
    }

    #[test]
    fn members_that_are_not_named_stay() {
        let sayings = [(1, say("tier", plain("gold"))), (2, say("points", plain(5)))];
        assert_eq!(after(sayings), json!({"tier": "gold", "points": 5}));
    }

    #[test]
    fn a_removal_of_the_group_removes_every_older_member() {
        let sayings = [(1, say("tier", plain("gold"))), (3, say("points", plain(5))), (2, ALL)];
        assert_eq!(after(sayings), json!({"points": 5}));
    }

    #[test]
    fn a_late_member_stays_removed_and_a_newer_one_is_shown() {
        assert_eq!(after([(2, ALL), (1, say("tier", plain("gold")))]), json!({}));
        assert_eq!(after([(2, ALL), (3, say("tier", plain("gold")))]), json!({"tier": "gold"}));
    }

    #[test]
    fn of_a_member_and_a_removal_of_one_stamp_the_later_arrival_wins() {
        assert_eq!(after([(1, say("tier", plain("gold"))), (1, ALL)]), json!({}));
        assert_eq!(after([(1, ALL), (1, say("tier", plain("gold")))]), json!({"tier": "gold"}));
    }

    #[test]
    fn increments_bounds_and_lists_start_anew() {
        let added = [(1, say("n", plain(10))), (2, say("n", add(1))), (4, say("n", add(2))), (3, ALL)];
        assert_eq!(after(added), json!({"n": 2}));
        assert_eq!(after([(1, say("n", min(3))), (3, say("n", min(5))), (2, ALL)]), json!({"n": 5}));
        let list = [(1, say("l", append(json!(["a", "b"])))), (3, say("l", append(json!(["c", "b"])))), (2, ALL)];
        assert_eq!(after(list), json!({"l": ["c", "b"]}));
    }

    #[test]
    fn set_once_does_not_show_after_it() {
        assert_eq!(after([(1, say("x", set_once("once"))), (2, ALL)]), json!({}));
        assert_eq!(after([(1, ALL), (2, say("x", set_once("once")))]), json!({}));
    }

    #[test]
    fn an_older_removal_changes_nothing() {
        assert_eq!(after([(3, ALL), (1, ALL), (2, say("tier", plain("gold")))]), json!({}));
    }
}

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
