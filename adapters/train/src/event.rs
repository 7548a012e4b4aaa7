//! What a run says, for sinks to render.

use palinode_core::{trajectory::Trajectory, turns::MultiTurnTask};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    arm::StageName,
    error::TrainError,
    evaluate::Evaluation,
    judges::Judges,
    verdicts::{Example, VerdictTable, why},
    watch::signal::Signal,
};

/// Receives what a run says, in order.
pub trait Sink {
    /// One event.
    ///
    /// # Errors
    /// What the sink could not do; it stops the run. [`TrainError::Sink`] holds an error of any kind.
    fn receive(&mut self, event: &Event) -> Result<(), TrainError>;
}

impl Sink for Vec<Event> {
    fn receive(&mut self, event: &Event) -> Result<(), TrainError> {
        self.push(event.clone());
        Ok(())
    }
}

/// One thing that happened. `seconds` are wall-clock; nothing else differs between two runs of one seed on one CPU. They are therefore not written
/// with the event, but beside it ([`Event::seconds`], [`crate::run::run_folder`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The run begins.
    Run {
        /// Version of palinode.
        version: String,
        /// Name of the task.
        task: String,
        /// Name of the arm.
        arm: String,
        /// The seed.
        seed: u64,
        /// Attempts an episode.
        attempts: usize,
        /// Parameters of the model.
        parameters: usize,
        /// Those that are not frozen.
        #[serde(default)]
        trainable: usize,
        /// Steps planned: warm start at most, and RL.
        steps: [usize; 2],
    },
    /// A check of the device, before anything is trained.
    Check {
        /// What was compared.
        name: String,
        /// The largest difference, nats. Not stored: it compares two ways to compute, of which burn's matrix products follow the processor's vectors and caches.
        #[serde(skip_serializing, default)]
        measured: f32,
        /// The largest difference allowed.
        bound: f32,
    },
    /// The largest micro-batch that there can be was differentiated on every thread, before anything is trained.
    Rehearsal {
        /// Its episodes.
        episodes: usize,
        /// Tokens of each.
        tokens: usize,
        /// Since the start of the run.
        #[serde(skip_serializing, default)]
        seconds: f64,
    },
    /// How far a check before the first step has come. It is for whoever looks on: a run's folder does not keep it.
    Checking {
        /// Which.
        check: Checked,
        /// Episodes that are done; 0 as it begins.
        done: usize,
        /// All of them.
        all: usize,
    },
    /// What the base model's samples earn, before the first RL step.
    Signal(Signal),
    /// A part of the run begins or ends.
    Stage {
        /// Which.
        stage: StageName,
        /// `start` or `end`.
        phase: Phase,
        /// Its steps.
        steps: usize,
        /// RL steps taken before.
        rl_step: usize,
    },
    /// A step of the warm start.
    Warm {
        /// 1: corrupted first attempts; 2: sampled ones; 3: the habit of copying ([`crate::warm`]); 4: the problems' references
        /// ([`crate::supervised`]).
        phase: usize,
        /// From 1, over all phases. Before the first on references there is one without a loss: where the model stands.
        step: usize,
        /// Cross-entropy a token (in phases 2 and 3 plus KL).
        #[serde(skip_serializing_if = "Option::is_none", default)]
        loss: Option<f64>,
        /// Greedy acc@t1 on training problems, in percent, when it was checked.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        acc_t1: Option<f64>,
        /// The same sampled, at the temperature of RL.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        sampled_t1: Option<f64>,
        /// Sampled P(right at last | wrong at first) on training problems, in percent, when it was checked.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        p_fix_wrong: Option<f64>,
        /// Examples that are corrections of wrong attempts of the model's own, where some are to be.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        corrections: Option<usize>,
        /// Since the start of the run.
        #[serde(skip_serializing, default)]
        seconds: f64,
    },
    /// An RL step.
    Step(Box<StepMetrics>),
    /// A greedy evaluation on held-out problems.
    Eval {
        /// The stage during or after which it was taken.
        stage: StageName,
        /// RL steps taken so far.
        rl_step: usize,
        /// Whether it ends the stage.
        #[serde(rename = "final")]
        last: bool,
        /// The figures.
        #[serde(flatten)]
        summary: Summary,
        /// Since the start of the run.
        #[serde(skip_serializing, default)]
        seconds: f64,
    },
    /// A sampled episode.
    Episode(Box<Episode>),
    /// Something a person should know.
    Warning {
        /// What kind.
        kind: WarningKind,
        /// The stage.
        stage: StageName,
        /// RL steps taken so far.
        rl_step: usize,
        /// In words.
        message: String,
    },
    /// The weights that KL was measured against are, after the last step, bit for bit what they were before the first.
    Reference {
        /// SHA-256 over all of them (see [`crate::trainable::fingerprint`]).
        fingerprint: String,
    },
    /// The run is complete.
    End {
        /// Since the start of the run.
        #[serde(skip_serializing, default)]
        seconds: f64,
    },
}

