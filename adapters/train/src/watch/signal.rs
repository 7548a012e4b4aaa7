//! Whether there is anything to learn: what the base model's samples earn, before a step is taken.
//!
//! RL can only strengthen what is sampled now and then. Where no wrong first attempt is ever taken back, hours of training find nothing.

use palinode_core::{
    attempt::Attempt,
    rng::{RandomKey, Stream},
    rollout::Draw,
    sampler::Sampler,
    sampling::Sampling,
    task::{Problem, Split},
    trajectory::Group,
    transitions::Transitions,
    turns::MultiTurnTask,
    verifier::Verdict,
};
use serde::{Deserialize, Serialize};

use crate::{
    config::TrainConfig,
    episodes::episodes_of,
    error::TrainError,
    event::Summary,
    gradient::workers::Workers,
    play::{play_draws, rollout_config, together},
    verdicts::VerdictTable,
};

/// Problems that are asked, at most.
const PROBLEMS: usize = 64;
/// Episodes of each, at most.
const SAMPLES: usize = 8;
/// Steps that are worth as many episodes: it costs no more than to take those without learning from them.
const STEPS: usize = 2;
/// Parts that a thread alone would play one after another, at least.
const PARTS: usize = 8;
/// Share of attempts from which on a verdict is worth a word.
const MANY: f64 = 0.3;

/// What the base model's samples earn on training problems.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Signal {
    /// Problems that were asked.
    pub problems: usize,
    /// Episodes of each.
    pub samples: usize,
    /// Share of episodes whose first and whose last attempt is right.
    pub right: [f64; 2],
    /// The same of held-out problems, greedily: of the base's evaluation, where it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub greedy: Option<[f64; 2]>,
    /// Problems with a first attempt that is wrong.
    pub wrong_at_first: usize,
    /// Those of them where, among their episodes with a wrong first attempt, some last attempt is right: pass@`samples` of the correction.
    pub corrected: usize,
    /// Share of problems whose episodes all earn the same at the last attempt: they give no gradient.
    pub without_spread: f64,
    /// Attempts by verdict, one entry an attempt.
    #[serde(skip_serializing_if = "VerdictTable::is_empty", default)]
    pub verdicts: VerdictTable,
}

impl Signal {
    /// Problems and episodes of each that are played for a run of these settings: of two of its steps, and no more than 64 times 8.
    pub fn size(task: &dyn MultiTurnTask, config: &TrainConfig) -> [usize; 2] {
        let rl = &config.reinforce;
        let samples = rl.samples.min(SAMPLES);
        let problems = (STEPS * rl.problems).saturating_mul(rl.samples) / samples.max(1);
        let all = task.len(Split::Train).map_or(PROBLEMS, |all| all.min(PROBLEMS as u64) as usize);
        [problems.clamp(1, PROBLEMS).min(all), samples]
    }

    /// Plays as the first step would. `told` hears how many episodes are done, and of how many, whenever some more are.
    ///
    /// # Errors
    /// Those of [`play`](crate::play::play), and of `told`.
    pub fn of<S: Sampler + Sync>(
        sampler: &S,
        task: &dyn MultiTurnTask,
        config: &TrainConfig,
        workers: &Workers,
        mut told: impl FnMut(usize, usize) -> Result<(), TrainError>,
    ) -> Result<Self, TrainError> {
        let [count, samples] = Self::size(task, config);
        let problems: Vec<Problem> = (0..count as u64).map(|index| task.problem(config.seed, Split::Train, index)).collect();
        let sampling = Sampling::temperature(config.reinforce.temperature)?;
        let rollouts = rollout_config(task, config.attempts, samples, sampling)?;
        let (draws, key) = (Draw::all(&problems), RandomKey::new(config.seed, Stream::Evaluation));
        let mut groups = Vec::new();
        told(0, count * samples)?;
        // However few there are, whoever looks on hears of some of them before the last.
        let together = together(&rollouts, workers).min(count.div_ceil(PARTS)).max(1);
        for batch in draws.chunks(together * workers.threads()) {
            groups.extend(play_draws(sampler, task, batch, together, &rollouts, key, workers)?);
            told(groups.len() * samples, count * samples)?;
        }
        Ok(Self::count(&groups))
    }

