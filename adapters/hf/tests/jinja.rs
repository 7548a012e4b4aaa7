//! Expressions that templates use, against Jinja as transformers 5.24 sets it up (`jinja/generate.py`).

use std::fs;

use palinode_hf::{Date, HfError, Template, Variables};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Cases {
    context: Context,
    /// A template, and its text; none where Jinja refuses it.
    cases: Vec<(String, Option<String>)>,
}

#[derive(Deserialize)]
struct Context {
    messages: minijinja::Value,
}

fn template(text: &str) -> Result<Template, HfError> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("chat_template.jinja"), text).unwrap();
    Template::of(folder.path()).map(Option::unwrap)
}

fn rendered(text: &str, messages: &impl serde::Serialize) -> Result<String, String> {
    template(text)
        .and_then(|template| template.render(messages, true, &Variables::new(), Date::constant(2026, 1, 31)))
        .map_err(|error| error.to_string())
}

#[test]
fn expressions_have_the_text_of_jinja() {
    let Cases { context, cases } = serde_json::from_str(include_str!("jinja/cases.json")).unwrap();
    let differ = cases.iter().filter_map(|(template, text)| {
        let found = rendered(template, &context.messages);
        (found.as_ref().ok() != text.as_ref()).then(|| format!("{template:?}: {found:?}, in Jinja {text:?}"))
    });
    let differ: Vec<String> = differ.collect();
    assert!(cases.len() > 1000 && differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
}

/// What Jinja has and this library has not, or not for certain, is refused, with its name.
#[test]
fn what_is_left_out_is_refused_by_name() {
    for (text, name) in [
        ("{{ messages | pprint }}", "pprint"),
        ("{{ messages[0] | attr('role') }}", "attr"),
        ("{{ 'a' | wordwrap(3) }}", "wordwrap"),
        ("{{ 'a'.encode('utf-8') }}", "encode"),
        ("{{ 'a'.translate({}) }}", "translate"),
        ("{{ '\u{b2}'.isdigit() }}", "isdigit"),
        ("{{ '%s' % 'a' }}", "%"),
        ("{{ cycler('a') }}", "cycler"),
        ("{{ 'a' is callable }}", "callable"),
    ] {
        let error = rendered(text, &json!([{"role": "user", "content": "a"}])).expect_err(text);
        assert!(error.contains(name) && error.contains("the chat template, line 1"), "{text}: {error}");
    }
}

#[test]
fn errors_name_what_is_undefined() {
    let messages = json!([{"role": "user", "content": "a"}]);
    for (text, name) in [
        ("{{ nothing.b }}", "`nothing`"),
        ("{{ messages[0].tool.calls }}", "`messages[0].tool`"),
        ("\n{{ messages[0].content.a.b }}", "`messages[0].content.a`"),
        ("{{ messages[0]['x'].y }}", "`messages[0]['x']`"),
        ("{{ nothing() }}", "nothing"),
        ("{{ messages[0].nothing() }}", "nothing"),
        ("{{ nothing | length }}", "nothing"),
    ] {
        match rendered(text, &messages) {
            Ok(text) => assert_eq!((text.as_str(), name), ("0", "nothing")),
            Err(error) => assert!(error.contains(name) && error.contains("line"), "{text}: {error}"),
        }
    }
}

/// What a method adds to a text is paid for before it is made.
#[test]
fn methods_that_mean_harm() {
    let messages: Value = json!([]);
    for text in [
        "{{ 'a'.center(100000000000) }}",
        "{{ 'a'.ljust(100000000000) }}",
        "{{ '1'.zfill(100000000000) }}",
        "{{ ('\\t' * 1000).expandtabs(100000000000) }}",
        "{{ ('a' * 100000).join(['b'] * 100000) }}",
        "{% set d = dict(a=1) %}{% for i in range(1000000) %}{% set x = d.items() %}{% endfor %}",
    ] {
        let error = rendered(text, &messages).expect_err(text);
        assert!(error.contains("the chat template"), "{text}: {error}");
    }
}

/// Windows' line ends, and those of old Macs, in each place of a template.
#[test]
fn line_ends_are_line_feeds() {
    for ends in ["\r\n", "\r", "\n"] {
        let text = ["{% for m in messages %}", "[{{ m.role }}]", "{{ 'a", "b' }}", "{% endfor %}", "end"].join(ends);
        assert_eq!(rendered(&text, &json!([{"role": "user"}])).unwrap(), "[user]\na\nb\nend");
    }
}
