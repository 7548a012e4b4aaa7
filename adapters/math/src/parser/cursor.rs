//! Looking at tokens and taking them.

use super::{MAX_DEPTH, Parser};
use crate::{error::MathError, token::Token};

impl<'a> Parser<'a, '_> {
    pub(super) fn peek(&self) -> Option<&Token<'a>> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<&Token<'a>> {
        self.lexemes.get(self.at + ahead).map(|lexeme| &lexeme.token)
    }

    /// The token taken last.
    pub(super) fn previous(&self) -> Option<&Token<'a>> {
        self.lexemes.get(self.at.checked_sub(1)?).map(|lexeme| &lexeme.token)
    }

    pub(super) fn take(&mut self, token: &Token<'_>) -> bool {
        let found = self.peek().is_some_and(|next| next == token);
        self.at += usize::from(found);
        found
    }

    pub(super) fn take_symbol(&mut self, symbol: char) -> bool {
        self.take(&Token::Symbol(symbol))
    }

    pub(super) fn take_command(&mut self, name: &str) -> bool {
        self.take(&Token::Command(name))
    }

    pub(super) fn expect(&mut self, token: &Token<'_>) -> Result<(), MathError> {
        if self.take(token) {
            return Ok(());
        }
        let MathError::Unexpected { what, at } = self.unexpected() else { return Err(self.unexpected()) };
        Err(MathError::Unexpected { what: format!("{what} (expected {})", token.describe()), at })
    }

    /// The error for the token that stands here.
    pub(super) fn unexpected(&self) -> MathError {
        self.misplaced(&self.peek().map_or_else(|| "end of the answer".to_owned(), Token::describe))
    }

    /// An error in other words, at the token that stands here.
    pub(super) fn misplaced(&self, what: &str) -> MathError {
        let at = self.lexemes.get(self.at).map_or(self.length, |lexeme| lexeme.at);
        MathError::Unexpected { what: what.to_owned(), at }
    }

    /// Parses one level deeper.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, MathError>) -> Result<T, MathError> {
        if self.depth >= MAX_DEPTH {
            return Err(MathError::TooDeep { limit: MAX_DEPTH });
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Whether the bracket that opens here has a comma in it, outside of further brackets.
    pub(super) fn commas_inside(&self) -> bool {
        let mut depth = 0_usize;
        for lexeme in &self.lexemes[self.at..] {
            match lexeme.token {
                Token::Symbol('(' | '[' | '{') | Token::Command("{" | "langle" | "begin") => depth += 1,
                Token::Symbol(')' | ']' | '}') | Token::Command("}" | "rangle" | "end") => depth -= 1,
                Token::Symbol(',' | ';') if depth == 1 => return true,
                _ => {}
            }
            if depth == 0 {
                return false;
            }
        }
        false
    }

    /// Whether the `[` that opens here has parentheses or a sum in it, which is why people write it; `[2.7]` may be a part rounded down.
    pub(super) fn groups(&self) -> bool {
        let inside = self.lexemes[self.at..].iter().map(|lexeme| &lexeme.token).take_while(|token| **token != Token::Symbol(']'));
        // A sign right after the bracket is no sum.
        inside.enumerate().any(|(index, token)| match token {
            Token::Symbol('(') => true,
            Token::Symbol('+' | '-') => index > 1,
            _ => false,
        })
    }
}
