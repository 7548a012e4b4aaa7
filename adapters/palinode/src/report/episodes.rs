//! Reads `episodes.jsonl` and picks the episodes worth a reader's time.

use std::{io, path::Path};

use serde::Deserialize;
use serde_json::Value;

use super::{
    ReportError,
    lines::{Lines, Num, per_attempt, shown},
    text::clip,
};

/// The sample shown, and how it came about.
#[derive(Debug, Default)]
pub(super) struct Episodes {
    /// Newest first within each outcome, outcomes in the order of [`Outcome::ALL`].
    pub(super) shown: Vec<Episode>,
    /// How many the file holds.
    pub(super) total: u64,
    pub(super) missing: bool,
    pub(super) cut: bool,
}

impl Episodes {
    /// Reads the file, keeping the latest problems of each outcome; a missing file is an empty sample.
    pub(super) fn read(folder: &Path) -> Result<Self, ReportError> {
        let mut lines = match Lines::<Episode>::open(&folder.join("episodes.jsonl")) {
            Err(ReportError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { missing: true, ..Self::default() });
            }
            opened => opened?,
        };
        let mut pools: [Vec<Episode>; 4] = Default::default();
        let mut total = 0;
        while let Some(episode) = lines.next()? {
            total += 1;
            if let Some(outcome) = episode.outcome() {
                keep(&mut pools[outcome as usize], episode);
            }
        }
        Ok(Self { shown: select(pools), total, missing: false, cut: lines.cut })
    }
}

/// One problem and its attempts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Episode {
    pub(super) stage: String,
    pub(super) rl_step: Num,
    problem: Value,
    pub(super) prompt: Option<String>,
    pub(super) reference: Option<String>,
    #[serde(deserialize_with = "per_attempt")]
    pub(super) attempts: Vec<Attempt>,
}

impl Episode {
    /// What became of the first attempt; `None` for an episode without attempts.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        let (first, last) = (self.attempts.first()?.right(), self.attempts.last()?.right());
        Some(match (first, last) {
            (false, true) => Outcome::Corrected,
            (true, false) => Outcome::Broken,
            (false, false) => Outcome::StillWrong,
            (true, true) => Outcome::KeptRight,
        })
    }

    pub(super) fn problem(&self) -> Option<String> {
        shown(&self.problem)
    }

    /// Bounds the memory a kept episode holds.
    fn clipped(mut self) -> Self {
        self.stage = clip(&self.stage, 40);
        self.problem = shown(&self.problem).map_or(Value::Null, Value::String);
        for text in [&mut self.prompt, &mut self.reference].into_iter().flatten() {
            *text = clip(text, MAX_TEXT);
        }
        for attempt in &mut self.attempts {
            attempt.text = attempt.text.as_deref().map(|text| clip(text, MAX_TEXT));
            attempt.verdict = clip(&attempt.verdict, 40);
        }
        self
    }
}

/// One complete response.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Attempt {
    pub(super) text: Option<String>,
    pub(super) verdict: String,
}

impl Attempt {
    pub(super) fn right(&self) -> bool {
        self.verdict == "right"
    }
}

/// The verdict on the first attempt against that on the last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    Corrected,
    Broken,
    StillWrong,
    KeptRight,
}

impl Outcome {
    pub(super) const ALL: [Self; 4] = [Self::Corrected, Self::Broken, Self::StillWrong, Self::KeptRight];

    /// How many episodes of this outcome the sample holds if there are enough of each.
    fn share(self) -> usize {
        match self {
            Self::Corrected => 8,
            Self::StillWrong => 6,
            Self::Broken | Self::KeptRight => 5,
        }
    }
}

/// Adds an episode to its pool, replacing an older one of the same problem, else the oldest when the pool is full.
fn keep(pool: &mut Vec<Episode>, episode: Episode) {
    let episode = episode.clipped();
    if let Some(index) = pool.iter().position(|old| old.problem == episode.problem && !old.problem.is_null()) {
        pool.remove(index);
    } else if pool.len() == MAX_POOL {
        pool.remove(0);
    }
    pool.push(episode);
}

/// Takes each outcome's share from its newest episodes, then fills up from what is left.
fn select(mut pools: [Vec<Episode>; 4]) -> Vec<Episode> {
    let mut take = Outcome::ALL.map(|outcome| outcome.share().min(pools[outcome as usize].len()));
    for index in 0..take.len() {
        let spare = MAX_SHOWN.saturating_sub(take.iter().sum());
        take[index] += spare.min(pools[index].len() - take[index]);
    }
    let newest = pools.iter_mut().zip(take).flat_map(|(pool, take)| pool.drain(..).rev().take(take));
    newest.collect()
}

/// Episodes in the sample.
const MAX_SHOWN: usize = 24;

/// Candidates kept per outcome.
const MAX_POOL: usize = 64;

/// Characters kept of each text.
const MAX_TEXT: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    fn episode(problem: u64, first: &str, last: &str) -> Episode {
        let attempt = |verdict: &str| Attempt { text: Some("1".to_owned()), verdict: verdict.to_owned() };
        Episode { problem: problem.into(), attempts: vec![attempt(first), attempt(last)], ..Episode::default() }
    }

    fn pools(episodes: impl IntoIterator<Item = Episode>) -> [Vec<Episode>; 4] {
        let mut pools: [Vec<Episode>; 4] = Default::default();
        for episode in episodes {
            keep(&mut pools[episode.outcome().unwrap() as usize], episode);
        }
        pools
    }

    #[test]
    fn the_sample_mixes_outcomes_and_prefers_the_newest() {
        let verdicts = [("wrong", "right"), ("right", "wrong"), ("crashed", "wrong"), ("right", "right")];
        let shown = select(pools((0..400).map(|index| {
            let (first, last) = verdicts[index as usize % 4];
            episode(index, first, last)
        })));
        let counted = Outcome::ALL.map(|kind| shown.iter().filter(|episode| episode.outcome() == Some(kind)).count());
        assert_eq!(counted, [8, 5, 6, 5]);
        assert_eq!(shown[0].problem().as_deref(), Some("396"));
    }

    #[test]
    fn a_missing_outcome_leaves_room_for_others_and_problems_do_not_repeat() {
        let shown = select(pools((0..300).map(|index| episode(index % 40, "wrong", "right"))));
        assert_eq!(shown.len(), MAX_SHOWN);
        let mut problems: Vec<_> = shown.iter().map(Episode::problem).collect();
        problems.sort();
        problems.dedup();
        assert_eq!(problems.len(), MAX_SHOWN);
    }
}
