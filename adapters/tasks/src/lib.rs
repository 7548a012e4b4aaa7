#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! Verifiable problems for palinode, and their verifiers.
//!
//! A [`TextTask`] is a source of problems, their verifier, and what a person sees of both. Built in are the [`Ledger`], in which a
//! first answer is a guess that exposes itself at its end, and [`Sorting`]; [`SortingTexts`] writes problems in words, for models that read text.
//! [`FileTask`] reads problems of one's own, in a [`Layout`], from JSONL, CSV, TSV or Parquet ([`palinode_rows`]), and judges them by one of the
//! [`verifiers`]. What answers mean is the matter of [`palinode_math`].

mod digits;
mod entries;
mod error;
mod file_task;
mod inspection;
mod layout;
mod ledger;
mod messages;
mod shuffle;
mod sorting;
mod sorting_texts;
pub mod verifiers;

pub use digits::DigitTask;
pub use error::TaskError;
pub use file_task::{Doubtful, FileTask};
pub use inspection::{Inspection, Lengths, TooLong};
pub use layout::Layout;
pub use ledger::Ledger;
pub use sorting::Sorting;
pub use sorting_texts::{Items, SortingText, SortingTexts};

use palinode_text::TextTask;

/// Names of the built-in tasks.
pub const BUILTIN: [&str; 2] = ["ledger", "sorting"];

/// A built-in task with its default sizes.
///
/// # Errors
/// [`TaskError::UnknownTask`] with the closest name.
pub fn builtin(name: &str) -> Result<Box<dyn TextTask>, TaskError> {
    match name {
        "ledger" => Ok(Box::new(Ledger::new(8, 0.6)?)),
        "sorting" => Ok(Box::new(Sorting::new(8)?)),
        other => Err(TaskError::unknown_task(other)),
    }
}

#[cfg(test)]
mod tests {
    use palinode_core::{task::Split, verifier::Verdict};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unknown_names_are_answered_with_the_closest() {
        let error = builtin("leger").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("did you mean `ledger`?"), "{error}");
        assert!(Ledger::new(1, 0.5).is_err() && Ledger::new(8, 1.0).is_err() && Sorting::new(33).is_err());
    }

    proptest! {
        #[test]
        fn problems_are_pure_disjoint_and_verifiable(name in prop::sample::select(&BUILTIN[..]), seed: u64, index in 0u64..1 << 40) {
            let task = builtin(name).unwrap();
            let train = task.problem(seed, Split::Train, index);
            prop_assert_eq!(&train, &task.problem(seed, Split::Train, index));
            let held = task.problem(seed, Split::HeldOut, index);
            prop_assert_ne!(train.prompt(), held.prompt());
            prop_assert_eq!(task.verify(&train, train.reference()), Verdict::Right);
            prop_assert_eq!(train.prompt().len(), task.turns().max_prompt());
            prop_assert_eq!(train.reference().len(), task.turns().limit().max_tokens());
            let typed = task.parse(&task.shown().show_prompt(&train)).unwrap();
            prop_assert_eq!(typed.reference(), train.reference());
        }

        #[test]
        fn verifiers_never_panic_and_accept_one_answer_only(seed: u64, answer in prop::collection::vec(any::<u32>(), 0..20)) {
            for name in BUILTIN {
                let task = builtin(name).unwrap();
                let problem = task.problem(seed, Split::Train, 0);
                let right = task.verify(&problem, &answer) == Verdict::Right;
                prop_assert_eq!(right, answer == problem.reference());
                task.shown().show_answer(&answer);
            }
        }
    }
}
