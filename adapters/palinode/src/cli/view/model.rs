//! What the live view knows of a run: a summary of its events, bounded in memory however long the run is.

use std::collections::VecDeque;

use palinode::train::{
    arm::StageName,
    event::{Checked, Event, Phase, Summary},
    verdicts::VerdictTable,
};

use super::{
    episode::{Shown, shown},
    track::{MAX_ATTEMPTS, Pace, Track, push_each},
};

/// A run as it is drawn, and what the person looking at it chose to see.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(super) about: Option<About>,
    pub(super) stage: Option<Stage>,
    /// RL steps taken.
    pub(super) rl_step: usize,
    /// The closing evaluation of the base, and the latest of all.
    pub(super) base: Option<Summary>,
    pub(super) now: Option<Summary>,
    /// Accuracy of each attempt in percent, by evaluations, over RL steps.
    pub(super) accuracy: Vec<Track>,
    /// Mean reward of each attempt in training, over RL steps.
    pub(super) reward: Vec<Track>,
    /// KL of each attempt to the reference, nats, over RL steps.
    pub(super) kl: Vec<Track>,
    /// The latest RL step.
    pub(super) step: Option<Step>,
    pub(super) warm: Warm,
    /// A check before the first step, and how many of all its episodes are done.
    pub(super) checking: Option<(Checked, usize, usize)>,
    pub(super) warnings: VecDeque<Note>,
    pub(super) episodes: VecDeque<Shown>,
    /// Number of the episode in sight; without one, the newest.
    pub(super) chosen: Option<u64>,
    /// Lines of the episode in sight that are scrolled past.
    pub(super) scroll: usize,
    pub(super) pace: Pace,
    /// Of the latest event that has a time, since the start of the run.
    pub(super) seconds: Option<f64>,
    /// Seconds since anything was heard of the run.
    pub(super) silence: f64,
    pub(super) ended: bool,
    pub(super) mode: Mode,
    pub(super) help: bool,
    /// Whether the verdicts lie over the rest.
    pub(super) judged: bool,
    /// Draw without colour.
    pub(super) plain: bool,
    numbered: u64,
}

/// Whose run is looked at.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    /// That of another process.
    #[default]
    Watch,
    /// Our own, and what was asked of it.
    Train { paused: bool, checkpoint: bool, stopping: bool },
}

/// Who trains what.
#[derive(Debug)]
pub(super) struct About {
    pub(super) task: String,
    pub(super) arm: String,
    pub(super) seed: u64,
    pub(super) parameters: usize,
    /// RL steps planned.
    pub(super) rl_steps: usize,
}

/// The stage under way.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) name: StageName,
    pub(super) step: usize,
    /// At most, in the warm start.
    pub(super) steps: usize,
    pub(super) over: bool,
}

/// What the view says of an RL step.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) i_to_c: f64,
    pub(super) c_to_i: f64,
    pub(super) changed: f64,
    pub(super) episodes: u64,
    pub(super) verdicts: VerdictTable,
}

/// What is known of the warm start.
#[derive(Debug, Default)]
pub(super) struct Warm {
    pub(super) phase: usize,
    pub(super) loss: f64,
    /// Checks on training problems, in percent, over warm steps.
    pub(super) acc_t1: Track,
    pub(super) p_fix_wrong: Track,
}

/// A warning, and how often it came.
#[derive(Debug, PartialEq)]
pub(super) struct Note {
    pub(super) rl_step: Option<usize>,
    pub(super) message: String,
    pub(super) times: u64,
}

impl View {
    /// An empty view for `mode`, in colour unless `plain`.
    pub(crate) fn new(mode: Mode, plain: bool) -> Self {
        Self { mode, plain, ..Self::default() }
    }

    /// What is asked of our own run.
    pub(super) fn steer(&mut self, mode: Mode) {
        self.mode = mode;
        if self.is_paused() {
            self.pace.interrupt();
        }
    }

    /// Forgets the run, not what the person chose.
    pub(crate) fn forget(&mut self) {
        *self = Self { help: self.help, judged: self.judged, ..Self::new(self.mode, self.plain) };
    }

