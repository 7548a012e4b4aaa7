//! Rung 2: a policy, a task and a verifier of one's own.
//!
//! The problem is a number; an answer is any three digits that sum to it, so no reference answer exists and the verifier computes. The
//! policy is not a transformer: it keeps one fading sum of token embeddings. The library's own loop trains it: checks, both stages, evaluations, warnings.
//!
//! `cargo run --release -p palinode-examples --bin own_policy`

use burn::{
    module::{Module, Param},
    tensor::{Device, Int, Tensor, TensorData, activation::relu},
};
use palinode::train::{
    TrainError, Trainable,
    arm::StageName,
    config::TrainConfig,
    evaluate::evaluate,
    event::{Event, Sink, Summary},
    gradient::workers::Workers,
    run::progress::Start,
    train,
};
use palinode_core::{
    Error,
    policy::{Decode, Policy},
    rng::{RandomKey, Stream},
    task::{Problem, Split, Task},
    turns::{AnswerLimit, MultiTurnTask, Turns},
    verifier::{Verdict, Verifier},
};

/// Ids 0 to 9 are an answer's digits; a prompt is the tens (from id 10) and the ones (from id 13) of a sum; the last id asks for a revision.
const SUMS: u32 = 28;
const TENS: u32 = 10;
const ONES: u32 = 13;
const REVISE: u32 = 23;
const VOCABULARY: usize = REVISE as usize + 1;
/// What the policy can write: digits, and nothing else.
const DIGITS: usize = 10;

/// Three digits that sum to a number.
struct Sums;

impl Task for Sums {
    /// Every seventh sum is held out.
    fn problem(&self, seed: u64, split: Split, index: u64) -> Problem {
        let key = RandomKey { problem: index as u32, ..RandomKey::new(seed, Stream::Problems) };
        let sum = (0..)
            .map(|token| RandomKey { token, ..key }.below(SUMS))
            .find(|sum| (sum % 7 == 3) == (split == Split::HeldOut))
            .expect("both splits hold sums");
        Problem::new(index as u32, vec![TENS + sum / 10, ONES + sum % 10], vec![]).expect("the prompt holds a token")
    }
}

impl Verifier for Sums {
    /// Partial credit for coming close.
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        let wanted = 10 * (problem.prompt()[0] - TENS) + problem.prompt()[1] - ONES;
        let off = answer.iter().sum::<u32>().abs_diff(wanted);
        match off {
            0 => Verdict::Right,
            1..=3 => Verdict::partial(0.4 - 0.1 * off as f32).unwrap_or(Verdict::Failed),
            _ => Verdict::Wrong,
        }
    }
}

/// state_t = fade · state_{t−1} + embedding(token_t); logits = relu(state·hidden)·output.
#[derive(Module, Debug)]
struct Echo {
    embedding: Param<Tensor<2>>,
    hidden: Param<Tensor<2>>,
    output: Param<Tensor<2>>,
}

const FADE: f64 = 0.8;
const WIDTH: usize = 64;

impl Echo {
    fn new(seed: u64, device: &Device) -> Self {
        let matrix = |id: u32, rows: usize, columns: usize, deviation: f32| {
            let key = RandomKey { problem: id, ..RandomKey::new(seed, Stream::Init) };
            let values: Vec<f32> =
                (0..rows * columns).map(|i| RandomKey { token: i as u32, ..key }.normal() * deviation).collect();
            Param::from_tensor(Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), device))
        };
        Self {
            embedding: matrix(0, VOCABULARY, WIDTH, 1.0),
            hidden: matrix(1, WIDTH, 2 * WIDTH, 0.1),
            output: matrix(2, 2 * WIDTH, DIGITS, 0.05),
        }
    }

    /// Embeddings of some tokens, `[N, WIDTH]`.
    fn embed(&self, tokens: impl Iterator<Item = u32>) -> Tensor<2> {
        let ids: Vec<i32> = tokens.map(|token| token as i32).collect();
        let count = ids.len();
        let table = self.embedding.val();
        let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [count]), &table.device());
        table.select(0, ids)
    }
}

