//! Playing K attempts at each problem, over any policy that decodes.

use alloc::{collections::BTreeMap, vec::Vec};

use burn_tensor::{Int, Tensor, TensorData};

use crate::{
    attempt::{Attempt, StopReason},
    error::Error,
    policy::Decode,
    rng::RandomKey,
    sampling::{Choice, Sampling, choose},
    task::Problem,
    trajectory::{Group, Trajectory},
    verifier::{Verdict, Verifier},
};

/// When an attempt is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerLimit {
    /// After exactly this many tokens; the task has no end token.
    Fixed(usize),
    /// After an end token, or cut off (and never rewarded) after `max` tokens, the end token included.
    Ended {
        /// Ids that end an attempt. Behind one that was cut off the first of them is put, or what [`RolloutConfig::closed_by`] says, by nobody's
        /// choice, before the revision instruction: the next attempt sees a closed one.
        ends: Vec<u32>,
        /// Most tokens of one attempt.
        max: usize,
    },
}

impl AnswerLimit {
    /// Most tokens of one attempt.
    pub fn max_tokens(&self) -> usize {
        match self {
            Self::Fixed(max) | Self::Ended { max, .. } => *max,
        }
    }

    /// The id put behind an attempt that was cut off.
    pub fn closing(&self) -> Option<u32> {
        match self {
            Self::Fixed(_) => None,
            Self::Ended { ends, .. } => ends.first().copied(),
        }
    }

    fn stop(&self, tokens: &[u32]) -> Option<StopReason> {
        match self {
            Self::Fixed(max) => (tokens.len() >= *max).then_some(StopReason::FixedLength),
            Self::Ended { ends, .. } if tokens.last().is_some_and(|last| ends.contains(last)) => Some(StopReason::EndToken),
            Self::Ended { max, .. } => (tokens.len() >= *max).then_some(StopReason::Truncated),
        }
    }
}

/// How episodes are played.
#[derive(Debug, Clone, PartialEq)]
pub struct RolloutConfig {
    attempts: usize,
    samples: usize,
    sampling: Sampling,
    limit: AnswerLimit,
    revision: Vec<u32>,
    closing: Vec<u32>,
}

impl RolloutConfig {
    /// `attempts` answers a problem (two by default in the method), `samples` episodes a problem, and the ids of the fixed
    /// revision instruction that stands between two attempts.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when `attempts` is not within 1..=255, `samples` not within 1..=65536, or `answer tokens` not within 1..=2²⁴, more than any
    /// context holds, or for a temperature that [`Sampling::temperature`] refuses;
    /// [`Error::Empty`] when answers end and no id ends them.
    pub fn new(
        attempts: usize,
        samples: usize,
        sampling: Sampling,
        limit: AnswerLimit,
        revision: Vec<u32>,
    ) -> Result<Self, Error> {
        for (name, expected, value, high) in [
            ("attempts", "within 1..=255", attempts, 255),
            ("samples", "within 1..=65536", samples, 65536),
            ("answer tokens", "within 1..=16777216", limit.max_tokens(), 1 << 24),
        ] {
            if value == 0 || value > high {
                return Err(Error::out_of_range(name, expected, value));
            }
        }
        if matches!(&limit, AnswerLimit::Ended { ends, .. } if ends.is_empty()) {
            return Err(Error::Empty("the ids that end an answer"));
        }
        let closing = limit.closing().into_iter().collect();
        Ok(Self { attempts, samples, sampling: sampling.check()?, limit, revision, closing })
    }

    /// The same, with these ids behind an attempt that was cut off and is followed by another, where answers end.
    pub fn closed_by(self, closing: Vec<u32>) -> Self {
        if self.limit.closing().is_none() { self } else { Self { closing, ..self } }
    }

    /// The ids put behind an attempt that was cut off.
    pub fn closing(&self) -> &[u32] {
        &self.closing
    }

    /// Attempts an episode.
    pub fn attempts(&self) -> usize {
        self.attempts
    }

    /// Episodes a problem.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// How tokens are chosen.
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// Tokens that an episode over a prompt of this length can reach; `usize::MAX` for more than that.
    pub fn capacity(&self, prompt: usize) -> usize {
        let between = self.revision.len().saturating_add(self.closing.len());
        let answers = self.attempts.saturating_mul(self.limit.max_tokens());
        prompt.saturating_add(answers).saturating_add((self.attempts - 1).saturating_mul(between))
    }

