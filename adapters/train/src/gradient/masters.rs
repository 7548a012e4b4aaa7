//! Trained parameters in f32, where the model computes in a narrower type.
//!
//! A step of AdamW is often smaller than the last bit of a bf16 weight, and its second moments underflow there. So the optimiser works on f32 copies
//! of what is trained, and the model gets their rounding (Micikevicius et al. 2018, arXiv 1710.03740, section 3.1). Frozen weights have no copy.

use std::collections::HashMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId},
    tensor::{DType, Tensor},
};
use palinode_core::precision::widen;

/// A model whose trained parameters are in f32, and the types that they came in.
pub(crate) struct Masters<M> {
    pub(crate) model: M,
    narrow: HashMap<ParamId, DType>,
}

impl<M: Module> Masters<M> {
    /// Copies of what is trained in bf16 or f16; `None` where nothing is.
    pub(crate) fn of(model: &M) -> Option<Self> {
        let mut found = FindNarrow { narrow: HashMap::new() };
        model.clone().train().visit(&mut found);
        let narrow = found.narrow;
        (!narrow.is_empty()).then(|| Self { model: model.clone().map(&mut Retype { types: &narrow, wide: true }), narrow })
    }

    /// The model, in its own types.
    pub(crate) fn rounded(&self) -> M {
        self.model.clone().map(&mut Retype { types: &self.narrow, wide: false })
    }
}

struct FindNarrow {
    narrow: HashMap<ParamId, DType>,
}

impl ModuleVisitor for FindNarrow {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        if tensor.is_require_grad() && matches!(tensor.dtype(), DType::BF16 | DType::F16) {
            self.narrow.insert(param.id, tensor.dtype());
        }
    }
}

/// Widens the parameters of a list, or gives them their own types back.
struct Retype<'a> {
    types: &'a HashMap<ParamId, DType>,
    wide: bool,
}

impl ModuleMapper for Retype<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.types.get(&param.id) {
            Some(_) if self.wide => param.map(widen),
            Some(&own) => param.map(|tensor| tensor.cast(own)),
            None => param,
        }
    }
}
