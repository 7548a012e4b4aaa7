//! What the suites share: the device on which laws are checked, strategies, and the recorded values.

use burn_tensor::Device;
pub use palinode_core::laws::{
    close,
    fixtures::{FreeLogits, Hashed, VOCABULARY},
    listed,
    strategies::{Rewards, reward, rewards},
    values,
};
use palinode_core::{
    laws::{Laws, strategies},
    trajectory::{Group, Trajectory},
};
use proptest::strategy::Strategy;

pub mod golden;

/// The device on which laws are checked.
pub fn device() -> Device {
    palinode_flex::device()
}

/// Laws on that device.
pub fn laws() -> Laws {
    Laws::new(&device())
}

/// Groups of episodes over the vocabulary of the fixtures.
pub fn groups() -> impl Strategy<Value = Vec<Group>> {
    strategies::groups(VOCABULARY)
}

/// All episodes of some groups.
pub fn episodes(groups: &[Group]) -> Vec<&Trajectory> {
    groups.iter().flat_map(Group::trajectories).collect()
}
