//! A loss over tokens, differentiated by passes that are written out (`palinode_kernels`).
//!
//! The passes know the model; the loss is whatever a caller says, in tensors. They meet at the scores: each chunk's log-probabilities and divergences become
//! leaves of a small graph of their own, and what flows into those leaves goes back through the passes.

use std::collections::BTreeMap;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use palinode_core::{
    batch::TokenBatch,
    kl::{Divergence, KlEstimator},
    scoring::{Scoring, TokenScores},
};
use palinode_kernels::{Distribution, Diverging, Lower, PackedRows, Passes, Scored};
use palinode_lm::Decoder;

use crate::gradient::learner::{Loss, Slope};

/// As [`crate::gradient::chunked::differentiate`]; `None` where model or reference has no such passes, or a row is longer than they can hold.
pub(crate) fn differentiate(
    model: &Decoder,
    reference: Option<(&Decoder, Divergence)>,
    batch: &TokenBatch,
    scoring: &Scoring,
    loss: &Loss<'_>,
) -> Option<(Slope, TokenScores)> {
    let device = batch.device().clone();
    let rows = packed(batch);
    let model = model.kernels(rows.longest())?;
    let reference = match reference {
        Some((reference, divergence)) => Some((reference.kernels(rows.longest())?, divergence)),
        None => None,
    };
    let (passes, mut gradients) = (model.decoder(), model.no_gradients());
    let width = passes.width();
    // Below the first block that is trained, there is no way back, and the reference may be the same model.
    let lower = passes.lower(&rows, gradients.frozen_blocks().min(passes.steady_blocks()));
    // Where adapters drop something, each row is by itself above, and no two tokens follow one state.
    let Followed { chosen, of } = Followed::of(batch, &rows, passes.drops());
    let frozen = reference.as_ref().map(|(kernels, divergence)| {
        let reference = kernels.decoder();
        let states = reference.states_above(lower_of(&reference, (&passes, &lower), &rows), &rows, &chosen, drop);
        (reference, states, *divergence)
    });
    let (lower, rows) = if passes.drops() { (lower.apart(&rows), rows.apart()) } else { (lower, rows) };
    let chosen = if passes.drops() { scored(batch, &rows) } else { chosen };
    let (states, tape) = passes.forward_above(lower, rows, chosen);

    let targets: Vec<u32> = batch.target_ids().collect();
    let mut d_states = vec![0.0; states.len()];
    let (mut total, mut logprobs, mut divergences) = (0.0, Vec::new(), Vec::new());
    for start in (0..targets.len()).step_by(scoring.chunk()) {
        let tokens = start..targets.len().min(start + scoring.chunk());
        let temperature = scoring.temperature.value() as f32;
        let (used, followed) = distinct(&of[tokens.clone()]);
        let (states, targets) = (rows_of(&states, width, &used), Scored { states: &followed, ids: &targets[tokens.clone()] });
        let distribution = passes.distribution(&states, temperature);
        let frozen = frozen
            .as_ref()
            .map(|(passes, states, divergence)| (passes.distribution(&rows_of(states, width, &used), temperature), *divergence));
        let leaves = Leaves::of(&distribution, frozen.as_ref(), targets, scoring.kl, &device);
        let part = loss(&leaves.scores, tokens);
        total += part.clone().into_scalar::<f64>();
        let [d_logprob, d_divergence] = leaves.flow(&part);
        let whole = frozen.as_ref().and_then(|(reference, divergence)| {
            Some(Diverging { reference, divergence: *divergence, values: leaves.whole.as_deref()?, gradient: &d_divergence })
        });
        let flow = passes.distribution_back(distribution, &states, targets, &d_logprob, whole, &mut gradients);
        for (&state, flow) in used.iter().zip(flow.chunks_exact(width)) {
            d_states[state * width..].iter_mut().zip(flow).for_each(|(d, flow)| *d += flow);
        }
        logprobs.push(leaves.scores.logprob.inner());
        divergences.extend(leaves.scores.kl.map(Tensor::inner));
    }
    passes.backward(tape, &d_states, &mut gradients);
    let scores = joined(logprobs, divergences, &device);
    Some((Slope { loss: total, gradients: model.gradients(gradients) }, scores))
}

/// As [`crate::trainable::Trainable::own_logprobs`].
pub(crate) fn logprobs(model: &Decoder, batch: &TokenBatch, scoring: &Scoring) -> Option<Vec<f32>> {
    let rows = packed(batch);
    let model = model.kernels(rows.longest())?;
    let passes = model.decoder();
    let rows = if passes.drops() { rows.apart() } else { rows };
    let Followed { chosen, of } = Followed::of(batch, &rows, false);
    let states = passes.states(&rows, &chosen, drop);
    let targets: Vec<u32> = batch.target_ids().collect();
    let (chunk, temperature) = (scoring.chunk(), scoring.temperature.value() as f32);
    let of_chunk = |(of, ids): (&[usize], &[u32])| {
        let (used, followed) = distinct(of);
        passes.distribution(&rows_of(&states, passes.width(), &used), temperature).of(Scored { states: &followed, ids })
    };
    Some(of.chunks(chunk).zip(targets.chunks(chunk)).flat_map(of_chunk).collect())
}

