//! From hidden states to the distribution over the next token, and back.

use crate::{
    buffer::Buffer,
    decoder::Decoder,
    matmul::{Into, Matrix, MatrixMut, Packed, product, product_packed, product_transposed, transposed_product},
    norm::Norm,
    parameters::Parameters,
    simd::{exp, largest, sum_of, tanh, wide},
};

/// log softmax(logits / temperature) of some states, and what the way back needs.
pub struct Distribution {
    /// `[N, V]`, nats.
    logprobs: Buffer,
    /// For each state log Σ e^(logit / temperature).
    logarithms: Buffer,
    /// The states behind the last norm, and its factors.
    normed: Buffer,
    scales: Buffer,
    vocabulary: usize,
    temperature: f32,
}

/// Which way a policy π is compared with a reference, over the whole vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Divergence {
    /// KL(π‖π_ref) = Σ_v π(v) (log π(v) − log π_ref(v))
    Reverse,
    /// KL(π_ref‖π) = Σ_v π_ref(v) (log π_ref(v) − log π(v))
    Forward,
}

/// A divergence that a loss depends on.
pub struct Diverging<'a> {
    /// Of the reference.
    pub reference: &'a Distribution,
    /// Which way.
    pub divergence: Divergence,
    /// What [`Distribution::divergence`] gave.
    pub values: &'a [f32],
    /// The loss's gradient with respect to it.
    pub gradient: &'a [f32],
}

impl Distribution {
    /// The log-probability of one token a state.
    pub fn of(&self, targets: &[u32]) -> Vec<f32> {
        self.logprobs.chunks_exact(self.vocabulary).zip(targets).map(|(row, &target)| row[target as usize]).collect()
    }

    /// The divergence of each state's distribution π from that of a reference, nats.
    pub fn divergence(&self, reference: &Self, divergence: Divergence) -> Vec<f32> {
        let rows = self.logprobs.chunks_exact(self.vocabulary).zip(reference.logprobs.chunks_exact(self.vocabulary));
        wide(|| match divergence {
            Divergence::Reverse => rows.map(|(p, q)| sum_of(p, q, |p, q| exp(p) * (p - q))).collect(),
            Divergence::Forward => rows.map(|(p, q)| sum_of(p, q, |p, q| exp(q) * (q - p))).collect(),
        })
    }
}

