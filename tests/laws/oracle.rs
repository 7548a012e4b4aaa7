//! The smallest model that can sandbag (`palinode_core::laws::oracle`): what the rewards make of it is known in closed form, so this is an oracle
//! for the credit rules.

use palinode_core::{credit::Credit, laws::oracle::climb, objective::StageTwo, shaping::Shaping};
use palinode_tests::{device, laws};

fn stage(shaping: Shaping, credit: Credit) -> StageTwo {
    StageTwo::with_credit(0.0, shaping, credit, true).unwrap()
}

fn reaches(shaping: Shaping, credit: Credit, expected: [f32; 2]) {
    let found = climb(&stage(shaping, credit), &device());
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 0.01), "{found:?}, expected {expected:?}");
}

#[test]
fn per_turn_credit_reaches_the_best_of_both_attempts_at_alpha_ten() {
    reaches(Shaping::progress_bonus(10.0).unwrap(), Credit::PerTurn, [0.6, 0.8]);
    reaches(Shaping::None, Credit::PerTurn, [0.6, 0.8]);
}

#[test]
fn joint_credit_at_alpha_ten_gives_the_first_attempt_up() {
    let bonus = Shaping::progress_bonus(10.0).unwrap();
    reaches(bonus, Credit::Joint, [0.0, 0.5]);
    reaches(bonus, Credit::discounted(0.8).unwrap(), [0.0, 0.5]);
    assert!(laws().first_attempts_are_kept(&stage(bonus, Credit::Joint)).is_err());
    // Below the threshold it does not: P(fix) is at most 0.5, and 2/(1 + alpha) is 1 and 2/3.
    for alpha in [1.0, 2.0] {
        reaches(Shaping::progress_bonus(alpha).unwrap(), Credit::Joint, [0.6, 0.8]);
    }
}

#[test]
fn the_telescoped_bonus_recovers_the_first_attempt() {
    for credit in [Credit::Joint, Credit::discounted(0.8).unwrap()] {
        reaches(Shaping::telescoped(10.0).unwrap(), credit, [0.6, 0.8]);
    }
}
