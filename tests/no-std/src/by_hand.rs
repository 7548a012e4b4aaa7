//! Both stages on two episodes that can be worked out with a pencil.

use alloc::{vec, vec::Vec};

use burn_tensor::{Device, Tensor};
use palinode_core::{
    Error,
    attempt::{Attempt, StopReason},
    objective::{Objective, StageOne, StageTwo},
    task::Problem,
    trajectory::{Group, Trajectory},
    verifier::Verdict,
};

use crate::{
    Failure,
    bandit::{ARMS, ASK, BEST, Table},
    learning::{loss_and_gradient, require, start},
};

/// KL of (1/2, 1/6, 1/6, 1/6) to uniform: 1/2 ln(4/3).
const KL: f32 = 0.143_841_04;
/// Its gradient p (ln(p/q) − KL), in the logits.
const KL_GRADIENT: [f32; ARMS] = [0.274_653_07, -0.091_551_02, -0.091_551_02, -0.091_551_02];

/// Compares losses and gradients with those worked out by hand.
///
/// Of two episodes one pulls the best arm and leaves it, the other finds it: rewards (1, 0) and (0, 1).
pub(crate) fn by_hand(device: &Device) -> Result<(), Failure> {
    // Stage I pays (0, 0) and (0, 1), less the other's: ∓1 on attempt 2, whose log π is ln 1/4 in both. The anchor remains.
    let one = StageOne::new(0.01, 1.0)?;
    check(device, &one, KL, KL_GRADIENT, 0.5)?;
    // Stage II pays (1, 0 − 10) and (0, 1 + 10), less the other's: ±1 on attempt 1, ∓21 on attempt 2. The gain ln 1/6 − ln 1/2
    // of attempt 1 is −ln 3, and its gradient, half of one arm less the other, leaves p out.
    let ask = core::array::from_fn(|arm| 0.01 * KL_GRADIENT[arm] + [0.5, 0.0, -0.5, 0.0][arm]);
    check(device, &StageTwo::default(), 0.01 * KL + 0.549_306_14, ask, 10.5)
}

/// `loss` and `ask`, the gradient after the question, are expected; `pull` is half the size of attempt 2's advantages.
fn check(device: &Device, objective: &dyn Objective, loss: f32, ask: [f32; ARMS], pull: f32) -> Result<(), Failure> {
    let group = Group::new(Problem::new(0, vec![ASK], vec![])?, vec![episode([BEST, 0])?, episode([0, BEST])?])?;
    let reference = Table(Tensor::zeros([ARMS + 1, ARMS], device));
    let (got_loss, got) = loss_and_gradient(&start(device), &reference, &[group], objective, false)?;
    require((got_loss - loss).abs() < 1e-5, Failure::Loss)?;

    // −A/2 (e − p): attempt 2 leaves the best arm for arm 0, or arm 0 for the best one; p is uniform there.
    let mut expected = [[0.0f32; ARMS]; ARMS + 1];
    expected[BEST as usize] = [0.75, -0.25, -0.25, -0.25].map(|share: f32| pull * share);
    expected[0] = [0.25, 0.25, -0.75, 0.25].map(|share: f32| pull * share);
    expected[ASK as usize] = ask;
    let got: Vec<f32> = got.into_data().iter::<f32>().collect();
    let close = |(got, expected): (&f32, &f32)| (got - expected).abs() < 1e-5;
    require(got.len() == expected.len() * ARMS && got.iter().zip(expected.as_flattened()).all(close), Failure::Gradient)
}

fn episode(pulls: [u32; 2]) -> Result<Trajectory, Error> {
    let attempt = |pull: u32| {
        let verdict = if pull == BEST { Verdict::Right } else { Verdict::Wrong };
        Attempt::new(vec![pull], vec![0.0], StopReason::FixedLength, verdict)
    };
    Trajectory::new(vec![ASK], vec![], vec![attempt(pulls[0])?, attempt(pulls[1])?])
}
