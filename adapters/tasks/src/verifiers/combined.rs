//! Several verifiers on one answer.

use std::sync::Arc;

use palinode_core::verifier::Verdict;

use super::{ByReference, Judgement, TextVerifier};
use crate::error::TaskError;

/// Right when every part finds the answer right.
#[derive(Debug, Clone)]
pub struct All(Vec<Arc<dyn TextVerifier>>);

/// Partial credit: the parts' rewards, weighted by their shares of the total weight.
#[derive(Debug, Clone)]
pub struct Weighted(Vec<(f32, Arc<dyn TextVerifier>)>);

impl All {
    /// All of these parts.
    ///
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
    fn by(&self, reference: &str) -> ByReference {
        let parts: Vec<ByReference> = self.0.iter().map(|part| part.by(reference)).collect();
        Box::new(move |answer| {
            let mut judgements: Vec<Judgement> = parts.iter().map(|part| part(answer)).collect();
            let failed = judgements.iter().position(|part| part.verdict == Verdict::Failed);
            let place = failed.or_else(|| judgements.iter().position(|part| !part.verdict.is_right()));
            let judgement = judgements.swap_remove(place.unwrap_or(0));
            let verdict = match judgement.verdict {
                Verdict::Partial(_) if !judgement.verdict.is_right() => Verdict::Wrong,
                verdict => verdict,
            };
            Judgement { verdict, ..judgement }
        })
    }
}

impl TextVerifier for Weighted {
    fn by(&self, reference: &str) -> ByReference {
        let parts: Vec<(f32, ByReference)> = self.0.iter().map(|(weight, part)| (*weight, part.by(reference))).collect();
        Box::new(move |answer| weighed(parts.iter().map(|(weight, part)| (*weight, part(answer))).collect()))
    }
}

/// The judgement that parts come to by their shares of the total weight.
fn weighed(mut parts: Vec<(f32, Judgement)>) -> Judgement {
    if let Some(failed) = parts.iter().position(|(_, part)| part.verdict == Verdict::Failed) {
        return parts.swap_remove(failed).1;
    }
    if parts.iter().all(|(_, part)| part.verdict == Verdict::Unparseable) {
        return parts.swap_remove(0).1;
    }
    let because: Vec<String> = parts.iter().map(|(weight, part)| format!("{weight:.2} × {}", part.verdict.reward())).collect();
    let credit: f32 = parts.iter().map(|(weight, part)| weight * part.verdict.reward()).sum();
    let verdict = match credit {
        // All right, in spite of rounding in the sum; nothing right.
        _ if parts.iter().all(|(_, part)| part.verdict.is_right()) => Verdict::Right,
        0.0 => Verdict::Wrong,
        // Not all are right: never a full reward, by rounding either.
        credit => Verdict::partial(credit.clamp(0.0, 1.0 - f32::EPSILON)).unwrap_or(Verdict::Failed),
    };
    let read = parts.into_iter().find(|(_, part)| part.answer.is_some());
    let (answer, reference) = read.map_or((None, None), |(_, part)| (part.answer, part.reference));
    Judgement { verdict, answer, reference, because: because.join(" + ").into() }
}
