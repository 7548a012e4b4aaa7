//! A task of bare ids and a model that this project knows nothing about: they are trained by the same loop, kept in the same folder, and a run of them that
//! was cut off ends as if it had never stopped.

use std::{
    error::Error as _,
    fs, io,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use burn::{
    module::{Module, Param},
    tensor::{Device, Int, Tensor, TensorData},
};
use palinode_core::{
    Error,
    policy::{Decode, Policy},
    rng::{RandomKey, Stream},
    rollout::RolloutConfig,
    sampler::{Context, Sampler, Written},
    sampling::Sampling,
    task::{Problem, Split, Task},
    turns::{AnswerLimit, MultiTurnTask, Turns},
    verifier::{Verdict, Verifier},
};
use palinode_train::{
    Outcome, Stored, TrainError, Trainable,
    config::TrainConfig,
    event::{Episode, Event, Sink},
    gradient::workers::Workers,
    run::{
        checkpoint::{Checkpoints, Found, ModelCard},
        keep::Wish,
        progress::Start,
        run_folder::{Keeping, RunFolder, RunLock},
    },
    schedule::train,
    trainable::fingerprint,
};
use serde::{Deserialize, Serialize};

const IDS: usize = 6;

/// The answer to an id is the same id, twice.
struct Twice;

impl Task for Twice {
    fn problem(&self, seed: u64, _: Split, index: u64) -> Problem {
        let id = RandomKey { problem: index as u32, ..RandomKey::new(seed, Stream::Problems) }.below(IDS as u32 - 1);
        Problem::new(index as u32, vec![id], vec![id, id]).unwrap()
    }
}

impl Verifier for Twice {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        if answer == problem.reference() { Verdict::Right } else { Verdict::Wrong }
    }
}

impl MultiTurnTask for Twice {
    fn turns(&self) -> Turns {
        Turns::new(AnswerLimit::Fixed(2), vec![IDS as u32 - 1], 1)
    }
}

/// What the model is made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Ids {
    ids: usize,
}

/// The logits of the next id: `after[last] + of_prompt[prompt]`.
#[derive(Module, Debug)]
struct Bigrams {
    after: Param<Tensor<2>>,
    of_prompt: Param<Tensor<2>>,
}

impl Bigrams {
    fn new(card: &Ids, device: &Device) -> Self {
        let table = |id: u32| {
            let key = RandomKey { problem: id, ..RandomKey::new(0, Stream::Init) };
            let values: Vec<f32> =
                (0..card.ids * card.ids).map(|i| 0.1 * RandomKey { token: i as u32, ..key }.normal()).collect();
            Param::from_tensor(Tensor::from_data(TensorData::new(values, [card.ids, card.ids]), device))
        };
        Self { after: table(0), of_prompt: table(1) }
    }

    /// Rows of both tables, summed.
    fn rows(&self, last: Tensor<1, Int>, prompt: Tensor<1, Int>) -> Tensor<2> {
        self.after.val().select(0, last) + self.of_prompt.val().select(0, prompt)
    }

    fn ids(&self, ids: impl Iterator<Item = u32>) -> Tensor<1, Int> {
        let ids: Vec<i32> = ids.map(|id| id as i32).collect();
        let length = ids.len();
        Tensor::from_data(TensorData::new(ids, [length]), &self.after.val().device())
    }
}

impl Policy for Bigrams {
    fn states(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> Tensor<2> {
        let [rows, length] = tokens.dims();
        let prompts = tokens.clone().narrow(1, 0, 1).repeat_dim(1, length).reshape([rows * length]);
        let last = tokens.reshape([rows * length]);
        self.rows(last.select(0, positions.clone()), prompts.select(0, positions))
    }

    fn logits(&self, states: Tensor<2>) -> Tensor<2> {
        states
    }
}

impl Decode for Bigrams {
    /// The prompt of every row.
    type Cache = Vec<u32>;

    fn start(&self, prompts: &[&[u32]], samples: usize, _: usize) -> Result<(Vec<u32>, Tensor<2>), Error> {
        let all: Vec<u32> = prompts.iter().flat_map(|prompt| std::iter::repeat_n(prompt[0], samples)).collect();
        let rows = self.rows(self.ids(all.iter().copied()), self.ids(all.iter().copied()));
        Ok((all, rows))
    }

    fn extend(&self, prompts: &mut Vec<u32>, rows: &[usize], tokens: &[&[u32]]) -> Tensor<2> {
        let last = tokens.iter().map(|new| new[new.len() - 1]);
        self.rows(self.ids(last), self.ids(rows.iter().map(|&row| prompts[row])))
    }
}

impl Trainable for Bigrams {}

impl Stored for Bigrams {
    type Card = Ids;

