use palinode_core::{
    advantage::Baseline,
    batch::TokenBatch,
    credit::Credit,
    kl::KlEstimator,
    logprob::{Scoring, score_tokens},
    objective::{Objective, StageOne, StageTwo, advantages, loss},
    shaping::Shaping,
    trajectory::rewards,
};
use palinode_tests::{FreeLogits, VOCABULARY, device, episodes, groups, values};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Autodiff agrees with central differences of the loss, for both stages and the controls.
    #[test]
    fn gradients_equal_central_differences(groups in groups(), seed: u32, temperature in 0.5f64..2.0) {
        let episodes = episodes(&groups);
        let batch = TokenBatch::new(&episodes, &device()).unwrap();
        let positions: usize = batch.tokens().dims().iter().product();
        let (policy, reference) = (FreeLogits::new(positions, seed), FreeLogits::new(positions, !seed));
        let joint = StageTwo::with_credit(0.3, Shaping::Telescoped { alpha: 2.0 }, Credit::Discounted { gamma: 1.0 }, false).unwrap();
        let objectives: [&dyn Objective; 3] = [&StageOne::new(0.2, 0.7).unwrap(), &StageTwo::default(), &joint];
        for objective in objectives {
            // K2's value is what its gradient differentiates; K3 borrows that gradient, so differences of its value are another thing.
            for kl in [KlEstimator::Exact, KlEstimator::K2] {
                let scoring = Scoring { temperature, kl, ..Scoring::default() };
                let gains = advantages(objective, rewards(&groups, &device()).unwrap(), None, Baseline::LeaveOneOut, false);
                let gains = batch.spread(&values(gains)).unwrap();
                let betas = batch.spread_weights(&objective.betas(batch.attempts())).unwrap();
                let of = |policy: &FreeLogits| {
                    loss(&score_tokens(policy, Some(&reference), &batch, &scoring), gains.clone(), betas.clone(), episodes.len())
                };
                let tracked = policy.tracked();
                let gradient = tracked.gradient(&of(&tracked));
                let logits = values(policy.logits.clone());
                let size = gradient.iter().map(|g| g.abs()).fold(1.0, f32::max);
                for at in (0..logits.len()).step_by(VOCABULARY + 1) {
                    let moved = |by: f32| {
                        let mut logits = logits.clone();
                        logits[at] += by;
                        f64::from(values(of(&FreeLogits::from_values(logits)))[0])
                    };
                    let step = 1e-2;
                    let difference = (moved(step) - moved(-step)) / f64::from(2.0 * step);
                    prop_assert!(
                        (difference as f32 - gradient[at]).abs() < 3e-3 * size,
                        "{} against {} at {}", difference, gradient[at], at
                    );
                }
            }
        }
    }
}