/// What a reference's first blocks make of rows: what those of the policy made, where they are the same.
fn lower_of(reference: &Passes<'_>, (policy, lower): (&Passes<'_>, &Lower), rows: &PackedRows) -> Lower {
    let same = reference.begins_as(policy, lower.blocks());
    if same { lower.clone() } else { reference.lower(rows, lower.blocks()) }
}

/// What scored tokens follow.
struct Followed {
    /// The tokens whose states are asked for.
    chosen: Vec<usize>,
    /// For each scored token, which of those it follows.
    of: Vec<usize>,
}

impl Followed {
    /// Each state once, or one a scored token.
    fn of(batch: &TokenBatch, rows: &PackedRows, one_each: bool) -> Self {
        let chosen = scored(batch, rows);
        if one_each {
            return Self { of: (0..chosen.len()).collect(), chosen };
        }
        let (chosen, of) = distinct(&chosen);
        Self { chosen, of }
    }
}

/// Each number once, in the order in which they come first; and for each number which of those it is.
fn distinct(numbers: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let (mut all, mut places) = (Vec::new(), BTreeMap::new());
    let mut place = |&number: &usize| {
        *places.entry(number).or_insert_with(|| {
            all.push(number);
            all.len() - 1
        })
    };
    let of = numbers.iter().map(&mut place).collect();
    (all, of)
}

/// Some rows of a matrix of this width.
fn rows_of(matrix: &[f32], width: usize, rows: &[usize]) -> Vec<f32> {
    rows.iter().flat_map(|&row| &matrix[row * width..(row + 1) * width]).copied().collect()
}

/// The scores of all chunks.
fn joined(logprobs: Vec<Tensor<1>>, divergences: Vec<Tensor<1>>, device: &Device) -> TokenScores {
    let join = |parts: Vec<Tensor<1>>| (!parts.is_empty()).then(|| Tensor::cat(parts, 0));
    TokenScores { logprob: join(logprobs).unwrap_or_else(|| Tensor::zeros([0], (device, DType::F32))), kl: join(divergences) }
}

/// The scores of a chunk, as leaves of the loss.
struct Leaves {
    scores: TokenScores,
    logprob: Tensor<1>,
    /// A divergence over the whole vocabulary, which the passes differentiate; others follow from log-probabilities.
    divergence: Option<Tensor<1>>,
    whole: Option<Vec<f32>>,
}

impl Leaves {
    fn of(
        distribution: &Distribution,
        frozen: Option<&(Distribution, Divergence)>,
        targets: Scored<'_>,
        estimator: KlEstimator,
        device: &Device,
    ) -> Self {
        let constant = |values: Vec<f32>| {
            let length = values.len();
            Tensor::<1>::from_data(TensorData::new(values, [length]), (device, DType::F32))
        };
        let leaf = |values: Vec<f32>| constant(values).autodiff().require_grad();
        let logprob = leaf(distribution.of(targets));
        let (mut divergence, mut values) = (None, None);
        let kl = frozen.map(|(reference, direction)| match direction.needs_vocabulary(estimator) {
            true => {
                let found = values.insert(distribution.divergence(reference, *direction));
                divergence.insert(leaf(targets.states.iter().map(|&state| found[state]).collect())).clone()
            }
            false => {
                // Of the distribution such an estimator sees the tokens that were sampled.
                let only = |tensor: Tensor<1>| tensor.unsqueeze_dim::<2>(1);
                let frozen = constant(reference.of(targets)).autodiff();
                let first = Tensor::<1, Int>::zeros([targets.ids.len()], &logprob.device());
                estimator.per_token(only(logprob.clone()), only(frozen), first)
            }
        });
        Self { scores: TokenScores { logprob: logprob.clone(), kl }, logprob, divergence, whole: values }
    }

    /// The gradient of a part of the loss with respect to the log-probabilities, and to the divergences.
    fn flow(&self, loss: &Tensor<1>) -> [Vec<f32>; 2] {
        let mut flow = loss.backward();
        let mut of = |leaf: &Tensor<1>| -> Vec<f32> {
            let gradient = leaf.grad_remove(&mut flow).unwrap_or_else(|| leaf.clone().inner().zeros_like());
            gradient.into_data().iter::<f32>().collect()
        };
        [of(&self.logprob), self.divergence.as_ref().map(of).unwrap_or_default()]
    }
}

/// A batch without what stands after the last scored position of a row; what rows begin with together stands once.
fn packed(batch: &TokenBatch) -> PackedRows {
    // A row of which nothing is asked still has its first token: rows are never empty.
    let mut lengths = vec![1; batch.rows().len()];
    for &(row, at) in batch.places() {
        lengths[row] = lengths[row].max(at + 1);
    }
    PackedRows::sharing(batch.rows().iter().zip(&lengths).map(|(row, &length)| &row[..length])).padded_to(batch.width())
}

/// Where the tokens stand that predict those that are scored.
fn scored(batch: &TokenBatch, rows: &PackedRows) -> Vec<usize> {
    batch.places().iter().map(|&(row, at)| rows.place(row, at)).collect()
}
