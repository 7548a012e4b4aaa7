//! Chat templates: programs from a stranger that turn messages into text.
//!
//! They run in minijinja, set up as transformers sets up Jinja, with fuel: instructions and bytes both cost, so that neither an endless loop
//! nor a string that doubles itself gets far.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jiff::civil::Date;
use minijinja::{Environment, Error, ErrorKind, Value as Jinja, value::Serde};
use serde::Serialize;
use serde_json::Value;

use crate::{
    class::Class,
    error::HfError,
    fields::Fields,
    jinja,
    shards::{bounded, bounded_text},
    special::{LONGEST, Special},
};

/// What one rendering may use: an instruction costs 1, and so do 64 bytes.
const FUEL: u64 = 500_000;
/// The folder of templates by name.
const TEMPLATES: &str = "additional_chat_templates";
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
    /// The template of a folder, if it has one, by the precedence of transformers 5.24: `additional_chat_templates/default.jinja`,
    /// `chat_template.jinja`, `chat_template` in `tokenizer_config.json` (a text, or several by name), and last of all that of
    /// `chat_template.json`, which transformers reads for processors alone. Of several, the one called `default`.
    ///
    /// # Errors
    /// [`HfError::Io`], [`HfError::Format`], [`HfError::Field`] for files that are damaged; [`HfError::Template`] with the line of a mistake in
    /// it, or where there are several and none is the default.
    pub fn of(folder: &Path) -> Result<Option<Self>, HfError> {
        let Some((path, source)) = find(folder)? else { return Ok(None) };
        let tokenizer = bounded(&folder.join("tokenizer.json"), crate::tokenizer::LONGEST).unwrap_or_default();
        let special = Special::of(folder, &Class::of(folder, &tokenizer)?)?;
        let tokens = special.names().map(|(name, text)| (name.to_owned(), text.into())).collect();
        Self::parse(&source, tokens, path).map(Some)
    }

    /// A template by its source, with tokens that it may print by name, of this file.
    ///
    /// # Errors
    /// [`HfError::Template`].
    pub(crate) fn parse(source: &str, tokens: Variables, path: PathBuf) -> Result<Self, HfError> {
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

/// The file that holds the template, and its source.
pub(crate) fn find(folder: &Path) -> Result<Option<(PathBuf, String)>, HfError> {
    let read = |path: PathBuf| Ok(Some((path.clone(), bounded_text(&path, LONGEST)?)));
    for own in [default_file(folder), folder.join("chat_template.jinja")] {
        if own.is_file() {
            return read(own);
        }
    }
    // Templates of another name hide what tokenizer_config.json holds.
    let named = folder.join(TEMPLATES).read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    if let Some(named) = named.into_iter().find(|path| path.extension().is_some_and(|end| end == "jinja")) {
        let reason =
            "there are chat templates by name, and none is called `default`: name one default.jinja, or add chat_template.jinja";
        return Err(HfError::Template { path: named, reason: reason.into() });
    }
    for name in ["tokenizer_config.json", "chat_template.json"] {
        let path = folder.join(name);
        if path.is_file() {
            let text = bounded_text(&path, LONGEST)?;
            if let Some(source) = listed(&Fields::parse(&text, &path)?)? {
                return Ok(Some((path, source)));
            }
        }
    }
    Ok(None)
}

/// The template that counts where there are several, each in a file of its own.
pub(crate) fn default_file(folder: &Path) -> PathBuf {
    folder.join(TEMPLATES).join("default.jinja")
}

/// `chat_template`: a text, or several with names, as a list or an object.
fn listed(config: &Fields<'_>) -> Result<Option<String>, HfError> {
    let default = match config.value("chat_template") {
        None => return Ok(None),
        Some(Value::String(template)) => Some(template.as_str()),
        Some(Value::Array(list)) => {
            // As in a Python dictionary, the last of a name counts.
            list.iter().rfind(|entry| entry["name"] == "default").and_then(|entry| entry["template"].as_str())
        }
        Some(Value::Object(named)) => named.get("default").and_then(Value::as_str),
        Some(_) => return Err(config.wrong("chat_template", "must be a string, or templates with names")),
    };
    let none = || config.wrong("chat_template", "holds templates with names, and none is called `default` and is a string");
    default.map(|template| Some(template.to_owned())).ok_or_else(none)
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
