//! Sampling whole answers: one level above [`Decode`], which gives logits token by token.

use alloc::{collections::BTreeMap, vec::Vec};

use burn_tensor::{Int, Tensor, TensorData};

use crate::{
    attempt::StopReason,
    error::Error,
    policy::Decode,
    rng::RandomKey,
    rollout::RolloutConfig,
    sampling::{Sampling, choose},
    turns::AnswerLimit,
};

/// Everything that stands before an attempt, when it is about to be written: one row of a rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    ids: Vec<u32>,
    known: usize,
    key: RandomKey,
}

impl Context {
    /// The context of a first attempt; `key` is that of its first token.
    pub(crate) fn new(prompt: &[u32], key: RandomKey) -> Self {
        Self { ids: prompt.to_vec(), known: 0, key }
    }

    /// Appends an attempt that was written, and the ids that stand between it and the next: this is then the context of the next attempt.
    pub(crate) fn go_on(&mut self, written: &[u32], between: impl IntoIterator<Item = u32>) {
        self.ids.extend_from_slice(written);
        self.known = self.ids.len();
        self.ids.extend(between);
        self.key.attempt += 1;
    }

    /// All ids before the attempt: the prompt, the attempts before it, and what stands between them.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The ids that are new to this row since the attempt before was written: the whole prompt for attempt 1, and what stands between two attempts for
    /// the others.
    pub fn new_ids(&self) -> &[u32] {
        &self.ids[self.known..]
    }

    /// The key of the random number of the attempt's `token`-th token, from 0.
    pub fn key(&self, token: u32) -> RandomKey {
        RandomKey { token, ..self.key }
    }
}

/// One answer as it was sampled.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Written {
    /// Its ids, the end token included.
    pub tokens: Vec<u32>,
    /// log π(token) of each, in nats.
    pub logprobs: Vec<f32>,
}

/// Something that writes whole answers: a policy that decodes ([`Decode`], for which this is implemented), or an engine of its own elsewhere.
///
/// # Contract
/// - One answer a context, in order. It goes on until [`RolloutConfig::limit`] ends it, end token included; one that is cut off sooner counts as
///   truncated.
/// - `logprobs` are those of the distribution that the token was drawn from, of the end token too: softmax(logits / temperature), at temperature 1 where
///   the choice is greedy. A distribution that was cut down (top-k, top-p) is another one, with other log-probabilities; training compares them with its
///   own, and stops where they differ.
/// - The weights are those of the policy that is trained at this step.
/// - Contexts of one state grow: those of a later call are those of the call before, with what was written and what stands between. Samples of one
///   problem stand together, [`RolloutConfig::samples`] of them.
/// - Reproducible where random numbers come from [`Context::key`]; an engine with others of its own gives other episodes each time.
pub trait Sampler {
    /// What was read and written so far, from the first attempts on; empty at the start.
    type State: Default;

    /// Writes one attempt on every context.
    ///
    /// # Errors
    /// Those of [`Decode::start`] and [`choose`], or an engine's own.
    fn sample(&self, state: &mut Self::State, contexts: &[Context], config: &RolloutConfig) -> Result<Vec<Written>, Error>;

    /// Makes the room that rows of `capacity` tokens will need, `samples` for each prompt, and gives it back: what does not fit is to show before a run
    /// begins. An engine that makes room elsewhere need not do anything.
    ///
    /// # Errors
    /// As [`Sampler::sample`].
    fn make_room(&self, prompts: &[&[u32]], samples: usize, capacity: usize) -> Result<(), Error> {
        let _ = (prompts, samples, capacity);
        Ok(())
    }
}

/// Token by token, on top of a cache: nothing that a row has read is read again.
impl<D: Decode> Sampler for D {
    type State = Option<D::Cache>;

    fn sample(&self, state: &mut Self::State, contexts: &[Context], config: &RolloutConfig) -> Result<Vec<Written>, Error> {
        let logits = match state {
            Some(cache) => cross(self, cache, contexts),
            None => {
                let prompts: Vec<&[u32]> = contexts.iter().step_by(config.samples()).map(Context::ids).collect();
                let longest = prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
                let (cache, logits) = self.start(&prompts, config.samples(), config.capacity(longest))?;
                config.check_tokens(&prompts, logits.dims()[1], self.readable(logits.dims()[1]))?;
                *state = Some(cache);
                logits
            }
        };
        match state {
            Some(cache) => write(self, cache, logits, contexts, config),
            None => Ok(Vec::new()),
        }
    }

