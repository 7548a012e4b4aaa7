//! What is said before the first answer: one user's message, or a whole conversation that ends in one.

use std::fmt;

use crate::line::collapsed;

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Who sets the rules; a `developer`'s message is one too.
    System,
    /// Who asks.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// Its name in chat templates.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// What somebody says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who.
    pub role: Role,
    /// What, as it was written; only a system message may be empty.
    pub content: String,
}

/// What is put to a model: at most one system message, which comes first, then turns, the last of which is the user's. A plain problem is one user's
/// message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    messages: Vec<Message>,
}

impl Conversation {
    /// A conversation of some messages.
    ///
    /// # Errors
    /// Why they are none, as a clause: a system message that is not the first, an empty message, or another end than a user's message.
    pub fn new(messages: Vec<Message>) -> Result<Self, String> {
        for (i, message) in messages.iter().enumerate() {
            let (name, n) = (message.role.name(), i + 1);
            if message.content.trim().is_empty() && message.role != Role::System {
                return Err(format!("message {n} of {}, the {name}'s, is empty", messages.len()));
            }
            if message.role == Role::System && i > 0 {
                return Err(format!("message {n} is a system message; only the first may be"));
            }
        }
        match messages.last().map(|message| message.role) {
            None => Err("no messages".into()),
            Some(Role::User) => Ok(Self { messages }),
            Some(Role::Assistant) => {
                Err("the last message is the assistant's; it must be the user's, which the model answers".into())
            }
            Some(Role::System) => Err("no user's message, which the model would answer".into()),
        }
    }

    /// All messages in order; never none.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The system message.
    pub fn system(&self) -> Option<&str> {
        self.messages.first().filter(|first| first.role == Role::System).map(|first| first.content.as_str())
    }

    /// The last message, which the model answers.
    pub fn problem(&self) -> &str {
        self.messages.last().map_or("", |last| &last.content)
    }

    /// Whether it is a problem alone.
    pub fn is_plain(&self) -> bool {
        self.messages.len() == 1
    }

    /// What two conversations have in common exactly when they say the same, white space apart.
    pub fn key(&self) -> String {
        if self.is_plain() {
            return collapsed(self.problem());
        }
        // Roles and contents alternate, a line each, so that neither two conversations nor a plain problem share a key.
        let message = |message: &Message| format!("{}\n{}", message.role.name(), collapsed(&message.content));
        self.messages.iter().map(message).collect::<Vec<_>>().join("\n")
    }

    /// What the user says, white space apart. By this a problem is held out or not, so that a question stays on its side whatever system message comes
    /// before it.
    pub fn asked(&self) -> String {
        let asked = self.messages.iter().filter(|message| message.role == Role::User);
        asked.map(|message| collapsed(&message.content)).collect::<Vec<_>>().join("\n")
    }

    /// What everybody says.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().map(|message| message.content.as_str())
    }

    /// Whether this is how it is shown, white space around it apart.
    pub fn is_shown_as(&self, text: &str) -> bool {
        self.to_string().trim() == text.trim()
    }
}

/// The user's only message.
impl From<&str> for Conversation {
    fn from(problem: &str) -> Self {
        Self { messages: vec![Message { role: Role::User, content: problem.into() }] }
    }
}

/// A plain problem as it is; else each message on lines of its own, after its role.
impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_plain() {
            return f.write_str(self.problem());
        }
        for (i, message) in self.messages.iter().enumerate() {
            let end = if i == 0 { "" } else { "\n\n" };
            write!(f, "{end}{}: {}", message.role.name(), message.content)?;
        }
        Ok(())
    }
}
