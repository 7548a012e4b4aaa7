//! Laws that an implementation of your own must obey, as property tests (feature `laws`, which needs std).
//!
//! ```
//! use palinode_core::{laws::{Laws, strategies}, task::Problem, verifier::{Verdict, Verifier}};
//!
//! /// Right when the answer is the reference, whatever stands after it: a common mistake.
//! struct Prefix;
//!
//! impl Verifier for Prefix {
//!     fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
//!         if problem.reference().starts_with(answer) { Verdict::Right } else { Verdict::Wrong }
//!     }
//! }
//!
//! # let device = burn_tensor::Device::flex();
//! let laws = Laws::new(&device);
//! laws.verifier(&Prefix, strategies::judgements(10))?; // pure, bounded, total …
//! let broken = laws.verifier_knows_the_reference(&Prefix, strategies::problems(10)).unwrap_err();
//! assert_eq!(broken.law(), "an empty answer is not right");
//! # Ok::<(), palinode_core::laws::Broken>(())
//! ```
//!
//! A law that does not hold comes back as [`Broken`]: which law, what was seen, and the smallest counterexample that shrinking found. The
//! same seed tries the same cases.
//!
//! | file | what is tried |
//! |---|---|
//! | `verifier` | [`Laws::verifier`], [`Laws::verifier_knows_the_reference`], [`Laws::verifier_ignores`] |
//! | `policy` | [`Laws::policy`], [`Laws::decoding`] |
//! | `shaping` | [`Laws::bonus`] |
//! | `objective` | [`Laws::objective`], [`Laws::credit_is_per_turn`] |
//! | [`oracle`] | [`Laws::first_attempts_are_kept`]: what an objective makes of the smallest model that can sandbag |
//! | [`strategies`], [`fixtures`] | what they are tried on |

use alloc::{format, string::String};
use core::fmt::{self, Debug, Display};

use burn_tensor::{Device, Tensor};
use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

use crate::per_attempt::PerAttempt;
use strategies::{Rewards, rewards};

pub mod fixtures;
mod objective;
pub mod oracle;
mod policy;
mod shaping;
pub mod strategies;
mod verifier;

/// Tries laws on a device.
#[derive(Debug, Clone)]
pub struct Laws {
    device: Device,
    cases: u32,
    seed: u64,
}

impl Laws {
    /// 64 cases a law, seed 0.
    pub fn new(device: &Device) -> Self {
        Self { device: device.clone(), cases: 64, seed: 0 }
    }

    /// With another number of cases a law.
    pub fn with_cases(self, cases: u32) -> Self {
        Self { cases, ..self }
    }

    /// With another seed.
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Tries a law of your own: `check` says what is wrong with a case, if anything is.
    ///
    /// # Errors
    /// [`Broken`] with the smallest case that fails, by an `Err` or by a panic.
    pub fn hold<S: Strategy>(
        &self,
        law: &'static str,
        cases: &S,
        check: impl Fn(S::Value) -> Result<(), String>,
    ) -> Result<(), Broken>
    where
        S::Value: Debug,
    {
        let config = Config { cases: self.cases, failure_persistence: None, ..Config::default() };
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
        let tried = runner.run(cases, |case| check(case).map_err(TestCaseError::fail));
        tried.map_err(|error| match error {
            TestError::Fail(reason, case) => Broken { law, reason: reason.message().into(), counterexample: format!("{case:?}") },
            TestError::Abort(reason) => {
                Broken { law, reason: format!("no case could be made: {}", reason.message()), counterexample: String::new() }
            }
        })
    }
}

impl Laws {
    /// Something that maps rewards to one finite number an attempt, and each episode by itself.
    fn acts_on_episodes(
        &self,
        [finite, by_itself]: [&'static str; 2],
        map: impl Fn(&PerAttempt) -> PerAttempt,
    ) -> Result<(), Broken> {
        let of = |rewards: &Rewards| listed(&map(&rewards.numbers()));
        self.hold(finite, &rewards(), |rewards| {
            let found = map(&rewards.numbers());
            let shape = found.shape();
            ensure(shape == rewards.shape, || format!("the shape {shape:?}"))?;
            ensure(found.values().iter().all(|value| value.is_finite()), || "a number that is not finite".into())
        })?;
        self.hold(by_itself, &rewards(), |rewards| {
            let together = of(&rewards);
            rewards.episodes().zip(together.chunks(rewards.shape[2])).try_for_each(|(episode, among)| {
                let alone = of(&Rewards { shape: [1, 1, episode.len()], values: episode.to_vec() });
                ensure(close(&alone, among, 1e-5), || format!("{alone:?} alone, {among:?} among others"))
            })
        })
    }
}

/// A law that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    law: &'static str,
    reason: String,
    counterexample: String,
}

impl Broken {
    /// The law.
    pub fn law(&self) -> &'static str {
        self.law
    }

    /// What was seen.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The smallest case found.
    pub fn counterexample(&self) -> &str {
        &self.counterexample
    }
}

impl Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { law, reason, counterexample } = self;
        write!(f, "broken law: {law}\n  seen: {reason}\n  smallest counterexample: {counterexample}")
    }
}

impl core::error::Error for Broken {}

/// The values of a tensor, in order.
pub fn values<const D: usize>(tensor: Tensor<D>) -> alloc::vec::Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// The numbers in order, as f32.
pub fn listed(numbers: &PerAttempt) -> alloc::vec::Vec<f32> {
    numbers.values().iter().map(|&value| value as f32).collect()
}

/// Whether two lists agree, entry by entry, up to a rounding error in proportion to their size.
pub fn close(a: &[f32], b: &[f32], tolerance: f32) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs())))
}

/// Refuses a case with a reason.
fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(reason()) }
}

#[cfg(test)]
mod tests;
