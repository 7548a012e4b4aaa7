//! Trajectories laid out for scoring.

use alloc::vec::Vec;

use burn_tensor::{DType, Device, Int, Tensor, TensorData};

use crate::{error::Error, trajectory::Trajectory};

/// The tokens of several episodes, and the list of those that the policy wrote.
///
/// Only listed tokens are ever scored, so prompt, revision instruction and padding can't move a loss. Rows stay on the host, each as long as it is;
/// tensors, padded on the right to the longest row, are made when they are asked for.
#[derive(Debug, Clone)]
pub struct TokenBatch {
    rows: Vec<Vec<u32>>,
    places: Vec<(usize, usize)>,
    slots: Vec<usize>,
    attempts: usize,
    device: Device,
}

impl TokenBatch {
    /// Lays out episodes with the same number of attempts.
    ///
    /// # Errors
    /// [`Error::Empty`] without episodes; [`Error::Length`] when their numbers of attempts differ.
    pub fn new(trajectories: &[&Trajectory], device: &Device) -> Result<Self, Error> {
        let Some(first) = trajectories.first() else { return Err(Error::Empty("a token batch")) };
        let attempts = first.attempts().len();
        let (mut places, mut slots) = (Vec::new(), Vec::new());
        for (row, trajectory) in trajectories.iter().enumerate() {
            let got = trajectory.attempts().len();
            if got != attempts {
                return Err(Error::Length { what: "attempts of an episode in a batch", expected: attempts, got });
            }
            for (attempt, span) in trajectory.spans().into_iter().enumerate() {
                for at in span {
                    places.push((row, at - 1));
                    slots.push(row * attempts + attempt);
                }
            }
        }
        let rows = trajectories.iter().map(|trajectory| trajectory.tokens()).collect();
        Ok(Self { rows, places, slots, attempts, device: device.clone() })
    }

    /// The tokens of each episode, without padding.
    pub fn rows(&self) -> &[Vec<u32>] {
        &self.rows
    }

    /// For each scored token, in order: its row, and the position there that predicts it, which is the one before it.
    pub fn places(&self) -> &[(usize, usize)] {
        &self.places
    }

    /// The ids of the scored tokens, N of them.
    pub fn target_ids(&self) -> impl Iterator<Item = u32> {
        self.places.iter().map(|&(row, at)| self.rows[row][at + 1])
    }

    /// Where its tensors are made.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Padded length T: the last token of a row is predicted but predicts nothing.
    pub fn width(&self) -> usize {
        self.rows.iter().map(Vec::len).max().unwrap_or(1).saturating_sub(1).max(1)
    }

    /// Input tokens `[B, T]`, B rows padded on the right.
    pub fn tokens(&self) -> Tensor<2, Int> {
        let width = self.width();
        let mut padded = alloc::vec![0i32; self.rows.len() * width];
        for (cells, tokens) in padded.chunks_exact_mut(width).zip(&self.rows) {
            cells.iter_mut().zip(&tokens[..tokens.len() - 1]).for_each(|(cell, &token)| *cell = token as i32);
        }
        Tensor::from_data(TensorData::new(padded, [self.rows.len(), width]), &self.device)
    }

    /// For each scored token, the flattened index of the position that predicts it, `[N]`.
    pub fn positions(&self) -> Tensor<1, Int> {
        let width = self.width();
        self.list(self.places.iter().map(|(row, at)| (row * width + at) as i32))
    }

    /// Ids of the scored tokens, `[N]`.
    pub fn targets(&self) -> Tensor<1, Int> {
        self.list(self.target_ids().map(|id| id as i32))
    }

    fn list(&self, values: impl Iterator<Item = i32>) -> Tensor<1, Int> {
        Tensor::from_data(TensorData::new(values.collect::<Vec<_>>(), [self.scored()]), &self.device)
    }

    /// For each scored token, episode · K + attempt.
    pub fn slots(&self) -> &[usize] {
        &self.slots
    }

    /// Scored tokens N.
    pub fn scored(&self) -> usize {
        self.slots.len()
    }

    /// Episodes B.
    pub fn episodes(&self) -> usize {
        self.rows.len()
    }

