//! What a chat template tells otherwise than it was written, in words.

/// Longest piece of text that is quoted.
const QUOTED: usize = 60;

/// One text, and what it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) from: String,
    pub(super) to: String,
}

impl Change {
    /// What two texts end in after what they have in common; a token in angle brackets is not cut in two.
    pub(super) fn behind_common(from: &str, to: &str) -> Self {
        let common = from.chars().zip(to.chars()).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
        let at = from[..common].rfind('<').filter(|&at| !from[at..common].contains('>')).unwrap_or(common);
        Self { from: from[at..].to_owned(), to: to[at..].to_owned() }
    }

    /// The part of two texts that they don't have in common.
    pub(super) fn between(from: &str, to: &str) -> Self {
        let Self { from, to } = Self::behind_common(from, to);
        let common: usize = from.chars().rev().zip(to.chars().rev()).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
        Self { from: from[..from.len() - common].to_owned(), to: to[..to.len() - common].to_owned() }
    }

    /// The text with the change made at its end, where it has what is changed there.
    pub(super) fn at_end_of(&self, text: &str) -> Option<String> {
        text.strip_suffix(&self.from).map(|text| format!("{text}{}", self.to))
    }
}

/// How earlier turns differ; an example of each kind.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// The system message is left out.
    pub(super) system_lost: bool,
    /// The system message stands with whatever the user said last.
    pub(super) system_moves: bool,
    /// The same, of messages that problems bring.
    pub(super) system_of_problem_moves: bool,
    /// The opening of a new answer, and of an earlier one.
    pub(super) opening: Option<Change>,
    /// What is written between an answer and its end.
    pub(super) before_end: Option<String>,
    /// The tokenizer's own end, and the one that the template writes.
    pub(super) other_end: Option<Change>,
    /// White space is lost at the beginning, and at the end.
    trimmed: [bool; 2],
    /// What stands in `<think>` is lost.
    thinking: bool,
    /// Another change of an answer.
    pub(super) rewritten: Option<Change>,
    /// An answer that is refused, and why.
    pub(super) refused: Option<Change>,
    /// An answer whose ids are others, mostly since its white space is joined with what stands beside it.
    pub(super) joined: Option<String>,
    /// What becomes of a history when one more answer is made.
    pub(super) later: Option<Change>,
    /// What becomes of turns before the problem.
    pub(super) earlier: Option<Change>,
}

impl Differences {
    /// Takes down what an answer became.
    pub(super) fn content(&mut self, written: &str, told: &str, thought: &str) {
        let lost = written.find(told).map(|at| [&written[..at], &written[at + told.len()..]]);
        if written.contains(thought) && !told.contains(thought) {
            self.thinking = true;
        } else if let Some(lost) = lost.filter(|lost| lost.iter().all(|lost| lost.trim().is_empty())) {
            self.trimmed = [0, 1].map(|side| self.trimmed[side] || !lost[side].is_empty());
        } else {
            self.rewritten.get_or_insert_with(|| Change { from: written.into(), to: told.into() });
        }
    }

    /// A sentence for each kind.
    pub(super) fn sentences(&self) -> Vec<String> {
        let change = |what: &Option<Change>, say: fn(&str, &str) -> String| {
            what.as_ref().map(|Change { from, to }| say(&quoted(from), &quoted(to)))
        };
        let when = |found: bool, say: &str| found.then(|| say.to_owned());
        let trimmed = match self.trimmed {
            [false, false] => None,
            [true, false] => Some("at the beginning"),
            [false, true] => Some("at the end"),
            [true, true] => Some("at both ends"),
        };
        let sentences = [
            when(self.system_lost, "leaves out the system message"),
            when(
                self.system_moves,
                "puts the system message into the last user turn only: here it stays in the first, and comes again with the revision instruction",
            ),
            when(
                self.system_of_problem_moves,
                "puts the system message into the last user turn only: here that of a problem stays where it was first",
            ),
            self.opening.as_ref().map(opening),
            self.before_end.as_ref().map(|before| {
                let before = quoted(before);
                format!("writes {before} between an answer and its end: one that is cut off gets it, one that ends without it does not")
            }),
            change(&self.other_end, |own, end| {
                format!("ends an earlier answer with {end}: one that ended with the tokenizer's {own} keeps that")
            }),
            when(self.thinking, "drops the thinking of earlier answers"),
            trimmed.map(|ends| format!("trims white space {ends} of earlier answers")),
            change(&self.rewritten, |from, to| format!("rewrites earlier answers: {from} becomes {to}")),
            change(&self.refused, |answer, reason| format!("refuses an earlier answer such as {answer}: {reason}")),
            self.joined.as_deref().map(|answer| {
                let answer = quoted(answer);
                format!("puts an earlier answer such as {answer} where the tokenizer gives it other ids than it was sampled with")
            }),
            change(&self.later, |from, to| format!("tells two earlier answers otherwise than one: {from} becomes {to}")),
            change(&self.earlier, |from, to| format!("tells an answer after earlier turns otherwise: {from} becomes {to}")),
        ];
        sentences.into_iter().flatten().map(|what| format!("the chat template {what}")).collect()
    }
}

fn opening(Change { from, to }: &Change) -> String {
    match (quoted(from), quoted(to)) {
        (_, earlier) if from.is_empty() => format!("writes {earlier} before an earlier answer, and not before a new one"),
        (new, _) if to.is_empty() => format!("leaves out {new} before an earlier answer, with which a new one opens"),
        (new, earlier) => format!("opens an earlier answer with {earlier}, and a new one with {new}"),
    }
}

/// A piece of text between quotes, with its white space to be seen, cut in the middle where it is long.
fn quoted(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= QUOTED {
        return format!("{text:?}");
    }
    let (head, tail) = (&characters[..QUOTED / 2], &characters[characters.len() - QUOTED / 2..]);
    format!("{:?}…{:?}", String::from_iter(head), String::from_iter(tail))
}
