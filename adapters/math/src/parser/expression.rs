//! Sums, products and powers. An omitted sign of multiplication binds like a written one, so `1/2x` is half of `x`.

use num_rational::BigRational;
use num_traits::One;

use super::{MAX_DIVISIONS, Parser, call, quantity::variable};
use crate::{
    ast::{Expr, Function},
    error::MathError,
    names, numeral,
    token::Token,
};

/// Signs with two values in one quantity: each doubles the values.
const MAX_SIGNS: usize = 3;

/// Names that are usually those of functions.
pub(super) const FUNCTION_NAMES: [char; 6] = ['f', 'g', 'h', 'F', 'G', 'P'];

impl Parser<'_, '_> {
    /// Terms with signs between them.
    pub(super) fn sum(&mut self) -> Result<Expr, MathError> {
        let mut terms = vec![self.signed_term()?];
        while matches!(self.peek(), Some(Token::Symbol('+' | '-') | Token::Command("pm" | "mp"))) {
            terms.push(self.signed_term()?);
        }
        match terms.pop() {
            Some(only) if terms.is_empty() => Ok(only),
            last => Ok(Expr::Sum(terms.into_iter().chain(last).collect())),
        }
    }

    /// A product with the signs before it.
    fn signed_term(&mut self) -> Result<Expr, MathError> {
        let mut negative = false;
        let mut sign = None;
        loop {
            if self.take_symbol('-') {
                negative = !negative;
            } else if let Some(&Token::Command(name @ ("pm" | "mp"))) = self.peek() {
                self.at += 1;
                sign = Some(self.sign(name == "mp", sign.is_some())?);
            } else if !self.take_symbol('+') {
                break;
            }
        }
        let term = self.product()?;
        let term = match sign {
            Some(sign) => Expr::Product(vec![sign, term]),
            None => term,
        };
        Ok(if negative { Expr::Negative(Box::new(term)) } else { term })
    }

    /// A sign that stands for two values.
    fn sign(&mut self, lower: bool, repeated: bool) -> Result<Expr, MathError> {
        if repeated || self.signs >= MAX_SIGNS {
            return Err(self.misplaced("another `\\pm`"));
        }
        self.tied |= lower;
        self.signs += 1;
        Ok(Expr::Sign { index: self.signs - 1, lower })
    }

    /// Factors and divisors, from left to right.
    fn product(&mut self) -> Result<Expr, MathError> {
        let mut product = self.operand()?;
        let mut divided = false;
        loop {
            if self.take_product_sign() {
                product = times(product, self.negated_operand()?);
            } else if self.takes_division() {
                let divisor = self.negated_operand()?;
                self.divisions += usize::from(std::mem::replace(&mut divided, true));
                if self.divisions > MAX_DIVISIONS {
                    return Err(MathError::TooLarge { what: "too many divisions in one product" });
                }
                product = Expr::Quotient(Box::new(product), Box::new(divisor));
            } else if self.starts_factor() {
                if self.runs_together() {
                    return Err(self.unexpected());
                }
                product = times(product, self.factor()?);
            } else {
                return Ok(product);
            }
        }
    }

    /// Whether what stands here looks like digits or a sum that go on: `{2}{3}`, `5{0}`, `x2`, `5\%6`, `x{-2}`; digits in `0.(3)` and `0.1(6)` may repeat.
    pub(super) fn runs_together(&self) -> bool {
        let braces = self.braces_here();
        let digits = match self.peek_at(braces) {
            Some(Token::Symbol('+' | '-')) => return true,
            token => matches!(token, Some(Token::Number(_))),
        };
        match self.previous() {
            Some(Token::Symbol('%')) => true,
            Some(Token::Letter(_) | Token::Symbol('}' | '!') | Token::Command("circ" | "degree")) => digits,
            Some(Token::Number(number)) => {
                let repeated =
                    number.contains('.') && self.is_argument_here() && matches!(self.peek_at(1), Some(Token::Number(_)));
                digits || number.ends_with('.') || repeated
            }
            _ => false,
        }
    }

