//! One number for each attempt of a step, on the host: rewards, returns, advantages.

use alloc::vec::Vec;

use crate::error::Error;

/// A number for each attempt of each episode, `[P, G, K]`: problems, samples of each, attempts of each sample.
///
/// These are about a thousand numbers a step, so they stay on the host, in f64, and meet tensors only where tokens are weighed with them
/// ([`crate::batch::TokenBatch::spread`]).
#[derive(Debug, Clone, PartialEq)]
pub struct PerAttempt {
    shape: [usize; 3],
    values: Vec<f64>,
}

impl PerAttempt {
    /// Values problem by problem, sample by sample, attempt by attempt.
    ///
    /// # Errors
    /// [`Error::Empty`] when there is no problem, sample or attempt; [`Error::Length`] when there are not P·G·K values.
    pub fn new(shape: [usize; 3], values: Vec<f64>) -> Result<Self, Error> {
        if shape.contains(&0) {
            return Err(Error::Empty("the attempts of a step"));
        }
        let expected = shape.iter().fold(1usize, |count, &size| count.saturating_mul(size));
        if values.len() != expected {
            return Err(Error::Length { what: "values, one an attempt", expected, got: values.len() });
        }
        Ok(Self { shape, values })
    }

    /// `[P, G, K]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// All values in order.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The K values of each episode.
    pub fn episodes(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.shape[2])
    }

    /// The value at `[p, s, k]`: problem, sample, attempt.
    ///
    /// # Panics
    /// When there is no such attempt.
    pub fn at(&self, [p, s, k]: [usize; 3]) -> f64 {
        let [_, samples, attempts] = self.shape;
        assert!(s < samples && k < attempts, "an attempt of the step");
        self.values[(p * samples + s) * attempts + k]
    }

    /// Other values made of each and its place `[p, s, k]`.
    pub(crate) fn map_places(&self, of: impl Fn([usize; 3], f64) -> f64) -> Self {
        let [_, samples, attempts] = self.shape;
        let place = |i: usize| [i / (samples * attempts), i / attempts % samples, i % attempts];
        Self { shape: self.shape, values: self.values.iter().enumerate().map(|(i, &value)| of(place(i), value)).collect() }
    }

    /// The same attempts with other values, each made of the one before.
    pub fn map(&self, of: impl Fn(f64) -> f64) -> Self {
        Self { shape: self.shape, values: self.values.iter().map(|&value| of(value)).collect() }
    }

    /// The same attempts with other values, each made of the two that stand in its place.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn zip(&self, other: &Self, of: impl Fn(f64, f64) -> f64) -> Self {
        assert_eq!(self.shape, other.shape, "numbers of the same attempts");
        let values = self.values.iter().zip(&other.values).map(|(&a, &b)| of(a, b)).collect();
        Self { shape: self.shape, values }
    }

    /// The same attempts with other values, made episode by episode: `of` is given its K values, and writes as many.
    pub fn map_episodes(&self, of: impl Fn(&[f64], &mut [f64])) -> Self {
        self.map_chunks(self.shape[2], of)
    }

    /// Other values made of each problem's episodes: `of` is given G·K values, and writes as many.
    pub(crate) fn map_groups(&self, of: impl Fn(&[f64], &mut [f64])) -> Self {
        self.map_chunks(self.shape[1] * self.shape[2], of)
    }

    fn map_chunks(&self, size: usize, of: impl Fn(&[f64], &mut [f64])) -> Self {
        let mut made = self.clone();
        self.values.chunks_exact(size).zip(made.values.chunks_exact_mut(size)).for_each(|(from, to)| of(from, to));
        made
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn numbers_keep_their_places() {
        let numbers = PerAttempt::new([2, 1, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        let reversed = numbers.map_episodes(|from, to| (to[0], to[1]) = (from[1], from[0]));
        assert_eq!(reversed.episodes().collect::<Vec<_>>(), [[2.0, 1.0], [4.0, 3.0]]);
        assert_eq!(numbers.zip(&reversed, |a, b| a - b).values(), [-1.0, 1.0, -1.0, 1.0]);
        assert_eq!((numbers.map(|x| 2.0 * x).values()[3], numbers.shape()), (8.0, [2, 1, 2]));
    }

    #[test]
    fn numbers_are_one_an_attempt() {
        assert_eq!(PerAttempt::new([1, 0, 2], vec![]).unwrap_err(), Error::Empty("the attempts of a step"));
        assert!(matches!(PerAttempt::new([1, 2, 2], vec![0.0; 3]).unwrap_err(), Error::Length { expected: 4, got: 3, .. }));
        assert!(PerAttempt::new([usize::MAX, 2, 2], vec![0.0]).is_err());
    }
}
