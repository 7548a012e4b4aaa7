//! What stands around the last number of a text: whether it is only a part of something larger.

use std::ops::Range;

use num_rational::BigRational;
use num_traits::Signed;
use palinode_math::{Suffix, script, suffix};

use super::cursor::CURRENCIES;

/// Words after a number, in the singular, that are no factor and yet change it.
const CHANGING: [&str; 31] = [
    "squared",
    "cubed",
    "half",
    "halve",
    "third",
    "quarter",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "twelfth",
    "hundredth",
    "thousandth",
    "millionth",
    "billionth",
    "doubled",
    "tripled",
    "quadrupled",
    "halved",
    "pi",
    "ten",
    "twentie",
    "choose",
    "mod",
    "modulo",
    "mil",
    "mill",
    "factorial",
];
/// Words after `or` that make a bound of the number before it.
const OR_SO: [&str; 8] = ["more", "less", "fewer", "so", "greater", "higher", "lower", "thereabouts"];
/// What stands next to a number that is only a part of something larger.
const PARTS: [char; 10] = ['^', '_', '{', '}', '√', '½', '¼', '¾', '²', '³'];
/// Signs that make an operand of what follows them, whatever word stands before.
const OPERATORS: [char; 9] = ['+', '*', '×', '·', '⋅', '÷', '/', '^', '±'];
const DASHES: [char; 4] = ['-', '−', '–', '—'];
const RELATIONS: [char; 6] = ['<', '>', '!', '≤', '≥', '≠'];
/// Words that change the number after them.
const BEFORE: [&str; 30] = [
    "minus",
    "negative",
    "plus",
    "times",
    "than",
    "not",
    "isn't",
    "cannot",
    "twice",
    "thrice",
    "double",
    "triple",
    "quadruple",
    "halve",
    "log",
    "ln",
    "lg",
    "sqrt",
    "cbrt",
    "exp",
    "sin",
    "cos",
    "tan",
    "sine",
    "cosine",
    "tangent",
    "root",
    "choose",
    "factorial",
    "half",
];
/// Words of which the number after them is a name, as in `10 is the answer to question 3`.
const NAMED: [&str; 5] = ["question", "problem", "exercise", "equation", "example"];
/// Words that make a bound or a guess of the number after them, where nothing but an announcement stands before.
const BOUNDS: [&str; 22] = [
    "least",
    "most",
    "about",
    "around",
    "approximately",
    "approx",
    "roughly",
    "nearly",
    "almost",
    "over",
    "under",
    "above",
    "below",
    "exceeds",
    "exceeding",
    "to",
    "maximum",
    "minimum",
    "beyond",
    "within",
    "max",
    "min",
];
/// Words that announce an answer.
const ANNOUNCING: [&str; 8] = ["is", "answer", "be", "was", "so", "thus", "therefore", "equals"];
/// Words that join a number to one before it.
const JOINING: [&str; 14] = ["or", "to", "and", "of", "over", "by", "x", "less", "mod", "per", "into", "in", "choose", "permute"];
/// Words between `of` and a number.
const DETERMINERS: [&str; 10] = ["the", "every", "each", "all", "those", "these", "his", "her", "their", "remaining"];
/// Shares and functions, of which the number after `of` is the whole or the argument.
const SHARES: [&str; 32] = [
    "half",
    "third",
    "thirds",
    "quarter",
    "quarters",
    "percent",
    "fourth",
    "fourths",
    "fifth",
    "fifths",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "tenths",
    "root",
    "square",
    "cube",
    "power",
    "logarithm",
    "log",
    "double",
    "triple",
    "multiple",
    "factorial",
    "reciprocal",
    "inverse",
    "opposite",
    "negative",
    "out",
    "fraction",
];
/// Numbers in words, where they are joined to one in digits.
const IN_WORDS: [&str; 12] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "half", "dozen"];
/// Units that come in several, as in `5 feet 10 inches`; in the singular.
const MEASURES: [&str; 52] = [
    "dollar",
    "buck",
    "euro",
    "cent",
    "pound",
    "hour",
    "hr",
    "h",
    "minute",
    "min",
    "second",
    "sec",
    "day",
    "week",
    "month",
    "year",
    "yr",
    "foot",
    "feet",
    "ft",
    "inch",
    "inche",
    "in",
    "yard",
    "yd",
    "mile",
    "mi",
    "km",
    "m",
    "cm",
    "mm",
    "meter",
    "metre",
    "kilometer",
    "kg",
    "kilogram",
    "g",
    "gram",
    "lb",
    "ounce",
    "oz",
    "quart",
    "pint",
    "cup",
    "gallon",
    "liter",
    "litre",
    "degree",
    "hundred",
    "thousand",
    "million",
    "billion",
];
/// Lone letters after a number that may be factors or powers of ten.
const LONE: [&str; 9] = ["k", "K", "M", "B", "x", "y", "z", "n", "X"];

