//! Tokens to the shape of an answer: lists, relations, unions, sets, tuples and intervals. What is in them are expressions.

mod call;
mod cursor;
mod expression;
mod quantity;

use super::{
    ast::{Joint, Node, Operator},
    clean,
    error::MathError,
    token::{Lexeme, Token},
    unit,
};

/// Levels of nesting: what people write has less than ten, and each level takes some stack.
const MAX_DEPTH: usize = 64;

/// Divisions such as the second of `1/2/3` in one answer: each nests one level, and nobody writes many.
const MAX_DIVISIONS: usize = 64;

/// Sides of one chain of relations.
const MAX_SIDES: usize = 8;

/// Parses a whole answer whose text has `length` bytes.
///
/// # Errors
/// [`MathError::Unexpected`], [`MathError::TooDeep`] or [`MathError::TooLarge`].
pub(super) fn parse(lexemes: &[Lexeme<'_>], length: usize) -> Result<Node, MathError> {
    let mut parser =
        Parser { lexemes, at: 0, length, depth: 0, divisions: 0, bars: 0, angle: false, unit: None, signs: 0, tied: false };
    let node = parser.list()?;
    if parser.at < lexemes.len() { Err(parser.unexpected()) } else { Ok(node) }
}

struct Parser<'a, 'b> {
    lexemes: &'b [Lexeme<'a>],
    at: usize,
    length: usize,
    depth: usize,
    /// Divisions after the first of a product, which nest like brackets.
    divisions: usize,
    /// Open `|` in the innermost brackets.
    bars: usize,
    /// Whether degrees are an angle here, as in the argument of a sine, and not a unit.
    angle: bool,
    /// The unit of the present quantity.
    unit: Option<String>,
    /// Signs that stand for two values in the present quantity.
    signs: usize,
    tied: bool,
}

impl Parser<'_, '_> {
    /// Items joined by commas, `and` or `or`.
    fn list(&mut self) -> Result<Node, MathError> {
        let first = self.relation()?;
        let mut items = vec![first];
        let mut joint = Joint::Comma;
        while let Some(next) = self.joint() {
            joint = if next == Joint::Comma { joint } else { next };
            items.push(self.relation()?);
        }
        Ok(match items.pop() {
            Some(only) if items.is_empty() => only,
            last => Node::List { items: items.into_iter().chain(last).collect(), joint },
        })
    }

    /// Takes what joins two items: a comma, a word, or both.
    fn joint(&mut self) -> Option<Joint> {
        let comma = self.take_symbol(',') || self.take_symbol(';');
        let word = match self.peek() {
            Some(Token::Text(text)) => match text.trim().trim_matches(',').trim() {
                "or" => Some(Joint::Or),
                "and" => Some(Joint::And),
                "" => Some(Joint::Comma),
                _ => None,
            },
            Some(Token::Command("lor" | "vee")) => Some(Joint::Or),
            Some(Token::Command("land" | "wedge")) => Some(Joint::And),
            _ => None,
        };
        self.at += usize::from(word.is_some());
        word.or(comma.then_some(Joint::Comma))
    }

    /// Sides with relations between them.
    fn relation(&mut self) -> Result<Node, MathError> {
        let mut sides = vec![self.combination()?];
        let mut operators = Vec::new();
        while let Some(operator) = self.operator() {
            self.at += 1;
            operators.push(operator);
            sides.push(self.combination()?);
            if sides.len() > MAX_SIDES {
                return Err(MathError::TooLarge { what: "a chain of relations has too many sides" });
            }
        }
        match sides.pop() {
            Some(only) if sides.is_empty() => Ok(only),
            last => Ok(Node::Relation { sides: sides.into_iter().chain(last).collect(), operators }),
        }
    }

    /// The relation that stands here, not taken.
    fn operator(&self) -> Option<Operator> {
        Some(match self.peek()? {
            Token::Symbol('=') => Operator::Equal,
            Token::Symbol('<') | Token::Command("lt") => Operator::Less,
            Token::Symbol('>') | Token::Command("gt") => Operator::Greater,
            Token::Command("le" | "leq" | "leqslant") => Operator::LessEqual,
            Token::Command("ge" | "geq" | "geqslant") => Operator::GreaterEqual,
            Token::Command("ne" | "neq") => Operator::NotEqual,
            Token::Command("approx") => Operator::Approximate,
            Token::Command("in") => Operator::In,
            _ => return None,
        })
    }

    /// Sets joined by `\cup`, or with one taken out; or numbers in a ratio.
    fn combination(&mut self) -> Result<Node, MathError> {
        let first = self.side()?;
        if matches!(self.peek(), Some(Token::Command("setminus" | "backslash"))) {
            self.at += 1;
            return Ok(Node::Difference(Box::new(first), Box::new(self.side()?)));
        }
        let mut items = vec![first];
        while self.take_command("cup") || self.take(&Token::Letter('U')) {
            items.push(self.side()?);
        }
        if items.len() > 1 {
            return Ok(Node::Union(items));
        }
        while self.take_symbol(':') || self.take_command("colon") {
            items.push(match self.minutes() {
                Some(minutes) => minutes,
                None => self.side()?,
            });
        }
        match items.pop() {
            Some(only) if items.is_empty() => Ok(only),
            last => Ok(Node::Ratio(items.into_iter().chain(last).collect())),
        }
    }

