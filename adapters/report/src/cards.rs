//! One episode as a card, its attempts side by side.

use super::{
    diff::changed,
    episodes::Outcome,
    log::{Attempt, Episode},
    text::{count, escape, stage_name},
};

/// The card of an episode that has attempts, with further CSS classes. HTML.
pub(super) fn card(episode: &Episode, outcome: Outcome, classes: &str) -> String {
    let texts = episode.attempts.iter().map(|attempt| &attempt.text).chain([&episode.prompt, &episode.reference]);
    let long = texts.flatten().any(|text| text.chars().count() > LONG || text.contains('\n'));
    let long = if long { " long" } else { "" };
    let mut out = format!("<article class=\"card {} {classes}{long}\"><h3>{}", class(outcome), title(outcome));
    if episode.attempts.len() > 2 {
        let marks: Vec<&str> = episode.attempts.iter().map(verdict_mark).collect();
        out.push_str(&format!(" ({})", marks.join(" → ")));
    }
    out.push_str(&format!("<small>{}</small></h3><dl class=\"n{}\">", place(episode), episode.attempts.len().min(3)));
    let row = |name: &str, text: &str| format!("<div class=\"row\"><dt>{name}</dt>{}</div>", body(text, &escape(text)));
    out.push_str(&episode.prompt.as_ref().map_or_else(String::new, |prompt| row("Problem", prompt)));
    for (index, attempt) in episode.attempts.iter().enumerate() {
        let other = if index == 0 { episode.attempts.get(1) } else { episode.attempts.get(index - 1) };
        let text = marked(attempt, other, episode.reference.as_deref());
        let class = if attempt.right() { "ok" } else { "bad" };
        let why = if attempt.why.is_empty() { String::new() } else { format!("<dd class=\"why\">{}</dd>", escape(&attempt.why)) };
        let verdict = if attempt.verdict.is_empty() { "no verdict" } else { &attempt.verdict };
        out.push_str(&format!(
            "<div class=\"attempt\"><dt>Attempt {} <span class=\"{class}\">{} {}</span></dt>{}{why}</div>",
            index + 1,
            verdict_mark(attempt),
            escape(verdict),
            body(attempt.text.as_deref().unwrap_or_default(), &text)
        ));
    }
    out.push_str(&episode.reference.as_ref().map_or_else(String::new, |reference| row("Reference", reference)));
    out.push_str("</dl></article>");
    out
}

/// A text shown as `html`; a tall one scrolls, by keyboard too.
fn body(text: &str, html: &str) -> String {
    let tall = text.chars().count() > TALL || text.matches('\n').count() > 8;
    let reach = if tall { " tabindex=\"0\"" } else { "" };
    format!("<dd><code{reach}>{html}</code></dd>")
}

/// Where an episode comes from, as escaped text.
fn place(episode: &Episode) -> String {
    let step = episode.rl_step.0.map(|step| format!("RL step {}", count(step)));
    let problem = episode.problem().map(|problem| format!("problem {}", escape(&problem)));
    let stage = Some(escape(stage_name(&episode.stage))).filter(|stage| !stage.is_empty());
    [stage, step, problem].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// The text of an attempt, with what differs from the `other` attempt and what differs from the reference marked. HTML.
fn marked(attempt: &Attempt, other: Option<&Attempt>, reference: Option<&str>) -> String {
    let text = attempt.text.as_deref().unwrap_or_default();
    let length = text.chars().count();
    let other = other.and_then(|other| other.text.as_deref());
    let comparable = reference.filter(|reference| length <= 2 * reference.chars().count().max(4));
    let new = other.map_or_else(|| vec![false; length], |other| changed(other, text));
    let off = comparable.map_or_else(|| vec![false; length], |reference| changed(reference, text));
    let flagged: Vec<(char, bool, bool)> = text.chars().zip(new).zip(off).map(|((c, new), off)| (c, new, off)).collect();
    let runs: Vec<_> = flagged.chunk_by(|a, b| (a.1, a.2) == (b.1, b.2)).collect();
    if runs.len() > MAX_MARKS {
        return escape(text);
    }
    let mut out = String::new();
    for run in runs {
        let piece = escape(&run.iter().map(|(character, ..)| character).collect::<String>());
        out.push_str(&match (run[0].1, run[0].2) {
            (false, false) => piece,
            (true, false) => format!("<mark>{piece}</mark>"),
            (false, true) => format!("<b class=\"off\">{piece}</b>"),
            (true, true) => format!("<mark><b class=\"off\">{piece}</b></mark>"),
        });
    }
    out
}

fn verdict_mark(attempt: &Attempt) -> &'static str {
    match attempt.verdict.as_str() {
        "right" => "✓",
        "wrong" => "✗",
        _ => "?",
    }
}

/// The CSS class of an outcome's cards.
pub(super) fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Corrected => "corrected",
        Outcome::Broken => "broken",
        Outcome::StillWrong => "wrong",
        Outcome::KeptRight => "right",
    }
}

/// The reader's name of an outcome.
pub(super) fn title(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Corrected => "Wrong → right",
        Outcome::Broken => "Right → wrong",
        Outcome::StillWrong => "Wrong → wrong",
        Outcome::KeptRight => "Right → right",
    }
}

/// A card with a longer text takes the full width.
const LONG: usize = 34;

/// A longer text scrolls in its box.
const TALL: usize = 600;

/// A text that would need more marks than this is shown without them: nothing could be read out of them, and the page stays small.
const MAX_MARKS: usize = 400;
