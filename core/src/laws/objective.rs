//! Laws of [`Objective`].

use alloc::{format, vec::Vec};

use proptest::prelude::*;

use super::{
    Broken, Laws, close, ensure,
    fixtures::{FreeLogits, VOCABULARY},
    listed,
    strategies::{Rewards, groups, reward},
};
use crate::{
    batch::TokenBatch,
    error::Error,
    objective::Objective,
    sampling::Sampling,
    trajectory::{Group, Trajectory, rewards as rewards_of},
    update::Update,
};

impl Laws {
    /// The contract of [`Objective`], and that it pays no attempt for being worse.
    ///
    /// Returns are finite, one an attempt, and follow from the episode's own rewards; there is one KL weight ≥ 0 an attempt; a better reward never
    /// lowers the return of the attempt that earned it, all else equal (else that attempt learns to be wrong: see [`crate::sandbagging`]); only
    /// policy-written tokens have a gradient.
    ///
    /// # Errors
    /// [`Broken`] names the first law that does not hold.
    pub fn objective<O: Objective + ?Sized>(&self, objective: &O) -> Result<(), Broken> {
        let of = |rewards: &Rewards| listed(&objective.returns(&rewards.numbers()));
        let names = ["there is one finite return an attempt", "an episode's returns follow from its own rewards"];
        self.acts_on_episodes(names, |rewards| objective.returns(rewards))?;
        self.hold("there is one KL weight of at least 0 an attempt", &(1usize..6), |attempts| {
            let betas = objective.betas(attempts);
            let fine = betas.len() == attempts && betas.iter().all(|beta| beta.is_finite() && *beta >= 0.0);
            ensure(fine, || format!("{betas:?}"))
        })?;
        self.hold("no attempt is paid for being worse", &episode_and_raise(), |(episode, at, raised)| {
            let k = episode.len();
            let at = at.index(k);
            let mut better = episode.clone();
            better[at] = episode[at].max(raised);
            let of = |values: Vec<f32>| of(&Rewards { shape: [1, 1, k], values })[at];
            let (worse, better) = (of(episode), of(better));
            ensure(better >= worse - 1e-4 * (1.0 + worse.abs()), || {
                format!("attempt {} is credited with {worse}, and with {better} for a better answer", at + 1)
            })
        })?;
        self.hold("only tokens that the policy wrote have a gradient", &(groups(VOCABULARY), any::<u32>()), |(groups, seed)| {
            let episodes: Vec<&Trajectory> = groups.iter().flat_map(Group::trajectories).collect();
            let batch = TokenBatch::new(&episodes, &self.device).expect("as many attempts everywhere");
            let positions: usize = batch.tokens().dims().iter().product();
            let policy = FreeLogits::new(positions, seed, &self.device).tracked();
            let reference = FreeLogits::new(positions, !seed, &self.device);
            let update = Update::new(objective, Sampling::Greedy);
            let rewards = rewards_of(&groups).expect("groups of one size");
            let (loss, _) = update
                .advantages(&rewards, || Ok(Vec::new()))
                .and_then(|gains| update.loss(&policy, &reference, &batch, gains.values(), episodes.len()))
                .map_err(|error: Error| format!("{error}"))?;
            let gradient = policy.gradient(&loss);
            let scored: Vec<usize> = batch.positions().into_data().iter::<i32>().map(|at| at as usize).collect();
            let moved =
                gradient.chunks(VOCABULARY).enumerate().find(|(at, row)| !scored.contains(at) && row.iter().any(|g| *g != 0.0));
            ensure(moved.is_none(), || format!("a gradient at position {:?}", moved.map(|(at, _)| at)))
        })
    }

    /// Each attempt is credited without regard to later rewards: turn discount γ = 0, as in all of the paper's results (arXiv 2409.12917,
    /// appendix A.2). With it, no bonus of a later attempt reaches an earlier one.
    ///
    /// # Errors
    /// [`Broken`] with an episode, and the later reward that changed an earlier return.
    pub fn credit_is_per_turn<O: Objective + ?Sized>(&self, objective: &O) -> Result<(), Broken> {
        self.hold("later rewards do not reach earlier attempts", &episode_and_raise(), |(episode, at, other)| {
            let (k, at) = (episode.len(), 1 + at.index(episode.len() - 1));
            let mut changed = episode.clone();
            changed[at] = other;
            let of = |values| listed(&objective.returns(&Rewards { shape: [1, 1, k], values }.numbers()));
            let (before, after) = (of(episode), of(changed));
            ensure(close(&before[..at], &after[..at], 1e-6), || format!("{before:?}, then {after:?}"))
        })
    }
}

/// One episode's rewards, one of its attempts, and another reward.
fn episode_and_raise() -> impl Strategy<Value = (Vec<f32>, prop::sample::Index, f32)> {
    (prop::collection::vec(reward(), 2..6), any::<prop::sample::Index>(), reward())
}
