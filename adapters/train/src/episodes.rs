//! All episodes of a step, in one row.

use palinode_core::trajectory::{Group, Trajectory};

/// All episodes, group after group.
pub(crate) fn episodes_of(groups: &[Group]) -> impl Iterator<Item = &Trajectory> {
    groups.iter().flat_map(Group::trajectories)
}

/// Log-probabilities while sampling of all policy-written tokens, in the order of a [`TokenBatch`].
pub(crate) fn sampled(episodes: &[&Trajectory]) -> Vec<f32> {
    episodes.iter().flat_map(|e| e.attempts()).flat_map(|attempt| attempt.sampling_logprobs()).copied().collect()
}
