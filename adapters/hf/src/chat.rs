//! The ids of a conversation in several attempts: a problem's prompt, and what stands between two attempts.
//!
//! A chat template is asked once for its shape, and never to render what a model has written: the context of attempt 2 is the ids of the
//! prompt, those of attempt 1 as they were sampled, and those of the revision instruction. So attempt 1's context is a strict prefix of attempt
//! 2's, also where a template would rewrite earlier turns; how it would is found out beforehand, and said.

use std::path::Path;

use jiff::civil::Date;
use palinode_text::{Conversation, Dialogue, TextError, Tokenizer};
use serde::{Deserialize, Serialize};

use self::{
    shape::Shape,
    turns::{Message, Turns},
};
use crate::{
    error::HfError,
    fields::beyond,
    folder::Folder,
    template::{Template, Variables},
    tokenizer::FolderTokenizer,
};

mod differences;
mod history;
mod shape;
mod turns;

/// What is said besides the problem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChatConfig {
    /// A system message, where the template has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// What is asked between two attempts, or `answer` or `code` for [`ChatConfig::REVISE_ANSWER`] or [`ChatConfig::REVISE_CODE`]. It must not tell
    /// whether the attempt was right.
    pub revision: String,
    /// Further variables of the template, such as `enable_thinking`.
    #[serde(skip_serializing_if = "Variables::is_empty")]
    pub variables: Variables,
    /// The date that templates are told, as in 2026-01-31: a run is not to depend on the day it is read on.
    pub today: Date,
}

impl ChatConfig {
    /// For problems with a short answer, mathematics above all. In the spirit of arXiv 2409.12917, appendix C: there might be an error, or not.
    pub const REVISE_ANSWER: &str =
        "Your answer may or may not be right. Look at it again, correct it if something is wrong, and write the final answer.";
    /// For programs.
    pub const REVISE_CODE: &str = "The program above may or may not be right. Check it against the task, correct it if something is wrong, \
        and write the whole program again, without explanations.";

    /// The revision instruction in full.
    pub fn instruction(&self) -> &str {
        match self.revision.as_str() {
            "answer" => Self::REVISE_ANSWER,
            "code" => Self::REVISE_CODE,
            own => own,
        }
    }
}

impl Default for ChatConfig {
    fn default() -> Self {
        Self {
            system: None,
            revision: Self::REVISE_ANSWER.into(),
            variables: Variables::new(),
            today: Date::constant(2026, 1, 1),
        }
    }
}

/// A tokenizer, and the shape of a conversation in it.
#[derive(Debug, Clone)]
pub struct Chat {
    tokenizer: FolderTokenizer,
    template: Option<Template>,
    config: ChatConfig,
    shape: Shape,
}

impl Chat {
    /// The conversation of a model folder. A folder without a chat template gets a plain one: each message and a blank line, the
    /// answer; then a blank line, the revision instruction, a blank line.
    ///
    /// # Errors
    /// Those of [`Folder::tokenizer`] and [`Folder::template`]; [`HfError::Template`] when the template can't be used for several attempts.
    pub fn of(folder: &Folder, config: ChatConfig) -> Result<Self, HfError> {
        Self::new(folder.tokenizer()?, folder.template()?, folder.end_tokens(), config)
    }

    /// A conversation of given parts; `ends` are ids that end an answer, to which the template's own are added.
    ///
    /// # Errors
    /// [`HfError::Template`] when no turn ends, or when what stands between two attempts depends on them; [`HfError::Text`] when no id ends an answer.
    pub fn new(
        tokenizer: FolderTokenizer,
        template: Option<Template>,
        ends: &[u32],
        config: ChatConfig,
    ) -> Result<Self, HfError> {
        let shape = match &template {
            Some(template) => Shape::of(&Turns { template, tokenizer: &tokenizer, config: &config }, ends.to_vec())?,
            None => Shape {
                ends: ends.to_vec(),
                closing: ends.iter().take(1).copied().collect(),
                revision: tokenizer.encode(&format!("\n\n{}\n\n", config.instruction()))?,
                ..Shape::default()
            },
        };
        if shape.ends.is_empty() {
            let reason = "no token is known that ends an answer: config.json has no `eos_token_id`";
            return Err(TextError::Inexpressible(reason.into()).into());
        }
        let vocabulary = tokenizer.len();
        let beyond_it = |id: &&u32| **id as usize >= vocabulary;
        if let Some(&id) = shape.ends.iter().chain(&shape.closing).chain(&shape.revision).find(beyond_it) {
            return Err(TextError::Inexpressible(format!("what ends an answer {}", beyond(id, vocabulary))).into());
        }
        Ok(Self { tokenizer, template, config, shape })
    }

