use palinode_core::{
    Error,
    credit::Credit,
    objective::{Objective, StageOne, StageTwo},
    per_attempt::PerAttempt,
    sandbagging::sandbagging_threshold,
    shaping::Shaping,
};
use palinode_tests::{close, listed, reward, rewards};
use proptest::prelude::*;

/// What attempt 1 gains in expectation by being right rather than wrong, given P(y2 right | y1 right) and P(y2 right | y1 wrong).
fn gain_of_being_right(stage: &StageTwo, p_stay: f64, p_fix: f64) -> f64 {
    let outcomes = PerAttempt::new([1, 4, 2], vec![1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]).unwrap();
    let credited: Vec<f64> = stage.returns(&outcomes).episodes().map(|returns| returns[0]).collect();
    let right = p_stay * credited[0] + (1.0 - p_stay) * credited[1];
    let wrong = p_fix * credited[2] + (1.0 - p_fix) * credited[3];
    right - wrong
}

fn stage(shaping: Shaping, gamma: f64) -> StageTwo {
    StageTwo::with_credit(0.01, shaping, Credit::discounted(gamma).unwrap(), true).unwrap()
}

proptest! {
    /// Stage II pays attempt 1 its own reward and nothing else: arXiv 2409.12917, appendix A.2 (ICLR version, figure 9).
    #[test]
    fn per_turn_credit_keeps_the_bonus_off_attempt_one(r in rewards(), alpha in 0.0f64..50.0) {
        let stage = StageTwo::new(0.01, Shaping::progress_bonus(alpha).unwrap()).unwrap();
        let first: Vec<f32> = r.episodes().map(|episode| episode[0]).collect();
        let credited: Vec<f32> = stage.returns(&r.numbers()).episodes().map(|returns| returns[0] as f32).collect();
        prop_assert_eq!(credited, first);
    }

    /// So the best first attempt is the right one, by the same margin at any alpha.
    #[test]
    fn the_optimal_first_attempt_under_per_turn_credit_does_not_depend_on_alpha(
        alpha in 0.0f64..50.0, p_stay in 0.0f64..=1.0, p_fix in 0.0f64..=1.0,
    ) {
        let stage = StageTwo::new(0.01, Shaping::progress_bonus(alpha).unwrap()).unwrap();
        prop_assert!((gain_of_being_right(&stage, p_stay, p_fix) - 1.0).abs() < 1e-5);
    }

    /// With the return credited to attempt 1, being wrong pays exactly from the stated threshold on (facts of this project's algebra,
    /// `palinode_core::sandbagging`).
    #[test]
    fn joint_credit_flips_exactly_at_the_sandbagging_threshold(
        alpha in 0.0f64..20.0, gamma in 0.05f64..=1.0, p_stay in 0.0f64..=1.0, away in 0.01f64..0.5,
    ) {
        let stage = stage(Shaping::progress_bonus(alpha).unwrap(), gamma);
        let threshold = sandbagging_threshold(alpha, gamma, p_stay);
        let scale = 1.0 + alpha;
        prop_assert!(gain_of_being_right(&stage, p_stay, threshold).abs() < 1e-4 * scale * (1.0 + threshold.abs()));
        prop_assert!(gain_of_being_right(&stage, p_stay, threshold - away) > 0.0);
        prop_assert!(gain_of_being_right(&stage, p_stay, threshold + away) < 0.0);
    }

    /// The telescoped bonus never pays for being wrong, as long as being wrong does not itself make attempt 2 better.
    #[test]
    fn telescoped_shaping_removes_sandbagging(
        alpha in 0.0f64..20.0, gamma in 0.0f64..=1.0, p_stay in 0.0f64..=1.0, ratio in 0.0f64..=1.0,
    ) {
        let telescoped = stage(Shaping::telescoped(alpha).unwrap(), gamma);
        prop_assert!(gain_of_being_right(&telescoped, p_stay, p_stay * ratio) > 0.0);
    }

    /// The dangerous corner can't be entered without naming it: alpha times gamma above 1, not telescoped.
    #[test]
    fn the_dangerous_corner_is_refused_and_nothing_else_is(alpha in 0.0f64..20.0, gamma in 0.0f64..=1.0) {
        let made = |shaping, allow| StageTwo::with_credit(0.01, shaping, Credit::discounted(gamma).unwrap(), allow);
        let (bonus, telescoped) = (Shaping::progress_bonus(alpha).unwrap(), Shaping::telescoped(alpha).unwrap());
        let refused = matches!(made(bonus, false), Err(Error::Sandbagging { .. }));
        prop_assert_eq!(refused, alpha * gamma > 1.0);
        prop_assert!(made(bonus, true).is_ok());
        prop_assert!(made(telescoped, false).is_ok());
    }

    /// gamma = 1 credits the summed return to every attempt's tokens from that attempt on; gamma = 0 each attempt's own.
    #[test]
    fn returns_are_discounted_sums(r in rewards(), gamma in 0.0f64..=1.0) {
        let k = r.shape[2];
        let returns = listed(&Credit::discounted(gamma).unwrap().returns(&r.numbers()));
        for (episode, returns) in r.episodes().zip(returns.chunks(k)) {
            let expected: Vec<f32> = (0..k)
                .map(|from| (from..k).map(|j| f64::from(episode[j]) * gamma.powi((j - from) as i32)).sum::<f64>() as f32)
                .collect();
            prop_assert!(close(returns, &expected, 1e-5), "{:?} {:?}", returns, expected);
        }
    }

    /// Joint credit pays every attempt the same, and attempt 1 what an undiscounted return pays it.
    #[test]
    fn joint_credit_is_one_number_an_episode(r in rewards()) {
        let k = r.shape[2];
        let joint = listed(&Credit::Joint.returns(&r.numbers()));
        let undiscounted = listed(&Credit::discounted(1.0).unwrap().returns(&r.numbers()));
        for (joint, undiscounted) in joint.chunks(k).zip(undiscounted.chunks(k)) {
            prop_assert!(joint.iter().all(|value| (value - undiscounted[0]).abs() < 1e-5));
        }
    }

    /// Stage I does not look at r(y1): arXiv 2409.12917, Eq. 3.
    #[test]
    fn stage_one_is_blind_to_the_first_reward(r in rewards(), other in reward()) {
        let k = r.shape[2];
        let changed = r.values.iter().enumerate().map(|(i, &value)| if i % k == 0 { other } else { value }).collect();
        let stage = StageOne::default();
        prop_assert_eq!(stage.returns(&r.numbers()), stage.returns(&r.with(changed).numbers()));
    }
}
