//! Playing K attempts at each problem, over any policy that decodes, or any engine that writes whole answers.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{
    attempt::{Attempt, StopReason},
    error::Error,
    rng::RandomKey,
    sampler::{Context, Sampler, Written},
    sampling::Sampling,
    task::Problem,
    trajectory::{Group, Trajectory},
    turns::{AnswerLimit, Turns},
    verifier::{Verdict, Verifier},
};

/// How episodes are played.
#[derive(Debug, Clone, PartialEq)]
pub struct RolloutConfig {
    turns: Turns,
    attempts: usize,
    samples: usize,
    sampling: Sampling,
}

impl RolloutConfig {
    /// Episodes that go on as `turns` say, of `attempts` answers (two by default in the method), `samples` of them a problem.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] when `attempts` is not within 1..=255, `samples` not within 1..=65536, or `answer tokens` not within 1..=2²⁴, more than any
    /// context holds;
    /// [`Error::Empty`] when answers end and no id ends them.
    pub fn new(turns: Turns, attempts: usize, samples: usize, sampling: Sampling) -> Result<Self, Error> {
        for (name, expected, value, high) in [
            ("attempts", "within 1..=255", attempts, 255),
            ("samples", "within 1..=65536", samples, 65536),
            ("answer tokens", "within 1..=16777216", turns.limit().max_tokens(), 1 << 24),
        ] {
            if value == 0 || value > high {
                return Err(Error::out_of_range(name, expected, value));
            }
        }
        if matches!(turns.limit(), AnswerLimit::Ended { ends, .. } if ends.is_empty()) {
            return Err(Error::Empty("the ids that end an answer"));
        }
        Ok(Self { turns, attempts, samples, sampling })
    }

    /// When an attempt is over, and what stands between two.
    pub fn turns(&self) -> &Turns {
        &self.turns
    }

    /// Attempts an episode.
    pub fn attempts(&self) -> usize {
        self.attempts
    }

    /// Episodes a problem.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// When an attempt is over.
    pub fn limit(&self) -> &AnswerLimit {
        self.turns.limit()
    }

    /// How tokens are chosen.
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// Tokens that an episode over a prompt of this length can reach; `usize::MAX` for more than that.
    pub fn capacity(&self, prompt: usize) -> usize {
        let between = self.turns.revision().len().saturating_add(self.turns.closing().len());
        let answers = self.attempts.saturating_mul(self.limit().max_tokens());
        prompt.saturating_add(answers).saturating_add((self.attempts - 1).saturating_mul(between))
    }

    /// Refuses ids that are put before the policy, or wait for it to write them, and are not below the width of its logits.
    pub(crate) fn check_tokens(&self, prompts: &[&[u32]], written: usize, readable: usize) -> Result<(), Error> {
        let ends = match self.limit() {
            AnswerLimit::Fixed(_) => &[],
            AnswerLimit::Ended { ends, .. } => ends.as_slice(),
        };
        let fixed = [
            ("the ids that end an answer", ends, written),
            ("the ids that close an answer", self.turns.closing(), readable),
            ("the revision instruction", self.turns.revision(), readable),
        ];
        for (what, ids, expected) in fixed.into_iter().chain(prompts.iter().map(|prompt| ("a prompt", *prompt, readable))) {
            if let Some(&got) = ids.iter().find(|&&id| id as usize >= expected) {
                return Err(Error::Token { what, expected, got });
            }
        }
        Ok(())
    }
}

/// One problem of a step, and how often it came before in that step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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
/// Attempt k + 1 goes on where attempt k ended; its context is the ids of the prompt, of the attempts before
/// it, and of the revision instruction (and, after an attempt that was cut off, the ids that close it). The random number of a token is keyed by
/// (seed, stage, step, problem, sample, attempt, token): it does not depend on which other problems are in the batch. A problem that stands there more
/// than once is another draw each time ([`Draw`]). The verifier is asked once a turn, for all attempts that ended ([`Verifier::verify_all`]); a truncated
/// attempt is judged [`Verdict::Truncated`] without asking it.
///
/// # Errors
/// Those of [`Sampler::sample`]; [`Error::Token`] when an id of a prompt, of the revision instruction, or that ends an answer is not below
/// the width of a decoding policy's logits; what [`Sampler`] forbids and an engine did all the same.
///
/// # Source
/// Kumar et al. 2024, arXiv 2409.12917, section 3 (x2 = [x1, y1, p1]).
pub fn rollout<S: Sampler, V: Verifier>(
    policy: &S,
    verifier: &V,
    problems: &[Problem],
    config: &RolloutConfig,
    key: RandomKey,
) -> Result<Vec<Group>, Error> {
    rollout_draws(policy, verifier, &Draw::all(problems), config, key)
}

