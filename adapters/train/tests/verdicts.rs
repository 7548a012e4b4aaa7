//! A verifier that fails is not a wrong answer: a run says so, and stops.

use palinode_core::{
    rollout::AnswerLimit,
    task::{Problem, Split, Task},
    verifier::{Verdict, Verifier},
};
use palinode_lm::{Decoder, DecoderConfig};
use palinode_tasks::{Dialogue, DigitTask, Ledger, TaskError, TextTask};
use palinode_train::{TrainError, config::TrainConfig, event::Event, play::context, progress::Start, train, workers::Workers};

/// The ledger, with a verifier that can't judge one problem in three.
struct Failing(DigitTask);

impl Task for Failing {
    fn problem(&self, seed: u64, split: Split, index: u64) -> Problem {
        self.0.problem(seed, split, index)
    }
}

impl Verifier for Failing {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        if problem.prompt().iter().sum::<u32>().is_multiple_of(3) { Verdict::Failed } else { self.0.verify(problem, answer) }
    }
}

impl TextTask for Failing {
    fn name(&self) -> &str {
        "failing"
    }

    fn dialogue(&self) -> &dyn Dialogue {
        self.0.dialogue()
    }

    fn answer_limit(&self) -> AnswerLimit {
        self.0.answer_limit()
    }

    fn max_prompt(&self) -> usize {
        self.0.max_prompt()
    }

    fn answer_alphabet(&self) -> Vec<u32> {
        self.0.answer_alphabet()
    }

    fn parse(&self, text: &str) -> Result<Problem, TaskError> {
        self.0.parse(text)
    }

    fn show_prompt(&self, problem: &Problem) -> String {
        self.0.show_prompt(problem)
    }
}

fn run(max_failed: f64) -> (Result<(), TrainError>, Vec<Event>) {
    let task = Failing(Ledger::new(4, 0.6).unwrap());
    let mut config = TrainConfig::default();
    config.set_warm_steps(0);
    (config.reinforce.steps_one, config.reinforce.steps_two) = (1, 1);
    (config.reinforce.problems, config.reinforce.samples, config.reinforce.max_failed) = (16, 2, max_failed);
    (config.evaluation.problems, config.evaluation.problems_between) = (10, 10);
    let sizes = DecoderConfig::small(task.dialogue().tokenizer().len(), 16, 1, 2, context(&task, 2).unwrap());
    let model = Decoder::new(&sizes, 0, &palinode_flex::device()).unwrap();
    let mut events = Vec::new();
    let outcome = train(Start::fresh(model), &task, &config, &Workers::new(1).unwrap(), &mut (), &mut events);
    (outcome.map(drop), events)
}

#[test]
fn a_run_stops_when_its_verifier_fails_too_often_and_shows_examples() {
    let (outcome, events) = run(0.1);
    let Err(TrainError::Verifier { share, examples, .. }) = outcome else { panic!("{outcome:?}") };
    assert!((0.1..0.7).contains(&share), "{share}");
    assert!(examples.matches("verdict: failed").count() == 3 && examples.contains("problem: "), "{examples}");
    // What failed is counted, and was written before the run stopped.
    let step = events.iter().find_map(|event| if let Event::Step(step) = event { Some(step) } else { None }).unwrap();
    assert!(step.verdicts["failed"] > 0);
    assert!(run(1.0).0.is_ok(), "a limit of 1 allows all");
}

#[test]
fn a_model_that_is_never_right_is_told_before_the_first_step() {
    let (_, events) = run(1.0);
    let at = |wanted: fn(&Event) -> bool| events.iter().position(wanted).unwrap();
    let signal = at(|event| matches!(event, Event::Signal(_)));
    assert!(signal < at(|event| matches!(event, Event::Step(_))));
    let Event::Signal(found) = &events[signal] else { panic!() };
    assert_eq!((found.problems, found.samples), (64, 8));
    let Event::Warning { message, .. } = &events[signal + 1] else { panic!("{:?}", events[signal + 1]) };
    assert!(message.starts_with("no signal: "), "{message}");
}