impl Event {
    /// Whether it is worth keeping once it has been shown.
    pub fn is_kept(&self) -> bool {
        !matches!(self, Self::Checking { .. })
    }

    /// When it happened, since the start of the run, where it says so.
    pub fn seconds(&self) -> Option<f64> {
        match self {
            Self::Rehearsal { seconds, .. } | Self::Warm { seconds, .. } | Self::Eval { seconds, .. } | Self::End { seconds } => {
                Some(*seconds)
            }
            Self::Step(metrics) => Some(metrics.seconds),
            _ => None,
        }
    }
}

/// A check before the first step that takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checked {
    /// [`crate::watch::rehearsal`].
    Rehearsal,
    /// [`crate::watch::signal`].
    Signal,
}

/// Whether something begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It begins.
    Start,
    /// It ends.
    End,
}

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// Attempt 1 has become worse than the reference's.
    Sandbagging,
    /// Almost no group has episodes of different reward.
    NoSignal,
    /// Attempt 2 repeats attempt 1.
    Collapse,
    /// No answer can be read out of most attempts.
    Unparseable,
    /// Most attempts are cut off.
    Truncated,
    /// The reward has not risen for long.
    Flat,
    /// The run goes on with other inputs than it began with, as somebody insisted.
    ChangedInputs,
    /// The verifier gave no verdict on some attempts.
    Failed,
    /// A step takes more problems than there are.
    Repeats,
}

/// The measures of an RL step; fractions in `[0, 1]`, one entry an attempt where there are several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepMetrics {
    /// The stage.
    pub stage: StageName,
    /// From 1, within the stage.
    pub step: usize,
    /// From 1, over all stages.
    pub rl_step: usize,
    /// Value of the loss.
    #[serde(deserialize_with = "measured")]
    pub loss: f64,
    /// Mean task reward of each attempt.
    #[serde(deserialize_with = "all_measured")]
    pub reward: Vec<f64>,
    /// Mean KL to the reference of each attempt, nats summed over its tokens.
    #[serde(deserialize_with = "all_measured")]
    pub kl: Vec<f64>,
    /// Mean tokens of each attempt.
    #[serde(deserialize_with = "all_measured")]
    pub length: Vec<f64>,
    /// Norm of the gradient before clipping.
    #[serde(deserialize_with = "measured")]
    pub grad_norm: f64,
    /// Episodes whose last answer differs from the first.
    #[serde(deserialize_with = "measured")]
    pub changed: f64,
    /// Groups whose episodes all earned the same, at each attempt.
    #[serde(deserialize_with = "all_measured")]
    pub zero_spread: Vec<f64>,
    /// Wrong at first, right at last.
    #[serde(deserialize_with = "measured")]
    pub i_to_c: f64,
    /// Right at first, wrong at last.
    #[serde(deserialize_with = "measured")]
    pub c_to_i: f64,
    /// Attempts by verdict, one entry an attempt.
    pub verdicts: VerdictTable,
    /// Largest difference between sampling and training log-probabilities, nats.
    #[serde(deserialize_with = "measured")]
    pub logprob_gap: f32,
    /// Since the start of the run.
    #[serde(skip_serializing, default)]
    pub seconds: f64,
}

/// A number of a log: JSON has none that is not finite, and says null.
fn measured<'de, D: Deserializer<'de>, N: Deserialize<'de> + From<f32>>(deserializer: D) -> Result<N, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(|| f32::NAN.into()))
}

/// The same of a list.
fn all_measured<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let numbers = Vec::<Option<f64>>::deserialize(deserializer)?;
    Ok(numbers.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect())
}

impl StepMetrics {
    /// Those of a step that has measured nothing yet.
    pub fn new(stage: StageName, step: usize, rl_step: usize) -> Self {
        Self {
            stage,
            step,
            rl_step,
            loss: 0.0,
            reward: Vec::new(),
            kl: Vec::new(),
            length: Vec::new(),
            grad_norm: 0.0,
            changed: 0.0,
            zero_spread: Vec::new(),
            i_to_c: 0.0,
            c_to_i: 0.0,
            verdicts: VerdictTable::default(),
            logprob_gap: 0.0,
            seconds: 0.0,
        }
    }
}

/// The figures of an evaluation, in percent; `p_*` are conditional, the others fractions of all problems.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// Accuracy of the first attempt.
    pub acc_t1: f64,
    /// Accuracy of the last attempt.
    pub acc_t2: f64,
    /// `acc_t2 - acc_t1`.
    pub delta: f64,
    /// Wrong, then right.
    pub i_to_c: f64,
    /// Right, then wrong.
    pub c_to_i: f64,
    /// Answers that changed.
    pub changed: f64,
    /// Right at last, of those wrong at first.
    pub p_fix_wrong: Option<f64>,
    /// Wrong at last, of those right at first.
    pub p_break_right: Option<f64>,
    /// Problems.
    pub n: u64,
    /// Accuracy of every attempt.
    pub acc: Vec<f64>,
    /// Mean edit distance from first to last answer over the sum of their lengths, in percent.
    pub edit_distance_ratio: f64,
    /// Attempts by verdict, one entry an attempt.
    #[serde(skip_serializing_if = "VerdictTable::is_empty", default)]
    pub verdicts: VerdictTable,
    /// An attempt of each verdict but `right`, and three at least where so many are not right.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub examples: Vec<Example>,
}

