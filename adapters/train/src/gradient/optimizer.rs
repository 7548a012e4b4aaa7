//! What makes a step of a gradient, with a state that can be stored; and AdamW, which is one such.
//!
//! Where the host computes in f32, AdamW's step is a loop over the numbers (`host`), with the same bits on every machine; elsewhere the rule is burn's. burn's
//! container keeps moments by process-wide ids and puts them on the default device when they are read back; here they go by the parameters' paths, and to
//! where the parameters are.

use std::{borrow::Cow, collections::BTreeMap};

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{DType, Device, Tensor, TensorData},
};
use burn_optim::{AdamW as Rule, AdamWConfig, AdamWState, AdaptiveMomentumState, GradientsParams, Optimizer as _};
use palinode_core::backend::computes_on_host;
use safetensors::{Dtype, SafeTensors, View};

use crate::{
    error::{Cause, TrainError},
    gradient::host::{Host, Step as HostStep},
};

/// Takes a model along its gradient, and remembers what it needs for the next step.
///
/// # Contract
/// - A step depends on the model, the rate, the gradient and the state alone, and leaves parameters without a gradient as they are.
/// - An optimiser that [`restore`](Self::restore)s what another one of its kind gave as [`to_bytes`](Self::to_bytes) goes on as that one would have, bit
///   for bit: so a run that is stopped and goes on ends as if it had never stopped.
///
/// The two methods about its state have defaults for an optimiser that has none.
pub trait Optimizer<M: Module>: Send {
    /// The model after one step at this learning rate.
    fn step(&mut self, model: M, learning_rate: f64, gradients: GradientsParams) -> M;

    /// The norm of the whole gradient above which it is scaled down to this norm before a step; by default it never is.
    fn largest_norm(&self) -> f64 {
        f64::INFINITY
    }

    /// Its state.
    ///
    /// # Errors
    /// What can't be written.
    fn to_bytes(&self) -> Result<Vec<u8>, Cause> {
        Ok(Vec::new())
    }

    /// Takes a state that [`Optimizer::to_bytes`] gave, for a model like the one that it was stepping.
    ///
    /// # Errors
    /// What does not fit the model, or this optimiser.
    fn restore(&mut self, bytes: &[u8], model: &M) -> Result<(), Cause> {
        let _ = model;
        if bytes.is_empty() { Ok(()) } else { Err("it is of an optimiser that has a state, and this one has none".into()) }
    }
}

/// What is added to the root of the second moment.
const EPSILON: f32 = 1e-8;

/// AdamW's settings (Loshchilov & Hutter 2019, arXiv 1711.05101).
#[derive(Debug, Clone, Copy)]
pub struct AdamW {
    betas: [f32; 2],
    weight_decay: f32,
    clip: f64,
}

impl AdamW {
    /// The decay rates of the first and second moment, both within `[0, 1)`; decoupled weight decay, at least 0; and the largest norm of the whole
    /// gradient ([`Optimizer::largest_norm`]), above 0, where infinity is no limit.
    ///
    /// # Errors
    /// [`TrainError::Config`] names the number that lies elsewhere.
    pub fn new(betas: [f32; 2], weight_decay: f32, clip: f64) -> Result<Self, TrainError> {
        let [first, second] = betas;
        for (name, expected, value, allowed) in [
            ("AdamW's first beta", "within [0, 1)", f64::from(first), (0.0..1.0).contains(&first)),
            ("AdamW's second beta", "within [0, 1)", f64::from(second), (0.0..1.0).contains(&second)),
            ("weight decay", "at least 0", f64::from(weight_decay), weight_decay.is_finite() && weight_decay >= 0.0),
            ("the largest norm of a gradient", "above 0", clip, clip > 0.0),
        ] {
            TrainError::require(allowed, name, expected, value)?;
        }
        Ok(Self { betas, weight_decay, clip })
    }

    /// What both RL stages take: no weight decay, since KL already holds the policy where it was.
    pub const REINFORCE: Self = Self { betas: [0.9, 0.95], weight_decay: 0.0, clip: 1.0 };

    /// An optimiser with these settings that has not taken a step.
    pub fn optimizer<M: Module>(self) -> Box<dyn Optimizer<M>> {
        let rule = AdamWConfig::new()
            .with_beta_1(self.betas[0])
            .with_beta_2(self.betas[1])
            .with_epsilon(EPSILON)
            .with_weight_decay(self.weight_decay)
            .build();
        Box::new(Adam { settings: self, rule, moments: BTreeMap::new() })
    }
}

