//! The arms of a study: which objectives run, in which order, for how many steps.

use core::fmt;

use palinode_core::{
    credit::Credit,
    objective::{Objective, StageOne, StageTwo},
    rng::Stream,
    shaping::Shaping,
};
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// One arm of a study: which objectives a run has. All arms take the same number of RL steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// Stage I, then Stage II with the progress bonus and per-turn credit: the method.
    Score,
    /// Multi-turn RL on the summed reward of all attempts (the paper's Eq. 1), each attempt paid its own; no Stage I, no bonus.
    Naive,
    /// RL on attempt 1 alone.
    SingleTurn,
    /// As `score`, but Stage II credits the summed return, bonus and all, to the tokens of every attempt: the sandbagging control.
    Joint,
    /// Stage II for all steps.
    StageTwoOnly,
    /// As `score`, without the bonus.
    NoShaping,
}

impl Arm {
    /// All arms.
    pub const ALL: [Self; 6] = [Self::Score, Self::Naive, Self::SingleTurn, Self::Joint, Self::StageTwoOnly, Self::NoShaping];

    /// The name used on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Score => "score",
            Self::Naive => "naive",
            Self::SingleTurn => "single-turn",
            Self::Joint => "joint",
            Self::StageTwoOnly => "stage-two-only",
            Self::NoShaping => "no-shaping",
        }
    }

    /// The stages this arm runs.
    ///
    /// # Errors
    /// [`TrainError::Core`] when a weight of an objective makes no sense.
    pub fn stages(self, numbers: &Numbers) -> Result<Vec<Stage>, TrainError> {
        let &Numbers { attempts, steps: [steps_one, steps_two], alpha, beta1, beta2 } = numbers;
        let bonus = Shaping::progress_bonus(alpha)?;
        let one = |plays| -> Result<Stage, TrainError> {
            Ok(Stage::new(StageName::StageOne, 0, plays, Box::new(StageOne::new(beta1, beta2)?)))
        };
        let two = |objective: StageTwo, plays| Stage::new(StageName::StageTwo, steps_two, plays, Box::new(objective));
        // With more than two attempts Stage I is repeated, one attempt more each time, and shares its steps out.
        let stage_one = || -> Result<Vec<Stage>, TrainError> {
            let turns = attempts.saturating_sub(1);
            (0..turns)
                .map(|turn| {
                    let steps = steps_one * (turn + 1) / turns - steps_one * turn / turns;
                    Ok(Stage { steps, ..one(turn + 2)? })
                })
                .collect()
        };
        let all_steps = |stage: Stage| vec![Stage { steps: steps_one + steps_two, ..stage }];
        let followed_by = |objective| -> Result<Vec<Stage>, TrainError> {
            let mut stages = stage_one()?;
            stages.push(two(objective, attempts));
            Ok(stages)
        };
        Ok(match self {
            Self::Score => followed_by(StageTwo::new(beta1, bonus)?)?,
            Self::NoShaping => followed_by(StageTwo::new(beta1, Shaping::None)?)?,
            Self::Joint => followed_by(StageTwo::with_credit(beta1, bonus, Credit::Joint, true)?)?,
            Self::StageTwoOnly => all_steps(two(StageTwo::new(beta1, bonus)?, attempts)),
            Self::Naive => all_steps(two(StageTwo::new(beta1, Shaping::None)?, attempts)),
            Self::SingleTurn => all_steps(two(StageTwo::new(beta1, Shaping::None)?, 1)),
        })
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The numbers that the stages of an arm are made of; a [`TrainConfig`](crate::config::TrainConfig) has them.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Numbers {
    /// Attempts an episode.
    pub attempts: usize,
    /// Steps of Stage I, and of Stage II.
    pub steps: [usize; 2],
    /// Weight α of the progress bonus.
    pub alpha: f64,
    /// β₁: KL weight on trained attempts.
    pub beta1: f64,
    /// β₂: Stage I's anchor on earlier attempts.
    pub beta2: f64,
}

/// One optimisation phase.
#[non_exhaustive]
pub struct Stage {
    /// Which one.
    pub name: StageName,
    /// Optimiser steps.
    pub steps: usize,
    /// Attempts an episode plays while training.
    pub attempts: usize,
    /// What is maximised.
    pub objective: Box<dyn Objective + Send + Sync>,
}

impl Stage {
    /// So many steps on episodes of so many attempts, which maximise an objective.
    pub fn new(name: StageName, steps: usize, attempts: usize, objective: Box<dyn Objective + Send + Sync>) -> Self {
        Self { name, steps, attempts, objective }
    }
}

/// The parts of a run that end with an evaluation and a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageName {
    /// The supervised start, and the model it leaves.
    Base,
    /// Stage I.
    StageOne,
    /// Stage II.
    StageTwo,
}

impl StageName {
    /// The name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::StageOne => "stage_one",
            Self::StageTwo => "stage_two",
        }
    }

    /// The random numbers of its rollouts.
    pub(crate) fn stream(self) -> Stream {
        match self {
            Self::Base => Stream::WarmStart,
            Self::StageOne => Stream::StageOne,
            Self::StageTwo => Stream::StageTwo,
        }
    }
}
