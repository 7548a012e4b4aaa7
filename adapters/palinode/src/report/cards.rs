//! The sample of episodes, attempt by attempt.

use super::{
    diff::changed,
    episodes::{Attempt, Episode, Episodes, Outcome},
    text::{count, escape, stage_name},
};

/// The section of sample episodes. HTML.
pub(super) fn section(episodes: &Episodes) -> String {
    let mut out = String::from("<section><h2>Episodes from the end of training</h2>");
    if episodes.shown.is_empty() {
        let why = if episodes.missing { "has no <code>episodes.jsonl</code>" } else { "has recorded no episode with an attempt" };
        return format!("{out}<p class=\"empty\">This run folder {why}, so there are none to show.</p></section>");
    }
    out.push_str(&format!(
        "<p>{} of {} recorded episodes: the latest ones of each outcome, one per problem. They are not in proportion; the \
         table above is. Attempts are sampled in training, so they vary more than the evaluated ones.</p>",
        episodes.shown.len(),
        count(episodes.total as f64)
    ));
    out.push_str("<p class=\"key\">Reading aid: <mark>7</mark> changed since the attempt before; <b class=\"off\">7</b> differs from the reference (marked where the two are of similar length).</p>");
    if episodes.cut {
        out.push_str("<p class=\"key\">The last line of <code>episodes.jsonl</code> is cut short, as a killed run leaves it, and is ignored.</p>");
    }
    out.push_str("<div class=\"filter\">");
    filter(&mut out, "all", "All", episodes.shown.len(), true);
    for outcome in Outcome::ALL {
        let number = episodes.shown.iter().filter(|episode| episode.outcome() == Some(outcome)).count();
        if number > 0 {
            filter(&mut out, class(outcome), title(outcome), number, false);
        }
    }
    out.push_str("<div class=\"cards\">");
    for episode in &episodes.shown {
        card(&mut out, episode);
    }
    out.push_str("</div></div></section>");
    out
}

/// A radio button and its label; the style sheet hides the cards of other outcomes, so no script is needed.
fn filter(out: &mut String, class: &str, title: &str, number: usize, checked: bool) {
    let checked = if checked { " checked" } else { "" };
    out.push_str(&format!(
        "<input type=\"radio\" name=\"outcome\" id=\"f-{class}\"{checked}><label for=\"f-{class}\">{title} <span>{number}</span></label>"
    ));
}

fn card(out: &mut String, episode: &Episode) {
    let Some(outcome) = episode.outcome() else { return };
    let texts = episode.attempts.iter().map(|attempt| &attempt.text).chain([&episode.prompt, &episode.reference]);
    let long = texts.flatten().any(|text| text.chars().count() > LONG || text.contains('\n'));
    out.push_str(&format!("<article class=\"card {}{}\"><h3>", class(outcome), if long { " long" } else { "" }));
    for (index, attempt) in episode.attempts.iter().enumerate() {
        out.push_str(if index > 0 { " → " } else { "" });
        out.push_str(verdict_mark(attempt));
    }
    out.push_str(&format!(" {}<small>{}</small></h3><dl>", title(outcome), place(episode)));
    let mut row = |name: &str, body: &str, verdict: &str| {
        out.push_str(&format!("<dt>{name}</dt><dd><code>{body}</code>{verdict}</dd>"));
    };
    if let Some(prompt) = &episode.prompt {
        row("Problem", &escape(prompt), "");
    }
    for (index, attempt) in episode.attempts.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| episode.attempts.get(before));
        let body = marked(attempt, before, episode.reference.as_deref());
        let class = if attempt.right() { "ok" } else { "bad" };
        let verdict = if attempt.verdict.is_empty() { "no verdict" } else { &attempt.verdict };
        let verdict = format!("<span class=\"{class}\">{} {}</span>", verdict_mark(attempt), escape(verdict));
        row(&format!("Attempt {}", index + 1), &body, &verdict);
    }
    if let Some(reference) = &episode.reference {
        row("Reference", &escape(reference), "");
    }
    out.push_str("</dl></article>");
}

/// Where an episode comes from, as escaped text.
fn place(episode: &Episode) -> String {
    let step = episode.rl_step.0.map(|step| format!("RL step {}", count(step)));
    let problem = episode.problem().map(|problem| format!("problem {}", escape(&problem)));
    let stage = Some(escape(stage_name(&episode.stage))).filter(|stage| !stage.is_empty());
    [stage, step, problem].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// The text of an attempt, with what changed since `before` and what differs from the reference marked. HTML.
fn marked(attempt: &Attempt, before: Option<&Attempt>, reference: Option<&str>) -> String {
    let text = attempt.text.as_deref().unwrap_or_default();
    let length = text.chars().count();
    let old = before.and_then(|before| before.text.as_deref());
    let comparable = reference.filter(|reference| length <= 2 * reference.chars().count().max(4));
    let new = old.map_or_else(|| vec![false; length], |old| changed(old, text));
    let off = comparable.map_or_else(|| vec![false; length], |reference| changed(reference, text));
    let flagged: Vec<(char, bool, bool)> = text.chars().zip(new).zip(off).map(|((c, new), off)| (c, new, off)).collect();
    let mut out = String::new();
    for run in flagged.chunk_by(|a, b| (a.1, a.2) == (b.1, b.2)) {
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

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Corrected => "corrected",
        Outcome::Broken => "broken",
        Outcome::StillWrong => "wrong",
        Outcome::KeptRight => "right",
    }
}

fn title(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Corrected => "Corrected",
        Outcome::Broken => "Broken",
        Outcome::StillWrong => "Still wrong",
        Outcome::KeptRight => "Right throughout",
    }
}

/// A card with a longer text takes the full width.
const LONG: usize = 34;