impl Decoder<'_> {
    /// The distribution over the token that follows each state, at a temperature.
    pub fn distribution(&self, states: &[f32], temperature: f32) -> Distribution {
        let (normed, scales) = self.last_norm().forward(states);
        let mut logprobs = self.capped_logits(&normed, None);
        let vocabulary = self.shape.vocabulary;
        let mut logarithms = Buffer::any(scales.len());
        wide(|| {
            for (row, logarithm) in logprobs.chunks_exact_mut(vocabulary).zip(logarithms.iter_mut()) {
                if temperature != 1.0 {
                    row.iter_mut().for_each(|x| *x /= temperature);
                }
                *logarithm = logarithm_of_sum(row);
                row.iter_mut().for_each(|x| *x -= *logarithm);
            }
        });
        Distribution { logprobs, logarithms, normed, scales, vocabulary, temperature }
    }

    /// The gradient of the states from that of their tokens' log-probabilities and divergences; adds to that of the parameters.
    ///
    /// With p = π(v), q = π_ref(v), d = log p − log q, and g and h the two gradients, that of a logit is (g·(1[v = token] − p) + h·c) / temperature,
    /// where c = p·(d − KL) for the reverse divergence, and p − q for the forward one.
    pub fn distribution_back(
        &self,
        distribution: Distribution,
        states: &[f32],
        targets: &[u32],
        d_logprob: &[f32],
        diverging: Option<Diverging<'_>>,
        gradients: &mut Parameters<Vec<f32>>,
    ) -> Buffer {
        let (vocabulary, width) = (self.shape.vocabulary, self.shape.width);
        let Distribution { logprobs: mut d_logits, logarithms, normed, scales, temperature, .. } = distribution;
        let rows = d_logits.chunks_exact_mut(vocabulary).zip(targets).zip(d_logprob).zip(logarithms.iter()).enumerate();
        wide(|| {
            for (i, (((row, &target), &flow), &logarithm)) in rows {
                let slope = |logprob: f32| match self.shape.logit_cap {
                    None => 1.0,
                    Some(limit) => {
                        let t = (logprob + logarithm) * temperature / limit;
                        1.0 - t * t
                    }
                };
                let at_target = flow * slope(row[target as usize]) / temperature;
                match &diverging {
                    None => row.iter_mut().for_each(|x| *x = -flow * exp(*x) * slope(*x) / temperature),
                    Some(Diverging { reference, divergence, values, gradient }) => {
                        let frozen = &reference.logprobs[i * vocabulary..(i + 1) * vocabulary];
                        let (value, h) = (values[i], gradient[i]);
                        let row = row.iter_mut().zip(frozen);
                        match divergence {
                            Divergence::Reverse => {
                                row.for_each(|(x, q)| *x = exp(*x) * (h * (*x - q - value) - flow) * slope(*x) / temperature);
                            }
                            Divergence::Forward => {
                                row.for_each(|(x, &q)| *x = (exp(*x) * (h - flow) - h * exp(q)) * slope(*x) / temperature);
                            }
                        }
                    }
                }
                row[target as usize] += at_target;
            }
        });
        let flow = Matrix::new(&d_logits, vocabulary);
        let mut d_normed = Buffer::any(normed.len());
        let d_out = MatrixMut::new(&mut d_normed, width);
        match (self.weights.output, &mut gradients.output) {
            (Some(output), Some(gradient)) => {
                let into = MatrixMut::new(gradient, vocabulary);
                transposed_product(Matrix::new(&normed, width), flow, 1.0, into, Into::Add);
                product_transposed(flow, Matrix::new(output, vocabulary), 1.0, d_out, Into::Replace);
            }
            _ => {
                let into = MatrixMut::new(&mut gradients.embedding, width);
                transposed_product(flow, Matrix::new(&normed, width), 1.0, into, Into::Add);
                product(flow, Matrix::new(self.weights.embedding, width), 1.0, d_out, Into::Replace);
            }
        }
        let mut d_states = Buffer::zeros(states.len());
        self.last_norm().backward(&d_normed, states, &scales, &mut d_states, &mut gradients.norm);
        d_states
    }

    pub(crate) fn last_norm(&self) -> Norm<'_> {
        Norm { weight: self.weights.norm, epsilon: self.shape.norm_epsilon, offset: self.shape.norm_offset }
    }

    pub(crate) fn capped_logits(&self, normed: &[f32], packed: Option<&Packed>) -> Buffer {
        let (vocabulary, width) = (self.shape.vocabulary, self.shape.width);
        let mut logits = Buffer::any(normed.len() / width * vocabulary);
        let (normed, out) = (Matrix::new(normed, width), MatrixMut::new(&mut logits, vocabulary));
        match (packed, self.weights.output) {
            (Some(packed), _) => product_packed(normed, packed, out, Into::Replace),
            (None, Some(output)) => product(normed, Matrix::new(output, vocabulary), 1.0, out, Into::Replace),
            (None, None) => product_transposed(normed, Matrix::new(self.weights.embedding, width), 1.0, out, Into::Replace),
        }
        if let Some(limit) = self.shape.logit_cap {
            wide(|| logits.iter_mut().for_each(|x| *x = limit * tanh(*x / limit)));
        }
        logits
    }
}

/// log Σ e^x, in passes that need no room.
#[inline(always)]
fn logarithm_of_sum(x: &[f32]) -> f32 {
    let shift = largest(x);
    shift + sum_of(x, x, |x, _| exp(x - shift)).ln()
}
