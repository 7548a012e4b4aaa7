//! Supervised steps on references: what a model learns by them, and when they end.

use palinode_core::{
    task::{Problem, Split, Task},
    turns::{MultiTurnTask, Turns},
    verifier::{Verdict, Verifier},
};
use palinode_lm::{Decoder, DecoderConfig, LoraConfig};
use palinode_tasks::{FileTask, Layout, Ledger};
use palinode_text::TextTask;
use palinode_train::{
    TrainError,
    config::TrainConfig,
    event::{Event, Phase},
    gradient::workers::Workers,
    play::context,
    run::progress::Start,
    schedule::train,
    trainable::fingerprint,
};

/// Thirty problems, each with a worked solution: of two letters the later one is the answer.
fn letters() -> FileTask {
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile().unwrap();
    let letter = |i: usize| char::from(b'a' + (i % 6) as u8);
    let pairs = (0..36).map(|i| (letter(i), letter(i / 6))).filter(|(a, b)| a != b);
    let row = |(a, b): (char, char)| {
        let later = a.max(b);
        format!("{{\"prompt\": \"{a}{b}\", \"answer\": \"{later}\", \"solution\": \"it is {later}\"}}\n")
    };
    std::fs::write(file.path(), pairs.map(row).collect::<String>()).unwrap();
    let mut layout = Layout::default();
    // The last letter of an answer.
    layout.verifier = serde_json::from_str(r#"{"kind": "pattern", "pattern": "([a-f])\\s*$"}"#).unwrap();
    FileTask::load(file.path(), None, &layout).unwrap()
}

fn config() -> TrainConfig {
    let mut config = TrainConfig::default();
    config.set_warm_steps(0);
    (config.checks.signal, config.checks.rehearsal) = (false, false);
    (config.reinforce.steps_one, config.reinforce.steps_two) = (1, 1);
    (config.reinforce.problems, config.reinforce.samples, config.reinforce.micro_batch) = (2, 2, 8);
    (config.evaluation.problems, config.evaluation.problems_between) = (8, 8);
    let supervised = &mut config.supervised;
    (supervised.steps, supervised.sequences, supervised.learning_rate) = (60, 24, 1e-2);
    (supervised.check_every, supervised.check_problems, supervised.target_accuracy) = (10, 64, 0.6);
    config
}

fn run(task: &dyn TextTask, config: &TrainConfig, adapters: Option<&LoraConfig>) -> Result<(Vec<Event>, Decoder), TrainError> {
    let sizes = DecoderConfig::small(task.dialogue().tokenizer().len(), 32, 2, 2, context(task, 2).unwrap());
    let model = Decoder::new(&sizes, 3, &palinode_flex::device())?;
    let model = match adapters {
        Some(adapters) => model.with_adapters(adapters, 0)?,
        None => model,
    };
    let (mut events, workers) = (Vec::new(), Workers::new(2)?);
    let outcome = train(Start::fresh(model), task, config, &workers, &mut (), &mut events)?;
    Ok((events, outcome.model))
}

/// What an event of the warm start says.
struct Taken {
    step: usize,
    loss: Option<f64>,
    right: Option<f64>,
    corrections: Option<usize>,
}

fn warm(events: &[Event]) -> Vec<Taken> {
    let of = |event: &Event| match *event {
        Event::Warm { phase: 4, step, loss, sampled_t1: right, corrections, .. } => {
            Some(Taken { step, loss, right, corrections })
        }
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

#[test]
fn answers_are_learned_until_enough_of_them_are_right() {
    let (events, _) = run(&letters(), &config(), None).unwrap();
    let steps = warm(&events);
    let checks: Vec<f64> = steps.iter().filter_map(|step| step.right).collect();
    // Before the first step it knows nothing; it stops at the first check that finds enough.
    assert!(steps[0].loss.is_none() && checks[0] < 10.0, "{checks:?}");
    let (last, earlier) = checks.split_last().unwrap();
    assert!(*last >= 60.0 && earlier.iter().all(|found| *found < 60.0), "{checks:?}");
    let taken = steps.last().unwrap().step;
    assert!(taken < 60 && taken.is_multiple_of(10) && steps.len() == taken + 1, "{taken} steps");
    assert!(steps[taken].loss.unwrap() < 0.5 * steps[1].loss.unwrap());
    // The base that all is compared with is what they left.
    let position = |wanted: fn(&Event) -> bool| events.iter().position(wanted).unwrap();
    let base = position(|event| matches!(event, Event::Eval { .. }));
    assert!(position(|event| matches!(event, Event::Warm { .. })) < base);
    assert!(position(|event| matches!(event, Event::Step(_))) > base);
    assert!(matches!(&events[base], Event::Eval { summary, .. } if summary.acc_t1 > 25.0), "{:?}", events[base]);
    assert!(!events.iter().any(|event| matches!(event, Event::Signal(_) | Event::Rehearsal { .. } | Event::Checking { .. })));
}

#[test]
fn a_model_that_is_good_enough_takes_no_step() {
    let mut config = config();
    config.supervised.target_accuracy = 0.0;
    let (events, _) = run(&letters(), &config, None).unwrap();
    assert_eq!(warm(&events).len(), 1);
    let planned = events.iter().find_map(|event| match event {
        Event::Stage { phase: Phase::Start, steps, .. } => Some(*steps),
        _ => None,
    });
    assert_eq!(planned, Some(60));
}

#[test]
fn worked_solutions_are_what_is_taught() {
    let task = letters();
    let problem = task.problem(0, Split::Train, 0);
    assert!(problem.demonstration().len() > problem.reference().len());
    let mut config = config();
    (config.supervised.steps, config.supervised.check_every) = (30, 30);
    config.supervised.target_accuracy = 1.0;
    let (_, model) = run(&task, &config, None).unwrap();
    let played = palinode_train::evaluate::play_greedily(&model, &task, &[problem], 1, &Workers::new(1).unwrap()).unwrap();
    let answer = task.shown().show_answer(played[0].trajectories()[0].attempts()[0].answer());
    assert!(answer.starts_with("it is "), "{answer}");
}

#[test]
fn corrections_are_of_wrong_attempts_of_its_own() {
    let mut config = config();
    (config.supervised.corrections, config.supervised.target_accuracy, config.supervised.check_every) = (1.0, 1.0, 20);
    let (events, _) = run(&letters(), &config, None).unwrap();
    let corrections: Vec<usize> = warm(&events).iter().filter_map(|step| step.corrections).collect();
    // All of them are wished for; those that it gets right are answers, and it gets ever more right.
    assert_eq!(corrections.len(), 60);
    assert!(corrections[..10].iter().all(|&n| (18..=24).contains(&n)), "{corrections:?}");
    assert!(corrections[50..].iter().all(|&n| n < 12), "{corrections:?}");
    let fixed: Vec<f64> =
        events.iter().filter_map(|event| if let Event::Warm { p_fix_wrong, .. } = event { *p_fix_wrong } else { None }).collect();
    assert!(fixed.len() == 4 && fixed[3] > fixed[0] + 20.0, "{fixed:?}");
}

#[test]
fn only_adapters_change_where_only_those_are_trained() {
    let task = letters();
    let mut config = config();
    (config.supervised.steps, config.supervised.check_every) = (4, 4);
    let lora = LoraConfig { dropout: 0.2, layers: "last 1".parse().unwrap(), ..LoraConfig::on_all(2) };
    let (events, model) = run(&task, &config, Some(&lora)).unwrap();
    let sizes = model.config().clone();
    let given = Decoder::new(&sizes, 3, &palinode_flex::device()).unwrap();
    assert_eq!(fingerprint(&model.without_adapters()), fingerprint(&given));
    assert!(model.adapters().iter().all(|adapter| adapter.layer == 1 && adapter.b.iter::<f32>().any(|number| number != 0.0)));
    // KL is measured against the warmed model: its adapters are part of the reference.
    let reference = events.iter().find_map(|event| match event {
        Event::Reference { fingerprint } => Some(fingerprint.clone()),
        _ => None,
    });
    assert_ne!(reference.unwrap(), fingerprint(&given));
    let kl = events.iter().find_map(|event| if let Event::Step(step) = event { Some(step.kl.clone()) } else { None }).unwrap();
    assert!(kl.iter().all(|kl| kl.abs() < 1e-4), "at the first step of RL nothing has changed since: {kl:?}");
}

/// A task whose references no answer has room for.
struct Tight<T>(T);

impl<T: TextTask> Task for Tight<T> {
    fn problem(&self, seed: u64, split: Split, index: u64) -> Problem {
        self.0.problem(seed, split, index).with_demonstration(vec![1; 99])
    }
}

impl<T: TextTask> Verifier for Tight<T> {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        self.0.verify(problem, answer)
    }
}

impl<T: TextTask> MultiTurnTask for Tight<T> {
    fn turns(&self) -> Turns {
        self.0.turns()
    }
}

impl<T: TextTask> TextTask for Tight<T> {
    fn dialogue(&self) -> &dyn palinode_text::Dialogue {
        self.0.dialogue()
    }

    fn parse(&self, text: &str) -> Result<Problem, palinode_text::TextError> {
        self.0.parse(text)
    }
}

#[test]
fn what_can_not_be_taught_is_refused_by_name() {
    let refused = |task: &dyn TextTask, config: &TrainConfig| run(task, config, None).map(drop).unwrap_err().to_string();
    let error = refused(&Tight(Ledger::new(3, 0.6).unwrap()), &config());
    assert!(error.contains("references that can be taught") && error.contains("--max-answer"), "{error}");
    for (change, name) in [
        (&(|config: &mut TrainConfig| config.supervised.sequences = 0) as &dyn Fn(&mut TrainConfig), "supervised.sequences"),
        (&|config| config.supervised.check_every = 0, "supervised.check_every"),
        (&|config| config.supervised.target_accuracy = 1.5, "supervised.target_accuracy"),
        (&|config| config.supervised.corrections = f64::NAN, "supervised.corrections"),
        (&|config| config.supervised.learning_rate = -1.0, "supervised.learning_rate"),
    ] {
        let mut config = config();
        change(&mut config);
        let error = refused(&letters(), &config);
        assert!(error.starts_with(name), "{error}");
    }
}
