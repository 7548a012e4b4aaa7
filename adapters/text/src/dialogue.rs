//! How a problem is put to a model, and what stands between two attempts.

use core::fmt::Debug;

use crate::{
    conversation::{Conversation, Role},
    error::TextError,
    tokenizer::Tokenizer,
    vocabulary::Vocabulary,
};

/// How a problem is put to a model: the characters of a built-in task, or a model's chat template.
///
/// # Contract
/// - Pure, as its tokenizer is; nothing here depends on an attempt.
/// - `prompt` is never empty, and neither is `ends`.
pub trait Dialogue: Debug + Send + Sync {
    /// Text to token ids and back.
    fn tokenizer(&self) -> &dyn Tokenizer;

    /// Ids of the prompt that a conversation is: attempt 1 follows.
    ///
    /// # Errors
    /// [`TextError`] when the conversation can't be expressed.
    fn prompt(&self, conversation: &Conversation) -> Result<Vec<u32>, TextError>;

    /// Ids between two attempts: the fixed revision instruction, and what surrounds it.
    fn revision(&self) -> Vec<u32>;

    /// Ids that end an attempt.
    fn ends(&self) -> Vec<u32>;

    /// Ids that close an attempt that was cut off, before `revision`: the first of `ends`, unless more stands between an answer and what follows.
    fn closing(&self) -> Vec<u32> {
        self.ends().into_iter().take(1).collect()
    }

    /// What a person should know before attempts are played, as sentences: where a second attempt stands on another history than in a chat.
    /// `own_systems` says that problems bring system messages of their own.
    fn notes(&self, own_systems: bool) -> Vec<String> {
        let _ = own_systems;
        Vec::new()
    }
}

impl Dialogue for Vocabulary {
    fn tokenizer(&self) -> &dyn Tokenizer {
        self
    }

    /// The characters of each message; after those of the user the `answer` token, and after others the `end` token.
    fn prompt(&self, conversation: &Conversation) -> Result<Vec<u32>, TextError> {
        let mut ids = Vec::new();
        for message in conversation.messages() {
            ids.extend(self.encode(&message.content)?);
            ids.push(if message.role == Role::User { self.answer() } else { self.end() });
        }
        Ok(ids)
    }

    /// The `revise` token.
    fn revision(&self) -> Vec<u32> {
        vec![self.revise()]
    }

    /// The `end` token.
    fn ends(&self) -> Vec<u32> {
        vec![self.end()]
    }
}
