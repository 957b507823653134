//! What the members of a group show together.

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
