//! The report of synthetic run folders, end to end.

use core::fmt::Write as _;
use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::*;

pub(super) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

pub(super) fn eval(stage: &str, rl_step: u32, first: f64, second: f64) -> String {
    let lost = if second - first > 1.0 { 1.1 } else { 0.0 };
    json!({"event": "eval", "stage": stage, "step": rl_step, "rl_step": rl_step, "acc": [first, second], "acc_t1": first,
        "acc_t2": second, "delta": second - first, "i_to_c": second - first + lost, "c_to_i": lost, "changed": 3.0,
        "p_fix_wrong": 100.0 * (second - first + lost) / (100.0 - first), "p_break_right": 100.0 * lost / first,
        "edit_distance_ratio": 0.01, "n": 2000, "final": true})
    .to_string()
}

/// A warning as the training loop writes it.
fn warning(rl_step: usize, message: &str) -> String {
    use palinode_train::{
        arm::StageName,
        event::{Event, WarningKind},
    };
    let stage = StageName::StageOne;
    serde_json::to_string(&Event::Warning { kind: WarningKind::Sandbagging, stage, rl_step, message: message.into() }).unwrap()
}

/// A run as the design measured it: base 43/43.5, Stage I to 43/51 at RL step 100, Stage II to 54/77.5 at 250.
fn metrics() -> String {
    let mut out = String::new();
    let mut put = |line: String| writeln!(out, "{line}").unwrap();
    put(json!({"event": "run", "version": "0.1.0", "task": "ledger", "arm": "score", "seed": 0, "attempts": 2,
        "parameters": 223_000, "device": "flex"})
    .to_string());
    put(json!({"event": "warm", "phase": 1, "step": 20, "loss": 1.234}).to_string());
    put(eval("warm", 0, 20.0, 20.0));
    put(eval("base", 0, 43.2, 43.5));
    for rl_step in 1..=250_u32 {
        let stage = if rl_step <= 100 { "stage_one" } else { "stage_two" };
        if rl_step == 1 || rl_step == 101 {
            put(json!({"event": "stage", "stage": stage, "phase": "start", "rl_step": rl_step - 1}).to_string());
        }
        let (t, late) = (f64::from(rl_step) / 250.0, f64::from(rl_step.saturating_sub(100)) / 150.0);
        let noise = ((f64::from(rl_step) * 12.9898).sin() * 43758.5453).fract() * 0.025;
        let first = 0.40 + 0.11 * late + noise;
        let gain = 0.07 * (t / 0.4).min(1.0) + 0.15 * late.sqrt();
        put(json!({"event": "step", "stage": stage, "step": rl_step, "rl_step": rl_step, "loss": 0.1,
            "reward": [first, first + gain + noise / 2.0], "kl": [0.01 + 0.9 * late + noise.abs(), 0.02 + 1.4 * t + noise.abs() * 3.0],
            "grad_norm": 0.8, "changed": 0.2, "zero_spread": [0.3, 0.25], "i_to_c": gain + 0.02 + noise / 2.0,
            "c_to_i": 0.012 + noise.abs() / 4.0, "verdicts": {"right": 400, "wrong": 112}}).to_string());
        if rl_step % 25 == 0 && rl_step != 100 && rl_step != 250 {
            let (one, two) =
                (43.0 + 11.0 * late + 40.0 * noise, 43.5 + 7.5 * (t / 0.4).min(1.0) + 26.0 * late.sqrt() + 20.0 * noise);
            let line =
                eval(stage, rl_step, one, two).replace("\"final\":true", "\"final\":false").replace("\"n\":2000", "\"n\":400");
            put(line);
        }
        if rl_step == 100 {
            put(eval(stage, 100, 43.3, 50.7));
            put(json!({"event": "stage", "stage": stage, "phase": "end", "rl_step": 100}).to_string());
        }
    }
    put(eval("stage_two", 250, 54.4, 77.5));
    put(json!({"event": "future", "anything": [1, {"a": null}]}).to_string());
    put(json!({"event": "end"}).to_string());
    out
}

