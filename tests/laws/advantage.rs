use palinode_core::{
    Error,
    advantage::{Baseline, group_mean, leave_one_out, scale_by_deviation},
    objective::{Objective, StageOne, StageTwo},
    per_attempt::PerAttempt,
    sampling::Sampling,
    shaping::Shaping,
    update::Update,
};
use palinode_tests::{Rewards, close, listed, rewards};
use proptest::prelude::*;

const ALL: [Baseline; 3] = [Baseline::LeaveOneOut, Baseline::GroupMean, Baseline::ConditionedOnFirst];

fn returns() -> impl Strategy<Value = (Rewards, Rewards)> {
    rewards().prop_flat_map(|r| {
        let values = prop::collection::vec(-20.0f32..20.0, r.values.len());
        values.prop_map(move |values| (r.clone(), Rewards { shape: r.shape, values }))
    })
}

proptest! {
    /// A baseline of siblings only compares: Ahmadian et al. 2024, arXiv 2402.14740.
    #[test]
    fn advantages_of_a_group_sum_to_zero((_, r) in returns()) {
        for advantages in [leave_one_out(&r.numbers()), group_mean(&r.numbers())] {
            let [p, g, k] = advantages.shape();
            for (p, k) in (0..p).flat_map(|p| (0..k).map(move |k| (p, k))) {
                prop_assert!((0..g).map(|s| advantages.at([p, s, k])).sum::<f64>().abs() < 1e-4);
            }
        }
    }

    /// leave-one-out = G/(G−1) · group mean (arXiv 2402.14740).
    #[test]
    fn leave_one_out_is_a_scaled_group_mean((_, r) in returns()) {
        let samples = r.shape[1] as f64;
        prop_assert!(close(
            &listed(&leave_one_out(&r.numbers())),
            &listed(&group_mean(&r.numbers()).map(|advantage| advantage * samples / (samples - 1.0))),
            1e-5,
        ));
        // And it is what its name says.
        let [_, g, k] = r.shape;
        let advantages = listed(&leave_one_out(&r.numbers()));
        for (i, (&own, &advantage)) in r.values.iter().zip(&advantages).enumerate() {
            let group = i / (g * k) * g * k;
            let siblings: f32 = (0..g).map(|s| r.values[group + s * k + i % k]).sum::<f32>() - own;
            prop_assert!((advantage - (own - siblings / (g - 1) as f32)).abs() < 1e-3);
        }
    }

    /// Paying everyone more changes nothing.
    #[test]
    fn a_constant_added_to_all_returns_changes_no_advantage((rewards, r) in returns(), constant in -10.0f64..10.0) {
        for baseline in ALL {
            let plain = listed(&baseline.advantages(&r.numbers(), &rewards.numbers()));
            let raised = listed(&baseline.advantages(&r.numbers().map(|value| value + constant), &rewards.numbers()));
            prop_assert!(close(&plain, &raised, 1e-4), "{:?}", baseline);
        }
    }

    /// So does a constant added to all task rewards, under either stage and with any bonus: only differences are paid.
    #[test]
    fn a_constant_added_to_all_rewards_changes_no_advantage(r in rewards(), constant in -3.0f64..3.0, alpha in 0.0f64..20.0) {
        let bonus = StageTwo::new(0.01, Shaping::progress_bonus(alpha).unwrap()).unwrap();
        let objectives: [&dyn Objective; 2] = [&StageOne::default(), &bonus];
        for objective in objectives {
            let update = Update::new(objective, Sampling::Greedy);
            let of = |rewards: &PerAttempt| listed(&update.advantages(rewards, || Err(Error::Empty("K1 alone asks"))).unwrap());
            let (plain, raised) = (of(&r.numbers()), of(&r.numbers().map(|value| value + constant)));
            prop_assert!(plain.iter().zip(&raised).all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + alpha as f32)), "{:?} {:?}", plain, raised);
        }
    }

    /// Samples of a group have no order.
    #[test]
    fn permuting_a_group_permutes_its_advantages((rewards, r) in returns(), shift in 0usize..5) {
        let g = r.shape[1];
        let order: Vec<usize> = (0..g).map(|i| (i + shift) % g).rev().collect();
        let permuted = |numbers: &PerAttempt| {
            let [p, _, k] = numbers.shape();
            let places = (0..p).flat_map(|p| order.iter().flat_map(move |&s| (0..k).map(move |k| [p, s, k])));
            PerAttempt::new(numbers.shape(), places.map(|place| numbers.at(place)).collect()).unwrap()
        };
        for baseline in ALL {
            let after = permuted(&baseline.advantages(&r.numbers(), &rewards.numbers()));
            let before = baseline.advantages(&permuted(&r.numbers()), &permuted(&rewards.numbers()));
            prop_assert!(close(&listed(&after), &listed(&before), 1e-4), "{:?}", baseline);
        }
    }

    /// Unbiased: no sample's baseline contains that sample's own later return (else the score-function estimator is biased).
    #[test]
    fn a_sample_is_not_part_of_its_own_baseline((rewards, r) in returns(), extra in -10.0f32..10.0, which in any::<prop::sample::Index>()) {
        let k = r.shape[2];
        let index = which.index(r.values.len() / k) * k + k - 1;
        let mut paid = r.values.clone();
        paid[index] += extra;
        for baseline in [Baseline::LeaveOneOut, Baseline::ConditionedOnFirst] {
            let before = listed(&baseline.advantages(&r.numbers(), &rewards.numbers()))[index];
            let after = listed(&baseline.advantages(&r.with(paid.clone()).numbers(), &rewards.numbers()))[index];
            prop_assert!((after - before - extra).abs() < 1e-3, "{:?}: {} {} {}", baseline, before, after, extra);
        }
    }

    /// Episodes that began alike are compared with each other only, so what is constant given the start is removed: −alpha r(y1) with it.
    #[test]
    fn conditioning_removes_whatever_depends_on_the_first_reward_alone((rewards, r) in returns(), alpha in 0.0f32..20.0) {
        let [_, g, k] = r.shape;
        let first = |i: usize| rewards.values[i / k * k];
        let siblings = |i: usize| {
            let group = i / (g * k) * g * k;
            (0..g).filter(|s| rewards.values[group + s * k] == first(i)).count()
        };
        let shifted: Vec<f32> = r.values.iter().enumerate().map(|(i, v)| if i % k == 0 { *v } else { v - alpha * first(i) }).collect();
        let advantages = |returns: &PerAttempt| listed(&Baseline::ConditionedOnFirst.advantages(returns, &rewards.numbers()));
        let (plain, shifted) = (advantages(&r.numbers()), advantages(&r.with(shifted).numbers()));
        for i in 0..plain.len() {
            // An episode that began like no other falls back to plain leave-one-out.
            if siblings(i) > 1 {
                prop_assert!((plain[i] - shifted[i]).abs() < 1e-3);
            }
        }
    }

    /// Scaling by the deviation cancels a common factor of one attempt's returns (the 1 + alpha of the bonus) and flips no sign.
    #[test]
    fn scaling_cancels_a_common_factor((_, r) in returns(), factor in 0.5f64..20.0) {
        let centred = leave_one_out(&r.numbers());
        let scaled = listed(&scale_by_deviation(&centred));
        prop_assert!(close(&scaled, &listed(&scale_by_deviation(&centred.map(|advantage| advantage * factor))), 1e-3));
        for (before, after) in listed(&centred).iter().zip(&scaled) {
            prop_assert!(before * after >= 0.0);
        }
    }
}
