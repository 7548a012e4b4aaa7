//! From hidden states to the distribution over the next token, and back.

use palinode_core::{
    kl::Divergence,
    numbers::{self, exp, sum_of, tanh},
};

use crate::{
    buffer::Buffer,
    decoder::Passes,
    matmul::{Into, Matrix, MatrixMut, product_packed, product_stored, product_stored_transposed, transposed_product},
    norm::Norm,
    packed::PackedDecoder,
    parameters::Parameters,
    simd::wide,
};

/// log softmax(logits / temperature) of some states, and what the way back needs.
pub struct Distribution {
    /// `[N, V]`, nats.
    logprobs: Buffer,
    /// For each state log Σ e^(logit / temperature).
    logarithms: Buffer,
    /// The states after the last norm, and its factors.
    normed: Buffer,
    scales: Buffer,
    vocabulary: usize,
    temperature: f32,
}

/// Tokens that are scored.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    /// For each of them which of the states it follows; several may follow one.
    pub states: &'a [usize],
    /// Their ids.
    pub ids: &'a [u32],
}

/// A divergence that a loss depends on.
pub struct Diverging<'a> {
    /// Of the reference.
    pub reference: &'a Distribution,
    /// Which way.
    pub divergence: Divergence,
    /// What [`Distribution::divergence`] gave for each state.
    pub values: &'a [f32],
    /// The loss's gradient with respect to that of each token.
    pub gradient: &'a [f32],
}

impl Scored<'_> {
    /// For each token its state, and where it stands in one row of the vocabulary a state.
    fn places(&self, vocabulary: usize) -> impl Iterator<Item = (usize, usize)> {
        self.states.iter().zip(self.ids).map(move |(&state, &id)| (state, state * vocabulary + id as usize))
    }
}

impl Distribution {
    /// The log-probability of each token, nats.
    pub fn of(&self, tokens: Scored<'_>) -> Vec<f32> {
        tokens.places(self.vocabulary).map(|(_, at)| self.logprobs[at]).collect()
    }

    /// The divergence of each state's distribution π from that of a reference, nats.
    pub fn divergence(&self, reference: &Self, divergence: Divergence) -> Vec<f32> {
        let rows = self.logprobs.chunks_exact(self.vocabulary).zip(reference.logprobs.chunks_exact(self.vocabulary));
        match divergence {
            Divergence::Reverse => rows.map(|(p, q)| relative_entropy(p, q)).collect(),
            Divergence::Forward => rows.map(|(p, q)| relative_entropy(q, p)).collect(),
        }
    }
}

impl Passes<'_> {
    /// The distribution over the token that follows each state, at a temperature.
    pub fn distribution(&self, states: &[f32], temperature: f32) -> Distribution {
        let (normed, scales) = self.last_norm().forward(states);
        let mut logprobs = self.capped_logits(&normed);
        let vocabulary = self.shape.vocabulary;
        let mut logarithms = Buffer::any(scales.len());
        for (row, logarithm) in logprobs.chunks_exact_mut(vocabulary).zip(logarithms.iter_mut()) {
            *logarithm = log_softmax(row, temperature.recip());
        }
        Distribution { logprobs, logarithms, normed, scales, vocabulary, temperature }
    }

    /// The gradient of the states from that of their tokens' log-probabilities and divergences; adds to that of the parameters,
    /// where it is asked for.
    ///
    /// With p = π(v), q = π_ref(v), d = log p − log q, and g and h the two gradients, that of a logit is (g·(1[v = token] − p) + h·c) / temperature,
    /// where c = p·(d − KL) for the reverse divergence, and p − q for the forward one; of a state that several tokens follow it is the sum of theirs. Logits
    /// of −∞ are constants: nothing flows into them.
    pub fn distribution_back(
        &self,
        distribution: Distribution,
        states: &[f32],
        tokens: Scored<'_>,
        d_logprob: &[f32],
        diverging: Option<Diverging<'_>>,
        gradients: &mut Parameters<Vec<f32>>,
    ) -> Buffer {
        let vocabulary = self.shape.vocabulary;
        let Distribution { logprobs: mut d_logits, logarithms, normed, scales, temperature, .. } = distribution;
        let cap = |state: usize| self.shape.logit_cap.map(|limit| (logarithms[state], limit));
        let of_states = |of_tokens: &[f32]| {
            let mut sums = Buffer::zeros(logarithms.len());
            tokens.states.iter().zip(of_tokens).for_each(|(&state, x)| sums[state] += x);
            sums
        };
        let places = tokens.places(vocabulary).zip(d_logprob);
        let at_tokens: Vec<f32> = places.map(|((state, at), d)| d * slope(d_logits[at], cap(state), temperature)).collect();
        let (flows, leaning) = (of_states(d_logprob), diverging.as_ref().map(|diverging| of_states(diverging.gradient)));
        for (i, row) in d_logits.chunks_exact_mut(vocabulary).enumerate() {
            let towards = match (&diverging, &leaning) {
                (Some(Diverging { reference, divergence, values, .. }), Some(gradient)) => {
                    let frozen = &reference.logprobs[i * vocabulary..(i + 1) * vocabulary];
                    match divergence {
                        Divergence::Reverse => Towards::Reverse { frozen, value: values[i], gradient: gradient[i] },
                        Divergence::Forward => Towards::Forward { frozen, gradient: gradient[i] },
                    }
                }
                _ => Towards::Nothing,
            };
            logit_gradients(row, flows[i], towards, cap(i), temperature);
        }
        tokens.places(vocabulary).zip(at_tokens).for_each(|((_, at), d)| d_logits[at] += d);
        let mut d_states = Buffer::zeros(states.len());
        let d_normed = self.normed_gradient(&d_logits, &normed, gradients);
        self.last_norm().backward(&d_normed, states, &scales, &mut d_states, &mut gradients.norm);
        d_states
    }

    /// The gradient of what the last norm gave from that of logits before their cap; adds to that of the matrix between, where it is asked for.
    fn normed_gradient(&self, d_logits: &[f32], normed: &[f32], gradients: &mut Parameters<Vec<f32>>) -> Buffer {
        let (vocabulary, width) = (self.shape.vocabulary, self.shape.width);
        let flow = Matrix::new(d_logits, vocabulary);
        let mut d_normed = Buffer::any(normed.len());
        let d_out = MatrixMut::new(&mut d_normed, width);
        match (self.weights.output, &mut gradients.output) {
            (Some(output), Some(gradient)) => {
                if !gradient.is_empty() {
                    let into = MatrixMut::new(gradient, vocabulary);
                    transposed_product(Matrix::new(normed, width), flow, 1.0, into, Into::Add);
                }
                product_stored_transposed(flow, output, d_out, Into::Replace);
            }
            _ => {
                if !gradients.embedding.is_empty() {
                    let into = MatrixMut::new(&mut gradients.embedding, width);
                    transposed_product(flow, Matrix::new(normed, width), 1.0, into, Into::Add);
                }
                product_stored(flow, self.weights.embedding, d_out, Into::Replace);
            }
        }
        d_normed
    }

    /// Logits of the token that follows each state; `[N, width]` to `[N, V]`.
    pub fn logits(&self, states: &[f32]) -> Buffer {
        self.capped_logits(&self.last_norm().forward(states).0)
    }

    fn last_norm(&self) -> Norm<'_> {
        Norm { weight: self.weights.norm.plain(), epsilon: self.shape.norm_epsilon, offset: self.shape.norm_offset }
    }

    fn capped_logits(&self, normed: &[f32]) -> Buffer {
        let (vocabulary, width) = (self.shape.vocabulary, self.shape.width);
        let mut logits = Buffer::any(normed.len() / width * vocabulary);
        let (normed, out) = (Matrix::new(normed, width), MatrixMut::new(&mut logits, vocabulary));
        match (self.packed.map(PackedDecoder::output), self.weights.output) {
            (Some(packed), _) => product_packed(normed, packed, 1.0, out, Into::Replace),
            (None, Some(output)) => product_stored(normed, output, out, Into::Replace),
            (None, None) => product_stored_transposed(normed, self.weights.embedding, out, Into::Replace),
        }
        if let Some(limit) = self.shape.logit_cap {
            cap_each(&mut logits, limit);
        }
        if !self.shape.unused.is_empty() {
            for row in logits.chunks_exact_mut(vocabulary) {
                self.shape.unused.iter().for_each(|&id| row[id as usize] = f32::NEG_INFINITY);
            }
        }
        logits
    }
}