fn episodes() -> String {
    let kinds = [
        ("wrong", "77743990", "right", "77743997"),
        ("right", "77743997", "wrong", "77743907"),
        ("wrong", "11107331", "wrong", "11177331"),
        ("right", "77743997", "right", "77743997"),
    ];
    let mut out = String::new();
    for index in 0..200_usize {
        let (v1, t1, v2, t2) = kinds[[0, 3, 2, 3, 0, 1, 2, 3][index % 8]];
        let attempt = |verdict: &str, text: &str| json!({"ids": [1, 2], "text": text, "logprobs": [-0.1], "reward": 0.0, "verdict": verdict, "stop": "fixed_length"});
        let line = json!({"stage": "stage_two", "step": index, "rl_step": 101 + index / 2, "problem": 17 * index, "sample": 0,
            "prompt": "30140207", "prompt_ids": [3, 0], "reference": "77743997", "attempts": [attempt(v1, t1), attempt(v2, t2)]});
        writeln!(out, "{line}").unwrap();
    }
    out
}

const CONFIG: &str =
    "task = \"ledger\"\nseed = 0\n\n[stage_one]\nsteps = 100 # <b>\nbeta2 = 0.1\n\n[stage_two]\nsteps = 150\nalpha = 10.0\n";

/// An evaluation that tells its verdicts, as the training loop writes it.
fn judged(stage: &str, rl_step: u32, why: &str) -> String {
    let mut event: serde_json::Value = serde_json::from_str(&eval(stage, rl_step, 40.0, 60.0)).unwrap();
    event["verdicts"] = json!([{"right": 800, "wrong": 1150, "truncated": 50}, {"right": 1200, "wrong": 796, "failed": 4}]);
    event["examples"] = json!([{"verdict": "wrong", "attempt": 2, "problem": "2 < 3?", "answer": "<b>no</b>", "why": why}]);
    event.to_string()
}

#[test]
fn verdicts_of_each_attempt_are_a_table_with_examples_and_can_be_recomputed() {
    let step = |rl_step: u32, verdicts: serde_json::Value| {
        json!({"event": "step", "stage": "stage_one", "rl_step": rl_step, "reward": [0.5, 0.5], "verdicts": verdicts}).to_string()
    };
    let lines = |first: serde_json::Value| {
        [
            json!({"event": "run", "arm": "score"}).to_string(),
            judged("base", 0, "early"),
            step(1, first),
            step(2, json!([{"right": 2, "unparseable": 14}, {"right": 16}])),
            judged("stage_one", 2, "no is not yes (other words)"),
        ]
        .join("\n")
            + "\n"
    };
    let run = folder(&[("metrics.jsonl", &lines(json!([{"right": 6, "wrong": 10}, {"wrong": 16}])))]);
    let page = render_html(run.path()).unwrap();
    let row = |name: &str, cells: [&str; 3]| {
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        format!("<tr><th scope=\"row\">{name}</th>{cells}</tr>")
    };
    let cell = |number: &str, share: &str| format!("{number}<small>{share}\u{a0}%</small>");
    let (held, trained) = (cell("800", "40.0"), cell("8", "25.0"));
    for part in [
        row("right at attempt 1", [&held, &held, &trained]),
        row("truncated at attempt 1", [&cell("50", "2.5"), &cell("50", "2.5"), &cell("0", "0.0")]),
        row("unparseable at attempt 1", [&cell("0", "0.0"), &cell("0", "0.0"), &cell("14", "43.8")]),
        row("failed at attempt 2", [&cell("4", "0.2"), &cell("4", "0.2"), &cell("0", "0.0")]),
        "<b>Verdicts that are neither right nor wrong:</b> 14 unparseable of 64 in training.".into(),
        "<code>&lt;b&gt;no&lt;/b&gt;</code>".into(),
        "no is not yes (other words)".into(),
    ] {
        assert!(page.contains(&part), "{part}");
    }
    assert!(!page.contains("early"), "the examples are those of the last evaluation");
    let summary = serde_json::to_value(summarize(run.path()).unwrap()).unwrap();
    assert_eq!(
        summary["stages"][1]["verdicts"],
        json!([{"right": 800, "wrong": 1150, "truncated": 50}, {"right": 1200, "wrong": 796, "failed": 4}])
    );
    assert_eq!(summary["stages"][1]["examples"][0]["why"], "no is not yes (other words)");
    assert_eq!(summary["training_verdicts"], json!([{"right": 8, "wrong": 10, "unparseable": 14}, {"right": 16, "wrong": 16}]));
    // A log that an older version began: its steps do not tell attempts apart.
    let old = folder(&[("metrics.jsonl", &lines(json!({"right": 6, "wrong": 26})))]);
    let page = render_html(old.path()).unwrap();
    assert!(
        page.contains(&row("right at attempt 1", [&held, &held, ""]).replace("<td></td>", ""))
            && page.contains("14 unparseable of 64 in training")
    );
    let none = folder(&[("metrics.jsonl", &format!("{}\n", eval("base", 0, 40.0, 41.0)))]);
    assert!(!render_html(none.path()).unwrap().contains("<h2>Verdicts</h2>"));
}

