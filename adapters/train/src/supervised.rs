//! Supervised steps on the problems' references: a warm start for a model that can talk, but not do the task yet.
//!
//! RL strengthens what is sampled now and then. A pretrained model that answers rightly once in a hundred samples, or in a form that the verifier can't read,
//! is first taught by examples: the answer that the task knows ([`Problem::demonstration`]), written where the model would write it. Some examples may be
//! corrections: a wrong first attempt of the model's own, the revision instruction, and the right answer, of which only the last is learned. It ends as soon
//! as sampled first attempts are right in a stated share, so that there is still something to take back.
//!
//! | file | what it holds |
//! |---|---|
//! | [`example`] | what is learned: an answer, or a correction |
//! | [`step`] | cross-entropy on examples, one step of the optimiser |
//! | this one | the steps in a row, with their checks |
//!
//! The first two know neither settings nor stages: pairs of answers from elsewhere (Pair-SFT, arXiv 2409.12917, section 4) are learned by them too.

pub mod example;
pub mod step;

use palinode_core::{
    rng::{RandomKey, Stream},
    sampling::Sampling,
    task::{Problem, Split},
    transitions::Transitions,
    verifier::Verdict,
};

use self::{example::Example, step::Teacher};
use crate::{
    arm::StageName,
    config::SupervisedConfig,
    course::Course,
    episodes::episodes_of,
    error::TrainError,
    event::Event,
    gradient::learner::Learner,
    play::{play, rollout_config},
    run::{
        place::{Place, WarmPlace},
        progress::Resumed,
    },
    trainable::{Trainable, vocabulary},
};

/// Its number among the phases of the warm start: it comes after the three of [`crate::warm`], where there are such.
pub const PHASE: usize = 4;

/// Seed of the problems that are checked, which no step of training uses.
const CHECK_SEED: u64 = u64::MAX;

/// Takes all supervised steps, or what `resumed` has left of them, and returns the model that they leave.
///
/// # Errors
/// [`TrainError::NotFinite`], [`TrainError::Core`], [`TrainError::Interrupted`], and what sink and keeper report; [`TrainError::Config`] where the problems
/// of a step have nothing to teach.
pub fn supervise<M: Trainable>(model: M, resumed: Option<Resumed<M>>, course: &mut Course<'_, M>) -> Result<M, TrainError> {
    let (first, vocabulary) = (course.config.warm.steps(), vocabulary(&model)?);
    let optimizer = (course.optimizers)(StageName::Base);
    let fresh = resumed.is_none();
    let (mut learner, place) = match resumed {
        None => (Learner::new(model, optimizer), WarmPlace { phase: PHASE, done: first, first, over: false }),
        Some(resumed) => match resumed.place {
            Place::Warm(place) => (resumed.learner(model, optimizer)?, place),
            Place::Reinforce { .. } => return Err(TrainError::misplaced("an RL stage, before the base was complete")),
        },
    };
    let wanted = course.config.supervised.check_problems as u64;
    let count = course.task.len(Split::Train).map_or(wanted, |all| all.min(wanted));
    let checked = (0..count).map(|i| course.task.problem(CHECK_SEED, Split::Train, i)).collect();
    let mut steps = Steps { course, checked, place, vocabulary };
    if fresh {
        let found = steps.check(learner.model())?;
        steps.report(None, None, Some(found))?;
    }
    while steps.place.done < first + steps.settings().steps && !steps.place.over {
        steps.take(&mut learner)?;
    }
    Ok(learner.into_model())
}

/// What all steps share.
struct Steps<'a, 'b, M> {
    course: &'a mut Course<'b, M>,
    checked: Vec<Problem>,
    place: WarmPlace,
    vocabulary: usize,
}

/// What a check found on training problems, sampled as in RL, as fractions.
#[derive(Clone, Copy)]
struct Found {
    /// First attempts that are right.
    right: f64,
    /// Right second attempts among those after a wrong first, where corrections are taught.
    fixed: Option<f64>,
}

impl<M: Trainable> Steps<'_, '_, M> {
    fn settings(&self) -> &SupervisedConfig {
        &self.course.config.supervised
    }

    /// One step, and a check where one is due.
    fn take(&mut self, learner: &mut Learner<M>) -> Result<(), TrainError> {
        let step = self.place.done - self.place.first;
        let key = self.key(Stream::WarmTargets, step);
        let examples = self.examples(learner.model(), step, key)?;
        let corrections = examples.iter().filter(|example| example.attempts() > 1).count();
        let teacher = Teacher {
            workers: self.course.workers,
            micro_batch: self.course.config.reinforce.micro_batch,
            vocabulary: self.vocabulary,
            anchor: None,
            dropout: Some(RandomKey { stream: Stream::Dropout, ..key }),
        };
        let settings = self.settings();
        let rate = settings.rates()?.rate(step, settings.steps);
        let report = teacher.step(learner, &examples, rate)?;
        report.require_finite("warm start", self.place.done + 1)?;
        self.place.done += 1;
        let due = (step + 1).is_multiple_of(self.settings().check_every) || step + 1 == self.settings().steps;
        let found = if due { Some(self.check(learner.model())?) } else { None };
        self.report(Some(report.loss), Some(corrections), found)?;
        self.course.after_warm_step(self.place, learner, None)
    }

