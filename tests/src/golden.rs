//! The recorded values of `tests/golden`, which PyTorch made in float64 (`generate.py` there says how). They are part of the test binaries,
//! so that these can be carried to a machine with a GPU.

use std::collections::BTreeMap;

use burn::module::Module;
use burn_optim::GradientsParams;
use burn_tensor::{Device, FloatDType, Tensor};
use palinode_core::{
    Error,
    attempt::{Attempt, StopReason},
    batch::TokenBatch,
    credit::Credit,
    kl::KlEstimator,
    objective::{Objective, StageOne, StageTwo},
    policy::Policy,
    sampling::{Sampling, Temperature},
    scoring::{Scoring, TokenScores, score_tokens},
    shaping::Shaping,
    task::Problem,
    trajectory::{Group, Trajectory, rewards},
    update::Update,
    verifier::Verdict,
};
use palinode_lm::{Decoder, DecoderConfig};
use palinode_train::{gradient::learner::list_gradients, watch::checks::worse};
use safetensors::SafeTensors;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{close, episodes, listed, values};

/// The estimators, by their names in the fixtures.
pub const ESTIMATORS: [(&str, KlEstimator); 4] =
    [("exact", KlEstimator::Exact), ("k1", KlEstimator::K1), ("k2", KlEstimator::K2), ("k3", KlEstimator::K3)];

/// Reads a fixture.
///
/// # Panics
/// When it is not what its generator writes.
pub fn read<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).expect("fixtures are those of generate.py")
}

/// An objective's parameters, as the generator writes them.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Recipe {
    /// [`StageOne`].
    StageOne {
        /// β₁.
        beta: f64,
        /// β₂.
        anchor: f64,
    },
    /// [`StageTwo`].
    StageTwo {
        /// β₁.
        beta: f64,
        /// α.
        alpha: f64,
        /// γ.
        #[serde(default)]
        gamma: f64,
        /// Whether the bonus telescopes.
        #[serde(default)]
        telescoped: bool,
        /// Whether credit is joint.
        #[serde(default)]
        joint: bool,
    },
}

impl Recipe {
    /// The objective.
    ///
    /// # Panics
    /// When its parameters lie out of range.
    pub fn objective(&self) -> Box<dyn Objective> {
        match *self {
            Self::StageOne { beta, anchor } => Box::new(StageOne::new(beta, anchor).expect("in range")),
            Self::StageTwo { beta, alpha, gamma, telescoped, joint } => {
                let shaping = if telescoped {
                    Shaping::telescoped(alpha).expect("in range")
                } else {
                    Shaping::progress_bonus(alpha).expect("in range")
                };
                let credit = match (joint, gamma) {
                    (true, _) => Credit::Joint,
                    (false, 0.0) => Credit::PerTurn,
                    (false, gamma) => Credit::discounted(gamma).expect("in range"),
                };
                Box::new(StageTwo::with_credit(beta, shaping, credit, true).expect("in range"))
            }
        }
    }
}

/// `decoder.json`, and the tensors beside it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    config: DecoderConfig,
    /// Temperature of scoring.
    pub temperature: f64,
    /// Objectives by name.
    pub objectives: BTreeMap<String, Recipe>,
    /// Episodes, and what was recorded of them.
    pub cases: Vec<Case>,
    /// Twenty steps of training on the first case.
    pub training: Training,
}

/// Some episodes, and what was recorded of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name.
    pub name: String,
    groups: Vec<Problems>,
    /// Log-probabilities, and the terms of each estimator, one a scored token.
    pub scores: BTreeMap<String, Vec<f64>>,
    /// Losses.
    pub losses: Vec<Loss>,
}

#[derive(Debug, Deserialize)]
struct Problems {
    prompt: Vec<u32>,
    revision: Vec<u32>,
    episodes: Vec<Vec<Judged>>,
}

#[derive(Debug, Deserialize)]
struct Judged {
    tokens: Vec<u32>,
    reward: f32,
}

/// One objective with one estimator.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Name of the objective.
    pub objective: String,
    /// Name of the estimator.
    pub kl: String,
    /// Its value.
    pub loss: f64,
    /// `[P][G][K]`, leave-one-out.
    pub advantages: Vec<Vec<Vec<f64>>>,
}

impl Loss {
    /// The estimator.
    ///
    /// # Panics
    /// When it has another name than [`ESTIMATORS`] know.
    pub fn estimator(&self) -> KlEstimator {
        ESTIMATORS.iter().find(|(name, _)| *name == self.kl).expect("a known estimator").1
    }
}

/// What training recorded at each step, before the update.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Losses.
    pub losses: Vec<f64>,
    /// Gradient norms, before clipping.
    pub norms: Vec<f64>,
}

impl Fixture {
    /// The committed fixture.
    pub fn load() -> Self {
        read(include_str!("../golden/decoder.json"))
    }

    /// The policy and its reference.
    ///
    /// # Panics
    /// When the committed weights are not those of this model.
    pub fn models(&self, device: &Device, dtype: FloatDType) -> [Decoder; 2] {
        [include_bytes!("../golden/policy.safetensors").as_slice(), include_bytes!("../golden/reference.safetensors")]
            .map(|bytes| Decoder::from_bytes(&self.config, bytes, device).expect("committed weights").cast(dtype))
    }

    /// The scores of a case.
    pub fn score<P: Policy>(&self, policy: &P, reference: &P, case: &Case, kl: KlEstimator, device: &Device) -> TokenScores {
        let temperature = Temperature::new(self.temperature).expect("in range");
        let scoring = Scoring::at(temperature).with_kl(kl);
        score_tokens(policy, Some(reference), &case.batch(device), &scoring)
    }