    /// Attempts K an episode.
    pub fn attempts(&self) -> usize {
        self.attempts
    }

    /// Gives each scored token the value of its (episode, attempt).
    ///
    /// # Shapes
    /// `values: B·K` numbers, as [`PerAttempt`](crate::per_attempt::PerAttempt) lists them; returns `[N]` in f32.
    ///
    /// # Errors
    /// [`Error::Length`] when there are not B·K values.
    pub fn spread(&self, values: &[f64]) -> Result<Tensor<1>, Error> {
        let expected = self.episodes() * self.attempts;
        if values.len() != expected {
            return Err(Error::Length { what: "values, one an attempt", expected, got: values.len() });
        }
        let spread: Vec<f32> = self.slots.iter().map(|&slot| values[slot] as f32).collect();
        Ok(Tensor::from_data(TensorData::new(spread, [self.slots.len()]), (&self.device, DType::F32)))
    }

    /// Gives each scored token the weight of its attempt, the same in every episode: the KL weights of an objective, say.
    ///
    /// # Shapes
    /// `weights: K` numbers; returns `[N]`.
    ///
    /// # Errors
    /// [`Error::Length`] when there are not K weights.
    pub fn spread_weights(&self, weights: &[f64]) -> Result<Tensor<1>, Error> {
        if weights.len() != self.attempts {
            return Err(Error::Length { what: "weights, one an attempt", expected: self.attempts, got: weights.len() });
        }
        self.spread(&weights.repeat(self.episodes()))
    }

    /// Sums a value of each scored token over its (episode, attempt); reads from the device.
    ///
    /// # Shapes
    /// `values: [N]`; returns `B·K` sums.
    pub fn sum_by_attempt(&self, values: Tensor<1>) -> Vec<f32> {
        let mut sums = alloc::vec![0.0f32; self.episodes() * self.attempts];
        for (&slot, value) in self.slots.iter().zip(values.into_data().iter::<f32>()) {
            sums[slot] += value;
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{
        attempt::{Attempt, StopReason},
        verifier::Verdict,
    };

    fn trajectory(prompt: &[u32], answers: [&[u32]; 2]) -> Trajectory {
        let attempt = |tokens: &[u32]| {
            Attempt::new(tokens.to_vec(), vec![0.0; tokens.len()], StopReason::FixedLength, Verdict::Wrong).unwrap()
        };
        Trajectory::new(prompt.to_vec(), vec![9], answers.map(attempt).to_vec()).unwrap()
    }

    #[test]
    fn only_written_tokens_are_listed_and_predicted_from_the_position_before() {
        let a = trajectory(&[1, 2], [&[3], &[4, 5]]); // 1 2 3 9 4 5
        let b = trajectory(&[6], [&[7], &[8]]); // 6 7 9 8
        let batch = TokenBatch::new(&[&a, &b], &Device::flex()).unwrap();
        assert_eq!(batch.tokens().into_data().iter::<i32>().collect::<Vec<_>>(), [1, 2, 3, 9, 4, 6, 7, 9, 0, 0]);
        assert_eq!(batch.positions().into_data().iter::<i32>().collect::<Vec<_>>(), [1, 3, 4, 5, 7]);
        assert_eq!(batch.targets().into_data().iter::<i32>().collect::<Vec<_>>(), [3, 4, 5, 7, 8]);
        assert_eq!(batch.slots(), [0, 1, 1, 2, 3]);
        let spread = batch.spread(&[0.1, 0.2, 0.3, 0.4]).unwrap();
        assert_eq!(spread.clone().into_data().iter::<f32>().collect::<Vec<_>>(), [0.1, 0.2, 0.2, 0.3, 0.4]);
        assert_eq!(batch.sum_by_attempt(spread), [0.1, 0.4, 0.3, 0.4]);
        assert!(batch.spread(&[0.0]).is_err());
        let weights = batch.spread_weights(&[0.5, 0.25]).unwrap();
        assert_eq!(weights.into_data().iter::<f32>().collect::<Vec<_>>(), [0.5, 0.25, 0.25, 0.5, 0.25]);
        assert!(batch.spread_weights(&[0.5]).is_err());
    }
}
