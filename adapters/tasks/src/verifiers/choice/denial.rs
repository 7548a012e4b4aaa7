//! What denies a letter, takes it back, or names another one.

/// Words that reject a letter named with them.
const REJECTING: [&str; 18] = [
    "not",
    "incorrect",
    "wrong",
    "mistake",
    "mistaken",
    "false",
    "never",
    "isn't",
    "wasn't",
    "aren't",
    "cannot",
    "can't",
    "neither",
    "nor",
    "than",
    "unlike",
    "instead",
    "doesn't",
];
/// Words that offer one more letter, whatever else is said.
const OFFERING: [&str; 9] = ["or", "also", "both", "either", "maybe", "perhaps", "wait", "actually", "possibly"];
/// Words before a mark of an answer, in its clause, that make a denial or a supposition of it.
const DENYING: [&str; 52] = [
    "not",
    "no",
    "never",
    "neither",
    "nor",
    "cannot",
    "can't",
    "don't",
    "doesn't",
    "didn't",
    "isn't",
    "wasn't",
    "won't",
    "wouldn't",
    "couldn't",
    "shouldn't",
    "doubt",
    "doubtful",
    "wrong",
    "incorrect",
    "false",
    "mistaken",
    "mistake",
    "bad",
    "worst",
    "unlikely",
    "hardly",
    "impossible",
    "if",
    "unless",
    "whether",
    "except",
    "some",
    "others",
    "people",
    "claim",
    "claims",
    "suppose",
    "supposing",
    "assume",
    "assuming",
    "pretend",
    "everyone",
    "someone",
    "many",
    "thinks",
    "might",
    "may",
    "could",
    "perhaps",
    "maybe",
    "tempted",
];
/// Words that begin a correction.
const CORRECTING: [&str; 18] = [
    "wait",
    "actually",
    "correction",
    "no",
    "hmm",
    "hm",
    "oops",
    "sorry",
    "mistake",
    "mistaken",
    "wrong",
    "incorrect",
    "reconsider",
    "reconsidering",
    "instead",
    "thought",
    "edit",
    "scratch",
];
/// Words that make an answer of a letter named with them.
const AFFIRMING: [&str; 8] = ["right", "correct", "answer", "best", "better", "must", "should", "true"];
/// What says that a statement is wrong.
const WRONG: [&str; 8] = ["wrong", "incorrect", "false", "mistaken", "mistake", "not", "impossible", "never"];

/// Words of a line that does little more than name a letter at its end.
const SHORT: usize = 5;

/// The words of a text in small letters.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase().replace('’', "'");
    let parts = lower.split(|c: char| !c.is_alphanumeric() && c != '\'').map(|word| word.trim_matches('\''));
    parts.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn has(words: &[String], list: &[&str]) -> bool {
    words.iter().any(|word| list.contains(&word.as_str()))
}

/// Whether the clause before a mark denies what follows, as in `I doubt that the answer is`.
pub(super) fn denies_ahead(before: &str) -> bool {
    let before = before.trim_end_matches([':', '：', '-', '–', '=', '\n', ' ']);
    let sentence = &before[before.rfind(['.', '!', '?', ';', '\n', '。']).map_or(0, |at| at + 1)..];
    let clause = &sentence[sentence.rfind([',', '，', ':']).map_or(0, |at| at + 1)..];
    // `It is not true, that the answer is`
    let whole = clause.trim_start().to_lowercase().starts_with("that ");
    let said = words(if whole { sentence } else { clause });
    let turn = said.iter().rposition(|word| matches!(word.as_str(), "so" | "therefore" | "thus" | "hence" | "but" | "then"));
    let said = &said[turn.map_or(0, |at| at + 1)..];
    has(said, &DENYING) || words(sentence).first().is_some_and(|word| word == "if") && turn.is_none()
}

/// Whether a text takes back what was said before it.
pub(super) fn corrects(text: &str) -> bool {
    has(&words(text), &CORRECTING)
}