    /// Compares advantages, loss and the gradient of every parameter with what was recorded; returns how many gradient entries there were.
    ///
    /// # Panics
    /// When one differs by more than `tolerance`, relative to its size (a gradient: to the largest entry).
    pub fn compare(
        &self,
        [policy, reference]: &[Decoder; 2],
        case: &Case,
        recorded: &Loss,
        tolerance: f32,
        device: &Device,
    ) -> usize {
        let of = format!("{} {} {}", case.name, recorded.objective, recorded.kl);
        let policy = policy.clone().train();
        let objective = self.objectives[&recorded.objective].objective();
        let (gains, loss) = self.loss(&policy, reference, case, (objective.as_ref(), recorded.estimator()), device);
        let expected: Vec<f32> = recorded.advantages.iter().flatten().flatten().map(|&x| x as f32).collect();
        assert!(close(&gains, &expected, tolerance), "{of}: {gains:?}\nrecorded: {expected:?}");
        assert!(close(&values(loss.clone()), &[recorded.loss as f32], tolerance), "{of}: {loss}\nrecorded: {}", recorded.loss);
        let found = list_gradients(&policy, GradientsParams::from_grads(loss.backward(), &policy));
        let gap = case.gradient_gap(recorded, &found);
        assert!(gap <= tolerance, "{of}: gradients differ by {gap} of the largest");
        found.iter().flatten().map(Vec::len).sum()
    }

    /// Advantages and loss as training computes them.
    ///
    /// # Panics
    /// When the case is not well-formed.
    pub fn loss<P: Policy>(
        &self,
        policy: &P,
        reference: &P,
        case: &Case,
        (objective, kl): (&dyn Objective, KlEstimator),
        device: &Device,
    ) -> (Vec<f32>, Tensor<1>) {
        let batch = case.batch(device);
        let update = Update::new(objective, Sampling::temperature(self.temperature).expect("in range")).with_kl(kl);
        let rewards = rewards(&case.groups()).expect("groups of one size");
        // What was recorded was sampled from the policy itself.
        let divergences = || -> Result<Vec<f64>, Error> {
            let d = self.score(policy, reference, case, kl, device).kl.expect("scored against a reference");
            Ok(batch.sum_by_attempt(d).into_iter().map(f64::from).collect())
        };
        let gains = update.advantages(&rewards, divergences).expect("one divergence an attempt");
        let (loss, _) =
            update.loss(policy, reference, &batch, gains.values(), batch.episodes()).expect("one advantage an attempt");
        (listed(&gains), loss)
    }
}

impl Case {
    /// The largest difference of gradients from the recorded ones, relative to the largest of these; NaN where a parameter has none, or one of
    /// another size.
    ///
    /// # Panics
    /// When none was recorded.
    fn gradient_gap(&self, loss: &Loss, found: &[Option<Vec<f32>>]) -> f32 {
        let recorded = self.gradients(loss);
        let size = recorded.iter().flatten().map(|g| g.abs()).fold(0.0, f32::max);
        assert!(size > 1e-3, "the fixture has a gradient");
        let gap = |(found, recorded): (&Option<Vec<f32>>, &Vec<f32>)| match found {
            Some(found) if found.len() == recorded.len() => {
                found.iter().zip(recorded).map(|(a, b)| (a - b).abs() / size).fold(0.0, worse)
            }
            _ => f32::NAN,
        };
        if found.len() == recorded.len() { found.iter().zip(&recorded).map(gap).fold(0.0, worse) } else { f32::NAN }
    }

    /// The recorded gradient of each parameter, in the order of the model.
    fn gradients(&self, loss: &Loss) -> Vec<Vec<f32>> {
        let file = SafeTensors::deserialize(include_bytes!("../golden/gradients.safetensors")).expect("committed gradients");
        let (layers, parts) = (2, ["attention_norm", "attention.query_key_value", "attention.output", "mlp_norm"]);
        let block =
            |i: usize| parts.iter().chain(&["mlp.gate_up", "mlp.down"]).map(move |part| format!("blocks.{i}.{part}.weight"));
        let names = std::iter::once("embedding".to_owned()).chain((0..layers).flat_map(block));
        names
            .chain(["norm.weight".to_owned(), "output".to_owned()])
            .map(|name| {
                let view = file.tensor(&format!("{}/{}/{}/{name}", self.name, loss.objective, loss.kl)).expect("recorded");
                view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
            })
            .collect()
    }

    /// The episodes.
    ///
    /// # Panics
    /// When the case is not well-formed.
    pub fn groups(&self) -> Vec<Group> {
        let judged = |attempt: &Judged| {
            let (tokens, verdict) = (attempt.tokens.clone(), Verdict::partial(attempt.reward).expect("within [0, 1]"));
            let logprobs = vec![-1.0; tokens.len()];
            Attempt::new(tokens, logprobs, StopReason::FixedLength, verdict).expect("one log-probability a token")
        };
        let group = |problem: &Problems| {
            let episode = |attempts: &Vec<Judged>| {
                let attempts = attempts.iter().map(judged).collect();
                Trajectory::new(problem.prompt.clone(), problem.revision.clone(), attempts).expect("prompt and attempts")
            };
            let posed = Problem::new(0, problem.prompt.clone(), vec![]).expect("a prompt");
            Group::new(posed, problem.episodes.iter().map(episode).collect()).expect("as many attempts everywhere")
        };
        self.groups.iter().map(group).collect()
    }

    /// The episodes, laid out for scoring.
    ///
    /// # Panics
    /// When the case is not well-formed.
    pub fn batch(&self, device: &Device) -> TokenBatch {
        TokenBatch::new(&episodes(&self.groups()), device).expect("as many attempts everywhere")
    }
}
