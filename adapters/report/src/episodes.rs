//! Reads `episodes.jsonl` and picks the episodes worth a reader's time.

use std::{collections::VecDeque, io, path::Path};

use serde_json::Value;

use super::{
    ReportError,
    log::{self, Episode},
    text::clip,
};

/// The sample shown, and how it came about.
#[derive(Debug, Default)]
pub(super) struct Episodes {
    /// Outcomes in the order of [`Outcome::ALL`]; within each the newest first.
    pub(super) shown: Vec<Episode>,
    /// How many the file holds.
    pub(super) total: u64,
    pub(super) missing: bool,
    pub(super) cut: bool,
}

impl Episodes {
    /// Reads the file, keeping the latest problems of each outcome in each stage; a missing file is an empty sample.
    pub(super) fn read(folder: &Path) -> Result<Self, ReportError> {
        let mut records = match log::episodes(folder) {
            Err(ReportError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { missing: true, ..Self::default() });
            }
            opened => opened?,
        };
        let mut pools = Pools::default();
        let mut total = 0;
        while let Some(episode) = records.next_of_whole(|line| line.read())? {
            total += 1;
            pools.take(episode);
        }
        Ok(Self { shown: pools.select(), total, missing: false, cut: records.is_cut() })
    }

    /// The stages of the sample, in the order of training.
    pub(super) fn stages(&self) -> Vec<&str> {
        let mut stages: Vec<(f64, &str)> = Vec::new();
        for episode in &self.shown {
            let step = episode.rl_step.0.unwrap_or(0.0);
            match stages.iter_mut().find(|(_, stage)| *stage == episode.stage) {
                Some((first, _)) => *first = first.min(step),
                None => stages.push((step, &episode.stage)),
            }
        }
        stages.sort_by(|a, b| a.0.total_cmp(&b.0));
        stages.into_iter().map(|(_, stage)| stage).collect()
    }
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

    /// Bounds the memory a kept episode holds.
    fn clipped(mut self) -> Self {
        self.stage = clip(&self.stage, 40);
        self.problem = self.problem().map_or(Value::Null, Value::String);
        for text in [&mut self.prompt, &mut self.reference].into_iter().flatten() {
            *text = clip(text, MAX_TEXT);
        }
        for attempt in &mut self.attempts {
            attempt.text = attempt.text.as_deref().map(|text| clip(text, MAX_TEXT));
            attempt.verdict = clip(&attempt.verdict, 40);
            attempt.why = clip(&attempt.why, MAX_WHY);
        }
        self
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
}

/// Candidates of each stage and outcome, oldest first.
#[derive(Debug, Default)]
struct Pools(Vec<(String, [VecDeque<Episode>; 4])>);

impl Pools {
    /// Adds an episode to its pool, replacing an older one of the same problem, else the oldest when the pool is full. Those of further
    /// stages than there is room for are passed over.
    fn take(&mut self, episode: Episode) {
        let Some(outcome) = episode.outcome() else { return };
        let episode = episode.clipped();
        let room = self.0.len() < MAX_STAGES;
        let index = match self.0.iter().position(|(stage, _)| *stage == episode.stage) {
            Some(index) => index,
            None if room => {
                self.0.push((episode.stage.clone(), Default::default()));
                self.0.len() - 1
            }
            None => return,
        };
        let pool = &mut self.0[index].1[outcome as usize];
        if let Some(index) = pool.iter().position(|old| old.problem == episode.problem && !old.problem.is_null()) {
            pool.remove(index);
        } else if pool.len() == MAX_POOL {
            pool.pop_front();
        }
        pool.push_back(episode);
    }

    /// Takes the newest of every pool in turn until the sample is full, so that a rare outcome is there beside a common one.
    fn select(mut self) -> Vec<Episode> {
        let mut shown = Vec::new();
        while shown.len() < MAX_SHOWN {
            let before = shown.len();
            let pools = self.0.iter_mut().flat_map(|(_, pools)| pools.iter_mut());
            shown.extend(pools.filter_map(VecDeque::pop_back).take(MAX_SHOWN - before));
            if shown.len() == before {
                break;
            }
        }
        let place = |episode: &Episode| (episode.outcome().map(|outcome| outcome as u8), -episode.rl_step.0.unwrap_or(0.0));
        shown.sort_by(|a, b| {
            let (a, b) = (place(a), place(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        });
        shown
    }
}

/// Episodes in the sample.
const MAX_SHOWN: usize = 96;

/// Candidates kept of each outcome in a stage.
const MAX_POOL: usize = 32;

/// No more stages are told apart; the style sheet has as many rules.
pub(super) const MAX_STAGES: usize = 6;

/// Characters kept of why a verdict was given.
const MAX_WHY: usize = 300;

/// Characters kept of each text.
const MAX_TEXT: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Attempt, Num};

    fn episode(problem: u64, first: &str, last: &str) -> Episode {
        let attempt = |verdict: &str| Attempt { text: Some("1".to_owned()), verdict: verdict.to_owned(), why: String::new() };
        Episode { problem: problem.into(), attempts: vec![attempt(first), attempt(last)], ..Episode::default() }
    }

    fn select(episodes: impl IntoIterator<Item = Episode>) -> Vec<Episode> {
        let mut pools = Pools::default();
        episodes.into_iter().for_each(|episode| pools.take(episode));
        pools.select()
    }

    #[test]
    fn the_sample_mixes_outcomes_and_stages_and_prefers_the_newest() {
        let verdicts = [("wrong", "right"), ("right", "wrong"), ("crashed", "wrong"), ("right", "right")];
        let shown = select((0..400).map(|index| {
            let (first, last) = verdicts[index as usize % 4];
            let stage = if index < 200 { "stage_one" } else { "stage_two" };
            Episode { stage: stage.to_owned(), rl_step: Num(Some(index as f64)), ..episode(index, first, last) }
        }));
        let counted = Outcome::ALL.map(|kind| shown.iter().filter(|episode| episode.outcome() == Some(kind)).count());
        assert_eq!(counted, [24; 4]);
        assert_eq!(shown.iter().filter(|episode| episode.stage == "stage_one").count(), 48);
        assert_eq!(shown[0].problem().as_deref(), Some("396"));
        let sample = Episodes { shown, ..Episodes::default() };
        assert_eq!(sample.stages(), ["stage_one", "stage_two"]);
    }

    #[test]
    fn a_rare_outcome_is_shown_and_problems_do_not_repeat() {
        let rare = |index| if index == 7 { ("right", "wrong") } else { ("wrong", "right") };
        let shown = select((0..300).map(|index| episode(index % 30, rare(index).0, rare(index).1)));
        assert_eq!(shown.len(), 31);
        let mut problems: Vec<_> = shown.iter().skip(1).map(Episode::problem).collect();
        problems.dedup();
        assert_eq!(problems.len(), 30);
        assert_eq!(shown.last().and_then(Episode::outcome), Some(Outcome::Broken));
    }

    #[test]
    fn any_number_of_stages_takes_bounded_room() {
        let shown = select((0..5000).map(|index| Episode { stage: format!("s{index}"), ..episode(index, "wrong", "right") }));
        assert_eq!(shown.len(), MAX_STAGES);
    }
}
