//! Several verifiers on one answer.

use std::sync::Arc;

use palinode_core::verifier::Verdict;

use super::{Judgement, TextVerifier};
use crate::error::TaskError;

/// Right when every part finds the answer right.
#[derive(Debug, Clone)]
pub struct All(Vec<Arc<dyn TextVerifier>>);

/// Partial credit: the parts' rewards, weighted by their shares of the total weight.
#[derive(Debug, Clone)]
pub struct Weighted(Vec<(f32, Arc<dyn TextVerifier>)>);

impl All {
    /// # Errors
    /// [`TaskError::Verifier`] without parts.
    pub fn new(parts: Vec<Arc<dyn TextVerifier>>) -> Result<Self, TaskError> {
        if parts.is_empty() {
            return Err(TaskError::Verifier("`all` needs parts".into()));
        }
        Ok(Self(parts))
    }
}

impl Weighted {
    /// Weights above 0, in any unit.
    ///
    /// # Errors
    /// [`TaskError::Verifier`] without parts, or when a weight is not a positive number.
    pub fn new(parts: Vec<(f32, Arc<dyn TextVerifier>)>) -> Result<Self, TaskError> {
        if parts.is_empty() {
            return Err(TaskError::Verifier("`weighted` needs parts".into()));
        }
        let total: f32 = parts.iter().map(|(weight, _)| weight).sum();
        if !(total.is_finite() && parts.iter().all(|(weight, _)| *weight > 0.0)) {
            return Err(TaskError::Verifier("the weights of `weighted` must be positive numbers".into()));
        }
        Ok(Self(parts.into_iter().map(|(weight, part)| (weight / total, part)).collect()))
    }
}

impl TextVerifier for All {
    /// The first part that does not find it right decides; one that failed comes before all others.
    fn judge(&self, answer: &str, reference: &str) -> Judgement {
        let mut judgements: Vec<Judgement> = self.0.iter().map(|part| part.judge(answer, reference)).collect();
        let place = decisive(&judgements).or_else(|| judgements.iter().position(|part| !part.verdict.is_right()));
        let judgement = judgements.swap_remove(place.unwrap_or(0));
        let verdict = match judgement.verdict {
            Verdict::Partial(_) if !judgement.verdict.is_right() => Verdict::Wrong,
            verdict => verdict,
        };
        Judgement { verdict, ..judgement }
    }
}

impl TextVerifier for Weighted {
    fn judge(&self, answer: &str, reference: &str) -> Judgement {
        let mut judgements: Vec<Judgement> = self.0.iter().map(|(_, part)| part.judge(answer, reference)).collect();
        if let Some(failed) = decisive(&judgements) {
            return judgements.swap_remove(failed);
        }
        if judgements.iter().all(|part| part.verdict == Verdict::Unparseable) {
            return judgements.swap_remove(0);
        }
        let because: Vec<String> = self
            .0
            .iter()
            .zip(&judgements)
            .map(|((weight, _), part)| format!("{weight:.2} × {}", part.verdict.reward()))
            .collect();
        let credit: f32 = self.0.iter().zip(&judgements).map(|((weight, _), part)| weight * part.verdict.reward()).sum();
        let verdict = match credit {
            // All right, in spite of rounding in the sum; nothing right.
            _ if judgements.iter().all(|part| part.verdict.is_right()) => Verdict::Right,
            0.0 => Verdict::Wrong,
            // Not all are right: never a full reward, by rounding either.
            credit => Verdict::partial(credit.clamp(0.0, 1.0 - f32::EPSILON)).unwrap_or(Verdict::Failed),
        };
        let read = judgements.into_iter().find(|part| part.answer.is_some());
        let (answer, reference) = read.map_or((None, None), |part| (part.answer, part.reference));
        Judgement { verdict, answer, reference, because: because.join(" + ").into() }
    }
}

/// The first part that could not judge at all.
fn decisive(judgements: &[Judgement]) -> Option<usize> {
    judgements.iter().position(|part| part.verdict == Verdict::Failed)
}
