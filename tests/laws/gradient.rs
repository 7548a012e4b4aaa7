use burn_tensor::{DType, Tensor, TensorData};
use palinode_core::{
    Error,
    batch::TokenBatch,
    credit::Credit,
    kl::KlEstimator,
    objective::{Objective, StageOne, StageTwo},
    sampling::Sampling,
    shaping::Shaping,
    trajectory::rewards,
    update::Update,
};
use palinode_tests::{FreeLogits, VOCABULARY, device, episodes, groups};
use proptest::prelude::*;

/// Logits in f64, where differences of a loss are still worth something.
fn free_logits(values: Vec<f64>) -> FreeLogits {
    let shape = [values.len() / VOCABULARY, VOCABULARY];
    FreeLogits { logits: Tensor::from_data(TensorData::new(values, shape), (&device(), DType::F64)) }
}

fn doubles<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Autodiff agrees with central differences of the loss, for both stages and the controls.
    #[test]
    fn gradients_equal_central_differences(groups in groups(), seed: u32, temperature in 0.5f64..2.0) {
        let episodes = episodes(&groups);
        let batch = TokenBatch::new(&episodes, &device()).unwrap();
        let positions: usize = batch.tokens().dims().iter().product();
        let noise = |seed| doubles(FreeLogits::new(positions, seed, &device()).logits);
        let (logits, reference) = (noise(seed), free_logits(noise(!seed)));
        let (bonus, telescoped) = (Shaping::progress_bonus(10.0).unwrap(), Shaping::telescoped(2.0).unwrap());
        let joint = StageTwo::with_credit(0.1, bonus, Credit::Joint, true).unwrap();
        let discounted = StageTwo::with_credit(0.3, telescoped, Credit::discounted(0.9).unwrap(), false).unwrap();
        let objectives: [&dyn Objective; 4] = [&StageOne::new(0.2, 0.7).unwrap(), &StageTwo::default(), &joint, &discounted];
        for objective in objectives {
            // K2's value is what its gradient differentiates; K3 borrows that gradient, so differences of its value are another thing; K1 is in the
            // advantages, so it leaves the policy gradient alone.
            for kl in [KlEstimator::Exact, KlEstimator::K1, KlEstimator::K2] {
                let sampling = Sampling::temperature(temperature).unwrap();
                let exact = Update::new(objective, sampling);
                let gains = exact.advantages(&rewards(&groups).unwrap(), || Err(Error::Empty("K1 alone asks"))).unwrap();
                let update = exact.with_kl(kl);
                let of = |policy: &FreeLogits| {
                    update.loss(policy, &reference, &batch, gains.values(), episodes.len()).unwrap().0
                };
                let tracked = free_logits(logits.clone()).tracked();
                let gradients = of(&tracked).backward();
                let gradient = doubles(tracked.logits.grad(&gradients).unwrap());
                let size = gradient.iter().map(|g| g.abs()).fold(1.0, f64::max);
                for at in (0..logits.len()).step_by(VOCABULARY + 1) {
                    let moved = |by: f64| {
                        let mut logits = logits.clone();
                        logits[at] += by;
                        doubles(of(&free_logits(logits)))[0]
                    };
                    let step = 1e-4;
                    let difference = (moved(step) - moved(-step)) / (2.0 * step);
                    prop_assert!(
                        (difference - gradient[at]).abs() < 1e-6 * size,
                        "{} against {} at {}", difference, gradient[at], at
                    );
                }
            }
        }
    }
}
