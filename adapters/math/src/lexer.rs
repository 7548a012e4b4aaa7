//! Text to tokens, without what only changes how mathematics looks.

mod number;

use std::borrow::Cow;

use super::{
    boxed::closing_brace,
    error::MathError,
    names,
    token::{Lexeme, Token},
    unit,
};
use crate::script;

/// Splits `text` into tokens.
///
/// # Errors
/// [`MathError::Unexpected`] for a sign with no meaning, or a command whose braces do not close.
pub(super) fn lex(text: &str) -> Result<Vec<Lexeme<'_>>, MathError> {
    let mut lexer = Lexer { text, at: 0, spaced: false, brackets: 0, lexemes: Vec::with_capacity(16) };
    while lexer.at < text.len() {
        lexer.step()?;
    }
    Ok(lexer.lexemes)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Whether white space was passed since the last token.
    spaced: bool,
    /// Open brackets in which a comma separates.
    brackets: usize,
    lexemes: Vec<Lexeme<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn push(&mut self, token: Token<'a>, length: usize) {
        match token {
            Token::Symbol('(' | '[') | Token::Command("{" | "langle") => self.brackets += 1,
            Token::Symbol(')' | ']') | Token::Command("}" | "rangle") => self.brackets = self.brackets.saturating_sub(1),
            _ => {}
        }
        self.lexemes.push(Lexeme { token, at: self.at, spaced: self.spaced });
        self.at += length;
        self.spaced = false;
    }

    fn skip(&mut self, length: usize, spaced: bool) {
        self.at += length;
        self.spaced |= spaced;
    }

    fn unexpected(&self, what: impl Into<String>) -> MathError {
        MathError::Unexpected { what: what.into(), at: self.at }
    }

    /// Reads one token, or skips one piece of dressing.
    fn step(&mut self) -> Result<(), MathError> {
        let Some(first) = self.rest().chars().next() else { return Ok(()) };
        match first {
            '\\' => return self.command(),
            '$' => self.skip(1, false),
            '~' => self.skip(1, true),
            _ if first.is_whitespace() => self.skip(first.len_utf8(), true),
            '0'..='9' | '.' | 'A'..='Z' if self.number() => {}
            _ if first.is_ascii_alphabetic() => self.letters(),
            _ if script::stands_beside(first) => {
                let run = self.rest();
                let run = &run[..run.find(|c| !script::stands_beside(c)).unwrap_or(run.len())];
                self.push(Token::Text(run), run.len());
            }
            '–' if self.is_range() => return Err(self.unexpected("dash of a range (write `-` for minus)")),
            '−' | '–' => self.push(Token::Symbol('-'), first.len_utf8()),
            '²' => self.superscript("2", first.len_utf8()),
            '³' => self.superscript("3", first.len_utf8()),
            '*' if self.rest().starts_with("**") => self.push(Token::Symbol('^'), 2),
            '+' | '-' | '*' | '/' | '^' | '_' | '(' | ')' | '[' | ']' | '{' | '}' => self.push(Token::Symbol(first), 1),
            ',' | ';' | ':' | '=' | '<' | '>' | '|' | '!' | '&' | '%' | '\'' => self.push(Token::Symbol(first), 1),
            _ if names::vulgar_fraction(first).is_some() => {
                self.push(Token::Command("frac"), 0);
                self.push(Token::Number(names::vulgar_fraction(first).unwrap_or("").into()), first.len_utf8());
            }
            _ => match names::unicode(first) {
                Some(command) => self.push(Token::Command(command), first.len_utf8()),
                None => return Err(self.unexpected(format!("character {first:?}"))),
            },
        }
        Ok(())
    }

    fn superscript(&mut self, digit: &'static str, length: usize) {
        self.push(Token::Symbol('^'), 0);
        self.push(Token::Number(Cow::Borrowed(digit)), length);
    }

    /// Reads what begins with a backslash.
    fn command(&mut self) -> Result<(), MathError> {
        let after = &self.rest()[1..];
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        if letters > 0 {
            return self.named(&after[..letters]);
        }
        match after.chars().next() {
            Some(' ' | ',' | ';' | ':' | '>') => self.skip(2, true),
            Some('!' | '(' | ')' | '[' | ']' | '/') => self.skip(2, false),
            Some('%') => self.push(Token::Symbol('%'), 2),
            Some('{' | '}' | '|' | '\\' | '$') => self.push(Token::Command(&after[..1]), 2),
            Some('\n' | '\t' | '\r') => self.skip(2, true),
            _ => return Err(self.unexpected("backslash")),
        }
        Ok(())
    }

    /// Reads a command by its name.
    fn named(&mut self, name: &'a str) -> Result<(), MathError> {
        let length = name.len() + 1;
        if names::is_space(name) {
            self.skip(length, true);
        } else if names::is_dressing(name) {
            self.skip(length, false);
            if matches!(name, "left" | "right") && self.rest().starts_with('.') {
                self.skip(1, false);
            }
        } else if names::is_colour(name) {
            let (_, length) = self.argument(name)?;
            self.skip(length, false);
        } else if names::is_text(name) {
            return self.text_command(name);
        } else if matches!(name, "begin" | "end") {
            return self.environment(name);
        } else {
            self.push(names::bracket(name).unwrap_or(Token::Command(name)), length);
        }
        Ok(())
    }

    /// The content of the braces after a command, and the length of all from the command to the closing brace.
    fn argument(&self, name: &str) -> Result<(&'a str, usize), MathError> {
        let after = &self.rest()[1 + name.len()..];
        let inside = after.trim_start();
        let start = 1 + name.len() + after.len() - inside.len() + 1;
        let inside = inside.strip_prefix('{').ok_or_else(|| self.unexpected(format!("`\\{name}` without braces")))?;
        let end = closing_brace(inside).ok_or_else(|| self.unexpected(format!("`\\{name}` whose brace never closes")))?;
        Ok((&inside[..end], start + end + 1))
    }

    /// Text stays as it is; where it has no letters, or is a lone letter of mathematics, its braces are read as mathematics.
    fn text_command(&mut self, name: &str) -> Result<(), MathError> {
        let (content, length) = self.argument(name)?;
        let content = content.trim_matches(|c: char| c.is_whitespace() || c == '~').trim_start_matches("\\,");
        if name == "operatorname" {
            self.push(Token::Command(content), length);
        } else if content.is_empty() {
            self.skip(length, true);
        } else if content.contains(char::is_alphabetic) && !matches!((name, content), ("mathrm", "e" | "i")) {
            self.push(Token::Text(content), length);
        } else {
            self.skip(1 + name.len(), false);
        }
        Ok(())
    }

    /// The borders of a matrix; the columns of an array say nothing.
    fn environment(&mut self, name: &'a str) -> Result<(), MathError> {
        let (kind, length) = self.argument(name)?;
        self.push(Token::Command(name), length);
        let columns = self.rest().trim_start();
        if name == "begin" && kind == "array" && columns.starts_with('{') {
            let end = closing_brace(&columns[1..]).ok_or_else(|| self.unexpected("array whose brace never closes"))?;
            self.at += self.rest().len() - columns.len() + end + 2;
        } else if !matches!(kind, "array" | "matrix" | "pmatrix" | "bmatrix" | "Bmatrix" | "smallmatrix") {
            return Err(self.unexpected(format!("environment `{kind}`")));
        }
        Ok(())
    }

    /// Reads a run of letters: a known name, a unit or a word that joins, or else one variable after another.
    fn letters(&mut self) {
        let rest = self.rest();
        let run = &rest[..rest.bytes().take_while(u8::is_ascii_alphabetic).count()];
        if let Some(command) = names::plain(run) {
            return self.push(Token::Command(command), run.len());
        }
        if matches!(run, "or" | "and") && self.spaced {
            return self.push(Token::Text(run), run.len());
        }
        if self.follows_operand() && (self.spaced || unit::is_percent(run)) {
            if let Some(compound) = unit::plain_compound(rest) {
                return self.push(Token::Text(compound), compound.len());
            }
            if unit::is_plain_unit(run) || words(rest).starts_with("per cent") {
                return self.push(Token::Text(words(rest)), words(rest).len());
            }
        }
        for letter in run.chars() {
            self.push(Token::Letter(letter), 1);
        }
    }

    /// Whether a long dash stands between two numbers.
    fn is_range(&self) -> bool {
        let after = self.rest().trim_start_matches(['–', ' ', '$', '~']);
        self.follows_operand() && (after.starts_with(|c: char| c.is_ascii_digit()) || after.starts_with("\\$"))
    }

    /// Whether the last token can end a number.
    fn follows_operand(&self) -> bool {
        let last = self.lexemes.last().map(|lexeme| &lexeme.token);
        matches!(last, Some(Token::Number(_) | Token::Symbol(')' | '}') | Token::Command("pi")))
    }
}

/// The words at the start of a text, up to anything else; never `or` and `and`.
fn words(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphabetic() && c != ' ').unwrap_or(text.len());
    let joint = [" or ", " and "].into_iter().filter_map(|word| text[..end].find(word)).min();
    text[..joint.unwrap_or(end)].trim_end()
}
