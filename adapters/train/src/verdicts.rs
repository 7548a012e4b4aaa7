//! What verifiers found, for people: how often each verdict was given, and an example of each.

use std::collections::BTreeMap;

use palinode_core::{
    attempt::Attempt, task::Problem, trajectory::Group, transitions::Transitions, turns::MultiTurnTask, verifier::Verdict,
};
use palinode_text::one_line;
use serde::{Deserialize, Deserializer, Serialize};

use crate::judges::{Judges, caught};

/// Characters kept of a text of an example.
const WIDTH: usize = 200;

/// Attempts by verdict: for each attempt the names of the verdicts that were given, and how often.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct VerdictTable(Vec<BTreeMap<String, u64>>);

impl VerdictTable {
    /// A table of these counts, one entry an attempt; older logs have one for all attempts together.
    pub fn new(attempts: Vec<BTreeMap<String, u64>>) -> Self {
        Self(attempts)
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Attempts with this verdict.
    pub fn count(&self, verdict: &str) -> u64 {
        self.0.iter().filter_map(|counts| counts.get(verdict)).fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// All attempts.
    pub fn total(&self) -> u64 {
        self.0.iter().flat_map(BTreeMap::values).fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The share of all attempts with this verdict, in `[0, 1]`; 0 where there is none.
    pub fn share(&self, verdict: &str) -> f64 {
        self.count(verdict) as f64 / self.total().max(1) as f64
    }

    /// For each attempt the verdicts that were given, from the best to the worst, those of unknown names last.
    pub fn by_attempt(&self) -> impl Iterator<Item = Vec<(&str, u64)>> {
        let place = |name: &str| Verdict::NAMES.iter().position(|known| *known == name).unwrap_or(Verdict::NAMES.len());
        self.0.iter().map(move |counts| {
            let given = counts.iter().filter(|(_, count)| **count > 0);
            let mut given: Vec<(&str, u64)> = given.map(|(name, count)| (name.as_str(), *count)).collect();
            given.sort_by_key(|(name, _)| place(name));
            given
        })
    }

    /// `attempt 1: 60 right, 40 wrong; attempt 2: …`, of episodes with this many attempts; empty where nothing is counted.
    pub fn in_words(&self, attempts: usize) -> String {
        let together = self.0.len() == 1 && attempts > 1;
        let words = self.by_attempt().enumerate().map(|(k, given)| {
            let given: Vec<String> = given.iter().map(|(name, count)| format!("{count} {name}")).collect();
            let which = if together { "all attempts".to_owned() } else { format!("attempt {}", k + 1) };
            format!("{which}: {}", given.join(", "))
        });
        words.collect::<Vec<_>>().join("; ")
    }
}

impl From<&Transitions> for VerdictTable {
    fn from(transitions: &Transitions) -> Self {
        let given = |counts: &palinode_core::verdict_counts::VerdictCounts| {
            counts.iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count)).collect()
        };
        Self(transitions.verdicts().iter().map(given).collect())
    }
}

impl<'de> Deserialize<'de> for VerdictTable {
    /// Also reads the one object of older logs.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Logged {
            Each(Vec<BTreeMap<String, u64>>),
            Together(BTreeMap<String, u64>),
        }
        Ok(Self(match Logged::deserialize(deserializer)? {
            Logged::Each(attempts) => attempts,
            Logged::Together(all) => vec![all],
        }))
    }
}

/// An attempt that shows what a verdict is about, its texts on one line each and cut in their middle where they are long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Example {
    /// The verdict's name.
    pub verdict: String,
    /// The attempt, from 1.
    pub attempt: usize,
    /// The problem.
    pub problem: String,
    /// What was answered.
    pub answer: String,
    /// Why that earned the verdict; empty where there is nothing to say.
    pub why: String,
}

impl Example {
    /// Attempt `number`, from 1, at a problem.
    pub(crate) fn of(task: &dyn MultiTurnTask, judges: &Judges, problem: &Problem, number: usize, attempt: &Attempt) -> Self {
        Self {
            verdict: attempt.verdict().name().to_owned(),
            attempt: number,
            problem: shortened(&task.shown().show_prompt(problem)),
            answer: shortened(&task.shown().show_answer(attempt.answer())),
            why: shortened(&why(task, judges, problem, attempt)),
        }
    }

