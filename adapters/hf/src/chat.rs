//! The ids of a conversation in several attempts: a problem's prompt, and what stands between two attempts.
//!
//! A chat template is asked once for its shape, and never to render what a model has written: the context of attempt 2 is the ids of the
//! prompt, those of attempt 1 as they were sampled, and those of the revision instruction. So attempt 1's context is a strict prefix of attempt
//! 2's, also where a template would rewrite earlier turns.

use std::path::Path;

use jiff::civil::Date;
use palinode_tasks::{Conversation, Dialogue, TaskError, Tokenizer};
use serde::{Deserialize, Serialize};

use crate::{
    error::HfError,
    fields::beyond,
    folder::Folder,
    template::{Template, Variables},
    tokenizer::FolderTokenizer,
};

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
    revision: Vec<u32>,
    ends: Vec<u32>,
    rewritten: Option<String>,
}

/// One message of a conversation, in the order in which templates print it.
#[derive(Debug, Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

/// Two problems and two answers that have nothing in common: what surrounds them must not depend on them.
const PROBES: [[&str; 2]; 2] =
    [["alpha", "first-probe-of-palinode"], ["Quite another question, 2 + 2?", "4, says the second probe of palinode"]];

impl Chat {
    /// The conversation of a model folder. A folder without a chat template gets a plain one: each message and a blank line, the
    /// answer; then a blank line, the revision instruction, a blank line.
    ///
    /// # Errors
    /// Those of [`FolderTokenizer::load`] and [`Template::of`]; [`HfError::Template`] when the template can't be used for several attempts.
    pub fn of(folder: &Folder, config: ChatConfig) -> Result<Self, HfError> {
        let tokenizer = FolderTokenizer::load(&folder.path().join("tokenizer.json"), folder.config().vocabulary)?;
        let template = Template::of(folder.path())?;
        Self::new(tokenizer, template, folder.end_tokens(), config)
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
        let mut chat = Self { tokenizer, template, config, revision: Vec::new(), ends: ends.to_vec(), rewritten: None };
        match chat.template.clone() {
            Some(template) => chat.learn(&template)?,
            None => chat.revision = chat.tokenizer.encode(&format!("\n\n{}\n\n", chat.config.instruction()))?,
        }
        if chat.ends.is_empty() {
            let reason = "no token is known that ends an answer: config.json has no `eos_token_id`";
            return Err(TaskError::Inexpressible(reason.into()).into());
        }
        let vocabulary = chat.tokenizer.len();
        if let Some(&id) = chat.ends.iter().chain(&chat.revision).find(|&&id| id as usize >= vocabulary) {
            return Err(TaskError::Inexpressible(format!("what ends an answer {}", beyond(id, vocabulary))).into());
        }
        Ok(chat)
    }

