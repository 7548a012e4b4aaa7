//! The supervised start: a base that answers in one attempt, and copies its answer in the next.
//!
//! A model made from scratch knows no "revise" habit. It is given one in two phases, so that what it leaves behaves like the paper's base models: greedy,
//! attempt 2 repeats attempt 1 (delta near 0); sampled, it corrects a wrong answer now and then, without which RL would have no signal.
//!
//! 1. *Corrupted.* Attempt 1 is right, or has some tokens replaced; cross-entropy on right first attempts and on second attempts, whose target is a
//!    copy of attempt 1 or the right answer. Ends when greedy acc@t1 reaches a target.
//! 2. *Sampled.* Attempt 1 is sampled from a snapshot of the model; the second's target is a copy, a fresh sample or the right answer. KL(snapshot‖model)
//!    holds attempt 1 in place. Ends when the share of wrong answers that a sampled attempt 2 takes back reaches a target, so that every seed hands
//!    RL the same strength of signal.

use burn::tensor::Tensor;
use palinode_core::{
    attempt::{Attempt, StopReason},
    batch::TokenBatch,
    kl,
    logprob::{log_distribution, of_targets},
    rng::{RandomKey, Stream},
    sampling::Sampling,
    task::{Problem, Split},
    trajectory::{Group, Trajectory},
    transitions::Transitions,
    verifier::Verdict,
};
use palinode_tasks::{AnswerShape, TextTask};

use crate::{
    config::{TrainConfig, WarmConfig},
    error::TrainError,
    evaluate::evaluate,
    event::{Event, Sink},
    learner::{AdamW, Learner, Trainable},
    play::{play, rollout_config},
    reinforce::device_of,
    workers::Workers,
};

/// Sequences scored together.
const SEQUENCES_A_MICRO_BATCH: usize = 64;

/// Training problems on which the phases are checked, and their seed, which no step of training uses.
const CHECK_PROBLEMS: u64 = 500;
const CHECK_SEED: u64 = u64::MAX;

/// Runs both phases and returns the base model. `clock` gives seconds since the start of the run.
///
/// # Errors
/// [`TrainError::NotFinite`], [`TrainError::Core`], and what the sink reports.
pub fn warm_start<M: Trainable>(
    model: M,
    task: &dyn TextTask,
    config: &TrainConfig,
    workers: &Workers,
    clock: &dyn Fn() -> f64,
    sink: &mut dyn Sink,
) -> Result<M, TrainError> {
    let warm = &config.warm;
    let settings = AdamW { betas: [0.9, 0.98], weight_decay: warm.weight_decay, clip: 1.0 };
    let mut learner = Learner::new(model, settings);
    let mut done = 0;
    let check: Vec<Problem> = (0..CHECK_PROBLEMS).map(|i| task.problem(CHECK_SEED, Split::Train, i)).collect();
    for step in 0..warm.steps_corrupted {
        let sequences: Vec<Sequence> = draw_problems(task, config, step)
            .iter()
            .enumerate()
            .map(|(i, problem)| corrupted(task, warm, problem, draw_key(config, step, i)))
            .collect::<Result<_, _>>()?;
        let rate = warm.learning_rate_corrupted * ((step + 1) as f64 / warm.rise.max(1) as f64).min(1.0);
        let loss = supervised_step(&mut learner, None, &sequences, rate, workers, step)?;
        done = step + 1;
        let acc = if done % warm.check_every == 0 {
            Some(evaluate(learner.model(), task, &check, 1, workers)?.accuracy(0))
        } else {
            None
        };
        let acc_t1 = acc.map(|a| a * 100.0);
        sink.receive(&Event::Warm { phase: 1, step: done, loss, acc_t1, p_fix_wrong: None, seconds: clock() })?;
        if acc.is_some_and(|acc| acc >= warm.target_accuracy) {
            break;
        }
    }

    let snapshot = learner.into_model();
    let mut learner = Learner::new(snapshot.clone(), settings);
    let rollouts = rollout_config(task, 1, 2, Sampling::Temperature(1.0))?;
    let checks = rollout_config(task, 2, 1, Sampling::Temperature(1.0))?;
    for step in done..done + warm.steps_sampled {
        let key = RandomKey { step: step as u32, ..RandomKey::new(config.seed, Stream::WarmStart) };
        let groups = play(&snapshot, task, &draw_problems(task, config, step), &rollouts, key, workers)?;
        let sequences: Vec<Sequence> = groups
            .iter()
            .enumerate()
            .map(|(i, group)| sampled(task, warm, group, draw_key(config, step, i)))
            .collect::<Result<_, _>>()?;
        let loss = supervised_step(&mut learner, Some(&snapshot), &sequences, warm.learning_rate_sampled, workers, step)?;
        let fixed = if (step + 1 - done).is_multiple_of(warm.check_every) {
            let key = RandomKey { step: step as u32, ..RandomKey::new(config.seed, Stream::Evaluation) };
            let groups = play(learner.model(), task, &check, &checks, key, workers)?;
            // No wrong first attempt is left to take back: there is nothing more to learn here.
            Some(Transitions::of(groups.iter().flat_map(Group::trajectories)).fix_given_wrong().unwrap_or(1.0))
        } else {
            None
        };
        let p_fix_wrong = fixed.map(|fixed| fixed * 100.0);
        sink.receive(&Event::Warm { phase: 2, step: step + 1, loss, acc_t1: None, p_fix_wrong, seconds: clock() })?;
        if fixed.is_some_and(|fixed| fixed >= warm.target_fix) {
            break;
        }
    }
    Ok(learner.into_model())
}

/// A two-attempt transcript, and whether its first attempt is worth learning.
struct Sequence {
    trajectory: Trajectory,
    learn_first: bool,
}

