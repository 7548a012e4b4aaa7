//! Draws sampled episodes: a list where there is room, and one with its first and its last attempt side by side.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::Paragraph,
};

use super::{
    super::progress::title,
    draw::{colour, rule},
    episode::{Attempt, Shown, width},
    model::View,
};

pub(super) fn draw_episodes(frame: &mut Frame, area: Rect, view: &View) {
    let Some((shown, newer)) = view.episode() else {
        let inner = rule(frame, area, "episodes");
        return frame.render_widget(Line::styled("none was sampled yet", Modifier::DIM), inner);
    };
    let place = view.episodes.len() - newer;
    let verdicts: Vec<&str> = shown.attempts.iter().map(|attempt| attempt.verdict.as_str()).collect();
    let of = match verdicts.len() {
        0..=2 => String::new(),
        n => format!(", attempts 1 and {n}: {}", verdicts.join(" → ")),
    };
    let at = format!(
        "episode {place} of {}: {} step {}, problem {}{of}",
        view.episodes.len(),
        title(shown.stage),
        shown.step,
        shown.problem
    );
    let mut inner = rule(frame, area, &at);
    if inner.height >= LISTED + 6 {
        let [list, rest] = Layout::vertical([Constraint::Length(LISTED + 1), Constraint::Fill(1)]).areas(inner);
        draw_list(frame, list, view, place - 1);
        inner = rest;
    }
    draw_episode(frame, inner, view, shown);
}

/// The episode in sight among its neighbours, one a line.
fn draw_list(frame: &mut Frame, area: Rect, view: &View, at: usize) {
    let rows = usize::from(LISTED);
    let first = at.saturating_sub(rows / 2).min(view.episodes.len().saturating_sub(rows));
    let column = (usize::from(area.width).saturating_sub(24) / 3).max(4);
    let lines = view.episodes.iter().enumerate().skip(first).take(rows).map(|(index, shown)| {
        let mut spans = vec![Span::raw(if index == at { "> " } else { "  " }), Span::raw(cell(&shown.prompt, column))];
        for attempt in shown.ends().into_iter().flatten() {
            spans.extend([Span::raw("  "), Span::raw(cell(&attempt.text, column)), Span::raw(" ")]);
            spans.push(Span::styled(cell(&attempt.verdict, 7), verdict_style(view, attempt)));
        }
        let style = if index == at { Modifier::BOLD.into() } else { Style::new() };
        Line::from(spans).style(style)
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), area);
}

/// Text in exactly so many columns of one line.
fn cell(text: &str, columns: usize) -> String {
    let (mut out, mut used) = (String::new(), 0);
    if columns == 0 {
        return out;
    }
    for character in text.chars().map(|c| if c == '\n' { ' ' } else { c }) {
        if used + width(character) > columns {
            while used + 1 > columns {
                used -= out.pop().map_or(1, width);
            }
            out.push('…');
            used += 1;
            break;
        }
        used += width(character);
        out.push(character);
    }
    out.extend(std::iter::repeat_n(' ', columns - used));
    out
}

fn draw_episode(frame: &mut Frame, area: Rect, view: &View, shown: &Shown) {
    let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).spacing(2).areas(head);
    let line = |name: &'static str, text: &str, room: Rect| {
        let text = cell(text, usize::from(room.width).saturating_sub(11));
        Line::from(vec![Span::styled(format!("{name:<11}"), Modifier::DIM), Span::raw(text)])
    };
    frame.render_widget(line("problem", &shown.prompt, left), left);
    frame.render_widget(line("reference", &shown.reference, right), right);

    let Some(ends) = shown.ends() else {
        let text = shown.attempts.first().map_or("", |attempt| attempt.text.as_str());
        return frame.render_widget(Paragraph::new(text).wrap(ratatui::widgets::Wrap { trim: false }), body);
    };
    let columns: [Rect; 2] = Layout::horizontal([Constraint::Fill(1); 2]).spacing(2).areas(body);
    let same = ends[0].text == ends[1].text;
    for (side, (attempt, column)) in ends.into_iter().zip(columns).enumerate() {
        let [head, text] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(column);
        let number = if side == 0 { 1 } else { shown.attempts.len() };
        let name = Span::styled(format!("{:<11}", format!("attempt {number}")), Modifier::DIM);
        let verdict = Span::styled(attempt.verdict.clone(), verdict_style(view, attempt));
        let same = Span::raw(if side == 1 && same { ", unchanged" } else { "" });
        frame.render_widget(Line::from(vec![name, verdict, same]), head);
        let flags = shown.marks.as_ref().map_or(&[][..], |marks| &marks[side]);
        let lines = marked(&attempt.text, flags, usize::from(text.width), colour(view, Color::Yellow));
        frame.render_widget(Paragraph::new(lines.into_iter().skip(view.scroll).collect::<Vec<_>>()), text);
    }
}