    /// Finds out what the template puts between two attempts.
    fn learn(&mut self, template: &Template) -> Result<(), HfError> {
        let refuse = |reason: &str| HfError::Template { path: template.path().to_owned(), reason: reason.to_owned() };
        if let Some(end) = template.end_token().and_then(|token| self.tokenizer.id(token)) {
            if end as usize >= self.tokenizer.len() {
                return Err(refuse(&format!("`eos_token` {}", beyond(end, self.tokenizer.len()))));
            }
            self.ends.retain(|&id| id != end);
            self.ends.push(end);
        }
        let mut between: Option<String> = None;
        for [problem, answer] in PROBES {
            let first = self.turns(problem, &[]);
            let second = self.turns(problem, &[answer]);
            let third = self.turns(problem, &[answer, answer]);
            let [first, second, third] = [first, second, third].map(|turns| self.render(template, &turns));
            let (first, second, third) = (first?, second?, third?);
            let Some(at) = second.rfind(answer) else {
                return Err(refuse("the chat template leaves out what was answered before"));
            };
            let behind = &second[at + answer.len()..];
            if !third.ends_with(behind) || between.as_deref().is_some_and(|between| between != behind) {
                return Err(refuse("what the chat template puts between two attempts depends on them, and must not"));
            }
            // White space is the answer's own.
            if second[..at].trim_end() != first.trim_end() && self.rewritten.is_none() {
                self.rewritten = Some("the chat template opens an earlier answer otherwise than a new one".into());
            }
            between = Some(behind.to_owned());
        }
        let ids = self.tokenizer.encode(&between.unwrap_or_default());
        let ids = ids.map_err(|error| refuse(&format!("what the chat template puts behind an answer: {error}")))?;
        // The turn's end is the attempt's last token, which the policy writes; white space before it belongs to nobody.
        let end = ids.iter().position(|id| self.ends.contains(id)).or_else(|| {
            // Some templates end turns with a token that no configuration names: it is the first of what follows an answer.
            ids.first().filter(|&&id| self.tokenizer.decode(&[id]).is_empty()).map(|_| 0)
        });
        let Some(end) = end else { return Err(refuse("the chat template puts no token behind an answer that could end it")) };
        if !self.tokenizer.decode(&ids[..end]).trim().is_empty() {
            return Err(refuse("the chat template writes something between an answer and its end"));
        }
        // What closes an attempt comes first: it is put behind one that was cut off.
        self.ends.retain(|&id| id != ids[end]);
        self.ends.insert(0, ids[end]);
        self.revision = ids[end + 1..].to_vec();
        self.rewritten = self.rewritten.take().or(self.drops_thoughts(template)?);
        Ok(())
    }

    /// Whether the template leaves out what an earlier answer thought.
    fn drops_thoughts(&self, template: &Template) -> Result<Option<String>, HfError> {
        let text = self.render(template, &self.turns("alpha", &["<think>\nkept in mind\n</think>\n\none"]))?;
        Ok((!text.contains("kept in mind")).then(|| "the chat template drops the thinking of earlier answers".to_owned()))
    }

    fn turns<'a>(&'a self, problem: &'a str, answers: &[&'a str]) -> Vec<Message<'a>> {
        let system = self.config.system.iter().map(|content| Message { role: "system", content });
        let first = Message { role: "user", content: problem };
        let later = answers.iter().flat_map(|content| {
            [Message { role: "assistant", content }, Message { role: "user", content: self.config.instruction() }]
        });
        system.chain([first]).chain(later).collect()
    }

    fn render(&self, template: &Template, turns: &[Message<'_>]) -> Result<String, HfError> {
        template.render(&turns, true, &self.config.variables, self.config.today)
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
        let system = configured.map(|content| Message { role: "system", content });
        let said = conversation.messages().iter().map(|message| Message { role: message.role.name(), content: &message.content });
        let text = self.render(template, &system.into_iter().chain(said).collect::<Vec<_>>())?;
        if conversation.system().is_some_and(|system| !text.contains(system.trim())) {
            let reason = "the chat template leaves out the conversation's system message".into();
            return Err(HfError::Template { path: template.path().to_owned(), reason });
        }
        Ok(self.tokenizer.encode(&text)?)
    }

    /// Ids between two attempts: the rest of the turn, the revision instruction, and the opening of the next answer.
    pub fn revision(&self) -> &[u32] {
        &self.revision
    }

    /// Ids that end an attempt; the first is the one that the template itself writes.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// How the template rewrites earlier turns, if it does. Contexts here keep the ids that were sampled, so what serves a trained model should too.
    pub fn rewritten(&self) -> Option<&str> {
        self.rewritten.as_deref()
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

    fn prompt(&self, conversation: &Conversation) -> Result<Vec<u32>, TaskError> {
        Self::prompt(self, conversation).map_err(|error| TaskError::Inexpressible(error.to_string()))
    }

    fn revision(&self) -> Vec<u32> {
        self.revision.clone()
    }

    fn ends(&self) -> Vec<u32> {
        self.ends.clone()
    }
}