    /// Opening braces here, which are not seen.
    fn braces_here(&self) -> usize {
        (0..).take_while(|&ahead| self.peek_at(ahead) == Some(&Token::Symbol('{'))).count()
    }

    /// Whether one number or letter in parentheses stands here, as a function has it.
    fn is_argument_here(&self) -> bool {
        let sign = usize::from(self.peek_at(1) == Some(&Token::Symbol('-')));
        self.peek() == Some(&Token::Symbol('('))
            && matches!(self.peek_at(1 + sign), Some(Token::Number(_) | Token::Letter(_)))
            && self.peek_at(2 + sign) == Some(&Token::Symbol(')'))
    }

    fn take_product_sign(&mut self) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol('*') | Token::Command("cdot" | "times" | "ast")));
        self.at += usize::from(found);
        found
    }

    /// Takes a sign of division, but not that of a unit.
    fn takes_division(&mut self) -> bool {
        let found = match self.peek() {
            Some(Token::Symbol('/')) => !matches!(self.peek_at(1), Some(Token::Text(_))),
            Some(Token::Command("div")) => true,
            _ => false,
        };
        self.at += usize::from(found);
        found
    }

    /// An operand after a sign of multiplication or division, which may have a minus of its own.
    fn negated_operand(&mut self) -> Result<Expr, MathError> {
        if self.take_symbol('-') { Ok(Expr::Negative(Box::new(self.operand()?))) } else { self.operand() }
    }

    /// A factor, or a mixed number such as `3\frac{1}{2}` or `3 1/2`.
    fn operand(&mut self) -> Result<Expr, MathError> {
        let literal = matches!(self.peek(), Some(Token::Number(_)));
        let first = self.factor()?;
        let Expr::Number(whole) = &first else { return Ok(first) };
        if !literal || !whole.is_integer() || !matches!(self.previous(), Some(Token::Number(digits)) if !digits.contains('.')) {
            return Ok(first);
        }
        let fraction = match self.peek() {
            Some(Token::Command("frac" | "dfrac" | "tfrac" | "cfrac")) => self.nested(Self::primary)?,
            Some(Token::Number(_)) if self.lexemes[self.at].spaced => self.slashed()?,
            _ => return Ok(first),
        };
        if let Expr::Quotient(over, under) = &fraction
            && let (Expr::Number(over), Expr::Number(under)) = (over.as_ref(), under.as_ref())
        {
            let proper = over < under;
            let mixed = Expr::Number(whole + if proper { over / under } else { over.clone() });
            if matches!(self.peek(), Some(Token::Symbol('!'))) || (self.peek() == Some(&Token::Symbol('^')) && !self.at_degrees())
            {
                return Err(self.misplaced("power of a mixed number (write parentheses)"));
            }
            return if proper { self.postfix(mixed) } else { Err(self.misplaced("improper fraction after a whole number")) };
        }
        Ok(times(first, self.postfix(fraction)?))
    }

    /// `1/2` of digits only.
    fn slashed(&mut self) -> Result<Expr, MathError> {
        if self.peek_at(1) != Some(&Token::Symbol('/')) || !matches!(self.peek_at(2), Some(Token::Number(_))) {
            return Err(self.unexpected());
        }
        let over = self.primary()?;
        self.at += 1;
        Ok(Expr::Quotient(Box::new(over), Box::new(self.primary()?)))
    }

    /// Whether a factor can begin here without a sign of multiplication.
    pub(super) fn starts_factor(&self) -> bool {
        match self.peek() {
            Some(Token::Number(_) | Token::Letter(_) | Token::Symbol('(' | '[' | '{')) => true,
            Some(Token::Symbol('|') | Token::Command("vert")) => self.bars == 0,
            Some(Token::Command(name)) => call::starts_factor(name) || names::is_greek(name),
            _ => false,
        }
    }

    /// A primary with its powers, factorials, percent signs and degrees.
    pub(super) fn factor(&mut self) -> Result<Expr, MathError> {
        let base = self.nested(Self::primary)?;
        let factor = self.postfix(base)?;
        let is_bare = self.previous() != Some(&Token::Symbol(')'));
        let opens = matches!(self.peek_at(self.braces_here()), Some(Token::Symbol('(' | '[')));
        if (opens && is_function_name(&factor)) || (is_bare && matches!(factor, Expr::Variable(_)) && self.is_argument_here()) {
            return Err(self.misplaced("argument of a function without a rule (write `\\cdot` for a product)"));
        }
        Ok(factor)
    }

    fn postfix(&mut self, mut base: Expr) -> Result<Expr, MathError> {
        let (mut raised, mut factorial, mut marked) = (false, false, false);
        loop {
            let marks = self.at_degrees() || self.peek() == Some(&Token::Symbol('%'));
            if marks && std::mem::replace(&mut marked, true) {
                return Err(self.misplaced("second sign for percent or degrees"));
            }
            if self.take_degrees() {
                base = self.degrees(base)?;
            } else if self.peek() == Some(&Token::Symbol('^')) && !raised {
                self.at += 1;
                raised = true;
                base = Expr::Power(Box::new(base), Box::new(self.nested(Self::exponent)?));
            } else if self.take_symbol('!') {
                if std::mem::replace(&mut factorial, true) || raised {
                    return Err(self.misplaced("factorial after a power or a factorial"));
                }
                base = Expr::Call(Function::Factorial, vec![base]);
            } else if self.take_symbol('%') {
                base = Expr::Percent(Box::new(base));
            } else {
                return Ok(base);
            }
        }
    }

    fn at_degrees(&self) -> bool {
        self.degrees_length() > 0
    }

    fn take_degrees(&mut self) -> bool {
        let length = self.degrees_length();
        self.at += length;
        length > 0
    }

    /// Tokens of `^\circ`, `^{\circ}` or `\degree`.
    fn degrees_length(&self) -> usize {
        let circle = |token| matches!(token, Some(&Token::Command("circ" | "degree")));
        match self.peek() {
            Some(Token::Command("degree")) => 1,
            Some(Token::Symbol('^')) if circle(self.peek_at(1)) => 2,
            Some(Token::Symbol('^')) if circle(self.peek_at(2)) && self.peek_at(3) == Some(&Token::Symbol('}')) => 4,
            _ => 0,
        }
    }

    fn degrees(&mut self, base: Expr) -> Result<Expr, MathError> {
        if self.angle {
            return Ok(Expr::Degrees(Box::new(base)));
        }
        let scale = match self.peek() {
            Some(Token::Letter('C')) => " c",
            Some(Token::Letter('F')) => " f",
            _ => "",
        };
        self.at += usize::from(!scale.is_empty());
        self.set_unit(Some(format!("degree{scale}"))).ok_or_else(|| self.misplaced("second unit"))?;
        Ok(base)
    }

    /// What is raised to: a group, or one token with a minus before it.
    pub(super) fn exponent(&mut self) -> Result<Expr, MathError> {
        if self.take_symbol('-') {
            return Ok(Expr::Negative(Box::new(self.nested(Self::primary)?)));
        }
        self.nested(Self::primary)
    }

    /// A number, a variable, a constant, something in brackets, or a call.
    pub(super) fn primary(&mut self) -> Result<Expr, MathError> {
        match self.peek() {
            Some(Token::Number(digits)) => {
                let number = numeral::value(digits)?;
                self.at += 1;
                Ok(Expr::Number(number))
            }
            Some(&Token::Letter(letter)) => {
                self.at += 1;
                self.letter(letter)
            }
            Some(Token::Symbol('(')) => self.bracketed(&Token::Symbol(')')),
            Some(Token::Symbol('[')) if self.groups() => self.bracketed(&Token::Symbol(']')),
            Some(Token::Symbol('{')) => self.bracketed(&Token::Symbol('}')),
            Some(Token::Symbol('|')) => self.absolute(&Token::Symbol('|')),
            Some(&Token::Command(name)) => self.command(name),
            Some(Token::Symbol('[')) => {
                Err(self.misplaced("`[` around a single term, which may be rounded down (write parentheses)"))
            }
            _ => Err(self.unexpected()),
        }
    }

    /// A variable, or `e` or `i`.
    fn letter(&mut self, letter: char) -> Result<Expr, MathError> {
        match letter {
            'e' if self.peek() != Some(&Token::Symbol('_')) => Ok(Expr::Euler),
            'i' if self.peek() != Some(&Token::Symbol('_')) => Ok(Expr::Imaginary),
            _ => self.subscripted(letter.to_string()),
        }
    }

    /// A variable with its subscript and its primes.
    pub(super) fn subscripted(&mut self, mut name: String) -> Result<Expr, MathError> {
        if self.take_symbol('_') {
            name.push('_');
            let braced = self.take_symbol('{');
            let start = self.at;
            while self.at == start || braced {
                match self.peek() {
                    Some(Token::Number(digits)) => name.push_str(digits),
                    Some(Token::Letter(letter)) => name.push(*letter),
                    Some(Token::Text(text)) => name.push_str(text.trim()),
                    Some(Token::Symbol(sign @ ('+' | '-' | ','))) if braced => name.push(*sign),
                    Some(Token::Command(command)) if names::is_greek(command) => name.push_str(command),
                    Some(Token::Symbol('}')) if braced && self.at > start => break,
                    _ => return Err(self.unexpected()),
                }
                self.at += 1;
            }
            self.at += usize::from(braced);
        }
        while self.take_symbol('\'') {
            name.push('\'');
        }
        Ok(variable(name))
    }

    /// An expression in brackets.
    pub(super) fn bracketed(&mut self, close: &Token<'_>) -> Result<Expr, MathError> {
        self.at += 1;
        let bars = std::mem::take(&mut self.bars);
        let inside = self.divided();
        self.bars = bars;
        let inside = inside?;
        self.expect(close)?;
        Ok(inside)
    }

    /// An expression, or two with `\over` or `\choose` between them.
    fn divided(&mut self) -> Result<Expr, MathError> {
        let over = self.sum()?;
        if self.take_command("over") {
            Ok(Expr::Quotient(Box::new(over), Box::new(self.sum()?)))
        } else if self.take_command("choose") {
            Ok(Expr::Call(Function::Binomial, vec![over, self.sum()?]))
        } else {
            Ok(over)
        }
    }

    /// An expression between bars.
    pub(super) fn absolute(&mut self, close: &Token<'_>) -> Result<Expr, MathError> {
        self.at += 1;
        self.bars += 1;
        let inside = self.sum();
        self.bars -= 1;
        let inside = inside?;
        self.expect(close)?;
        Ok(Expr::Call(Function::Abs, vec![inside]))
    }
}

/// Whether an expression is the name of a function, perhaps to a power as `f^{-1}`: before `(` it is not a factor.
fn is_function_name(factor: &Expr) -> bool {
    match factor {
        Expr::Variable(name) => {
            let mut letters = name.chars();
            letters.next().is_some_and(|first| FUNCTION_NAMES.contains(&first))
                && !letters.next().is_some_and(char::is_alphabetic)
        }
        Expr::Power(base, _) => is_function_name(base),
        _ => false,
    }
}

/// A product; one is left out of it.
pub(super) fn times(a: Expr, b: Expr) -> Expr {
    match (a, b) {
        (Expr::Number(one), b) if one.is_one() => b,
        (Expr::Product(mut factors), b) => {
            factors.push(b);
            Expr::Product(factors)
        }
        (a, b) => Expr::Product(vec![a, b]),
    }
}

/// A whole number.
pub(super) fn whole(number: i64) -> Expr {
    Expr::Number(BigRational::from_integer(number.into()))
}