    fn make_room(&self, prompts: &[&[u32]], samples: usize, capacity: usize) -> Result<(), Error> {
        self.start(prompts, samples, capacity).map(drop)
    }
}

/// Reads what stands between an attempt and the next on every row, and gives the logits of the next attempt's first token.
fn cross<D: Decode>(policy: &D, cache: &mut D::Cache, contexts: &[Context]) -> Tensor<2> {
    // The last token of an attempt was sampled but not read yet.
    let bridge = |row: &usize| &contexts[*row].ids()[contexts[*row].known.saturating_sub(1)..];
    // Rows whose attempt was cut off read more, and rows of one call read equally many.
    let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, context) in contexts.iter().enumerate() {
        parts.entry(context.new_ids().len()).or_default().push(row);
    }
    let mut logits: Vec<Tensor<2>> = Vec::with_capacity(parts.len());
    for rows in parts.values() {
        logits.push(policy.extend(cache, rows, &rows.iter().map(bridge).collect::<Vec<_>>()));
    }
    if logits.len() == 1 {
        return logits.remove(0);
    }
    let mut order = alloc::vec![0i32; contexts.len()];
    for (place, &row) in parts.values().flatten().enumerate() {
        order[row] = place as i32;
    }
    let joined = Tensor::cat(logits, 0);
    let order = Tensor::<1, Int>::from_data(TensorData::new(order, [contexts.len()]), &joined.device());
    joined.select(0, order)
}

/// One attempt on every row, from the logits of its first token; rows that end are no longer decoded.
fn write<D: Decode>(
    policy: &D,
    cache: &mut D::Cache,
    mut logits: Tensor<2>,
    contexts: &[Context],
    config: &RolloutConfig,
) -> Result<Vec<Written>, Error> {
    let mut all: Vec<Written> = contexts.iter().map(|_| Written::default()).collect();
    let mut active: Vec<usize> = (0..contexts.len()).collect();
    for token in 0.. {
        let uniforms: Vec<f32> = match config.sampling() {
            Sampling::Greedy => Vec::new(),
            Sampling::Temperature(_) => active.iter().map(|&row| contexts[row].key(token).uniform()).collect(),
        };
        for (&row, choice) in active.iter().zip(choose(logits, config.sampling(), &uniforms)?) {
            all[row].tokens.push(choice.token);
            all[row].logprobs.push(choice.logprob);
        }
        active.retain(|&row| config.limit().stop(&all[row].tokens).is_none());
        if active.is_empty() {
            break;
        }
        let next: Vec<&[u32]> = active.iter().map(|&row| &all[row].tokens[token as usize..]).collect();
        logits = policy.extend(cache, &active, &next);
    }
    Ok(all)
}

impl Written {
    /// An answer of these ids, each with its log-probability.
    pub fn new(tokens: Vec<u32>, logprobs: Vec<f32>) -> Self {
        Self { tokens, logprobs }
    }

    /// Why it ended.
    ///
    /// # Errors
    /// What a [`Sampler`] must not give: [`Error::Empty`] without tokens, [`Error::Length`] when it goes on after its end or stops short of a fixed length, or
    /// has not one log-probability a token, [`Error::NotFinite`] for a log-probability that is not.
    pub(crate) fn stop(&self, limit: &AnswerLimit) -> Result<StopReason, Error> {
        let got = self.tokens.len();
        if got == 0 {
            return Err(Error::Empty("an attempt"));
        }
        if self.logprobs.iter().any(|logprob| !logprob.is_finite()) {
            return Err(Error::NotFinite("log-probability of a sampled token"));
        }
        let ended = (1..=got).find_map(|length| Some((length, limit.stop(&self.tokens[..length])?)));
        match (ended, limit) {
            (Some((length, stop)), _) if length == got => Ok(stop),
            (Some((expected, _)), _) => Err(Error::Length { what: "tokens of an attempt, up to its end", expected, got }),
            (None, AnswerLimit::Fixed(expected)) => Err(Error::Length { what: "tokens of an attempt", expected: *expected, got }),
            (None, AnswerLimit::Ended { .. }) => Ok(StopReason::Truncated),
        }
    }
}
