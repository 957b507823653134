//! The least and the greatest that was said.

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
