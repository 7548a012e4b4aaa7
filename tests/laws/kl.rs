use burn_tensor::{Int, Tensor, TensorData, activation::log_softmax};
use palinode_core::kl::{self, KlEstimator};
use palinode_tests::{FreeLogits, VOCABULARY, close, device, values};
use proptest::prelude::*;

/// Logits of one context under the policy and under the reference.
fn pair() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
    let logits = || prop::collection::vec(-3.0f32..3.0, VOCABULARY);
    (logits(), logits())
}

/// log softmax of one context, repeated once for each token that may be drawn, `[V, V]`.
fn repeated(policy: &FreeLogits) -> Tensor<2> {
    log_softmax(policy.logits.clone(), 1).expand([VOCABULARY, VOCABULARY])
}

fn every_token() -> Tensor<1, Int> {
    let ids: Vec<i32> = (0..VOCABULARY as i32).collect();
    Tensor::from_data(TensorData::new(ids, [VOCABULARY]), &device())
}

/// E_{v ~ π}[ f(v) ] with the probabilities held fixed, as a sampled loss has it.
fn expectation(policy: &FreeLogits, of_token: Tensor<1>) -> Tensor<1> {
    let drawn = log_softmax(policy.logits.clone(), 1).exp().squeeze_dim::<1>(0).detach();
    (of_token * drawn).sum()
}

/// Σ_v π(v) ln(π(v)/π_ref(v)) in double precision.
fn enumerated(policy: &[f32], reference: &[f32]) -> f64 {
    let log_softmax = |logits: &[f32]| -> Vec<f64> {
        let total: f64 = logits.iter().map(|&x| f64::from(x).exp()).sum();
        logits.iter().map(|&x| f64::from(x) - total.ln()).collect()
    };
    let (p, q) = (log_softmax(policy), log_softmax(reference));
    p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum()
}

