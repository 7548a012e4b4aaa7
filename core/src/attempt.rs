//! One complete response to one problem.

use alloc::vec::Vec;

use crate::{error::Error, verifier::Verdict};

/// Why an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum StopReason {
    /// The policy wrote the end token (it is the attempt's last token).
    EndToken,
    /// The task's answers have a fixed length, and it was reached.
    FixedLength,
    /// The length limit was reached without an end token.
    Truncated,
}

/// One complete response to one problem: the tokens as sampled, never re-encoded text.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    tokens: Vec<u32>,
    sampling_logprobs: Vec<f32>,
    stop: StopReason,
    verdict: Verdict,
}

impl Attempt {
    /// An attempt of at least one token, with the log-probability each had when it was sampled (nats).
    ///
    /// # Errors
    /// [`Error::Empty`] without tokens, [`Error::Length`] when the log-probabilities are not one a token.
    pub fn new(tokens: Vec<u32>, sampling_logprobs: Vec<f32>, stop: StopReason, verdict: Verdict) -> Result<Self, Error> {
        if tokens.is_empty() {
            return Err(Error::Empty("an attempt"));
        }
        if tokens.len() != sampling_logprobs.len() {
            return Err(Error::Length {
                what: "sampling log-probabilities of an attempt",
                expected: tokens.len(),
                got: sampling_logprobs.len(),
            });
        }
        Ok(Self { tokens, sampling_logprobs, stop, verdict })
    }

    /// The sampled token ids, the end token included.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The token ids that answer the problem: without the end token.
    pub fn answer(&self) -> &[u32] {
        match self.stop {
            StopReason::EndToken => &self.tokens[..self.tokens.len() - 1],
            StopReason::FixedLength | StopReason::Truncated => &self.tokens,
        }
    }

    /// Those of the ids that close an attempt which this one lacks: none unless it was cut off, and all but those it was cut off after.
    pub(crate) fn to_close<'a>(&self, closing: &'a [u32]) -> &'a [u32] {
        if self.stop != StopReason::Truncated {
            return &[];
        }
        let written = (0..closing.len()).rev().find(|&n| self.tokens.ends_with(&closing[..n]));
        &closing[written.unwrap_or(0)..]
    }

    /// log π(token) at sampling time, in nats, at the sampling temperature.
    pub fn sampling_logprobs(&self) -> &[f32] {
        &self.sampling_logprobs
    }

    /// Why it ended.
    pub fn stop(&self) -> StopReason {
        self.stop
    }

    /// What the verifier found.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The task reward r in `[0, 1]`; shaping is never part of it.
    pub fn reward(&self) -> f32 {
        self.verdict.reward()
    }
}
