//! Every number of a run.

use palinode_core::{advantage::Baseline, kl::KlEstimator};
use serde::{Deserialize, Serialize};

use crate::{
    arm::{Arm, Numbers, Stage, StageName},
    error::TrainError,
    gradient::{
        optimizer::AdamW,
        rate::{Decay, Schedule},
    },
};

/// Every number of a run but the task's and the model's. Made by `default`, and then changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TrainConfig {
    /// Seed of everything random.
    pub seed: u64,
    /// Which objectives, in which order.
    pub arm: Arm,
    /// Attempts an episode, at least 2.
    pub attempts: usize,
    /// The supervised start of a new model.
    pub warm: WarmConfig,
    /// Supervised steps on the problems' references, after that.
    pub supervised: SupervisedConfig,
    /// What is looked at before the first step.
    pub checks: ChecksConfig,
    /// Both RL stages.
    pub reinforce: ReinforceConfig,
    /// Greedy evaluation.
    pub evaluation: EvaluationConfig,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            arm: Arm::Score,
            attempts: 2,
            warm: WarmConfig::default(),
            supervised: SupervisedConfig::default(),
            checks: ChecksConfig::default(),
            reinforce: ReinforceConfig::default(),
            evaluation: EvaluationConfig::default(),
        }
    }
}

/// The supervised start of a new model (see [`crate::warm`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct WarmConfig {
    /// Most steps of phase 1, on corrupted first attempts.
    pub steps_corrupted: usize,
    /// Phase 1 ends when greedy acc@t1 on training problems reaches this fraction.
    pub target_accuracy: f64,
    /// Steps between two checks of a phase's target.
    pub check_every: usize,
    /// Most steps of phase 2, on the model's own sampled first attempts.
    pub steps_sampled: usize,
    /// Phase 2 ends when, sampled on training problems, this fraction of wrong first attempts is taken back.
    pub target_fix: f64,
    /// Steps of phase 3, which makes a habit of copying.
    pub steps_habit: usize,
    /// Sequences a step.
    pub sequences: usize,
    /// Learning rate of phase 1, after a linear rise over `rise` steps.
    pub learning_rate_corrupted: f64,
    /// Learning rate of phases 2 and 3.
    pub learning_rate_sampled: f64,
    /// Steps over which the learning rate rises.
    pub rise: usize,
    /// AdamW's weight decay.
    pub weight_decay: f32,
    /// Expected number of wrong tokens in a corrupted attempt.
    pub corrupted_tokens: f64,
    /// Phase 1: share of second attempts that copy the first.
    pub copy_corrupted: f64,
    /// Phase 2: share of second attempts that copy the first; the rest are right.
    pub copy_sampled: f64,
    /// Phase 3: the same. Far above one half, so that the base copies when it is greedy.
    pub copy_habit: f64,
}

impl Default for WarmConfig {
    fn default() -> Self {
        Self {
            steps_corrupted: 800,
            target_accuracy: 0.45,
            check_every: 20,
            steps_sampled: 1400,
            target_fix: 0.35,
            steps_habit: 100,
            sequences: 192,
            learning_rate_corrupted: 2e-3,
            learning_rate_sampled: 2e-3,
            rise: 100,
            weight_decay: 0.01,
            corrupted_tokens: 1.5,
            copy_corrupted: 0.7,
            copy_sampled: 0.2,
            copy_habit: 0.85,
        }
    }
}

impl WarmConfig {
    /// The learning rate of phase 1.
    ///
    /// # Errors
    /// As [`Schedule::constant`].
    pub fn rates(&self) -> Result<Schedule, TrainError> {
        Ok(Schedule::constant(self.learning_rate_corrupted)?.rising(self.rise))
    }

    /// Most steps of all phases.
    pub fn steps(&self) -> usize {
        self.steps_corrupted + self.steps_sampled + self.steps_habit
    }
}

/// Supervised steps on the problems' references (see [`crate::supervised`]); those of [`ReinforceConfig::micro_batch`] are scored together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SupervisedConfig {
    /// Most steps; 0 for none.
    pub steps: usize,
    /// It ends when sampled first attempts at training problems are right in this share.
    pub target_accuracy: f64,
    /// Steps between two checks of that.
    pub check_every: usize,
    /// Training problems of a check, each played once.
    pub check_problems: usize,
    /// Examples a step.
    pub sequences: usize,
    /// Share of examples that are corrections of wrong attempts of the model's own; where it is right, its example is an answer.
    pub corrections: f64,
    /// Learning rate, after a linear rise over `rise` steps.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises.
    pub rise: usize,
}

impl Default for SupervisedConfig {
    fn default() -> Self {
        Self {
            steps: 0,
            target_accuracy: 0.4,
            check_every: 5,
            check_problems: 64,
            sequences: 32,
            corrections: 0.0,
            learning_rate: 1e-5,
            rise: 10,
        }
    }
}

impl SupervisedConfig {
    /// The learning rate.
    ///
    /// # Errors
    /// As [`Schedule::constant`].
    pub fn rates(&self) -> Result<Schedule, TrainError> {
        Ok(Schedule::constant(self.learning_rate)?.rising(self.rise))
    }
}

