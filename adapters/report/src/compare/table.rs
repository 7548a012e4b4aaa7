//! The tables of a comparison: runs, repeated arms, and settings that differ.

use super::{
    super::{
        log::Eval,
        stats::wilson,
        table::{interval, small, table_start, wrong_at_first},
        text::{count, duration, escape, plain, signed},
    },
    Entry,
    figures::look,
    groups::{Group, MEASURES, Measure},
    letters,
    settings::differing,
};

/// All runs, one a row. HTML.
pub(super) fn runs(entries: &[Entry]) -> String {
    let mut out = format!("{}<th scope=\"col\">Run</th>", table_start("Runs"));
    out.push_str("<th scope=\"col\" class=\"text\">Task, arm, seed</th>");
    out.push_str(&measures(entries));
    out.push_str("</tr></thead><tbody>");
    for (index, entry) in entries.iter().enumerate() {
        out.push_str(&format!("<tr><th scope=\"row\">{}{}</th>", swatch(index, entry), state(entry)));
        out.push_str(&format!(
            "<td class=\"text\">{}<small>{}</small><small>seed {}</small></td>",
            escape(&entry.about("arm")),
            escape(&entry.about("task")),
            escape(&entry.about("seed"))
        ));
        for (name, pick) in MEASURES {
            let (value, interval) = entry.run.result().map_or((None, None), |eval| (pick(eval), interval_of(name, pick, eval)));
            out.push_str(&format!("<td>{}{}</td>", written(name, value), small(interval)));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

/// Mean and standard deviation of every group of repeats; nothing when no run is repeated. HTML.
pub(super) fn repeats(entries: &[Entry]) -> Option<String> {
    let groups = Group::all(entries);
    if groups.iter().all(|group| group.runs.len() < 2) {
        return None;
    }
    let mut out = format!("{}<th scope=\"col\">Arm</th><th scope=\"col\">Seeds</th>", table_start("Mean over seeds"));
    out.push_str(&measures(entries));
    out.push_str("</tr></thead><tbody>");
    for group in &groups {
        let (first, those) = (group.runs[0], letters(group.runs.iter().copied()));
        out.push_str(&format!(
            "<tr><th scope=\"row\">{}<small>{}: {those}</small></th><td>{}</td>",
            escape(&first.about("arm")),
            escape(&first.about("task")),
            group.runs.len()
        ));
        for (name, pick) in MEASURES {
            let mean = group.mean(pick);
            let deviation = mean
                .and_then(|(_, deviation)| deviation)
                .map_or_else(String::new, |d| format!("<small>± {}</small>", plain(Some(d))));
            out.push_str(&format!("<td>{}{deviation}</td>", written(name, mean.map(|(mean, _)| mean))));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    Some(out)
}

/// The settings that differ, one a row and one column a run. HTML.
pub(super) fn settings(entries: &[Entry]) -> String {
    let known: Vec<&Entry> = entries.iter().filter(|entry| entry.settings.known().is_some()).collect();
    let keys = differing(entries);
    if known.len() < 2 {
        return "<p class=\"empty\">Fewer than two of these runs have a <code>config.toml</code> that can be read.</p>"
            .to_owned();
    }
    if keys.is_empty() {
        return format!("<p>Nothing: every key has the same value in {}.</p>", letters(known));
    }
    let mut out = format!("{}<th scope=\"col\">Key</th>", table_start("Settings that differ"));
    known.iter().for_each(|entry| out.push_str(&format!("<th scope=\"col\" class=\"text\">{}</th>", entry.letter)));
    out.push_str("</tr></thead><tbody>");
    for key in keys.iter().take(MAX_ROWS) {
        out.push_str(&format!("<tr><th scope=\"row\"><code>{}</code></th>", escape(key)));
        for entry in &known {
            let value = entry.settings.known().and_then(|keys| keys.get(*key));
            let shown =
                value.map_or_else(|| "<small>not set</small>".to_owned(), |value| format!("<code>{}</code>", escape(value)));
            out.push_str(&format!("<td class=\"text\">{shown}</td>"));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    if keys.len() > MAX_ROWS {
        out.push_str(&format!("<p class=\"note\">{} more keys differ.</p>", keys.len() - MAX_ROWS));
    }
    out
}

/// The heads of the columns of [`MEASURES`]; the last attempt by its number, where all runs have as many.
fn measures(entries: &[Entry]) -> String {
    let attempts = |entry: &Entry| entry.run.result().map_or(0, |eval| eval.acc.len());
    let most = attempts(&entries[0]);
    let last = if entries.iter().all(|entry| attempts(entry) == most) { format!("acc@t{most}") } else { "acc@last".to_owned() };
    let named = MEASURES.iter().map(|(name, _)| if *name == "acc@last" { last.as_str() } else { *name });
    named.map(|name| format!("<th scope=\"col\">{name}</th>")).collect()
}

/// A run's letter, a piece of its line, and its name.
fn swatch(index: usize, entry: &Entry) -> String {
    let (class, dash) = look(index);
    format!(
        "<span class=\"who\"><b>{}</b><svg class=\"chart swatch\" viewBox=\"0 0 44 10\" aria-hidden=\"true\">\
         <path class=\"line {class}\" stroke-dasharray=\"{}\" d=\"M2 5H42\"/></svg></span><span class=\"run-name\">{}</span>",
        entry.letter,
        if dash.is_empty() { "none" } else { dash },
        escape(&entry.name)
    )
}

/// How far a run got, on how many problems, in what time.
fn state(entry: &Entry) -> String {
    let n = entry.run.result().and_then(|eval| eval.n.0).map(|n| format!("{} problems", count(n)));
    let open = (!entry.run.ended).then(|| "<b class=\"bad\">not finished</b>".to_owned());
    let parts = [Some(format!("{} RL steps", count(entry.run.last_step()))), n, entry.run.seconds.map(duration), open];
    let parts: Vec<String> = parts.into_iter().flatten().map(|part| format!("<span>{part}</span>")).collect();
    format!("<small>{}</small>", parts.join(" · "))
}

fn written(name: &str, value: Option<f64>) -> String {
    if name == "delta" { signed(value) } else { plain(value) }
}

fn interval_of(name: &str, pick: Measure, eval: &Eval) -> Option<(f64, f64)> {
    match name {
        "delta" => interval(eval),
        "P(fix | wrong)" => wilson(pick(eval), wrong_at_first(eval)),
        _ => wilson(pick(eval), eval.n.0),
    }
}

/// Settings shown.
const MAX_ROWS: usize = 200;