impl Summary {
    /// Accuracies of every attempt in percent, and what follows from them alone.
    pub fn of_accuracies(acc: Vec<f64>) -> Self {
        let [acc_t1, acc_t2] = [acc.first(), acc.last()].map(|accuracy| accuracy.copied().unwrap_or(0.0));
        Self { acc_t1, acc_t2, delta: acc_t2 - acc_t1, acc, ..Self::default() }
    }
}

impl From<Evaluation> for Summary {
    fn from(Evaluation { transitions: t, examples }: Evaluation) -> Self {
        // Two decimals say all that a few thousand problems can.
        let percent = |fraction: f64| (fraction * 10_000.0).round() / 100.0;
        let last = t.attempts().saturating_sub(1);
        Self {
            acc_t1: percent(t.accuracy(0)),
            acc_t2: percent(t.accuracy(last)),
            delta: percent(t.delta()),
            i_to_c: percent(t.wrong_to_right()),
            c_to_i: percent(t.right_to_wrong()),
            changed: percent(t.changed()),
            p_fix_wrong: t.fix_given_wrong().map(percent),
            p_break_right: t.break_given_right().map(percent),
            n: t.episodes(),
            acc: (0..t.attempts()).map(|k| percent(t.accuracy(k))).collect(),
            edit_distance_ratio: percent(t.edit_distance_ratio()),
            verdicts: VerdictTable::from(&t),
            examples,
        }
    }
}

/// An episode as it is kept: the ids are the truth, the text is for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Episode {
    /// The stage in which it was sampled.
    pub stage: StageName,
    /// Step within the stage.
    pub step: usize,
    /// Step over all stages.
    pub rl_step: usize,
    /// Id of the problem.
    pub problem: u32,
    /// Sample within the group.
    pub sample: usize,
    /// The prompt, as text.
    pub prompt: String,
    /// Its ids.
    pub prompt_ids: Vec<u32>,
    /// The reference answer, as text.
    pub reference: String,
    /// Ids between two attempts.
    pub revision_ids: Vec<u32>,
    /// The ids put after an attempt that was cut off, before those: without the first of them, where it ends with these.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub closing_ids: Vec<u32>,
    /// The attempts.
    pub attempts: Vec<EpisodeAttempt>,
}

/// One attempt of a kept episode.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EpisodeAttempt {
    /// Its ids.
    pub ids: Vec<u32>,
    /// Its answer, as text.
    pub text: String,
    /// Log-probabilities while sampling, nats.
    pub logprobs: Vec<f32>,
    /// Task reward.
    pub reward: f32,
    /// The verdict's name.
    pub verdict: String,
    /// Why it earned that, where there is more to say.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub why: String,
    /// Why it ended.
    pub stop: String,
}

impl EpisodeAttempt {
    /// An attempt of this text and verdict, of which nothing else is known.
    pub fn new(text: impl Into<String>, verdict: impl Into<String>) -> Self {
        Self { text: text.into(), verdict: verdict.into(), ..Self::default() }
    }
}

impl Episode {
    /// An episode on a problem, of which nothing else is known.
    pub fn new(stage: StageName, step: usize, rl_step: usize, problem: u32) -> Self {
        Self {
            stage,
            step,
            rl_step,
            problem,
            sample: 0,
            prompt: String::new(),
            prompt_ids: Vec::new(),
            reference: String::new(),
            revision_ids: Vec::new(),
            closing_ids: Vec::new(),
            attempts: Vec::new(),
        }
    }

    /// The kept form of a trajectory; step and sample are filled in by the caller.
    pub(crate) fn of(
        task: &dyn MultiTurnTask,
        judges: &Judges,
        problem: &palinode_core::task::Problem,
        trajectory: &Trajectory,
    ) -> Self {
        use palinode_core::attempt::StopReason;
        let attempts = trajectory
            .attempts()
            .iter()
            .map(|attempt| EpisodeAttempt {
                ids: attempt.tokens().to_vec(),
                text: task.shown().show_answer(attempt.answer()),
                logprobs: attempt.sampling_logprobs().to_vec(),
                reward: attempt.reward(),
                verdict: attempt.verdict().name().to_owned(),
                why: why(task, judges, problem, attempt),
                stop: match attempt.stop() {
                    StopReason::EndToken => "end_token",
                    StopReason::FixedLength => "fixed_length",
                    _ => "truncated",
                }
                .to_owned(),
            })
            .collect();
        Self {
            prompt: task.shown().show_prompt(problem),
            prompt_ids: problem.prompt().to_vec(),
            reference: task.shown().show_answer(problem.reference()),
            revision_ids: trajectory.revision().to_vec(),
            closing_ids: trajectory.closing().to_vec(),
            attempts,
            ..Self::new(StageName::Base, 0, 0, problem.id())
        }
    }
}