#[test]
fn a_whole_run_becomes_one_self_contained_page() {
    let times = "{\"line\":2,\"seconds\":3.2}\n{\"line\":270,\"seconds\":312.0}\n{\"line\":27";
    let run = folder(&[
        ("config.toml", CONFIG),
        ("metrics.jsonl", &metrics()),
        ("episodes.jsonl", &episodes()),
        ("times.jsonl", times),
    ]);
    let page = render_html(run.path()).unwrap();
    if let Some(out) = std::env::var_os("REPORT_OUT") {
        fs::write(Path::new(&out).join("report.html"), &page).unwrap();
        fs::write(Path::new(&out).join("effect.svg"), render_effect_svg(run.path()).unwrap()).unwrap();
    }
    let headline = "Attempt 2 is right in 77.5\u{a0}% of 2000 held-out problems, attempt 1 in 54.4\u{a0}%: +23.1 points from \
        self-correction; before RL +0.3.";
    assert!(page.contains(headline));
    for part in [
        "Stage I<",
        "Stage II<",
        "75.6 to 79.3",
        "21.1 to 25.0",
        "mean of 9 neighbouring points",
        "223\u{202f}000",
        "5 min 12 s",
        "steps = 100 # &lt;b&gt;",
        "Wrong → right <span>24</span>",
        "<dt>Attempt 2 <span class=\"ok\">✓ right</span></dt>",
        "Stage I from step 0 to 100",
        "<mark>7</mark>",
        "96 of 200 recorded episodes",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.contains(&format!("script-src '{}'", browser::SCRIPT_HASH)));
    assert_eq!(page.matches("<script").count(), 1);
    for absent in ["⚠", "not finished", "src=", "href=", "url(", "@import", "NaN", "inf"] {
        assert!(!page.contains(absent), "{absent}");
    }
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert!(page.len() < 400_000, "{}", page.len());
}

#[test]
fn the_effect_figure_stands_alone() {
    let run = folder(&[("metrics.jsonl", &metrics())]);
    let svg = render_effect_svg(run.path()).unwrap();
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && svg.ends_with("</svg>"));
    for part in ["width=\"760\"", "prefers-color-scheme", "Stage I<", "77.5\u{a0}%", "+23.1 points"] {
        assert!(svg.contains(part), "{part}");
    }
}

#[test]
fn model_output_stays_text() {
    let attack = "<script>alert(1)</script>\" onload=\"x</style></title>";
    let attempt = json!({"text": attack, "verdict": attack});
    let episode =
        json!({"stage": attack, "problem": attack, "prompt": attack, "reference": attack, "attempts": [attempt, attempt]});
    let warning = json!({"event": "warning", "kind": attack, "stage": attack, "rl_step": 1, "message": attack});
    let about = json!({"event": "run", "task": attack, "arm": attack, "version": attack, "device": attack});
    let step = json!({"event": "step", "stage": attack, "rl_step": 90, "reward": [0.5], "verdicts": {attack: 3}});
    let lines =
        [eval("base", 0, 43.0, 43.0), about.to_string(), warning.to_string(), step.to_string(), eval(attack, 90, 50.0, 60.0)];
    let run = folder(&[("config.toml", attack), ("metrics.jsonl", &lines.join("\n")), ("episodes.jsonl", &episode.to_string())]);
    let page = render_html(run.path()).unwrap();
    assert!(page.contains("&lt;script&gt;alert(1)"));
    for (output, scripts) in [(page, 1), (render_effect_svg(run.path()).unwrap(), 0)] {
        assert_eq!(output.matches("<script").count(), scripts);
        assert_eq!(output.matches("</style>").count(), 1);
        assert!(!output.contains("\" onload") && !output.contains("alert(1)<"));
    }
}