/// What is looked at before the first step; no number of the training depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ChecksConfig {
    /// Whether the base's samples are looked at for something to learn from ([`crate::watch::signal`]).
    pub signal: bool,
    /// Whether the largest piece of work is tried first ([`crate::watch::rehearsal`]).
    pub rehearsal: bool,
}

impl Default for ChecksConfig {
    fn default() -> Self {
        Self { signal: true, rehearsal: true }
    }
}

/// Both RL stages (see [`crate::reinforce`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ReinforceConfig {
    /// Steps of Stage I.
    pub steps_one: usize,
    /// Steps of Stage II; arms without Stage I run both numbers here.
    pub steps_two: usize,
    /// Problems a step.
    pub problems: usize,
    /// Episodes a problem.
    pub samples: usize,
    /// Episodes scored together. Their activations should fit a core's cache, or a GPU's memory; the loss does not depend on the split.
    pub micro_batch: usize,
    /// The optimiser's learning rate, once it has risen.
    pub learning_rate: f64,
    /// What the learning rate does over the steps of each stage, once it has risen: each stage has an optimiser of its own.
    pub schedule: Decay,
    /// Steps at the start of each stage over which the learning rate rises.
    pub rise: usize,
    /// What the learning rate falls to, as a share of itself.
    pub floor: f64,
    /// Sampling temperature, also applied in scoring.
    pub temperature: f64,
    /// Weight α of the progress bonus.
    pub alpha: f64,
    /// β₁: KL weight on trained attempts.
    pub beta1: f64,
    /// β₂: Stage I's anchor on earlier attempts.
    pub beta2: f64,
    /// How KL is estimated.
    pub kl: KlEstimator,
    /// What is subtracted from returns.
    pub baseline: Baseline,
    /// Whether advantages are divided by their standard deviation, per attempt. It cancels the 1 + α by which the bonus weighs attempt 2, so that
    /// `score` and `no-shaping` become nearly the same; the paper does not mention it.
    pub scale_advantages: bool,
    /// Share of a step's attempts on which the verifier may fail before the run stops.
    pub max_failed: f64,
}

impl Default for ReinforceConfig {
    fn default() -> Self {
        Self {
            steps_one: 120,
            steps_two: 80,
            problems: 64,
            samples: 8,
            micro_batch: 64,
            learning_rate: 3e-4,
            schedule: Decay::Constant,
            rise: 0,
            floor: 0.0,
            temperature: 1.0,
            alpha: 10.0,
            beta1: 0.01,
            beta2: 0.1,
            kl: KlEstimator::Exact,
            baseline: Baseline::LeaveOneOut,
            scale_advantages: false,
            max_failed: 0.1,
        }
    }
}

impl ReinforceConfig {
    /// The learning rate of each stage.
    ///
    /// # Errors
    /// As [`Schedule::constant`] and [`Schedule::falling`].
    pub fn rates(&self) -> Result<Schedule, TrainError> {
        Schedule::constant(self.learning_rate)?.rising(self.rise).falling(self.schedule, self.floor)
    }
}

/// Greedy evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct EvaluationConfig {
    /// Held-out problems at the end of each stage.
    pub problems: usize,
    /// Held-out problems in between: the first of the same list.
    pub problems_between: usize,
    /// RL steps between two evaluations.
    pub every: usize,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self { problems: 2000, problems_between: 500, every: 25 }
    }
}

impl TrainConfig {
    /// Splits `steps` of warm start between its phases, in proportion to what they were.
    pub fn set_warm_steps(&mut self, steps: usize) {
        let all = self.warm.steps().max(1);
        self.warm.steps_habit = self.warm.steps_habit * steps / all;
        self.warm.steps_corrupted = self.warm.steps_corrupted * steps / all;
        self.warm.steps_sampled = steps - self.warm.steps_habit - self.warm.steps_corrupted;
    }

    /// Most steps of the warm start: its phases, and those on references.
    pub fn warm_steps(&self) -> usize {
        self.warm.steps() + self.supervised.steps
    }

    /// The stages of its arm.
    ///
    /// # Errors
    /// [`TrainError::Core`] when a weight of an objective makes no sense.
    pub fn stages(&self) -> Result<Vec<Stage>, TrainError> {
        self.arm.stages(&self.into())
    }

    /// AdamW's settings in a part of a run. The base is the warm start; on references alone it takes the settings of RL.
    ///
    /// # Errors
    /// As [`AdamW::new`].
    pub fn adamw(&self, stage: StageName) -> Result<AdamW, TrainError> {
        match stage {
            StageName::Base if self.warm.steps() == 0 && self.supervised.steps > 0 => Ok(AdamW::REINFORCE),
            StageName::Base => AdamW::new([0.9, 0.98], self.warm.weight_decay, 1.0),
            StageName::StageOne | StageName::StageTwo => Ok(AdamW::REINFORCE),
        }
    }

