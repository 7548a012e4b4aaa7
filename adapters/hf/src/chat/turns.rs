//! The messages of a conversation as a template prints them.

use serde::Serialize;

use super::ChatConfig;
use crate::{error::HfError, template::Template, tokenizer::FolderTokenizer};

/// One message of a conversation, in the order in which templates print it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Message<'a> {
    pub(super) role: &'static str,
    pub(super) content: &'a str,
}

impl<'a> Message<'a> {
    pub(super) fn system(content: &'a str) -> Self {
        Self { role: "system", content }
    }

    pub(super) fn user(content: &'a str) -> Self {
        Self { role: "user", content }
    }

    pub(super) fn assistant(content: &'a str) -> Self {
        Self { role: "assistant", content }
    }
}

/// What renders a conversation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turns<'a> {
    pub(super) template: &'a Template,
    pub(super) tokenizer: &'a FolderTokenizer,
    pub(super) config: &'a ChatConfig,
}

impl Turns<'_> {
    /// The text of these messages, up to where the next answer begins.
    pub(super) fn render(&self, messages: &[Message<'_>]) -> Result<String, HfError> {
        self.template.render(&messages, true, &self.config.variables, self.config.today)
    }

    /// The text of a problem and of some answers to it, each followed by the revision instruction; with the configured system message.
    pub(super) fn text(&self, problem: &str, answers: &[&str]) -> Result<String, HfError> {
        let system = self.config.system.as_deref().map(Message::system);
        let start: Vec<Message<'_>> = system.into_iter().chain([Message::user(problem)]).collect();
        self.continued(&start, answers)
    }

    /// The text of a conversation and of some answers to its last message, each followed by the revision instruction.
    pub(super) fn continued(&self, start: &[Message<'_>], answers: &[&str]) -> Result<String, HfError> {
        let instruction = self.config.instruction();
        let later = answers.iter().flat_map(|answer| [Message::assistant(answer), Message::user(instruction)]);
        self.render(&start.iter().copied().chain(later).collect::<Vec<_>>())
    }

    pub(super) fn refuse(&self, reason: &str) -> HfError {
        HfError::Template { path: self.template.path().to_owned(), reason: reason.to_owned() }
    }
}
