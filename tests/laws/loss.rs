use palinode_core::{
    Error,
    batch::TokenBatch,
    objective::{Objective, StageOne, StageTwo, loss},
    per_attempt::PerAttempt,
    policy::Policy,
    sampling::Sampling,
    scoring::{Scoring, TokenScores, score_tokens},
    trajectory::{Trajectory, rewards},
    update::Update,
};
use palinode_lm::{Decoder, DecoderConfig};
use palinode_tests::{FreeLogits, VOCABULARY, close, device, episodes, groups, values};
use proptest::prelude::*;

fn batch(episodes: &[&Trajectory]) -> TokenBatch {
    TokenBatch::new(episodes, &device()).unwrap()
}

/// One weight an attempt, which follows from its place.
fn weights(episodes: usize, attempts: usize, seed: u32) -> Vec<f64> {
    (0..(episodes * attempts) as u32).map(|i| f64::from((i * 7 + seed) % 11) - 5.0).collect()
}

fn score<P: Policy, R: Policy>(policy: &P, reference: &R, batch: &TokenBatch) -> TokenScores {
    score_tokens(policy, Some(reference), batch, &Scoring::default())
}

/// Positions of a batch at which an attempt's tokens are predicted.
fn predicting(batch: &TokenBatch, attempt: usize) -> Vec<usize> {
    let positions: Vec<i32> = batch.positions().into_data().iter::<i32>().collect();
    let own = |slot: usize| slot % batch.attempts() == attempt;
    positions.iter().zip(batch.slots()).filter(|&(_, &slot)| own(slot)).map(|(&at, _)| at as usize).collect()
}

fn positions(batch: &TokenBatch) -> usize {
    batch.tokens().dims().iter().product()
}

fn gradient_is_zero_at(gradient: &[f32], position: usize) -> bool {
    gradient[position * VOCABULARY..(position + 1) * VOCABULARY].iter().all(|&g| g == 0.0)
}

/// A transformer small enough for many cases, and another as its reference.
fn transformers() -> [Decoder; 2] {
    let sizes = DecoderConfig::small(VOCABULARY, 8, 1, 2, 64);
    [5, 6].map(|seed| Decoder::new(&sizes, seed, &device()).unwrap())
}

/// The loss of some episodes under the transformer, of `counted` in the whole step.
fn transformer_loss(models: &[Decoder; 2], episodes: &[&Trajectory], gains: &[f64], betas: &[f64], counted: usize) -> f32 {
    let batch = batch(episodes);
    let scores = score(&models[0], &models[1], &batch);
    values(loss(&scores, batch.spread(gains).unwrap(), batch.spread(betas).unwrap(), counted))[0]
}