impl<M: Module> From<AdamW> for Box<dyn Optimizer<M>> {
    fn from(settings: AdamW) -> Self {
        settings.optimizer()
    }
}

/// AdamW, and the moments of every parameter that it has stepped.
struct Adam {
    settings: AdamW,
    /// What steps parameters that the host does not hold in f32.
    rule: Rule,
    moments: BTreeMap<String, Moments>,
}

/// One parameter's moments, in a row.
struct Moments {
    steps: usize,
    first: Moment,
    second: Moment,
}

/// Numbers where the parameter is: on the host, or on another device.
enum Moment {
    Host(Vec<f32>),
    Device(Box<Tensor<1>>),
}

impl Moment {
    fn len(&self) -> usize {
        match self {
            Self::Host(numbers) => numbers.len(),
            Self::Device(tensor) => tensor.dims()[0],
        }
    }

    fn into_host(self) -> Vec<f32> {
        match self {
            Self::Host(numbers) => numbers,
            Self::Device(tensor) => tensor.into_data().iter::<f32>().collect(),
        }
    }

    fn into_tensor(self, device: &Device) -> Tensor<1> {
        match self {
            Self::Host(numbers) => {
                let length = [numbers.len()];
                Tensor::from_data(TensorData::new(numbers, length), (device, DType::F32))
            }
            Self::Device(tensor) => *tensor,
        }
    }
}

impl<M: Module> Optimizer<M> for Adam {
    fn step(&mut self, model: M, learning_rate: f64, gradients: GradientsParams) -> M {
        model.map(&mut Step { optimizer: self, learning_rate, gradients, path: Vec::new() })
    }

    fn largest_norm(&self) -> f64 {
        self.settings.clip
    }

    /// All moments as a safetensors file: `PATH.first` and `PATH.second` in f32, `PATH.steps` in u64.
    fn to_bytes(&self) -> Result<Vec<u8>, Cause> {
        let tensors = self.moments.iter().flat_map(|(path, Moments { steps, first, second })| {
            [
                ("first", [first.len()], Of::Moment(first)),
                ("second", [second.len()], Of::Moment(second)),
                ("steps", [1], Of::Steps(*steps)),
            ]
            .map(|(name, length, of)| (format!("{path}.{name}"), Late { length, of }))
        });
        Ok(safetensors::serialize(tensors, None)?)
    }

    /// Takes the moments of such a file for the parameters of a model; errors say what it lacks.
    fn restore(&mut self, bytes: &[u8], model: &M) -> Result<(), Cause> {
        let file = SafeTensors::deserialize(bytes)?;
        let mut found = Restore { file: &file, moments: BTreeMap::new(), path: Vec::new(), error: None };
        model.visit(&mut found);
        if let Some(error) = found.error {
            return Err(error.into());
        }
        if found.moments.len() * 3 != file.len() {
            return Err("it holds moments of parameters that the model does not have".into());
        }
        self.moments = found.moments;
        Ok(())
    }
}

/// Numbers whose bytes are made when they are written: not those of all moments at once.
struct Late<'a> {
    length: [usize; 1],
    of: Of<'a>,
}

enum Of<'a> {
    Moment(&'a Moment),
    Steps(usize),
}

impl View for Late<'_> {
    fn dtype(&self) -> Dtype {
        match self.of {
            Of::Moment(_) => Dtype::F32,
            Of::Steps(_) => Dtype::U64,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.length
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(match self.of {
            Of::Moment(Moment::Host(numbers)) => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Of::Moment(Moment::Device(tensor)) => tensor.to_data().iter::<f32>().flat_map(f32::to_le_bytes).collect(),
            Of::Steps(steps) => (steps as u64).to_le_bytes().to_vec(),
        })
    }

    fn data_len(&self) -> usize {
        self.length[0] * self.dtype().bitsize() / 8
    }
}

struct Step<'a> {
    optimizer: &'a mut Adam,
    learning_rate: f64,
    gradients: GradientsParams,
    path: Vec<String>,
}

