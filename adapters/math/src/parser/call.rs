//! Commands in an expression: fractions, roots, functions and constants.

use super::{
    Parser,
    expression::{times, whole},
    quantity::variable,
};
use crate::{
    ast::{Expr, Function},
    error::MathError,
    names,
    token::Token,
};

/// The largest index of a root with digits.
const MAX_INDEX: u32 = 64;

impl Parser<'_, '_> {
    /// What a command begins.
    pub(super) fn command(&mut self, name: &str) -> Result<Expr, MathError> {
        let error = self.unexpected();
        match name {
            "lfloor" => return self.enclosed(Function::Floor, "rfloor"),
            "lceil" => return self.enclosed(Function::Ceil, "rceil"),
            "lvert" => return self.absolute(&Token::Command("rvert")),
            "vert" => return self.absolute(&Token::Command("vert")),
            _ => self.at += 1,
        }
        match name {
            "pi" => Ok(Expr::Pi),
            "infty" => Ok(Expr::Infinity),
            "$" => {
                self.set_unit(Some("dollar".to_owned())).ok_or(error)?;
                self.nested(Self::primary)
            }
            "frac" | "dfrac" | "tfrac" | "cfrac" => self.fraction(),
            "binom" | "dbinom" | "tbinom" => {
                let (over, under) = self.two_arguments()?;
                Ok(Expr::Call(Function::Binomial, vec![over, under]))
            }
            "sqrt" => self.root(),
            "angle" | "triangle" | "overline" => self.figure(name).ok_or(error),
            _ if names::is_greek(name) => self.subscripted(name.to_owned()),
            _ => match function(name) {
                Some(function) => self.call(function),
                None => Err(error),
            },
        }
    }

    fn enclosed(&mut self, function: Function, close: &str) -> Result<Expr, MathError> {
        Ok(Expr::Call(function, vec![self.bracketed(&Token::Command(close))?]))
    }

    fn fraction(&mut self) -> Result<Expr, MathError> {
        let (over, under) = self.two_arguments()?;
        Ok(Expr::Quotient(Box::new(over), Box::new(under)))
    }

    /// Two arguments; `12` without braces is `1` and `2`.
    fn two_arguments(&mut self) -> Result<(Expr, Expr), MathError> {
        if let Some(Token::Number(digits)) = self.peek()
            && digits.len() == 2
            && let [over, under] = *digits.as_bytes()
            && over.is_ascii_digit()
            && under.is_ascii_digit()
        {
            self.at += 1;
            return Ok((whole(i64::from(over - b'0')), whole(i64::from(under - b'0'))));
        }
        Ok((self.argument()?, self.argument()?))
    }

    /// A group in braces, or one token. Two digits without braces are not one token, and what was meant is not clear.
    fn argument(&mut self) -> Result<Expr, MathError> {
        match self.peek() {
            Some(Token::Number(digits)) if digits.len() > 1 => Err(self.unexpected()),
            Some(Token::Number(_) | Token::Letter(_) | Token::Command(_) | Token::Symbol('{')) => self.nested(Self::primary),
            _ => Err(self.unexpected()),
        }
    }

    /// A figure by its points, as `\angle ABC` and `\overline{AB}`: a name.
    fn figure(&mut self, kind: &str) -> Option<Expr> {
        let braced = self.take_symbol('{');
        let mut name = format!("{kind} ");
        while let Some(&Token::Letter(point)) = self.peek()
            && point.is_ascii_uppercase()
        {
            name.push(point);
            self.at += 1;
        }
        let points = name.len() - kind.len() - 1;
        let closed = !braced || self.take_symbol('}');
        // One letter below a bar is a complex number's conjugate.
        let plausible = if kind == "overline" { points == 2 } else { (1..=4).contains(&points) };
        (closed && plausible).then(|| variable(name))
    }

    fn root(&mut self) -> Result<Expr, MathError> {
        let mut index = 2;
        if self.take_symbol('[') {
            let Some(Token::Number(digits)) = self.peek() else { return Err(self.unexpected()) };
            let known = digits.parse().ok().filter(|index| (2..=MAX_INDEX).contains(index));
            index = known.ok_or_else(|| self.unexpected())?;
            self.at += 1;
            self.expect(&Token::Symbol(']'))?;
        }
        let round = self.peek() == Some(&Token::Symbol('('));
        let radicand = if round { self.nested(Self::primary)? } else { self.argument()? };
        Ok(Expr::Root(Box::new(radicand), index))
    }

