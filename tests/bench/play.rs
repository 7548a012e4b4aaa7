//! Episodes without meaning, and the gradient over them: what several measurements time.

use std::error::Error;

use burn_optim::GradientsParams;
use palinode::{
    core::{
        batch::TokenBatch,
        kl::Divergence,
        objective,
        policy::Decode,
        rng::RandomKey,
        rollout::{RolloutConfig, rollout},
        scoring::Scoring,
        task::Problem,
        trajectory::{Group, Trajectory},
        verifier::{Verdict, Verifier},
    },
    device,
    lm::Decoder,
    train::gradient::chunked::differentiate,
};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// So many problems with prompts of so many ids below 64, no two of which begin alike, as far as there are ids.
pub(crate) fn problems(count: usize, prompt: usize) -> Result<Vec<Problem>> {
    let problem = |id: usize| Problem::new(id as u32, (0..prompt).map(|i| ((id + i * 7) % 64) as u32).collect(), vec![0]);
    Ok((0..count).map(problem).collect::<std::result::Result<_, _>>()?)
}

/// As `palinode train` does, 32 episodes at a time.
pub(crate) fn sample<D: Decode>(model: &D, problems: &[Problem], config: &RolloutConfig, key: RandomKey) -> Result<Vec<Group>> {
    let together = (32 / config.samples()).max(1);
    let parts = problems.chunks(together).map(|problems| rollout(model, &Anything, problems, config, key));
    Ok(parts.collect::<std::result::Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// The gradient of a policy-gradient loss whose reference is the model itself.
pub(crate) fn gradient(model: &Decoder, groups: &[Group]) -> Result<GradientsParams> {
    let device = device::open("flex")?.device;
    let episodes: Vec<&Trajectory> = groups.iter().flat_map(Group::trajectories).collect();
    let batch = TokenBatch::new(&episodes, &device)?;
    let ones = batch.spread(&vec![1.0; batch.episodes() * batch.attempts()])?;
    let reference = Some((model, Divergence::Reverse));
    let (slope, _) = differentiate(model, reference, &batch, &Scoring::default(), |scores, tokens| {
        let weights = ones.clone().slice([tokens]);
        objective::loss(scores, weights.clone(), weights, episodes.len())
    });
    Ok(slope.gradients)
}

struct Anything;

impl Verifier for Anything {
    fn verify(&self, _: &Problem, _: &[u32]) -> Verdict {
        Verdict::Wrong
    }
}