/// Whether the number at `place` is only a part of something larger, such as `2^5`, `5 million`, `20 - 2`, `1, 2, 3` or `f(5)`.
pub(super) fn is_part(text: &str, place: &Range<usize>, value: &BigRational) -> bool {
    let (written, after) = (&text[place.clone()], &text[place.end..]);
    // A sign that takes away is an operator before the number.
    let signed = written.trim_start().starts_with(DASHES) && value.is_negative();
    let number =
        if signed { written } else { written.trim_start_matches(|c: char| DASHES.contains(&c) || c == '+' || c.is_whitespace()) };
    let before = &text[..place.end - number.len()];
    is_changed(before, number, after)
        || is_operand(before)
        || is_continued(after)
        || is_listed(text, before, after)
        || is_rest(before)
        || is_bounded(before, after)
}

/// Whether a number is the smaller part of an amount in several units, as in `5 feet 10 inches`, `2 dollars 50` and `2 eggs and 3 rolls`.
fn is_rest(before: &str) -> bool {
    let spaces = |c: char| matches!(c, ' ' | '\u{a0}' | ',' | '&') || CURRENCIES.contains(&c);
    let rest = before.trim_end_matches(spaces);
    let joined = rest.strip_suffix("and").filter(|ahead| ahead.ends_with(' '));
    let rest = joined.unwrap_or(rest).trim_end_matches(spaces);
    let word = last_word(rest);
    let lower = word.to_lowercase();
    let measure = [lower.as_str(), lower.strip_suffix('s').unwrap_or(&lower)].iter().any(|word| MEASURES.contains(word));
    let ahead = rest[..rest.len() - word.len()].trim_end_matches([' ', '\u{a0}']);
    let number = last_word(ahead).to_lowercase();
    let one = measure && matches!(number.as_str(), "a" | "an");
    let counted = ends_in_number(ahead) || one || IN_WORDS.contains(&number.as_str());
    !word.is_empty() && counted && (measure || joined.is_some())
}

/// Whether a number only bounds the answer: `at least 5` as all of it, `5 or more`, `10 < x`, `(10, y)`.
fn is_bounded(before: &str, after: &str) -> bool {
    let ahead = before.trim_end_matches(|c: char| c == ' ' || CURRENCIES.contains(&c));
    let word = last_word(ahead);
    let lower = word.to_lowercase();
    let announced = ahead[..ahead.len() - word.len()].trim_end();
    let announced = ["at", "up", "close", "a", "an", "the"]
        .iter()
        .find_map(|word| announced.strip_suffix(word).filter(|rest| rest.is_empty() || rest.ends_with([' ', ':', '\n'])))
        .unwrap_or(announced)
        .trim_end();
    let alone = announced.is_empty()
        || announced.ends_with([':', '=', '\n'])
        || ANNOUNCING.contains(&last_word(announced).to_lowercase().as_str());
    let mut behind = after.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let alternative =
        after.starts_with(' ') && behind.next() == Some("or") && behind.next().is_some_and(|word| OR_SO.contains(&word));
    let pair = ahead.ends_with(['(', '[', '{']) && after.trim_start().starts_with([',', ';']);
    let mut said = after.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let is_it = after.starts_with(' ') && matches!(said.next(), Some("is" | "was"));
    let denied = is_it && matches!(said.next(), Some("wrong" | "incorrect" | "not" | "too" | "false"));
    denied || BOUNDS.contains(&lower.as_str()) && alone || alternative || pair || is_related(after)
}