/// Steps, evaluations and episodes without end, texts of the costliest kind: quotes that need escapes, every other one marked.
#[test]
fn the_page_is_bounded_whatever_the_length_of_the_run() {
    let mut text = format!("{}\n", eval("base", 0, 43.0, 43.0));
    for rl_step in 1..=9000_u32 {
        let step = json!({"event": "step", "stage": "stage_one", "rl_step": rl_step, "reward": [0.4, 0.5], "kl": [0.1, 0.2], "i_to_c": 0.1, "c_to_i": 0.1});
        writeln!(text, "{step}").unwrap();
        writeln!(text, "{}", eval("stage_one", rl_step, 43.0, 50.0).replace("\"final\":true", "\"final\":false")).unwrap();
    }
    let attempt = |verdict: &str, odd: char| {
        let text: String = (0..3000).map(|index| if index % 2 == 0 { '"' } else { odd }).collect();
        json!({"text": text, "verdict": verdict})
    };
    let mut episodes = String::new();
    for problem in 0..200 {
        let attempts = [attempt(["right", "wrong"][problem % 2], '\''), attempt("wrong", '<'), attempt("right", '>')];
        writeln!(episodes, "{}", json!({"stage": "stage_one", "rl_step": problem, "problem": problem, "attempts": attempts}))
            .unwrap();
    }
    let run = folder(&[("metrics.jsonl", &text), ("episodes.jsonl", &episodes)]);
    let page = render_html(run.path()).unwrap();
    assert!(page.len() < 2_500_000, "{}", page.len());
    let shown = page.matches("<article").count();
    assert!((10..64).contains(&shown) && page.contains(&format!("{shown} of 200 recorded")), "{shown}");
}

#[test]
fn attempts_mark_what_differs_between_them() {
    let attempt = |verdict: &str, text: &str| json!({"text": text, "verdict": verdict});
    let three = json!({"stage": "stage_one", "rl_step": 3, "problem": 1, "prompt": "2+2", "attempts":
        [attempt("wrong", "15"), attempt("wrong", "16"), attempt("right", "46")]});
    let other =
        json!({"stage": "stage_two", "rl_step": 9, "problem": 1, "attempts": [attempt("right", "7"), attempt("right", "7")]});
    let run = folder(&[("metrics.jsonl", &metrics()), ("episodes.jsonl", &format!("{three}\n{other}\n"))]);
    let page = render_html(run.path()).unwrap();
    for part in [
        "Wrong → right (✗ → ✗ → ✓)",
        "<code>1<mark>5</mark></code>",
        "<code>1<mark>6</mark></code>",
        "<code><mark>4</mark>6</code>",
        "<article class=\"card corrected s0\">",
        "<article class=\"card right s1\">",
        "id=\"stage-s1\" value=\"s1\"><label for=\"stage-s1\">Stage II <span>1</span>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("id=\"outcome-broken\""), "an outcome without an episode has no button");
}

