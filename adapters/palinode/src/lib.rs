//! palinode: language models that learn to take back a wrong first answer.
//!
//! The facade of the workspace. It re-exports the method ([`core`]), a transformer policy ([`lm`]), model folders in Hugging Face layout ([`hf`]), tasks ([`tasks`]) and the training loop
//! ([`train`]), and adds what the `palinode` binary is made of: a configuration file ([`config`], [`pretrained`]), what it stands for ([`setup`], [`problems`]) and will need ([`plan`]), what a run depends on ([`inputs`]), device names ([`device`]), the
//! report ([`report`]), and a run's log for other programs ([`csv`], [`tensorboard`]).
//!
//! ```no_run
//! use palinode::{config::RunConfig, device, setup::Setup, train::{gradient::workers::Workers, run::progress::Start, self}};
//!
//! let config = RunConfig::default(); // the ledger task and a recipe that works
//! let setup = Setup::open(&config, &device::open("flex")?)?;
//! let (model, _) = setup.model()?;
//! let mut events = Vec::new();
//! let outcome = train::train(Start::fresh(model), setup.task.as_ref(), &config.train, &Workers::new(0)?, &mut (), &mut events)?;
//! println!("{:?}", outcome.progress.stages.last());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use palinode_core as core;
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

pub mod bench;
pub mod config;
pub mod device;
pub mod inputs;
pub mod plan;
pub mod preset;
pub mod pretrained;
pub mod problems;
pub mod setup;
