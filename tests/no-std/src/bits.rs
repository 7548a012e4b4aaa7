//! Numbers that have the same bits on every machine, with `std` and without it: the law of this program and of `tests/laws`, which have one record.

use alloc::vec::Vec;

use burn_tensor::{Device, Tensor, TensorData};
use palinode_core::{
    Error, numbers,
    rng::{RandomKey, Stream},
    sampling::{Choice, Sampling, choose},
};

/// What [`digest`] gives. Another value is another result of every run, and belongs into `CHANGELOG.md`.
pub(crate) const RECORDED: u64 = 0xf7dd_c7f7_62a7_d31a;

/// Of random numbers, exponentials, logarithms, sums and choices of tokens, bit by bit.
pub(crate) fn digest(device: &Device) -> Result<u64, Error> {
    const ROWS: u32 = 8;
    const VOCABULARY: u32 = 601;
    let mut digest = Digest(0xcbf2_9ce4_8422_2325);
    let key = |token: u32| RandomKey { token, ..RandomKey::new(7, Stream::User) };
    let normals: Vec<f32> = (0..ROWS * VOCABULARY).map(|token| key(token).normal() * 3.0).collect();
    for &x in &normals {
        digest.take(x);
        [numbers::exp(x), numbers::ln(numbers::exp(x * 20.0)), numbers::tanh(x)].into_iter().for_each(|y| digest.take(y));
    }
    digest.word(numbers::sum_of_squares(&normals).to_bits());
    digest.take(numbers::sum(&normals));
    digest.take(numbers::dot(&normals, &normals));
    digest.take(numbers::largest(&normals));
    let mut logprobs = normals.clone();
    digest.take(numbers::log_softmax(&mut logprobs, 0.7));
    logprobs.iter().for_each(|&logprob| digest.take(logprob));

    let logits = Tensor::<2>::from_data(TensorData::new(normals, [ROWS as usize, VOCABULARY as usize]), device);
    for draw in 0..16 {
        let uniforms: Vec<f32> = (0..ROWS).map(|row| key(row + draw * ROWS).uniform()).collect();
        for sampling in [Sampling::Greedy, Sampling::temperature(0.7)?] {
            for Choice { token, logprob } in choose(logits.clone(), sampling, &uniforms)? {
                digest.word(u64::from(token));
                digest.take(logprob);
            }
        }
    }
    Ok(digest.0)
}

/// FNV-1a over words of 64 bits.
struct Digest(u64);

impl Digest {
    fn take(&mut self, x: f32) {
        self.word(u64::from(x.to_bits()));
    }

    fn word(&mut self, word: u64) {
        for byte in word.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
