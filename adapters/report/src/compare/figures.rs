//! One line a run: accuracy at the last attempt, and delta.

use super::{
    super::{
        chart::{Axis, Chart, Frame, Line, Point},
        text::{percent, signed, stage_name},
    },
    Entry,
    groups::{MEASURES, Measure},
};

/// The chart of accuracy at the last attempt.
pub(super) fn accuracy(entries: &[Entry]) -> Chart {
    let label = "Accuracy at the last attempt over RL steps, one line a run";
    chart(entries, MEASURES[1].1, percent, label, |values| Axis {
        unit: "\u{a0}%",
        ..Axis::covering(values, 20.0, (0.0, 100.0), 4.0)
    })
}

/// The chart of delta, in points.
pub(super) fn delta(entries: &[Entry]) -> Chart {
    let label = "Delta, the last attempt's accuracy minus the first's, in points, over RL steps, one line a run";
    chart(entries, MEASURES[2].1, signed, label, |values| Axis::covering(values.chain([0.0]), 4.0, (-100.0, 100.0), 4.0))
}

/// The frames for a number of lines: as high as their labels need.
pub(super) fn frames(lines: usize) -> [Frame; 2] {
    let more = 16.0 * lines.saturating_sub(12) as f64;
    let taller = |frame: Frame| Frame { height: frame.height + more, ..frame };
    [taller(Frame::WIDE), taller(Frame::NARROW)]
}

/// The colour class and the dashes of a run's line. Up to 64 runs no pair occurs twice, and of eight in a row no two share either.
pub(super) fn look(index: usize) -> (&'static str, &'static str) {
    (COLOURS[index % 8], DASHES[(index + index / 8) % 8])
}

fn chart(
    entries: &[Entry],
    pick: Measure,
    value: fn(Option<f64>) -> String,
    label: &str,
    axis: impl Fn(&mut dyn Iterator<Item = f64>) -> Axis,
) -> Chart {
    let lines: Vec<Line> = entries.iter().enumerate().map(|(index, entry)| line(index, entry, pick, value)).collect();
    let ends: Vec<String> = entries.iter().zip(&lines).map(|(entry, line)| format!("{} ({})", line.value, entry.name)).collect();
    let y = axis(&mut lines.iter().flat_map(|line| line.points.iter().filter_map(|point| point.1)));
    Chart {
        heading: None,
        label: format!("{label}. At the end: {}", ends.join(", ")),
        x_end: entries.iter().map(|entry| entry.run.last_step()).fold(1.0, f64::max),
        y,
        spans: spans(entries),
        lines,
        band: Vec::new(),
        band_text: String::new(),
        tags: Vec::new(),
    }
}

fn line(index: usize, entry: &Entry, pick: Measure, value: fn(Option<f64>) -> String) -> Line {
    let (class, dash) = look(index);
    let points: Vec<Point> = entry.run.evals.iter().map(|(x, eval)| (x, pick(eval))).collect();
    let dots = entry.run.evals.iter().filter(|(_, eval)| eval.last).filter_map(|(x, eval)| Some((x, pick(eval)?, true)));
    let end = points.iter().rev().find_map(|point| point.1);
    Line { class, dash, value: format!("{} {}", entry.letter, value(end)), dots: dots.collect(), points, ..Line::default() }
}

/// The stages, where all runs have the same; else none is marked, and the dots say where a stage of a run ends.
fn spans(entries: &[Entry]) -> Vec<(f64, f64, String)> {
    let of = |entry: &Entry| -> Vec<_> {
        entry.run.spans.iter().map(|span| (span.start, span.end, stage_name(&span.stage).to_owned())).collect()
    };
    let first = of(&entries[0]);
    if entries.iter().all(|entry| of(entry) == first) { first } else { Vec::new() }
}

const COLOURS: [&str; 8] = ["run r1", "run r2", "run r3", "run r4", "run r5", "run r6", "run r7", "run r8"];
const DASHES: [&str; 8] = ["", "7 5", "1.5 5", "11 5 1.5 5", "16 6", "4 4", "11 5 1.5 5 1.5 5", "2 3 9 3"];
