//! The immutable record of one episode, and the group of episodes of one problem.

use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;

use crate::{attempt::Attempt, error::Error, per_attempt::PerAttempt, task::Problem};

/// One problem played to the end: prompt, attempt 1, revision instruction, attempt 2, and so on.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    prompt: Arc<[u32]>,
    revision: Arc<[u32]>,
    closing: Arc<[u32]>,
    attempts: Vec<Attempt>,
}

impl Trajectory {
    /// A trajectory of at least one attempt.
    ///
    /// # Errors
    /// [`Error::Empty`] without a prompt or attempts.
    pub fn new(prompt: Vec<u32>, revision: Vec<u32>, attempts: Vec<Attempt>) -> Result<Self, Error> {
        Self::sharing([prompt.into(), revision.into(), Arc::default()], attempts)
    }

    /// A trajectory that shares prompt, revision instruction and closing ids with others.
    pub(crate) fn sharing([prompt, revision, closing]: [Arc<[u32]>; 3], attempts: Vec<Attempt>) -> Result<Self, Error> {
        if prompt.is_empty() {
            return Err(Error::Empty("a trajectory's prompt"));
        }
        if attempts.is_empty() {
            return Err(Error::Empty("a trajectory's attempts"));
        }
        Ok(Self { prompt, revision, closing, attempts })
    }

    /// The same, with these ids after every attempt that was cut off and is followed by another.
    pub fn closed_by(self, closing: &[u32]) -> Self {
        Self { closing: closing.into(), ..self }
    }

    /// The prompt's ids.
    pub fn prompt(&self) -> &[u32] {
        &self.prompt
    }

    /// The ids put between two attempts.
    pub fn revision(&self) -> &[u32] {
        &self.revision
    }

    /// The ids put after an attempt that was cut off, before the revision instruction: those of them that it has not written itself.
    pub fn closing(&self) -> &[u32] {
        &self.closing
    }

    /// The ids that nobody chose after attempt `k`, before the next.
    fn between(&self, k: usize) -> impl Iterator<Item = u32> {
        self.attempts[k].to_close(&self.closing).iter().chain(self.revision.iter()).copied()
    }

    /// The attempts in order.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// All ids in the order in which the policy saw and wrote them.
    pub fn tokens(&self) -> Vec<u32> {
        let mut tokens = self.prompt.to_vec();
        for (k, attempt) in self.attempts.iter().enumerate() {
            if k > 0 {
                tokens.extend(self.between(k - 1));
            }
            tokens.extend_from_slice(attempt.tokens());
        }
        tokens
    }

    /// Where each attempt stands within [`Trajectory::tokens`].
    pub fn spans(&self) -> Vec<Range<usize>> {
        let mut start = self.prompt.len();
        let mut spans = Vec::with_capacity(self.attempts.len());
        for (k, attempt) in self.attempts.iter().enumerate() {
            if k > 0 {
                start += self.between(k - 1).count();
            }
            let end = start + attempt.tokens().len();
            spans.push(start..end);
            start = end;
        }
        spans
    }

    /// For each token: the attempt whose policy wrote it, or `None` for prompt and revision instruction.
    pub fn action_mask(&self) -> Vec<Option<usize>> {
        let spans = self.spans();
        let mut mask = alloc::vec![None; spans.last().map_or(0, |span| span.end)];
        for (k, span) in spans.into_iter().enumerate() {
            mask[span].fill(Some(k));
        }
        mask
    }
}

/// The trajectories of one problem, all with the same number of attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    problem: Problem,
    trajectories: Vec<Trajectory>,
}

impl Group {
    /// A group of at least one trajectory.
    ///
    /// # Errors
    /// [`Error::Empty`] without trajectories, [`Error::Length`] when their numbers of attempts differ.
    pub fn new(problem: Problem, trajectories: Vec<Trajectory>) -> Result<Self, Error> {
        let Some(first) = trajectories.first() else { return Err(Error::Empty("a group")) };
        let expected = first.attempts().len();
        if let Some(odd) = trajectories.iter().find(|t| t.attempts().len() != expected) {
            return Err(Error::Length { what: "attempts of a trajectory in a group", expected, got: odd.attempts().len() });
        }
        Ok(Self { problem, trajectories })
    }

    /// The problem.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Its episodes.
    pub fn trajectories(&self) -> &[Trajectory] {
        &self.trajectories
    }

    /// Whether every episode earned the same at attempt `k`: such a group carries no signal for it.
    ///
    /// # Panics
    /// When there is no attempt `k`.
    pub fn has_zero_spread(&self, k: usize) -> bool {
        let mut rewards = self.trajectories.iter().map(|t| t.attempts()[k].reward());
        let first = rewards.next();
        rewards.all(|reward| Some(reward) == first)
    }
}