    /// The examples of a step: answers first, then corrections.
    fn examples(&self, model: &M, step: usize, key: RandomKey) -> Result<Vec<Example>, TrainError> {
        let (task, settings) = (self.course.task, self.settings());
        let first = (step * settings.sequences) as u64;
        let problems = (first..first + settings.sequences as u64).map(|i| task.problem(self.course.config.seed, Split::Train, i));
        let problems: Vec<Problem> = problems.filter(|problem| Example::can_teach(task, problem)).collect();
        if problems.is_empty() {
            let expected = format!(
                "at least one in a step that an answer has room for ({} tokens with its end): raise task.max_answer (--max-answer)",
                task.turns().limit().max_tokens()
            );
            return Err(TrainError::Config { name: "references that can be taught", expected, got: "none".into() });
        }
        problems
            .iter()
            .try_for_each(|problem| example::check_tokens("an answer to learn", problem.demonstration(), self.vocabulary))?;
        let wish = |place: usize| f64::from(RandomKey { problem: place as u32, ..key }.uniform()) < settings.corrections;
        let (to_correct, to_answer): (Vec<_>, Vec<_>) = problems.into_iter().enumerate().partition(|(place, _)| wish(*place));
        let to_correct: Vec<Problem> = to_correct.into_iter().map(|(_, problem)| problem).collect();
        let (corrections, right) = self.corrections(model, &to_correct, step)?;
        let answers = to_answer.iter().map(|(_, problem)| problem).chain(&right);
        let answers: Vec<Example> = answers.map(|problem| Example::answer(task, problem)).collect::<Result<_, _>>()?;
        Ok(answers.into_iter().chain(corrections).collect())
    }

    /// A correction of each problem that the model, sampled once, gets wrong; and the other problems.
    fn corrections(&self, model: &M, problems: &[Problem], step: usize) -> Result<(Vec<Example>, Vec<Problem>), TrainError> {
        let (mut corrections, mut right) = (Vec::new(), Vec::new());
        let key = self.key(Stream::WarmStart, step);
        let rollouts = rollout_config(self.course.task, 1, 1, self.sampling()?)?;
        for group in play(model, self.course.task, problems, &rollouts, key, self.course.workers)? {
            let first = group.trajectories()[0].attempts()[0].clone();
            // What the verifier could not judge is no mistake.
            if first.verdict().is_right() || first.verdict() == Verdict::Failed {
                right.push(group.problem().clone());
            } else {
                let second = group.problem().demonstration();
                corrections.push(Example::correction(self.course.task, group.problem(), first, second)?);
            }
        }
        Ok((corrections, right))
    }

    /// How often sampled attempts are right on training problems; says too whether that is enough.
    fn check(&mut self, model: &M) -> Result<Found, TrainError> {
        let corrects = self.settings().corrections > 0.0;
        let rollouts = rollout_config(self.course.task, if corrects { 2 } else { 1 }, 1, self.sampling()?)?;
        let key = self.key(Stream::Evaluation, self.place.done);
        let groups = play(model, self.course.task, &self.checked, &rollouts, key, self.course.workers)?;
        let transitions = Transitions::of(episodes_of(&groups));
        let right = transitions.accuracy(0);
        self.place.over = right >= self.settings().target_accuracy;
        Ok(Found { right, fixed: if corrects { transitions.fix_given_wrong() } else { None } })
    }

    /// As attempts are sampled in RL, which is what they are to be ready for.
    fn sampling(&self) -> Result<Sampling, TrainError> {
        Ok(Sampling::temperature(self.course.config.reinforce.temperature)?)
    }

    fn key(&self, stream: Stream, step: usize) -> RandomKey {
        RandomKey { step: step as u32, ..RandomKey::new(self.course.config.seed, stream) }
    }

    fn report(&mut self, loss: Option<f64>, corrections: Option<usize>, found: Option<Found>) -> Result<(), TrainError> {
        let percent = |fraction: f64| fraction * 100.0;
        self.course.sink.receive(&Event::Warm {
            phase: PHASE,
            step: self.place.done,
            loss,
            acc_t1: None,
            sampled_t1: found.map(|found| percent(found.right)),
            p_fix_wrong: found.and_then(|found| found.fixed).map(percent),
            corrections: corrections.filter(|_| self.settings().corrections > 0.0),
            seconds: (self.course.clock)(),
        })
    }
}
