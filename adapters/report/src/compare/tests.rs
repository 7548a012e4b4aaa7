//! Comparisons of synthetic run folders.

use serde_json::json;
use tempfile::TempDir;

use super::{
    super::{
        ReportError, render_comparison,
        tests::{eval, folder},
    },
    figures::look,
    *,
};

/// A finished run of an arm: base, one stage, its end.
fn metrics(task: &str, arm: &str, seed: u32, last: f64) -> String {
    let about =
        json!({"event": "run", "version": "0.1.0", "task": task, "arm": arm, "seed": seed, "parameters": 1000}).to_string();
    let stage = json!({"event": "stage", "stage": "stage_two", "phase": "start", "rl_step": 0}).to_string();
    [
        about,
        eval("base", 0, 43.0, 43.0),
        stage,
        eval("stage_two", 200, 44.0, last),
        json!({"event": "end"}).to_string(),
        String::new(),
    ]
    .join("\n")
}

fn config(arm: &str, seed: u32, width: u32) -> String {
    format!(
        "[task]\nname = \"ledger\"\n[model]\nwidth = {width}\n[train]\narm = \"{arm}\"\nseed = {seed}\n[machine]\nthreads = {seed}\n"
    )
}

fn run(arm: &str, seed: u32, last: f64) -> TempDir {
    folder(&[("metrics.jsonl", &metrics("ledger", arm, seed, last)), ("config.toml", &config(arm, seed, 96))])
}

fn compare(runs: &[TempDir]) -> String {
    let page = render_comparison(&runs.iter().map(TempDir::path).collect::<Vec<_>>()).unwrap();
    for absent in ["<script", "src=", "href=", "url(", "@import", "NaN", "inf"] {
        assert!(!page.contains(absent), "{absent}");
    }
    page
}

#[test]
fn two_arms_over_seeds_become_one_page() {
    let page = compare(&[run("score", 0, 80.0), run("score", 1, 84.0), run("naive", 0, 44.5)]);
    for part in [
        "Self-correction in 3 runs: from +0.5 points (C, naive) to +40.0 (B, score).",
        // Wilson's interval of 80 % of 2000, and Bonett and Price's of 37.1 % gained and 1.1 % lost among them.
        "<td>80.0<small>78.2 to 81.7</small></td>",
        "<td>+36.0<small>33.8 to 38.2</small></td>",
        "score<small>ledger: A and B</small></th><td>2</td>",
        // Mean and deviation of 80 and 84, and of a single run.
        "<td>82.0<small>± 2.8</small></td>",
        "<td>44.5</td>",
        "<code>train.seed</code></th><td class=\"text\"><code>0</code></td><td class=\"text\"><code>1</code></td>",
        "<code>train.arm</code>",
        "<code>machine.threads</code>",
        "Stage II from step 0 to 200",
        "task <b>ledger</b>",
        "<th scope=\"col\">acc@t2</th>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for absent in ["model.width", "Before comparing", "seed <b>"] {
        assert!(!page.contains(absent), "{absent}");
    }
}

#[test]
fn unequal_tasks_are_called_out() {
    let other = |task: &str| folder(&[("metrics.jsonl", &metrics(task, "score", 0, 80.0))]);
    let page = compare(&[other("ledger"), other("sorting"), other("ledger")]);
    assert!(page.contains(
        "<b>The tasks differ:</b> ledger in A and C; sorting in B. Accuracies on different problems must not be compared."
    ));
    assert!(page.contains("Without a config.toml:</b> A, B and C."));

    let longer = config("score", 1, 96).replace("\"ledger\"", "\"ledger\"\ndigits = 12");
    let longer = folder(&[("metrics.jsonl", &metrics("ledger", "score", 1, 80.0)), ("config.toml", &longer)]);
    let page = compare(&[run("score", 0, 80.0), longer]);
    assert!(page.contains("<b>The problems differ:</b> <code>task.digits</code> is not the same in all runs."));
    assert!(page.contains("<small>not set</small>") && !page.contains("Mean over seeds"));
}

