//! How a chat template tells what was answered before, against what was written.
//!
//! Attempt 2 stands on the ids of the prompt, of attempt 1 as it was sampled, and of the revision instruction. In a chat it would stand on what the
//! template makes of the answer's text. Both are compared on answers that are made up, and what differs is said.

use palinode_text::Tokenizer;

use super::{
    differences::{Change, Differences},
    shape::Shape,
    turns::{Message, Turns},
};
use crate::error::HfError;

const PROBLEM: &str = "How much is it?";
const PLAIN: &str = "It is one, or two.";
const OTHER: &str = "No: three.";
const SYSTEM: &str = "Answer as the probe of palinode says.";
/// What a thought of an answer is known by.
const THOUGHT: &str = "kept in mind";
/// Answers of many shapes; white space of each kind stands alone at each end.
const ANSWERS: [&str; 26] = [
    "",
    "12",
    "1 + 1 = 2",
    " one",
    "  one",
    "    one",
    "one ",
    "one  ",
    "\none",
    "\n\none",
    "one\n",
    "one\n\n",
    "one\n    ",
    "\n one \n",
    "\tone\t",
    "one\ntwo",
    "one\n\n\n\ntwo  three",
    "- one\n- two\n  - three",
    "```python\nif x:\n    print(1)\n```",
    "{\"a\": [1, {\"b\": \"</c>\"}]}",
    "so \\boxed{\\frac{1}{2}} and **2**",
    "<think>\nkept in mind\n</think>\n\none",
    "<think>kept in mind</think>one",
    "kept in mind\n</think>\n\none",
    "[THINK]kept in mind[/THINK]one",
    "<answer>one</answer>",
];

/// What differs for problems as the settings have them.
///
/// # Errors
/// [`HfError::Template`] when the template gives up on answers in plain words.
pub(super) fn notes(turns: &Turns<'_>, shape: &Shape, behind: &str, named: Option<u32>) -> Result<Vec<String>, HfError> {
    let mut found = Differences::default();
    let configured: Vec<Message<'_>> = turns.config.system.as_deref().map(Message::system).into_iter().collect();
    let problem = [Message::user(PROBLEM)];
    let start = [configured.as_slice(), &problem].concat();
    let around = Around::of(turns, &start)?;
    if let Some(system) = turns.config.system.as_deref() {
        found.system_lost = !around.new.contains(system.trim());
        found.system_moves = around.moves(system);
    }
    if found.system_moves {
        // The rest shows without it.
        compare(turns, shape, behind, &problem, &mut found)?;
    } else {
        compare(turns, shape, behind, &start, &mut found)?;
        let earlier = [configured.as_slice(), &[Message::user("Ready?"), Message::assistant("Yes, I am."), problem[0]]].concat();
        compare_start(turns, &earlier, behind, &mut found);
    }
    let text = |id: u32| turns.tokenizer.token(id);
    found.before_end = Some(&shape.before_end).filter(|text| !text.is_empty()).cloned();
    found.other_end = named
        .filter(|end| shape.ends.first() != Some(end))
        .zip(shape.ends.first())
        .map(|(own, &end)| Change { from: text(own), to: text(end) });
    Ok(found.sentences())
}

/// What differs for problems that bring a system message of their own, where the settings have none.
pub(super) fn system_notes(turns: &Turns<'_>, behind: &str) -> Vec<String> {
    let mut found = Differences::default();
    if turns.config.system.is_none() {
        let start = [Message::system(SYSTEM), Message::user(PROBLEM)];
        // A template that refuses system messages says so at the first problem that has one.
        if let Ok(around) = Around::of(turns, &start) {
            found.system_of_problem_moves = around.moves(SYSTEM);
            if !found.system_of_problem_moves && around.behind != behind {
                found.rewritten = Some(Change::between(behind, &around.behind));
            }
        }
    }
    found.sentences()
}

/// What stands around an answer to the last message of a conversation.
struct Around {
    /// Before a new one.
    new: String,
    /// Before one that was given.
    earlier: String,
    /// Behind one that was given, up to the next.
    behind: String,
}

