use palinode_core::transitions::{Transitions, edit_distance, edit_distance_ratio};
use palinode_tests::{episodes, groups};
use proptest::prelude::*;

fn word() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0u32..4, 0..8)
}

proptest! {
    /// delta = (i→c) − (c→i) = acc@last − acc@t1, and the four cells are all there is (arXiv 2409.12917, section 3).
    #[test]
    fn delta_is_what_is_fixed_less_what_is_broken(groups in groups()) {
        let t = Transitions::of(episodes(&groups));
        let last = t.attempts() - 1;
        prop_assert!((t.delta() - (t.accuracy(last) - t.accuracy(0))).abs() < 1e-12);
        prop_assert!((t.delta() - (t.wrong_to_right() - t.right_to_wrong())).abs() < 1e-12);
        let stayed_right = t.accuracy(0) - t.right_to_wrong();
        let stayed_wrong = 1.0 - t.accuracy(0) - t.wrong_to_right();
        prop_assert!(stayed_right > -1e-12 && stayed_wrong > -1e-12);
        prop_assert!((stayed_right + stayed_wrong + t.wrong_to_right() + t.right_to_wrong() - 1.0).abs() < 1e-12);
    }

    /// Conditional rates are those of the cells, and are absent where there is nothing to condition on.
    #[test]
    fn conditional_rates_are_cells_over_margins(groups in groups()) {
        let t = Transitions::of(episodes(&groups));
        let wrong = 1.0 - t.accuracy(0);
        match t.fix_given_wrong() {
            Some(rate) => prop_assert!((rate * wrong - t.wrong_to_right()).abs() < 1e-9 && wrong > 0.0),
            None => prop_assert!(wrong.abs() < 1e-12),
        }
        match t.break_given_right() {
            Some(rate) => prop_assert!((rate * t.accuracy(0) - t.right_to_wrong()).abs() < 1e-9 && t.accuracy(0) > 0.0),
            None => prop_assert!(t.accuracy(0).abs() < 1e-12),
        }
    }

    /// Counting in parts is counting.
    #[test]
    fn merging_counts_equals_counting_together(groups in groups(), cut in any::<prop::sample::Index>()) {
        let all = episodes(&groups);
        let cut = cut.index(all.len() + 1);
        let mut parts = Transitions::of(all[..cut].iter().copied());
        parts.merge(&Transitions::of(all[cut..].iter().copied()));
        let whole = Transitions::of(all);
        prop_assert!((parts.edit_distance_ratio() - whole.edit_distance_ratio()).abs() < 1e-12);
        prop_assert_eq!((parts.delta(), parts.changed(), parts.episodes()), (whole.delta(), whole.changed(), whole.episodes()));
    }

    /// Edit distance is a metric (Levenshtein 1966), and its ratio lies in [0, 1].
    #[test]
    fn edit_distance_is_a_metric(a in word(), b in word(), c in word()) {
        prop_assert_eq!(edit_distance(&a, &b), edit_distance(&b, &a));
        prop_assert_eq!(edit_distance(&a, &b) == 0, a == b);
        prop_assert!(edit_distance(&a, &c) <= edit_distance(&a, &b) + edit_distance(&b, &c));
        prop_assert!(edit_distance(&a, &b) >= a.len().abs_diff(b.len()));
        prop_assert!((0.0..=1.0).contains(&edit_distance_ratio(&a, &b)));
    }
}
