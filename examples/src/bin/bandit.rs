//! Rung 1: two attempts at a four-armed bandit, on the core alone.
//!
//! Stage I teaches the second attempt while the anchor holds the first where it was; Stage II then lifts both.
//!
//! `cargo run --release -p palinode-examples --bin bandit`

use burn_tensor::{Int, Tensor, TensorData};
use palinode_core::{
    Error,
    batch::TokenBatch,
    objective::{Objective, StageOne, StageTwo},
    policy::{Decode, Policy},
    rng::{RandomKey, Stream},
    rollout::{RolloutConfig, rollout},
    sampling::Sampling,
    task::Problem,
    trajectory::{Group, Trajectory, rewards},
    transitions::Transitions,
    turns::{AnswerLimit, Turns},
    update::{Update, sampled_divergences},
    verifier::{Verdict, Verifier},
};

const ARMS: usize = 4;
const BEST: u32 = 2;
/// Ids 0 to 3 pull an arm; this one asks for the first pull.
const ASK: u32 = 4;

/// Logits of the next pull, one row for each token that may stand before it.
struct Table(Tensor<2>);

impl Table {
    fn rows(&self, tokens: impl Iterator<Item = u32>) -> Tensor<2> {
        let ids: Vec<i32> = tokens.map(|token| token as i32).collect();
        let count = ids.len();
        self.0.clone().select(0, Tensor::from_data(TensorData::new(ids, [count]), &self.0.device()))
    }
}

impl Policy for Table {
    fn states(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> Tensor<2> {
        let [rows, width] = tokens.dims();
        self.0.clone().select(0, tokens.reshape([rows * width]).select(0, positions))
    }

    fn logits(&self, states: Tensor<2>) -> Tensor<2> {
        states
    }
}

impl Decode for Table {
    type Cache = ();

    fn readable(&self, written: usize) -> usize {
        written + 1
    }

    fn start(&self, prompts: &[&[u32]], samples: usize, _: usize) -> Result<((), Tensor<2>), Error> {
        let last = prompts.iter().flat_map(|prompt| prompt.last().copied().into_iter().cycle().take(samples));
        Ok(((), self.rows(last)))
    }

    fn extend(&self, (): &mut (), _: &[usize], tokens: &[&[u32]]) -> Tensor<2> {
        self.rows(tokens.iter().filter_map(|new| new.last().copied()))
    }
}

/// Pays for the best arm.
struct BestArm;

impl Verifier for BestArm {
    fn verify(&self, _: &Problem, answer: &[u32]) -> Verdict {
        if answer == [BEST] { Verdict::Right } else { Verdict::Wrong }
    }
}

fn main() -> Result<(), Error> {
    let device = palinode_flex::device();
    let reference = Table(Tensor::zeros([ARMS + 1, ARMS], &device));
    let mut table = Table(reference.0.clone());
    let problems = (0..16).map(|id| Problem::new(id, vec![ASK], vec![])).collect::<Result<Vec<_>, _>>()?;
    let sampling = Sampling::temperature(1.0)?;
    let play = RolloutConfig::new(Turns::new(AnswerLimit::Fixed(1), vec![], 1), 2, 16, sampling)?;
    // A strong anchor, since a bandit's first pull has nothing else to hold it.
    let (one, two) = (StageOne::new(0.01, 1.0)?, StageTwo::default());
    let stages: [(&str, &dyn Objective, Stream); 2] = [("Stage I", &one, Stream::StageOne), ("Stage II", &two, Stream::StageTwo)];

    for (name, objective, stream) in stages {
        let update = Update::new(objective, sampling).scaled(true);
        for step in 0..60 {
            let groups = rollout(&table, &BestArm, &problems, &play, RandomKey { step, ..RandomKey::new(0, stream) })?;
            let episodes: Vec<&Trajectory> = groups.iter().flat_map(Group::trajectories).collect();
            let batch = TokenBatch::new(&episodes, &device)?;
            let divergences = || sampled_divergences(&reference, &episodes, update.scoring(), &device);
            let gains = update.advantages(&rewards(&groups)?, divergences)?;

            let policy = Table(table.0.autodiff().require_grad());
            let (loss, _) = update.loss(&policy, &reference, &batch, gains.values(), episodes.len())?;
            let gradients = loss.backward();
            let gradient = policy.0.grad(&gradients).expect("the loss depends on the table");
            table = Table(policy.0.inner() - gradient);

            if step % 20 == 19 {
                let seen = Transitions::of(episodes);
                let percent = |fraction: f64| 100.0 * fraction;
                println!(
                    "{name:<8} step {:>2}   attempt 1 right {:>3.0} %   attempt 2 right {:>3.0} %",
                    step + 1,
                    percent(seen.accuracy(0)),
                    percent(seen.accuracy(1))
                );
            }
        }
    }
    Ok(())
}