/// Whether a relation to something else follows, and no tag or quotation.
fn is_related(after: &str) -> bool {
    let line = after.trim_start_matches([' ', '\u{a0}', '$']);
    let Some(sign) = line.chars().next().filter(|sign| matches!(sign, '<' | '>' | '≤' | '≥' | '≠')) else { return false };
    let other = line[sign.len_utf8()..].trim_start_matches(['=', ' ']);
    let tag = sign == '<' && (other.starts_with(['/', '|']) || word_at(other).len() > 1 || other.contains('>'));
    !tag && other.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '(' | '\\'))
}

/// Whether words or signs at either side change the number.
fn is_changed(before: &str, number: &str, after: &str) -> bool {
    let word = word_at(after.trim_start());
    let next = word.to_lowercase();
    let single = next.strip_suffix('s').unwrap_or(&next);
    let multiplied =
        [next.as_str(), single].iter().any(|word| matches!(suffix(word), Suffix::Factor(_)) || CHANGING.contains(word));
    let touches = !next.is_empty() && after.starts_with(char::is_alphabetic);
    let attached = touches && suffix(&next) == Suffix::Other && !is_ordinal(number, word, &after[word.len()..]);
    let lone = !touches && LONE.contains(&word);
    let beside = script::changes_number_before(after) || script::changes_number_behind(before);
    multiplied || attached || lone || beside || before.ends_with(PARTS) || after.starts_with(PARTS)
}

/// Whether letters make an ordinal of a number: `21st`, `12th`; `5th of` may be a share.
fn is_ordinal(number: &str, letters: &str, rest: &str) -> bool {
    let teen = ["11", "12", "13"].iter().any(|end| number.ends_with(end));
    let expected = match number.chars().last() {
        Some('1') if !teen => "st",
        Some('2') if !teen => "nd",
        Some('3') if !teen => "rd",
        Some('0'..='9') => "th",
        _ => return false,
    };
    letters == expected && !number.contains(['/', '.']) && word_at(rest.trim_start()) != "of"
}

/// Whether an operator or a word before a number makes an operand of it.
pub(super) fn is_operand(before: &str) -> bool {
    // `f(5)` and `log2(8)`
    if let Some(name) = before.strip_suffix(['(', '[']) {
        let start = name.trim_end_matches(|c: char| is_letter(c) || c.is_ascii_digit()).len();
        if name[start..].contains(is_letter) {
            return true;
        }
    }
    let opening = |c: char| matches!(c, '(' | '[' | '{' | ' ' | '\u{a0}') || CURRENCIES.contains(&c);
    let before = before.trim_end_matches(opening);
    // `>=` and `!=`, but not the `=` before a result.
    let before = before.strip_suffix('=').filter(|rest| rest.ends_with(['<', '>', '!'])).unwrap_or(before);
    let Some(sign) = before.chars().next_back() else { return false };
    let rest = before[..before.len() - sign.len_utf8()].trim_end_matches([' ', '\u{a0}', '$', '*']);
    if OPERATORS.contains(&sign) {
        return rest.ends_with(|c| is_letter(c) || is_end(c));
    }
    if RELATIONS.contains(&sign) {
        // The head of an arrow relates nothing, and neither does the end of a tag such as `<answer>`.
        let tag = rest
            .rsplit_once('<')
            .is_some_and(|(_, name)| name.trim_start_matches('/').chars().all(|c| c.is_ascii_alphanumeric()));
        return rest.ends_with(|c| is_letter(c) || is_end(c)) && !tag && !before.ends_with("->") && !before.ends_with("=>");
    }
    if DASHES.contains(&sign) {
        return ends_in_operand(rest);
    }
    if sign == ':' {
        return before.ends_with(" :") && rest.ends_with(is_end);
    }
    let word = last_word(before);
    let lower = word.to_lowercase();
    let ahead = before[..before.len() - word.len()].trim_end_matches([' ', '(', ',', '$']);
    if DETERMINERS.contains(&lower.as_str()) && ahead.ends_with("of") {
        return is_operand(ahead);
    }
    if matches!(lower.as_str(), "exactly" | "quite" | "only" | "just") {
        return matches!(last_word(ahead).to_lowercase().as_str(), "not" | "isn't" | "wasn't");
    }
    let counted = || IN_WORDS.contains(&last_word(ahead).to_lowercase().as_str());
    BEFORE.contains(&lower.as_str())
        || NAMED.contains(&lower.as_str())
        || JOINING.contains(&lower.as_str()) && ends_in_number(ahead)
        || matches!(lower.as_str(), "in" | "of" | "out") && counted()
        || lower == "of" && (SHARES.contains(&last_word(ahead).to_lowercase().as_str()) || ahead.ends_with('%'))
        || matches!(lower.as_str(), "by" | "into") && matches!(last_word(ahead), "divided" | "multiplied")
}

