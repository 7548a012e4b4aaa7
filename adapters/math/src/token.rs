//! The tokens of an answer.

use std::borrow::Cow;

/// A token, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Lexeme<'a> {
    pub(super) token: Token<'a>,
    /// Offset in bytes.
    pub(super) at: usize,
    /// Whether white space, or a command that makes some, stands before it.
    pub(super) spaced: bool,
}

/// A token without its dressing: `\left` and the like are gone, names and signs of Unicode are commands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// Digits, at most one point, and after a `~` the digits that repeat; no separators.
    Number(Cow<'a, str>),
    /// Digits in a base, such as `2F` of `2F_{16}`.
    Based(&'a str, u32),
    /// One Latin letter.
    Letter(char),
    /// A command without its backslash, or a known name written without one.
    Command(&'a str),
    /// The content of `\text{...}` and the like, or a word among mathematics.
    Text(&'a str),
    /// A sign.
    Symbol(char),
}

impl Token<'_> {
    /// The token as a part of a name.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Number(digits) => digits.to_string(),
            Self::Based(digits, base) => format!("{digits}_{base}"),
            Self::Letter(letter) => letter.to_string(),
            Self::Command(name) => format!("\\{name} "),
            Self::Text(text) => text.trim().to_owned(),
            Self::Symbol(symbol) => symbol.to_string(),
        }
    }

    /// The token for a message.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Number(digits) => format!("number `{}`", brief(digits)),
            Self::Based(digits, base) => format!("number `{}_{base}`", brief(digits)),
            Self::Letter(letter) => format!("letter `{letter}`"),
            Self::Command(name) => format!("command `\\{}`", brief(name)),
            Self::Text(text) => format!("text `{}`", brief(text)),
            Self::Symbol(symbol) => format!("`{symbol}`"),
        }
    }
}

/// The beginning of a text, for a message.
fn brief(text: &str) -> String {
    let mut short: String = text.chars().take(20).collect();
    if short.len() < text.len() {
        short.push_str("...");
    }
    short
}
