//! The ledger: guess the total, carry it through, notice the contradiction, take it back.

use crate::{digits::DigitTask, error::TaskError};

/// The ledger task: n payments of one digit; the answer is the balance that remains before each payment, modulo ten.
///
/// r_i = (a_i + … + a_n) mod 10. The first digit needs the whole sum at once, so it is a guess; every next one follows from the one before; the
/// last must equal a_n, so a wrong guess is exposed at the end of the attempt. A second attempt can read that gap and shift everything by it.
#[derive(Debug, Clone, Copy)]
pub struct Ledger;

impl Ledger {
    /// A ledger of `payments` digits, each zero with the given probability.
    ///
    /// # Errors
    /// [`TaskError::Size`] when payments are not within 2..=32 or the probability is not within [0, 0.95].
    #[expect(clippy::new_ret_no_self, reason = "the ledger is a rule over digits")]
    pub fn new(payments: usize, zero_probability: f64) -> Result<DigitTask, TaskError> {
        DigitTask::new("ledger", payments, zero_probability, remaining_balances)
    }
}

/// (a_i + … + a_n) mod 10 for each i.
fn remaining_balances(payments: &[u32]) -> Vec<u32> {
    let mut balance = 0;
    let mut balances: Vec<u32> = payments
        .iter()
        .rev()
        .map(|payment| {
            balance = (balance + payment) % 10;
            balance
        })
        .collect();
    balances.reverse();
    balances
}

#[cfg(test)]
mod tests {
    use super::remaining_balances;

    /// 3 0 1 4 0 2 0 7: from the end 7, 7, 9, 9, 13, 14, 14, 17.
    #[test]
    fn balances_by_hand() {
        assert_eq!(remaining_balances(&[3, 0, 1, 4, 0, 2, 0, 7]), [7, 4, 4, 3, 9, 9, 7, 7]);
        assert_eq!(remaining_balances(&[0, 0]), [0, 0]);
    }
}