#[test]
fn what_limits_a_comparison_is_said() {
    let whole = metrics("ledger", "score", 0, 80.0);
    let killed = whole.replace("{\"event\":\"end\"}\n", "").replace("\"final\":true", "\"final\":false");
    let three = whole.replace("\"acc\":[44.0,80.0]", "\"acc\":[44.0,60.0,80.0]").replace("\"n\":2000", "\"n\":500");
    let fell = whole.replace("\"acc\":[44.0,80.0]", "\"acc\":[4.0,80.0]").replace("\"rl_step\":200", "\"rl_step\":150");
    let page = compare(&[&killed, &three, &fell].map(|text| folder(&[("metrics.jsonl", text), ("config.toml", "not = = toml")])));
    for part in [
        "<b>The number of attempts differs:</b> 2 in A and C; 3 in B.",
        "<th scope=\"col\">acc@last</th>",
        "<b>The number of held-out problems differs:</b> 2000 in A and C; 500 in B.",
        "<b>The number of RL steps differs:</b> 200 in A and B; 150 in C.",
        "Not finished, shown as far as they got:</b> A.",
        "intermediate one:</b> A.",
        "not self-correction alone:</b> C.",
        "that can't be read:</b> A, B and C.",
        "The runs' stages differ: none is marked.",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn only_the_seed_makes_a_repetition() {
    let wide = folder(&[("metrics.jsonl", &metrics("ledger", "score", 2, 90.0)), ("config.toml", &config("score", 2, 128))]);
    let runs = [run("score", 0, 80.0), run("score", 1, 84.0), wide, run("score", 1, 10.0)];
    let entries = Entry::read_all(&runs.iter().map(TempDir::path).collect::<Vec<_>>()).unwrap();
    let found: Vec<String> = groups::Group::all(&entries).iter().map(|group| letters(group.runs.iter().copied())).collect();
    assert_eq!(found, ["A and B", "C"], "another width is another experiment, and the second run of a seed no new sample");
}

#[test]
fn text_of_runs_stays_text() {
    let attack = "<script>alert(1)</script>\" onload=\"x";
    let about = json!({"event": "run", "version": attack, "task": attack, "arm": attack, "seed": attack});
    let text = [about.to_string(), eval("base", 0, 43.0, 43.0), eval(attack, 90, 50.0, 60.0)].join("\n");
    let settings = |value: u8| format!("[task]\n'{attack}' = [{value}]\n'<b>' = \"<i>{value}\"\n");
    let runs = [1, 2].map(|value| folder(&[("metrics.jsonl", &text), ("config.toml", &settings(value))]));
    let page = compare(&runs);
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("task.&lt;b&gt;") && page.contains("&lt;i&gt;2"));
    assert!(!page.contains("\" onload") && !page.contains("<i>"));
}

#[test]
fn configurations_of_any_size_are_bounded() {
    let long: String = (0..20_000).map(|key| format!("key{key} = 1\n")).collect();
    let nested = format!("[{}]\nx = 1\n", vec!["a"; 5000].join("."));
    let texts = [&long, &nested, &"[".repeat(100_000), &format!("{}= 1", "k".repeat(300_000))];
    let runs = texts.map(|text| folder(&[("metrics.jsonl", &metrics("ledger", "score", 0, 80.0)), ("config.toml", text)]));
    let page = compare(&runs);
    assert!(page.len() < 300_000, "{}", page.len());
}

#[test]
fn too_few_too_many_and_repeated_runs_are_refused() {
    let one = run("score", 0, 80.0);
    assert!(matches!(render_comparison(&[one.path()]), Err(ReportError::Number { got: 1, .. })));
    assert!(matches!(render_comparison(&vec![one.path(); 49]), Err(ReportError::Number { got: 49, most: 48 })));
    let error = render_comparison(&[one.path(), &one.path().join(".")]).unwrap_err();
    assert!(matches!(&error, ReportError::Twice { .. }), "{error}");
    let empty = folder(&[]);
    assert!(
        matches!(render_comparison(&[one.path(), empty.path()]), Err(ReportError::Read { path, .. }) if path.starts_with(empty.path()))
    );
}

#[test]
fn every_run_has_a_letter_and_a_look_of_its_own() {
    let names: HashSet<String> = (0..MAX_RUNS).map(letter).collect();
    assert_eq!(names.len(), MAX_RUNS);
    assert_eq!([letter(0), letter(25), letter(26), letter(47)], ["A", "Z", "AA", "AV"]);
    assert_eq!((0..MAX_RUNS).map(look).collect::<HashSet<_>>().len(), MAX_RUNS);
    assert_eq!((0..8).map(|index| look(index).1).collect::<HashSet<_>>().len(), 8, "eight runs are told apart without colours");
}
