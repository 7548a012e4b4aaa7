//! The figures of the report, from the run's events.

use super::{
    chart::{Axis, Chart, Line, Point, Tag},
    log::{Num, Step},
    run::Run,
    stats::{smooth, wilson, window},
    table,
    text::{clip, count, percent, plain, signed, stage_name},
};

/// Returns the chart of accuracy over RL steps, one line per attempt, the difference of first and last shaded.
pub(super) fn effect(run: &Run) -> Chart {
    let attempts = run.result().map_or(0, |eval| eval.acc.len());
    let at = |index: usize| -> Vec<Point> {
        run.evals.iter().map(|(x, eval)| (x, eval.acc.get(index).and_then(|acc| acc.0))).collect()
    };
    let lines: Vec<Line> = (0..attempts).map(|index| accuracy_line(run, index, at(index))).collect();
    let ends = lines.iter().flat_map(|line| line.whiskers.iter().flat_map(|(_, low, high)| [*low, *high]));
    let values = run.evals.iter().flat_map(|(_, eval)| eval.acc.iter().filter_map(|acc| acc.0)).chain(ends);
    let y = Axis { unit: "\u{a0}%", ..Axis::covering(values, 20.0, (0.0, 100.0), 5.0) };
    let (first, last) = (at(0), at(attempts.saturating_sub(1)));
    let mut band = vec![Vec::new()];
    for ((x, low), (_, high)) in first.iter().zip(&last).filter(|_| attempts > 1) {
        match (low, high, band.last_mut()) {
            (Some(low), Some(high), Some(piece)) => piece.push((*x, *low, *high)),
            _ => band.push(Vec::new()),
        }
    }
    band.retain(|piece| piece.len() > 1);
    // As the cards have it: a difference made anew may round to another tenth.
    let delta = run.evals.iter().last().and_then(|(_, eval)| table::delta(eval));
    Chart {
        label: effect_label(&lines, &first, &last),
        band,
        band_text: format!("{} points", signed(delta)),
        tags: tags(run, attempts),
        ..empty(run, y, lines)
    }
}

/// Returns title and subtitle of the standalone effect figure.
pub(super) fn effect_heading(run: &Run) -> (String, String) {
    let fields: Vec<String> = run
        .about
        .fields()
        .into_iter()
        .filter(|(name, _)| ["task", "arm", "seed"].contains(name))
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let n = run.result().and_then(|eval| eval.n.0).map(|n| format!("{} held-out problems", count(n)));
    let parts: Vec<String> = n.into_iter().chain(fields).collect();
    ("Accuracy of each attempt over training; shaded: gained by self-correction".to_owned(), clip(&parts.join(" · "), 90))
}

/// Returns the chart of the shares that attempt 2 corrects and breaks, and the smoothing window.
pub(super) fn transitions(run: &Run) -> Option<(Chart, usize)> {
    let share = |pick: fn(&Step) -> Num| points(run, |step| pick(step).0.map(|share| 100.0 * share));
    let kinds = [("ok", "wrong → right", share(|step| step.i_to_c)), ("bad", "right → wrong", share(|step| step.c_to_i))];
    smoothed(
        run,
        kinds.into_iter().map(|(class, name, points)| (class, name.to_owned(), points)),
        percent,
        |values| Axis { unit: "\u{a0}%", ..Axis::covering(values.chain([0.0]), 2.0, (0.0, 100.0), 4.0) },
        "Share of training problems whose answer attempt 2 corrects or breaks, over RL steps",
    )
}

/// Returns the chart of the KL divergence from the base per attempt, and the smoothing window.
pub(super) fn divergence(run: &Run) -> Option<(Chart, usize)> {
    let lines = per_attempt(run, |step| &step.kl);
    let label = "Divergence of the policy from the base per attempt, in nats, over RL steps";
    // Rounding can leave a divergence of zero a hair below it; that needs no room on the axis.
    let level = |value: f64| if value > -1e-3 { value.max(0.0) } else { value };
    smoothed(run, lines, number, |values| Axis::covering(values.map(level).chain([0.0]), 0.01, (0.0, f64::INFINITY), 4.0), label)
}

/// Returns the chart of the mean reward per attempt in training, and the smoothing window.
pub(super) fn reward(run: &Run) -> Option<(Chart, usize)> {
    let lines = per_attempt(run, |step| &step.reward);
    let label = "Mean reward per attempt of sampled episodes in training, over RL steps";
    smoothed(run, lines, number, |values| Axis::covering(values, 0.2, (0.0, 1.0), 4.0), label)
}

/// The CSS class of an attempt's colour, counting from 0.
pub(super) fn attempt_class(index: usize) -> &'static str {
    ["a1", "a2", "a3", "a4"][index % 4]
}

fn accuracy_line(run: &Run, index: usize, points: Vec<Point>) -> Line {
    let dots = run.evals.iter().filter_map(|(x, eval)| Some((x, eval.acc.get(index)?.0?, eval.last)));
    let value = percent(points.last().and_then(|point| point.1));
    Line {
        class: attempt_class(index),
        name: format!("Attempt {}", index + 1),
        value,
        dots: dots.collect(),
        whiskers: whiskers(run, index),
        points,
        ..Line::default()
    }
}