    fn read(card: &Ids, weights: &[u8], path: &Path, device: &Device) -> Result<Self, TrainError> {
        if card.ids == 0 || card.ids > 1 << 10 {
            return Err(TrainError::OwnModel(format!("{} ids", card.ids).into()));
        }
        Self::new(card, device).with_weights(weights, path)
    }
}

fn config() -> TrainConfig {
    let mut config = TrainConfig::default();
    config.set_warm_steps(0);
    (config.reinforce.steps_one, config.reinforce.steps_two, config.reinforce.learning_rate) = (4, 20, 0.05);
    (config.reinforce.problems, config.reinforce.samples) = (8, 8);
    (config.evaluation.problems, config.evaluation.problems_between, config.evaluation.every) = (20, 10, 5);
    config
}

/// Goes on with a run, or begins it; it is stopped after its `stop`-th step.
fn run(path: &Path, stop: usize) -> Result<Outcome<Bigrams>, TrainError> {
    let device = palinode_flex::device();
    let checkpoints = Checkpoints::<Bigrams>::of(path);
    let lock = RunLock::take(path)?;
    let (start, folder) = if checkpoints.exist() {
        let Found { start, saved, .. } = checkpoints.start(&device)?;
        (start, RunFolder::resume(lock, saved.written)?)
    } else {
        let card = ModelCard::new(Ids { ids: IDS });
        (Start::fresh(Bigrams::new(&card.model, &device)), RunFolder::create(lock, "", &card)?)
    };
    let asked = AtomicUsize::new(0);
    let wish = move || if asked.fetch_add(1, Ordering::Relaxed) < stop { Wish::GoOn } else { Wish::Stop };
    let folder = folder.keeping(Keeping::new(3, 2)).asking(wish);
    train(start, &Twice, &config(), &Workers::new(2)?, &mut folder.clone(), &mut folder.clone())
}

#[test]
fn a_model_and_a_task_of_ones_own_are_trained_kept_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let [straight, stopped] = ["straight", "stopped"].map(|name| folder.path().join(name));
    let outcome = run(&straight, usize::MAX).unwrap();
    let [before, after] = [0, outcome.progress.stages.len() - 1].map(|stage| outcome.progress.stages[stage].summary.acc_t2);
    assert!(after > before + 30.0, "it learns: {before} %, then {after} %");

    let mut stops = 0;
    let resumed = loop {
        match run(&stopped, 5) {
            Ok(outcome) => break outcome,
            Err(error) => assert!(matches!(error, TrainError::Interrupted), "{error}"),
        }
        stops += 1;
        assert!(stops < 20);
    };
    assert!(stops > 2, "it was stopped {stops} times");
    assert_eq!(fingerprint(&resumed.model), fingerprint(&outcome.model));
    for file in ["metrics.jsonl", "episodes.jsonl", "checkpoints/model.json", "checkpoints/stage-2/model.safetensors"] {
        assert_eq!(fs::read(straight.join(file)).unwrap(), fs::read(stopped.join(file)).unwrap(), "{file}");
    }
    // People see ids where there is no text.
    let episodes = fs::read_to_string(straight.join("episodes.jsonl")).unwrap();
    let first: Episode = serde_json::from_str(episodes.lines().next().unwrap()).unwrap();
    assert_eq!(first.prompt, first.prompt_ids[0].to_string());
}

