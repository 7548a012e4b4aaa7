//! Three numbers that can sandbag: P(y1 right) ≤ 0.6, P(y2 right | y1 right) and P(y2 right | y1 wrong) ≤ 0.5, climbed by exact gradients of what
//! each attempt is credited with. What the rewards make of them is known in closed form, so this is an oracle for the credit rules.

use burn_tensor::{Tensor, TensorData, activation::sigmoid};
use palinode_core::{
    credit::Credit,
    objective::{Objective, StageTwo},
    shaping::Shaping,
};
use palinode_tests::{device, values};

/// Caps on the three probabilities: what a model of limited depth can reach.
const CAPS: [f32; 3] = [0.6, 1.0, 0.5];

/// acc@t1 and acc@t2 after climbing from an even start.
fn climb(shaping: Shaping, credit: Credit) -> [f32; 2] {
    let stage = StageTwo::with_credit(0.0, shaping, credit, true).unwrap();
    // Outcomes (r1, r2): 11, 10, 01, 00, and what each attempt is credited with.
    let outcomes = Tensor::<3>::from_data([[[1.0f32, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]], &device());
    let credited = values(stage.returns(outcomes));
    let paid = |attempt: usize| {
        let list: Vec<f32> = (0..4).map(|outcome| credited[outcome * 2 + attempt]).collect();
        Tensor::<1>::from_data(TensorData::new(list, [4]), &device())
    };
    let caps = Tensor::<1>::from_data(CAPS, &device());
    let mut logits = Tensor::<1>::zeros([3], &device());
    for _ in 0..4000 {
        let free = logits.clone().autodiff().require_grad();
        let p = sigmoid(free.clone()) * caps.clone();
        let part = |i: usize| p.clone().narrow(0, i, 1);
        let not = |x: Tensor<1>| x.neg().add_scalar(1.0);
        let (right, stay, fix) = (part(0), part(1), part(2));
        // The score function multiplies each attempt's own log-probability: the other attempt's is held fixed.
        let outcomes = |first: Tensor<1>, stay: Tensor<1>, fix: Tensor<1>| {
            let wrong = not(first.clone());
            Tensor::cat(vec![first.clone() * stay.clone(), first * not(stay), wrong.clone() * fix.clone(), wrong * not(fix)], 0)
        };
        let first = (outcomes(right.clone(), stay.clone().detach(), fix.clone().detach()) * paid(0)).sum();
        let second = (outcomes(right.detach(), stay, fix) * paid(1)).sum();
        let gradients = (first + second).backward();
        let gradient = free.grad(&gradients).unwrap();
        logits = (logits.clone() + gradient.mul_scalar(0.5)).clamp(-12.0, 12.0);
    }
    let p: Vec<f32> = values(sigmoid(logits) * caps);
    [p[0], p[0] * p[1] + (1.0 - p[0]) * p[2]]
}

fn reaches(found: [f32; 2], expected: [f32; 2]) {
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 0.01), "{found:?}, expected {expected:?}");
}

#[test]
fn per_turn_credit_reaches_the_best_of_both_attempts_at_alpha_ten() {
    reaches(climb(Shaping::ProgressBonus { alpha: 10.0 }, Credit::PerTurn), [0.6, 0.8]);
    reaches(climb(Shaping::None, Credit::PerTurn), [0.6, 0.8]);
}

#[test]
fn joint_credit_at_alpha_ten_gives_the_first_attempt_up() {
    let bonus = Shaping::ProgressBonus { alpha: 10.0 };
    reaches(climb(bonus, Credit::Joint), [0.0, 0.5]);
    reaches(climb(bonus, Credit::Discounted { gamma: 0.8 }), [0.0, 0.5]);
    // Below the threshold it does not: P(fix) is at most 0.5, and 2/(1 + alpha) is 1 and 2/3.
    for alpha in [1.0, 2.0] {
        reaches(climb(Shaping::ProgressBonus { alpha }, Credit::Joint), [0.6, 0.8]);
    }
}

#[test]
fn the_telescoped_bonus_recovers_the_first_attempt() {
    for credit in [Credit::Joint, Credit::Discounted { gamma: 0.8 }] {
        reaches(climb(Shaping::Telescoped { alpha: 10.0 }, credit), [0.6, 0.8]);
    }
}
