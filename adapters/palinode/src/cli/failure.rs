//! How a command fails: what is wrong and where, how to mend it, and a documented exit code.

use std::io::Write;

use anstyle::AnsiColor;
use palinode::{
    config::ConfigError,
    core::{Error as CoreError, backend::DeviceError},
    hf::HfError,
    lm::LmError,
    report::ReportError,
    setup::SetupError,
    tasks::TaskError,
    text::TextError,
    train::TrainError,
};

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
    help: Option<String>,
}

/// A stated check failed.
pub(crate) const CHECK: u8 = 1;
/// Wrong usage or configuration.
pub(crate) const USAGE: u8 = 2;
/// An input can't be read.
pub(crate) const INPUT: u8 = 3;
/// A numerical or device guard.
pub(crate) const GUARD: u8 = 4;
/// Somebody asked the command to stop: 128 and the number of SIGINT, as shells have it.
pub(crate) const INTERRUPTED: u8 = 130;

impl Failure {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None }
    }

    /// What to do about it, where the message does not say so.
    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    pub(crate) fn print(&self) {
        let (red, cyan) = (AnsiColor::Red.on_default().bold(), AnsiColor::Cyan.on_default().bold());
        let mut text = format!("{red}error:{red:#} {}\n", clean(&self.message));
        if let Some(help) = &self.help {
            text += &format!("{cyan}help:{cyan:#} {}\n", clean(help));
        }
        // Where nobody reads, the exit code tells.
        let _ = anstream::stderr().write_all(text.as_bytes());
    }
}

/// Text that a terminal shows as it is: what a file holds or a model writes could be a control sequence, or turn the direction of writing.
pub(crate) fn clean(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if hidden(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let code = if matches!(error, ConfigError::Io { .. }) { INPUT } else { USAGE };
        Self::new(code, error.to_string())
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        let code = if matches!(error, DeviceError::Unavailable { .. }) { GUARD } else { USAGE };
        Self::new(code, error.to_string())
    }
}

impl From<TaskError> for Failure {
    fn from(error: TaskError) -> Self {
        let code = if error.is_usage() { USAGE } else { INPUT };
        Self::new(code, error.to_string())
    }
}

impl From<TextError> for Failure {
    fn from(error: TextError) -> Self {
        Self::new(INPUT, error.to_string())
    }
}

impl From<LmError> for Failure {
    fn from(error: LmError) -> Self {
        let code = if matches!(error, LmError::Config { .. }) { USAGE } else { INPUT };
        Self::new(code, error.to_string())
    }
}

impl From<HfError> for Failure {
    fn from(error: HfError) -> Self {
        Self::new(INPUT, error.to_string())
    }
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Task(error) => error.into(),
            SetupError::Train(error) => error.into(),
            SetupError::Hf(error) => error.into(),
            SetupError::Lm(error) => error.into(),
            SetupError::Device(error) => Self::new(GUARD, error),
            other => Self::new(USAGE, other.to_string()),
        }
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        Self::new(INPUT, error.to_string())
    }
}

impl From<CoreError> for Failure {
    fn from(error: CoreError) -> Self {
        Self::from(TrainError::from(error))
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        let code = match error {
            TrainError::Model(inner) => return Self::from(inner),
            TrainError::Core(CoreError::NotFinite(_))
            | TrainError::NotFinite { .. }
            | TrainError::Check { .. }
            | TrainError::Reference
            | TrainError::Verifier { .. }
            | TrainError::Stuck { .. } => GUARD,
            TrainError::Interrupted => INTERRUPTED,
            TrainError::Io { .. }
            | TrainError::Damaged { .. }
            | TrainError::Newer { .. }
            | TrainError::Write(_)
            | TrainError::Sink(_)
            | TrainError::Origin { .. } => INPUT,
            _ => USAGE,
        };
        Self::new(code, error.to_string())
    }
}