/// The task rewards r of every attempt, in `[0, 1]`.
///
/// # Errors
/// [`Error::Empty`] without groups; [`Error::Length`] when groups differ in their number of episodes or of attempts.
pub fn rewards(groups: &[Group]) -> Result<PerAttempt, Error> {
    let size = |group: &Group| (group.trajectories().len(), group.trajectories()[0].attempts().len());
    let Some((samples, attempts)) = groups.first().map(size) else { return Err(Error::Empty("the groups of a step")) };
    for (got_samples, got_attempts) in groups.iter().map(size) {
        for (what, expected, got) in
            [("episodes of a group", samples, got_samples), ("attempts of a group", attempts, got_attempts)]
        {
            if expected != got {
                return Err(Error::Length { what, expected, got });
            }
        }
    }
    let attempt = |attempt: &Attempt| f64::from(attempt.reward());
    let values = groups.iter().flat_map(Group::trajectories).flat_map(Trajectory::attempts).map(attempt).collect();
    PerAttempt::new([groups.len(), samples, attempts], values)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{attempt::StopReason, verifier::Verdict};

    fn attempt(tokens: &[u32]) -> Attempt {
        Attempt::new(tokens.to_vec(), vec![-0.5; tokens.len()], StopReason::FixedLength, Verdict::Wrong).unwrap()
    }

    #[test]
    fn spans_and_mask_name_exactly_the_written_tokens() {
        let t = Trajectory::new(vec![1, 2], vec![9], vec![attempt(&[3, 4]), attempt(&[5])]).unwrap();
        assert_eq!(t.tokens(), [1, 2, 3, 4, 9, 5]);
        assert_eq!(t.spans(), [2..4, 5..6]);
        assert_eq!(t.action_mask(), [None, None, Some(0), Some(0), None, Some(1)]);
    }

    #[test]
    fn an_attempt_that_was_cut_off_is_closed_before_the_next() {
        let cut = |tokens: &[u32]| {
            Attempt::new(tokens.to_vec(), vec![-0.5; tokens.len()], StopReason::Truncated, Verdict::Truncated).unwrap()
        };
        let t = Trajectory::new(vec![1], vec![9], vec![cut(&[3, 4]), attempt(&[5]), cut(&[6])]).unwrap().closed_by(&[7]);
        assert_eq!(t.tokens(), [1, 3, 4, 7, 9, 5, 9, 6]);
        assert_eq!(t.spans(), [1..3, 5..6, 7..8]);
        assert_eq!((t.closing(), t.action_mask()[3]), (&[7][..], None));
    }

    #[test]
    fn of_several_closing_ids_an_attempt_gets_those_that_it_has_not_written() {
        let cut = |tokens: &[u32]| {
            Attempt::new(tokens.to_vec(), vec![-0.5; tokens.len()], StopReason::Truncated, Verdict::Truncated).unwrap()
        };
        let attempts = vec![cut(&[3]), cut(&[3, 6]), cut(&[6, 7]), attempt(&[8]), attempt(&[5])];
        let t = Trajectory::new(vec![1], vec![9], attempts).unwrap().closed_by(&[6, 7, 8]);
        assert_eq!(t.tokens(), [1, 3, 6, 7, 8, 9, 3, 6, 7, 8, 9, 6, 7, 8, 9, 8, 9, 5]);
        assert_eq!(t.spans(), [1..2, 6..8, 11..13, 15..16, 17..18]);
    }

    #[test]
    fn rewards_keep_the_order_of_groups_episodes_and_attempts() {
        let judged = |reward: f32| {
            let verdict = Verdict::partial(reward).unwrap();
            Attempt::new(vec![3], vec![0.0], StopReason::FixedLength, verdict).unwrap()
        };
        let episode = |a, b| Trajectory::new(vec![1], vec![], vec![judged(a), judged(b)]).unwrap();
        let group = |episodes| Group::new(Problem::new(0, vec![1], vec![]).unwrap(), episodes).unwrap();
        let two = group(vec![episode(0.1, 0.2), episode(0.3, 0.4)]);
        let other = group(vec![episode(0.5, 0.6), episode(0.7, 0.8)]);
        let found = rewards(&[two.clone(), other]).unwrap();
        assert_eq!(found.shape(), [2, 2, 2]);
        assert_eq!(found.values(), [0.1f32, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8].map(f64::from));
        let short = group(vec![episode(0.1, 0.2)]);
        let wrong = rewards(&[two, short]).unwrap_err();
        assert_eq!(wrong, Error::Length { what: "episodes of a group", expected: 2, got: 1 });
        assert!(rewards(&[]).is_err());
    }

    #[test]
    fn a_group_without_spread_earned_the_same_everywhere() {
        let judged = |verdict| Attempt::new(vec![3], vec![0.0], StopReason::FixedLength, verdict).unwrap();
        let episode = |a, b| Trajectory::new(vec![1], vec![9], vec![judged(a), judged(b)]).unwrap();
        let episodes = vec![episode(Verdict::Right, Verdict::Right), episode(Verdict::Right, Verdict::Wrong)];
        let group = Group::new(Problem::new(4, vec![1], vec![2]).unwrap(), episodes).unwrap();
        assert!(group.has_zero_spread(0) && !group.has_zero_spread(1));
        let episode = &group.trajectories()[1];
        assert_eq!((episode.prompt(), episode.revision()), (&[1][..], &[9][..]));
        assert_eq!(group.problem().id(), 4);
    }

    #[test]
    fn groups_refuse_ragged_attempts() {
        let problem = Problem::new(0, vec![1], vec![]).unwrap();
        let one = Trajectory::new(vec![1], vec![], vec![attempt(&[3])]).unwrap();
        let two = Trajectory::new(vec![1], vec![], vec![attempt(&[3]), attempt(&[4])]).unwrap();
        assert_eq!(
            Group::new(problem, vec![one, two]).unwrap_err(),
            Error::Length { what: "attempts of a trajectory in a group", expected: 1, got: 2 }
        );
    }
}