/// One step of cross-entropy, a mean over the learned tokens; with a snapshot, plus the mean KL(snapshot‖model) over first attempts.
fn supervised_step<M: Trainable>(
    learner: &mut Learner<M>,
    snapshot: Option<&M>,
    sequences: &[Sequence],
    learning_rate: f64,
    workers: &Workers,
    step: usize,
) -> Result<f64, TrainError> {
    let device = device_of(learner.model());
    let tokens = |k: usize| sequences.iter().map(move |s| (s.learn_first || k == 1, s.trajectory.attempts()[k].tokens().len()));
    let learned: usize = [0, 1].into_iter().flat_map(tokens).filter(|(learn, _)| *learn).map(|(_, n)| n).sum();
    let anchored: usize = tokens(0).map(|(_, n)| n).sum();
    let micro_batches: Vec<&[Sequence]> = sequences.chunks(SEQUENCES_A_MICRO_BATCH).collect();
    let report = learner.step(&micro_batches, learning_rate, workers, |model, sequences| {
        let trajectories: Vec<&Trajectory> = sequences.iter().map(|s| &s.trajectory).collect();
        let batch = TokenBatch::new(&trajectories, &device).expect("two attempts in every transcript");
        let weigh = |of: &dyn Fn(&Sequence) -> [f32; 2]| {
            batch.spread(&sequences.iter().flat_map(of).collect::<Vec<_>>()).expect("one weight an attempt")
        };
        let distribution = log_distribution(model.logits(model.states(batch.tokens(), batch.positions())), 1.0);
        let learn = weigh(&|s| [f32::from(u8::from(s.learn_first)), 1.0]);
        let entropy = (of_targets(distribution.clone(), batch.targets()) * learn).sum().neg().div_scalar(learned.max(1) as f64);
        let loss = match snapshot {
            None => entropy,
            Some(snapshot) => {
                let frozen = log_distribution(snapshot.logits(snapshot.states(batch.tokens(), batch.positions())), 1.0);
                let anchor: Tensor<1> = kl::exact(frozen, distribution) * weigh(&|_| [1.0, 0.0]);
                entropy + anchor.sum().div_scalar(anchored as f64)
            }
        };
        (loss, ())
    });
    if !(report.loss.is_finite() && report.grad_norm.is_finite()) {
        let stage = "warm start".to_owned();
        return Err(TrainError::NotFinite { what: "the loss", value: report.loss, stage, step: step + 1 });
    }
    Ok(report.loss)
}

fn draw_problems(task: &dyn TextTask, config: &TrainConfig, step: usize) -> Vec<Problem> {
    let first = (step * config.warm.sequences) as u64;
    (first..first + config.warm.sequences as u64).map(|index| task.problem(config.seed, Split::Train, index)).collect()
}

/// Key of the choices made for the `sequence`-th transcript of a step; the token field tells the choices apart.
fn draw_key(config: &TrainConfig, step: usize, sequence: usize) -> RandomKey {
    RandomKey { step: step as u32, problem: sequence as u32, ..RandomKey::new(config.seed, Stream::WarmTargets) }
}

/// Phase 1: attempt 1 is the reference, corrupted in half of the transcripts; attempt 2 copies it or is right.
fn corrupted(task: &dyn TextTask, warm: &WarmConfig, problem: &Problem, key: RandomKey) -> Result<Sequence, TrainError> {
    let right = problem.reference().to_vec();
    let draw = |token: u32| RandomKey { token, ..key };
    let corrupt = draw(0).uniform() < 0.5;
    let copy = f64::from(draw(1).uniform()) < warm.copy_corrupted;
    let mut first = right.clone();
    if corrupt {
        let alphabet = task.answer_alphabet();
        let chance = warm.corrupted_tokens / right.len().max(1) as f64;
        for (i, token) in first.iter_mut().enumerate() {
            let place = 2 + 2 * i as u32;
            if f64::from(draw(place).uniform()) < chance {
                *token = alphabet[draw(place + 1).below(alphabet.len() as u32) as usize];
            }
        }
    }
    let second = if copy { first.clone() } else { right };
    Ok(Sequence { trajectory: transcript(task, problem, [first, second])?, learn_first: !corrupt })
}

/// Phase 2: attempt 1 was sampled; attempt 2 copies it, is another sample, or is right.
fn sampled(task: &dyn TextTask, warm: &WarmConfig, group: &Group, key: RandomKey) -> Result<Sequence, TrainError> {
    let answer = |sample: usize| group.trajectories()[sample].attempts()[0].answer().to_vec();
    let first = answer(0);
    let draw = f64::from(key.uniform());
    let second = if draw < warm.copy_sampled {
        first.clone()
    } else if draw < warm.copy_sampled + warm.right_sampled {
        group.problem().reference().to_vec()
    } else {
        answer(1)
    };
    Ok(Sequence { trajectory: transcript(task, group.problem(), [first, second])?, learn_first: false })
}

/// A transcript of two given answers, each with the task's end token where it has one.
fn transcript(task: &dyn TextTask, problem: &Problem, answers: [Vec<u32>; 2]) -> Result<Trajectory, TrainError> {
    let attempts = answers.map(|mut tokens| {
        let stop = match task.answer_shape() {
            AnswerShape::Fixed(_) => StopReason::FixedLength,
            AnswerShape::Ended { max } => {
                tokens.truncate(max - 1);
                tokens.push(task.vocabulary().end());
                StopReason::EndToken
            }
        };
        let logprobs = vec![0.0; tokens.len()];
        Attempt::new(tokens, logprobs, stop, Verdict::Wrong)
    });
    let [first, second] = attempts;
    Ok(Trajectory::new(problem.prompt().to_vec(), task.revision(), vec![first?, second?])?)
}
