//! The headline, the tiles and the table by stage.

use palinode_core::transitions::{Accuracy, Compared, first_got_worse};

use super::{
    log::Eval,
    run::Run,
    stats::{paired, wilson},
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
    if run.supervised > 0 {
        notes.push(format!(
            "The base is the model after {} supervised steps on references: what RL gained is counted from there, and KL is measured against it.",
            count(run.supervised as f64)
        ));
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
    let mut tile = |name: &str, class: &str, value: String, interval: Option<(f64, f64)>, before: Option<String>| {
        let interval = interval.map_or_else(String::new, |(low, high)| format!("<small>95\u{a0}%: {}</small>", range(low, high)));
        let before = before.map_or_else(String::new, |before| format!("<small>before RL {before}</small>"));
        out.push_str(&format!("<div><dt>{name}</dt><dd class=\"{class}\">{value}{interval}{before}</dd></div>"));
    };
    for index in 0..eval.acc.len() {
        let class = super::figures::attempt_class(index);
        let before = base.map(|base| percent(accuracy(base, index)));
        let value = accuracy(eval, index);
        tile(&format!("Attempt {} right", index + 1), class, percent(value), wilson(value, eval.n.0), before);
    }
    if eval.acc.len() > 1 {
        tile("Self-correction", "", signed(delta(eval)), interval(eval), base.map(|base| signed(delta(base))));
        let mut share = |name, class, pick: fn(&Eval) -> Option<f64>| {
            tile(name, class, percent(pick(eval)), wilson(pick(eval), eval.n.0), base.map(|base| percent(pick(base))));
        };
        share("Wrong → right", "ok", |eval| eval.i_to_c.0);
        share("Right → wrong", "bad", |eval| eval.c_to_i.0);
    }
    out.push_str("</dl>");
    out
}

/// The table by stage, one column per stage. HTML.
pub(super) fn by_stage(run: &Run) -> String {
    let mut out = format!("{}<th scope=\"col\">Share of problems, in %</th>", table_start("Results by stage"));
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
            out.push_str(&format!("<td>{value}{}</td>", small(interval)));
        }
        out.push_str("</tr>");
    };
    for index in 0..attempts {
        line(&format!("acc@t{}", index + 1), &format!("right at attempt {}", index + 1), &|row| {
            let value = accuracy(row, index);
            (plain(value), wilson(value, row.n.0))
        });
    }
    let last = attempts.max(2);
    let share = |value: Option<f64>, n: Option<f64>| (plain(value), wilson(value, n));
    line("delta", &format!("attempt {last} minus attempt 1, in points"), &|row| (signed(delta(row)), interval(row)));
    line("i→c", &format!("wrong at attempt 1, right at attempt {last}"), &|row| share(row.i_to_c.0, row.n.0));
    line("c→i", &format!("right at attempt 1, wrong at attempt {last}"), &|row| share(row.c_to_i.0, row.n.0));
    line("changed", &format!("attempt {last} differs from attempt 1"), &|row| share(row.changed.0, row.n.0));
    line("P(fix | wrong)", "of those wrong at attempt 1, made right", &|row| share(row.p_fix_wrong.0, wrong_at_first(row)));
    line("P(break | right)", "of those right at attempt 1, made wrong", &|row| share(row.p_break_right.0, right_at_first(row)));
    line("n", "problems evaluated", &|row| (row.n.0.map_or_else(|| plain(None), count), None));
    out.push_str("</tbody></table></div>");
    out
}

/// The start of a table up to its first row, in a frame that scrolls sideways by keyboard too. `what` is trusted text.
pub(super) fn table_start(what: &str) -> String {
    format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{what}\" tabindex=\"0\"><table><caption class=\"unseen\">{what}</caption><thead><tr>"
    )
}

/// An interval below its value; nothing where there is none. HTML.
pub(super) fn small(interval: Option<(f64, f64)>) -> String {
    interval.map_or_else(String::new, |(low, high)| format!("<small>{}</small>", range(low, high)))
}

/// A share below its number. HTML.
pub(super) fn small_share(share: f64) -> String {
    format!("<small>{}</small>", percent(Some(share)))
}

fn range(low: f64, high: f64) -> String {
    format!("{} to {}", plain(Some(low)), plain(Some(high)))
}

/// The accuracy of an attempt, counted from 0.
pub(super) fn accuracy(eval: &Eval, index: usize) -> Option<f64> {
    eval.acc.get(index)?.0
}

/// How many problems attempt 1 answered right: P(break | right) is a share of those.
fn right_at_first(eval: &Eval) -> Option<f64> {
    Some((eval.n.0? * accuracy(eval, 0)? / 100.0).round())
}

/// How many problems attempt 1 answered wrong: P(fix | wrong) is a share of those.
pub(super) fn wrong_at_first(eval: &Eval) -> Option<f64> {
    Some((eval.n.0? - right_at_first(eval)?).max(0.0))
}

/// The recorded difference; with more than two attempts, last minus first.
pub(super) fn delta(eval: &Eval) -> Option<f64> {
    let computed = || Some(accuracy(eval, eval.acc.len().checked_sub(1)?)? - accuracy(eval, 0)?);
    if eval.acc.len() > 2 { computed() } else { eval.delta.0.or_else(computed) }
}

/// Says whether attempt 1 is worse than before RL, by more than noise: the difference is then not all self-correction.
pub(super) fn weaker_first(run: &Run) -> Option<bool> {
    let (base, eval) = (run.base()?, run.result()?);
    let point = |eval: &Eval| Some(Accuracy::new(accuracy(eval, 0)?, eval.n.0.unwrap_or(1.0)));
    Some(first_got_worse(point(base)?, point(eval)?, Compared::Unpaired))
}

/// A value and its interval.
type Cell = (String, Option<(f64, f64)>);

/// The 95 % interval of the difference between the first attempt and the last.
pub(super) fn interval(eval: &Eval) -> Option<(f64, f64)> {
    (eval.acc.len() > 1).then(|| paired(eval.i_to_c.0, eval.c_to_i.0, eval.n.0)).flatten()
}
