//! A verifier of one's own.

use std::{fmt, sync::Arc};

use palinode_core::verifier::Verdict;

use super::{ByReference, Judgement, TextVerifier, by_read};

/// Judges by a function of two texts, answer and reference, which keeps [`TextVerifier`]'s contract.
///
/// ```
/// use palinode_core::verifier::Verdict;
/// use palinode_tasks::verifiers::{Function, TextVerifier};
///
/// let shorter = Function::new("shorter", |answer, reference| if answer.len() < reference.len() { Verdict::Right } else { Verdict::Wrong });
/// assert_eq!(shorter.judge("brief", "at length").verdict, Verdict::Right);
/// ```
#[derive(Clone)]
pub struct Function {
    name: &'static str,
    judge: Arc<Judge>,
}

type Judge = dyn Fn(&str, &str) -> Verdict + Send + Sync;

impl Function {
    /// A function, and its name for people.
    pub fn new(name: &'static str, judge: impl Fn(&str, &str) -> Verdict + Send + Sync + 'static) -> Self {
        Self { name, judge: Arc::new(judge) }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Function").field(&self.name).finish()
    }
}

impl TextVerifier for Function {
    fn by(&self, reference: &str) -> ByReference {
        let Self { name, judge } = self.clone();
        by_read(
            reference,
            |text| Ok(text.to_owned()),
            String::clone,
            move |found, wanted| {
                Ok(Judgement {
                    verdict: judge(found, wanted),
                    answer: Some(found.to_owned()),
                    reference: Some(wanted.clone()),
                    because: name.into(),
                })
            },
        )
    }
}