    /// `wrong at attempt 2: problem → answer (why)`, of at most about so many characters.
    pub fn in_words(&self, width: usize) -> String {
        let Self { verdict, attempt, problem, answer, why } = self;
        let part = (width / 3).max(8);
        let why = if why.is_empty() { String::new() } else { format!(" ({})", one_line(why, part)) };
        format!("{verdict} at attempt {attempt}: {} → {}{why}", ends(problem, part), ends(answer, part))
    }
}

/// Why an attempt earned its verdict, in words; empty where there is no more to say than the verdict's name.
pub(crate) fn why(task: &dyn MultiTurnTask, judges: &Judges, problem: &Problem, attempt: &Attempt) -> String {
    let verdict = attempt.verdict();
    // The verifier was not asked.
    if verdict == Verdict::Truncated {
        return format!("cut off after {} tokens, before the answer ended", attempt.tokens().len());
    }
    // A verifier that did not answer is not asked again for its reasons.
    if let Some(reason) = judges.reason(problem, attempt.answer()) {
        return reason;
    }
    let explained = caught(|| task.shown().explain(problem, attempt.answer())).unwrap_or_else(Some).unwrap_or_default();
    let because = explained.strip_prefix(verdict.name()).map(|rest| rest.trim_start_matches([':', ' ']).to_owned());
    because.unwrap_or(explained)
}

/// The first attempts of some groups that are `wanted`, `most` of them.
pub(crate) fn examples(
    task: &dyn MultiTurnTask,
    judges: &Judges,
    groups: &[Group],
    most: usize,
    wanted: impl Fn(&Attempt) -> bool,
) -> Vec<Example> {
    let attempts = groups.iter().flat_map(|group| {
        let episodes = group.trajectories().iter();
        episodes
            .flat_map(|episode| (1..).zip(episode.attempts()))
            .map(move |(number, attempt)| (group.problem(), number, attempt))
    });
    let wanted = attempts.filter(|(.., attempt)| wanted(attempt)).take(most);
    wanted.map(|(problem, number, attempt)| Example::of(task, judges, problem, number, attempt)).collect()
}

/// Examples that an evaluation shows, where so many attempts are not right.
const SHOWN: usize = 3;

/// The first attempt of each verdict but `right`, in the order of [`Verdict::NAMES`]; where those are fewer than three, further attempts that are not right, at
/// other problems first.
pub(crate) fn some_of_each(task: &dyn MultiTurnTask, judges: &Judges, groups: &[Group]) -> Vec<Example> {
    let verdicts = Verdict::NAMES.into_iter().filter(|name| *name != Verdict::Right.name());
    let of_each =
        verdicts.flat_map(|name| examples(task, judges, groups, 1, |attempt| attempt.verdict().name() == name)).collect();
    // The first may stand among them already, and so may both attempts at its problem.
    let others = examples(task, judges, groups, 4 * SHOWN, |attempt| !attempt.verdict().is_right());
    filled(of_each, others)
}

/// Both lists of examples as one of all their problems would be.
pub(crate) fn merged(first: Vec<Example>, second: Vec<Example>) -> Vec<Example> {
    let (mut of_each, mut others): (Vec<Example>, Vec<Example>) = Default::default();
    for example in first.into_iter().chain(second) {
        let known = of_each.iter().any(|known| known.verdict == example.verdict);
        if known { &mut others } else { &mut of_each }.push(example);
    }
    filled(of_each, others)
}

/// These examples, and some of others where they are few; by verdict, from the best to the worst.
fn filled(mut all: Vec<Example>, others: Vec<Example>) -> Vec<Example> {
    let known = |all: &[Example], example: &Example| all.iter().any(|known| known.problem == example.problem);
    for again in [false, true] {
        for example in &others {
            if all.len() < SHOWN && !all.contains(example) && known(&all, example) == again {
                all.push(example.clone());
            }
        }
    }
    let place = |example: &Example| Verdict::NAMES.iter().position(|name| *name == example.verdict);
    all.sort_by_key(place);
    all
}

fn shortened(text: &str) -> String {
    ends(&one_line(text, usize::MAX), WIDTH)
}

/// The beginning and the end of a text that is longer than `width` characters: an answer is often at its end.
fn ends(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let half = width.saturating_sub(3) / 2;
    let (start, end) = (text.chars().take(half), text.chars().skip(length - half));
    start.chain(" … ".chars()).chain(end).collect()
}

#[cfg(test)]
mod tests;
