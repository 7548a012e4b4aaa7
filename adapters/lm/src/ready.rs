//! One version of a decoder's weights, ready to decode: its matrices are packed once, however many rollouts and threads play it, and for all versions
//! of adapters beside them.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use palinode_kernels::{Numbers, PackedAdapters, PackedDecoder, Passes};

use crate::{decoder::Decoder, kernels::Kernels};

/// A decoder's matrices, and the same packed. It holds both, so neither can change under it.
pub(crate) struct Matrices {
    numbers: Vec<Numbers>,
    packed: PackedDecoder,
}

impl Matrices {
    fn new(kernels: &Kernels) -> Self {
        Self { numbers: kernels.matrices().cloned().collect(), packed: kernels.decoder().pack() }
    }

    pub(crate) fn packed(&self) -> &PackedDecoder {
        &self.packed
    }

    /// Whether they are the very numbers in memory that a decoder has. They are still held, so that nobody can have written to them since, nor put others in
    /// their place.
    fn are_of(&self, kernels: &Kernels) -> bool {
        self.numbers.iter().map(Some).chain([None]).zip(kernels.matrices().map(Some).chain([None])).all(|pair| match pair {
            (Some(one), Some(other)) => one.is_same(other),
            (one, other) => one.is_none() && other.is_none(),
        })
    }
}

/// Weights, and the same packed.
pub(crate) struct Ready {
    kernels: Kernels,
    matrices: Arc<Matrices>,
    adapters: PackedAdapters,
}

impl Ready {
    fn new(kernels: Kernels, matrices: Arc<Matrices>) -> Self {
        let adapters = kernels.decoder().pack_adapters();
        Self { kernels, matrices, adapters }
    }

    /// The decoder whose passes are to be run.
    pub(crate) fn decoder(&self) -> Passes<'_> {
        self.kernels.decoder().with_packed(&self.matrices.packed).with_packed_adapters(&self.adapters)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}

/// The version that was made ready last: of a model and all its clones, trained ones too.
#[derive(Clone, Default)]
pub(crate) struct LastReady(Arc<Mutex<Option<Arc<Ready>>>>);

impl fmt::Debug for LastReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastReady")
    }
}

impl LastReady {
    /// These weights, ready; packed anew unless they are the very numbers in memory that were packed last.
    fn of(&self, kernels: Kernels) -> Arc<Ready> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = last.as_ref().filter(|ready| ready.kernels.is_same(&kernels)) {
            return ready.clone();
        }
        // What is no longer needed makes room first.
        let kept = last.take().map(|ready| ready.matrices.clone()).filter(|matrices| matrices.are_of(&kernels));
        let matrices = kept.unwrap_or_else(|| Arc::new(Matrices::new(&kernels)));
        last.insert(Arc::new(Ready::new(kernels, matrices))).clone()
    }

    /// The matrices of a decoder, if they are those that were packed last.
    pub(crate) fn matrices_of(&self, kernels: &Kernels) -> Option<Arc<Matrices>> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|ready| &ready.matrices).filter(|matrices| matrices.are_of(kernels)).cloned()
    }

    /// Lets it go, but for caches that still need it.
    pub(crate) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Decoder {
    /// This model, ready to decode by the passes of `palinode_kernels`, where it has them for rows of this capacity.
    pub(crate) fn ready(&self, capacity: usize) -> Option<Arc<Ready>> {
        Some(self.ready.of(self.kernels_to_decode(capacity)?))
    }
}

#[cfg(test)]
mod tests {
    use burn::{
        module::{Module, ModuleMapper, Param},
        tensor::Tensor,
    };
    use palinode_core::policy::Decode;

    use super::*;
    use crate::config::DecoderConfig;

    /// Makes every number of a model another one.
    struct Change;

    impl ModuleMapper for Change {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|numbers| numbers.mul_scalar(1.25).add_scalar(0.01))
        }
    }

    fn model() -> Decoder {
        Decoder::new(&DecoderConfig::small(11, 32, 2, 4, 24), 3, &palinode_flex::device()).unwrap()
    }

    /// Logits after a prompt and two more tokens.
    fn played(model: &Decoder) -> Vec<f32> {
        let (mut cache, _) = model.start(&[&[1, 2, 3], &[4]], 2, 12).unwrap();
        let logits = model.extend(&mut cache, &[0, 2], &[&[5, 6], &[7, 8]]);
        logits.into_data().iter::<f32>().collect()
    }

    /// The same numbers in a model that shares nothing with this one.
    fn stranger(model: &Decoder) -> Decoder {
        let bytes = model.trained_bytes().unwrap();
        Decoder::from_bytes(model.config(), &bytes, &palinode_flex::device()).unwrap()
    }

    #[test]
    fn changed_weights_are_packed_anew() {
        let mut model = model();
        let mut before = Vec::new();
        for _ in 0..3 {
            let logits = played(&model);
            assert_ne!(logits, before);
            assert_eq!(logits, played(&stranger(&model)));
            assert_eq!(logits, played(&model.clone()));
            before = logits;
            // As an optimiser does: the same model, with the same memory of what was packed.
            model = model.map(&mut Change);
        }
        let unused = model.clone().with_unused([4]).unwrap();
        assert_eq!(unused.start(&[&[1]], 1, 4).unwrap().1.into_data().iter::<f32>().nth(4), Some(f32::NEG_INFINITY));
        assert_eq!(played(&model), played(&stranger(&model)));
    }

    #[test]
    fn a_rollout_goes_on_with_the_weights_that_began_it() {
        let model = model();
        let (mut one, _) = model.start(&[&[1, 2]], 1, 8).unwrap();
        let mut other = one.clone();
        let logits = |cache: &mut _, model: &Decoder| model.extend(cache, &[0], &[&[3]]).into_data();
        let changed = model.clone().map(&mut Change);
        let expected = logits(&mut one, &model);
        played(&changed);
        assert_eq!(logits(&mut other, &changed), expected);
    }

    #[test]
    fn a_version_is_packed_once_and_forgotten_before_the_next_is_made() {
        let model = model();
        let first = model.ready(12).unwrap();
        assert!(Arc::ptr_eq(&first, &model.clone().ready(12).unwrap()));
        let threads = std::thread::scope(|scope| {
            let ready = || scope.spawn(|| model.ready(12).unwrap());
            [ready(), ready()].map(|thread| thread.join().unwrap())
        });
        assert!(threads.iter().all(|ready| Arc::ptr_eq(ready, &first)));
        drop((threads, model.kernels(12)));
        assert_eq!(Arc::strong_count(&first), 2, "no gradients follow");
        drop(model.clone().train().kernels(12));
        assert_eq!(Arc::strong_count(&first), 1, "gradients follow, and then other weights");
        assert!(model.ready(25).is_none());
    }
}
