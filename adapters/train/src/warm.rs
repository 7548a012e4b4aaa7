//! The supervised start of a new model: a base that answers in one attempt, and copies its answer in the next.
//!
//! A model made from scratch knows no "revise" habit. It is given one in three phases, so that what it leaves behaves like the paper's base models: greedy,
//! attempt 2 repeats attempt 1 (delta near 0); sampled, it corrects a wrong answer now and then, without which RL would have no signal.
//!
//! 1. *Corrupted.* Attempt 1 is right, or has some tokens replaced; cross-entropy on right first attempts and on second attempts, whose target is a
//!    copy of attempt 1 or the right answer. Ends when greedy acc@t1 reaches a target.
//! 2. *Sampled.* Attempt 1 is sampled from a snapshot of the model; the second's target is a copy or the right answer. KL(snapshot‖model) holds attempt 1
//!    in place. Ends when the share of wrong answers that a sampled attempt 2 takes back reaches a target, so that every seed has the skill.
//! 3. *Habit.* The same, with copies far more likely: what was learned is still there to be found by sampling, and greedy it does not show.

use palinode_core::{
    rng::{RandomKey, Stream},
    sampling::Sampling,
    task::{Problem, Split},
    trajectory::Group,
    transitions::Transitions,
    turns::MultiTurnTask,
};

use crate::{
    arm::StageName,
    config::{TrainConfig, WarmConfig},
    course::Course,
    error::TrainError,
    evaluate::evaluate,
    event::Event,
    gradient::learner::Learner,
    play::{play, rollout_config},
    run::{
        place::{Place, WarmPlace},
        progress::Resumed,
    },
    supervised::{
        example::{Example, check_tokens, episode, given},
        step::Teacher,
    },
    trainable::{Trainable, vocabulary},
};

/// Sequences scored together.
const SEQUENCES_A_MICRO_BATCH: usize = 32;

/// Training problems on which the phases are checked, and their seed, which no step of training uses.
const CHECK_PROBLEMS: u64 = 500;
const CHECK_SEED: u64 = u64::MAX;

/// Runs all phases, or what `resumed` has left of them, and returns the base model.
///
/// # Errors
/// [`TrainError::NotFinite`], [`TrainError::Core`], [`TrainError::Interrupted`], and what sink and keeper report.
pub fn warm_start<M: Trainable>(model: M, resumed: Option<Resumed<M>>, course: &mut Course<'_, M>) -> Result<M, TrainError> {
    let vocabulary = vocabulary(&model)?;
    let &mut Course { task, config, optimizers, .. } = course;
    if config.warm.steps() > 0 {
        check_tokens("the ids that an answer may hold", &task.answer_alphabet(), vocabulary)?;
    }
    let checked = (0..CHECK_PROBLEMS).map(|i| task.problem(CHECK_SEED, Split::Train, i)).collect();
    let optimizer = || optimizers(StageName::Base);
    let (mut learner, snapshot, place) = match resumed {
        None => (Learner::new(model, optimizer()), None, WarmPlace { phase: 1, done: 0, first: 0, over: false }),
        Some(resumed) => match resumed.place {
            Place::Warm(place) => (resumed.learner(model, optimizer())?, resumed.reference, place),
            Place::Reinforce { .. } => return Err(TrainError::misplaced("an RL stage, before the base was complete")),
        },
    };
    let mut warm = WarmStart { course, checked, place, vocabulary };
    if warm.place.phase == 1 {
        warm.corrupted_phase(&mut learner)?;
        learner = Learner::new(learner.into_model(), optimizer());
        warm.enter(2);
    }
    // Where phase 1 is over, the snapshot is the model that it left.
    let snapshot = snapshot.unwrap_or_else(|| learner.model().clone());
    if warm.place.phase == 2 {
        warm.sampled_phase(&mut learner, &snapshot)?;
        warm.enter(3);
    }
    warm.sampled_phase(&mut learner, &snapshot)?;
    Ok(learner.into_model())
}

