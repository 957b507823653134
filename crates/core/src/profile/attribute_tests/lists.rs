//! Lists: additions, removals, order.

use super::*;

#[test]
fn arrays_accumulate() {
    assert_eq!(after([(1, append(json!(["a"]))), (2, append(json!(["b", "c"])))]), json!(["a", "b", "c"]));
}

#[test]
fn duplicates_are_dropped() {
    assert_eq!(after([(1, append(json!(["a", "b", "a"]))), (2, append(json!(["b", "c"])))]), json!(["a", "b", "c"]));
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
    let both = [(1, append(json!(["x", "a", "b"]))), (5, append(json!(["b", "a"]))), (3, remove(json!(["a", "b"])))];
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
