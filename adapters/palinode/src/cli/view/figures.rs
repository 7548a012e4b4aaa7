//! Draws accuracy, reward and KL: charts over steps, and the latest figures.

use palinode::train::event::Summary;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    symbols::Marker,
    text::{Line, Span},
    widgets::{Axis, Chart, Dataset, GraphType, Paragraph},
};

use super::{
    draw::{colour, in_base, rule},
    draw_verdicts::counted,
    model::View,
    track::Track,
};

/// Accuracy and reward over steps, and KL where there is room for it.
pub(super) fn draw_charts(frame: &mut Frame, area: Rect, view: &View) {
    if area.width < 24 || area.height < 5 {
        return;
    }
    if in_base(view) {
        return draw_warm(frame, area, view);
    }
    let wide = area.width >= WIDE;
    let halves = [Constraint::Fill(1), if wide { Constraint::Percentage(45) } else { Constraint::Length(0) }];
    let [left, right] = Layout::horizontal(halves).spacing(if wide { 2 } else { 0 }).areas(area);
    let planned = view.about.as_ref().map_or(0, |about| about.rl_steps);
    let most = planned.max(view.rl_step).max(1) as f64;

    let hundredfold = |track: &Track| track.points().iter().map(|(x, y)| (*x, y * 100.0)).collect();
    let mut lines: Vec<Series> = view.reward.iter().enumerate().map(|(k, track)| Series::line(k, hundredfold(track))).collect();
    lines.extend(view.accuracy.iter().enumerate().map(|(k, track)| Series::digits(k, track.points().to_vec())));
    let inner = rule(frame, left, "accuracy %, over RL steps");
    draw_chart(frame, inner, &lines, [most, 100.0], view);

    if wide {
        let largest = view.kl.iter().flat_map(|track| track.points()).map(|(_, y)| *y).fold(0.0, f64::max);
        let mut lines: Vec<Series> =
            view.kl.iter().enumerate().map(|(k, track)| Series::line(k, track.points().to_vec())).collect();
        lines.extend(view.kl.iter().enumerate().map(|(k, track)| Series::digits(k, track.last().into_iter().collect())));
        let inner = rule(frame, right, "KL, nats");
        draw_chart(frame, inner, &lines, [most, ceiling(largest)], view);
    }
}

/// What the checks of the warm start found.
fn draw_warm(frame: &mut Frame, area: Rect, view: &View) {
    let steps = view.stage.as_ref().map_or(1, |stage| stage.steps.max(stage.step)).max(1);
    let lines = [
        Series::digits(0, view.warm.acc_t1.points().to_vec()),
        Series { marker: Marker::Custom('f'), ..Series::digits(1, view.warm.p_fix_wrong.points().to_vec()) },
    ];
    let inner = rule(frame, area, "warm start: 1 acc@t1 %, f P(fix|wrong) %");
    draw_chart(frame, inner, &lines, [steps as f64, 100.0], view);
}

/// Points of one kind, of one attempt.
struct Series {
    points: Vec<(f64, f64)>,
    colour: Color,
    marker: Marker,
    kind: GraphType,
}

impl Series {
    fn line(attempt: usize, points: Vec<(f64, f64)>) -> Self {
        Self { points, colour: attempt_colour(attempt), marker: Marker::Braille, kind: GraphType::Line }
    }

    /// Each point is the attempt's number.
    fn digits(attempt: usize, points: Vec<(f64, f64)>) -> Self {
        let digit = char::from_digit(attempt as u32 + 1, 36).unwrap_or('+');
        Self { points, colour: attempt_colour(attempt), marker: Marker::Custom(digit), kind: GraphType::Scatter }
    }
}

fn attempt_colour(attempt: usize) -> Color {
    [Color::Cyan, Color::Magenta, Color::Blue, Color::Green][attempt % 4]
}

fn draw_chart(frame: &mut Frame, area: Rect, series: &[Series], [width, height]: [f64; 2], view: &View) {
    let kept: Vec<Vec<(f64, f64)>> =
        series.iter().map(|one| one.points.iter().map(|(x, y)| (*x, y.clamp(0.0, height))).collect()).collect();
    let datasets = series.iter().zip(&kept).map(|(one, points)| {
        Dataset::default().marker(one.marker).graph_type(one.kind).style(colour(view, one.colour)).data(points)
    });
    let label = |value: f64| if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.1}") };
    let of = |most: f64| [Line::raw("0"), Line::raw(label(most / 2.0)), Line::raw(label(most))];
    let axis = |most: f64, labels| Axis::default().bounds([0.0, most]).labels(labels).style(Modifier::DIM);
    let whole = [Line::raw("0"), Line::raw(format!("{width:.0}"))];
    let chart = Chart::new(datasets.collect()).x_axis(axis(width, whole.to_vec())).y_axis(axis(height, of(height).to_vec()));
    frame.render_widget(chart.legend_position(None), area);
}