/// What all phases share.
struct WarmStart<'a, 'b, M> {
    course: &'a mut Course<'b, M>,
    checked: Vec<Problem>,
    place: WarmPlace,
    vocabulary: usize,
}

impl<M: Trainable> WarmStart<'_, '_, M> {
    /// The next phase begins.
    fn enter(&mut self, phase: usize) {
        self.place = WarmPlace { phase, first: self.place.done, over: false, ..self.place };
    }

    /// Phase 1, until its target is reached.
    fn corrupted_phase(&mut self, learner: &mut Learner<M>) -> Result<(), TrainError> {
        let warm = &self.course.config.warm;
        while self.place.done < warm.steps_corrupted && !self.place.over {
            let step = self.place.done;
            let examples: Vec<Example> = draw_problems(self.course.task, self.course.config, step, self.vocabulary)?
                .iter()
                .enumerate()
                .map(|(i, problem)| corrupted(self.course.task, warm, problem, draw_key(self.course.config, step, i)))
                .collect::<Result<_, _>>()?;
            let rate = warm.rates()?.rate(step, warm.steps_corrupted);
            let loss = self.supervised_step(learner, None, &examples, rate, step)?;
            self.place.done = step + 1;
            let accuracy = match self.place.done.is_multiple_of(warm.check_every) {
                true => Some(
                    evaluate(learner.model(), self.course.task, &self.checked, 1, self.course.workers)?.transitions.accuracy(0),
                ),
                false => None,
            };
            self.report(loss, accuracy, None)?;
            self.place.over = accuracy.is_some_and(|accuracy| accuracy >= warm.target_accuracy);
            self.course.after_warm_step(self.place, learner, None)?;
        }
        Ok(())
    }

    /// Phases 2 and 3: a number of steps at most, with second attempts that copy with some probability, until enough of the wrong first attempts are
    /// taken back.
    fn sampled_phase(&mut self, learner: &mut Learner<M>, snapshot: &M) -> Result<(), TrainError> {
        let warm = &self.course.config.warm;
        let (steps, copy, target) = match self.place.phase {
            2 => (warm.steps_sampled, warm.copy_sampled, warm.target_fix),
            _ => (warm.steps_habit, warm.copy_habit, f64::INFINITY),
        };
        let rollouts = rollout_config(self.course.task, 1, 1, Sampling::temperature(1.0)?)?;
        while self.place.done < self.place.first + steps && !self.place.over {
            let step = self.place.done;
            let key = RandomKey { step: step as u32, ..RandomKey::new(self.course.config.seed, Stream::WarmStart) };
            let problems = draw_problems(self.course.task, self.course.config, step, self.vocabulary)?;
            let groups = play(snapshot, self.course.task, &problems, &rollouts, key, self.course.workers)?;
            let examples: Vec<Example> = groups
                .iter()
                .enumerate()
                .map(|(i, group)| sampled(self.course.task, copy, group, draw_key(self.course.config, step, i)))
                .collect::<Result<_, _>>()?;
            let loss = self.supervised_step(learner, Some(snapshot), &examples, warm.learning_rate_sampled, step)?;
            self.place.done = step + 1;
            let fixed = match (self.place.done - self.place.first).is_multiple_of(warm.check_every) {
                true => Some(self.fixed(learner.model(), step)?),
                false => None,
            };
            self.report(loss, None, fixed)?;
            self.place.over = fixed.is_some_and(|fixed| fixed >= target);
            self.course.after_warm_step(self.place, learner, Some(snapshot))?;
        }
        Ok(())
    }

    /// The fraction of wrong first attempts that a second takes back when both are sampled.
    fn fixed(&self, model: &M, step: usize) -> Result<f64, TrainError> {
        let rollouts = rollout_config(self.course.task, 2, 1, Sampling::temperature(1.0)?)?;
        let key = RandomKey { step: step as u32, ..RandomKey::new(self.course.config.seed, Stream::Evaluation) };
        let groups = play(model, self.course.task, &self.checked, &rollouts, key, self.course.workers)?;
        // Where no first attempt is wrong, there is nothing left to learn here.
        Ok(Transitions::of(groups.iter().flat_map(Group::trajectories)).fix_given_wrong().unwrap_or(1.0))
    }

