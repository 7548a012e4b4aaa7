#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! The optimiser loop of palinode.
//!
//! [`train`] runs one resumable schedule: a supervised warm start, Stage I, Stage II, with greedy evaluation on held-out problems between
//! them. It emits [`event::Event`]s to a [`event::Sink`] and prints nothing.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`], [`arm`] | what to do: every number, and which objectives in which order |
//! | [`schedule`], [`course`] | the whole run, stage after stage, and what all parts of it share |
//! | [`warm`] | supervised start of a new model: a base that answers, and copies its answer |
//! | [`supervised`] | supervised steps on references, for a model that can talk |
//! | [`reinforce`] | one RL step: play, verify, score, update |
//! | [`play`], [`evaluate`] | episodes on several threads; greedy play on held-out problems |
//! | [`judges`], [`verdicts`] | verdicts that may not come: time limits, and verifiers that panic; and how they are counted |
//! | [`trainable`], `decoder` | what a model must be able to do to be trained; the transformer of `palinode_lm` is one such |
//! | [`gradient`] | from a loss over tokens to a step of the optimiser |
//! | [`watch`] | whether a run can work, before it starts, and whether it does, while it goes on |
//! | [`run`] | the state from which a run goes on, and the folder that keeps it |
//! | [`event`], [`error`] | what is said |

pub mod arm;
pub mod config;
pub mod course;
mod decoder;
mod episodes;
pub mod error;
pub mod evaluate;
pub mod event;
pub mod gradient;
pub mod judges;
pub mod play;
pub mod reinforce;
pub mod run;
pub mod schedule;
pub mod supervised;
pub mod trainable;
pub mod verdicts;
pub mod warm;
pub mod watch;

pub use error::TrainError;
pub use run::{progress::Outcome, stored::Stored};
pub use schedule::{Training, train};
pub use trainable::Trainable;
