//! Why a reward does not rise.

use serde::{Deserialize, Serialize};

/// RL steps over which a rise is looked for: the second half against the first.
pub(crate) const STEPS: usize = 50;
/// A rise of the last attempt's mean reward below which it is flat.
const RISE: f64 = 0.01;
/// Rewards from which on there is nothing left to learn, and up to which there is nothing to learn from.
const ALL: f64 = 0.98;
const NONE: f64 = 0.001;
/// Nats an attempt that a policy is away from its reference when it may move at all.
const MOVED: f64 = 0.02;

/// The measures of a step from which one can tell why nothing is learned. Shares are in `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Mean reward of the last attempt.
    pub reward: f64,
    /// Groups that earned the same at each attempt that is trained.
    pub spreadless: f64,
    /// Episodes whose last answer differs from the first.
    pub changed: f64,
    /// Attempts out of which no answer could be read.
    pub unparseable: f64,
    /// Attempts that were cut off.
    pub truncated: f64,
    /// Largest mean KL of an attempt to the reference, nats.
    pub kl: f64,
}

impl Seen {
    /// The means of several.
    pub(crate) fn mean(steps: &[Self]) -> Self {
        let of = |value: fn(&Self) -> f64| steps.iter().map(value).sum::<f64>() / steps.len().max(1) as f64;
        Self {
            reward: of(|seen| seen.reward),
            spreadless: of(|seen| seen.spreadless),
            changed: of(|seen| seen.changed),
            unparseable: of(|seen| seen.unparseable),
            truncated: of(|seen| seen.truncated),
            kl: of(|seen| seen.kl),
        }
    }
}

/// Why the last attempt's reward has not risen over these steps, and what may help; `None` where it has.
pub(crate) fn of(steps: &[Seen]) -> Option<String> {
    let (before, now) = steps.split_at(steps.len() / 2);
    let (before, now, whole) = (Seen::mean(before), Seen::mean(now), Seen::mean(steps));
    if now.reward - before.reward >= RISE {
        return None;
    }
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let why = if whole.reward >= ALL {
        format!(
            "{} of the last attempts are right: nothing is left to learn; stop here, or use harder problems",
            percent(whole.reward)
        )
    } else if whole.truncated >= 0.5 {
        format!("{} of the attempts are cut off; allow longer answers (--max-answer)", percent(whole.truncated))
    } else if whole.unparseable >= 0.5 {
        format!(
            "no answer can be read out of {} of the attempts; another verifier, or a problem text that says how to answer, may be needed",
            percent(whole.unparseable)
        )
    } else if whole.reward <= NONE {
        "no sample is right, so nothing is rewarded; use easier problems, more samples a problem, or a longer warm start".into()
    } else if whole.spreadless >= 0.95 {
        format!(
            "in {} of the groups all episodes earn the same, and only differences teach; use problems of another difficulty, or more samples a problem",
            percent(whole.spreadless)
        )
    } else if whole.changed < 0.02 {
        format!("only {:.1} % of the second attempts differ from the first; attempt 2 has become a copy", whole.changed * 100.0)
    } else if whole.kl < MOVED {
        format!(
            "groups differ in what they earn, but the policy is within {:.3} nats of its reference: KL, or a small learning rate, holds it back; lower \
             beta1, or raise the learning rate",
            whole.kl
        )
    } else {
        format!(
            "groups differ in what they earn, and the policy is {:.2} nats away from its reference; another learning rate, or more samples a problem, may help",
            whole.kl
        )
    };
    let reward = format!("{:.3} to {:.3}", before.reward, now.reward);
    Some(format!("flat: the last attempt's reward went from {reward} over the last {} steps: {why}", steps.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEALTHY: Seen = Seen { reward: 0.4, spreadless: 0.3, changed: 0.3, unparseable: 0.0, truncated: 0.0, kl: 0.5 };

    #[test]
    fn each_cause_is_named() {
        let cases = [
            (Seen { reward: 0.99, spreadless: 0.97, ..HEALTHY }, "nothing is left to learn"),
            (Seen { reward: 0.0, spreadless: 1.0, ..HEALTHY }, "no sample is right"),
            (Seen { reward: 0.0, truncated: 0.7, spreadless: 1.0, ..HEALTHY }, "70 % of the attempts are cut off"),
            (Seen { reward: 0.0, unparseable: 0.6, spreadless: 1.0, ..HEALTHY }, "read out of 60 %"),
            (Seen { spreadless: 0.96, ..HEALTHY }, "only differences teach"),
            (Seen { changed: 0.01, ..HEALTHY }, "1.0 % of the second attempts differ"),
            (Seen { kl: 0.001, ..HEALTHY }, "holds it back"),
            (HEALTHY, "another learning rate"),
        ];
        for (seen, words) in cases {
            let message = of(&[seen; STEPS]).unwrap();
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn what_rises_is_not_flat() {
        let steps: Vec<Seen> = (0..STEPS).map(|i| Seen { reward: 0.4 + i as f64 * 0.001, ..HEALTHY }).collect();
        assert_eq!(of(&steps), None);
    }
}