    /// A function with its power, its base and its arguments.
    fn call(&mut self, function: Function) -> Result<Expr, MathError> {
        let base = if function == Function::Log { Some(self.log_base()?) } else { None };
        let power = if self.take_symbol('^') { Some(self.nested(Self::exponent)?) } else { None };
        let angle = std::mem::replace(&mut self.angle, is_trigonometric(function));
        let arguments = self.nested(|parser| parser.arguments(function));
        self.angle = angle;
        let mut arguments = arguments?;
        arguments.extend(base);
        match power {
            None => Ok(Expr::Call(function, arguments)),
            Some(power) if is_minus_one(&power) => match inverse(function) {
                Some(function) => Ok(Expr::Call(function, arguments)),
                None => Err(self.misplaced("power -1 of a function")),
            },
            Some(power) => Ok(Expr::Power(Box::new(Expr::Call(function, arguments)), Box::new(power))),
        }
    }

    /// The subscript of a logarithm, or ten.
    fn log_base(&mut self) -> Result<Expr, MathError> {
        if self.take_symbol('_') { self.argument() } else { Ok(whole(10)) }
    }

    /// Arguments in brackets, or one without: a product up to the next sign or function.
    fn arguments(&mut self, function: Function) -> Result<Vec<Expr>, MathError> {
        if matches!(function, Function::Gcd | Function::Lcm) {
            return self.several();
        }
        let braced = self.peek() == Some(&Token::Symbol('{'));
        if braced || matches!(self.peek(), Some(Token::Symbol('(' | '['))) {
            let argument = self.primary()?;
            // Braces are not seen: `\sin{x}^2` looks like the sine of a square.
            let unclear = matches!(self.peek(), Some(Token::Symbol('^' | '!') | Token::Number(_) | Token::Letter(_)));
            return if braced && unclear {
                Err(self.misplaced("continuation of an argument in braces (write parentheses)"))
            } else {
                Ok(vec![argument])
            };
        }
        let negative = self.take_symbol('-');
        let mut argument = self.factor()?;
        while self.starts_factor() && !matches!(self.peek(), Some(Token::Command(name)) if starts_call(name)) {
            if self.runs_together() {
                return Err(self.unexpected());
            }
            argument = times(argument, self.factor()?);
        }
        if self.peek() == Some(&Token::Symbol('/')) {
            return Err(self.misplaced("division after an argument without parentheses"));
        }
        Ok(vec![if negative { Expr::Negative(Box::new(argument)) } else { argument }])
    }

    /// Arguments with commas between them.
    fn several(&mut self) -> Result<Vec<Expr>, MathError> {
        self.expect(&Token::Symbol('('))?;
        let mut arguments = vec![self.sum()?];
        while self.take_symbol(',') {
            arguments.push(self.sum()?);
        }
        self.expect(&Token::Symbol(')'))?;
        Ok(arguments)
    }
}

/// Whether a command begins a factor.
pub(super) fn starts_factor(name: &str) -> bool {
    matches!(name, "pi" | "infty" | "frac" | "dfrac" | "tfrac" | "cfrac" | "binom" | "dbinom" | "tbinom" | "sqrt")
        || matches!(name, "lfloor" | "lceil" | "lvert" | "angle" | "triangle" | "overline")
        || starts_call(name)
}

fn starts_call(name: &str) -> bool {
    function(name).is_some()
}

fn function(name: &str) -> Option<Function> {
    Some(match name {
        "sin" => Function::Sin,
        "cos" => Function::Cos,
        "tan" => Function::Tan,
        "cot" => Function::Cot,
        "sec" => Function::Sec,
        "csc" => Function::Csc,
        "arcsin" => Function::Arcsin,
        "arccos" => Function::Arccos,
        "arctan" => Function::Arctan,
        "sinh" => Function::Sinh,
        "cosh" => Function::Cosh,
        "tanh" => Function::Tanh,
        "exp" => Function::Exp,
        "ln" => Function::Ln,
        "log" => Function::Log,
        "gcd" => Function::Gcd,
        "lcm" => Function::Lcm,
        _ => return None,
    })
}

fn is_trigonometric(function: Function) -> bool {
    matches!(function, Function::Sin | Function::Cos | Function::Tan | Function::Cot | Function::Sec | Function::Csc)
}

fn inverse(function: Function) -> Option<Function> {
    match function {
        Function::Sin => Some(Function::Arcsin),
        Function::Cos => Some(Function::Arccos),
        Function::Tan => Some(Function::Arctan),
        _ => None,
    }
}

fn is_minus_one(power: &Expr) -> bool {
    matches!(power, Expr::Negative(one) if matches!(one.as_ref(), Expr::Number(number) if *number == num_traits::One::one()))
}
