//! A run that was cut off goes on after its last checkpoint, and ends as if it had never stopped: to the byte, in weights and in what it wrote.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{FloatDType, Tensor, TensorData},
};
use burn_optim::GradientsParams;
use palinode_lm::{Decoder, DecoderConfig, LoraConfig};
use palinode_tasks::Ledger;
use palinode_text::TextTask;
use palinode_train::{
    Outcome, TrainError, Training,
    config::TrainConfig,
    error::Cause,
    event::{Event, Sink},
    gradient::{optimizer::Optimizer, rate::Decay, workers::Workers},
    play::context,
    run::{
        checkpoint::{Checkpoints, Found, ModelCard},
        keep::Wish,
        progress::Start,
        run_folder::{Keeping, RunFolder, RunLock},
    },
    schedule::train,
    trainable::fingerprint,
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

/// How a run is disturbed.
#[derive(Clone, Copy)]
struct How {
    /// Events until the disk is full.
    events: usize,
    /// Times that somebody is asked until the answer is to stop.
    asked: usize,
    /// Steps between two checkpoints.
    every: usize,
    resume: bool,
    threads: usize,
    /// Whether an optimiser of one's own takes the steps, at a rate that rises and falls.
    own: bool,
    /// Steps on references, on a model of somebody else's.
    supervised: usize,
}

const UNDISTURBED: How =
    How { events: usize::MAX, asked: usize::MAX, every: 0, resume: false, threads: 1, own: false, supervised: 0 };

fn sizes(task: &dyn TextTask, attempts: usize) -> DecoderConfig {
    DecoderConfig::small(task.dialogue().tokenizer().len(), 16, 1, 2, context(task, attempts).unwrap())
}

fn run(path: &Path, how: How) -> Result<Outcome<Decoder>, TrainError> {
    run_attempts(path, 2, how)
}

/// With three attempts Stage I is repeated, and the second time its reference is what the first has left.
fn run_attempts(path: &Path, attempts: usize, how: How) -> Result<Outcome<Decoder>, TrainError> {
    run_fresh(path, attempts, &sizes(&Ledger::new(4, 0.6).unwrap(), attempts), how)
}

fn run_fresh(path: &Path, attempts: usize, sizes: &DecoderConfig, how: How) -> Result<Outcome<Decoder>, TrainError> {
    let (task, device) = (Ledger::new(4, 0.6).unwrap(), palinode_flex::device());
    let card = ModelCard::new(sizes.clone()).with_vocabulary(task.dialogue().tokenizer().vocabulary().cloned());
    let fresh = Start::fresh(Decoder::new(sizes, 0, &device)?);
    let mut config = config();
    config.attempts = attempts;
    go_on(&task, &config, path, how, (fresh, card, Checkpoints::of(path)))
}

/// The same on a model of somebody else's, of these weights: its adapters, or all of it in bf16.
fn run_origin(path: &Path, how: How, weights: u64, adapters: bool) -> Result<Outcome<Decoder>, TrainError> {
    run_sized(path, how, &sizes(&Ledger::new(4, 0.6).unwrap(), 2), weights, adapters)
}

fn run_sized(path: &Path, how: How, sizes: &DecoderConfig, weights: u64, adapters: bool) -> Result<Outcome<Decoder>, TrainError> {
    let (task, device) = (Ledger::new(4, 0.6).unwrap(), palinode_flex::device());
    let base = Decoder::new(sizes, weights, &device)?;
    let origin = fingerprint(&base);
    let model = match adapters {
        true => base.with_adapters(&LoraConfig::on_all(2), 0)?,
        false => base.cast(FloatDType::BF16),
    };
    let card = ModelCard::new(sizes.clone()).starting_from(Some(origin.clone()));
    let mut config = config();
    config.set_warm_steps(0);
    let supervised = &mut config.supervised;
    (supervised.steps, supervised.sequences, supervised.check_every, supervised.check_problems) = (how.supervised, 7, 2, 9);
    (supervised.learning_rate, supervised.corrections, supervised.target_accuracy) = (1e-2, 0.5, 1.0);
    let checkpoints = match how.resume {
        true => Checkpoints::of(path).starting_from(model.clone(), &origin)?,
        false => Checkpoints::of(path),
    };
    go_on(&task, &config, path, how, (Start::fresh(model), card, checkpoints))
}

fn go_on(
    task: &dyn TextTask,
    config: &TrainConfig,
    path: &Path,
    how: How,
    (fresh, card, checkpoints): (Start<Decoder>, ModelCard, Checkpoints),
) -> Result<Outcome<Decoder>, TrainError> {
    let lock = RunLock::take(path)?;
    let (start, folder) = match (how.resume, checkpoints.exist()) {
        (false, _) => (fresh, RunFolder::create(lock, "", &card)?),
        (true, false) => (fresh, RunFolder::resume(lock, Default::default())?),
        (true, true) => {
            let Found { start, saved, .. } = checkpoints.start(&palinode_flex::device())?;
            (start, RunFolder::resume(lock, saved.written)?)
        }
    };
    let asked = AtomicUsize::new(0);
    let wish = move || if asked.fetch_add(1, Ordering::Relaxed) < how.asked { Wish::GoOn } else { Wish::Stop };
    let folder = folder.keeping(Keeping::new(how.every, 1)).asking(wish);
    let mut sink = FailsAt { folder: folder.clone(), left: how.events };
    let (workers, mut kept) = (Workers::new(how.threads)?, folder.clone());
    if !how.own {
        return train(start, task, config, &workers, &mut kept, &mut sink);
    }
    let mut config = config.clone();
    (config.reinforce.schedule, config.reinforce.rise, config.reinforce.learning_rate) = (Decay::Cosine, 2, 1e-2);
    let training = Training::new(task, &config, &workers).with_optimizers(|_| Box::new(Momentum::default()));
    training.run(start, &mut kept, &mut sink)
}

/// Gradient descent with momentum: v ← 0.9 v + g, w ← w − rate · v. Its state is what it remembers of every parameter, in the model's order.
#[derive(Default)]
struct Momentum {
    velocities: Vec<Vec<f32>>,
}

impl<M: Module> Optimizer<M> for Momentum {
    fn step(&mut self, model: M, learning_rate: f64, gradients: GradientsParams) -> M {
        model.map(&mut Descent { optimizer: self, learning_rate, gradients, place: 0 })
    }

    fn to_bytes(&self) -> Result<Vec<u8>, Cause> {
        Ok(serde_json::to_vec(&self.velocities)?)
    }

    fn restore(&mut self, bytes: &[u8], _: &M) -> Result<(), Cause> {
        self.velocities = serde_json::from_slice(bytes)?;
        Ok(())
    }
}

struct Descent<'a> {
    optimizer: &'a mut Momentum,
    learning_rate: f64,
    gradients: GradientsParams,
    place: usize,
}

