//! Chat templates: programs from a stranger that turn messages into text.
//!
//! They run in minijinja, set up as transformers sets up Jinja, with fuel: instructions and bytes both cost, so that neither an endless loop
//! nor a string that doubles itself gets far.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jiff::civil::Date;
use minijinja::{Environment, Error, ErrorKind, Value as Jinja, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;
use serde_json::Value;

use crate::{error::HfError, fields::Fields, python_json::tojson, shards::bounded_text};

/// Longest file that may hold a template.
const LONGEST: u64 = 1 << 20;
/// What one rendering may use: an instruction costs 1, and so do 64 bytes.
const FUEL: u64 = 500_000;
/// The name under which the one template is kept.
const NAME: &str = "chat_template";

/// Variables of a template besides its messages, such as `enable_thinking`.
pub type Variables = BTreeMap<String, Jinja>;

/// The chat template of a model folder.
#[derive(Debug, Clone)]
pub struct Template {
    environment: Environment<'static>,
    tokens: Variables,
    path: PathBuf,
}

impl Template {
    /// The template of a folder, if it has one: `chat_template.jinja`, or `chat_template` in `tokenizer_config.json`; of several, the one called
    /// `default`.
    ///
    /// # Errors
    /// [`HfError::Io`], [`HfError::Format`], [`HfError::Field`] for files that are damaged; [`HfError::Template`] with the line of a mistake in it.
    pub fn of(folder: &Path) -> Result<Option<Self>, HfError> {
        let (config_path, own) = (folder.join("tokenizer_config.json"), folder.join("chat_template.jinja"));
        let text = if config_path.is_file() { bounded_text(&config_path, LONGEST)? } else { "{}".into() };
        let config = Fields::parse(&text, &config_path)?;
        let mut tokens = Variables::new();
        for name in ["bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token"] {
            if let Some(token) = token(&config, name)? {
                tokens.insert(name.to_owned(), token.into());
            }
        }
        let (path, source) = if own.is_file() {
            let text = bounded_text(&own, LONGEST)?;
            (own, Some(text))
        } else {
            (config_path.clone(), listed(&config)?)
        };
        source.map(|source| Self::parse(source, tokens, path)).transpose()
    }

    fn parse(source: &str, tokens: Variables, path: PathBuf) -> Result<Self, HfError> {
        let environment = jinja::environment(NAME, source, FUEL)
            .map_err(|error| HfError::Template { path: path.clone(), reason: explain(&error) })?;
        Ok(Self { environment, tokens, path })
    }

    /// The text of a conversation: messages are a list of objects with `role` and `content`. `today` is what `strftime_now` tells.
    ///
    /// # Errors
    /// [`HfError::Template`] with the template's own message when it refuses, or when it runs out of fuel.
    pub fn render(
        &self,
        messages: &impl Serialize,
        add_generation_prompt: bool,
        variables: &Variables,
        today: Date,
    ) -> Result<String, HfError> {
        let mut context: BTreeMap<String, Jinja> = BTreeMap::from([
            ("messages".into(), Jinja::from(Serde(messages))),
            ("add_generation_prompt".into(), add_generation_prompt.into()),
            ("tools".into(), ().into()),
            ("documents".into(), ().into()),
            ("strftime_now".into(), Jinja::from_function(move |format: String| strftime(&format, today))),
        ]);
        let given = self.tokens.iter().chain(variables);
        context.extend(given.map(|(name, value)| (name.clone(), value.clone())));
        self.environment
            .get_template(NAME)
            .and_then(|template| template.render(Jinja::from(context)))
            .map_err(|error| HfError::Template { path: self.path.clone(), reason: explain(&error) })
    }

    /// The end of a turn as `tokenizer_config.json` names it.
    pub(crate) fn end_token(&self) -> Option<&str> {
        self.tokens.get("eos_token").and_then(Jinja::as_str)
    }

    /// The file that holds it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A special token: a string, or an object that holds it.
fn token(config: &Fields<'_>, name: &str) -> Result<Option<String>, HfError> {
    match config.value(name) {
        None => Ok(None),
        Some(Value::String(token)) => Ok(Some(token.clone())),
        Some(Value::Object(token)) if token.get("content").is_some_and(Value::is_string) => {
            Ok(token["content"].as_str().map(str::to_owned))
        }
        Some(_) => Err(config.wrong(name, "must be a string, or an object with a string `content`")),
    }
}

/// `chat_template`: a string, or a list of templates with names.
fn listed(config: &Fields<'_>) -> Result<Option<String>, HfError> {
    match config.value("chat_template") {
        None => Ok(None),
        Some(Value::String(template)) => Ok(Some(template.clone())),
        Some(Value::Array(list)) => {
            let default = list.iter().find(|entry| entry["name"] == "default").and_then(|entry| entry["template"].as_str());
            default.map(|template| Some(template.to_owned())).ok_or_else(|| {
                config.wrong("chat_template", "lists templates, and none is called \"default\" and holds a string `template`")
            })
        }
        Some(_) => Err(config.wrong("chat_template", "must be a string, or a list of objects with `name` and `template`")),
    }
}

/// The message of the error that came first, with its line.
fn explain(error: &Error) -> String {
    let message = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let what = match error.kind() {
        ErrorKind::InvalidOperation | ErrorKind::SyntaxError => message,
        ErrorKind::OutOfFuel => "it does too much: its limit of instructions and memory is spent".into(),
        kind => format!("{kind}: {message}"),
    };
    match error.line() {
        Some(line) => format!("the chat template, line {line}: {what}"),
        None => format!("the chat template: {what}"),
    }
}

fn strftime(format: &str, today: Date) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, today.at(0, 0, 0, 0))
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {error}")))
}