/// As [`rollout`], for a part of a step's problems: the episodes are the same however a step is cut into parts.
///
/// # Errors
/// As [`rollout`].
pub fn rollout_draws<S: Sampler, V: Verifier>(
    policy: &S,
    verifier: &V,
    draws: &[Draw<'_>],
    config: &RolloutConfig,
    key: RandomKey,
) -> Result<Vec<Group>, Error> {
    if draws.is_empty() {
        return Ok(Vec::new());
    }
    let row = |draw: &Draw<'_>, sample: usize| {
        let (problem, occurrence) = (draw.problem.id(), draw.occurrence);
        let key = RandomKey { problem, occurrence, sample: sample as u16, attempt: 0, token: 0, ..key };
        Context::new(draw.problem.prompt(), key)
    };
    let mut contexts: Vec<Context> =
        draws.iter().flat_map(|draw| (0..config.samples).map(move |sample| row(draw, sample))).collect();
    let problems: Vec<&Problem> = draws.iter().flat_map(|draw| core::iter::repeat_n(draw.problem, config.samples)).collect();
    let mut played: Vec<Vec<Attempt>> = contexts.iter().map(|_| Vec::with_capacity(config.attempts)).collect();
    let (turns, mut state) = (config.turns(), S::State::default());
    for turn in 0..config.attempts {
        let written = policy.sample(&mut state, &contexts, config)?;
        let attempts = judged(verifier, &problems, written, config)?;
        for (context, attempt) in contexts.iter_mut().zip(&attempts).filter(|_| turn + 1 < config.attempts) {
            context.go_on(attempt.tokens(), attempt.to_close(turns.closing()).iter().chain(turns.revision()).copied());
        }
        played.iter_mut().zip(attempts).for_each(|(played, attempt)| played.push(attempt));
    }
    let mut played = played.into_iter();
    draws.iter().map(|draw| group(draw.problem, played.by_ref().take(config.samples), config)).collect()
}

/// The attempts of one turn with their verdicts, for which the verifier is asked once.
fn judged<V: Verifier>(
    verifier: &V,
    problems: &[&Problem],
    written: Vec<Written>,
    config: &RolloutConfig,
) -> Result<Vec<Attempt>, Error> {
    if written.len() != problems.len() {
        return Err(Error::Length { what: "answers, one a context", expected: problems.len(), got: written.len() });
    }
    let stops = written.iter().map(|written| written.stop(config.limit())).collect::<Result<Vec<_>, _>>()?;
    let mut asked: Vec<(&Problem, &[u32])> = Vec::new();
    for ((problem, written), stop) in problems.iter().zip(&written).zip(&stops) {
        match stop {
            StopReason::EndToken => asked.push((problem, &written.tokens[..written.tokens.len() - 1])),
            StopReason::FixedLength => asked.push((problem, &written.tokens)),
            StopReason::Truncated => {}
        }
    }
    let mut verdicts = verifier.verify_all(&asked).into_iter();
    let mut next = || verdicts.next().unwrap_or(Verdict::Failed);
    let verdicts: Vec<Verdict> =
        stops.iter().map(|stop| if *stop == StopReason::Truncated { Verdict::Truncated } else { next() }).collect();
    let attempts = written.into_iter().zip(stops).zip(verdicts);
    attempts.map(|((written, stop), verdict)| Attempt::new(written.tokens, written.logprobs, stop, verdict)).collect()
}

/// The episodes of one problem.
fn group(problem: &Problem, played: impl Iterator<Item = Vec<Attempt>>, config: &RolloutConfig) -> Result<Group, Error> {
    let trajectory = |attempts| {
        let [revision, closing] = config.turns.shared();
        Trajectory::sharing([problem.shared_prompt(), revision, closing], attempts)
    };
    Group::new(problem.clone(), played.map(trajectory).collect::<Result<_, Error>>()?)
}

#[cfg(test)]
mod tests;
