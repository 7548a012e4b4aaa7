//! Scoring a batch: log π(token) of the tokens that a policy wrote, and their KL terms, a chunk of tokens at a time.

use alloc::vec::Vec;

use burn_tensor::{DType, Int, Tensor};

use crate::{
    batch::TokenBatch,
    kl::KlEstimator,
    logprob::{log_distribution, of_targets},
    policy::Policy,
    sampling::Temperature,
};

/// What scoring found for each policy-written token of a batch.
#[derive(Debug, Clone)]
pub struct TokenScores {
    /// log π(token), `[N]`, nats, with gradient when the policy has one.
    pub logprob: Tensor<1>,
    /// KL term, `[N]`, nats; absent when there was no reference.
    pub kl: Option<Tensor<1>>,
}

/// How tokens are scored.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Scoring {
    /// The temperature at which the tokens were sampled; log-probabilities are of softmax(logits / temperature).
    pub temperature: Temperature,
    /// The estimator of KL(π‖π_ref).
    pub kl: KlEstimator,
    chunk: usize,
}

impl Scoring {
    /// Of tokens sampled at this temperature, with exact KL, 4096 at once.
    pub fn at(temperature: Temperature) -> Self {
        Self { temperature, kl: KlEstimator::Exact, chunk: 4096 }
    }

    /// With another estimator.
    pub fn with_kl(self, kl: KlEstimator) -> Self {
        Self { kl, ..self }
    }

    /// With so many tokens at once; one at least.
    pub fn in_chunks(self, chunk: usize) -> Self {
        Self { chunk: chunk.max(1), ..self }
    }

    /// Tokens whose logits exist at once, at least one; the largest intermediate is `[chunk, V]` where no gradient is taken, or where it is taken chunk by
    /// chunk.
    pub fn chunk(&self) -> usize {
        self.chunk
    }
}

impl Default for Scoring {
    fn default() -> Self {
        Self::at(Temperature::ONE)
    }
}

/// Scores tokens whose hidden states are known, all at once: one chunk of [`score_tokens`].
///
/// # Shapes
/// `states: [N, H]`, and those of the reference; `targets: [N]`; the largest intermediate is `[N, V]`.
pub fn score_states<P: Policy, R: Policy>(
    policy: &P,
    states: Tensor<2>,
    reference: Option<(&R, Tensor<2>)>,
    targets: Tensor<1, Int>,
    scoring: &Scoring,
) -> TokenScores {
    let distribution = log_distribution(policy.logits(states), scoring.temperature.value());
    let kl = reference.map(|(model, states)| {
        let frozen = log_distribution(model.logits(states), scoring.temperature.value());
        scoring.kl.per_token(distribution.clone(), frozen, targets.clone())
    });
    TokenScores { logprob: of_targets(distribution, targets), kl }
}

/// Scores every policy-written token of a batch under the policy, and its KL to the reference.
///
/// Logits are made for these tokens only, [`Scoring::chunk`] at a time. The reference sees the same tokens at the same temperature; when its
/// parameters carry no gradient, none flows.
///
/// # Shapes
/// Returns `[N]` log-probabilities and `[N]` KL terms.
pub fn score_tokens<P: Policy, R: Policy>(
    policy: &P,
    reference: Option<&R>,
    batch: &TokenBatch,
    scoring: &Scoring,
) -> TokenScores {
    let (tokens, positions, all_targets) = (batch.tokens(), batch.positions(), batch.targets());
    let states = policy.states(tokens.clone(), positions.clone());
    let reference = reference.map(|model| (model, model.states(tokens, positions)));
    let chunk = scoring.chunk();
    let (mut logprobs, mut kls) = (Vec::new(), Vec::new());
    let mut start = 0;
    while start < batch.scored() {
        let length = chunk.min(batch.scored() - start);
        let part =
            |states: &Tensor<2>| if length == batch.scored() { states.clone() } else { states.clone().narrow(0, start, length) };
        let targets = all_targets.clone().narrow(0, start, length);
        let frozen = reference.as_ref().map(|(model, states)| (*model, part(states)));
        let scores = score_states(policy, part(&states), frozen, targets, scoring);
        logprobs.push(scores.logprob);
        kls.extend(scores.kl);
        start += length;
    }
    let join = |mut parts: Vec<Tensor<1>>| {
        if parts.len() == 1 { parts.pop() } else { (!parts.is_empty()).then(|| Tensor::cat(parts, 0)) }
    };
    let kl = join(kls);
    let logprob = join(logprobs).unwrap_or_else(|| Tensor::zeros([0], (batch.device(), DType::F32)));
    TokenScores { logprob, kl }
}
