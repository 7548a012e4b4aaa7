//! Tasks over digits: generated without end, split by a hash of the digits.

use palinode_core::{
    rng::{RandomKey, Stream},
    task::{Problem, Split, Task},
    turns::{AnswerLimit, MultiTurnTask, Shown, Turns},
    verifier::{Verdict, Verifier},
};
use palinode_text::{Dialogue, TextError, TextTask, Vocabulary};

use crate::error::TaskError;

/// One problem in five is held out.
const HELD_OUT: u64 = 5;

/// Problems of some digits, answered by a rule with as many digits. Zeros may be more likely than others.
#[derive(Debug, Clone)]
pub struct DigitTask {
    name: &'static str,
    vocabulary: Vocabulary,
    count: usize,
    zero_probability: f64,
    rule: fn(&[u32]) -> Vec<u32>,
}

impl DigitTask {
    /// `count` digits (2 to 32), each zero with the given probability (0 to 0.95) and else uniform over 1 to 9; `rule` gives the answer's digits,
    /// as many as the problem's.
    ///
    /// # Errors
    /// [`TaskError::Size`] names the number that is out of range.
    pub fn new(name: &'static str, count: usize, zero_probability: f64, rule: fn(&[u32]) -> Vec<u32>) -> Result<Self, TaskError> {
        if !(2..=32).contains(&count) {
            return Err(TaskError::Size { name: "digits", expected: "within 2..=32", got: count.to_string() });
        }
        if !(0.0..=0.95).contains(&zero_probability) {
            let got = zero_probability.to_string();
            return Err(TaskError::Size { name: "zero_probability", expected: "within [0, 0.95]", got });
        }
        Ok(Self { name, vocabulary: Vocabulary::from_texts(["0123456789"]), count, zero_probability, rule })
    }

    fn draw(&self, key: RandomKey) -> Vec<u32> {
        let number = |token| RandomKey { token, ..key };
        (0..self.count as u32)
            .map(|i| {
                let zero = f64::from(number(2 * i).uniform()) < self.zero_probability;
                if zero { 0 } else { 1 + number(2 * i + 1).below(9) }
            })
            .collect()
    }

    fn make(&self, id: u32, digits: Vec<u32>) -> Problem {
        let reference = (self.rule)(&digits);
        let prompt = digits.into_iter().chain([self.vocabulary.answer()]).collect();
        Problem::new(id, prompt, reference).expect("a prompt ends with the answer token, so it is not empty")
    }
}

impl Task for DigitTask {
    /// Draws digits until they belong to the split: no problem is ever in both.
    fn problem(&self, seed: u64, split: Split, index: u64) -> Problem {
        let key = RandomKey {
            problem: index as u32,
            sample: (index >> 32) as u16,
            attempt: u8::from(split == Split::HeldOut),
            ..RandomKey::new(seed, Stream::Problems)
        };
        (0..u32::MAX)
            .map(|step| self.draw(RandomKey { step, ..key }))
            .find(|digits| split_of(digits) == split)
            .map(|digits| self.make(index as u32, digits))
            .expect("one draw in five is held out, four are not")
    }
}

impl Verifier for DigitTask {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        if answer == problem.reference() { Verdict::Right } else { Verdict::Wrong }
    }
}

impl MultiTurnTask for DigitTask {
    fn turns(&self) -> Turns {
        Turns::new(AnswerLimit::Fixed(self.count), self.vocabulary.revision(), self.count + 1)
    }

    fn shown(&self) -> &dyn Shown {
        self
    }

    fn answer_alphabet(&self) -> Vec<u32> {
        (0..10).collect()
    }
}

impl Shown for DigitTask {
    fn name(&self) -> &str {
        self.name
    }

    /// Its digits, without the token that asks for the answer.
    fn show_prompt(&self, problem: &Problem) -> String {
        self.vocabulary.decode(problem.prompt().strip_suffix(&[self.vocabulary.answer()]).unwrap_or(problem.prompt()))
    }

    fn show_answer(&self, answer: &[u32]) -> String {
        self.vocabulary.decode(answer)
    }
}

impl TextTask for DigitTask {
    fn dialogue(&self) -> &dyn Dialogue {
        &self.vocabulary
    }

    /// Exactly `count` digits.
    fn parse(&self, text: &str) -> Result<Problem, TextError> {
        let digits: Option<Vec<u32>> = text.trim().chars().map(|c| c.to_digit(10)).collect();
        match digits.filter(|digits| digits.len() == self.count) {
            Some(digits) => Ok(self.make(0, digits)),
            None => Err(TextError::Malformed { expected: format!("a problem is {} digits", self.count), got: text.into() }),
        }
    }
}

/// A split that depends on the digits alone: FNV-1a with a final mix.
fn split_of(digits: &[u32]) -> Split {
    if spread(digits.iter().map(|&digit| digit as u8)).is_multiple_of(HELD_OUT) { Split::HeldOut } else { Split::Train }
}

/// A hash that is the same on every machine and in every version.
pub(crate) fn spread(bytes: impl Iterator<Item = u8>) -> u64 {
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_is_held_out() {
        let all = (0..10_000u32).map(|n| [n / 1000, n / 100 % 10, n / 10 % 10, n % 10]);
        let held = all.filter(|digits| split_of(digits) == Split::HeldOut).count();
        assert!((1_850..2_150).contains(&held), "{held}");
    }
}