/// Whether what follows a letter at once denies it: `A. is wrong`, `A: no`, `B, but it isn't`.
pub(super) fn is_denied(behind: &str) -> bool {
    let option = behind.starts_with([')', ']']);
    let inner = behind.trim_start_matches(|c: char| !c.is_alphanumeric());
    let sentence = sentences(inner).next().unwrap_or_default();
    let said = words(sentence);
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    let denied = match said.as_slice() {
        ["no" | "nope" | "nah" | "wrong" | "incorrect" | "false", ..] => !option,
        ["isn't" | "wasn't", ..] => true,
        ["is" | "was" | "seems" | "looks" | "which" | "would", rest @ ..] => rest.iter().take(3).any(|word| is_wrong(word)),
        _ => false,
    };
    let turn = said.iter().position(|word| matches!(*word, "but" | "though" | "although" | "however" | "yet"));
    let taken = turn.is_some_and(|at| said[at..].iter().any(|word| is_wrong(word))) && letters(sentence).is_empty();
    denied || taken
}

fn is_wrong(word: &str) -> bool {
    WRONG.contains(&word) || word.ends_with("n't")
}

/// Whether later text takes a letter back: it says that it is wrong, or after words of correction, or as an answer, names another one of those up to
/// `last`.
pub(super) fn takes_back(letter: char, later: &str, last: char) -> bool {
    let mut corrected = false;
    for sentence in sentences(later) {
        let said = words(sentence);
        corrected |= has(&said, &CORRECTING);
        let named = letters(sentence);
        let other = named.iter().rfind(|&&other| other != letter && other <= last);
        // `C` alone, `Edit: C`
        let ends = |other: &char| said.last().is_some_and(|word| *word == other.to_lowercase().to_string());
        let at_end = said.len() <= SHORT && other.is_some_and(ends);
        let other = other.is_some();
        if other && !is_rejected(&said) && (corrected || at_end || has(&said, &AFFIRMING) || has(&said, &OFFERING))
            || !other && is_called_wrong(&said, named.contains(&letter))
        {
            return true;
        }
    }
    false
}

/// Whether a short sentence says that what was said, or the letter that it names, is wrong.
fn is_called_wrong(said: &[String], names_it: bool) -> bool {
    let of_it = |word: &String| matches!(word.as_str(), "that" | "this" | "it" | "that's" | "it's" | "i" | "i'm");
    let wrong = has(said, &["wrong", "incorrect", "mistaken", "false"]);
    let not_right = said.windows(2).any(|pair| is_wrong(&pair[0]) && matches!(pair[1].as_str(), "right" | "correct" | "true"));
    said.len() <= 8 && (wrong || not_right) && (names_it || said.iter().any(of_it))
}

fn is_rejected(said: &[String]) -> bool {
    has(said, &REJECTING) && !has(said, &OFFERING)
}

/// Whether another letter is named, as in `(A) or (B)`, `A. or B` or `(a) and b)`. The words `a` and `I` are none, and neither is a letter that its
/// sentence rejects: `B, not A`, `D. A is incorrect`. The same one may be named again, but not called wrong.
pub(super) fn names_another(letter: char, behind: &str) -> bool {
    sentences(behind).any(|sentence| {
        let (named, said) = (letters(sentence), words(sentence));
        let other = named.iter().any(|&other| other != letter);
        other && !is_rejected(&said) || !other && is_called_wrong(&said, named.contains(&letter))
    })
}

/// The sentences of a text. A letter's own point ends none, as in `A. or B.`.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let ended = |at: usize| text[..at].chars().rev().take_while(|c| c.is_alphanumeric()).count() != 1;
    let mut ends: Vec<usize> =
        text.match_indices([';', '.', '!', '?', '\n', '。']).map(|(at, _)| at).filter(|&at| ended(at)).collect();
    ends.push(text.len());
    let mut start = 0;
    ends.into_iter().map(move |end| &text[std::mem::replace(&mut start, end)..end])
}

/// The lone letters that stand in a text as those of options.
fn letters(text: &str) -> Vec<char> {
    let bytes = text.as_bytes();
    let letter_or_digit = |i: usize| bytes.get(i).is_some_and(|c| c.is_ascii_alphanumeric() || !c.is_ascii());
    let named = |i: usize| {
        let alone = !letter_or_digit(i + 1) && (i == 0 || !letter_or_digit(i - 1));
        let closed = matches!(text[i + 1..].trim_start().as_bytes().first(), Some(b')' | b']' | b'.' | b':'));
        let apostrophe = i > 0 && bytes[i - 1] == b'\'' || bytes.get(i + 1) == Some(&b'\'');
        alone && !apostrophe && (closed || bytes[i].is_ascii_uppercase() && bytes[i] != b'I')
    };
    let places = (0..bytes.len()).filter(|&i| bytes[i].is_ascii_alphabetic() && named(i));
    places.map(|i| bytes[i].to_ascii_uppercase() as char).collect()
}