impl ModuleMapper for Descent<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let place = self.place;
        self.place += 1;
        if self.optimizer.velocities.len() <= place {
            self.optimizer.velocities.push(Vec::new());
        }
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return param };
        let velocity = &mut self.optimizer.velocities[place];
        let gradient: Vec<f32> = gradient.into_data().iter::<f32>().collect();
        velocity.resize(gradient.len(), 0.0);
        velocity.iter_mut().zip(gradient).for_each(|(velocity, gradient)| *velocity = 0.9 * *velocity + gradient);
        let (velocity, rate) = (TensorData::new(velocity.clone(), param.dims()), self.learning_rate);
        param.map(|weights| {
            let velocity = Tensor::from_data(velocity, &weights.device());
            weights - velocity.mul_scalar(rate)
        })
    }
}

/// What two runs of the same settings have in common: everything but times.
fn left_by(run: &Path) -> Vec<(String, Vec<u8>)> {
    let stages = ["base", "stage-1", "stage-2", "stage-3"].map(|stage| format!("checkpoints/{stage}/model.safetensors"));
    let files = ["metrics.jsonl".to_owned(), "episodes.jsonl".to_owned()].into_iter().chain(stages);
    files.filter_map(|file| Some((file.clone(), fs::read(run.join(file)).ok()?))).collect()
}

fn same(a: &Path, b: &Path, how: &str) {
    let (a, b) = (left_by(a), left_by(b));
    assert_eq!(a.len(), b.len(), "{how}");
    for ((file, a), (_, b)) in a.iter().zip(&b) {
        assert!(a == b, "{file}, {how}");
    }
}

