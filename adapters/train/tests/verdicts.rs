//! A verifier that fails, panics or does not return is not a wrong answer: a run says so, goes on, and stops where it is too often.

use std::{
    panic,
    sync::{Arc, Once},
    thread,
    time::Duration,
};

use palinode_core::{
    task::{Problem, Split, Task},
    turns::{MultiTurnTask, Shown, Turns},
    verifier::{Verdict, Verifier},
};
use palinode_lm::{Decoder, DecoderConfig};
use palinode_tasks::{DigitTask, Ledger};
use palinode_text::TextTask;
use palinode_train::{
    TrainError,
    config::TrainConfig,
    event::{Checked, Event, WarningKind},
    gradient::workers::Workers,
    play::context,
    run::progress::Start,
    train,
};

/// What a verifier does with problems that it can't judge.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Trouble {
    Says,
    Panics,
    /// Returns, but too late.
    Late,
    /// Does not return for as long as the test runs.
    Hangs,
}

/// Most that a verdict may take here, where it matters.
const LIMIT: Duration = Duration::from_millis(40);

/// The ledger, with a verifier that can't judge one problem in some.
#[derive(Clone)]
struct Failing {
    task: DigitTask,
    one_in: u32,
    trouble: Trouble,
}

impl Task for Failing {
    fn problem(&self, seed: u64, split: Split, index: u64) -> Problem {
        self.task.problem(seed, split, index)
    }
}

impl Verifier for Failing {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        if problem.prompt().iter().sum::<u32>().is_multiple_of(self.one_in) {
            match self.trouble {
                Trouble::Says => return Verdict::Failed,
                Trouble::Panics => panic!("index out of bounds, for one"),
                Trouble::Late => thread::sleep(LIMIT * 2),
                Trouble::Hangs => thread::sleep(Duration::from_secs(3600)),
            }
        }
        self.task.verify(problem, answer)
    }
}

impl MultiTurnTask for Failing {
    fn turns(&self) -> Turns {
        self.task.turns()
    }

    fn shown(&self) -> &dyn Shown {
        self.task.shown()
    }

    fn answer_alphabet(&self) -> Vec<u32> {
        self.task.answer_alphabet()
    }

    fn detached(&self) -> Option<Arc<dyn Verifier + Send + Sync>> {
        Some(Arc::new(self.clone()))
    }
}

fn run(max_failed: f64) -> (Result<(), TrainError>, Vec<Event>) {
    run_with(Trouble::Says, 3, max_failed)
}

fn run_with(trouble: Trouble, one_in: u32, max_failed: f64) -> (Result<(), TrainError>, Vec<Event>) {
    // These panics are meant: nobody needs to read of them.
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() != Some("verdict") {
                usual(info);
            }
        }));
    });
    let task = Failing { task: Ledger::new(4, 0.6).unwrap(), one_in, trouble };
    let limit = if matches!(trouble, Trouble::Late | Trouble::Hangs) { LIMIT } else { Duration::from_secs(60) };
    let workers = Workers::new(1).unwrap().with_verdict_limit(Some(limit));
    let mut config = TrainConfig::default();
    config.set_warm_steps(0);
    (config.reinforce.steps_one, config.reinforce.steps_two) = (1, 1);
    (config.reinforce.problems, config.reinforce.samples, config.reinforce.max_failed) = (16, 2, max_failed);
    (config.evaluation.problems, config.evaluation.problems_between) = (10, 10);
    let sizes = DecoderConfig::small(task.task.dialogue().tokenizer().len(), 16, 1, 2, context(&task, 2).unwrap());
    let model = Decoder::new(&sizes, 0, &palinode_flex::device()).unwrap();
    let mut events = Vec::new();
    let outcome = train(Start::fresh(model), &task, &config, &workers, &mut (), &mut events);
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
    assert!(step.verdicts.count("failed") > 0);
    assert!(run(1.0).0.is_ok(), "a limit of 1 allows all");
}