/// 1, 2 or 5 times a power of ten, at least `value`.
fn ceiling(value: f64) -> f64 {
    let value = value.clamp(0.1, 1e9);
    let ten = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * ten).find(|most| *most >= value).unwrap_or(value)
}

/// The latest figures, beside those of the base.
pub(super) fn draw_figures(frame: &mut Frame, area: Rect, view: &View) {
    let area = Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area };
    let inner = rule(frame, area, "figures");
    let mut lines = Vec::new();
    if in_base(view) && view.warm.phase > 0 {
        lines.push(row("loss", &format!("{:.3}", bounded(view.warm.loss))));
        let check = |name, track: &Track| track.last().map(|(step, value)| row(name, &format!("{value:.1}  at step {step:.0}")));
        lines.extend(check("acc@t1", &view.warm.acc_t1));
        lines.extend(check("P(fix|w)", &view.warm.p_fix_wrong));
    }
    if let Some(now) = &view.now {
        lines.extend(evaluation(view, now));
    }
    if let (Some(step), false) = (&view.step, in_base(view)) {
        lines.push(row("reward", &arrows(&view.reward)));
        lines.push(row("KL", &arrows(&view.kl)));
        lines.push(row("in training", &format!("i→c {:.1}  c→i {:.1}", 100.0 * step.i_to_c, 100.0 * step.c_to_i)));
        lines.push(row("changed", &format!("{:.0} %", 100.0 * bounded(step.changed))));
    }
    // Where there is room left; `v` shows them at any size.
    if let Some(now) = view.now.as_ref().filter(|now| !now.verdicts.is_empty()) {
        lines.extend(counted("held out", &now.verdicts, now.acc.len()));
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

fn evaluation(view: &View, now: &Summary) -> Vec<Line<'static>> {
    let last = now.acc.len().max(2);
    let base = view.base.as_ref();
    let head = format!("{:<10}{:>8}{:>8}", "held out", if base.is_some() { "base" } else { "" }, "now");
    let mut lines = vec![Line::styled(head, Modifier::DIM)];
    let mut figure = |name: &str, style: Style, of: &dyn Fn(&Summary) -> f64, signed: bool| {
        let text = |summary| {
            let value = bounded(of(summary));
            if signed { format!("{value:+.1}") } else { format!("{value:.1}") }
        };
        let base = base.map(text).unwrap_or_default();
        let name = Span::styled(format!("{name:<10}"), style);
        lines.push(Line::from(vec![name, Span::raw(format!("{base:>8}{:>8}", text(now)))]));
    };
    let attempt = |k: usize| colour(view, attempt_colour(k));
    figure("acc@t1", attempt(0), &|s| s.acc_t1, false);
    figure(&format!("acc@t{last}"), attempt(last - 1), &|s| s.acc_t2, false);
    figure("delta", Modifier::BOLD.into(), &|s| s.delta, true);
    figure("i→c", Style::new(), &|s| s.i_to_c, false);
    figure("c→i", Style::new(), &|s| s.c_to_i, false);
    lines
}

fn row(name: &str, value: &str) -> Line<'static> {
    Line::raw(format!("{name:<12}{value}"))
}

/// The latest value of each attempt; of many, those at the ends.
fn arrows(tracks: &[Track]) -> String {
    let text = |track: &Track| {
        track.last().map_or("–".to_owned(), |(_, value)| format!("{:.2}", bounded(value)).replace("-0.00", "0.00"))
    };
    match tracks {
        [first, .., last] if tracks.len() > 3 => format!("{} → … → {}", text(first), text(last)),
        few => few.iter().map(text).collect::<Vec<_>>().join(" → "),
    }
}

/// A value that is printed in a few columns.
fn bounded(value: f64) -> f64 {
    value.clamp(-99_999.0, 99_999.0)
}

/// Columns from which on KL has a chart of its own.
const WIDE: u16 = 76;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        for (value, end) in [(0.0, 0.1), (0.3, 0.5), (1.0, 1.0), (1.01, 2.0), (73.0, 100.0), (f64::MAX, 1e9)] {
            let found = ceiling(value);
            assert!((found - end).abs() < 1e-9 * end, "{value}: {found}");
        }
    }

    #[test]
    fn attempts_are_joined_by_arrows() {
        let track = |value| {
            let mut track = Track::default();
            track.push(1, value);
            track
        };
        assert_eq!(arrows(&[track(0.5), track(-0.001)]), "0.50 → 0.00");
        assert_eq!(arrows(&[0.1, 0.2, 0.3, 0.4].map(track)), "0.10 → … → 0.40");
        assert_eq!(arrows(&[track(f64::MAX)]), "99999.00");
    }
}
