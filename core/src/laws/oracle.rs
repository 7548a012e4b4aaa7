//! The smallest model that can sandbag: three numbers, climbed by exact gradients of what an objective credits each attempt with.
//!
//! The numbers are P(y1 right) ≤ 0.6, P(y2 right | y1 right) and P(y2 right | y1 wrong) ≤ 0.5: what a model of limited depth can reach. An
//! objective is harmless when the climb ends at the caps, 60 % and 80 % right; it sandbags when the first attempt is given up for the flips that
//! then pay, 0 % and 50 %.

use alloc::format;

use burn_tensor::{DType, Device, Tensor, TensorData, activation::sigmoid};
use proptest::strategy::Just;

use super::{Broken, Laws, ensure, strategies::Rewards, values};
use crate::objective::Objective;

/// Caps on the three probabilities.
const CAPS: [f32; 3] = [0.6, 1.0, 0.5];
const STEPS: usize = 4000;
const RATE: f64 = 0.5;

/// Where the climb ends: P(y1 right) and P(y2 right).
///
/// The score function multiplies each attempt's own log-probability, so the other attempt's probability is held fixed in its term.
pub fn climb<O: Objective + ?Sized>(objective: &O, device: &Device) -> [f32; 2] {
    // Outcomes (r1, r2): 11, 10, 01, 00, and what each attempt is credited with.
    let outcomes = Rewards { shape: [1, 4, 2], values: alloc::vec![1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0] };
    let credited = objective.returns(&outcomes.numbers());
    let paid = |attempt: usize| {
        let list: alloc::vec::Vec<f32> = credited.episodes().map(|credited| credited[attempt] as f32).collect();
        Tensor::<1>::from_data(TensorData::new(list, [4]), (device, DType::F32))
    };
    let (first_paid, second_paid) = (paid(0), paid(1));
    let caps = Tensor::<1>::from_data(CAPS, (device, DType::F32));
    let mut logits = Tensor::<1>::zeros([3], (device, DType::F32));
    for _ in 0..STEPS {
        let free = logits.clone().autodiff().require_grad();
        let p = sigmoid(free.clone()) * caps.clone();
        let part = |i: usize| p.clone().narrow(0, i, 1);
        let not = |x: Tensor<1>| x.neg().add_scalar(1.0);
        let (right, stay, fix) = (part(0), part(1), part(2));
        let outcomes = |first: Tensor<1>, stay: Tensor<1>, fix: Tensor<1>| {
            let wrong = not(first.clone());
            let cells = [first.clone() * stay.clone(), first * not(stay), wrong.clone() * fix.clone(), wrong * not(fix)];
            Tensor::cat(cells.to_vec(), 0)
        };
        let first = (outcomes(right.clone(), stay.clone().detach(), fix.clone().detach()) * first_paid.clone()).sum();
        let second = (outcomes(right.detach(), stay, fix) * second_paid.clone()).sum();
        let gradients = (first + second).backward();
        let Some(gradient) = free.grad(&gradients) else { break };
        logits = (logits + gradient.mul_scalar(RATE)).clamp(-12.0, 12.0);
    }
    let p = values(sigmoid(logits) * caps);
    [p[0], p[0] * p[1] + (1.0 - p[0]) * p[2]]
}

impl Laws {
    /// An objective for two attempts does not give the first one up for the second: [`climb`] ends at the cap of both.
    ///
    /// Stage I, which does not pay for attempt 1 and holds it by its anchor instead, is outside of this law.
    ///
    /// # Errors
    /// [`Broken`] with where it ended.
    pub fn first_attempts_are_kept<O: Objective + ?Sized>(&self, objective: &O) -> Result<(), Broken> {
        let found = climb(objective, &self.device);
        self.hold("the first attempt is not given up", &Just("P(y1 right) ≤ 0.6, P(y2 right | y1 wrong) ≤ 0.5"), |_| {
            ensure((found[0] - 0.6).abs() < 0.01 && (found[1] - 0.8).abs() < 0.01, || {
                format!("P(y1 right) = {:.2} and P(y2 right) = {:.2}, where 0.60 and 0.80 are best", found[0], found[1])
            })
        })
    }
}