/// Whether what stands before a dash can have something taken from it: a number, perhaps with its unit, a lone letter, or what is in brackets.
fn ends_in_operand(text: &str) -> bool {
    let word = last_word(text);
    let ahead = text[..text.len() - word.len()].trim_end_matches([' ', '$']);
    text.ends_with(is_end) || word.chars().count() == 1 && !matches!(word, "a" | "I") || !word.is_empty() && ends_in_number(ahead)
}

/// Whether an operator after a number goes on with it: `5 + x`, `5 - x`, `5(x + 1)`, `5/n`.
fn is_continued(after: &str) -> bool {
    let line = after.trim_start_matches([' ', '\u{a0}', '$']);
    let Some(sign) = line.chars().next() else { return false };
    let operand = line[sign.len_utf8()..].trim_start_matches([' ', '$']);
    let (word, bracket) = (word_at(operand), operand.starts_with(['(', '√', '\\']));
    let lone = word.chars().count() == 1 && !matches!(word, "a" | "I");
    match sign {
        '/' => bracket || lone && suffix(word) == Suffix::Other,
        '(' => after.starts_with('(') && lone,
        _ if OPERATORS.contains(&sign) => bracket || !word.is_empty(),
        _ => DASHES.contains(&sign) && lone,
    }
}

/// Whether a number is one of several: in a row with others, or in a text that is nothing but numbers.
fn is_listed(text: &str, before: &str, after: &str) -> bool {
    let spaces = |c: char| matches!(c, ' ' | '\t' | '|' | '\u{a0}');
    let row = before.trim_end_matches(spaces);
    // `B=7, D=3` gives several too.
    let unnamed = row
        .strip_suffix('=')
        .map(|named| named.trim_end_matches(spaces))
        .map(|named| &named[..named.len() - last_word(named).len()]);
    let row = unnamed.map_or(row, |row| row.trim_end_matches(spaces));
    let ends = |text: &str| text.ends_with(|c: char| c.is_ascii_digit());
    let beside = unnamed.is_none() && row.len() < before.len() && ends(row);
    let comma = row.strip_suffix([',', ';']).is_some_and(|row| ends(row.trim_end_matches(spaces)));
    let last = after.trim_start_matches(spaces).chars().next().is_none_or(|c| !c.is_alphanumeric());
    let words = text.contains(|c: char| c.is_alphabetic() || matches!(c, '=' | '≈' | '→' | ':'));
    beside || comma && last || !words && before.contains(|c: char| c.is_ascii_digit())
}

/// The letters at the start of a text, of scripts with spaces.
fn word_at(text: &str) -> &str {
    &text[..text.find(|c| !is_letter(c)).unwrap_or(text.len())]
}

/// The letters at the end of a text, with an apostrophe among them.
fn last_word(text: &str) -> &str {
    let start = text.trim_end_matches(|c| is_letter(c) || c == '\'');
    &text[start.len()..]
}

fn ends_in_number(text: &str) -> bool {
    text.ends_with(is_end)
}

/// Whether a term can end in this.
fn is_end(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, ')' | ']' | '}' | '%' | '°' | '²' | '³' | '½')
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !script::stands_beside(c)
}
