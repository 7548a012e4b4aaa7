//! What surrounds an answer: delimiters of mathematics, a point at the end, and words that only announce it.

use super::{boxed, names};
use crate::emphasis;

/// Words before `answer` that say nothing.
const ANNOUNCING: [&str; 12] =
    ["so", "thus", "therefore", "hence", ",", "the", "our", "my", "final", "correct", "required", "and"];

/// Letters whose runs are products, such as `xy`; other runs are words.
const FACTORS: &str = "abcxyz";

/// The answer without what surrounds it, layer by layer.
pub(super) fn clean(text: &str) -> &str {
    let mut rest = strip_ends(text);
    while let Some(inner) =
        strip_emphasis(rest).or_else(|| strip_box(rest)).or_else(|| strip_announcement(rest)).or_else(|| strip_text(rest))
    {
        rest = strip_ends(inner);
    }
    rest
}

/// What Markdown emphasises, where that is all there is.
fn strip_emphasis(text: &str) -> Option<&str> {
    Some(emphasis::undressed(text)).filter(|inner| inner.len() < text.len() && !inner.is_empty())
}

/// The content of a box that is all there is.
fn strip_box(text: &str) -> Option<&str> {
    strip_group(text.strip_prefix("\\boxed{").or_else(|| text.strip_prefix("\\fbox{"))?)
}

/// The content of `\text{5 cm}`: mathematics, as it begins with a digit.
fn strip_text(text: &str) -> Option<&str> {
    strip_group(text.strip_prefix("\\text{")?).filter(|inside| inside.starts_with(|c: char| c.is_ascii_digit()))
}

/// What is before the brace that closes, where nothing follows it.
fn strip_group(inside: &str) -> Option<&str> {
    boxed::closing_brace(inside).filter(|end| end + 1 == inside.len()).map(|end| &inside[..end])
}

/// Strips white space, delimiters of mathematics, and punctuation at the end; `...` stays, as it means that more follows.
fn strip_ends(text: &str) -> &str {
    let mut rest = text.trim();
    loop {
        let mut next = rest;
        for opening in ["$", "\\(", "\\[", "~", "="] {
            next = next.strip_prefix(opening).unwrap_or(next);
        }
        for closing in ["\\,", "\\;", "\\!", "\\)", "\\]", "\\\\", "~"] {
            next = next.strip_suffix(closing).unwrap_or(next);
        }
        if let Some(shorter) = next.strip_suffix(['$', '.', ',', ';', ':', '。'])
            && !shorter.ends_with('\\')
            && !next.ends_with("..")
            && !ends_in_abbreviation(next)
        {
            next = shorter;
        }
        next = next.trim();
        if next.len() == rest.len() {
            return rest;
        }
        rest = next;
    }
}

/// `a.m.` keeps its point.
fn ends_in_abbreviation(text: &str) -> bool {
    text.ends_with(".m.")
}

/// Strips `the answer is` and the like, also where it is in `\text{...}`; None where there is no such thing, or nothing after it.
fn strip_announcement(text: &str) -> Option<&str> {
    let rest = match text.strip_prefix("\\text{") {
        Some(inside) => {
            let end = boxed::closing_brace(inside)?;
            announcement(&inside[..end])?.is_empty().then_some(&inside[end + 1..])?
        }
        None => announcement(text)?,
    };
    (!rest.trim().is_empty()).then_some(rest)
}

/// What follows an announcement, which may be emphasised: `**Final answer:** 5`.
fn announcement(text: &str) -> Option<&str> {
    let mut rest = text.trim_start_matches(['*', '_']);
    let mark = &text[..text.len() - rest.len()];
    if let Some(behind) = announcement_in_script(rest, mark) {
        return Some(behind);
    }
    while let Some(next) = ANNOUNCING.into_iter().find_map(|word| strip_word(rest, word)) {
        rest = next;
    }
    rest = strip_mark(strip_word(rest, "answer")?, mark);
    for word in ["is", "are", "equals", "=", ":"] {
        rest = strip_word(rest, word).unwrap_or(rest);
    }
    Some(strip_mark(rest, mark))
}

