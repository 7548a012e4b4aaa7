//! Files of problems, and answers.

use std::{path::Path, sync::Arc};

use palinode::{
    core::{task::Split, turns::MultiTurnTask, verifier::Verdict},
    math::{Answer, Form},
    rows::Rows,
    tasks::{
        FileTask, Layout,
        verifiers::{TextVerifier, VerifierConfig},
    },
    text::Role,
};

use crate::{parts, put};

/// Reads all rows, and paths in them.
fn rows(path: &Path) {
    let Ok(rows) = Rows::open(path) else { return };
    for row in rows {
        match row {
            Ok(row) => {
                let names: Vec<&str> = row.keys().collect();
                assert!(names.iter().all(|name| row.at(name).is_some()), "{names:?}");
                let _ = (row.at("answer.0"), row.at("answer.value.0"));
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// Problems in JSONL, in each layout.
pub fn jsonl(input: &[u8], folder: &Path) {
    put(folder, "problems.jsonl", input);
    let path = folder.join("problems.jsonl");
    rows(&path);
    for name in Layout::NAMES {
        let _ = FileTask::load(&path, None, &Layout::named(name).expect("a layout's name is known"));
    }
}

/// A prompt in JSON, such as a list of messages, among problems that are known to be good.
pub fn messages(input: &[u8], folder: &Path) {
    let good = (0..5).map(|i| format!("{{\"prompt\": \"{i} + 1\", \"answer\": \"{}\"}}\n", i + 1)).collect::<String>();
    let line = input.iter().map(|&byte| if byte == b'\n' { b' ' } else { byte }).collect::<Vec<_>>();
    put(folder, "messages.jsonl", [good.as_bytes(), b"{\"answer\": 0, \"prompt\": ", &line, b"}\n"].concat());
    let Ok(task) = FileTask::load(&folder.join("messages.jsonl"), None, &Layout::default()) else { return };
    let problems: Vec<_> = task.problems(Split::Train).iter().chain(task.problems(Split::HeldOut)).collect();
    assert_eq!(problems.len() + task.unjudged().len() + task.duplicates(), 6, "no row is lost");
    for problem in problems {
        let conversation = task.conversation(problem).expect("a problem of the file");
        let roles: Vec<Role> = conversation.messages().iter().map(|message| message.role).collect();
        assert_eq!(roles.last(), Some(&Role::User));
        assert!(roles.iter().skip(1).all(|&role| role != Role::System), "{roles:?}");
        assert!(!problem.prompt().is_empty() && !task.shown().show_prompt(problem).trim().is_empty());
    }
}

/// Rows of CSV, and of TSV where the input begins with a tab; and the problems in them.
pub fn csv(input: &[u8], folder: &Path) {
    let (name, input) = match input {
        [b'\t', rest @ ..] => ("rows.tsv", rest),
        whole => ("rows.csv", whole),
    };
    put(folder, name, input);
    rows(&folder.join(name));
    let mut layout = Layout::default();
    layout.decimal_comma = true;
    let _ = FileTask::load(&folder.join(name), None, &layout);
}

/// Rows of Parquet.
pub fn parquet(input: &[u8], folder: &Path) {
    put(folder, "rows.parquet", input);
    rows(&folder.join("rows.parquet"));
}

/// An answer and a reference, behind a letter for the verifier, or behind one as TOML.
pub fn answers(input: &[u8], _: &Path) {
    let [kind, answer, reference] = parts(input);
    let [Ok(kind), Ok(answer), Ok(reference)] = [kind, answer, reference].map(std::str::from_utf8) else { return };
    let by_letter = |letter: &u8| VerifierConfig::NAMES.get(usize::from(letter.wrapping_sub(b'a')))?.parse().ok();
    let config: Option<VerifierConfig> = match kind.as_bytes() {
        [letter] => by_letter(letter),
        _ => toml::from_str(kind).ok(),
    };
    let Some(config) = config else { return };
    let Ok(verifier) = config.build() else { return };
    judge(&config, &verifier, answer, reference);
}

/// The laws of `palinode_tasks::verifiers`.
fn judge(config: &VerifierConfig, verifier: &Arc<dyn TextVerifier>, answer: &str, reference: &str) {
    let judgement = verifier.judge(answer, reference);
    assert_eq!(judgement, verifier.judge(answer, reference), "pure");
    assert!((0.0..=1.0).contains(&judgement.verdict.reward()));
    assert!(!judgement.to_string().is_empty());
    let nothing = verifier.judge("", reference).verdict;
    assert_eq!(judgement.verdict == Verdict::Failed, nothing == Verdict::Failed, "a failure is the reference's alone");
    // Where the reference says in what form its answers are to be, the two are not alike; nor for an equation, which says a number as an answer, `m+n=47`.
    let symmetric = matches!(
        config,
        VerifierConfig::Exact { ignore_case: false }
            | VerifierConfig::Gsm8k {}
            | VerifierConfig::Math { form: Some(Form::Any) }
            | VerifierConfig::Choice { .. }
    );
    let states = matches!(config, VerifierConfig::Math { .. }) && (answer.contains('=') || reference.contains('='));
    if symmetric && !states {
        assert_eq!(judgement.verdict.is_right(), verifier.judge(reference, answer).verdict.is_right(), "symmetric");
    }
    if symmetric || matches!(config, VerifierConfig::Math { .. } | VerifierConfig::Json { .. }) {
        let itself = verifier.judge(reference, reference);
        assert!(itself.reference.is_none() || itself.verdict.is_right(), "reflexive: {itself}");
    }
    if let (VerifierConfig::Math { .. }, Ok(read)) = (config, Answer::parse(answer)) {
        assert!(!read.to_string().is_empty());
    }
}
