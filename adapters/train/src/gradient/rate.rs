//! How the learning rate changes over the steps of a stage.

use core::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// What the learning rate does once it has risen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// It stays.
    #[default]
    Constant,
    /// It falls along half a period of the cosine (Loshchilov & Hutter 2017, arXiv 1608.03983, Eq. 5, without restarts).
    Cosine,
    /// It falls by the same amount at every step.
    Linear,
}

/// A learning rate as a function of the step: it rises from near zero to its peak, and then stays or falls.
///
/// Nothing else goes into it, so that a run which goes on has the rate that it would have had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    peak: f64,
    rise: usize,
    decay: Decay,
    floor: f64,
}

impl Schedule {
    /// The same rate at every step.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a rate that is negative or not finite.
    pub fn constant(peak: f64) -> Result<Self, TrainError> {
        TrainError::require((0.0..=f64::MAX).contains(&peak), "learning rate", "a finite number of at least 0", peak)?;
        Ok(Self { peak, rise: 0, decay: Decay::Constant, floor: 0.0 })
    }

    /// The same, after so many steps over which it rises linearly; at the last of them it is at its peak.
    pub fn rising(self, steps: usize) -> Self {
        Self { rise: steps, ..self }
    }

    /// The same, but for what it does after that; where it falls, it falls to `floor`, a share of the peak.
    ///
    /// # Errors
    /// [`TrainError::Config`] for a share outside of `[0, 1]`.
    pub fn falling(self, decay: Decay, floor: f64) -> Result<Self, TrainError> {
        TrainError::require((0.0..=1.0).contains(&floor), "the floor of a learning rate", "within [0, 1]", floor)?;
        Ok(Self { decay, floor, ..self })
    }

    /// The rate of step `step` (from 0) of `steps`: that of the last one is just above `floor · peak`, where it falls.
    pub fn rate(&self, step: usize, steps: usize) -> f64 {
        let &Self { peak, rise, decay, floor } = self;
        if step < rise {
            return peak * ((step + 1) as f64 / rise as f64);
        }
        // The share of the fall that is over: 0 at the peak.
        let past = ((step - rise) as f64 / steps.saturating_sub(rise).max(1) as f64).min(1.0);
        let left = match decay {
            Decay::Constant => return peak,
            Decay::Cosine => 0.5 * (1.0 + libm::cos(PI * past)),
            Decay::Linear => 1.0 - past,
        };
        peak * (floor + (1.0 - floor) * left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(schedule: Schedule, steps: usize) -> Vec<f64> {
        (0..steps).map(|step| schedule.rate(step, steps)).collect()
    }

    fn schedule(peak: f64, rise: usize, decay: Decay, floor: f64) -> Schedule {
        Schedule::constant(peak).unwrap().rising(rise).falling(decay, floor).unwrap()
    }

    #[test]
    fn no_schedule_has_rates_that_make_no_sense() {
        for wrong in [-1e-3, f64::NAN, f64::INFINITY] {
            assert!(matches!(Schedule::constant(wrong), Err(TrainError::Config { name: "learning rate", .. })), "{wrong}");
            assert!(Schedule::constant(1.0).unwrap().falling(Decay::Linear, wrong).is_err(), "{wrong}");
        }
        assert!(Schedule::constant(1.0).unwrap().falling(Decay::Linear, 1.1).is_err());
    }

    fn close(found: &[f64], expected: &[f64]) -> bool {
        found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12)
    }

    #[test]
    fn rates_by_hand() {
        let constant = Schedule::constant(0.3).unwrap();
        assert!(rates(constant, 5).iter().all(|rate| rate.to_bits() == 0.3f64.to_bits()));
        let risen = rates(constant.rising(4), 6);
        assert!(close(&risen, &[0.075, 0.15, 0.225, 0.3, 0.3, 0.3]), "{risen:?}");
        let linear = rates(schedule(1.0, 2, Decay::Linear, 0.0), 6);
        assert!(close(&linear, &[0.5, 1.0, 1.0, 0.75, 0.5, 0.25]), "{linear:?}");
        let cosine = rates(schedule(2.0, 0, Decay::Cosine, 0.5), 4);
        let half = 0.5f64.sqrt();
        assert!(close(&cosine, &[2.0, 1.5 + 0.5 * half, 1.5, 1.5 - 0.5 * half]), "{cosine:?}");
    }

    #[test]
    fn what_has_fallen_stays_at_the_floor_and_a_rise_may_be_longer_than_the_stage() {
        for decay in [Decay::Cosine, Decay::Linear] {
            let schedule = schedule(1.0, 3, decay, 0.1);
            assert!((schedule.rate(50, 10) - 0.1).abs() < 1e-12);
            assert!((0..10).all(|step| schedule.rate(step, 10) > 0.1));
            assert!(schedule.rate(2, 2).is_finite() && schedule.rate(0, 0).is_finite());
        }
    }
}
