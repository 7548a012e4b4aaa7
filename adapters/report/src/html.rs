//! The page: sections in reading order, captions, configuration and how to recompute.

use std::{fs::File, io, io::Read, path::Path};

use super::{
    ReportError,
    browser::{self, SCRIPT_HASH},
    chart::{Chart, Frame},
    episodes::Episodes,
    figures,
    log::Warning,
    run::Run,
    svg::{CHART_CSS, render},
    table,
    text::{count, duration, escape, stage_name},
    verdicts,
};

/// The run's configuration, as text.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) text: Option<String>,
    pub(super) cut: bool,
}

impl Config {
    /// Reads `config.toml` up to a bound; a missing file is shown as missing.
    pub(super) fn read(folder: &Path) -> Result<Self, ReportError> {
        let path = folder.join("config.toml");
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_CONFIG + 1).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(ReportError::Read { path, error }),
            Ok(_) => {
                let cut = bytes.len() as u64 > MAX_CONFIG;
                bytes.truncate(MAX_CONFIG as usize);
                Ok(Self { text: Some(String::from_utf8_lossy(&bytes).into_owned()), cut })
            }
        }
    }
}

/// Returns the whole document.
pub(super) fn page(run: &Run, episodes: &Episodes, config: &Config) -> String {
    let headline = escape(&table::headline(run));
    let mut out = format!("<header><p class=\"kicker\">palinode · run report</p><h1>{headline}</h1>");
    for note in table::qualifications(run) {
        out.push_str(&format!("<p class=\"deck\">{note}</p>"));
    }
    out.push_str(&format!("<p class=\"byline\">{}</p></header>", byline(run)));
    out.push_str(&warnings(run));
    out.push_str(&table::tiles(run));
    out.push_str(&effect(run));
    out.push_str(&format!("<section><h2>By stage</h2>{}{TABLE_NOTE}</section>", table::by_stage(run)));
    out.push_str(&verdicts::section(run));
    out.push_str(&training(run));
    out.push_str(&browser::section(episodes));
    out.push_str(&configuration(config));
    out.push_str(RECOMPUTE);
    document(&headline, EPISODES_CSS, &out, Some((&browser::script(), SCRIPT_HASH)))
}

/// A whole document that loads nothing. `title`, `css` and `body` are HTML already; `script` is the one that may run, with its hash.
pub(super) fn document(title: &str, css: &str, body: &str, script: Option<(&str, &str)>) -> String {
    let allowed = script.map_or_else(String::new, |(_, hash)| format!("; script-src '{hash}'"));
    let script = script.map_or_else(String::new, |(text, _)| format!("<script>{text}</script>"));
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
         form-action 'none'{allowed}\"><title>palinode: {title}</title>\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <style>{STYLE}{CHART_CSS}{css}</style></head><body><main>{body}</main>{script}</body></html>\n"
    )
}

fn byline(run: &Run) -> String {
    let mut fields: Vec<(&str, String)> = run.about.fields();
    fields.push(("RL steps", count(run.last_step())));
    fields.extend(run.seconds.map(|seconds| ("time", duration(seconds))));
    let parts: Vec<String> = fields.iter().map(|(name, value)| format!("<span>{name} <b>{}</b></span>", escape(value))).collect();
    parts.concat()
}

/// What the run warned of, and verifiers that failed; empty when there is nothing to say.
fn warnings(run: &Run) -> String {
    let mut items: Vec<String> = run.warnings.iter().map(warning).collect();
    let unusual = |name: &str| name != "right" && name != "wrong";
    let kinds: Vec<String> = run
        .training
        .names()
        .into_iter()
        .filter(|name| unusual(name))
        .map(|name| format!("{} {}", count(run.training.total_of(|known| known == name)), escape(name)))
        .collect();
    if !kinds.is_empty() {
        items.push(format!(
            "<b>Verdicts that are neither right nor wrong:</b> {} of {} in training.",
            kinds.join(", "),
            count(run.training.total_of(|_| true))
        ));
    }
    if items.is_empty() {
        return String::new();
    }
    format!("<aside class=\"warnings\" role=\"note\"><h2>⚠ Warnings</h2><ul><li>{}</li></ul></aside>", items.join("</li><li>"))
}

fn warning(warning: &Warning) -> String {
    let step = |step: Option<f64>| step.map_or_else(|| "?".to_owned(), count);
    let steps = match warning.times {
        1 => format!("step {}", step(warning.step.0)),
        times => format!("{times} times from step {} to {}", step(warning.first.0), step(warning.step.0)),
    };
    let kind = match warning.kind.as_str() {
        "sandbagging" => "Sandbagging: attempt 1 gets worse",
        "no_signal" => "No learning signal",
        "collapse" => "Collapse",
        "unparseable" => "Answers that can't be read",
        "truncated" => "Answers cut off",
        "flat" => "The reward does not rise",
        "failed" => "The verifier failed",
        "repeats" => "Steps larger than the file",
        other => other,
    };
    format!("<b>{}</b> ({}, {steps}). {}", escape(kind), escape(stage_name(&warning.stage)), escape(&warning.message))
}

