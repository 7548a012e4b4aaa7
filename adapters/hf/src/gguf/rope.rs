//! Llama 3's stretched rotary frequencies, which a file holds as a divisor of each.
//!
//! Source: `LlamaModel.generate_extra_tensors` in `conversion/llama.py` of llama.cpp.

use std::f64::consts::TAU;

use palinode_lm::RopeScaling;

/// The tensor that holds the divisors.
pub(crate) const FACTORS: &str = "rope_freqs.weight";

/// What each frequency of a head is divided by, the fastest first.
pub(crate) fn factors(base: f64, head_width: usize, scaling: &RopeScaling) -> Option<Vec<f32>> {
    let &RopeScaling::Llama3 { factor, low, high, original_context } = scaling else { return None };
    let context = original_context as f64;
    let of = |pair: usize| {
        let wave = TAU * base.powf((2 * pair) as f64 / head_width as f64);
        if wave < context / high {
            1.0
        } else if wave > context / low {
            factor
        } else {
            let smooth = (context / wave - low) / (high - low);
            ((1.0 - smooth) / factor + smooth).recip()
        }
    };
    Some((0..head_width / 2).map(|pair| of(pair) as f32).collect())
}

/// The stretching that gives these divisors, where it is one of Llama 3's: the numbers themselves are not in the file.
pub(crate) fn scaling(base: f64, divisors: &[f32]) -> Option<RopeScaling> {
    // All models of this kind were stretched by whole waves of their original context: 1 and 4 are what Meta calls low and high.
    const LOW: f64 = 1.0;
    const HIGH: f64 = 4.0;
    let factor = divisors.iter().copied().fold(1.0f32, f32::max).into();
    let fits = |scaling: &RopeScaling| {
        factors(base, 2 * divisors.len(), scaling)
            .is_some_and(|ours| ours.iter().zip(divisors).all(|(ours, theirs)| (ours - theirs).abs() <= 1e-4 * ours.abs()))
    };
    let contexts = (4..=24).map(|power| 1usize << power);
    // 8192 first: where no frequency lies between, several contexts give the same divisors.
    [8192]
        .into_iter()
        .chain(contexts)
        .map(|original_context| RopeScaling::Llama3 { factor, low: LOW, high: HIGH, original_context })
        .find(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divisors_tell_the_stretching() {
        for (factor, original_context) in [(8.0, 8192), (32.0, 8192), (8.0, 16)] {
            let stretched = RopeScaling::Llama3 { factor, low: 1.0, high: 4.0, original_context };
            let divisors = factors(500_000.0, 64, &stretched).unwrap();
            assert_eq!(scaling(500_000.0, &divisors), Some(stretched));
        }
        assert_eq!(scaling(500_000.0, &[1.0, 3.0, 2.0]), None);
        assert_eq!(factors(500_000.0, 64, &RopeScaling::None), None);
    }
}
