use std::path::PathBuf;

use palinode_rows::{Row, Rows};

use super::*;

fn row(line: &str) -> Row {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("rows.jsonl");
    std::fs::write(&path, line).unwrap();
    Rows::open(&path).unwrap().next().unwrap().unwrap()
}

fn read(layout: &str, line: &str) -> Result<(String, String), String> {
    let (prompt, answer) = Layout::named(layout).unwrap().read(&row(line))?;
    Ok((prompt.to_string(), answer))
}

#[test]
fn each_layout_finds_its_fields() {
    let user = r#"[{"role": "user", "content": "2 + 2?"}]"#;
    let messages = r#"[{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]"#;
    for (layout, line) in [
        ("plain", r#"{"prompt": "2 + 2?", "answer": 4}"#.to_owned()),
        ("plain", format!(r#"{{"prompt": {user}, "answer": "4"}}"#)),
        ("plain", r#"{"prompt": "[{\"role\": \"user\", \"content\": \"2 + 2?\"}]", "answer": "4"}"#.to_owned()),
        ("plain", format!(r#"{{"prompt": {user}, "answer": [{{"role": "assistant", "content": " 4 "}}]}}"#)),
        (
            "verl",
            format!(r#"{{"data_source": "own", "prompt": {user}, "reward_model": {{"style": "rule", "ground_truth": "4"}}}}"#),
        ),
        ("trl", format!(r#"{{"prompt": {user}, "solution": "4"}}"#)),
        ("openai", format!(r#"{{"messages": {messages}, "tools": []}}"#)),
        ("openai", format!(r#"{{"messages": {user}, "answer": "4"}}"#)),
        ("reasoning-gym", r#"{"question": "2 + 2?", "answer": "4", "metadata": {}}"#.to_owned()),
    ] {
        assert_eq!(read(layout, &line), Ok(("2 + 2?".into(), "4".into())), "{layout}: {line}");
    }
}

#[test]
fn white_space_around_a_prompt_stays() {
    let asked = " 2 + 2?\n";
    for prompt in [serde_json::json!(asked), serde_json::json!([{"role": "user", "content": asked}])] {
        let line = serde_json::json!({"prompt": prompt, "answer": 4}).to_string();
        assert_eq!(read("plain", &line), Ok((asked.into(), "4".into())), "{line}");
    }
    assert!(read("plain", r#"{"prompt": " \n", "answer": 4}"#).unwrap_err().contains("is empty"));
}

#[test]
fn the_layout_that_fits_is_named() {
    let user = r#"[{"role": "user", "content": "2 + 2?"}]"#;
    for (line, fits) in [
        (format!(r#"{{"prompt": {user}, "reward_model": {{"ground_truth": "4"}}}}"#), "verl"),
        (format!(r#"{{"prompt": {user}, "solution": "4"}}"#), "trl"),
        (format!(r#"{{"messages": {user}}}"#), "openai"),
        (r#"{"question": "a", "answer": "so\n#### 4"}"#.into(), "gsm8k"),
        (r#"{"question": "a", "answer": "4"}"#.into(), "reasoning-gym"),
        (r#"{"problem": "a", "solution": "4"}"#.into(), "math"),
    ] {
        let error = read("plain", &line).unwrap_err();
        assert!(error.contains(&format!("these are the fields of the layout `{fits}`")), "{error}");
    }
}

#[test]
fn rows_without_a_problem_or_a_reference_are_refused_by_name() {
    let messages = |last: &str| format!(r#"[{{"role": "user", "content": "a"}}, {{"role": "assistant", "content": "{last}"}}]"#);
    for (layout, line, part) in [
        ("plain", r#"{"prompt": null, "answer": 4}"#.to_owned(), "\"prompt\" is null"),
        ("plain", r#"{"prompt": "a", "answer": null}"#.into(), "\"answer\" is null"),
        ("plain", format!(r#"{{"prompt": {}, "answer": 4}}"#, messages("b")), "\"prompt\": the last message is the assistant's"),
        ("openai", format!(r#"{{"messages": {}}}"#, messages(" ")), "the assistant's last message is empty"),
        ("openai", r#"{"messages": [{"role": "user", "content": "a"}]}"#.into(), "\"messages\" ends in the user's message"),
        ("openai", format!(r#"{{"messages": {}, "tools": [{{"type": "function"}}]}}"#, messages("b")), "\"tools\" can't be put"),
        (
            "plain",
            r#"{"prompt": "[{'role': 'user', 'content': 'a'}]", "answer": 4}"#.into(),
            "\"prompt\" looks like a list of messages",
        ),
    ] {
        let error = read(layout, &line).unwrap_err();
        assert!(error.contains(part), "{line}: {error}");
    }
}

#[test]
fn a_reference_that_is_a_list_or_an_object_is_judged_as_json() {
    let line = r#"{"prompt": "a", "answer": [0, 2.50, {"b": "\"c\"", "d": [null, true]}]}"#;
    let json = Layout { verifier: "json".parse().unwrap(), ..Layout::default() };
    assert_eq!(json.read(&row(line)).unwrap().1, r#"[0, 2.50, {"b": "\"c\"", "d": [null, true]}]"#);
    let error = read("plain", line).unwrap_err();
    assert_eq!(error, "\"answer\" is a list, not a string; the verifier `json` judges by lists and objects");
    let error = read("plain", r#"{"prompt": "a", "answer": ["4"]}"#).unwrap_err();
    assert!(error.ends_with("\"answer.0\" is its only item"), "{error}");
}

#[test]
fn decimal_commas_are_read_where_they_are_set() {
    let comma = Layout { decimal_comma: true, ..Layout::default() };
    for (written, read) in [("4,5", "4.5"), ("#### 1.234,5 \u{20ac}", "#### 1234.5 \u{20ac}"), ("4,5 or 6", "4,5 or 6")] {
        let line = format!(r#"{{"prompt": "a", "answer": "{written}"}}"#);
        assert_eq!(comma.read(&row(&line)).unwrap().1, read);
        assert_eq!(Layout::default().read(&row(&line)).unwrap().1, written);
    }
}