    /// One event, and when it happened, since the start of the run.
    pub(crate) fn take(&mut self, event: &Event, seconds: Option<f64>) {
        self.seconds = seconds.filter(|seconds| seconds.is_finite()).or(self.seconds);
        self.silence = 0.0;
        self.checking = None;
        match event {
            Event::Checking { check, done, all } => self.checking = Some((*check, *done, *all)),
            Event::Run { task, arm, seed, parameters, steps, .. } => {
                let (task, arm) = (shown(task, 40), shown(arm, 20));
                self.about = Some(About { task, arm, seed: *seed, parameters: *parameters, rl_steps: steps[1] });
            }
            Event::Stage { stage, phase: Phase::Start, steps, rl_step } => {
                self.pace = Pace::default();
                self.rl_step = *rl_step;
                self.stage = Some(Stage { name: *stage, step: 0, steps: *steps, over: false });
            }
            Event::Stage { phase: Phase::End, .. } => {
                if let Some(stage) = &mut self.stage {
                    stage.over = true;
                }
            }
            Event::Warm { step, .. } => {
                self.count(*step, seconds);
                self.take_warm(event);
            }
            Event::Step(metrics) => {
                self.count(metrics.step, seconds);
                self.rl_step = metrics.rl_step;
                push_each(&mut self.reward, metrics.rl_step, metrics.reward.iter().copied());
                push_each(&mut self.kl, metrics.rl_step, metrics.kl.iter().copied());
                let attempts = metrics.reward.len().max(1) as u64;
                self.step = Some(Step {
                    i_to_c: metrics.i_to_c,
                    c_to_i: metrics.c_to_i,
                    changed: metrics.changed,
                    episodes: metrics.verdicts.total() / attempts,
                    verdicts: metrics.verdicts.clone(),
                });
            }
            Event::Eval { stage, rl_step, summary, .. } => {
                push_each(&mut self.accuracy, *rl_step, summary.acc.iter().copied());
                let mut summary = summary.clone();
                summary.acc.truncate(MAX_ATTEMPTS);
                if *stage == StageName::Base {
                    self.base = Some(summary.clone());
                }
                self.now = Some(summary);
            }
            Event::Episode(episode) => {
                if self.episodes.len() == MAX_EPISODES {
                    self.episodes.pop_front();
                }
                self.episodes.push_back(Shown::new(self.numbered, episode));
                self.numbered += 1;
            }
            Event::Warning { rl_step, message, .. } => self.warn(Some(*rl_step), message),
            Event::End { .. } => self.ended = true,
            _ => {}
        }
    }

    /// A step of the warm start.
    fn take_warm(&mut self, event: &Event) {
        let Event::Warm { phase, step, loss, acc_t1, sampled_t1, p_fix_wrong, .. } = event else { return };
        (self.warm.phase, self.warm.loss) = (*phase, loss.unwrap_or(self.warm.loss));
        let acc_t1 = &acc_t1.or(*sampled_t1);
        for (track, value) in [(&mut self.warm.acc_t1, acc_t1), (&mut self.warm.p_fix_wrong, p_fix_wrong)] {
            if let Some(value) = value {
                track.push(*step, *value);
            }
        }
    }

    fn count(&mut self, step: usize, seconds: Option<f64>) {
        self.pace.step(seconds);
        if let Some(stage) = &mut self.stage {
            stage.step = step;
        }
    }

    /// Notes what a person should know; the same again is counted.
    pub(crate) fn warn(&mut self, rl_step: Option<usize>, message: &str) {
        let message = shown(message, 400).replace('\n', " ");
        if let Some(at) = self.warnings.iter().position(|note| note.message == message) {
            let note = self.warnings.remove(at).map(|note| Note { rl_step, times: note.times + 1, ..note });
            self.warnings.extend(note);
            return;
        }
        if self.warnings.len() == MAX_WARNINGS {
            self.warnings.pop_front();
        }
        self.warnings.push_back(Note { rl_step, message, times: 1 });
    }

    /// What was warned of, oldest first.
    pub(crate) fn warned(&self) -> impl Iterator<Item = &str> {
        self.warnings.iter().map(|note| note.message.as_str())
    }

    /// The episode in sight, and how many newer ones there are.
    pub(super) fn episode(&self) -> Option<(&Shown, usize)> {
        let index = self.index()?;
        Some((&self.episodes[index], self.episodes.len() - 1 - index))
    }

    /// Works out what drawing the episode in sight needs.
    pub(crate) fn prepare(&mut self) {
        if let Some(index) = self.index() {
            self.episodes[index].compare();
        }
    }

    /// Goes to an older episode, or to a newer one; after the newest, the view goes along with what comes.
    pub(super) fn turn(&mut self, older: bool) {
        let Some(index) = self.index() else { return };
        let index = if older { index.saturating_sub(1) } else { index + 1 };
        self.chosen = self.episodes.get(index).filter(|_| index + 1 < self.episodes.len()).map(|episode| episode.number);
        self.scroll = 0;
    }

    fn index(&self) -> Option<usize> {
        let newest = self.episodes.len().checked_sub(1)?;
        let Some(chosen) = self.chosen else { return Some(newest) };
        // One that was dropped gives its place to the oldest that is left.
        Some(self.episodes.iter().position(|episode| episode.number >= chosen).unwrap_or(newest))
    }

    /// Seconds since the start of the run.
    pub(super) fn elapsed(&self) -> Option<f64> {
        let since = if self.ended || self.is_paused() { 0.0 } else { self.silence };
        self.seconds.map(|seconds| seconds + since)
    }

