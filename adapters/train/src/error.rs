//! Why training stopped.

use std::{error::Error, io, path::PathBuf};

/// Why something failed that this crate knows nothing about: a sink, an optimiser or a model of somebody else's.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why training stopped, or did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The core refused a value or combination.
    #[error(transparent)]
    Core(#[from] palinode_core::Error),
    /// The model could not be made, saved or loaded.
    #[error(transparent)]
    Model(#[from] palinode_lm::LmError),
    /// A model of somebody else's making could not be stored or read.
    #[error("the model: {0}")]
    OwnModel(#[source] Cause),
    /// A setting makes no sense.
    #[error("{name} must be {expected}, got {got}")]
    Config {
        /// The setting.
        name: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        got: String,
    },
    /// The task does not fit the model.
    #[error(
        "the task needs a context of {needed} tokens ({attempts} attempts), the model holds {context}: shorten the longest problem or \
         answer, or raise model.context"
    )]
    Context {
        /// Tokens needed.
        needed: usize,
        /// Attempts an episode.
        attempts: usize,
        /// Tokens the model holds.
        context: usize,
    },
    /// A loss or a gradient became NaN or infinite.
    #[error(
        "{what} is {value} at {stage} step {step}: lower the learning rate, or raise the KL weights; the last checkpoint is intact"
    )]
    NotFinite {
        /// Loss or gradient norm.
        what: &'static str,
        /// NaN or infinity.
        value: f64,
        /// The stage.
        stage: String,
        /// The step within it.
        step: usize,
    },
    /// The device fails a check (see [`crate::watch::checks`]).
    #[error(
        "check failed: {check}: the difference is {measured:.1e}, at most {bound:.0e} is allowed; this device computes wrongly: try another one, or \
         another driver, and see `palinode doctor`"
    )]
    Check {
        /// What was compared.
        check: &'static str,
        /// The largest difference.
        measured: f32,
        /// The largest difference allowed.
        bound: f32,
    },
    /// The verifier fails too often for its verdicts to mean anything.
    #[error("the verifier failed on {:.0} % of the attempts of step {step} (reinforce.max_failed allows {:.0} %); `palinode data` names references it can't judge by:\n{examples}", share * 100.0, limit * 100.0)]
    Verifier {
        /// RL steps taken.
        step: usize,
        /// The share of attempts.
        share: f64,
        /// The share allowed.
        limit: f64,
        /// Some of them, a line each.
        examples: String,
    },
    /// Verdicts do not come, and the threads that wait for them can't be stopped.
    #[error(
        "{threads} verdicts have not come within {seconds} s each (machine.verdict_seconds) and may never come: the verifier does not return, such as on\n{examples}"
    )]
    Stuck {
        /// Threads that still wait.
        threads: usize,
        /// How long each was waited for.
        seconds: f64,
        /// Some of them.
        examples: String,
    },
    /// The weights that KL is measured against changed while others were trained.
    #[error(
        "the reference model changed during training: its KL values mean nothing; this is a bug, in palinode or in the device's driver"
    )]
    Reference,
    /// A run is continued or used with another model than it started from.
    #[error("{}: this run started from a model with other weights than those that its folder holds now", run.display())]
    Origin {
        /// The run's checkpoints.
        run: PathBuf,
    },
    /// An optimiser's state could not be stored, or does not fit.
    #[error("the optimiser's state: {0}")]
    Optimizer(#[source] Cause),
    /// The trained model could not be written.
    #[error("the trained model can't be written: {0}")]
    Write(#[source] Cause),
    /// What receives a run's events, or keeps its states, failed for a reason of its own.
    #[error("{0}")]
    Sink(#[source] Cause),
    /// Something that palinode did not make stands where a run is to be written.
    #[error("{}: {reason}; palinode replaces nothing that it did not make", path.display())]
    Foreign {
        /// What is in the way.
        path: PathBuf,
        /// Why it is not taken for ours.
        reason: String,
    },
    /// A checkpoint, or another file of a run, was written by a newer version.
    #[error("{}: written by a newer palinode (format {found}; this one reads {known}): use that version, or a newer one", path.display())]
    Newer {
        /// The checkpoint.
        path: PathBuf,
        /// The version it is of.
        found: u32,
        /// The version that is known.
        known: u32,
    },
    /// Another process is writing to the run's folder.
    #[error("{}: another process is writing to this run; wait until it has ended, or give another folder", run.display())]
    Locked {
        /// The folder.
        run: PathBuf,
    },
    /// Somebody asked the run to stop; its state was stored after the last step.
    #[error("interrupted; everything up to the last step was stored")]
    Interrupted,
    /// A file of the run could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file of the run is damaged.
    #[error("{}: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl TrainError {
    /// Refuses a number that is not allowed, by its name.
    pub(crate) fn require(
        allowed: bool,
        name: &'static str,
        expected: impl Into<String>,
        got: impl ToString,
    ) -> Result<(), Self> {
        if allowed { Ok(()) } else { Err(Self::Config { name, expected: expected.into(), got: got.to_string() }) }
    }

    /// A checkpoint that speaks of a place where its run can't be.
    pub(crate) fn misplaced(place: &str) -> Self {
        Self::Damaged { path: "state.json".into(), reason: format!("it stopped inside {place}") }
    }
}