fn events(run: &Path) -> usize {
    let lines = |file| fs::read_to_string(run.join(file)).unwrap().lines().count();
    lines("metrics.jsonl") + lines("episodes.jsonl")
}

#[test]
fn a_run_cut_off_anywhere_resumes_to_the_same_end() {
    let folder = tempfile::tempdir().unwrap();
    let straight = folder.path().join("straight");
    run(&straight, UNDISTURBED).unwrap();
    assert_eq!(left_by(&straight).len(), 5);
    let all = events(&straight);
    // In each phase of the warm start, in each stage, between two stages, and at the very end; and with checkpoints so often.
    for (i, cut) in [0, 3, 6, 9, 12, 14, 20, 25, 30, 40, all - 1].into_iter().enumerate() {
        let path = folder.path().join(format!("cut-{cut}"));
        let how = How { every: [0, 1, 2][i % 3], threads: 1 + i % 2, ..UNDISTURBED };
        assert!(run(&path, How { events: cut, ..how }).is_err(), "cut at {cut} of {all}");
        run(&path, How { resume: true, ..how }).unwrap();
        same(&path, &straight, &format!("cut at {cut}, checkpoints every {} steps", how.every));
    }
}

#[test]
fn a_run_that_is_asked_to_stop_behind_every_single_step_still_comes_to_the_same_end() {
    let folder = tempfile::tempdir().unwrap();
    for attempts in [2, 3] {
        let [straight, path] = ["straight", "stopped"].map(|name| folder.path().join(format!("{name}-{attempts}")));
        run_attempts(&straight, attempts, UNDISTURBED).unwrap();
        let mut how = How { asked: 0, ..UNDISTURBED };
        let mut stops = 0;
        while let Err(error) = run_attempts(&path, attempts, how) {
            assert!(matches!(error, TrainError::Interrupted), "{error}");
            (how.resume, stops) = (true, stops + 1);
            assert!(stops < 100);
        }
        // After each of 6 + 3 + 4 steps, and after each stage.
        assert_eq!(stops, 13 + 1 + attempts);
        same(&path, &straight, &format!("{attempts} attempts"));
    }
}

/// Neither the optimiser's state nor the place on its schedule is lost.
#[test]
fn an_optimiser_of_ones_own_and_a_rate_that_changes_resume_too() {
    let folder = tempfile::tempdir().unwrap();
    let [plain, straight, path] = ["plain", "straight", "stopped"].map(|name| folder.path().join(name));
    let mut how = How { own: true, ..UNDISTURBED };
    run(&plain, UNDISTURBED).unwrap();
    run(&straight, how).unwrap();
    assert!(left_by(&plain) != left_by(&straight), "the optimiser was taken");
    how.asked = 0;
    while let Err(error) = run(&path, how) {
        assert!(matches!(error, TrainError::Interrupted), "{error}");
        how.resume = true;
    }
    same(&path, &straight, "momentum");
    // AdamW's state is no other optimiser's.
    let other = folder.path().join("other");
    run(&other, How { asked: 9, ..UNDISTURBED }).unwrap_err();
    let error = run(&other, How { resume: true, own: true, ..UNDISTURBED }).unwrap_err();
    assert!(matches!(error, TrainError::Optimizer(_)) && error.to_string().starts_with("the optimiser's state: "), "{error}");
}

#[test]
fn a_run_on_somebody_elses_model_resumes_too_and_knows_it_again() {
    let folder = tempfile::tempdir().unwrap();
    for adapters in [true, false] {
        let straight = folder.path().join(format!("straight-{adapters}"));
        let trained = run_origin(&straight, UNDISTURBED, 5, adapters).unwrap().model;
        if adapters {
            let metrics = fs::read_to_string(straight.join("metrics.jsonl")).unwrap();
            let reference = metrics.lines().find(|line| line.contains("\"reference\"")).unwrap();
            assert!(reference.contains(&fingerprint(&trained.without_adapters())));
        }
        assert!(!straight.join("checkpoints/base/model.safetensors").exists(), "no copy of the model it started from");
        for (cut, every) in [(0, 1), (6, 1), (20, 1), (20, 2), (events(&straight) - 1, 0)] {
            let path = folder.path().join(format!("cut-{cut}-{every}-{adapters}"));
            let how = How { every, ..UNDISTURBED };
            assert!(run_origin(&path, How { events: cut, ..how }, 5, adapters).is_err());
            let end = run_origin(&path, How { resume: true, ..how }, 5, adapters).unwrap().model;
            assert_eq!(fingerprint(&end), fingerprint(&trained), "cut at {cut}");
            same(&path, &straight, &format!("cut at {cut}, adapters: {adapters}"));
        }
        let other = run_origin(&straight, How { resume: true, ..UNDISTURBED }, 6, adapters);
        assert!(matches!(other, Err(TrainError::Origin { .. })));
    }
}