fn effect(run: &Run) -> String {
    let chart = figures::effect(run);
    let hollow = if run.evals.iter().any(|(_, eval)| !eval.last) {
        " Filled dots are the evaluations that end a stage; hollow dots are intermediate ones, often on fewer problems."
    } else {
        ""
    };
    let whiskers = if chart.lines.iter().any(|line| !line.whiskers.is_empty()) { WHISKERS } else { "" };
    let stages = if run.about.fields().contains(&("arm", "score".to_owned())) { STAGES } else { "" };
    let caption = format!(
        "Each line is the share of held-out problems that an attempt answers right. The shaded gap between them is delta: \
         what asking for a second attempt is worth.{stages}{hollow}{whiskers}"
    );
    figure("The effect", &chart, &caption, "<code>eval</code> events: <code>acc</code> over <code>rl_step</code>")
}

/// The figures drawn from training steps.
fn training(run: &Run) -> String {
    let mut out = String::new();
    let built = [
        (
            "What attempt 2 changes",
            figures::transitions(run),
            TRANSITIONS,
            "<code>step</code> events: <code>i_to_c</code>, <code>c_to_i</code>",
        ),
        ("Distance from the base, in nats", figures::divergence(run), DIVERGENCE, "<code>step</code> events: <code>kl</code>"),
        ("Reward in training", figures::reward(run), REWARD, "<code>step</code> events: <code>reward</code>"),
    ];
    for (title, chart, caption, source) in built {
        match chart {
            Some((chart, width)) => {
                out.push_str(&figure(title, &chart, &format!("{caption} {}", smoothing(width, run.steps.stride())), source))
            }
            None => out.push_str(&format!(
                "<figure><h2>{title}</h2><p class=\"empty\">No <code>step</code> event holds these numbers yet.</p></figure>"
            )),
        }
    }
    out
}

fn smoothing(width: usize, stride: u64) -> String {
    let thinned = if stride > 1 { format!(" The run is long: one step in {stride} is drawn.") } else { String::new() };
    match width {
        1 => format!("No smoothing.{thinned}"),
        _ => format!(
            "Strong lines are the mean of {width} neighbouring points within a stage, faint lines the points themselves.{thinned}"
        ),
    }
}

/// A figure in both widths; the style sheet shows the one that fits.
fn figure(title: &str, chart: &Chart, caption: &str, source: &str) -> String {
    figure_on(&[Frame::WIDE, Frame::NARROW], title, chart, caption, source)
}

/// A figure drawn on each of some frames. `title`, `caption` and `source` are HTML.
pub(super) fn figure_on(frames: &[Frame], title: &str, chart: &Chart, caption: &str, source: &str) -> String {
    let drawn: String = frames.iter().map(|frame| render(chart, frame)).collect();
    format!(
        "<figure><h2>{title}</h2>{drawn}<figcaption>{caption} <span class=\"source\">Source: {source}.</span></figcaption></figure>"
    )
}

fn configuration(config: &Config) -> String {
    let body = match &config.text {
        Some(text) => {
            format!("<details><summary>config.toml, as resolved for this run</summary><pre>{}</pre></details>", escape(text))
        }
        None => "<p class=\"empty\">This run folder has no <code>config.toml</code>.</p>".to_owned(),
    };
    let cut = if config.cut { "<p class=\"empty\">Only the first 256 KiB are shown.</p>" } else { "" };
    format!("<section><h2>Configuration</h2>{body}{cut}</section>")
}

const STYLE: &str = include_str!("style.css");
const EPISODES_CSS: &str = include_str!("episodes.css");
const RECOMPUTE: &str = include_str!("recompute.html");
const TABLE_NOTE: &str = "<p class=\"note\">Small figures are 95 % intervals: Wilson's for shares, Bonett and Price's for delta (both attempts \
    answer the same problems). They cover the choice of problems, not the choice of seed. Each column is the evaluation \
    that ended the stage, or its latest.</p>";
const STAGES: &str = " In Stage I only attempt 2 is rewarded and attempt 1 is held in place; Stage II rewards both, with a bonus for \
    progress from one to the next.";
const WHISKERS: &str = " Upright strokes are 95 % intervals.";
const TRANSITIONS: &str = "Shares of sampled training episodes: wrong answers that attempt 2 makes right, and right answers it makes wrong. \
    Self-correction is learned when the upper line rises and the lower one stays near zero.";
const DIVERGENCE: &str = "How far the policy has moved from the model before RL: the KL divergence summed over the tokens of an attempt, in \
    nats. Stage I anchors attempt 1, so its line should stay low there.";
const REWARD: &str = "Mean reward of sampled attempts in training, where 1 is a right answer. Sampling makes it lower and noisier than \
    the accuracy in the first figure.";

/// Bytes of configuration shown.
const MAX_CONFIG: u64 = 256 << 10;
