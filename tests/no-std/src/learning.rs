//! Rollouts, losses and plain gradient descent: Stage I, then Stage II.

use alloc::{vec, vec::Vec};

use burn_tensor::{Device, Tensor, activation::softmax};
use palinode_core::{
    Error,
    batch::TokenBatch,
    objective::{Objective, StageOne, StageTwo},
    rng::{RandomKey, Stream},
    rollout::{RolloutConfig, rollout},
    sampling::Sampling,
    task::Problem,
    trajectory::{Group, Trajectory, rewards},
    turns::{AnswerLimit, Turns},
    update::{Update, sampled_divergences},
};

use crate::{
    Failure,
    bandit::{ARMS, ASK, BEST, BestArm, Table},
};

/// Steps of each stage.
const STEPS: u32 = 20;

/// A loss and its gradient with respect to the table, from episodes that were played.
pub(crate) fn loss_and_gradient(
    table: &Table,
    reference: &Table,
    groups: &[Group],
    objective: &dyn Objective,
    scale: bool,
) -> Result<(f32, Tensor<2>), Failure> {
    let device = reference.0.device();
    let episodes: Vec<&Trajectory> = groups.iter().flat_map(Group::trajectories).collect();
    let batch = TokenBatch::new(&episodes, &device)?;
    let update = Update::new(objective, Sampling::temperature(1.0)?).scaled(scale);
    let divergences = || sampled_divergences(reference, &episodes, update.scoring(), &device);
    let gains = update.advantages(&rewards(groups)?, divergences)?;

    let policy = Table(table.0.clone().autodiff().require_grad());
    let (loss, _) = update.loss(&policy, reference, &batch, gains.values(), episodes.len())?;
    let gradient = policy.0.grad(&loss.backward()).ok_or(Failure::Gradient)?;
    Ok((loss.into_scalar(), gradient))
}

/// The table that starts: a first attempt off the reference, so that the anchor has something to do.
pub(crate) fn start(device: &Device) -> Table {
    let mut logits = [[0.0f32; ARMS]; ARMS + 1];
    logits[ASK as usize][0] = 1.098_612_3; // ln 3
    Table(Tensor::from_data(logits, device))
}

/// Plays and learns, and asks after each stage what it should have done.
pub(crate) fn learn(device: &Device) -> Result<(), Failure> {
    let reference = Table(Tensor::zeros([ARMS + 1, ARMS], device));
    // A strong anchor, since a bandit's first pull has nothing else to hold it.
    let table = descend(start(device), &reference, &StageOne::new(0.01, 1.0)?, Stream::StageOne)?;
    let [first, second] = right(&table);
    require((first - 0.25).abs() < 0.01, Failure::Anchor)?;
    require(second > 0.7, Failure::SecondStayed)?;
    let table = descend(table, &reference, &StageTwo::default(), Stream::StageTwo)?;
    let [first, second] = right(&table);
    require(first > 0.9, Failure::FirstStayed)?;
    require(second > 0.9, Failure::SecondLost)
}

/// `Ok` when it holds, else what failed.
pub(crate) fn require(holds: bool, failure: Failure) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(failure) }
}

fn descend(mut table: Table, reference: &Table, objective: &dyn Objective, stream: Stream) -> Result<Table, Failure> {
    let problems = (0..8).map(|id| Problem::new(id, vec![ASK], vec![])).collect::<Result<Vec<_>, Error>>()?;
    let play = RolloutConfig::new(Turns::new(AnswerLimit::Fixed(1), vec![], 1), 2, 8, Sampling::temperature(1.0)?)?;
    for step in 0..STEPS {
        let groups = rollout(&table, &BestArm, &problems, &play, RandomKey { step, ..RandomKey::new(0, stream) })?;
        let (_, gradient) = loss_and_gradient(&table, reference, &groups, objective, true)?;
        table = Table(table.0 - gradient);
    }
    Ok(table)
}

/// The exact probability that each attempt pulls the best arm.
fn right(table: &Table) -> [f32; 2] {
    let chances: Vec<f32> = softmax(table.0.clone(), 1).into_data().iter::<f32>().collect();
    let chance = |before: usize, arm: usize| chances[before * ARMS + arm];
    let (ask, best) = (ASK as usize, BEST as usize);
    [chance(ask, best), (0..ARMS).map(|arm| chance(ask, arm) * chance(arm, best)).sum()]
}
