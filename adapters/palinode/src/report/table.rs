//! The headline, the tiles and the table by stage.

use super::{
    read::{Eval, Run},
    stats::{fell, paired, wilson},
    text::{count, escape, percent, plain, signed, stage_name},
};

/// States the result in one sentence, as plain text.
pub(super) fn headline(run: &Run) -> String {
    let Some(eval) = run.result() else { return "No result yet.".to_owned() };
    let (first, last) = (accuracy(eval, 0), accuracy(eval, eval.acc.len() - 1));
    let n = eval.n.0.map_or_else(String::new, |n| format!("{} ", count(n)));
    if eval.acc.len() < 2 {
        return format!("Attempt 1 is right in {} of {n}held-out problems.", percent(first));
    }
    let before = run.base().map_or_else(String::new, |base| format!("; before RL {}", signed(delta(base))));
    let verdict = match (delta(eval), interval(eval)) {
        (Some(delta), Some((low, high))) if low <= 0.0 && high >= 0.0 => {
            format!("{} points, within sampling noise of no self-correction{before}.", signed(Some(delta)))
        }
        (Some(delta), _) if delta <= 0.0 => format!("{} points, self-correction does harm{before}.", signed(Some(delta))),
        (delta, _) if weaker_first(run) == Some(true) => {
            format!("{} points, in part because attempt 1 got worse{before}.", signed(delta))
        }
        (delta, _) => format!("{} points from self-correction{before}.", signed(delta)),
    };
    let attempt = eval.acc.len();
    format!("Attempt {attempt} is right in {} of {n}held-out problems, attempt 1 in {}: {verdict}", percent(last), percent(first))
}

/// Qualifies the headline: where attempt 1 went, and whether the result is a final one. HTML.
pub(super) fn qualifications(run: &Run) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(eval) = run.result() else { return notes };
    if let (Some(from), Some(to)) = (run.base().and_then(|base| accuracy(base, 0)), accuracy(eval, 0)) {
        let (from, to) = (percent(Some(from)), percent(Some(to)));
        notes.push(match weaker_first(run) {
            Some(true) => format!("<strong class=\"bad\">Attempt 1 itself fell from {from} to {to}.</strong>"),
            _ => format!("Attempt 1 itself went from {from} to {to}."),
        });
    }
    let step = count(run.last_step());
    if !eval.last {
        notes.push(format!("This is an intermediate evaluation at RL step {}.", count(eval.rl_step.0.unwrap_or(0.0))));
    }
    if !run.ended {
        notes.push(format!(
            "<strong>The run has not finished:</strong> its metrics reach RL step {step} and have no <code>end</code> event."
        ));
    }
    if run.cut {
        notes.push(
            "The last line of <code>metrics.jsonl</code> is cut short, as a killed run leaves it, and is ignored.".to_owned(),
        );
    }
    notes
}

/// The key numbers, each beside its value before RL. HTML.
pub(super) fn tiles(run: &Run) -> String {
    let Some(eval) = run.result() else { return String::new() };
    let base = run.base();
    let mut out = String::from("<dl class=\"tiles\">");
    let mut tile = |name: &str, class: &str, value: String, before: Option<String>| {
        let before = before.map_or_else(String::new, |before| format!("<small>before RL {before}</small>"));
        out.push_str(&format!("<div><dt>{name}</dt><dd class=\"{class}\">{value}{before}</dd></div>"));
    };
    for index in 0..eval.acc.len() {
        let class = super::figures::attempt_class(index);
        let before = base.map(|base| percent(accuracy(base, index)));
        tile(&format!("Attempt {} right", index + 1), class, percent(accuracy(eval, index)), before);
    }
    if eval.acc.len() > 1 {
        tile("Self-correction", "", signed(delta(eval)), base.map(|base| signed(delta(base))));
        tile("Wrong → right", "ok", percent(eval.i_to_c.0), base.map(|base| percent(base.i_to_c.0)));
        tile("Right → wrong", "bad", percent(eval.c_to_i.0), base.map(|base| percent(base.c_to_i.0)));
    }
    out.push_str("</dl>");
    out
}

/// The table by stage, one column per stage. HTML.
pub(super) fn by_stage(run: &Run) -> String {
    let mut out = String::from("<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Share of problems, in %</th>");
    for row in &run.rows {
        let note = if row.last { format!("RL step {}", count(row.rl_step.0.unwrap_or(0.0))) } else { "not final".to_owned() };
        out.push_str(&format!("<th scope=\"col\">{}<small>{note}</small></th>", escape(stage_name(&row.stage))));
    }
    out.push_str("</tr></thead><tbody>");
    let attempts = run.rows.iter().map(|row| row.acc.len()).max().unwrap_or(0);
    let mut line = |name: &str, means: &str, cell: &dyn Fn(&Eval) -> Cell| {
        out.push_str(&format!("<tr><th scope=\"row\">{name}<small>{means}</small></th>"));
        for row in &run.rows {
            let (value, interval) = cell(row);
            let interval = interval
                .map_or_else(String::new, |(low, high)| format!("<small>{} to {}</small>", plain(Some(low)), plain(Some(high))));
            out.push_str(&format!("<td>{value}{interval}</td>"));
        }
        out.push_str("</tr>");
    };
    for index in 0..attempts {
        line(&format!("acc@t{}", index + 1), &format!("right at attempt {}", index + 1), &|row| {
            let value = accuracy(row, index);
            (plain(value), wilson(value, row.n.0))
        });
    }
    line("delta", &format!("attempt {} minus attempt 1, in points", attempts.max(2)), &|row| (signed(delta(row)), interval(row)));
    line("i→c", "wrong at attempt 1, right at attempt 2", &|row| (plain(row.i_to_c.0), None));
    line("c→i", "right at attempt 1, wrong at attempt 2", &|row| (plain(row.c_to_i.0), None));
    line("changed", "attempt 2 differs from attempt 1", &|row| (plain(row.changed.0), None));
    line("P(fix | wrong)", "of those wrong at attempt 1, made right", &|row| (plain(row.p_fix_wrong.0), None));
    line("P(break | right)", "of those right at attempt 1, made wrong", &|row| (plain(row.p_break_right.0), None));
    line("n", "problems evaluated", &|row| (row.n.0.map_or_else(|| plain(None), count), None));
    out.push_str("</tbody></table></div>");
    out
}

fn accuracy(eval: &Eval, index: usize) -> Option<f64> {
    eval.acc.get(index)?.0
}

/// The recorded difference; with more than two attempts, last minus first.
fn delta(eval: &Eval) -> Option<f64> {
    let computed = || Some(accuracy(eval, eval.acc.len().checked_sub(1)?)? - accuracy(eval, 0)?);
    if eval.acc.len() > 2 { computed() } else { eval.delta.0.or_else(computed) }
}

/// Says whether attempt 1 is worse than before RL, by more than noise: the difference is then not all self-correction.
fn weaker_first(run: &Run) -> Option<bool> {
    let (base, eval) = (run.base()?, run.result()?);
    let point = |eval: &Eval| Some((accuracy(eval, 0)?, eval.n.0.unwrap_or(1.0)));
    Some(fell(point(base)?, point(eval)?))
}

/// A value and its interval.
type Cell = (String, Option<(f64, f64)>);

/// The 95 % interval of the difference between two attempts.
fn interval(eval: &Eval) -> Option<(f64, f64)> {
    (eval.acc.len() == 2).then(|| paired(eval.i_to_c.0, eval.c_to_i.0, eval.n.0)).flatten()
}
