//! Where problems come from.

use alloc::{sync::Arc, vec::Vec};
use core::{any::Any, fmt};

use crate::error::Error;

/// One problem: the prompt's token ids and the reference answer, which only a verifier may read. Copies share all of it.
///
/// Two problems are equal when their ids, prompts and references are; what they carry for a verifier ([`Problem::with_solution`]) is made of these by the task that they belong to.
#[derive(Clone)]
pub struct Problem {
    id: u32,
    prompt: Arc<[u32]>,
    reference: Arc<[u32]>,
    demonstration: Option<Arc<[u32]>>,
    solution: Option<Arc<dyn Any + Send + Sync>>,
}

impl Problem {
    /// A problem; `id` keys its random numbers, so it must be unique within a task.
    ///
    /// # Errors
    /// [`Error::Empty`] when the prompt holds no token: a policy needs something to continue.
    pub fn new(id: u32, prompt: Vec<u32>, reference: Vec<u32>) -> Result<Self, Error> {
        if prompt.is_empty() {
            return Err(Error::Empty("a problem's prompt"));
        }
        Ok(Self { id, prompt: prompt.into(), reference: reference.into(), demonstration: None, solution: None })
    }

    /// The same problem with token ids of a right answer that is worked out, beside a reference that holds its result alone: supervised steps teach it in
    /// the place of the reference, and verifiers do not read it.
    pub fn with_demonstration(self, demonstration: Vec<u32>) -> Self {
        Self { demonstration: Some(demonstration.into()), ..self }
    }

    /// The same problem, which carries its reference in the form in which its verifier wants it: read once, when the problem is made, and not again for
    /// every answer. Verifiers find it by its type ([`Problem::solution`]).
    pub fn with_solution<T: Any + Send + Sync>(self, solution: Arc<T>) -> Self {
        Self { solution: Some(solution), ..self }
    }

    /// The same problem under another number.
    pub fn with_id(self, id: u32) -> Self {
        Self { id, ..self }
    }

    /// The problem's number within its task.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Token ids the policy sees first.
    pub fn prompt(&self) -> &[u32] {
        &self.prompt
    }

    /// Token ids of a right answer, private to verifiers and to supervised warm starts.
    pub fn reference(&self) -> &[u32] {
        &self.reference
    }

    /// Token ids of the answer that supervised steps teach: [`Problem::with_demonstration`]'s, or else the reference.
    pub fn demonstration(&self) -> &[u32] {
        self.demonstration.as_deref().unwrap_or(&self.reference)
    }

    /// What [`Problem::with_solution`] gave it, where that is of this type.
    pub fn solution<T: Any>(&self) -> Option<&T> {
        self.solution.as_deref()?.downcast_ref()
    }

    /// The prompt, to be shared with its episodes.
    pub(crate) fn shared_prompt(&self) -> Arc<[u32]> {
        self.prompt.clone()
    }
}

impl PartialEq for Problem {
    fn eq(&self, other: &Self) -> bool {
        (self.id, &self.prompt, &self.reference) == (other.id, &other.prompt, &other.reference)
    }
}

impl Eq for Problem {}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, prompt, reference, .. } = self;
        f.debug_struct("Problem").field("id", id).field("prompt", prompt).field("reference", reference).finish_non_exhaustive()
    }
}

/// The part of a task that training may see, and the part it may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Split {
    /// Problems to learn from.
    Train,
    /// Problems to judge by; disjoint from [`Split::Train`].
    HeldOut,
}

/// A source of problems.
///
/// # Contract
/// - Pure: the same `(seed, split, index)` gives the same problem, in any order and on any machine.
/// - Disjoint: no prompt of [`Split::HeldOut`] appears in [`Split::Train`].
/// - Total: every `index` is answered; a finite task wraps around ([`Task::len`] says where).
pub trait Task {
    /// The `index`-th problem of a split, under a seed.
    fn problem(&self, seed: u64, split: Split, index: u64) -> Problem;

    /// How many different problems a split holds; `None` when they are generated without end.
    fn len(&self, split: Split) -> Option<u64> {
        let _ = split;
        None
    }

    /// Whether a split holds no problem.
    fn is_empty(&self, split: Split) -> bool {
        self.len(split) == Some(0)
    }
}

impl<T: Task + ?Sized> Task for &T {
    fn problem(&self, seed: u64, split: Split, index: u64) -> Problem {
        (**self).problem(seed, split, index)
    }

    fn len(&self, split: Split) -> Option<u64> {
        (**self).len(split)
    }

    fn is_empty(&self, split: Split) -> bool {
        (**self).is_empty(split)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task of three problems to learn from, and none to judge by.
    struct Three;

    impl Task for Three {
        fn problem(&self, _: u64, _: Split, index: u64) -> Problem {
            Problem::new((index % 3) as u32, alloc::vec![1], Vec::new()).unwrap()
        }

        fn len(&self, split: Split) -> Option<u64> {
            Some(if split == Split::Train { 3 } else { 0 })
        }
    }

    /// One that knows it is empty without counting.
    struct Closed;

    impl Task for Closed {
        fn problem(&self, _: u64, _: Split, _: u64) -> Problem {
            Problem::new(0, alloc::vec![1], Vec::new()).unwrap()
        }

        fn is_empty(&self, _: Split) -> bool {
            true
        }
    }

    struct Endless;

    impl Task for Endless {
        fn problem(&self, _: u64, _: Split, _: u64) -> Problem {
            Problem::new(0, alloc::vec![1], Vec::new()).unwrap()
        }
    }

    #[test]
    fn tasks_are_finite_when_they_say_so() {
        assert_eq!((Endless.len(Split::Train), Endless.is_empty(Split::Train)), (None, false));
        let three = &Three;
        assert_eq!((Task::len(&three, Split::Train), Task::is_empty(&three, Split::Train)), (Some(3), false));
        assert!(Task::is_empty(&three, Split::HeldOut));
        assert!(Task::is_empty(&&Closed, Split::Train), "what a task says itself is not lost behind a reference");
        assert_eq!(Task::problem(&three, 0, Split::Train, 4).id(), 1);
    }

    #[test]
    fn a_problem_carries_what_its_verifier_reads() {
        let plain = Problem::new(7, alloc::vec![1], alloc::vec![2]).unwrap();
        let carrying = plain.clone().with_solution(Arc::new(0.5f64));
        assert_eq!((carrying.solution::<f64>(), carrying.solution::<u32>(), plain.solution::<f64>()), (Some(&0.5), None, None));
        let renamed = carrying.clone().with_id(8);
        assert_eq!((renamed.id(), renamed.solution::<f64>()), (8, Some(&0.5)));
        assert!(carrying == plain && renamed != plain);
    }

    #[test]
    fn what_is_taught_is_the_reference_unless_it_is_worked_out() {
        let plain = Problem::new(7, alloc::vec![1], alloc::vec![2]).unwrap();
        let worked = plain.clone().with_demonstration(alloc::vec![3, 2]);
        assert_eq!((plain.demonstration(), worked.demonstration(), worked.reference()), (&[2][..], &[3, 2][..], &[2][..]));
        // Verifiers see nothing of it.
        assert_eq!(worked, plain);
    }

    #[test]
    fn a_problem_needs_a_prompt() {
        assert_eq!(Problem::new(0, Vec::new(), alloc::vec![1]).unwrap_err(), Error::Empty("a problem's prompt"));
    }
}
