//! The transformer of `palinode_lm`, as a model that is trained and kept.

use std::path::Path;

use burn::tensor::{Device, Int, Tensor};
use burn_optim::GradientsParams;
use palinode_core::{
    batch::TokenBatch,
    kl::Divergence,
    rng::RandomKey,
    scoring::{Scoring, TokenScores},
};
use palinode_lm::{Decoder, DecoderConfig};

use crate::{
    error::TrainError,
    gradient::{
        learner::{Loss, Slope, add_gradients},
        passes,
    },
    run::stored::Stored,
    trainable::{Backward, Trainable, keep_all},
};

impl Trainable for Decoder {
    fn reference(&self) -> Self {
        self.without_adapters()
    }

    fn with_dropout(&self, key: RandomKey) -> Option<Self> {
        self.with_dropout(key)
    }

    fn own_passes(
        &self,
        reference: Option<(&Self, Divergence)>,
        batch: &TokenBatch,
        scoring: &Scoring,
        loss: &Loss<'_>,
    ) -> Option<(Slope, TokenScores)> {
        passes::differentiate(self, reference, batch, scoring, loss)
    }

    fn own_logprobs(&self, batch: &TokenBatch, scoring: &Scoring) -> Option<Vec<f32>> {
        passes::logprobs(self, batch, scoring)
    }

    fn recomputes(&self) -> bool {
        self.recomputes()
    }

    fn states_and_back(&self, tokens: Tensor<2, Int>, positions: Tensor<1, Int>) -> (Tensor<2>, Backward<'_>) {
        if !self.recomputes() {
            return keep_all(self, tokens, positions);
        }
        let (value, kept) = self.states_and_inputs(tokens, positions);
        let back = move |gradient: Tensor<2>| {
            let parts = self.gradients_below(kept, gradient);
            parts.into_iter().fold(GradientsParams::new(), |sum, part| add_gradients(self, sum, part))
        };
        (value, Box::new(back))
    }
}

impl Stored for Decoder {
    type Card = DecoderConfig;

    fn read(card: &DecoderConfig, weights: &[u8], path: &Path, device: &Device) -> Result<Self, TrainError> {
        Ok(Self::parse(card, weights, path, device)?)
    }
}
