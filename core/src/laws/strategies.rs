//! What laws are tried on. All of it shrinks.

use alloc::vec::Vec;
use core::ops::Range;

use proptest::{collection::vec, prelude::*};

use crate::{
    attempt::{Attempt, StopReason},
    per_attempt::PerAttempt,
    task::Problem,
    trajectory::{Group, Trajectory},
    verifier::Verdict,
};

/// Task rewards of P problems, G samples and K attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewards {
    /// `[P, G, K]`.
    pub shape: [usize; 3],
    /// In `[0, 1]`.
    pub values: Vec<f32>,
}

impl Rewards {
    /// What objectives, bonuses and baselines are given.
    ///
    /// # Panics
    /// When the values are not one an attempt.
    pub fn numbers(&self) -> PerAttempt {
        PerAttempt::new(self.shape, self.values.iter().copied().map(f64::from).collect()).expect("one value an attempt")
    }

    /// Other values in the same shape.
    pub fn with(&self, values: Vec<f32>) -> Self {
        Self { shape: self.shape, values }
    }

    /// The values of each episode.
    pub fn episodes(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks(self.shape[2])
    }
}

/// A task reward: often 0 or 1, sometimes in between.
pub fn reward() -> impl Strategy<Value = f32> {
    prop_oneof![2 => Just(0.0f32), 2 => Just(1.0f32), 1 => 0.0f32..=1.0]
}

/// Rewards of up to three problems, two to five samples, and two to five attempts.
pub fn rewards() -> impl Strategy<Value = Rewards> {
    (1usize..4, 2usize..6, 2usize..6)
        .prop_flat_map(|(p, g, k)| vec(reward(), p * g * k).prop_map(move |values| Rewards { shape: [p, g, k], values }))
}

/// Token ids below `vocabulary`.
pub fn tokens(vocabulary: usize, length: Range<usize>) -> impl Strategy<Value = Vec<u32>> + Clone {
    vec(0..vocabulary as u32, length)
}

/// Problems with short prompts and references.
pub fn problems(vocabulary: usize) -> impl Strategy<Value = Problem> {
    (any::<u32>(), tokens(vocabulary, 1..7), tokens(vocabulary, 1..7))
        .prop_map(|(id, prompt, reference)| Problem::new(id, prompt, reference).expect("the prompt holds a token"))
}

/// A problem and an answer to judge: any answer, or one near the reference.
pub fn judgements(vocabulary: usize) -> impl Strategy<Value = (Problem, Vec<u32>)> {
    judgements_of(problems(vocabulary), vocabulary)
}

/// As [`judgements`], of problems of your own.
pub fn judgements_of(problems: impl Strategy<Value = Problem>, vocabulary: usize) -> impl Strategy<Value = (Problem, Vec<u32>)> {
    let near = (any::<prop::sample::Index>(), 0..vocabulary as u32, 0usize..4);
    (problems, tokens(vocabulary, 0..12), near, 0usize..4).prop_map(|(problem, random, (at, token, change), choice)| {
        if choice > 0 {
            return (problem, random);
        }
        let mut answer = problem.reference().to_vec();
        let place = at.index(answer.len() + 1);
        match (change, place < answer.len()) {
            (1, true) => answer[place] = token,
            (2, true) => drop(answer.remove(place)),
            (3, _) => answer.insert(place, token),
            _ => {}
        }
        (problem, answer)
    })
}

/// Up to three problems' groups of two or three episodes, with two to five attempts, and prompts, attempts and revision instructions of various
/// lengths.
pub fn groups(vocabulary: usize) -> impl Strategy<Value = Vec<Group>> {
    (2usize..4, 2usize..6).prop_flat_map(move |(samples, attempts)| {
        let attempt = (tokens(vocabulary, 1..4), reward()).prop_map(|(tokens, reward)| {
            let logprobs = alloc::vec![-1.0; tokens.len()];
            let verdict = Verdict::partial(reward).expect("rewards lie in [0, 1]");
            Attempt::new(tokens, logprobs, StopReason::FixedLength, verdict).expect("as many logprobs as tokens")
        });
        let episodes = vec(vec(attempt, attempts), samples);
        let group = (tokens(vocabulary, 1..4), tokens(vocabulary, 0..3), episodes).prop_map(|(prompt, revision, episodes)| {
            let trajectory =
                |attempts| Trajectory::new(prompt.clone(), revision.clone(), attempts).expect("prompt and attempts hold tokens");
            let problem = Problem::new(0, prompt.clone(), Vec::new()).expect("the prompt holds a token");
            Group::new(problem, episodes.into_iter().map(trajectory).collect()).expect("attempts are as many everywhere")
        });
        vec(group, 1..4)
    })
}