fn verdict_style(view: &View, attempt: &Attempt) -> Style {
    let right = attempt.verdict == "right";
    colour(view, if right { Color::Green } else { Color::Red }).add_modifier(Modifier::BOLD)
}

/// A text in lines of so many columns. What is flagged is bold, and has a mark below.
fn marked(text: &str, flags: &[bool], columns: usize, style: Style) -> Vec<Line<'static>> {
    let bright = style.add_modifier(Modifier::BOLD);
    let mut lines = Vec::new();
    for row in wrap(text, flags, columns.max(2)) {
        let runs = row.chunk_by(|(_, one), (_, other)| one == other);
        let span = |run: &[(char, bool)]| {
            Span::styled(run.iter().map(|(c, _)| c).collect::<String>(), if run[0].1 { bright } else { Style::new() })
        };
        lines.push(Line::from(runs.map(span).collect::<Vec<_>>()));
        let below: String =
            row.iter().flat_map(|(c, flag)| std::iter::repeat_n(if *flag { '^' } else { ' ' }, width(*c))).collect();
        if below.contains('^') {
            lines.push(Line::styled(below.trim_end().to_owned(), style));
        }
    }
    lines
}

/// Rows of characters, each with its flag, broken at line ends, else after the last space that fits, else anywhere.
fn wrap(text: &str, flags: &[bool], columns: usize) -> Vec<Vec<(char, bool)>> {
    let mut rows = vec![Vec::new()];
    let mut used = 0;
    for (index, character) in text.chars().enumerate() {
        if character == '\n' {
            rows.push(Vec::new());
            used = 0;
            continue;
        }
        if used + width(character) > columns {
            let row = rows.last_mut().map(std::mem::take).unwrap_or_default();
            let cut = row.iter().rposition(|(c, _): &(char, bool)| *c == ' ').map_or(row.len(), |space| space + 1);
            let (kept, moved) = row.split_at(cut);
            used = moved.iter().map(|(c, _)| width(*c)).sum();
            let (kept, moved) = (kept.to_vec(), moved.to_vec());
            rows.pop();
            rows.extend([kept, moved]);
        }
        used += width(character);
        if let Some(row) = rows.last_mut() {
            row.push((character, flags.get(index).copied().unwrap_or(false)));
        }
    }
    rows
}

/// Episodes in the list.
const LISTED: u16 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, columns: usize) -> Vec<String> {
        wrap(text, &[], columns).iter().map(|row| row.iter().map(|(c, _)| c).collect()).collect()
    }

    #[test]
    fn lines_break_after_spaces_and_within_long_words() {
        assert_eq!(rows("one two three", 8), ["one two ", "three"]);
        assert_eq!(rows("abcdefgh ij", 4), ["abcd", "efgh", " ij"]);
        assert_eq!(rows("a\n\nb", 4), ["a", "", "b"]);
        assert_eq!(rows("漢字漢字", 5), ["漢字", "漢字"]);
        assert_eq!(rows("", 5), [""]);
    }

    #[test]
    fn marks_stand_below_what_is_flagged_in_columns_not_characters() {
        let lines = marked("漢b漢d", &[false, true, true, false], 20, Style::new());
        assert_eq!(lines.iter().map(Line::to_string).collect::<Vec<_>>(), ["漢b漢d", "  ^^^"]);
    }

    #[test]
    fn a_cell_has_its_width_whatever_is_in_it() {
        for text in ["", "abc", "abcdefgh", "漢字漢字", "a\nb", "ab漢字"] {
            let cell = cell(text, 5);
            assert_eq!(cell.chars().map(width).sum::<usize>(), 5, "{text:?}: {cell:?}");
        }
        assert_eq!(cell("abcdefgh", 5), "abcd…");
    }
}
