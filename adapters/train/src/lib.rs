#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! The optimiser loop of palinode.
//!
//! [`train`] runs one resumable schedule: a supervised warm start, Stage I, Stage II, with greedy evaluation on held-out problems between
//! them. It emits [`event::Event`]s to a [`event::Sink`] and prints nothing.
//!
//! | file | what it holds |
//! |---|---|
//! | [`config`], [`arm`] | what to do: every number, and which objectives in which order |
//! | [`schedule`] | the whole run, stage after stage |
//! | [`warm`] | supervised start: a base that answers, and copies its answer |
//! | [`reinforce`] | one RL step: play, verify, score, update |
//! | [`rehearsal`] | the largest piece of work, before the first step |
//! | [`signal`] | whether there is anything to learn |
//! | [`evaluate`] | greedy play on held-out problems |
//! | [`trainable`] | what a model must be able to do to be trained |
//! | [`learner`], [`workers`] | micro-batches in parallel, gradients summed in a fixed order, AdamW |
//! | [`chunked`], [`by_hand`] | a loss over tokens, differentiated a chunk of logits at a time: automatically, or by passes that are written out |
//! | [`checks`] | whether the device decodes and differentiates rightly, before anything is trained |
//! | [`guard`], [`diagnosis`] | sandbagging, no signal, collapse, not-a-number; why a reward does not rise |
//! | [`judges`] | verdicts that may not come: time limits, and verifiers that panic |
//! | [`keep`], [`progress`] | the state from which a run goes on |
//! | [`event`], [`run_folder`], [`checkpoint`], [`files`] | what is said, and what is kept |
//! | [`occupancy`] | whether a folder may be taken for a run |

pub mod arm;
pub mod by_hand;
pub mod checkpoint;
pub mod checks;
pub mod chunked;
pub mod config;
pub mod diagnosis;
pub mod error;
pub mod evaluate;
pub mod event;
pub mod files;
pub mod guard;
pub mod judges;
pub mod keep;
pub mod learner;
mod masters;
pub mod occupancy;
mod optimizer;
pub mod play;
pub mod progress;
pub mod rehearsal;
pub mod reinforce;
pub mod run_folder;
pub mod schedule;
pub mod signal;
pub mod trainable;
pub mod verdicts;
pub mod warm;
pub mod workers;

pub use error::TrainError;
pub use progress::Outcome;
pub use schedule::train;
pub use trainable::Trainable;
