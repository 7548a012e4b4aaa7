//! A run that was cut off continues behind its last complete stage, and ends as if it had never stopped.

use std::{fs, path::Path};

use palinode_lm::{Decoder, DecoderConfig, LoraConfig};
use palinode_tasks::{Ledger, TextTask};
use palinode_train::{
    Outcome, TrainError,
    checkpoint::{Checkpoints, ModelCard},
    config::TrainConfig,
    event::{Event, Sink},
    play::context,
    run_folder::RunFolder,
    schedule::{Start, train},
    trainable::fingerprint,
    workers::Workers,
};

fn config() -> TrainConfig {
    let mut config = TrainConfig::default();
    config.set_warm_steps(6);
    config.warm.sequences = 8;
    (config.reinforce.steps_one, config.reinforce.steps_two) = (3, 4);
    (config.reinforce.problems, config.reinforce.samples) = (3, 2);
    (config.evaluation.problems, config.evaluation.problems_between, config.evaluation.every) = (30, 10, 2);
    config
}

/// Passes events on, and fails at one of them as a full disk would.
struct FailsAt {
    folder: RunFolder,
    left: usize,
}

impl Sink for FailsAt {
    fn receive(&mut self, event: &Event) -> Result<(), TrainError> {
        if self.left == 0 {
            return Err(TrainError::Damaged { path: "metrics.jsonl".into(), reason: "no space is left".into() });
        }
        self.left -= 1;
        self.folder.receive(event)
    }
}

fn run(path: &Path, events: usize, resume: bool) -> Result<Outcome<Decoder>, TrainError> {
    let (task, device) = (Ledger::new(4, 0.6).unwrap(), palinode_flex::device());
    let sizes = DecoderConfig::small(task.dialogue().tokenizer().len(), 16, 1, 2, context(&task, 2).unwrap());
    let card = ModelCard { model: sizes.clone(), vocabulary: task.dialogue().tokenizer().vocabulary().cloned(), origin: None };
    let checkpoints = Checkpoints::of(path);
    let fresh = Start::fresh(Decoder::new(&sizes, 0, &device)?);
    go_on(&task, &config(), path, events, resume, (fresh, card, checkpoints))
}

/// The same on adapters of a model of somebody else's, of these weights.
fn run_adapters(path: &Path, events: usize, resume: bool, weights: u64) -> Result<Outcome<Decoder>, TrainError> {
    let (task, device) = (Ledger::new(4, 0.6).unwrap(), palinode_flex::device());
    let sizes = DecoderConfig::small(task.dialogue().tokenizer().len(), 16, 1, 2, context(&task, 2).unwrap());
    let base = Decoder::new(&sizes, weights, &device)?;
    let origin = fingerprint(&base);
    let model = base.with_adapters(&LoraConfig::on_all(2), 0)?;
    let card = ModelCard { model: sizes, vocabulary: None, origin: Some(origin.clone()) };
    let mut config = config();
    config.set_warm_steps(0);
    let checkpoints = match resume {
        true => Checkpoints::of(path).starting_from(model.clone(), &origin)?,
        false => Checkpoints::of(path),
    };
    go_on(&task, &config, path, events, resume, (Start::fresh(model), card, checkpoints))
}

fn go_on(
    task: &dyn TextTask,
    config: &TrainConfig,
    path: &Path,
    events: usize,
    resume: bool,
    (fresh, card, checkpoints): (Start<Decoder>, ModelCard, Checkpoints),
) -> Result<Outcome<Decoder>, TrainError> {
    let (start, folder) = match (resume, checkpoints.exist()) {
        (false, _) => (fresh, RunFolder::create(path, "", &card)?),
        (true, false) => (fresh, RunFolder::resume(path, &Default::default())?),
        (true, true) => {
            let (start, saved) = checkpoints.start(&palinode_flex::device())?;
            (start, RunFolder::resume(path, &saved)?)
        }
    };
    let mut sink = FailsAt { folder: folder.clone(), left: events };
    train(start, task, config, &Workers::new(1)?, &mut folder.clone(), &mut sink)
}

/// A file's lines without their times.
fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(path).unwrap();
    let timeless = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        value.as_object_mut().unwrap().remove("seconds");
        value
    };
    text.lines().map(timeless).collect()
}

#[test]
fn a_run_cut_off_anywhere_resumes_to_the_same_end() {
    let folder = tempfile::tempdir().unwrap();
    let straight = folder.path().join("straight");
    run(&straight, usize::MAX, false).unwrap();
    let events = lines(&straight.join("metrics.jsonl")).len();
    // In the warm start, in each stage, between two stages, and at the very end.
    for cut in [0, 3, 9, 12, 14, 20, events - 1] {
        let path = folder.path().join(format!("cut-{cut}"));
        assert!(run(&path, cut, false).is_err(), "cut at {cut} of {events}");
        run(&path, usize::MAX, true).unwrap();
        for file in ["metrics.jsonl", "episodes.jsonl"] {
            assert_eq!(lines(&path.join(file)), lines(&straight.join(file)), "{file}, cut at {cut}");
        }
        for file in ["base.safetensors", "stage-1.safetensors", "stage-2.safetensors"] {
            let bytes = |run: &Path| fs::read(run.join("checkpoints").join(file)).unwrap();
            assert_eq!(bytes(&path), bytes(&straight), "{file}, cut at {cut}");
        }
    }
}

#[test]
fn a_run_on_adapters_resumes_too_and_knows_the_model_it_started_from() {
    let folder = tempfile::tempdir().unwrap();
    let straight = folder.path().join("straight");
    let trained = run_adapters(&straight, usize::MAX, false, 5).unwrap().model;
    let events = lines(&straight.join("metrics.jsonl"));
    let reference = events.iter().find(|event| event["event"] == "reference").unwrap();
    assert_eq!(reference["fingerprint"], fingerprint(&trained.without_adapters()));
    assert!(!straight.join("checkpoints/base.safetensors").exists(), "no copy of the model it started from");
    for cut in [0, 5, 9, events.len() - 1] {
        let path = folder.path().join(format!("cut-{cut}"));
        assert!(run_adapters(&path, cut, false, 5).is_err());
        let end = run_adapters(&path, usize::MAX, true, 5).unwrap().model;
        assert_eq!(fingerprint(&end), fingerprint(&trained), "cut at {cut}");
        assert_eq!(lines(&path.join("metrics.jsonl")), events, "cut at {cut}");
    }
    assert!(matches!(run_adapters(&straight, usize::MAX, true, 6), Err(TrainError::Origin { .. })));
}

#[test]
fn files_that_lost_lines_are_not_continued() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    run(&path, usize::MAX, false).unwrap();
    fs::write(path.join("metrics.jsonl"), "").unwrap();
    let error = run(&path, usize::MAX, true).unwrap_err().to_string();
    assert!(error.contains("metrics.jsonl"), "{error}");
}

#[test]
fn a_frozen_model_is_refused() {
    let (task, device) = (Ledger::new(4, 0.6).unwrap(), palinode_flex::device());
    let sizes = DecoderConfig::small(task.dialogue().tokenizer().len(), 16, 1, 2, context(&task, 2).unwrap());
    let frozen = burn::module::Module::no_grad(Decoder::new(&sizes, 0, &device).unwrap());
    let error = train(Start::fresh(frozen), &task, &config(), &Workers::new(1).unwrap(), &mut (), &mut Vec::new());
    assert!(error.unwrap_err().to_string().contains("this model is frozen"));
}