    /// Refuses ids that are put before the policy, or wait for it to write them, and are not below the width of its logits.
    fn check_tokens(&self, prompts: &[&[u32]], written: usize, readable: usize) -> Result<(), Error> {
        let ends = match &self.limit {
            AnswerLimit::Fixed(_) => &[],
            AnswerLimit::Ended { ends, .. } => ends.as_slice(),
        };
        let fixed = [
            ("the ids that end an answer", ends, written),
            ("the ids that close an answer", &self.closing, readable),
            ("the revision instruction", &self.revision, readable),
        ];
        for (what, ids, expected) in fixed.into_iter().chain(prompts.iter().map(|prompt| ("a prompt", *prompt, readable))) {
            if let Some(&got) = ids.iter().find(|&&id| id as usize >= expected) {
                return Err(Error::Token { what, expected, got });
            }
        }
        Ok(())
    }
}

/// A problem among those of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw<'a> {
    /// The problem.
    pub problem: &'a Problem,
    /// How many of the step's problems before it have the same id: it keys other random numbers each time.
    pub occurrence: u32,
}

impl<'a> Draw<'a> {
    /// All problems of a step, in order.
    pub fn all(problems: &'a [Problem]) -> Vec<Self> {
        let mut seen = BTreeMap::new();
        let draw = |problem: &'a Problem| {
            let times: &mut u32 = seen.entry(problem.id()).or_default();
            *times += 1;
            Self { problem, occurrence: *times - 1 }
        };
        problems.iter().map(draw).collect()
    }
}

/// Plays every problem `samples` times and judges every attempt.
///
/// Attempt k + 1 continues on what attempt k left in the cache; its context is the ids of the prompt, of the attempts before
/// it, and of the revision instruction (and, behind an attempt that was cut off, the ids that close it). The random number of a token is keyed by
/// (seed, stage, step, problem, sample, attempt, token): it does not depend on which other problems are in the batch. A problem that stands there more
/// than once is another draw each time ([`Draw`]). A truncated attempt is judged [`Verdict::Truncated`] without asking the verifier.
///
/// # Errors
/// Those of [`Decode::start`] and of [`choose`]; [`Error::Token`] when an id of a prompt, of the revision instruction, or that ends an answer is not below
/// the width of the logits.
///
/// # Source
/// Kumar et al. 2024, arXiv 2409.12917, section 3 (x2 = [x1, y1, p1]).
pub fn rollout<D: Decode, V: Verifier>(
    policy: &D,
    verifier: &V,
    problems: &[Problem],
    config: &RolloutConfig,
    key: RandomKey,
) -> Result<Vec<Group>, Error> {
    rollout_draws(policy, verifier, &Draw::all(problems), config, key)
}

