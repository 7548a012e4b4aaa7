//! Draws the view. Pure: the same view gives the same screen.

use palinode::train::{arm::StageName, event::Checked};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Borders, Clear, Paragraph},
};

use super::{
    super::progress::{phase_title, title},
    draw_episode::draw_episodes,
    draw_verdicts::draw_verdicts,
    figures::{draw_charts, draw_figures},
    model::{Mode, View},
};

/// Draws the whole screen.
pub(crate) fn draw(frame: &mut Frame, view: &View) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!("This terminal is too small: {} by {} at least.", LEAST.0, LEAST.1);
        return frame.render_widget(Paragraph::new(text).wrap(ratatui::widgets::Wrap { trim: true }), area);
    }
    let tall = area.height >= TALL;
    let (notes, episodes) = if tall { (4, area.height * 2 / 5) } else { (3, 7.min(area.height / 3)) };
    let rows = [1, 1, 1].map(Constraint::Length);
    let rows = rows.into_iter().chain([Constraint::Min(4), Constraint::Length(episodes), Constraint::Length(notes)]);
    let [head, gauge, pace, middle, below, notes, foot] = Layout::vertical(rows.chain([Constraint::Length(1)])).areas(area);
    draw_head(frame, head, view);
    draw_gauge(frame, gauge, view);
    frame.render_widget(pace_line(view), pace);
    let wide = Constraint::Length(if area.width >= NARROW { FIGURES } else { area.width });
    let [charts, figures] = Layout::horizontal([Constraint::Fill(1), wide]).areas(middle);
    draw_charts(frame, charts, view);
    draw_figures(frame, figures, view);
    draw_episodes(frame, below, view);
    draw_warnings(frame, notes, view);
    frame.render_widget(foot_line(view), foot);
    if view.judged {
        draw_verdicts(frame, view);
    }
    if view.help {
        draw_help(frame, view);
    }
}

fn draw_head(frame: &mut Frame, area: Rect, view: &View) {
    let state = state(view);
    let [left, right] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(state.width() as u16)]).spacing(2).areas(area);
    let about = match &view.about {
        Some(about) => format!("task {}, arm {}, seed {}, {} parameters", about.task, about.arm, about.seed, about.parameters),
        None => "waiting for the run to begin".into(),
    };
    let name = Span::styled("palinode  ", Modifier::BOLD);
    frame.render_widget(Line::from(vec![name, about.into()]), left);
    frame.render_widget(state, right);
}

fn state(view: &View) -> Span<'static> {
    let warn = colour(view, Color::Yellow).add_modifier(Modifier::BOLD);
    match view.mode {
        _ if view.ended => Span::styled("complete", colour(view, Color::Green).add_modifier(Modifier::BOLD)),
        Mode::Train { stopping: true, .. } => Span::styled("stopping", warn),
        Mode::Train { paused: true, .. } => Span::styled("paused", warn),
        Mode::Watch if view.silence >= SILENT => Span::styled(format!("no news for {}", clock(view.silence)), warn),
        _ => Span::raw("running"),
    }
}

fn draw_gauge(frame: &mut Frame, area: Rect, view: &View) {
    let Some(stage) = &view.stage else { return };
    let most = if stage.name == StageName::Base { " at most" } else { "" };
    let label = match stage.over {
        true => format!("{}: done after {} steps ", title(stage.name), stage.step),
        false if stage.step == 0 => format!("{}: {} steps{most} ", title(stage.name), stage.steps),
        false => format!("{}: step {} of {}{most} ", title(stage.name), stage.step, stage.steps),
    };
    let room = usize::from(area.width).saturating_sub(label.chars().count());
    let share = if stage.over { 1.0 } else { stage.step as f64 / stage.steps.max(1) as f64 };
    let full = (room as f64 * share.clamp(0.0, 1.0)) as usize;
    let bar = Span::styled("█".repeat(full), colour(view, Color::Cyan));
    let rest = Span::styled("░".repeat(room - full), Modifier::DIM);
    frame.render_widget(Line::from(vec![Span::styled(label, Modifier::BOLD), bar, rest]), area);
}

/// How fast it goes, since when, and for how long still.
fn pace_line(view: &View) -> Line<'static> {
    let mut parts = Vec::new();
    match view.checking {
        Some((Checked::Rehearsal, ..)) => parts.push("trying the largest micro-batch".to_owned()),
        Some((Checked::Signal, done, all)) => parts.push(format!("looking for a signal, {done} of {all} episodes")),
        None => {}
    }
    if in_base(view) && view.warm.phase > 0 && view.checking.is_none() {
        parts.push(phase_title(view.warm.phase).to_owned());
    }
    if let Some(pace) = view.pace.seconds_a_step() {
        let rate = |value: f64| match value {
            ..0.1 => format!("{value:.3}"),
            ..100.0 => format!("{value:.1}"),
            _ => format!("{value:.0}"),
        };
        parts.push(format!("{} steps/s", rate(1.0 / pace)));
        if let (Some(step), false) = (&view.step, in_base(view)) {
            parts.push(format!("{} episodes/s", rate(step.episodes as f64 / pace)));
        }
    }
    parts.extend(view.elapsed().map(|seconds| format!("{} so far", clock(seconds))));
    if !view.ended {
        let [stage, run] = view.left();
        parts.extend(stage.map(|seconds| format!("stage {} left", clock(seconds))));
        parts.extend(run.map(|seconds| format!("run {} left", clock(seconds))));
    }
    Line::from(parts.join(", "))
}

