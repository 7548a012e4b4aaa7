//! Choosing on the host, in arithmetic whose bits are the same everywhere.

use alloc::vec::Vec;

use burn_tensor::{DType, Tensor};

use super::{Choice, Sampling};
use crate::{
    error::Error,
    numbers::{largest, ln, softmax_weights, sum},
};

/// Tokens whose probabilities are summed at once while the cumulative distribution is searched.
const BLOCK: usize = 512;

/// As [`super::choose`], with one uniform number a row where it samples.
pub(super) fn choose(logits: Tensor<2>, sampling: Sampling, uniforms: &[f32]) -> Result<Vec<Choice>, Error> {
    let [rows, vocabulary] = logits.dims();
    let data = logits.into_data();
    let data = if data.dtype() == DType::F32 { data } else { data.convert::<f32>() };
    let all = data.as_slice::<f32>().map_err(|_| Error::NotFinite("logits that are no numbers"))?;
    // As passes that score the tokens take it, so that both have the same bits.
    let scale = (sampling.scoring_temperature().value() as f32).recip();
    let mut weights = alloc::vec![0.0f32; vocabulary];
    let mut choices = Vec::with_capacity(rows);
    for (i, row) in all.chunks_exact(vocabulary.max(1)).enumerate() {
        let highest = largest(row);
        let shift = highest * scale;
        let total = softmax_weights(row, scale, shift, &mut weights);
        let token = match sampling {
            Sampling::Greedy => row.iter().position(|&logit| logit == highest),
            Sampling::Temperature(_) => at(&weights, f64::from(uniforms[i])),
        };
        // Without a token there is no distribution: every logit is NaN, or all are forbidden.
        let logprob = token.map_or(f32::NAN, |token| row[token] * scale - (shift + ln(total as f32)));
        choices.push(Choice { token: token.unwrap_or(0) as u32, logprob }.checked()?);
    }
    Ok(choices)
}

/// The first token at which the cumulative sum of the weights is more than a share `u` of all of it; the last one of any weight where rounding leaves none.
///
/// Sums run over blocks first, then token by token in the block where the share is passed.
fn at(weights: &[f32], u: f64) -> Option<usize> {
    let total: f64 = weights.chunks(BLOCK).map(|block| f64::from(sum(block))).sum();
    let (target, mut before) = (u * total, 0.0f64);
    for (b, block) in weights.chunks(BLOCK).enumerate() {
        let behind = before + f64::from(sum(block));
        if behind > target {
            let mut cumulative = before;
            let passed = block.iter().position(|&weight| {
                cumulative += f64::from(weight);
                cumulative > target
            });
            // The block's own sum may be rounded above that of its tokens one by one.
            return passed.or_else(|| block.iter().rposition(|&weight| weight > 0.0)).map(|place| b * BLOCK + place);
        }
        before = behind;
    }
    weights.iter().rposition(|&weight| weight > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the definition, token by token, over several blocks.
    #[test]
    fn the_search_by_blocks_finds_what_the_definition_says() {
        let weights: Vec<f32> = (0..3 * BLOCK + 7).map(|i| if i % 3 == 0 { 0.0 } else { ((i * 7_919) % 101) as f32 }).collect();
        let total: f32 = weights.iter().sum();
        for i in 0..2_000 {
            // Between two integers no cumulative sum is met.
            let target = (i as f32 / 2_000.0 * total).floor() + 0.5;
            let mut cumulative = 0.0;
            let expected = weights.iter().position(|weight| {
                cumulative += weight;
                cumulative > target
            });
            assert_eq!(at(&weights, f64::from(target) / f64::from(total)), expected);
        }
        assert_eq!((at(&weights, 0.0), at(&[0.0; 3], 0.0), at(&[], 0.5)), (Some(1), None, None));
        assert_eq!(at(&[0.0, 2.0, 0.0], 1.0), Some(1));
    }
}