#[test]
fn a_model_that_is_never_right_is_told_before_the_first_step() {
    let (_, events) = run(1.0);
    let at = |wanted: fn(&Event) -> bool| events.iter().position(wanted).unwrap();
    let signal = at(|event| matches!(event, Event::Signal(_)));
    assert!(signal < at(|event| matches!(event, Event::Step(_))));
    let Event::Signal(found) = &events[signal] else { panic!() };
    assert_eq!((found.problems, found.samples), (32, 2), "of two steps");
    assert_eq!((found.verdicts.total(), found.greedy), (2 * 64, Some([0.0; 2])));
    let Event::Warning { message, .. } = &events[signal + 1] else { panic!("{:?}", events[signal + 1]) };
    assert!(message.starts_with("no signal: "), "{message}");
    // Whoever looks on hears how far it has come.
    let heard = events.iter().filter_map(|event| match event {
        Event::Checking { check: Checked::Signal, done, all } => Some((*done, *all)),
        _ => None,
    });
    assert_eq!(heard.collect::<Vec<_>>(), (0..=8).map(|part| (8 * part, 64)).collect::<Vec<_>>());
}

fn failed(events: &[Event]) -> u64 {
    let of = |event: &Event| {
        if let Event::Step(step) = event { Some(step.verdicts.count("failed")).filter(|count| *count > 0) } else { None }
    };
    events.iter().filter_map(of).sum()
}

#[test]
fn a_verifier_that_panics_or_is_late_counts_as_failed_and_the_run_goes_on() {
    for (trouble, one_in, reason) in [
        (Trouble::Panics, 3, "the verifier panicked: index out of bounds, for one"),
        (Trouble::Late, 11, "no verdict within 0.04 s"),
    ] {
        let (outcome, events) = run_with(trouble, one_in, 1.0);
        assert!(outcome.is_ok(), "{trouble:?}: {outcome:?}");
        assert!(failed(&events) > 0, "{trouble:?}");
        // The first step in which it happens says so, with an attempt and the reason.
        let said = |event: &Event| match event {
            Event::Warning { kind: WarningKind::Failed, message, .. } => Some(message.clone()),
            _ => None,
        };
        let said: Vec<String> = events.iter().filter_map(said).collect();
        assert!((1..=2).contains(&said.len()), "{trouble:?}: once a stage: {said:?}");
        assert!(said[0].contains("failed on") && said[0].contains("problem: ") && said[0].contains(reason), "{said:?}");
    }
}

#[test]
fn a_verifier_that_panics_too_often_stops_the_run_with_its_words() {
    let (outcome, _) = run_with(Trouble::Panics, 3, 0.1);
    let Err(TrainError::Verifier { examples, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(examples.matches("verdict: failed: the verifier panicked: index out of bounds").count(), 3, "{examples}");
}

#[test]
fn a_verifier_that_never_returns_ends_the_run_by_name_and_soon() {
    let (outcome, _) = run_with(Trouble::Hangs, 2, 1.0);
    let Err(error @ TrainError::Stuck { threads, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(threads, palinode_train::judges::MOST_STUCK);
    let message = error.to_string();
    assert!(
        message.contains("verdict_seconds") && message.contains("problem: ") && message.contains("no verdict within"),
        "{message}"
    );
}

#[test]
fn without_a_limit_a_slow_verdict_counts_for_what_it_is() {
    let task = Failing { task: Ledger::new(4, 0.6).unwrap(), one_in: 1, trouble: Trouble::Late };
    let problem = task.problem(0, Split::Train, 0);
    for (limit, expected) in [(None, Verdict::Right), (Some(LIMIT), Verdict::Failed), (Some(LIMIT * 50), Verdict::Right)] {
        let workers = Workers::new(1).unwrap().with_verdict_limit(limit);
        assert_eq!(workers.judges().of(&task).verify(&problem, problem.reference()), expected, "{limit:?}");
    }
}
