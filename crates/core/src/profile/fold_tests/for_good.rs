//! What is folded for good shows as before.

use super::*;

proptest! {
    /// Stamps are distinct, and few enough that nothing is summed up: then folding for good is exact.
    #[test]
    fn folding_a_tile_into_another_for_good_changes_nothing_that_is_shown(log in in_any_order()) {
        let tiles = tiles_of(&log);
        let shown = fold(&tiles);
        for (into, other) in tiles.keys().flat_map(|into| tiles.keys().map(move |other| (*into, *other))) {
            if into == other {
                continue;
            }
            let mut folded = tiles.clone();
            fold_for_good(&mut folded, other, into);
            prop_assert!(folded[&other].groups.is_empty());
            prop_assert_eq!(&fold(&folded), &shown);
        }
    }
}