proptest! {
    /// Gibbs' inequality; K2 and K3 are nonnegative token by token (Schulman 2020).
    #[test]
    fn kl_is_nonnegative_and_zero_at_equality((p, q) in pair()) {
        let (policy, reference) = (FreeLogits::from_values(p, &device()), FreeLogits::from_values(q, &device()));
        for estimator in [KlEstimator::Exact, KlEstimator::K2, KlEstimator::K3] {
            let terms = values(estimator.per_token(repeated(&policy), repeated(&reference), every_token()));
            prop_assert!(terms.iter().all(|term| *term >= -1e-6), "{:?} {:?}", estimator, terms);
        }
        for estimator in [KlEstimator::Exact, KlEstimator::K1, KlEstimator::K2, KlEstimator::K3] {
            let terms = values(estimator.per_token(repeated(&policy), repeated(&policy), every_token()));
            prop_assert!(terms.iter().all(|term| term.abs() < 1e-6), "{:?} {:?}", estimator, terms);
        }
    }

    /// Exact is the definition: KL(policy‖reference), in that order (arXiv 2409.12917, Eq. 2).
    #[test]
    fn exact_kl_equals_the_enumeration((p, q) in pair()) {
        let expected = enumerated(&p, &q) as f32;
        let (policy, reference) = (FreeLogits::from_values(p, &device()), FreeLogits::from_values(q, &device()));
        let terms = values(KlEstimator::Exact.per_token(repeated(&policy), repeated(&reference), every_token()));
        prop_assert!(close(&terms, &[expected; VOCABULARY], 1e-5));
    }

    /// A token that both forbid might as well not be there: 0 log 0 = 0, in the value and in the gradient (which nothing else than the laws of
    /// [`palinode_core::policy::Policy`] promises: they allow −∞).
    #[test]
    fn forbidden_tokens_add_nothing_to_exact_kl((p, q) in pair(), mask in prop::collection::vec(any::<bool>(), VOCABULARY), other: bool) {
        prop_assume!(mask.contains(&false));
        let forbid = |logits: &[f32]| -> Vec<f32> {
            logits.iter().zip(&mask).map(|(&logit, &forbidden)| if forbidden { f32::NEG_INFINITY } else { logit }).collect()
        };
        let allowed = |logits: &[f32]| -> Vec<f32> {
            logits.iter().zip(&mask).filter(|(_, forbidden)| !**forbidden).map(|(&logit, _)| logit).collect()
        };
        // The reference may well allow what the policy forbids.
        let reference = if other { q.clone() } else { forbid(&q) };
        let whole = |logits: &[f32]| -> f64 { logits.iter().map(|&x| f64::from(x).exp()).sum::<f64>().ln() };
        let lost = if other { whole(&q) - whole(&allowed(&q)) } else { 0.0 };
        let expected = (enumerated(&allowed(&p), &allowed(&q)) + lost) as f32;

        let reference = FreeLogits::from_values(reference, &device());
        let policy = FreeLogits::from_values(forbid(&p), &device()).tracked();
        let terms = KlEstimator::Exact.per_token(repeated(&policy), repeated(&reference), every_token());
        prop_assert!(close(&values(terms.clone()), &[expected; VOCABULARY], 1e-5), "{} {}", terms, expected);

        // The gradient of the allowed logits is that without the others, and the others have none.
        let found = policy.gradient(&terms.narrow(0, 0, 1));
        prop_assert!(found.iter().all(|g| g.is_finite()), "{:?}", found);
        prop_assert!(found.iter().zip(&mask).all(|(g, forbidden)| !forbidden || *g == 0.0), "{:?}", found);
        let (log_p, log_q) = (whole(&allowed(&p)), whole(&allowed(&q)));
        for ((&g, (&p, &q)), _) in found.iter().zip(p.iter().zip(&q)).zip(&mask).filter(|(_, forbidden)| !**forbidden) {
            // p (d − KL), where what the reference gives to forbidden tokens is in d and in KL alike.
            let d = (f64::from(p) - log_p) - (f64::from(q) - log_q) + lost;
            let slope = (f64::from(p) - log_p).exp() * (d - f64::from(expected));
            prop_assert!((f64::from(g) - slope).abs() < 1e-5 * (1.0 + slope.abs()), "{} {}", g, slope);
        }
    }

    /// K1 and K3 are unbiased under samples from the policy (Schulman 2020); K2 is not, and is never called so.
    #[test]
    fn k1_and_k3_have_the_expectation_of_kl((p, q) in pair()) {
        let expected = enumerated(&p, &q) as f32;
        let (policy, reference) = (FreeLogits::from_values(p, &device()), FreeLogits::from_values(q, &device()));
        for estimator in [KlEstimator::K1, KlEstimator::K3] {
            let terms = estimator.per_token(repeated(&policy), repeated(&reference), every_token());
            let mean = values(expectation(&policy, terms))[0];
            prop_assert!((mean - expected).abs() < 1e-4 * (1.0 + expected), "{:?} {} {}", estimator, mean, expected);
        }
    }

    /// Every estimator as offered has the gradient of reverse KL, and the combinations that are not offered do not
    /// (Tang & Munos 2025, arXiv 2506.09477).
    #[test]
    fn offered_gradients_are_those_of_reverse_kl((p, q) in pair()) {
        let reference = FreeLogits::from_values(q, &device());
        let gradient = |loss: &dyn Fn(&FreeLogits) -> Tensor<1>| {
            let policy = FreeLogits::from_values(p.clone(), &device()).tracked();
            policy.gradient(&loss(&policy))
        };
        let d = |policy: &FreeLogits| {
            let gap = log_softmax(policy.logits.clone(), 1) - log_softmax(reference.logits.clone(), 1);
            gap.squeeze_dim::<1>(0)
        };
        let target = gradient(&|policy| kl::exact(repeated(policy), repeated(&reference)).narrow(0, 0, 1));
        let size = target.iter().map(|g| g.abs()).fold(0.0, f32::max);
        for estimator in [KlEstimator::Exact, KlEstimator::K2, KlEstimator::K3] {
            prop_assert!(estimator.is_loss());
            let offered = gradient(&|policy| {
                expectation(policy, estimator.per_token(repeated(policy), repeated(&reference), every_token()))
            });
            prop_assert!(close(&offered, &target, 2e-4), "{:?} {:?} {:?}", estimator, offered, target);
        }
        // K1 is a penalty in the reward: it multiplies the score function, and carries no gradient itself.
        prop_assert!(!KlEstimator::K1.is_loss());
        let penalised = gradient(&|policy| {
            let penalty = KlEstimator::K1.per_token(repeated(policy), repeated(&reference), every_token());
            expectation(policy, penalty * log_softmax(policy.logits.clone(), 1).squeeze_dim::<1>(0))
        });
        prop_assert!(close(&penalised, &target, 2e-4), "{:?} {:?}", penalised, target);
        // What is not offered: K1 as a loss teaches nothing, K3's own gradient is another one.
        let k1_as_loss = gradient(&|policy| expectation(policy, kl::k1(d(policy))));
        prop_assert!(k1_as_loss.iter().all(|g| g.abs() < 1e-5));
        let k3_as_loss = gradient(&|policy| expectation(policy, kl::k3(d(policy))));
        let forward: Vec<f32> = values(log_softmax(FreeLogits::from_values(p.clone(), &device()).logits, 1).exp()
            - log_softmax(reference.logits.clone(), 1).exp());
        prop_assert!(close(&k3_as_loss, &forward, 1e-4), "K3 as a loss pulls toward forward KL: π − π_ref");
        if size > 0.1 {
            prop_assert!(!close(&k1_as_loss, &target, 1e-3));
        }
    }

    /// A collapsed policy can't overflow K3.
    #[test]
    fn k3_stays_finite_whatever_the_gap(gap in -1e4f32..1e4) {
        let d = Tensor::<1>::from_data([gap], &device());
        prop_assert!(values(kl::k3(d))[0].is_finite());
    }
}
