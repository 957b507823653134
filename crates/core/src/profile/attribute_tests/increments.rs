//! Counters: what was added, and what a plain value among that does.

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