    /// Takes the minutes of `3:05` and the text after them: no number, as `3:5` is no time.
    fn minutes(&mut self) -> Option<Node> {
        let Some(Token::Number(digits)) = self.peek() else { return None };
        let digits = digits.to_string();
        if digits.len() != 2 || !digits.starts_with('0') {
            return None;
        }
        let half = match self.peek_at(1) {
            Some(Token::Text(text)) => unit::unit(text)?,
            _ => String::new(),
        };
        self.at += if half.is_empty() { 1 } else { 2 };
        Some(Node::Word(clean::word(&format!("{digits} {half}"))))
    }

    /// One set, tuple, matrix, word or quantity.
    fn side(&mut self) -> Result<Node, MathError> {
        match self.peek() {
            Some(Token::Command("{")) => self.nested(|parser| parser.set(Token::Command("}"))),
            Some(Token::Symbol('{')) if self.commas_inside() => self.nested(|parser| parser.set(Token::Symbol('}'))),
            Some(Token::Symbol(open @ ('(' | '['))) if self.peek_at(1) == Some(&Token::Command("begin")) => {
                let close = if *open == '(' { ')' } else { ']' };
                self.at += 1;
                let matrix = self.nested(Self::matrix)?;
                self.expect(&Token::Symbol(close)).map(|()| matrix)
            }
            Some(Token::Symbol('(' | '[')) if self.commas_inside() => self.nested(Self::group),
            Some(Token::Command("langle")) => self.nested(Self::angle_group),
            Some(Token::Command("begin")) => self.nested(Self::matrix),
            Some(Token::Command("emptyset" | "varnothing")) => {
                self.at += 1;
                Ok(Node::EmptySet)
            }
            Some(Token::Command("mathbb" | "mathcal")) => self.number_set(),
            Some(&Token::Based(digits, base)) => {
                self.at += 1;
                Ok(Node::Based { digits: digits.to_owned(), base })
            }
            Some(Token::Text(_)) => Ok(self.word()),
            _ => self.named_or_quantity(),
        }
    }

    /// Items with commas between them, up to but without what closes them.
    fn items(&mut self) -> Result<Vec<Node>, MathError> {
        let mut items = vec![self.relation()?];
        while self.take_symbol(',') || self.take_symbol(';') {
            items.push(self.relation()?);
        }
        Ok(items)
    }

    fn set(&mut self, close: Token<'_>) -> Result<Node, MathError> {
        self.at += 1;
        if self.take(&close) {
            return Ok(Node::EmptySet);
        }
        let items = self.items()?;
        self.expect(&close)?;
        Ok(Node::Set(items))
    }

    /// A tuple or an interval.
    fn group(&mut self) -> Result<Node, MathError> {
        let open = if self.take_symbol('(') { '(' } else { '[' };
        self.at += usize::from(open == '[');
        let items = self.items()?;
        let close = if self.take_symbol(')') { ')' } else { ']' };
        if close == ']' {
            self.expect(&Token::Symbol(']'))?;
        }
        Ok(Node::Group { open, close, items })
    }

    fn angle_group(&mut self) -> Result<Node, MathError> {
        self.at += 1;
        let items = self.items()?;
        self.expect(&Token::Command("rangle"))?;
        Ok(Node::Group { open: '⟨', close: '⟩', items })
    }

    fn matrix(&mut self) -> Result<Node, MathError> {
        self.at += 1;
        let mut rows = vec![Vec::new()];
        loop {
            let cell = self.relation()?;
            if let Some(row) = rows.last_mut() {
                row.push(cell);
            }
            if self.take_command("\\") {
                if self.take_command("end") {
                    break;
                }
                rows.push(Vec::new());
            } else if self.take_command("end") {
                break;
            } else {
                self.expect(&Token::Symbol('&'))?;
            }
        }
        let even = rows.iter().all(|row| row.len() == rows[0].len());
        if even { Ok(Node::Matrix(rows)) } else { Err(self.misplaced("row of another length in a matrix")) }
    }

    /// `\mathbb{R}`; other letters stay names.
    fn number_set(&mut self) -> Result<Node, MathError> {
        self.at += 1;
        let braced = self.take_symbol('{');
        let Some(&Token::Letter(letter)) = self.peek() else { return Err(self.unexpected()) };
        self.at += 1;
        if braced {
            self.expect(&Token::Symbol('}'))?;
        }
        Ok(if letter == 'R' { Node::Reals } else { Node::Word(format!("mathbb {letter}")) })
    }

    /// Text, and more text after it; one letter is a variable.
    fn word(&mut self) -> Node {
        let mut text = String::new();
        while let Some(Token::Text(part)) = self.peek() {
            text.push_str(part);
            text.push(' ');
            self.at += 1;
        }
        let mut letters = text.chars().filter(|c| c.is_alphanumeric());
        match (letters.next(), letters.next()) {
            (Some(letter), None) if letter.is_alphabetic() => quantity::plain(quantity::variable(letter.to_string())),
            _ => Node::Word(clean::word(&text)),
        }
    }
}
