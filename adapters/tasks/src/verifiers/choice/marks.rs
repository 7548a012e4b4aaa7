//! What announces the letter of an answer.

/// Marks of an answer. The last one counts, whatever follows it.
const STRONG: [&str; 45] = [
    "answer is",
    "answer:",
    "answer：",
    "answer would be",
    "answer must be",
    "answer should be",
    "answer =",
    "answer -",
    "answer –",
    "answer\n",
    "option is",
    "choice is",
    "answer is option",
    "answer is choice",
    "answer is letter",
    "antwort:",
    "antwort ist",
    "antwort lautet",
    "respuesta:",
    "respuesta es",
    "respuesta correcta es",
    "réponse:",
    "réponse :",
    "réponse est",
    "bonne réponse est",
    "risposta:",
    "risposta è",
    "risposta corretta è",
    "resposta:",
    "resposta é",
    "resposta correta é",
    "ответ:",
    "Ответ:",
    "答案是",
    "答案为",
    "答案為",
    "答案选",
    "答案選",
    "答案应选",
    "答案：",
    "答案:",
    "答えは",
    "정답은",
    "정답:",
    "정답：",
];

/// What marks an answer where a letter follows, and says nothing where none does.
const WEAK: [&str; 17] = [
    "i choose",
    "i pick",
    "i select",
    "i would choose",
    "i'd choose",
    "i go with",
    "i'll go with",
    "i would go with",
    "i'd go with",
    "it must be",
    "it should be",
    "correction:",
    "correct one:",
    "correct one is",
    "right one is",
    "选",
    "選",
];

/// Where the last mark ends.
pub(super) fn strong(text: &str) -> Option<usize> {
    last(text, &STRONG)
}

/// Where the last of the weaker marks ends.
pub(super) fn weak(text: &str) -> Option<usize> {
    last(text, &WEAK)
}

fn last(text: &str, marks: &[&str]) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let starts = |at: usize| !lower[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    let ends = marks.iter().filter_map(|mark| {
        lower.rmatch_indices(mark).find(|&(at, _)| !mark.is_ascii() || starts(at)).map(|(at, _)| at + mark.len())
    });
    ends.max()
}
