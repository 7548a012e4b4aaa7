//! Values over steps, bounded in memory.

use std::collections::VecDeque;

/// Points of one line, in order of their steps; every other one is dropped whenever there are too many.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    points: Vec<(f64, f64)>,
}

impl Track {
    /// Adds a point. Those at its step or after it are of a run that was taken back, and go.
    pub(super) fn push(&mut self, step: usize, value: f64) {
        let step = step as f64;
        while self.points.last().is_some_and(|(last, _)| *last >= step) {
            self.points.pop();
        }
        if !value.is_finite() {
            return;
        }
        if self.points.len() >= MAX_POINTS {
            let mut index = 0;
            self.points.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
        self.points.push((step, value));
    }

    pub(super) fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    pub(super) fn last(&self) -> Option<(f64, f64)> {
        self.points.last().copied()
    }
}

/// One track an attempt.
pub(super) fn push_each(tracks: &mut Vec<Track>, step: usize, values: impl IntoIterator<Item = f64>) {
    for (attempt, value) in values.into_iter().take(MAX_ATTEMPTS).enumerate() {
        if tracks.len() == attempt {
            tracks.push(Track::default());
        }
        tracks[attempt].push(step, value);
    }
}

/// How long steps take, by the latest of them.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<f64>,
    gaps: VecDeque<f64>,
}

impl Pace {
    /// A step ended, so many seconds after the start of the run.
    pub(super) fn step(&mut self, seconds: Option<f64>) {
        // The clock of a run that was resumed begins anew.
        let gap = seconds.zip(self.last).map(|(now, last)| now - last).filter(|gap| gap.is_finite() && *gap > 0.0);
        self.last = seconds;
        if let Some(gap) = gap {
            if self.gaps.len() == LATEST {
                self.gaps.pop_front();
            }
            self.gaps.push_back(gap);
        }
    }

    /// What goes on now is not a step: the next one's time is not known.
    pub(super) fn interrupt(&mut self) {
        self.last = None;
    }

    /// Seconds of a step. A pause is not a step's own time: what took ten times as long as is usual does not count.
    pub(super) fn seconds_a_step(&self) -> Option<f64> {
        let mut sorted: Vec<f64> = self.gaps.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let usual = *sorted.get(sorted.len() / 2)?;
        sorted.retain(|gap| *gap <= 10.0 * usual);
        Some(sorted.iter().sum::<f64>() / sorted.len() as f64)
    }
}

/// No track holds more points.
const MAX_POINTS: usize = 2048;
/// No attempt beyond this one is followed.
pub(super) const MAX_ATTEMPTS: usize = 16;
/// Steps whose time tells the pace.
const LATEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_stays_small_and_keeps_its_ends() {
        let mut track = Track::default();
        (1..=100_000).for_each(|step| track.push(step, step as f64));
        assert!(track.points().len() <= MAX_POINTS);
        assert_eq!((track.points()[0], track.last()), ((1.0, 1.0), Some((100_000.0, 100_000.0))));
    }

    #[test]
    fn steps_taken_again_replace_what_they_were() {
        let mut track = Track::default();
        (1..=9).for_each(|step| track.push(step, 0.0));
        track.push(4, 1.0);
        track.push(5, f64::NAN);
        assert_eq!(track.points(), [(1.0, 0.0), (2.0, 0.0), (3.0, 0.0), (4.0, 1.0)]);
    }

    #[test]
    fn a_pause_and_a_new_clock_do_not_count_as_steps() {
        let mut pace = Pace::default();
        assert_eq!(pace.seconds_a_step(), None);
        for seconds in [10.0, 12.0, 14.0, 16.0, 600.0, 602.0, 1.0, 3.0] {
            pace.step(Some(seconds));
        }
        assert_eq!(pace.seconds_a_step(), Some(2.0));
        pace.step(None);
        pace.step(Some(10.0));
        pace.interrupt();
        pace.step(Some(17.0));
        assert_eq!(pace.seconds_a_step(), Some(2.0));
    }
}
