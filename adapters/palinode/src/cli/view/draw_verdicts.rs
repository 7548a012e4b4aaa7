//! Draws how often each verdict was given, and an example of each.

use palinode::{
    core::verifier::Verdict,
    train::verdicts::{Example, VerdictTable},
};
use ratatui::{
    Frame,
    layout::Rect,
    style::Modifier,
    text::{Line, Span},
    widgets::{Block, Clear, Paragraph, Wrap},
};

use super::{episode::shown, model::View};

/// Lays the counts of the latest evaluation and of the latest step, and the examples of the evaluation, over the rest.
pub(super) fn draw_verdicts(frame: &mut Frame, view: &View) {
    let mut lines = Vec::new();
    if let Some(now) = view.now.as_ref().filter(|now| !now.verdicts.is_empty()) {
        lines.extend(counted("held out", &now.verdicts, now.acc.len()));
    }
    if let Some(step) = view.step.as_ref().filter(|step| !step.verdicts.is_empty()) {
        lines.extend(counted("training", &step.verdicts, view.reward.len()));
    }
    let examples = view.now.iter().flat_map(|now| &now.examples).take(MOST);
    lines.extend(examples.flat_map(example));
    if lines.is_empty() {
        lines.push(Line::styled("no attempt was judged yet", Modifier::DIM));
    }
    let whole = frame.area();
    let width = whole.width.saturating_sub(4).min(WIDEST);
    let height = (rows(&lines, width.saturating_sub(2)) + 2).min(whole.height);
    let area = Rect { x: (whole.width - width) / 2, y: (whole.height - height) / 2, width, height };
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(Block::bordered().title(" verdicts ")), area);
}

/// A table of the verdicts that were given: a row each, and a column for each attempt; of many, for those at the ends.
pub(super) fn counted(what: &str, verdicts: &VerdictTable, attempts: usize) -> Vec<Line<'static>> {
    let given: Vec<Vec<(&str, u64)>> = verdicts.by_attempt().collect();
    let columns: Vec<(String, &Vec<(&str, u64)>)> = match given.as_slice() {
        [all] if attempts > 1 => vec![("all".to_owned(), all)],
        all => all.iter().enumerate().map(|(k, given)| (format!("t{}", k + 1), given)).collect(),
    };
    let ends: Vec<_> = if columns.len() > 2 { vec![&columns[0], &columns[columns.len() - 1]] } else { columns.iter().collect() };
    let count = |given: &[(&str, u64)], name: &str| given.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count);
    let head: String = ends.iter().map(|(title, _)| format!("{title:>8}")).collect();
    let mut lines = vec![Line::styled(format!("{what:<12}{head}"), Modifier::DIM)];
    for name in Verdict::NAMES {
        let counts: Vec<u64> = ends.iter().map(|(_, given)| count(given, name)).collect();
        if counts.iter().any(|count| *count > 0) {
            let counts: String = counts.iter().map(|count| format!("{:>8}", (*count).min(9_999_999))).collect();
            lines.push(Line::raw(format!("{name:<12}{counts}")));
        }
    }
    lines
}

/// What was asked and answered, and why that earned its verdict.
fn example(example: &Example) -> Vec<Line<'static>> {
    let Example { verdict, attempt, problem, answer, why } = example;
    let text = |text: &str| shown(text, MAX_TEXT).replace('\n', " ");
    let head = format!("{} at attempt {attempt}", text(verdict));
    let part =
        |name: &str, value: &str| Line::from(vec![Span::styled(format!("  {name:<9}"), Modifier::DIM), Span::raw(text(value))]);
    let mut lines = vec![Line::raw(""), Line::styled(head, Modifier::BOLD), part("problem", problem), part("answer", answer)];
    if !why.is_empty() {
        lines.push(part("why", why));
    }
    lines
}

/// Rows that these lines take when they are wrapped, about: a word that does not fit goes to the next row whole.
fn rows(lines: &[Line<'_>], width: u16) -> u16 {
    let of_line = |line: &Line<'_>| match line.width().div_ceil(usize::from(width.max(1))) {
        0 | 1 => 1,
        several => several + 1,
    };
    lines.iter().map(of_line).sum::<usize>().min(1000) as u16
}

/// Columns of the widest box.
const WIDEST: u16 = 100;
/// Examples that are shown, and characters of each of their texts.
const MOST: usize = 8;
const MAX_TEXT: usize = 300;
