//! Merge ∘ split = identity.

use onefold_sim::undo::undo;

#[test]
fn what_is_merged_and_split_shows_what_it_would_if_it_had_never_met() {
    for seed in 0..3_000 {
        assert_eq!(undo(seed, None), None, "seed {seed}");
    }
}