    /// One step of cross-entropy; with a snapshot, plus the mean KL(snapshot‖model) over first attempts.
    fn supervised_step(
        &self,
        learner: &mut Learner<M>,
        snapshot: Option<&M>,
        examples: &[Example],
        learning_rate: f64,
        step: usize,
    ) -> Result<f64, TrainError> {
        let teacher = Teacher {
            workers: self.course.workers,
            micro_batch: SEQUENCES_A_MICRO_BATCH,
            vocabulary: self.vocabulary,
            anchor: snapshot,
            dropout: None,
        };
        let report = teacher.step(learner, examples, learning_rate)?;
        report.require_finite("warm start", step + 1)?;
        Ok(report.loss)
    }

    fn report(&mut self, loss: f64, accuracy: Option<f64>, fixed: Option<f64>) -> Result<(), TrainError> {
        let percent = |fraction: Option<f64>| fraction.map(|fraction| fraction * 100.0);
        let (acc_t1, p_fix_wrong, seconds) = (percent(accuracy), percent(fixed), (self.course.clock)());
        let WarmPlace { phase, done: step, .. } = self.place;
        let (loss, sampled_t1, corrections) = (Some(loss), None, None);
        self.course.sink.receive(&Event::Warm { phase, step, loss, acc_t1, sampled_t1, p_fix_wrong, corrections, seconds })
    }
}

/// The problems of a step, whose references are what is to be learned.
fn draw_problems(
    task: &dyn MultiTurnTask,
    config: &TrainConfig,
    step: usize,
    vocabulary: usize,
) -> Result<Vec<Problem>, TrainError> {
    let first = (step * config.warm.sequences) as u64;
    let indices = first..first + config.warm.sequences as u64;
    let problems: Vec<Problem> = indices.map(|index| task.problem(config.seed, Split::Train, index)).collect();
    problems.iter().try_for_each(|problem| check_tokens("a reference answer", problem.demonstration(), vocabulary))?;
    Ok(problems)
}

/// Key of the choices made for the `sequence`-th transcript of a step; the token field tells the choices apart.
fn draw_key(config: &TrainConfig, step: usize, sequence: usize) -> RandomKey {
    RandomKey { step: step as u32, problem: sequence as u32, ..RandomKey::new(config.seed, Stream::WarmTargets) }
}

/// Phase 1: attempt 1 is the reference, corrupted in half of the transcripts; attempt 2 copies it or is right.
fn corrupted(task: &dyn MultiTurnTask, warm: &WarmConfig, problem: &Problem, key: RandomKey) -> Result<Example, TrainError> {
    let right = problem.demonstration().to_vec();
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
    example(task, problem, [first, second], !corrupt)
}

/// Phases 2 and 3: attempt 1 was sampled; attempt 2 copies it or is right.
fn sampled(task: &dyn MultiTurnTask, copy: f64, group: &Group, key: RandomKey) -> Result<Example, TrainError> {
    let first = group.trajectories()[0].attempts()[0].answer().to_vec();
    let second = if f64::from(key.uniform()) < copy { first.clone() } else { group.problem().demonstration().to_vec() };
    example(task, group.problem(), [first, second], false)
}

/// An example of two given answers, each with the task's end token where it has one; the second is always learned.
fn example(
    task: &dyn MultiTurnTask,
    problem: &Problem,
    answers: [Vec<u32>; 2],
    learn_first: bool,
) -> Result<Example, TrainError> {
    let limit = task.turns().limit().clone();
    let [first, second] = answers.map(|tokens| given(&limit, tokens));
    Example::new(episode(task, problem, vec![first?, second?])?, vec![learn_first, true])
}