    /// Refuses numbers that make no run.
    ///
    /// # Errors
    /// [`TrainError::Config`] names the setting; [`TrainError::Core`] comes from the objectives.
    pub fn check(&self) -> Result<(), TrainError> {
        let counts = [
            ("attempts", self.attempts, 2, 255),
            ("warm.sequences", self.warm.sequences, 1, 1 << 20),
            ("warm.check_every", self.warm.check_every, 1, usize::MAX),
            ("supervised.steps", self.supervised.steps, 0, 1 << 30),
            ("supervised.sequences", self.supervised.sequences, 1, 1 << 20),
            ("supervised.check_every", self.supervised.check_every, 1, usize::MAX),
            ("supervised.check_problems", self.supervised.check_problems, 1, 1 << 20),
            ("reinforce.problems", self.reinforce.problems, 1, 1 << 20),
            ("reinforce.samples", self.reinforce.samples, 2, 1 << 16),
            ("reinforce.micro_batch", self.reinforce.micro_batch, 1, 1 << 20),
            ("evaluation.problems", self.evaluation.problems, 1, 1 << 24),
            ("evaluation.problems_between", self.evaluation.problems_between, 1, 1 << 24),
            ("evaluation.every", self.evaluation.every, 1, usize::MAX),
        ];
        for (name, value, low, high) in counts {
            let expected = if high == usize::MAX { format!("at least {low}") } else { format!("within {low}..={high}") };
            TrainError::require((low..=high).contains(&value), name, expected, value)?;
        }
        let fractions = [
            ("warm.target_accuracy", self.warm.target_accuracy, 0.0, 1.0),
            ("warm.target_fix", self.warm.target_fix, 0.0, 1.0),
            ("warm.copy_corrupted", self.warm.copy_corrupted, 0.0, 1.0),
            ("warm.copy_sampled", self.warm.copy_sampled, 0.0, 1.0),
            ("warm.copy_habit", self.warm.copy_habit, 0.0, 1.0),
            ("warm.learning_rate_corrupted", self.warm.learning_rate_corrupted, 0.0, 1.0),
            ("warm.learning_rate_sampled", self.warm.learning_rate_sampled, 0.0, 1.0),
            ("warm.weight_decay", f64::from(self.warm.weight_decay), 0.0, 1.0),
            ("warm.corrupted_tokens", self.warm.corrupted_tokens, 0.0, 1e6),
            ("supervised.target_accuracy", self.supervised.target_accuracy, 0.0, 1.0),
            ("supervised.corrections", self.supervised.corrections, 0.0, 1.0),
            ("supervised.learning_rate", self.supervised.learning_rate, 0.0, 1.0),
            ("reinforce.learning_rate", self.reinforce.learning_rate, 0.0, 1.0),
            ("reinforce.floor", self.reinforce.floor, 0.0, 1.0),
            ("reinforce.max_failed", self.reinforce.max_failed, 0.0, 1.0),
        ];
        for (name, value, low, high) in fractions {
            let allowed = value.is_finite() && (low..=high).contains(&value);
            TrainError::require(allowed, name, format!("within [{low}, {high}]"), value)?;
        }
        palinode_core::sampling::Sampling::temperature(self.reinforce.temperature)?;
        self.stages().map(drop)
    }
}

/// Those of a run.
impl From<&TrainConfig> for Numbers {
    fn from(config: &TrainConfig) -> Self {
        let &ReinforceConfig { steps_one, steps_two, alpha, beta1, beta2, .. } = &config.reinforce;
        Self { attempts: config.attempts, steps: [steps_one, steps_two], alpha, beta1, beta2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_arms_take_the_same_number_of_steps() {
        for attempts in 2..5 {
            let config = TrainConfig { attempts, ..Default::default() };
            for arm in Arm::ALL {
                let config = TrainConfig { arm, ..config.clone() };
                let steps: usize = config.stages().unwrap().iter().map(|stage| stage.steps).sum();
                let planned = config.reinforce.steps_one + config.reinforce.steps_two;
                assert_eq!(steps, planned, "{arm} with {attempts} attempts");
            }
        }
    }

    #[test]
    fn stage_one_is_repeated_a_turn_at_a_time() {
        let config = TrainConfig { attempts: 4, ..Default::default() };
        let plays: Vec<usize> = config.stages().unwrap().iter().map(|stage| stage.attempts).collect();
        assert_eq!(plays, [2, 3, 4, 4]);
    }

    #[test]
    fn estimators_and_baselines_have_the_names_of_settings_files() {
        let names = |value| serde_json::to_string(&value).unwrap();
        let estimators = [KlEstimator::Exact, KlEstimator::K1, KlEstimator::K2, KlEstimator::K3];
        assert_eq!(names(serde_json::json!(estimators)), r#"["exact","k1","k2","k3"]"#);
        let baselines = [Baseline::LeaveOneOut, Baseline::GroupMean, Baseline::ConditionedOnFirst];
        assert_eq!(names(serde_json::json!(baselines)), r#"["leave-one-out","group-mean","conditioned-on-first"]"#);
        let read: ReinforceConfig = serde_json::from_str(r#"{"kl": "k3", "baseline": "group-mean"}"#).unwrap();
        assert_eq!((read.kl, read.baseline), (KlEstimator::K3, Baseline::GroupMean));
    }
}
