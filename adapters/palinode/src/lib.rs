#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! The facade of the workspace. It re-exports [`burn`], the method ([`core`]), the contracts of text ([`text`]), a transformer policy ([`lm`]), model folders in Hugging Face
//! layout ([`hf`]), GGUF files ([`gguf`]), rows of data sets ([`rows`]), tasks and verifiers ([`tasks`]), equality of mathematical answers ([`math`]), the training loop ([`train`]) and what is
//! made of a run's folder ([`report`]); and adds what the `palinode` binary is made of:
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`], [`pretrained`], [`preset`] | a configuration file, and whole ones by name |
//! | [`setup`], [`problems`] | what it stands for: task, model, device |
//! | [`plan`] | what a run will need, before anything runs |
//! | [`inputs`] | what a run depends on |
//! | [`device`] | devices by name |

pub use burn;
pub use palinode_core as core;
pub use palinode_gguf as gguf;
pub use palinode_hf as hf;
#[cfg(feature = "hub")]
pub use palinode_hub as hub;
pub use palinode_lm as lm;
pub use palinode_math as math;
pub use palinode_report as report;
pub use palinode_rows as rows;
pub use palinode_tasks as tasks;
pub use palinode_text as text;
pub use palinode_train as train;

pub mod config;
pub mod device;
pub mod inputs;
pub mod plan;
pub mod preset;
pub mod pretrained;
pub mod problems;
pub mod setup;
