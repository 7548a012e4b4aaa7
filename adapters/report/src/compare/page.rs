//! The page of a comparison.

use super::{
    super::{
        html::{document, figure_on},
        table::delta,
        text::{count, escape, signed},
    },
    Entry, figures,
    notes::notes,
    table,
};

/// Returns the whole document.
pub(in super::super) fn page(entries: &[Entry]) -> String {
    let headline = escape(&headline(entries));
    let mut out = format!("<header><p class=\"kicker\">palinode · comparison</p><h1>{headline}</h1>");
    out.push_str(&format!("<p class=\"byline\">{}</p></header>", byline(entries)));
    let notes = notes(entries);
    if !notes.is_empty() {
        out.push_str(&format!(
            "<aside class=\"warnings\" role=\"note\"><h2>⚠ Before comparing</h2><ul><li>{}</li></ul></aside>",
            notes.join("</li><li>")
        ));
    }
    out.push_str(&format!("<section><h2>Runs</h2>{}{RUNS_NOTE}</section>", table::runs(entries)));
    if let Some(repeats) = table::repeats(entries) {
        out.push_str(&format!("<section><h2>Mean over seeds</h2>{repeats}{REPEATS_NOTE}</section>"));
    }
    let frames = figures::frames(entries.len());
    let charts = [
        ("Accuracy at the last attempt", figures::accuracy(entries), "the last of <code>acc</code>"),
        ("Delta: what the last attempt gains", figures::delta(entries), "<code>delta</code>, in points"),
    ];
    for (title, chart, source) in charts {
        let stages = if chart.spans.is_empty() { " The runs' stages differ: none is marked." } else { "" };
        let source = format!("<code>eval</code> events: {source}, over <code>rl_step</code>");
        out.push_str(&figure_on(&frames, title, &chart, &format!("{LINES_NOTE}{stages}"), &source));
    }
    out.push_str(&format!("<section><h2>Settings that differ</h2>{}</section>", table::settings(entries)));
    out.push_str(RECOMPUTE);
    document(&headline, CSS, &out, None)
}

/// States the range of what was found, as plain text.
fn headline(entries: &[Entry]) -> String {
    let mut found: Vec<(f64, &Entry)> = entries.iter().filter_map(|entry| Some((delta(entry.run.result()?)?, entry))).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    match found.as_slice() {
        [(least, low), .., (most, high)] => format!(
            "Self-correction in {} runs: from {} points ({}, {}) to {} ({}, {}).",
            entries.len(),
            signed(Some(*least)),
            low.letter,
            low.about("arm"),
            signed(Some(*most)),
            high.letter,
            high.about("arm")
        ),
        _ => format!("{} runs compared.", entries.len()),
    }
}

/// What is the same in all runs.
fn byline(entries: &[Entry]) -> String {
    let mut parts = vec![("runs", count(entries.len() as f64))];
    for field in ["task", "arm", "seed", "parameters", "palinode"] {
        let value = entries[0].about(field);
        if value != "?" && entries.iter().all(|entry| entry.about(field) == value) {
            parts.push((field, value));
        }
    }
    parts.iter().map(|(name, value)| format!("<span>{name} <b>{}</b></span>", escape(value))).collect()
}

const CSS: &str = include_str!("compare.css");
const RUNS_NOTE: &str = "<p class=\"note\">In percent of held-out problems, delta in points; each run's last evaluation, greedy. Small figures are \
    95 % intervals: Wilson's for shares, Bonett and Price's for delta. They cover the choice of problems, not that of the seed. i→c: wrong at \
    attempt 1, right at the last; c→i the reverse; P(fix | wrong): of those wrong at attempt 1, made right. All seeds of a task are evaluated \
    on the same held-out problems.</p>";
const REPEATS_NOTE: &str = "<p class=\"note\">Runs whose configurations differ in the seed alone (and in the machine) are taken together. Behind ±: \
    the standard deviation between seeds, with n − 1. A second run of one seed is left out.</p>";
const LINES_NOTE: &str = "One line a run, with the letter and the dashes of the table above. Dots are the evaluations that end a stage; those between \
    them are often on fewer problems.";
const RECOMPUTE: &str = "<section><h2>Recompute every number</h2><p>A run's row is the last evaluation in its folder:</p>\
    <pre>jq -c 'select(.event==\"eval\" and .stage!=\"warm\") | [.acc,.delta,.i_to_c,.c_to_i,.p_fix_wrong,.n]' RUN/metrics.jsonl | tail -1</pre>\
    <p>Each run's own report (<code>palinode report RUN</code>) has the rest, and how its intervals are computed.</p></section>";
