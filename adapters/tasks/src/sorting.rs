//! Sorting digits.

use crate::{digits::DigitTask, error::TaskError};

/// The sorting task: the digits of the problem in ascending order.
#[derive(Debug, Clone, Copy)]
pub struct Sorting;

impl Sorting {
    /// Sorting `count` digits, each uniform over 0 to 9.
    ///
    /// # Errors
    /// [`TaskError::Size`] when the count is not within 2..=32.
    #[expect(clippy::new_ret_no_self, reason = "sorting is a rule over digits")]
    pub fn new(count: usize) -> Result<DigitTask, TaskError> {
        DigitTask::new("sorting", count, 0.1, ascending)
    }
}

fn ascending(digits: &[u32]) -> Vec<u32> {
    let mut sorted = digits.to_vec();
    sorted.sort_unstable();
    sorted
}

#[cfg(test)]
mod tests {
    use super::ascending;

    #[test]
    fn sorted_by_hand() {
        assert_eq!(ascending(&[3, 0, 1, 4, 0, 2, 0, 7]), [0, 0, 0, 1, 2, 3, 4, 7]);
    }
}