/// The reference's part in a logit's gradient.
#[derive(Clone, Copy)]
enum Towards<'a> {
    Nothing,
    Reverse { frozen: &'a [f32], value: f32, gradient: f32 },
    Forward { frozen: &'a [f32], gradient: f32 },
}

wide! {
    /// Turns one state's log-probabilities into the gradient of its logits, but for what is added at the token itself.
    fn logit_gradients<'a>(row: &'a mut [f32], flow: f32, towards: Towards<'a>, cap: Option<(f32, f32)>, temperature: f32) -> () {
        match towards {
            Towards::Nothing => {
                for x in row.iter_mut() {
                    *x = possible(*x, -flow * exp(*x) * slope(*x, cap, temperature));
                }
            }
            Towards::Reverse { frozen, value, gradient } => {
                for (x, &q) in row.iter_mut().zip(frozen) {
                    *x = possible(*x, exp(*x) * (gradient * (*x - q - value) - flow) * slope(*x, cap, temperature));
                }
            }
            Towards::Forward { frozen, gradient } => {
                for (x, &q) in row.iter_mut().zip(frozen) {
                    *x = possible(*x, (exp(*x) * (gradient - flow) - gradient * exp(q)) * slope(*x, cap, temperature));
                }
            }
        }
    }
}

/// What belongs to a token of this log-probability: nothing, where it is −∞.
#[inline(always)]
fn possible(logprob: f32, value: f32) -> f32 {
    if logprob == f32::NEG_INFINITY { 0.0 } else { value }
}

/// d(logit / temperature) of the logit before its cap, where `cap` is log Σ e^(logit / temperature) and the limit.
#[inline(always)]
fn slope(logprob: f32, cap: Option<(f32, f32)>, temperature: f32) -> f32 {
    match cap {
        None => temperature.recip(),
        Some((logarithm, limit)) => {
            let t = (logprob + logarithm) * temperature / limit;
            (1.0 - t * t) / temperature
        }
    }
}

wide! {
    /// As [`palinode_core::numbers::log_softmax`]: the tokens' choice takes the same formula, so that both have the same bits.
    fn log_softmax<'a>(row: &'a mut [f32], scale: f32) -> f32 {
        numbers::log_softmax(row, scale)
    }
}

wide! {
    /// Σ_v p(v) (log p(v) − log q(v)), from logarithms; 0 log 0 = 0.
    fn relative_entropy<'a>(p: &'a [f32], q: &'a [f32]) -> f32 {
        sum_of(p, q, |p, q| possible(p, exp(p) * (p - q)))
    }
}

wide! {
    fn cap_each<'a>(x: &'a mut [f32], limit: f32) -> () {
        for x in x.iter_mut() {
            *x = limit * tanh(*x / limit);
        }
    }
}
