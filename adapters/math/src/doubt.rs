//! What stands around an answer that is marked as one: words that deny it, take it back, or offer another.

use std::ops::Range;

/// Why the marked answer at `place` in a text is not the one that it gives; `other` is where the marked answer before it ends.
pub fn doubt(text: &str, other: Option<usize>, place: Range<usize>) -> Option<&'static str> {
    let (before, after) = (&text[..place.start], &text[place.end..]);
    if words(clause_before(before)).rev().take(NEAR).any(|word| DENYING.contains(&word.as_str()))
        || ends_in_unequal(before)
        || is_disbelieved(clause_before(before))
    {
        return Some("the marked answer stands after a word that denies it");
    }
    if is_denied(after) {
        return Some("the marked answer is taken back, or another one is offered");
    }
    let joined = other.is_some_and(|end| joins(&before[end..]));
    joined.then_some("two marked answers are joined by `or`, `and` or a comma")
}

/// Words before an answer, in its clause, among which a denial counts.
const NEAR: usize = 3;
/// Words between two answers of one sentence among which `or` and `and` join them.
const BETWEEN: usize = 8;
/// Words that deny what follows them.
const DENYING: [&str; 12] =
    ["not", "never", "isn't", "isnt", "aren't", "wasn't", "cannot", "can't", "than", "neither", "nor", "unlike"];
/// Words that take back what stands before them.
const WRONG: [&str; 6] = ["wrong", "incorrect", "false", "mistaken", "impossible", "invalid"];
/// Words after `not` that make a denial of it.
const RIGHT: [&str; 8] = ["right", "correct", "true", "valid", "the", "possible", "it", "so"];

/// The words of a text in small letters, without the names of commands.
fn words(text: &str) -> impl DoubleEndedIterator<Item = String> + '_ {
    let parts = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '’' | '\\')));
    let plain = parts.filter(|word| !word.is_empty() && (!word.starts_with('\\') || matches!(*word, "\\lor" | "\\land")));
    plain.map(|word| word.trim_start_matches("\\l").to_lowercase().replace('’', "'"))
}

/// What stands before an answer in its clause.
fn clause_before(text: &str) -> &str {
    let start = text.rfind(['.', ',', ';', '!', '?', '\n']).map_or(0, |at| at + 1);
    &text[start..]
}

fn ends_in_unequal(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '$', '{', '(']);
    ["\\ne", "\\neq", "≠", "!="].iter().any(|sign| before.ends_with(sign))
}

/// Whether words after an answer say that it is wrong, or offer something else.
fn is_denied(after: &str) -> bool {
    let behind = after.trim_start_matches(['}', '$', ' ', ')', '(', '*', '\\', ']', ',', '?']);
    let sentence = &behind[..behind.find(['.', ';', '!', '?', '\n', '$']).unwrap_or(behind.len())];
    let said: Vec<String> = words(sentence).take(4).collect();
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    match said.as_slice() {
        ["or", ..] => true,
        ["isn't" | "wasn't" | "no" | "nope" | "wrong", ..] => true,
        ["is" | "was" | "which" | "but", rest @ ..] => is_called_wrong(rest) && !behind.contains("\\boxed"),
        _ => false,
    }
}

/// Whether words say that something is wrong: `is not right`, `but it isn't`; not `is not prime`.
fn is_called_wrong(said: &[&str]) -> bool {
    let negated = said.iter().take(3).position(|word| matches!(*word, "not" | "isn't" | "wasn't"));
    let of_it = |at: usize| said.get(at + 1).is_none_or(|next| RIGHT.contains(next));
    said.iter().take(3).any(|word| WRONG.contains(word)) || negated.is_some_and(of_it)
}

/// Whether a clause says that nobody thinks what follows.
fn is_disbelieved(clause: &str) -> bool {
    let said: Vec<String> = words(clause).rev().take(BETWEEN).collect();
    let has = |list: &[&str]| said.iter().any(|word| list.contains(&word.as_str()));
    let held = has(&["think", "believe", "sure", "say", "certain", "claim", "true"]);
    has(&["doubt"]) || held && has(&["not", "don't", "doesn't", "can't", "cannot", "never", "wouldn't", "nobody"])
}

/// Whether what stands between two answers makes one answer of them.
fn joins(between: &str) -> bool {
    let said: Vec<String> = words(between).collect();
    let plain = between.trim_matches(|c: char| c.is_whitespace() || matches!(c, '}' | '$' | '*' | '(' | ')' | '\\' | '[' | ']'));
    let joining = said.iter().any(|word| word == "or" || word == "and");
    let ended = between.contains(['.', ';', '!', '?', ':']);
    let alternative = said.first().is_some_and(|word| word == "or");
    alternative
        || joining && (said.len() <= NEAR || said.len() <= BETWEEN && !ended)
        || matches!(plain, "," | "/" | "&" | "|" | ";" | "+")
}
