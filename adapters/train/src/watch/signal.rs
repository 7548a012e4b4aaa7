//! Whether there is anything to learn: what the base model's samples earn, before a step is taken.
//!
//! RL can only strengthen what is sampled now and then. Where no wrong first attempt is ever taken back, hours of training find nothing.

use palinode_core::{
    rng::{RandomKey, Stream},
    sampler::Sampler,
    sampling::Sampling,
    task::{Problem, Split},
    trajectory::Group,
    turns::MultiTurnTask,
};
use serde::{Deserialize, Serialize};

use crate::{
    config::TrainConfig,
    error::TrainError,
    gradient::workers::Workers,
    play::{play, rollout_config},
};

/// Problems that are asked, at most.
const PROBLEMS: usize = 64;
/// Episodes of each.
const SAMPLES: usize = 8;

/// What the base model's samples earn on training problems.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Problems that were asked.
    pub problems: usize,
    /// Episodes of each.
    pub samples: usize,
    /// Share of episodes whose first and whose last attempt is right.
    pub right: [f64; 2],
    /// Problems with a first attempt that is wrong.
    pub wrong_at_first: usize,
    /// Those of them where, among their episodes with a wrong first attempt, some last attempt is right: pass@8 of the correction.
    pub corrected: usize,
    /// Share of problems whose episodes all earn the same at the last attempt: they give no gradient.
    pub without_spread: f64,
}

impl Signal {
    /// Plays as the first step would.
    ///
    /// # Errors
    /// Those of [`play`].
    pub fn of<S: Sampler + Sync>(
        sampler: &S,
        task: &dyn MultiTurnTask,
        config: &TrainConfig,
        workers: &Workers,
    ) -> Result<Self, TrainError> {
        let count = task.len(Split::Train).map_or(PROBLEMS as u64, |all| all.min(PROBLEMS as u64));
        let problems: Vec<Problem> = (0..count).map(|index| task.problem(config.seed, Split::Train, index)).collect();
        let sampling = Sampling::temperature(config.reinforce.temperature)?;
        let rollouts = rollout_config(task, config.attempts, SAMPLES, sampling)?;
        let groups = play(sampler, task, &problems, &rollouts, RandomKey::new(config.seed, Stream::Evaluation), workers)?;
        Ok(Self::count(&groups))
    }

    fn count(groups: &[Group]) -> Self {
        let ends = |group: &Group| -> Vec<[bool; 2]> {
            let attempts = group.trajectories().iter().map(|episode| episode.attempts());
            let right =
                |attempt: Option<&palinode_core::attempt::Attempt>| attempt.is_some_and(|attempt| attempt.verdict().is_right());
            attempts.map(|attempts| [right(attempts.first()), right(attempts.last())]).collect()
        };
        let all: Vec<Vec<[bool; 2]>> = groups.iter().map(ends).collect();
        let episodes = all.iter().map(Vec::len).sum::<usize>().max(1) as f64;
        let share = |which: usize| all.iter().flatten().filter(|right| right[which]).count() as f64 / episodes;
        let wrong: Vec<Vec<bool>> = all
            .iter()
            .map(|group| group.iter().filter(|[first, _]| !first).map(|[_, last]| *last).collect::<Vec<_>>())
            .filter(|wrong| !wrong.is_empty())
            .collect();
        let last =
            groups.first().and_then(|group| group.trajectories().first()).map_or(0, |episode| episode.attempts().len() - 1);
        Self {
            problems: groups.len(),
            samples: groups.first().map_or(0, |group| group.trajectories().len()),
            right: [share(0), share(1)],
            wrong_at_first: wrong.len(),
            corrected: wrong.iter().filter(|lasts| lasts.contains(&true)).count(),
            without_spread: groups.iter().filter(|group| group.has_zero_spread(last)).count() as f64 / groups.len().max(1) as f64,
        }
    }

    /// The one line that says it all.
    pub fn in_words(&self) -> String {
        format!(
            "sampled, attempt 1 is right in {:.0} % and the last in {:.0} %; of {} problems with a wrong attempt 1, {} are corrected in some of {} samples",
            100.0 * self.right[0],
            100.0 * self.right[1],
            self.wrong_at_first,
            self.corrected,
            self.samples
        )
    }

    /// What is wrong, and what to change, where there is next to nothing to learn from.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self { wrong_at_first: 0, .. } => {
                Some("every sampled attempt 1 is right: there is nothing to correct; use harder problems")
            }
            Self { right: [0.0, 0.0], .. } => Some(
                "no sampled attempt is right: look at the answers with `palinode try`; use easier problems, longer answers \
                 (--max-answer), or a stronger model",
            ),
            Self { corrected: 0, .. } => Some(
                "no wrong attempt 1 is ever corrected: RL has nothing to strengthen; use easier problems, more samples, a higher temperature, another revision \
                 instruction, or (for a new model) a longer warm start",
            ),
            Self { without_spread: 0.95.., .. } => Some(
                "almost all problems earn the same in all samples: use problems of medium difficulty, or more samples a problem",
            ),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use palinode_core::{
        attempt::{Attempt, StopReason},
        trajectory::Trajectory,
        verifier::Verdict,
    };

    use super::*;

    fn group(id: u32, episodes: &[[bool; 2]]) -> Group {
        let attempt = |right: bool| {
            let verdict = if right { Verdict::Right } else { Verdict::Wrong };
            Attempt::new(vec![1], vec![0.0], StopReason::FixedLength, verdict).unwrap()
        };
        let episode = |ends: &[bool; 2]| Trajectory::new(vec![1], vec![], ends.map(attempt).into()).unwrap();
        Group::new(Problem::new(id, vec![1], vec![]).unwrap(), episodes.iter().map(episode).collect()).unwrap()
    }

    #[test]
    fn corrections_are_counted_among_wrong_first_attempts() {
        let groups = [
            group(0, &[[true, true], [true, true]]),
            // A right last attempt after a right first one corrects nothing.
            group(1, &[[true, true], [false, false]]),
            group(2, &[[false, true], [false, false]]),
        ];
        let signal = Signal::count(&groups);
        assert_eq!((signal.problems, signal.samples, signal.wrong_at_first, signal.corrected), (3, 2, 2, 1));
        assert_eq!((signal.right, signal.without_spread), ([0.5, 4.0 / 6.0], 1.0 / 3.0));
        assert_eq!(signal.advice(), None);
        let advice = |episodes: &[[bool; 2]]| Signal::count(&[group(0, episodes)]).advice().unwrap();
        assert!(advice(&[[true, true], [true, false]]).contains("nothing to correct"));
        assert!(advice(&[[false, false]; 2]).contains("no sampled attempt is right"));
        assert!(advice(&[[true, true], [false, false]]).contains("ever corrected"));
        assert!(advice(&[[false, true]; 2]).contains("earn the same"));
    }
}
