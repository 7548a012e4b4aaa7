//! The way from a decoder to its passes in `palinode_kernels`, and back for gradients.

use std::{fmt, sync::Arc};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{DType, Tensor, TensorData},
};
use burn_optim::GradientsParams;
use palinode_kernels::{Adapter, Numbers, Parameters, Passes, Shape, Stored};

use crate::{
    config::Activation,
    decoder::{Block, Decoder},
    low_rank::LowRank,
    ready::Matrices,
    rotary::Tables,
};

/// A decoder's numbers and shape, for `palinode_kernels`; shared with it, not copied.
pub struct Kernels {
    shape: Shape,
    held: Vec<Held>,
    /// For each of the model's rotary bases.
    tables: Vec<Arc<Tables>>,
    recompute: bool,
    /// Its matrices packed, where that was done for these very numbers.
    packed: Option<Arc<Matrices>>,
}

/// Why a model's passes are tensor operations, and not those of `palinode_kernels`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyTensors {
    /// They were asked for ([`Decoder::with_kernels`]).
    Asked,
    /// Numbers of another type.
    Type(DType),
    /// Another device than the CPU by `flex`.
    Device,
}

impl WhyTensors {
    /// The reason for weights of one type, on a device that is `flex` or another; nothing where `palinode_kernels` serves.
    pub fn of(kernels: bool, is_flex: bool, dtype: DType) -> Option<Self> {
        match (kernels, is_flex) {
            (false, _) => Some(Self::Asked),
            (true, false) => Some(Self::Device),
            (true, true) => (!Numbers::are_of(dtype)).then_some(Self::Type(dtype)),
        }
    }
}

impl fmt::Display for WhyTensors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("they were asked for"),
            Self::Type(dtype) => write!(f, "the CPU's own passes know F32, BF16 and F16, and the weights are {dtype:?}"),
            Self::Device => f.write_str("the CPU's own passes run on the device flex"),
        }
    }
}

impl Decoder {
    /// Why its passes are tensor operations; nothing where they are those of `palinode_kernels`, as for every family, with adapters and without, and for
    /// rows of any length within its context.
    pub fn why_tensors(&self) -> Option<WhyTensors> {
        let device = Param::val(&self.embedding).device().without_autodiff();
        let is_flex = Numbers::of(Tensor::<1>::zeros([1], (&device, DType::F32))).is_some();
        let mut unknown = Unknown(None);
        self.visit(&mut unknown);
        WhyTensors::of(self.kernels, is_flex, unknown.0.unwrap_or(DType::F32))
    }

    /// The same model, whose passes are those of `palinode_kernels` where they can be, or tensor operations everywhere.
    pub fn with_kernels(mut self, kernels: bool) -> Self {
        self.kernels = kernels;
        self
    }

    /// Whether it asks for the passes of `palinode_kernels`.
    pub fn uses_kernels(&self) -> bool {
        self.kernels
    }

    /// This model for `palinode_kernels`, for rows of so many tokens: where all its numbers are f32, bf16 or f16 on the CPU device `flex`, rows are within its context,
    /// and nobody asked for tensor operations ([`Decoder::with_kernels`]).
    ///
    /// It is asked for where gradients are wanted. Other weights follow those: where matrices are trained, what decoding packed of them is let go.
    pub fn kernels(&self, tokens: usize) -> Option<Kernels> {
        let mut kernels = self.kernels_to_decode(tokens)?;
        if kernels.trains_matrices() {
            self.ready.forget();
        }
        kernels.packed = self.ready.matrices_of(&kernels);
        Some(kernels)
    }

    /// The same for decoding, which packs matrices itself.
    pub(crate) fn kernels_to_decode(&self, tokens: usize) -> Option<Kernels> {
        if !self.kernels || tokens > self.config().context {
            return None;
        }
        Numbers::of(Param::val(&self.embedding))?;
        let mut found = Collect { held: Some(Vec::new()), adapters: 0 };
        self.visit(&mut found);
        let (held, tables) = (found.held?, self.rotary.tables(tokens));
        let kernels = Kernels { shape: shape(self), held, tables, recompute: self.recompute, packed: None };
        kernels.parameters().is_some().then_some(kernels)
    }
}