    /// The same, beside what the base's greedy evaluation found.
    pub fn beside(self, greedy: Option<&Summary>) -> Self {
        Self { greedy: greedy.map(|greedy| [greedy.acc_t1 / 100.0, greedy.acc_t2 / 100.0]), ..self }
    }

    fn count(groups: &[Group]) -> Self {
        let ends = |group: &Group| -> Vec<[bool; 2]> {
            let attempts = group.trajectories().iter().map(|episode| episode.attempts());
            let right = |attempt: Option<&Attempt>| attempt.is_some_and(|attempt| attempt.verdict().is_right());
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
            greedy: None,
            wrong_at_first: wrong.len(),
            corrected: wrong.iter().filter(|lasts| lasts.contains(&true)).count(),
            without_spread: groups.iter().filter(|group| group.has_zero_spread(last)).count() as f64 / groups.len().max(1) as f64,
            verdicts: VerdictTable::from(&Transitions::of(episodes_of(groups))),
        }
    }

    /// The one line that says it all.
    pub fn in_words(&self) -> String {
        let greedy = self.greedy.map_or_else(String::new, |[first, last]| {
            format!(" (greedy, on held-out problems: {:.0} % and {:.0} %)", 100.0 * first, 100.0 * last)
        });
        format!(
            "sampled, attempt 1 is right in {:.0} % and the last in {:.0} %{greedy}; of {} problems with a wrong attempt 1, {} are corrected in some of {} samples",
            100.0 * self.right[0],
            100.0 * self.right[1],
            self.wrong_at_first,
            self.corrected,
            self.samples
        )
    }

    /// What is wrong, and what to change, where there is next to nothing to learn from.
    pub fn advice(&self) -> Option<String> {
        let found = match self {
            Self { wrong_at_first: 0, .. } => {
                return Some("every sampled attempt 1 is right: there is nothing to correct; use harder problems".into());
            }
            Self { right: [0.0, 0.0], .. } => "no sampled attempt is right: look at the answers with `palinode try`",
            Self { corrected: 0, .. } => "no wrong attempt 1 is ever corrected: RL has nothing to strengthen",
            Self { without_spread: 0.95.., .. } => "almost all problems earn the same in all samples",
            _ => return None,
        };
        let causes: Vec<String> = [self.cut_off(), self.unparseable(), self.colder()].into_iter().flatten().collect();
        let others = match self {
            Self { right: [0.0, 0.0], .. } => {
                "easier problems, a warm start on the references or a longer one (--steps-warm), or a stronger model"
            }
            Self { corrected: 0, .. } => {
                "easier problems, more samples (--samples), another revision instruction (--revision-instruction), or a longer warm start (--steps-warm; of a \
                 model folder with corrections among its examples: --warm-corrections)"
            }
            _ => "use problems of medium difficulty, or more samples a problem (--samples)",
        };
        Some([vec![found.to_owned()], causes, vec![others.to_owned()]].concat().join("; "))
    }

    fn share(&self, verdict: Verdict) -> Option<String> {
        let share = self.verdicts.share(verdict.name());
        (share >= MANY).then(|| format!("{:.0} %", 100.0 * share))
    }

    fn cut_off(&self) -> Option<String> {
        let share = self.share(Verdict::Truncated)?;
        Some(format!("{share} of the attempts are cut off: allow longer answers (--max-answer), or ask for shorter ones"))
    }

    fn unparseable(&self) -> Option<String> {
        let share = self.share(Verdict::Unparseable)?;
        Some(format!(
            "out of {share} of the attempts no answer can be read: say in the problems or by --system in which form the verifier wants it, take a verifier that reads \
             what the model writes (--verifier), or teach the form by a warm start (--steps-warm)"
        ))
    }