#[test]
fn a_malformed_line_is_named() {
    let text = format!(
        "{}\n{{\"event\":\"step\",\"rl_step\":\"one\"}}\n{}\n",
        eval("base", 0, 43.0, 43.0),
        eval("stage_one", 9, 43.0, 50.0)
    );
    let run = folder(&[("metrics.jsonl", &text)]);
    let error = render_html(run.path()).unwrap_err();
    assert!(matches!(&error, ReportError::Malformed { line: 2, .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.contains("metrics.jsonl, line 2: column") && message.contains("expected a number or null, got \"one\""),
        "{message}"
    );
    let run = folder(&[("metrics.jsonl", &metrics()), ("episodes.jsonl", "{}\nnot json\n{}\n")]);
    assert!(render_html(run.path()).unwrap_err().to_string().contains("episodes.jsonl, line 2: column 2"));
}

#[test]
fn an_endless_line_is_refused() {
    let long = format!("{}\n{}", eval("base", 0, 43.0, 43.0), " ".repeat(MAX_LINE as usize + 1));
    let run = folder(&[("metrics.jsonl", &long)]);
    assert!(matches!(render_html(run.path()), Err(ReportError::Malformed { line: 2, .. })));
}

#[test]
fn missing_files_are_errors_or_said_to_be_missing() {
    let run = folder(&[]);
    let error = render_html(run.path()).unwrap_err();
    assert!(matches!(&error, ReportError::Read { path, .. } if path.ends_with("metrics.jsonl")), "{error}");
    let run = folder(&[("metrics.jsonl", &metrics())]);
    let page = render_html(run.path()).unwrap();
    assert!(page.contains("has no <code>episodes.jsonl</code>") && page.contains("has no <code>config.toml</code>"));
    let run = folder(&[("metrics.jsonl", &metrics()), ("episodes.jsonl", "")]);
    assert!(render_html(run.path()).unwrap().contains("has recorded no episode"));
}

#[test]
fn a_run_without_evaluations_is_an_error() {
    for text in [String::new(), "\n\n".to_owned(), format!("{}\n", eval("warm", 0, 1.0, 1.0)), "{\"event\":\"run\"}".to_owned()] {
        let run = folder(&[("metrics.jsonl", &text)]);
        assert!(matches!(render_html(run.path()), Err(ReportError::NoEvaluations { .. })), "{text}");
    }
}

#[test]
fn a_killed_run_is_reported_as_far_as_it_got() {
    let whole = metrics();
    let kill = whole.find("\"rl_step\":180,").unwrap();
    let run = folder(&[("metrics.jsonl", &whole[..kill])]);
    let page = render_html(run.path()).unwrap();
    for part in ["cut short", "not finished", "reach RL step 179", "intermediate evaluation at RL step 175", "not final"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(matches!(
        render_html(folder(&[("metrics.jsonl", &format!("{}\n", &whole[..kill]))]).path()),
        Err(ReportError::Malformed { .. })
    ));
}

#[test]
fn a_resumed_run_counts_each_step_once() {
    let mut text = metrics();
    let resumed =
        text.find("{\"event\":\"stage\",\"phase\":\"start\",\"rl_step\":100").map(|start| text[start..].to_owned()).unwrap();
    text.push_str(&resumed);
    let run = folder(&[("metrics.jsonl", &text)]);
    let data = Run::read(run.path()).unwrap();
    assert_eq!(data.steps.iter().count(), 250);
    assert_eq!(data.spans.len(), 2);
    assert_eq!(data.rows.len(), 3);
    assert_eq!(render_html(run.path()).unwrap(), render_html(folder(&[("metrics.jsonl", &metrics())]).path()).unwrap());
}

#[test]
fn gaps_single_points_and_odd_values_do_not_break_the_page() {
    let odd = [
        r#"{"event":"eval","stage":"base","rl_step":0,"acc":[null,43.0],"n":null,"delta":"NaN"}"#,
        r#"{"event":"step","stage":"stage_one","rl_step":1,"reward":null,"kl":[1e300,-3.0],"i_to_c":null,"verdicts":null}"#,
        r#"{"event":"step","stage":"stage_one","rl_step":2,"reward":[],"kl":[0.1,"inf",0.2,0.3,0.4],"verdicts":{"crashed":7}}"#,
        r#"{"event":"step"}"#,
        &warning(2, "a"),
        &warning(4, "b"),
        r#"{"event":"eval","stage":"stage_one","rl_step":2,"acc":[10.0,20.0,30.0],"n":0,"final":true}"#,
    ];
    let run = folder(&[("metrics.jsonl", &odd.join("\n")), ("episodes.jsonl", "{}\n{\"attempts\":[{}]}\n")]);
    let page = render_html(run.path()).unwrap();
    for part in ["2 times from step 2 to 4", "7 crashed of 7", "Attempt 3 is right in 30.0"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf "));
    let single = folder(&[("metrics.jsonl", &eval("base", 0, 43.0, 43.0))]);
    assert!(render_html(single.path()).unwrap().contains("within sampling noise"));
    assert!(render_effect_svg(single.path()).is_ok());
}

#[test]
fn a_weaker_first_attempt_is_called_out() {
    let text = [eval("base", 0, 43.2, 43.5), eval("stage_two", 100, 4.1, 40.0)].join("\n");
    let page = render_html(folder(&[("metrics.jsonl", &text)]).path()).unwrap();
    assert!(page.contains("+35.9 points, in part because attempt 1 got worse; before RL +0.3."));
    assert!(page.contains("Attempt 1 itself fell from 43.2\u{a0}% to 4.1\u{a0}%"));
}
