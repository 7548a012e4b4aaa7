//! An expression with its unit, or a name to which one is given.

use std::sync::Arc;

use num_rational::BigRational;

use super::{Parser, expression::FUNCTION_NAMES};
use crate::{
    ast::{Expr, Node, Operator, Quantity},
    error::MathError,
    token::Token,
    unit::{self, Suffix},
};

/// Tokens of the arguments in a name such as `f(2)`.
const MAX_ARGUMENT_TOKENS: usize = 32;

impl Parser<'_, '_> {
    /// `f(x)` before `=`, or an expression with its unit.
    pub(super) fn named_or_quantity(&mut self) -> Result<Node, MathError> {
        let saved = self.at;
        if let Some(name) = self.function_name() {
            if self.operator() == Some(Operator::Equal) {
                return Ok(plain(Expr::Variable(name.into())));
            }
            self.at = saved;
        }
        self.quantity()
    }

    /// Takes `f(x)` or `f^{-1}(x)`.
    fn function_name(&mut self) -> Option<String> {
        let Some(&Token::Letter(function)) = self.peek() else { return None };
        self.at += 1;
        let inverse = [Token::Symbol('^'), Token::Symbol('{'), Token::Symbol('-'), Token::Number("1".into()), Token::Symbol('}')];
        let has_inverse = inverse.iter().enumerate().all(|(ahead, token)| self.peek_at(ahead) == Some(token));
        self.at += if has_inverse { inverse.len() } else { 0 };
        let (Some(Token::Symbol('(')), Some(&Token::Letter(argument)), Some(Token::Symbol(')'))) =
            (self.peek(), self.peek_at(1), self.peek_at(2))
        else {
            let named = FUNCTION_NAMES.contains(&function).then(|| self.arguments_before_equals()).flatten();
            if named.is_none() {
                self.at -= 1 + if has_inverse { inverse.len() } else { 0 };
            }
            return named.map(|arguments| format!("{function}{}{arguments}", if has_inverse { "^-1" } else { "" }));
        };
        self.at += 3;
        Some(format!("{function}{}({argument})", if has_inverse { "^-1" } else { "" }))
    }

    /// Takes arguments such as `(2)` or `(A \mid B)`, as they are written, where an equals sign follows.
    fn arguments_before_equals(&mut self) -> Option<String> {
        let mut depth = 0_usize;
        for ahead in 0..MAX_ARGUMENT_TOKENS {
            match self.peek_at(ahead)? {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth = depth.checked_sub(1)?,
                Token::Symbol('=') => return None,
                _ => {}
            }
            if depth == 0 {
                let ends = ahead > 0 && self.peek_at(ahead + 1) == Some(&Token::Symbol('='));
                let written = || (0..=ahead).filter_map(|at| self.peek_at(at)).map(Token::written).collect();
                let arguments: Option<String> = ends.then(written);
                self.at += if ends { ahead + 1 } else { 0 };
                return arguments;
            }
        }
        None
    }

    fn quantity(&mut self) -> Result<Node, MathError> {
        (self.unit, self.signs, self.tied) = (None, 0, false);
        let mut expr = self.sum()?;
        while let Some(Token::Text(text)) = self.peek() {
            if is_joint(text) {
                break;
            }
            expr = self.suffix(expr)?;
        }
        Ok(Node::Quantity(Quantity { expr, unit: self.unit.take(), signs: self.signs, tied: self.tied }))
    }

    /// Applies the text after an expression: a unit, a factor, or per cent.
    fn suffix(&mut self, expr: Expr) -> Result<Expr, MathError> {
        let start = self.at;
        let text = self.unit_text();
        let error = self.no_unit(start);
        let (first, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let factor = match (unit::suffix(&text), unit::suffix(first)) {
            (Suffix::Factor(factor), _) => factor,
            (_, Suffix::Factor(factor)) => {
                let unit = unit::unit(rest).ok_or_else(|| error.clone())?;
                self.set_unit(Some(unit)).ok_or(error)?;
                factor
            }
            (Suffix::Unit(unit), _) => {
                self.set_unit(unit).ok_or(error)?;
                return Ok(expr);
            }
            (Suffix::Percent, _) => return Ok(Expr::Percent(Box::new(expr))),
            (Suffix::Other, _) => return Err(error),
        };
        let factor = BigRational::from_integer(factor.into());
        Ok(match expr {
            Expr::Number(number) => Expr::Number(number * factor),
            other => Expr::Product(vec![other, Expr::Number(factor)]),
        })
    }

    /// The error for a text that changes the number, or may.
    fn no_unit(&self, start: usize) -> MathError {
        let (what, at) = self.lexemes.get(start).map_or_else(Default::default, |lexeme| (lexeme.token.describe(), lexeme.at));
        MathError::Unexpected { what: format!("{what} after a number (no known unit, or a second one)"), at }
    }

    /// A unit that agrees with the one there is; degrees may be refined, as to degrees Celsius.
    pub(super) fn set_unit(&mut self, unit: Option<String>) -> Option<()> {
        let Some(unit) = unit else { return Some(()) };
        match &self.unit {
            Some(known) if *known == unit => {}
            Some(known) if known == "degree" => self.unit = Some(format!("degree {unit}")),
            Some(_) => return None,
            None => self.unit = Some(unit),
        }
        Some(())
    }

    /// Takes the texts that make one unit, with powers and `/` between them.
    fn unit_text(&mut self) -> String {
        let mut text = String::new();
        loop {
            match (self.peek(), self.peek_at(1)) {
                (Some(Token::Text(part)), _) if text.is_empty() || !is_joint(part) => {
                    let separate = !text.is_empty() && !text.ends_with('/');
                    text.push_str(if separate { " " } else { "" });
                    text.push_str(part.trim());
                    self.at += 1;
                }
                (Some(Token::Symbol('/')), Some(Token::Text(_))) => {
                    text.push('/');
                    self.at += 1;
                }
                (Some(Token::Symbol('^')), Some(_)) => match self.small_exponent() {
                    Some(exponent) => text.push_str(exponent),
                    None => return text,
                },
                _ => return text,
            }
        }
    }

    /// Takes `^2` or `^{3}`.
    fn small_exponent(&mut self) -> Option<&'static str> {
        let braced = usize::from(self.peek_at(1) == Some(&Token::Symbol('{')));
        let exponent = match self.peek_at(1 + braced) {
            Some(Token::Number(digits)) if digits == "2" => "^2",
            Some(Token::Number(digits)) if digits == "3" => "^3",
            _ => return None,
        };
        self.at += 2 + 2 * braced;
        Some(exponent)
    }
}

/// A quantity without a unit.
pub(super) fn plain(expr: Expr) -> Node {
    Node::Quantity(Quantity { expr, unit: None, signs: 0, tied: false })
}

/// Whether a text joins two items.
fn is_joint(text: &str) -> bool {
    matches!(text.trim().trim_matches(',').trim(), "or" | "and" | "")
}

/// A variable by its name.
pub(super) fn variable(name: impl Into<Arc<str>>) -> Expr {
    Expr::Variable(name.into())
}