    /// Where the model knows more than its samples show.
    fn colder(&self) -> Option<String> {
        let [sampled, greedy] = [self.right[0], self.greedy?[0]];
        (greedy >= 0.05 && greedy >= 2.0 * sampled).then(|| {
            format!(
                "greedy, attempt 1 is right in {:.0} %, sampled in {:.0} %: lower the temperature (train.reinforce.temperature; it is scored at the same), or \
                 sharpen the model by a warm start (--steps-warm). There is no top-p here: an update scores each answer by the distribution that it was drawn \
                 from, and one without its tail gives no probability to answers that the model may well take up",
                100.0 * greedy,
                100.0 * sampled
            )
        })
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
        assert_eq!(signal.verdicts.total(), 2 * 6, "every attempt is counted");
        let advice = |episodes: &[[bool; 2]]| Signal::count(&[group(0, episodes)]).advice().unwrap();
        assert!(advice(&[[true, true], [true, false]]).contains("nothing to correct"));
        assert!(advice(&[[false, false]; 2]).contains("no sampled attempt is right"));
        assert!(advice(&[[true, true], [false, false]]).contains("ever corrected"));
        assert!(advice(&[[false, true]; 2]).contains("earn the same"));
    }

    fn of_verdicts(verdicts: &[Verdict]) -> Signal {
        let attempt = |verdict: Verdict| {
            let stop = if verdict == Verdict::Truncated { StopReason::Truncated } else { StopReason::FixedLength };
            Attempt::new(vec![1], vec![0.0], stop, verdict).unwrap()
        };
        let episode = |verdict: &Verdict| Trajectory::new(vec![1], vec![], vec![attempt(*verdict); 2]).unwrap();
        let episodes = verdicts.iter().map(episode).collect();
        Signal::count(&[Group::new(Problem::new(0, vec![1], vec![]).unwrap(), episodes).unwrap()])
    }

    #[test]
    fn the_advice_names_the_setting_that_would_help() {
        use Verdict::{Right, Truncated, Unparseable, Wrong};
        let greedy = |acc_t1| Summary::of_accuracies(vec![acc_t1, 0.0]);
        for (verdicts, acc_t1, wanted, unwanted) in [
            (
                &[Truncated, Truncated, Wrong][..],
                0.0,
                &["67 % of the attempts are cut off", "--max-answer"][..],
                &["temperature", "--verifier"][..],
            ),
            (&[Unparseable, Wrong], 0.0, &["out of 50 %", "--verifier", "--steps-warm"], &["cut off", "temperature"]),
            (
                &[Wrong, Wrong],
                12.0,
                &["right in 12 %, sampled in 0 %", "reinforce.temperature", "no top-p", "--steps-warm"],
                &["cut off"],
            ),
            (&[Wrong, Right], 90.0, &["ever corrected", "--revision-instruction", "--warm-corrections"], &["temperature"]),
            (&[Wrong, Wrong], 4.0, &["easier problems", "--steps-warm"], &["temperature", "cut off", "--verifier"]),
        ] {
            let advice = of_verdicts(verdicts).beside(Some(&greedy(acc_t1))).advice().unwrap();
            assert!(wanted.iter().all(|part| advice.contains(part)), "{advice}");
            assert!(!unwanted.iter().any(|part| advice.contains(part)), "{advice}");
        }
    }

    #[test]
    fn no_more_is_played_than_two_steps_play() {
        let task = palinode_tasks::Ledger::new(4, 0.6).unwrap();
        let mut config = TrainConfig::default();
        for (problems, samples, size) in [(64, 8, [64, 8]), (4, 8, [8, 8]), (16, 4, [32, 4]), (3, 2, [6, 2]), (1, 64, [16, 8])] {
            (config.reinforce.problems, config.reinforce.samples) = (problems, samples);
            assert_eq!(Signal::size(&task, &config), size);
            assert!(size[0] * size[1] <= STEPS * problems * samples);
        }
    }

    #[test]
    fn an_older_log_is_read() {
        let text = r#"{"problems":3,"samples":2,"right":[0.5,0.25],"wrong_at_first":2,"corrected":1,"without_spread":0.5}"#;
        let signal: Signal = serde_json::from_str(text).unwrap();
        assert_eq!((signal.greedy, signal.verdicts.total(), signal.advice()), (None, 0, None));
    }
}
