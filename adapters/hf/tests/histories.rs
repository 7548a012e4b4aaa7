//! Attempt 2's context against the history that transformers makes of the same answers, for chat templates that `chat/histories.py` has prepared:
//!
//! ```text
//! PALINODE_HISTORIES=OUT cargo test -p palinode-hf --test histories -- --ignored --nocapture
//! ```

use std::{collections::BTreeMap, env, fs, path::Path};

use palinode_hf::{Chat, ChatConfig, Date, FolderTokenizer, Template};
use palinode_text::Tokenizer;
use serde::Deserialize;

#[derive(Deserialize)]
struct Prepared {
    vocabulary: usize,
    revise: String,
    date: Date,
    histories: Vec<History>,
}

#[derive(Deserialize)]
struct History {
    system: Option<String>,
    /// Why transformers has no prompt.
    refused: Option<String>,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    prompt: Vec<u32>,
    #[serde(default)]
    ids: Vec<u32>,
    /// The ids of problem, answer and revision instruction; none where transformers refuses them.
    told: Option<Vec<u32>>,
}

/// What was found of one template, with or without a system message.
enum Found {
    RefusedByTransformers,
    Refused(String),
    Equal,
    Differs { answers: Vec<String>, notes: Vec<String> },
    Silent(String),
}

fn compare(folder: &Path, prepared: &Prepared, system: Option<&str>) -> Found {
    let histories: Vec<&History> = prepared.histories.iter().filter(|history| history.system.as_deref() == system).collect();
    let tokenizer = FolderTokenizer::load(&folder.join("tokenizer.json"), prepared.vocabulary).unwrap();
    let config = ChatConfig {
        system: system.map(str::to_owned),
        revision: prepared.revise.clone(),
        today: prepared.date,
        ..ChatConfig::default()
    };
    if histories.iter().any(|history| history.refused.is_some()) {
        return Found::RefusedByTransformers;
    }
    let template = match Template::of(folder) {
        Ok(template) => template,
        Err(error) => return Found::Refused(error.to_string()),
    };
    let chat = match Chat::new(tokenizer, template, &[], config) {
        Ok(chat) => chat,
        Err(error) => return Found::Refused(error.to_string()),
    };
    let notes = chat.notes(false);
    let mut answers = Vec::new();
    for history in &histories {
        let prompt = chat.prompt(&"What is 17 * 23?".into()).unwrap();
        if prompt != history.prompt {
            return Found::Silent(format!(
                "the prompt is {:?}, and not {:?}",
                chat.tokenizer().decode_all(&prompt),
                chat.tokenizer().decode_all(&history.prompt)
            ));
        }
        let Some(told) = &history.told else {
            answers.push(history.answer.clone());
            continue;
        };
        let whole = [&prompt, &history.ids, &chat.ends()[..1], chat.revision()].concat();
        let cut = [&prompt, &history.ids, chat.closing(), chat.revision()].concat();
        if whole != *told || cut != *told {
            let text = |ids: &[u32]| chat.tokenizer().decode_all(ids);
            if notes.is_empty() {
                return Found::Silent(format!("{:?}: {:?}\n      and not {:?}", history.answer, text(&cut), text(told)));
            }
            answers.push(history.answer.clone());
        }
    }
    if notes.is_empty() { Found::Equal } else { Found::Differs { answers, notes } }
}

#[test]
#[ignore = "needs templates that are not ours"]
fn what_differs_from_the_history_of_transformers_is_noted() {
    let out = env::var("PALINODE_HISTORIES").expect("a folder that chat/histories.py has made");
    let mut folders: Vec<_> = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let (mut counts, mut kinds) = (BTreeMap::<&str, usize>::new(), BTreeMap::<String, usize>::new());
    for folder in &folders {
        let prepared: Prepared = serde_json::from_str(&fs::read_to_string(folder.join("histories.json")).unwrap()).unwrap();
        let mut systems: Vec<Option<&str>> = prepared.histories.iter().map(|history| history.system.as_deref()).collect();
        systems.dedup();
        for system in systems {
            let name = format!("{}{}", folder.file_name().unwrap().display(), if system.is_some() { " +system" } else { "" });
            let kind = match compare(folder, &prepared, system) {
                Found::RefusedByTransformers => "refused by transformers",
                Found::Refused(reason) => {
                    println!("{name}: refused: {reason}");
                    "refused"
                }
                Found::Equal => "equal",
                Found::Differs { answers, notes } => {
                    println!("{name}: {} answers differ, such as {:?}", answers.len(), answers.first());
                    for note in notes.split_last().unwrap().1 {
                        println!("    {note}");
                        *kinds.entry(note.split(['"', ':']).next().unwrap_or_default().to_owned()).or_default() += 1;
                    }
                    if answers.is_empty() { "noted, none of these answers" } else { "differs, with a note" }
                }
                Found::Silent(how) => {
                    println!("{name}: DIFFERS WITHOUT A NOTE: {how}");
                    "differs without a note"
                }
            };
            *counts.entry(kind).or_default() += 1;
        }
    }
    println!("{counts:#?}\n{kinds:#?}");
    assert!(!folders.is_empty() && !counts.contains_key("differs without a note"));
}