impl ModuleMapper for Step<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return param };
        let Adam { settings, rule, moments } = &mut *self.optimizer;
        let path = self.path.join(".");
        let held = moments.remove(&path);
        param.map(|tensor| {
            let on_host = Host::of(&tensor).zip(Host::of(&gradient));
            let (tensor, stepped) = match on_host {
                Some((weights, gradient)) => by_hand(settings, self.learning_rate, &tensor, [&weights, &gradient], held),
                None => by_rule(rule, self.learning_rate, tensor, gradient, held),
            };
            moments.extend(stepped.map(|stepped| (path, stepped)));
            tensor
        })
    }
}

/// A step on the host's own numbers.
fn by_hand<const D: usize>(
    settings: &AdamW,
    learning_rate: f64,
    tensor: &Tensor<D>,
    [weights, gradient]: [&Host; 2],
    held: Option<Moments>,
) -> (Tensor<D>, Option<Moments>) {
    let (weights, gradient) = (weights.as_slice(), gradient.as_slice());
    let none = || vec![0.0; weights.len()];
    let (steps, mut first, mut second) = match held {
        Some(Moments { steps, first, second }) => (steps + 1, first.into_host(), second.into_host()),
        None => (1, none(), none()),
    };
    let step = HostStep::new(settings.betas, EPSILON, learning_rate, settings.weight_decay, steps);
    let stepped = step.take(weights, gradient, &mut first, &mut second);
    let stepped = Tensor::from_data(TensorData::new(stepped, tensor.dims()), (&tensor.device(), DType::F32));
    (stepped, Some(Moments { steps, first: Moment::Host(first), second: Moment::Host(second) }))
}

/// A step in tensor operations.
fn by_rule<const D: usize>(
    rule: &Rule,
    learning_rate: f64,
    tensor: Tensor<D>,
    gradient: Tensor<D>,
    held: Option<Moments>,
) -> (Tensor<D>, Option<Moments>) {
    let (shape, device) = (tensor.dims(), tensor.device());
    let state = held.map(|Moments { steps, first, second }| {
        let shaped = |moment: Moment| moment.into_tensor(&device).reshape(shape);
        AdamWState::new(AdaptiveMomentumState::new(steps, shaped(first), shaped(second)))
    });
    let (tensor, state) = rule.step(learning_rate, tensor, gradient, state);
    let moments = state.map(|AdamWState { momentum }| {
        let row = |moment: Tensor<D>| Moment::Device(Box::new(moment.reshape([shape.iter().product::<usize>()])));
        Moments { steps: momentum.time, first: row(momentum.moment_1), second: row(momentum.moment_2) }
    });
    (tensor, moments)
}

/// Reads the moments of a model's parameters.
struct Restore<'a> {
    file: &'a SafeTensors<'a>,
    moments: BTreeMap<String, Moments>,
    path: Vec<String>,
    error: Option<String>,
}

impl Restore<'_> {
    /// `None` where no step has been taken on a parameter.
    fn read(&self, path: &str, length: usize, device: &Device) -> Result<Option<Moments>, String> {
        let on_host = computes_on_host(device);
        let tensor = |name: &str, dtype: Dtype, length: usize| {
            let name = format!("{path}.{name}");
            let view = self.file.tensor(&name).map_err(|_| format!("{name} is missing"))?;
            match view.dtype() == dtype && view.shape() == [length] {
                true => Ok(view.data().to_vec()),
                false => Err(format!("{name} is {:?} {:?}, expected {dtype:?} [{length}]", view.dtype(), view.shape())),
            }
        };
        if self.file.tensor(&format!("{path}.steps")).is_err() {
            return Ok(None);
        }
        let numbers = |bytes: Vec<u8>| {
            let numbers = Moment::Host(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect());
            if on_host { numbers } else { Moment::Device(Box::new(numbers.into_tensor(device))) }
        };
        let steps = tensor("steps", Dtype::U64, 1)?;
        let steps = steps.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Ok(Some(Moments {
            // burn's bias correction takes the number of steps as an i32.
            steps: i32::try_from(steps).map_err(|_| format!("{path}.steps is {steps}"))? as usize,
            first: numbers(tensor("first", Dtype::F32, length)?),
            second: numbers(tensor("second", Dtype::F32, length)?),
        }))
    }
}

impl ModuleVisitor for Restore<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (path, tensor) = (self.path.join("."), param.val());
        match self.read(&path, tensor.shape().num_elements(), &tensor.device().without_autodiff()) {
            Ok(moments) => self.moments.extend(moments.map(|moments| (path, moments))),
            Err(error) => self.error = Some(error),
        }
    }
}