/// Whether the warm start is under way, or nothing yet.
pub(super) fn in_base(view: &View) -> bool {
    view.stage.as_ref().is_none_or(|stage| stage.name == StageName::Base)
}

fn draw_warnings(frame: &mut Frame, area: Rect, view: &View) {
    if view.warnings.is_empty() {
        return frame.render_widget(Line::styled("no warnings", Modifier::DIM), area);
    }
    let lines = view.warnings.iter().rev().map(|note| {
        let at = note.rl_step.map(|step| format!("RL step {step}: ")).unwrap_or_default();
        let times = if note.times > 1 { format!(" ({} times)", note.times) } else { String::new() };
        let word = Span::styled("warning: ", colour(view, Color::Yellow).add_modifier(Modifier::BOLD));
        Line::from(vec![word, Span::raw(format!("{at}{}{times}", note.message))])
    });
    let lines: Vec<Line> = lines.take(usize::from(area.height)).collect();
    // One alone has all the room there is.
    let text = Paragraph::new(lines);
    let wrapped = view.warnings.len() == 1;
    frame.render_widget(if wrapped { text.wrap(ratatui::widgets::Wrap { trim: true }) } else { text }, area);
}

fn foot_line(view: &View) -> Line<'static> {
    let keys = match view.mode {
        Mode::Watch => "q leave   ←→ episodes   ↑↓ scroll   v verdicts   ? help".to_owned(),
        Mode::Train { stopping: true, .. } => {
            "finishing the step, then a checkpoint and the end; q again stops at once".to_owned()
        }
        Mode::Train { paused, checkpoint, .. } => {
            let pause = if paused { "p go on" } else { "p pause" };
            let checkpoint = if checkpoint { "c checkpoint due" } else { "c checkpoint" };
            format!("{pause}   {checkpoint}   q quit   ←→ episodes   ↑↓ scroll   v verdicts   ? help")
        }
    };
    Line::styled(keys, Modifier::REVERSED)
}

fn draw_help(frame: &mut Frame, view: &View) {
    let keys: &[&str] = match view.mode {
        Mode::Watch => &["q         leave the view; the run goes on"],
        Mode::Train { .. } => &[
            "p         pause after the step under way, or go on",
            "c         store a checkpoint after the step under way",
            "q         finish the step, store a checkpoint and quit;",
            "          a second q, or Ctrl-C, stops at once",
        ],
    };
    let rest = [
        "← →       older and newer episodes",
        "↑ ↓       scroll a long episode",
        "v         verdicts of each attempt, and an example of each",
        "?         close this help",
        "",
        "1, 2      accuracy of an attempt on held-out problems,",
        "          greedy, in percent",
        "lines     reward of the attempts in training, times 100:",
        "          other problems, sampled",
        "^         characters the two attempts do not share",
    ];
    let lines: Vec<Line> = keys.iter().chain(&rest).map(|text| Line::raw(*text)).collect();
    let (width, height) = (61.min(frame.area().width), (lines.len() as u16 + 2).min(frame.area().height));
    let area = frame.area();
    let area = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" help ")), area);
}

/// A rule with a title above what it holds; returns the room below.
pub(super) fn rule(frame: &mut Frame, area: Rect, title: &str) -> Rect {
    let block = Block::new().borders(Borders::TOP).border_style(Modifier::DIM).title(Span::raw(format!("─ {title} ")));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    inner
}

/// A colour, where there may be one.
pub(super) fn colour(view: &View, colour: Color) -> Style {
    if view.plain { Style::new() } else { Style::new().fg(colour) }
}

/// "4:05" or "1:02:03".
pub(super) fn clock(seconds: f64) -> String {
    if seconds >= 100.0 * 86_400.0 {
        return "over 100 days".to_owned();
    }
    let seconds = seconds.max(0.0) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Columns and rows below which nothing sensible can be drawn.
const LEAST: (u16, u16) = (40, 14);
/// Rows from which on there is room for a list of episodes.
const TALL: u16 = 32;
/// Columns from which on there is room for a chart beside the figures.
const NARROW: u16 = 70;
/// Columns of the figures.
const FIGURES: u16 = 32;
/// Seconds after which a run of another process is said to be silent.
const SILENT: f64 = 60.0;
