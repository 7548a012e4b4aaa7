use palinode_core::shaping::{Shaping, progress_bonus, telescoped_bonus};
use palinode_tests::{close, listed, rewards};
use proptest::prelude::*;

proptest! {
    /// No progress, no bonus: arXiv 2409.12917, section 5.2.
    #[test]
    fn the_bonus_is_zero_when_attempts_tie(r in rewards(), alpha in 0.0f64..20.0) {
        let [p, g, k] = r.shape;
        let tied = r.episodes().flat_map(|episode| vec![episode[0]; k]).collect();
        prop_assert_eq!(listed(&progress_bonus(&r.with(tied).numbers(), alpha)), vec![0.0; p * g * k]);
    }

    /// A step back costs what the step forward pays: b(r1, r2) = −b(r2, r1), and so along any path walked backwards.
    #[test]
    fn the_bonus_is_antisymmetric(r in rewards(), alpha in 0.0f64..20.0) {
        let k = r.shape[2];
        let reversed = r.with(r.episodes().flat_map(|episode| episode.iter().rev().copied()).collect()).numbers();
        let (there, back) = (listed(&progress_bonus(&r.numbers(), alpha)), listed(&progress_bonus(&reversed, alpha)));
        for (there, back) in there.chunks(k).zip(back.chunks(k)) {
            let back: Vec<f32> = back[1..].iter().rev().map(|bonus| -bonus).collect();
            prop_assert!(close(&there[1..], &back, 1e-6), "{:?} {:?}", there, back);
        }
    }

    /// b is linear in alpha (section 5.2: b = alpha (r2 − r1)).
    #[test]
    fn the_bonus_is_linear_in_alpha(r in rewards(), a in 0.0f64..10.0, b in 0.0f64..10.0) {
        let bonus = |alpha| progress_bonus(&r.numbers(), alpha);
        prop_assert!(close(&listed(&bonus(a + b)), &listed(&bonus(a).zip(&bonus(b), |a, b| a + b)), 1e-5));
    }

    /// Potential-based shaping (Ng, Harada & Russell 1999): whatever the path, the telescoped bonuses of an episode sum to alpha r_K.
    #[test]
    fn telescoped_bonuses_sum_to_alpha_times_the_last_reward(r in rewards(), alpha in 0.0f64..20.0) {
        let [p, g, k] = r.shape;
        let sums: Vec<f32> = telescoped_bonus(&r.numbers(), alpha).episodes().map(|paid| paid.iter().sum::<f64>() as f32).collect();
        let last: Vec<f32> = r.episodes().map(|episode| episode[k - 1] * alpha as f32).collect();
        prop_assert_eq!(sums.len(), p * g);
        prop_assert!(close(&sums, &last, 1e-5), "{:?} {:?}", sums, last);
    }

    /// Shaping adds; it never replaces the task reward, and attempt 1 has no attempt before it.
    #[test]
    fn shaping_leaves_the_first_reward_alone_unless_telescoped(r in rewards(), alpha in 0.0f64..20.0) {
        let first = |shaping: Shaping| shaping.shape(&r.numbers()).episodes().map(|paid| paid[0] as f32).collect::<Vec<_>>();
        let plain: Vec<f32> = r.episodes().map(|episode| episode[0]).collect();
        prop_assert_eq!(&first(Shaping::None), &plain);
        prop_assert_eq!(&first(Shaping::progress_bonus(alpha).unwrap()), &plain);
        let raised: Vec<f32> = plain.iter().map(|r| r * (1.0 + alpha as f32)).collect();
        let telescoped = Shaping::telescoped(alpha).unwrap();
        prop_assert!(close(&first(telescoped), &raised, 1e-6));
    }
}