/// What follows `答案：` and the like.
fn announcement_in_script<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let rest = ["最终答案", "最終答案", "答案", "答え", "答", "정답"].iter().find_map(|word| text.strip_prefix(word))?;
    let rest = strip_mark(rest, mark).trim_start();
    Some(strip_mark(rest.strip_prefix([':', '是', '为', '為', 'は', '은'])?, mark).trim_start())
}

/// Strips the mark of emphasis that was opened before.
fn strip_mark<'a>(text: &'a str, mark: &str) -> &'a str {
    text.strip_prefix(mark).unwrap_or(text)
}

/// Strips a word in any case that no letter follows, and the white space after it.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let start = text.get(..word.len()).filter(|start| start.eq_ignore_ascii_case(word))?;
    let rest = &text[start.len()..];
    let ends = !word.ends_with(|c: char| c.is_alphabetic()) || !rest.starts_with(|c: char| c.is_alphanumeric());
    ends.then(|| rest.trim_start())
}

/// Whether a cleaned answer is plain words, as `even` or `no solution`, rather than names of functions or a product of letters.
pub(super) fn is_words(text: &str) -> bool {
    is_order(text) || are_words(text)
}

/// Whether a cleaned answer is a list or a sentence with words in it, as `ant, bee`, `3, none` or `Look there!`: their order counts, as that of letters
/// in a word does.
pub(super) fn is_list_of_words(text: &str) -> bool {
    const PUNCTUATION: [char; 6] = [',', '!', '?', ';', ':', '.'];
    let plain = |c: char| c.is_ascii_alphanumeric() || PUNCTUATION.contains(&c) || matches!(c, ' ' | '-' | '\'' | '"');
    let is_long =
        |item: &str| item.split([' ', '-', '\'']).any(|run| run.len() > 2 && run.contains(|c: char| c.is_ascii_lowercase()));
    let has_word =
        || text.split(PUNCTUATION).map(|item| item.trim_matches([' ', '"'])).any(|item| is_long(item) && are_words(item));
    text.contains(PUNCTUATION) && text.chars().all(plain) && has_word()
}

fn are_words(text: &str) -> bool {
    if text.len() < 2 || !text.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b' ' | b'-' | b'\'')) {
        return false;
    }
    let mut runs = text.split([' ', '-', '\'']).filter(|run| !run.is_empty()).peekable();
    let one = text.bytes().all(|byte| byte.is_ascii_alphabetic());
    if runs.clone().any(|run| names::plain(run).is_some()) || (one && is_product(text)) {
        return false;
    }
    runs.peek().is_some()
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && runs.any(|run| run.len() > 1 && run != "or" && run != "and")
}

/// Whether a text is letters in an order, as `B C A` or `B-C-A`, rather than a product or a difference.
fn is_order(text: &str) -> bool {
    let ordered = |separator: char, least: usize| {
        let mut letters = text.split(separator);
        text.len() >= 2 * least - 1 && letters.all(|letter| letter.len() == 1 && letter.as_bytes()[0].is_ascii_uppercase())
    };
    ordered(' ', 2) || ordered('-', 3)
}

/// Whether a run is a product of a few letters, each used once.
pub(super) fn is_product(run: &str) -> bool {
    run.len() <= 3 && run.chars().all(|c| FACTORS.contains(c) && run.matches(c).count() == 1)
}

/// A word in the form that is compared: in small letters, with single spaces, without quotes, parentheses and points around it.
pub(super) fn word(text: &str) -> String {
    let inner = text.trim().trim_matches(|c: char| c.is_whitespace() || matches!(c, '.' | '"' | '\'' | '`' | '(' | ')' | ','));
    let apart = inner.replace(',', ", ").replace(" ,", ",");
    let mut word = String::with_capacity(apart.len());
    for part in apart.split_whitespace() {
        if !word.is_empty() {
            word.push(' ');
        }
        word.extend(part.chars().flat_map(char::to_lowercase));
    }
    word
}