#[test]
fn another_models_weights_and_cards_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), usize::MAX).unwrap();
    let device = palinode_flex::device();
    let checkpoints = Checkpoints::<Bigrams>::of(folder.path());
    let card = folder.path().join("checkpoints/model.json");
    fs::write(&card, r#"{"model": {"ids": 5}}"#).unwrap();
    let error = checkpoints.start(&device).unwrap_err();
    assert!(matches!(error, TrainError::Model(_)) && error.to_string().contains("shape"), "{error}");
    fs::write(&card, r#"{"model": {"ids": 0}}"#).unwrap();
    let error = checkpoints.start(&device).unwrap_err();
    assert_eq!(error.to_string(), "the model: 0 ids");
    // A decoder's sizes are something else.
    let error = Checkpoints::<palinode_lm::Decoder>::of(folder.path()).start(&device).unwrap_err();
    assert!(matches!(error, TrainError::Damaged { .. }) && error.to_string().contains("model.json"), "{error}");
}

/// Listens to nothing.
struct Quiet;

impl Sink for Quiet {
    fn receive(&mut self, _: &Event) -> Result<(), TrainError> {
        Ok(())
    }
}

/// The same model, whose answers an engine elsewhere writes: it is sent the weights, and nobody sees its logits.
#[derive(Module, Debug)]
struct Remote {
    model: Bigrams,
}

impl Policy for Remote {
    fn states(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> Tensor<2> {
        self.model.states(tokens, positions)
    }

    fn logits(&self, states: Tensor<2>) -> Tensor<2> {
        self.model.logits(states)
    }
}

impl Sampler for Remote {
    type State = ();

    fn sample(&self, _: &mut (), contexts: &[Context], config: &RolloutConfig) -> Result<Vec<Written>, Error> {
        let Bigrams { after, of_prompt } = &self.model;
        let tables = [after, of_prompt].map(|table| table.val().into_data().iter::<f64>().collect::<Vec<_>>());
        Ok(contexts.iter().map(|context| answered(&tables, context, config)).collect())
    }
}

impl Trainable for Remote {}

/// A whole answer, by arithmetic of the engine's own.
fn answered([after, of_prompt]: &[Vec<f64>; 2], context: &Context, config: &RolloutConfig) -> Written {
    let mut written = Written::default();
    while config.limit().stop(&written.tokens).is_none() {
        let known = written.tokens.last().or(context.ids().last());
        let row = |table: &[f64], id: u32| table[id as usize * IDS..][..IDS].to_vec();
        let rows = row(after, *known.unwrap()).into_iter().zip(row(of_prompt, context.ids()[0]));
        let temperature = config.sampling().scoring_temperature().value();
        let logits: Vec<f64> = rows.map(|(a, b)| (a + b) / temperature).collect();
        let all: f64 = logits.iter().map(|logit| logit.exp()).sum();
        let token = match config.sampling() {
            Sampling::Greedy => (0..IDS).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap(),
            Sampling::Temperature(_) => {
                let mut left = f64::from(context.key(written.tokens.len() as u32).uniform()) * all;
                let passed = |logit: &&f64| {
                    left -= logit.exp();
                    left >= 0.0
                };
                logits.iter().take_while(passed).count().min(IDS - 1)
            }
        };
        written.tokens.push(token as u32);
        written.logprobs.push((logits[token] - all.ln()) as f32);
    }
    written
}

#[test]
fn an_engine_that_writes_whole_answers_trains_a_model_that_does_not_decode() {
    let device = palinode_flex::device();
    let model = Remote { model: Bigrams::new(&Ids { ids: IDS }, &device) };
    let outcome = train(Start::fresh(model), &Twice, &config(), &Workers::new(2).unwrap(), &mut (), &mut Quiet).unwrap();
    let stages = &outcome.progress.stages;
    let [before, after] = [0, stages.len() - 1].map(|stage| stages[stage].summary.acc_t2);
    assert!(after > before + 30.0, "it learns: {before} %, then {after} %");
}

/// An engine that goes on writing with the weights that it was sent first.
#[derive(Module, Debug)]
struct Stale {
    model: Bigrams,
    sent: Bigrams,
}

impl Policy for Stale {
    fn states(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> Tensor<2> {
        self.model.states(tokens, positions)
    }

    fn logits(&self, states: Tensor<2>) -> Tensor<2> {
        self.model.logits(states)
    }
}

impl Sampler for Stale {
    type State = ();

    fn sample(&self, state: &mut (), contexts: &[Context], config: &RolloutConfig) -> Result<Vec<Written>, Error> {
        Remote { model: self.sent.clone() }.sample(state, contexts, config)
    }
}

impl Trainable for Stale {}

#[test]
fn an_engine_with_other_weights_than_those_that_are_trained_is_stopped() {
    let model = Bigrams::new(&Ids { ids: IDS }, &palinode_flex::device());
    let start = Start::fresh(Stale { sent: model.clone().no_grad(), model });
    let error = train(start, &Twice, &config(), &Workers::new(1).unwrap(), &mut (), &mut Quiet).unwrap_err();
    assert!(matches!(error, TrainError::Check { check: "sampler = trainer", .. }), "{error}");
}

/// Fails at the first event, for a reason that this library knows nothing about.
struct Offline;

impl Sink for Offline {
    fn receive(&mut self, _: &Event) -> Result<(), TrainError> {
        Err(TrainError::Sink(io::Error::from(io::ErrorKind::NotConnected).into()))
    }
}

#[test]
fn what_stops_a_sink_is_handed_on_as_it_is() {
    let start = Start::fresh(Bigrams::new(&Ids { ids: IDS }, &palinode_flex::device()));
    let error = train(start, &Twice, &config(), &Workers::new(1).unwrap(), &mut (), &mut Offline).unwrap_err();
    assert_eq!(error.to_string(), io::Error::from(io::ErrorKind::NotConnected).to_string());
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).unwrap();
    assert_eq!(cause.kind(), io::ErrorKind::NotConnected);
}