/// As [`rollout`], of some of a step's problems: which part of the step is played together does not show.
///
/// # Errors
/// As [`rollout`].
pub fn rollout_draws<D: Decode, V: Verifier>(
    policy: &D,
    verifier: &V,
    draws: &[Draw<'_>],
    config: &RolloutConfig,
    key: RandomKey,
) -> Result<Vec<Group>, Error> {
    if draws.is_empty() {
        return Ok(Vec::new());
    }
    let prompts: Vec<&[u32]> = draws.iter().map(|draw| draw.problem.prompt()).collect();
    let longest = prompts.iter().map(|prompt| prompt.len()).max().unwrap_or(0);
    let (mut cache, mut logits) = policy.start(&prompts, config.samples, config.capacity(longest))?;
    config.check_tokens(&prompts, logits.dims()[1], policy.readable(logits.dims()[1]))?;
    let rows = draws.len() * config.samples;
    let all_rows: Vec<usize> = (0..rows).collect();
    let mut played: Vec<Vec<Attempt>> = (0..rows).map(|_| Vec::with_capacity(config.attempts)).collect();

    for attempt in 0..config.attempts {
        if let Some(last) = attempt.checked_sub(1) {
            let endings: Vec<&Attempt> = played.iter().map(|attempts| &attempts[last]).collect();
            logits = cross(policy, &mut cache, &endings, config);
        }
        let key_of = |row: usize, token: usize| RandomKey {
            problem: draws[row / config.samples].problem.id(),
            occurrence: draws[row / config.samples].occurrence,
            sample: (row % config.samples) as u16,
            attempt: attempt as u8,
            token: token as u32,
            ..key
        };
        let drafts = play_attempt(policy, &mut cache, logits.clone(), &all_rows, config, key_of)?;
        for (row, draft) in drafts.into_iter().enumerate() {
            played[row].push(draft.judge(verifier, draws[row / config.samples].problem)?);
        }
    }

    let mut played = played.into_iter();
    draws
        .iter()
        .map(|Draw { problem, .. }| {
            let trajectories = played
                .by_ref()
                .take(config.samples)
                .map(|attempts| {
                    let played = Trajectory::new(problem.prompt_ids(), config.revision.clone(), attempts)?;
                    Ok::<_, Error>(played.closed_by(&config.closing))
                })
                .collect::<Result<_, _>>()?;
            Group::new((*problem).clone(), trajectories)
        })
        .collect()
}

/// Reads what stands between an attempt and the next on every row, and gives the logits of the next attempt's first token.
fn cross<D: Decode>(policy: &D, cache: &mut D::Cache, endings: &[&Attempt], config: &RolloutConfig) -> Tensor<2> {
    // Rows whose attempt was cut off read more, and rows of one call read equally many.
    let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, ending) in endings.iter().enumerate() {
        parts.entry(ending.to_close(&config.closing).len()).or_default().push(row);
    }
    let mut logits: Vec<Tensor<2>> = Vec::with_capacity(parts.len());
    for rows in parts.values() {
        // The last token of an attempt was sampled but not read yet.
        let bridge = |&row: &usize| {
            let tail = endings[row].tokens().last();
            tail.into_iter().chain(endings[row].to_close(&config.closing)).chain(&config.revision).copied().collect::<Vec<u32>>()
        };
        logits.push(policy.extend(cache, rows, &rows.iter().map(bridge).collect::<Vec<_>>()));
    }
    if logits.len() == 1 {
        return logits.remove(0);
    }
    let mut order = alloc::vec![0i32; endings.len()];
    for (place, &row) in parts.values().flatten().enumerate() {
        order[row] = place as i32;
    }
    let joined = Tensor::cat(logits, 0);
    let order = Tensor::<1, Int>::from_data(TensorData::new(order, [endings.len()]), &joined.device());
    joined.select(0, order)
}

/// One attempt on every row, from the logits of its first token; rows that end are no longer decoded.
fn play_attempt<D: Decode>(
    policy: &D,
    cache: &mut D::Cache,
    mut logits: Tensor<2>,
    all_rows: &[usize],
    config: &RolloutConfig,
    key_of: impl Fn(usize, usize) -> RandomKey,
) -> Result<Vec<Draft>, Error> {
    let mut drafts: Vec<Draft> = all_rows.iter().map(|_| Draft::default()).collect();
    let mut active = all_rows.to_vec();
    for token in 0.. {
        let uniforms: Vec<f32> = match config.sampling {
            Sampling::Greedy => Vec::new(),
            Sampling::Temperature(_) => active.iter().map(|&row| key_of(row, token).uniform()).collect(),
        };
        for (&row, choice) in active.iter().zip(choose(logits, config.sampling, &uniforms)?) {
            drafts[row].push(choice, &config.limit);
        }
        active.retain(|&row| drafts[row].stop.is_none());
        if active.is_empty() {
            break;
        }
        let next: Vec<Vec<u32>> = active.iter().map(|&row| drafts[row].tokens.last().copied().into_iter().collect()).collect();
        logits = policy.extend(cache, &active, &next);
    }
    Ok(drafts)
}

/// An attempt that is being written.
#[derive(Default)]
struct Draft {
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
    stop: Option<StopReason>,
}

impl Draft {
    fn push(&mut self, choice: Choice, limit: &AnswerLimit) {
        self.tokens.push(choice.token);
        self.logprobs.push(choice.logprob);
        self.stop = limit.stop(&self.tokens);
    }

    fn judge<V: Verifier>(self, verifier: &V, problem: &Problem) -> Result<Attempt, Error> {
        let stop = self.stop.unwrap_or(StopReason::Truncated);
        let answer = match stop {
            StopReason::EndToken => &self.tokens[..self.tokens.len() - 1],
            StopReason::FixedLength | StopReason::Truncated => &self.tokens[..],
        };
        let verdict = match stop {
            StopReason::Truncated => Verdict::Truncated,
            // Credit outside of [0, 1] is no verdict.
            StopReason::EndToken | StopReason::FixedLength => verifier.verify(problem, answer).check().unwrap_or(Verdict::Failed),
        };
        Attempt::new(self.tokens, self.logprobs, stop, verdict)
    }
}

#[cfg(test)]
mod tests;
