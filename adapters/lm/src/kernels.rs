//! The way from a decoder to its passes in `palinode_kernels`, and back for gradients.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{DType, Tensor, TensorData},
};
use burn_optim::GradientsParams;
use palinode_kernels::{Numbers, Parameters, Passes, Shape};

use crate::{config::Activation, decoder::Decoder};

/// A decoder's numbers and shape, for `palinode_kernels`; shared with it, not copied.
pub struct Kernels {
    shape: Shape,
    held: Vec<Held>,
    rotary: crate::rotary::Rotaries,
}

impl Decoder {
    /// The same model, whose passes are those of `palinode_kernels` where they can be, or tensor operations everywhere.
    pub fn with_kernels(mut self, kernels: bool) -> Self {
        self.kernels = kernels;
        self
    }

    /// Whether it asks for the passes of `palinode_kernels`.
    pub fn uses_kernels(&self) -> bool {
        self.kernels
    }

    /// This model for `palinode_kernels`: where all its numbers are f32 on the CPU device `flex`, it has no adapters, and nobody asked for tensor
    /// operations ([`Decoder::with_kernels`]) or recomputation ([`Decoder::with_recomputation`]).
    ///
    /// It is asked for where gradients are wanted. Other weights follow those, so the matrices that decoding packed of these are let go.
    pub fn kernels(&self) -> Option<Kernels> {
        self.ready.forget();
        if self.recompute { None } else { self.kernels_to_decode() }
    }

    /// The same for decoding, which has nothing to recompute.
    pub(crate) fn kernels_to_decode(&self) -> Option<Kernels> {
        if !self.kernels {
            return None;
        }
        Numbers::of(Param::val(&self.embedding))?;
        let mut found = Collect { held: Some(Vec::new()) };
        self.visit(&mut found);
        let kernels = Kernels { shape: shape(self), held: found.held?, rotary: self.rotary.clone() };
        // Adapters are parameters that the shape knows nothing of.
        kernels.parameters().is_some().then_some(kernels)
    }
}

impl Kernels {
    /// Most tokens of a row that these passes take, whatever the model's context.
    pub const LONGEST: usize = crate::rotary::KEPT;

    /// The decoder whose passes are to be run.
    ///
    /// # Panics
    /// Never: what does not fit was refused when this was made.
    pub fn decoder(&self) -> Passes<'_> {
        let weights = self.parameters().expect("the numbers fitted the shape when they were collected");
        Passes::new(&self.shape, weights, self.rotary.tables())
    }

    /// Whether these are the same numbers, at the same places in memory, in a decoder of the same shape.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let same = |(one, other): (&Held, &Held)| core::ptr::eq(one.numbers.as_slice(), other.numbers.as_slice());
        self.shape == other.shape
            && self.held.len() == other.held.len()
            && self.held.iter().zip(&other.held).all(same)
            && self.rotary.is_same(&other.rotary)
    }

    /// Most tokens of a row.
    pub fn context(&self) -> usize {
        self.rotary.kept()
    }

    /// No gradient yet.
    pub fn no_gradients(&self) -> Parameters<Vec<f32>> {
        Parameters::zeros(&self.shape)
    }

    /// Gradients of the parameters that are not frozen, as an optimiser takes them.
    pub fn gradients(&self, gradients: Parameters<Vec<f32>>) -> GradientsParams {
        let mut registered = GradientsParams::new();
        for (held, gradient) in self.held.iter().zip(gradients.into_list()) {
            (held.register)(&mut registered, gradient);
        }
        registered
    }

    fn parameters(&self) -> Option<Parameters<&[f32]>> {
        let mut rest = self.held.iter().map(|held| held.numbers.as_slice());
        let mut next = |length| rest.next().filter(|numbers| numbers.len() == length).ok_or(());
        let parameters = Parameters::collect(&self.shape, &mut next).ok()?;
        rest.next().is_none().then_some(parameters)
    }
}

/// Puts a parameter's gradient where an optimiser looks for it.
type Register = dyn Fn(&mut GradientsParams, Vec<f32>) + Send + Sync;

/// A parameter's numbers, and what becomes of its gradient.
struct Held {
    numbers: Numbers,
    register: Box<Register>,
}

impl Held {
    fn of<const D: usize>(param: &Param<Tensor<D>>) -> Option<Self> {
        let (parameter, id) = (param.val(), param.id);
        let (trained, shape, device) = (parameter.is_require_grad(), parameter.dims(), parameter.device().without_autodiff());
        let register = move |all: &mut GradientsParams, gradient| {
            if trained {
                all.register(id, Tensor::<D>::from_data(TensorData::new(gradient, shape), (&device, DType::F32)));
            }
        };
        Some(Self { numbers: Numbers::of(parameter)?, register: Box::new(register) })
    }
}

/// Collects parameters in the order of the module.
struct Collect {
    /// Nothing more once one could not be had.
    held: Option<Vec<Held>>,
}

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.held = self.held.take().and_then(|mut held| {
            held.push(Held::of(param)?);
            Some(held)
        });
    }
}

fn shape(model: &Decoder) -> Shape {
    let config = model.config();
    Shape {
        vocabulary: config.vocabulary,
        width: config.width,
        heads: config.heads,
        kv_heads: config.kv_heads,
        head: config.head_width(),
        inner: config.feed_forward,
        windows: (0..config.layers).map(|layer| config.window(layer)).collect(),
        ropes: (0..config.layers).map(|layer| config.rope(layer)).collect(),
        norm_epsilon: config.norm_epsilon as f32,
        norm_offset: if config.norm_offset { 1.0 } else { 0.0 },
        tied: config.tied,
        activation: match config.activation {
            Activation::Silu => palinode_kernels::Gate::Silu,
            Activation::GeluTanh => palinode_kernels::Gate::GeluTanh,
        },
        qkv_bias: config.qkv_bias,
        output_bias: config.output_bias,
        mlp_bias: config.mlp_bias,
        qk_norm: config.qk_norm,
        wide_qk_norm: config.wide_qk_norm,
        pre_norms: config.pre_norms,
        post_norms: config.post_norms,
        embedding_scale: config.embedding_scale.unwrap_or(1.0) as f32,
        attention_scale: config.attention_scale() as f32,
        attention_cap: config.attention_cap.map(|cap| cap as f32),
        logit_cap: config.logit_cap.map(|cap| cap as f32),
        unused: model.unused.clone(),
    }
}
