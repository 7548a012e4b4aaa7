//! Laws of [`Verifier`].

use alloc::{format, vec::Vec};
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use proptest::strategy::Strategy;

use super::{Broken, Laws, ensure};
use crate::{
    task::Problem,
    verifier::{Verdict, Verifier},
};

impl Laws {
    /// The contract of [`Verifier`], on judgements such as those of [`super::strategies::judgements_of`].
    ///
    /// It never panics; the same problem and answer get the same verdict, whatever was judged in between; the problem's
    /// id, which keys random numbers, does not matter. That it ends in time proportional to the attempt is not tried: this crate reads no clock.
    ///
    /// # Errors
    /// [`Broken`] names the first law that does not hold.
    pub fn verifier<V, S>(&self, verifier: &V, judgements: S) -> Result<(), Broken>
    where
        V: Verifier + ?Sized,
        S: Strategy<Value = (Problem, Vec<u32>)>,
    {
        self.hold("a verifier never panics", &judgements, |(problem, answer)| {
            let judged = catch_unwind(AssertUnwindSafe(|| verifier.verify(&problem, &answer)));
            ensure(judged.is_ok(), || "it panicked".into())
        })?;
        let pairs = (&judgements, &judgements);
        self.hold("the same answer gets the same verdict", &pairs, |((problem, answer), (other, second))| {
            let (before, again) = (verifier.verify(&problem, &answer), verifier.verify(&problem, &answer));
            verifier.verify(&other, &second);
            let after = verifier.verify(&problem, &answer);
            ensure(before == again, || format!("{before:?}, and {again:?} when asked again"))?;
            ensure(before == after, || format!("{before:?} before another judgement, {after:?} after it"))
        })?;
        self.hold("the problem's id does not matter", &judgements, |(problem, answer)| {
            let renamed = problem.clone().with_id(!problem.id());
            let (named, renamed) = (verifier.verify(&problem, &answer), verifier.verify(&renamed, &answer));
            ensure(named == renamed, || format!("{named:?}, and {renamed:?} under another id"))
        })
    }

    /// The reference answer of a problem is right, and an empty answer is not (unless the reference is empty).
    ///
    /// # Errors
    /// [`Broken`] names the first law that does not hold.
    pub fn verifier_knows_the_reference<V, S>(&self, verifier: &V, problems: S) -> Result<(), Broken>
    where
        V: Verifier + ?Sized,
        S: Strategy<Value = Problem>,
    {
        self.hold("the reference is right", &problems, |problem| {
            let verdict = verifier.verify(&problem, problem.reference());
            ensure(verdict == Verdict::Right, || format!("{verdict:?}"))
        })?;
        self.hold("an empty answer is not right", &problems, |problem| {
            let verdict = verifier.verify(&problem, &[]);
            ensure(!verdict.is_right() || problem.reference().is_empty(), || format!("{verdict:?}"))
        })
    }

    /// What `change` does to an answer makes no difference: white space around it, say, when the verifier trims.
    ///
    /// # Errors
    /// [`Broken`] with the answer before the change.
    pub fn verifier_ignores<V, S>(&self, verifier: &V, judgements: S, change: impl Fn(&[u32]) -> Vec<u32>) -> Result<(), Broken>
    where
        V: Verifier + ?Sized,
        S: Strategy<Value = (Problem, Vec<u32>)>,
    {
        self.hold("what is ignored makes no difference", &judgements, |(problem, answer)| {
            let changed = change(&answer);
            let (before, after) = (verifier.verify(&problem, &answer), verifier.verify(&problem, &changed));
            ensure(before == after, || format!("{before:?}, and {after:?} for {changed:?}"))
        })
    }
}