    /// About how many seconds the stage and the run will still take, at the latest pace.
    pub(super) fn left(&self) -> [Option<f64>; 2] {
        let (Some(pace), Some(stage)) = (self.pace.seconds_a_step(), &self.stage) else { return [None; 2] };
        let since = if self.is_paused() { 0.0 } else { self.silence };
        let left = |steps: usize| (steps as f64 * pace - since).max(0.0);
        let of_stage = left(stage.steps.saturating_sub(stage.step));
        // A step of the warm start tells nothing of a step of RL.
        let of_run = self.about.as_ref().filter(|_| stage.name != StageName::Base);
        [Some(of_stage), of_run.map(|about| left(about.rl_steps.saturating_sub(self.rl_step)).max(of_stage))]
    }

    fn is_paused(&self) -> bool {
        matches!(self.mode, Mode::Train { paused: true, .. })
    }
}

/// Episodes and warnings that are kept.
const MAX_EPISODES: usize = 64;
const MAX_WARNINGS: usize = 20;

#[cfg(test)]
mod tests {
    use super::{
        super::fixtures::{episode, run, step, warning},
        *,
    };

    #[test]
    fn memory_is_bounded() {
        let mut view = View::default();
        run(&mut view);
        for n in 1..=5000 {
            view.take(&step(n, n as f64), Some(n as f64));
            view.take(&episode(n, "12", "21", &"x".repeat(9000)), None);
            view.take(&warning(n, &format!("warning {n}")), None);
        }
        assert_eq!((view.episodes.len(), view.warnings.len()), (MAX_EPISODES, MAX_WARNINGS));
        assert!(view.reward.iter().all(|track| track.points().len() <= 2048));
        assert!(view.episodes.iter().all(|episode| episode.attempts.iter().all(|a| a.text.len() < 5000)));
    }

    #[test]
    fn a_warning_again_is_counted_once() {
        let mut view = View::default();
        for (at, message) in [(1, "a"), (2, "b"), (3, "a")] {
            view.take(&warning(at, message), None);
        }
        let note = |rl_step, message: &str, times| Note { rl_step: Some(rl_step), message: message.into(), times };
        assert_eq!(view.warnings, [note(2, "b", 1), note(3, "a", 2)]);
    }

    #[test]
    fn episodes_are_turned_one_by_one_and_the_newest_is_followed() {
        let mut view = View::default();
        view.turn(true);
        assert!(view.episode().is_none());
        let at = |view: &View| view.episode().map(|(shown, newer)| (shown.number, newer));
        (0..3).for_each(|n| view.take(&episode(n, "1", "2", "3"), None));
        assert_eq!(at(&view), Some((2, 0)));
        view.turn(true);
        view.take(&episode(3, "1", "2", "3"), None);
        assert_eq!(at(&view), Some((1, 2)));
        (0..9).for_each(|_| view.turn(true));
        assert_eq!(at(&view), Some((0, 3)));
        (0..9).for_each(|_| view.turn(false));
        view.take(&episode(4, "1", "2", "3"), None);
        assert_eq!(at(&view), Some((4, 0)));
        // An episode that is dropped while it is in sight.
        view.turn(true);
        (5..500).for_each(|n| view.take(&episode(n, "1", "2", "3"), None));
        assert_eq!(at(&view), Some((436, 63)));
    }

    #[test]
    fn time_left_is_what_the_latest_steps_took() {
        let mut view = View::default();
        run(&mut view);
        assert_eq!(view.left(), [None, None]);
        for n in 1..=10 {
            view.take(&step(n, 0.5), Some(100.0 + 2.0 * n as f64));
        }
        // 20 steps a stage, 50 steps in all.
        assert_eq!(view.left(), [Some(20.0), Some(80.0)]);
        view.silence = 1.5;
        assert_eq!((view.left(), view.elapsed()), ([Some(18.5), Some(78.5)], Some(121.5)));
        view.mode = Mode::Train { paused: true, checkpoint: false, stopping: false };
        assert_eq!((view.left(), view.elapsed()), ([Some(20.0), Some(80.0)], Some(120.0)));
        assert_eq!(view.step.as_ref().unwrap().episodes, 512);
    }

    #[test]
    fn numbers_at_the_limits_of_their_types_do_no_harm() {
        let mut view = View::default();
        run(&mut view);
        for value in [f64::MAX, f64::MIN, f64::NAN, f64::INFINITY] {
            view.take(&step(usize::MAX, value), Some(value));
        }
        view.take(
            &Event::Stage { stage: StageName::StageTwo, phase: Phase::Start, steps: usize::MAX, rl_step: usize::MAX },
            None,
        );
        view.take(&step(1, 1.0), Some(1.0));
        view.take(&step(2, 1.0), Some(1e300));
        assert!(view.left()[0].is_some());
    }
}