    /// Ids of the prompt that a conversation is: attempt 1 follows. Its own system message stands in place of the configured one.
    ///
    /// # Errors
    /// [`HfError::Template`] with the template's message, or where it leaves out the conversation's system message; [`HfError::Text`].
    pub fn prompt(&self, conversation: &Conversation) -> Result<Vec<u32>, HfError> {
        let Some(template) = &self.template else {
            let said: String = conversation.messages().iter().map(|message| format!("{}\n\n", message.content)).collect();
            return Ok(self.tokenizer.encode_special(&said)?);
        };
        let configured = self.config.system.as_deref().filter(|_| conversation.system().is_none());
        let said = conversation.messages().iter().map(|message| Message { role: message.role.name(), content: &message.content });
        let turns = Turns { template, tokenizer: &self.tokenizer, config: &self.config };
        let text = turns.render(&configured.map(Message::system).into_iter().chain(said).collect::<Vec<_>>())?;
        if conversation.system().is_some_and(|system| !text.contains(system.trim())) {
            return Err(turns.refuse("the chat template leaves out the conversation's system message"));
        }
        Ok(self.tokenizer.encode(&text)?)
    }

    /// Ids between two attempts: the rest of the turn, the revision instruction, and the opening of the next answer.
    pub fn revision(&self) -> &[u32] {
        &self.shape.revision
    }

    /// Ids that end an attempt; the first is the one that the template itself writes.
    pub fn ends(&self) -> &[u32] {
        &self.shape.ends
    }

    /// Ids that close an attempt which was cut off: its end, and what the template writes before that.
    pub fn closing(&self) -> &[u32] {
        &self.shape.closing
    }

    /// In which ways the template tells earlier turns otherwise than they were written, if it does, as sentences for people. Contexts here keep the ids
    /// that were sampled, so what serves a trained model should too. `own_systems` says that some problems bring a system message of their own.
    pub fn notes(&self, own_systems: bool) -> Vec<String> {
        const KEPT: &str = "so attempt 2 stands on another history than in a chat: here every attempt stays as it was sampled, and what serves the trained \
            model should keep it too";
        let own: &[String] = if own_systems { &self.shape.system_notes } else { &[] };
        let notes: Vec<String> = self.shape.notes.iter().chain(own).cloned().collect();
        if notes.is_empty() { notes } else { [notes, vec![KEPT.into()]].concat() }
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &FolderTokenizer {
        &self.tokenizer
    }

    /// The file of the chat template; `None` for the plain preset.
    pub fn template(&self) -> Option<&Path> {
        self.template.as_ref().map(Template::path)
    }
}

/// [`Chat`]'s own methods say more.
impl Dialogue for Chat {
    fn tokenizer(&self) -> &dyn Tokenizer {
        &self.tokenizer
    }

    fn prompt(&self, conversation: &Conversation) -> Result<Vec<u32>, TextError> {
        Self::prompt(self, conversation).map_err(|error| TextError::Inexpressible(error.to_string()))
    }

    fn revision(&self) -> Vec<u32> {
        self.shape.revision.clone()
    }

    fn ends(&self) -> Vec<u32> {
        self.shape.ends.clone()
    }

    fn closing(&self) -> Vec<u32> {
        self.shape.closing.clone()
    }

    fn notes(&self, own_systems: bool) -> Vec<String> {
        self.tokenizer.differences().iter().cloned().chain(Self::notes(self, own_systems)).collect()
    }
}