#[test]
fn a_warm_start_on_references_resumes_too_and_what_it_leaves_is_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    for adapters in [true, false] {
        let [straight, path] = ["straight", "stopped"].map(|name| folder.path().join(format!("{name}-{adapters}")));
        let mut how = How { supervised: 5, ..UNDISTURBED };
        run_origin(&straight, how, 5, adapters).unwrap();
        let metrics = fs::read_to_string(straight.join("metrics.jsonl")).unwrap();
        // One line more than steps: where the model stood before them.
        assert_eq!(metrics.matches("\"event\":\"warm\",\"phase\":4").count(), 6);
        assert!(metrics.contains("\"corrections\":") && metrics.contains("\"sampled_t1\":"), "{metrics}");
        (how.asked, how.threads) = (0, 2);
        let mut stops = 0;
        while let Err(error) = run_origin(&path, how, 5, adapters) {
            assert!(matches!(error, TrainError::Interrupted), "{error}");
            (how.resume, stops) = (true, stops + 1);
            assert!(stops < 100);
        }
        // After each of 5 + 3 + 4 steps, and after each stage.
        assert_eq!(stops, 12 + 3);
        same(&path, &straight, &format!("adapters: {adapters}"));
        assert!(straight.join("checkpoints/base/model.safetensors").exists(), "the base is not the model that it started from");

        let base = Decoder::new(&sizes(&Ledger::new(4, 0.6).unwrap(), 2), 5, &palinode_flex::device()).unwrap();
        let origin = fingerprint(&base);
        let model = if adapters { base.with_adapters(&LoraConfig::on_all(2), 0).unwrap() } else { base.cast(FloatDType::BF16) };
        let checkpoints = Checkpoints::of(&straight).starting_from(model.clone(), &origin).unwrap();
        let (_, base) = checkpoints.base(&palinode_flex::device()).unwrap();
        assert_ne!(fingerprint(&base), fingerprint(&model));
        let reference = metrics.lines().find(|line| line.contains("\"reference\"")).unwrap();
        assert!(reference.contains(&fingerprint(&base)));
    }
}

/// From 4 Mi numbers on burn's own sum depends on which thread is done first.
#[test]
fn a_large_matrix_leaves_the_same_bytes_whatever_the_threads() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = sizes(&Ledger::new(4, 0.6).unwrap(), 2);
    let sizes = DecoderConfig { width: 512, heads: 4, kv_heads: 4, feed_forward: 4100, ..sizes };
    assert!(sizes.width * 2 * sizes.feed_forward >= 4 << 20);
    for adapters in [false, true] {
        let run = |path: &Path, how| match adapters {
            true => run_sized(path, how, &sizes, 5, true),
            false => run_fresh(path, 2, &sizes, how),
        };
        let [straight, path] = ["straight", "cut"].map(|name| folder.path().join(format!("{name}-{adapters}")));
        run(&straight, UNDISTURBED).unwrap();
        let how = How { threads: 2, every: 3, ..UNDISTURBED };
        assert!(run(&path, How { events: 20, ..how }).is_err());
        run(&path, How { resume: true, ..how }).unwrap();
        same(&path, &straight, &format!("adapters: {adapters}"));
    }
}

#[test]
fn only_one_process_writes_to_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let lock = RunLock::take(folder.path()).unwrap();
    let error = RunLock::take(folder.path()).unwrap_err();
    assert!(matches!(error, TrainError::Locked { .. }), "{error}");
    drop(lock);
    RunLock::take(folder.path()).unwrap();
}

#[test]
fn files_that_lost_lines_are_not_continued() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    run(&path, UNDISTURBED).unwrap();
    fs::write(path.join("metrics.jsonl"), "").unwrap();
    let error = run(&path, How { resume: true, ..UNDISTURBED }).unwrap_err().to_string();
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