impl Policy for Echo {
    fn states(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> Tensor<2> {
        let [rows, length] = tokens.dims();
        let embedded = self.embedding.val().select(0, tokens.reshape([rows * length])).reshape([rows, length, WIDTH]);
        let mut state = Tensor::<3>::zeros([rows, 1, WIDTH], &embedded.device());
        let mut states = Vec::with_capacity(length);
        for t in 0..length {
            state = state.mul_scalar(FADE) + embedded.clone().narrow(1, t, 1);
            states.push(state.clone());
        }
        Tensor::cat(states, 1).reshape([rows * length, WIDTH]).select(0, positions)
    }

    fn logits(&self, states: Tensor<2>) -> Tensor<2> {
        relu(states.matmul(self.hidden.val())).matmul(self.output.val())
    }
}

impl Decode for Echo {
    /// The state of every row.
    type Cache = Tensor<2>;

    fn readable(&self, _: usize) -> usize {
        VOCABULARY
    }

    fn start(&self, prompts: &[&[u32]], samples: usize, _: usize) -> Result<(Tensor<2>, Tensor<2>), Error> {
        // All prompts of this task are equally long.
        let mut state = Tensor::zeros([prompts.len() * samples, WIDTH], &self.embedding.val().device());
        for t in 0..prompts[0].len() {
            let tokens = prompts.iter().flat_map(|prompt| std::iter::repeat_n(prompt[t], samples));
            state = state.mul_scalar(FADE) + self.embed(tokens);
        }
        Ok((state.clone(), self.logits(state)))
    }

    fn extend(&self, cache: &mut Tensor<2>, rows: &[usize], tokens: &[&[u32]]) -> Tensor<2> {
        // Answers have a fixed length, so all rows grow together.
        assert_eq!(rows.len(), cache.dims()[0], "this policy decodes all rows at once");
        for t in 0..tokens[0].len() {
            let state = cache.clone().mul_scalar(FADE) + self.embed(tokens.iter().map(|new| new[t]));
            *cache = state;
        }
        self.logits(cache.clone())
    }
}

impl MultiTurnTask for Sums {
    fn turns(&self) -> Turns {
        Turns::new(AnswerLimit::Fixed(3), vec![REVISE], 2)
    }
}

// The defaults of the trait suit any policy.
impl Trainable for Echo {}

/// Prints what an evaluation on held-out problems found, where a stage ends.
struct Printed;

impl Sink for Printed {
    fn receive(&mut self, event: &Event) -> Result<(), TrainError> {
        match event {
            Event::Eval { stage, last: true, summary, .. } => {
                let name = match stage {
                    StageName::Base => "base",
                    StageName::StageOne => "Stage I",
                    StageName::StageTwo => "Stage II",
                };
                println!("{}", line(name, "held out", summary));
            }
            Event::Warning { message, .. } => println!("{message}"),
            _ => {}
        }
        Ok(())
    }
}

fn line(name: &str, split: &str, Summary { acc_t1, acc_t2, .. }: &Summary) -> String {
    format!("{name:<9} {split:<9} attempt 1 right {acc_t1:>3.0} %   attempt 2 right {acc_t2:>3.0} %")
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let steps: usize = std::env::args().nth(1).map_or(Ok(400), |steps| steps.parse())?;
    let workers = Workers::new(0)?;
    let mut config = TrainConfig::default();
    // There is no reference answer to warm up on.
    config.set_warm_steps(0);
    (config.reinforce.steps_one, config.reinforce.steps_two) = (steps, steps);
    (config.reinforce.learning_rate, config.reinforce.scale_advantages) = (3e-3, true);
    (config.evaluation.problems, config.evaluation.problems_between, config.evaluation.every) = (256, 64, steps.max(1));

    let base = Echo::new(0, &palinode_flex::device());
    // With 28 sums there is little to hold out: this asks for what is trained, and the run itself for the four sums that are not.
    let trained: Vec<Problem> = (0..256).map(|i| Sums.problem(1, Split::Train, i)).collect();
    let report = |name: &str, model: &Echo| -> Result<(), TrainError> {
        let evaluation = evaluate(model, &Sums, &trained, config.attempts, &workers)?;
        println!("{}", line(name, "trained", &Summary::from(evaluation)));
        Ok(())
    };
    report("base", &base.valid())?;
    // `()` keeps nothing; a `RunFolder` keeps this model too, once it is `Stored`.
    let outcome = train(Start::fresh(base), &Sums, &config, &workers, &mut (), &mut Printed)?;
    report("Stage II", &outcome.model)?;
    Ok(())
}