/// Estimators of KL that work in the loss ask for no divergence in the rewards.
fn nobody_asks() -> Result<Vec<f64>, Error> {
    Err(Error::Empty("a divergence"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Only policy-written tokens are trained on: prompt, revision instruction and padding have exactly zero gradient.
    #[test]
    fn tokens_outside_the_action_mask_have_zero_gradient(groups in groups(), seed: u32) {
        let episodes = episodes(&groups);
        let batch = batch(&episodes);
        let (policy, reference) = (FreeLogits::new(positions(&batch), seed, &device()).tracked(), FreeLogits::new(positions(&batch), !seed, &device()));
        let weights = batch.spread(&weights(episodes.len(), batch.attempts(), seed % 11)).unwrap();
        let loss = loss(&score(&policy, &reference, &batch), weights.clone(), weights.abs(), episodes.len());
        let gradient = policy.gradient(&loss);
        let scored: Vec<usize> = (0..batch.attempts()).flat_map(|k| predicting(&batch, k)).collect();
        for position in (0..positions(&batch)).filter(|position| !scored.contains(position)) {
            prop_assert!(gradient_is_zero_at(&gradient, position), "position {}", position);
        }
    }

    /// Eq. 3's anchor acts on attempt 1 (all attempts but the last) and on nothing else; public reproductions had it with no gradient, or on
    /// both attempts.
    #[test]
    fn the_anchor_reaches_earlier_attempts_and_only_them(groups in groups(), seed: u32) {
        let episodes = episodes(&groups);
        let batch = batch(&episodes);
        let (policy, reference) = (FreeLogits::new(positions(&batch), seed, &device()).tracked(), FreeLogits::new(positions(&batch), !seed, &device()));
        let betas = batch.spread_weights(&StageOne::new(0.0, 0.1).unwrap().betas(batch.attempts())).unwrap();
        let nothing = betas.clone().mul_scalar(0.0);
        let anchor = loss(&score(&policy, &reference, &batch), nothing, betas, episodes.len());
        let gradient = policy.gradient(&anchor);
        for attempt in 0..batch.attempts() {
            for position in predicting(&batch, attempt) {
                prop_assert_eq!(gradient_is_zero_at(&gradient, position), attempt + 1 == batch.attempts());
            }
        }
    }

    /// r(y1) has no way into Stage I (Eq. 3): other first rewards, same gradient, bit for bit.
    #[test]
    fn stage_one_is_blind_to_the_first_reward(groups in groups(), seed: u32) {
        let episodes = episodes(&groups);
        let batch = batch(&episodes);
        let (policy, reference) = (FreeLogits::new(positions(&batch), seed, &device()), FreeLogits::new(positions(&batch), !seed, &device()));
        let rewards = rewards(&groups).unwrap();
        let other = rewards.map_episodes(|rewards, other| {
            other.copy_from_slice(rewards);
            other[0] = 1.0 - rewards[0];
        });
        let update = Update::new(StageOne::default(), Sampling::Greedy).scaled(true);
        let gradient = |rewards: &PerAttempt| {
            let gains = update.advantages(rewards, nobody_asks).unwrap();
            let tracked = policy.tracked();
            let (loss, _) = update.loss(&tracked, &reference, &batch, gains.values(), episodes.len()).unwrap();
            tracked.gradient(&loss)
        };
        prop_assert_eq!(gradient(&rewards), gradient(&other));
    }

    /// Without a KL weight the reference is nowhere in the loss.
    #[test]
    fn beta_zero_removes_the_reference(groups in groups(), seed: u32) {
        let episodes = episodes(&groups);
        let batch = batch(&episodes);
        let policy = FreeLogits::new(positions(&batch), seed, &device());
        let gains = batch.spread(&weights(episodes.len(), batch.attempts(), seed % 11)).unwrap();
        let gradient = |reference: u32| {
            let tracked = policy.tracked();
            let reference = FreeLogits::new(positions(&batch), reference, &device());
            tracked.gradient(&loss(&score(&tracked, &reference, &batch), gains.clone(), gains.clone().mul_scalar(0.0), episodes.len()))
        };
        prop_assert!(close(&gradient(!seed), &gradient(!seed ^ 1), 1e-7));
        let tracked = policy.tracked();
        let free = TokenScores { kl: None, ..score(&tracked, &policy, &batch) };
        prop_assert!(close(&tracked.gradient(&loss(&free, gains.clone(), gains.clone(), episodes.len())), &gradient(!seed), 1e-7));
    }

    /// Stage II moves attempt 1 by its own advantage only (appendix A.2): with attempt 1's rewards all equal and no KL, its tokens rest, whatever
    /// the bonus pays attempt 2.
    #[test]
    fn per_turn_credit_keeps_the_bonus_off_attempt_one(groups in groups(), seed: u32) {
        let episodes = episodes(&groups);
        let batch = batch(&episodes);
        let policy = FreeLogits::new(positions(&batch), seed, &device()).tracked();
        let tied = rewards(&groups).unwrap().map_episodes(|rewards, tied| {
            tied.copy_from_slice(rewards);
            tied[0] = 0.0;
        });
        let update = Update::new(StageTwo::default(), Sampling::Greedy);
        let gains = update.advantages(&tied, nobody_asks).unwrap().values().to_vec();
        let free = TokenScores { kl: None, ..score(&policy, &policy, &batch) };
        let nothing = batch.spread(&vec![0.0; gains.len()]).unwrap();
        let gradient = policy.gradient(&loss(&free, batch.spread(&gains).unwrap(), nothing, episodes.len()));
        for position in predicting(&batch, 0) {
            prop_assert!(gradient_is_zero_at(&gradient, position));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// The loss of an episode does not depend on how far others pad it, on their order, or on dead rows (promise 2).
    #[test]
    fn the_loss_ignores_padding_order_and_dead_rows(groups in groups(), seed in 0u32..11, shift in 0usize..8) {
        let (models, episodes) = (transformers(), episodes(&groups));
        let (n, k) = (episodes.len(), episodes[0].attempts().len());
        let (gains, betas) = (weights(n, k, seed), weights(n, k, seed + 3).iter().map(|w| w.abs()).collect::<Vec<_>>());
        let whole = transformer_loss(&models, &episodes, &gains, &betas, n);

        let order: Vec<usize> = (0..n).map(|i| (i + shift) % n).rev().collect();
        let of_episode = |values: &[f64]| order.iter().flat_map(|&i| values[i * k..(i + 1) * k].to_vec()).collect::<Vec<f64>>();
        let shuffled: Vec<&Trajectory> = order.iter().map(|&i| episodes[i]).collect();
        prop_assert!(close(&[transformer_loss(&models, &shuffled, &of_episode(&gains), &of_episode(&betas), n)], &[whole], 1e-4));

        // Alone, each is padded by nothing; in the company of the others, they are dead rows to each other.
        let mut sum = 0.0;
        for (i, episode) in episodes.iter().enumerate() {
            let own = i * k..(i + 1) * k;
            let alone = transformer_loss(&models, &[episode], &gains[own.clone()], &betas[own.clone()], n);
            let only = |values: &[f64]| values.iter().enumerate().map(|(j, &v)| if own.contains(&j) { v } else { 0.0 }).collect::<Vec<f64>>();
            let among = transformer_loss(&models, &episodes, &only(&gains), &only(&betas), n);
            prop_assert!(close(&[alone], &[among], 1e-4), "{} {}", alone, among);
            sum += alone;
        }
        prop_assert!(close(&[sum], &[whole], 1e-3), "{} {}", sum, whole);
    }

    /// Micro-batches add up to the batch, wherever it is cut (promise 2): the divisor is the episodes of the whole step.
    #[test]
    fn the_loss_does_not_depend_on_the_micro_batch_split(groups in groups(), seed in 0u32..11, cut in any::<prop::sample::Index>()) {
        let (models, episodes) = (transformers(), episodes(&groups));
        let (n, k) = (episodes.len(), episodes[0].attempts().len());
        let (gains, betas) = (weights(n, k, seed), weights(n, k, seed + 3).iter().map(|w| w.abs()).collect::<Vec<_>>());
        let cut = 1 + cut.index(n - 1);
        let whole = transformer_loss(&models, &episodes, &gains, &betas, n);
        let parts = transformer_loss(&models, &episodes[..cut], &gains[..cut * k], &betas[..cut * k], n)
            + transformer_loss(&models, &episodes[cut..], &gains[cut * k..], &betas[cut * k..], n);
        prop_assert!(close(&[parts], &[whole], 1e-4), "{} {}", parts, whole);
    }

    /// Nor on how many tokens are scored at once.
    #[test]
    fn scores_do_not_depend_on_the_chunk(groups in groups(), chunk in 1usize..9) {
        let ([policy, reference], episodes) = (transformers(), episodes(&groups));
        let batch = batch(&episodes);
        let score = |chunk| score_tokens(&policy, Some(&reference), &batch, &Scoring::default().in_chunks(chunk));
        let (whole, parts) = (score(usize::MAX), score(chunk));
        prop_assert!(close(&values(whole.logprob), &values(parts.logprob), 1e-5));
        prop_assert!(close(&values(whole.kl.unwrap()), &values(parts.kl.unwrap()), 1e-5));
    }
}