impl Around {
    fn of(turns: &Turns<'_>, start: &[Message<'_>]) -> Result<Self, HfError> {
        let told = turns.continued(start, &[PLAIN])?;
        let Some(at) = told.rfind(PLAIN) else {
            return Err(turns.refuse("the chat template leaves out what was answered before"));
        };
        let (earlier, behind) = (told[..at].to_owned(), told[at + PLAIN.len()..].to_owned());
        Ok(Self { new: turns.render(start)?, earlier, behind })
    }

    /// Whether the system message stands with whatever the user said last.
    fn moves(&self, system: &str) -> bool {
        let system = system.trim();
        !system.is_empty() && self.new.contains(system) && !self.earlier.contains(system)
    }

    /// How the opening of an answer changes once it was given.
    fn opening(&self) -> Option<Change> {
        (self.new != self.earlier).then(|| Change::behind_common(&self.new, &self.earlier))
    }
}

/// Compares answers of many shapes, and two answers in a row.
fn compare(
    turns: &Turns<'_>,
    shape: &Shape,
    behind: &str,
    start: &[Message<'_>],
    found: &mut Differences,
) -> Result<(), HfError> {
    let around = Around::of(turns, start)?;
    found.opening = around.opening();
    for answer in ANSWERS {
        let told = match turns.continued(start, &[answer]) {
            Ok(told) => told,
            Err(error) => {
                found.refused.get_or_insert_with(|| Change { from: answer.into(), to: error.to_string() });
                continue;
            }
        };
        if told == [&around.new, answer, &around.behind].concat() {
            if around.behind == behind && joins(turns, shape, start, &around.new, answer)? {
                found.joined.get_or_insert_with(|| answer.into());
            }
            continue;
        }
        let content = told.strip_prefix(&around.earlier).and_then(|told| told.strip_suffix(&around.behind));
        match content {
            Some(content) => found.content(answer, content, THOUGHT),
            None => {
                let changed = Change::between(&[&around.new, answer, &around.behind].concat(), &told);
                found.content(&changed.from, &changed.to, THOUGHT);
            }
        }
    }
    let told = turns.continued(start, &[PLAIN, OTHER])?;
    let behind_first =
        found.opening.as_ref().map_or_else(|| Some(around.behind.clone()), |change| change.at_end_of(&around.behind));
    if let Some(behind_first) = behind_first {
        let expected = [&around.earlier, PLAIN, &behind_first, OTHER, &around.behind].concat();
        found.later = (told != expected).then(|| Change::between(&expected, &told));
    }
    Ok(())
}

/// Compares one answer to a conversation that has turns before it.
fn compare_start(turns: &Turns<'_>, start: &[Message<'_>], behind: &str, found: &mut Differences) {
    let Ok(around) = Around::of(turns, start) else { return };
    let before = found.opening.as_ref().map_or_else(|| Some(around.new.clone()), |change| change.at_end_of(&around.new));
    if let Some(before) = before {
        let (expected, told) = ([&before, PLAIN, behind].concat(), [&around.earlier, PLAIN, &around.behind].concat());
        found.earlier = (told != expected).then(|| Change::between(&expected, &told));
    }
}

/// Whether an answer that is told as it was written has other ids than it had when it was sampled after the prompt.
fn joins(turns: &Turns<'_>, shape: &Shape, start: &[Message<'_>], new: &str, answer: &str) -> Result<bool, HfError> {
    let tokenizer = turns.tokenizer;
    let before = tokenizer.encode(new)?;
    let sampled = tokenizer.encode(&format!("{new}{answer}"))?;
    let Some(answer) = sampled.strip_prefix(before.as_slice()) else { return Ok(true) };
    let told = tokenizer.encode(&turns.continued(start, &[&tokenizer.decode(answer)])?)?;
    Ok(told != [&sampled, shape.closing.as_slice(), &shape.revision].concat())
}
