//! Laws of [`Policy`] and [`Decode`].

use alloc::{format, string::String, vec::Vec};
use core::slice;

use burn_tensor::{Int, Tensor, TensorData};
use proptest::{collection::vec, prelude::*};

use super::{Broken, Laws, close, ensure, strategies::tokens, values};
use crate::{
    logprob::log_distribution,
    policy::{Decode, Policy},
};

/// Rows of tokens to score or to decode together.
type TokenRows = Vec<Vec<u32>>;

impl Laws {
    /// The contract of [`Policy`] for token ids below `vocabulary`, with log-probabilities compared up to `tolerance` nats.
    ///
    /// There is one logit a token, and none is NaN; probabilities sum to 1; a position does not depend on later tokens, on padding, or on other rows.
    ///
    /// # Errors
    /// [`Broken`] names the first law that does not hold.
    pub fn policy<P: Policy>(&self, policy: &P, vocabulary: usize, tolerance: f32) -> Result<(), Broken> {
        let rows = vec(tokens(vocabulary, 1..8), 1..4);
        self.hold("probabilities sum to 1", &rows, |rows| {
            for row in self.full(policy, &rows).concat() {
                ensure(row.len() == vocabulary, || format!("{} logits for {vocabulary} tokens", row.len()))?;
                ensure(row.iter().all(|logprob| !logprob.is_nan()), || "a log-probability that is not a number".into())?;
                let total: f32 = row.iter().map(|&logprob| num_traits::Float::exp(logprob)).sum();
                ensure((total - 1.0).abs() <= tolerance.max(1e-5), || format!("a sum of {total}"))?;
            }
            Ok(())
        })?;
        let suffixes = (tokens(vocabulary, 1..8), tokens(vocabulary, 1..4));
        self.hold("a position does not depend on later tokens", &suffixes, |(row, suffix)| {
            let longer: Vec<u32> = row.iter().chain(&suffix).copied().collect();
            let (alone, followed) = (self.full(policy, slice::from_ref(&row)), self.full(policy, &[longer]));
            same(&alone[0], &followed[0][..row.len()], tolerance)
        })?;
        self.hold("a row does not depend on other rows", &rows, |rows| {
            let together = self.full(policy, &rows);
            rows.iter()
                .zip(&together)
                .try_for_each(|(row, among)| same(&self.full(policy, slice::from_ref(row))[0], among, tolerance))
        })
    }

    /// The contract of [`Decode`], whatever the rows that go on at each step: decoding with a cache gives the log-probabilities of a full
    /// forward pass, up to `tolerance` nats. Contexts of up to 24 tokens are tried.
    ///
    /// # Errors
    /// [`Broken`] shows the prompts, the samples of each, and which rows were fed which tokens.
    pub fn decoding<P: Policy + Decode>(&self, policy: &P, vocabulary: usize, tolerance: f32) -> Result<(), Broken> {
        const CAPACITY: usize = 24;
        let prompts = vec(tokens(vocabulary, 1..7), 1..4);
        // Each step feeds the rows whose number is drawn; rows are few, so a row is drawn more than once now and then.
        let step = (vec(any::<prop::sample::Index>(), 1..6), 1usize..4, any::<u32>());
        let plays = (prompts, 1usize..4, vec(step, 1..12));
        self.hold("cached decoding equals a full forward pass", &plays, |(prompts, samples, steps)| {
            let slices: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
            let (mut cache, logits) = policy.start(&slices, samples, CAPACITY).map_err(|error| format!("{error}"))?;
            let mut read: TokenRows = prompts.iter().flat_map(|prompt| (0..samples).map(|_| prompt.clone())).collect();
            let last = |rows: &TokenRows, which: &[usize]| -> TokenRows { which.iter().map(|&row| rows[row].clone()).collect() };
            let everyone: Vec<usize> = (0..read.len()).collect();
            self.next_is(policy, &last(&read, &everyone), logits, tolerance)?;
            for (drawn, length, salt) in steps {
                let mut rows: Vec<usize> = drawn.iter().map(|index| index.index(read.len())).collect();
                rows.sort_unstable();
                rows.dedup();
                rows.retain(|&row| read[row].len() + length <= CAPACITY);
                if rows.is_empty() {
                    continue;
                }
                let token = |row: usize, at: usize| salt.wrapping_mul(31).wrapping_add((row * 7 + at) as u32) % vocabulary as u32;
                let new: TokenRows = rows.iter().map(|&row| (0..length).map(|at| token(row, at)).collect()).collect();
                let logits = policy.extend(&mut cache, &rows, &new.iter().map(Vec::as_slice).collect::<Vec<_>>());
                rows.iter().zip(&new).for_each(|(&row, new)| read[row].extend(new));
                self.next_is(policy, &last(&read, &rows), logits, tolerance)?;
            }
            Ok(())
        })
    }

    /// Log-probabilities after every position of each row, from one forward pass over all of them.
    fn full<P: Policy>(&self, policy: &P, rows: &[Vec<u32>]) -> Vec<Vec<Vec<f32>>> {
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let padded: Vec<i32> = rows
            .iter()
            .flat_map(|row| row.iter().map(|&token| token as i32).chain(core::iter::repeat_n(0, width - row.len())))
            .collect();
        let positions: Vec<i32> =
            rows.iter().enumerate().flat_map(|(r, row)| (0..row.len()).map(move |at| (r * width + at) as i32)).collect();
        let count = positions.len();
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(padded, [rows.len(), width]), &self.device);
        let positions = Tensor::<1, Int>::from_data(TensorData::new(positions, [count]), &self.device);
        let mut found = by_row(policy.logits(policy.states(tokens, positions))).into_iter();
        rows.iter().map(|row| found.by_ref().take(row.len()).collect()).collect()
    }

    /// Compares logits of the next token with those of a full forward pass.
    fn next_is<P: Policy>(&self, policy: &P, rows: &[Vec<u32>], logits: Tensor<2>, tolerance: f32) -> Result<(), String> {
        let full: Vec<Vec<f32>> = self.full(policy, rows).into_iter().filter_map(|mut row| row.pop()).collect();
        same(&by_row(logits), &full, tolerance)
    }
}

fn by_row(logits: Tensor<2>) -> Vec<Vec<f32>> {
    let [_, vocabulary] = logits.dims();
    values(log_distribution(logits, 1.0)).chunks(vocabulary.max(1)).map(<[f32]>::to_vec).collect()
}

fn same(a: &[Vec<f32>], b: &[Vec<f32>], tolerance: f32) -> Result<(), String> {
    let (a, b) = (a.concat(), b.concat());
    ensure(close(&a, &b, tolerance), || {
        let gap = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        format!("log-probabilities differ by {gap} ({} against {} numbers)", a.len(), b.len())
    })
}