impl Kernels {
    /// The decoder whose passes are to be run.
    ///
    /// # Panics
    /// Never: what does not fit was refused when this was made.
    pub fn decoder(&self) -> Passes<'_> {
        let weights = self.parameters().expect("the numbers fitted the shape when they were collected");
        let passes = Passes::new(&self.shape, weights, self.tables.iter().map(|tables| tables.borrowed()).collect())
            .with_recomputation(self.recompute);
        match &self.packed {
            Some(matrices) => passes.with_packed(matrices.packed()),
            None => passes,
        }
    }

    /// Whether these are the same numbers, at the same places in memory, in a decoder of the same shape.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.shape == other.shape
            && self.held.len() == other.held.len()
            && self.held.iter().zip(&other.held).all(|(one, other)| one.numbers.is_same(&other.numbers))
            && self.tables.len() == other.tables.len()
            && self.tables.iter().zip(&other.tables).all(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// The matrices that are packed for decoding.
    pub(crate) fn matrices(&self) -> impl Iterator<Item = &Numbers> {
        self.held_matrices().map(|held| &held.numbers)
    }

    fn trains_matrices(&self) -> bool {
        self.held_matrices().any(|held| held.trained)
    }

    fn held_matrices(&self) -> impl Iterator<Item = &Held> {
        let places: Vec<Stored<'_>> = self.decoder().matrices().collect();
        self.held.iter().filter(move |held| places.iter().any(|place| place.is_same(&held.stored())))
    }

    /// No gradient yet, of the parameters that are trained.
    pub fn no_gradients(&self) -> Parameters<Vec<f32>> {
        let mut held = self.held.iter();
        Parameters::zeros_where(&self.shape, || held.next().is_some_and(|held| held.trained))
    }

    /// Gradients of those parameters, as an optimiser takes them.
    pub fn gradients(&self, gradients: Parameters<Vec<f32>>) -> GradientsParams {
        let mut registered = GradientsParams::new();
        for (held, gradient) in self.held.iter().zip(gradients.into_list()).filter(|(held, _)| held.trained) {
            (held.register)(&mut registered, gradient);
        }
        registered
    }

    fn parameters(&self) -> Option<Parameters<Stored<'_>>> {
        let mut rest = self.held.iter().map(Held::stored);
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
    /// The same in f32, of what the passes take in no other type.
    wide: Option<Vec<f32>>,
    trained: bool,
    register: Box<Register>,
}

impl Held {
    fn of<const D: usize>(param: &Param<Tensor<D>>, is_matrix: bool) -> Option<Self> {
        let (parameter, id) = (param.val(), param.id);
        let (trained, shape, device) = (parameter.is_require_grad(), parameter.dims(), parameter.device().without_autodiff());
        let register = move |all: &mut GradientsParams, gradient| {
            all.register(id, Tensor::<D>::from_data(TensorData::new(gradient, shape), (&device, DType::F32)));
        };
        let numbers = Numbers::of(parameter)?;
        let wide = (!is_matrix && numbers.stored().floats().is_none()).then(|| numbers.stored().to_f32());
        Some(Self { numbers, wide, trained, register: Box::new(register) })
    }

    fn stored(&self) -> Stored<'_> {
        self.wide.as_deref().map_or_else(|| self.numbers.stored(), Stored::F32)
    }
}

/// Collects parameters in the order of the module.
struct Collect {
    /// Nothing more once one could not be had.
    held: Option<Vec<Held>>,
    /// How many fields around the parameter are adapters.
    adapters: usize,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.adapters += usize::from(name == "adapters");
    }

    fn exit_module(&mut self, name: &str, _: &str) {
        self.adapters -= usize::from(name == "adapters");
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let is_matrix = D == 2 && self.adapters == 0;
        self.held = self.held.take().and_then(|mut held| {
            held.push(Held::of(param, is_matrix)?);
            Some(held)
        });
    }
}

/// Finds a type that the passes do not know.
struct Unknown(Option<DType>);

impl ModuleVisitor for Unknown {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let dtype = param.val().dtype();
        self.0 = self.0.or((!Numbers::are_of(dtype)).then_some(dtype));
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
        adapters: model.blocks.iter().map(adapters).collect(),
    }
}

fn adapters(block: &Block) -> [Vec<Adapter>; 4] {
    block.projections().map(|projection| projection.adapters.iter().map(LowRank::shape).collect())
}
