#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! The method of palinode: reinforcement learning that teaches a policy to take back a wrong first answer.
//!
//! Two-stage multi-turn RL for self-correction, after SCoRe (Kumar et al. 2024, arXiv 2409.12917).
//! Everything here is either a narrow trait with a contract, a plain type whose constructor checks, or a
//! pure function over burn tensors. Nothing prints, reads a clock or a file, names a backend, or draws a random
//! number that was not keyed by the caller.
//!
//! ```text
//!  Task ──Problem──▶ rollout(Decode or Sampler, Verifier) ──Group──▶ rewards [P, G, K]
//!                                                             │ shaping → credit → baseline
//!                                                             ▼
//!  Policy, ReferencePolicy ──score_tokens──▶ TokenScores ──▶ Objective ──▶ loss [1]
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | [`task`], [`verifier`], [`turns`], [`policy`] | the traits a user implements |
//! | [`attempt`], [`trajectory`], [`batch`] | what was said, who said it, and how it is laid out for scoring |
//! | [`rollout`], [`sampler`], [`sampling`], [`rng`] | playing K attempts, by answers or token by token, reproducibly |
//! | [`scoring`], [`logprob`], [`kl`], [`precision`] | log π(token) and KL(π‖π_ref) of a batch, and the precision they are taken in |
//! | [`per_attempt`], [`shaping`], [`credit`], [`advantage`] | from verdicts to what each attempt is paid |
//! | [`objective`], [`update`] | Stage I and Stage II, one equation each, and what is made of them in a step |
//! | [`sandbagging`], [`transitions`], [`verdict_counts`] | the danger, and the measures of success |
//! | [`numbers`] | exponentials, logarithms and sums that have the same bits on every machine |
//! | [`backend`] | what a backend crate says about itself |
//! | `laws` | with the feature of that name: property tests for implementations of your own |
//!
//! Letters in shapes: `P` problems, `G` samples of one problem, `K` attempts, `B = P·G` episodes, `T` padded tokens,
//! `N` scored tokens, `V` vocabulary, `H` hidden width.
//!
//! # Versions
//! burn's tensors and devices are part of this interface, so they come along as [`burn_tensor`]: whoever takes them from there has the version that fits.
//! Another minor version of burn is another minor version of this crate (a major one from 1.0 on); before 1.0 a minor version may break.

#![no_std]
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc)]
extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod advantage;
pub mod attempt;
pub mod backend;
pub mod batch;
pub mod credit;
pub mod error;
pub mod kl;
#[cfg(any(test, feature = "laws"))]
pub mod laws;
pub mod logprob;
pub mod numbers;
pub mod objective;
pub mod per_attempt;
pub mod policy;
pub mod precision;
pub mod rng;
pub mod rollout;
pub mod sampler;
pub mod sampling;
pub mod sandbagging;
pub mod scoring;
pub mod shaping;
pub mod task;
pub mod trajectory;
pub mod transitions;
pub mod turns;
pub mod update;
pub mod verdict_counts;
pub mod verifier;

pub use burn_tensor;
pub use error::Error;