/// The intervals of an attempt's accuracies; none where there are so many evaluations that they would cover the line.
fn whiskers(run: &Run, index: usize) -> Vec<(f64, f64, f64)> {
    let all = run.evals.iter().filter_map(|(x, eval)| {
        let (low, high) = wilson(eval.acc.get(index)?.0, eval.n.0)?;
        Some((x, low, high))
    });
    if run.evals.iter().count() > MAX_WHISKERS { Vec::new() } else { all.collect() }
}

/// Names the values at stage ends: the higher above its line, the lower below.
fn tags(run: &Run, attempts: usize) -> Vec<Tag> {
    let mut tags = Vec::new();
    let inner = run.rows.iter().take(run.rows.len().saturating_sub(1)).filter(|row| row.last);
    for row in inner {
        let (Some(x), Some(first)) = (row.rl_step.0, row.acc.first().and_then(|acc| acc.0)) else { continue };
        let last = attempts.checked_sub(1).filter(|last| *last > 0).and_then(|last| row.acc.get(last)?.0);
        let above = last.is_some_and(|last| first > last);
        tags.push(Tag { at: (x, first), text: plain(Some(first)), above, class: attempt_class(0) });
        tags.extend(last.map(|last| Tag {
            at: (x, last),
            text: plain(Some(last)),
            above: !above,
            class: attempt_class(attempts - 1),
        }));
    }
    tags
}

fn effect_label(lines: &[Line], first: &[Point], last: &[Point]) -> String {
    let span = |points: &[Point]| {
        let start = points.iter().find_map(|point| point.1);
        format!("{} to {}", percent(start), percent(points.last().and_then(|point| point.1)))
    };
    match lines {
        [] | [_] => format!("Accuracy over RL steps: attempt 1 from {}", span(first)),
        [.., end] => {
            format!("Accuracy over RL steps: attempt 1 from {}, {} from {}", span(first), end.name.to_lowercase(), span(last))
        }
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| plain(None), |value| format!("{value:.2}"))
}

fn points(run: &Run, pick: impl Fn(&Step) -> Option<f64>) -> Vec<Point> {
    run.steps.iter().map(|(x, step)| (x, pick(step))).collect()
}

fn per_attempt(run: &Run, pick: fn(&Step) -> &Vec<Num>) -> impl Iterator<Item = (&'static str, String, Vec<Point>)> {
    let attempts = run.steps.iter().map(|(_, step)| pick(step).len()).max().unwrap_or(0);
    (0..attempts).map(move |index| {
        let points = points(run, |step| pick(step).get(index)?.0);
        (attempt_class(index), format!("Attempt {}", index + 1), points)
    })
}

/// Builds a chart of smoothed lines over their raw points; `None` when there is no point at all.
fn smoothed(
    run: &Run,
    series: impl Iterator<Item = (&'static str, String, Vec<Point>)>,
    value: impl Fn(Option<f64>) -> String,
    axis: impl Fn(&mut dyn Iterator<Item = f64>) -> Axis,
    label: &str,
) -> Option<(Chart, usize)> {
    let mut width = 1;
    let lines: Vec<Line> = series
        .filter(|(.., raw)| raw.iter().any(|point| point.1.is_some()))
        .map(|(class, name, raw)| {
            width = window(raw.len());
            let points = by_stage(run, &raw, width);
            let end = value(points.iter().rev().find_map(|point| point.1));
            let raw = if width > 1 { raw } else { Vec::new() };
            Line { class, name, value: end, points, raw, ..Line::default() }
        })
        .collect();
    let all = |line: &Line| line.points.iter().chain(&line.raw).filter_map(|point| point.1).collect::<Vec<_>>();
    let y = axis(&mut lines.iter().flat_map(all));
    (!lines.is_empty()).then(|| (Chart { label: label.to_owned(), ..empty(run, y, lines) }, width))
}

/// Smooths within each stage, leaving a gap at the boundary.
fn by_stage(run: &Run, raw: &[Point], width: usize) -> Vec<Point> {
    let stage = |x: f64| run.spans.iter().skip(1).filter(|span| x > span.start).count();
    let mut out = Vec::with_capacity(raw.len());
    for piece in raw.chunk_by(|a, b| stage(a.0) == stage(b.0)) {
        out.extend(out.last().map(|last: &Point| (last.0, None)));
        let values: Vec<Option<f64>> = piece.iter().map(|point| point.1).collect();
        out.extend(piece.iter().map(|point| point.0).zip(smooth(&values, width)));
    }
    out
}

fn empty(run: &Run, y: Axis, lines: Vec<Line>) -> Chart {
    let spans = run.spans.iter().map(|span| (span.start, span.end, stage_name(&span.stage).to_owned())).collect();
    let x_end = run.last_step().max(1.0);
    Chart {
        heading: None,
        label: String::new(),
        x_end,
        y,
        spans,
        lines,
        band: Vec::new(),
        band_text: String::new(),
        tags: Vec::new(),
    }
}

/// Up to this many evaluations show their intervals.
const MAX_WHISKERS: usize = 40;
