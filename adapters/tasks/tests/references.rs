//! What verifiers see of control tokens, in references and answers.

use std::sync::Arc;

use palinode_core::{
    task::{Problem, Split, Task},
    turns::MultiTurnTask,
    verifier::{Verdict, Verifier},
};
use palinode_tasks::{FileTask, Layout};
use palinode_text::{Conversation, Dialogue, TextError, Tokenizer};
use serde_json::{Value, json};

/// Characters, and a few control tokens.
#[derive(Debug)]
struct Marked;

const CONTROL: [&str; 4] = ["<A>", "<B>", "<|box|>", "<end>"];
const FIRST: u32 = 0x11_0000;
const END: u32 = FIRST + 3;

fn id(token: &str) -> u32 {
    FIRST + CONTROL.iter().position(|control| *control == token).unwrap() as u32
}

impl Tokenizer for Marked {
    fn encode(&self, text: &str) -> Result<Vec<u32>, TextError> {
        let mut ids = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let control = CONTROL.iter().find(|control| rest.starts_with(**control));
            ids.push(control.map_or(u32::from(c), |control| id(control)));
            rest = &rest[control.map_or(c.len_utf8(), |control| control.len())..];
        }
        Ok(ids)
    }

    fn decode(&self, ids: &[u32]) -> String {
        ids.iter().filter_map(|&id| char::from_u32(id)).collect()
    }

    fn decode_all(&self, ids: &[u32]) -> String {
        let text = |id: u32| char::from_u32(id).map_or_else(|| CONTROL[(id - FIRST) as usize].to_owned(), String::from);
        ids.iter().map(|&id| text(id)).collect()
    }

    fn len(&self) -> usize {
        FIRST as usize + CONTROL.len()
    }
}

impl Dialogue for Marked {
    fn tokenizer(&self) -> &dyn Tokenizer {
        self
    }

    fn prompt(&self, conversation: &Conversation) -> Result<Vec<u32>, TextError> {
        self.encode(conversation.problem())
    }

    fn revision(&self) -> Vec<u32> {
        vec![u32::from('?')]
    }

    fn ends(&self) -> Vec<u32> {
        vec![END]
    }
}

fn task(answers: &[&str], verifier: Value) -> FileTask {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("problems.jsonl");
    let rows = answers.iter().enumerate().map(|(i, answer)| json!({"prompt": format!("{i}?"), "answer": answer}).to_string());
    std::fs::write(&path, rows.collect::<Vec<_>>().join("\n")).unwrap();
    let layout = Layout::new("prompt", "answer", serde_json::from_value(verifier).unwrap());
    FileTask::load_with(&path, None, &layout, Arc::new(Marked)).unwrap()
}

fn asked(task: &FileTask, prompt: &str) -> Problem {
    let mut all = task.problems(Split::Train).iter().chain(task.problems(Split::HeldOut));
    all.find(|problem| task.shown().show_prompt(problem) == prompt).unwrap_or_else(|| panic!("{prompt} was left out")).clone()
}

/// The verdict, which is the same where the verifier is asked on another thread, and where a problem carries nothing for it.
fn verdict(task: &FileTask, prompt: &str, answer: &str) -> Verdict {
    let (problem, answer) = (asked(task, prompt), Marked.encode(answer).unwrap());
    let bare = Problem::new(problem.id(), problem.prompt().to_vec(), problem.reference().to_vec()).unwrap();
    let (verdict, detached) = (task.verify(&problem, &answer), task.detached().unwrap());
    for other in [task.verify(&bare, &answer), detached.verify(&problem, &answer), detached.verify(&bare, &answer)] {
        assert_eq!(other, verdict, "{prompt}");
    }
    verdict
}

#[test]
fn references_of_control_tokens_are_told_apart() {
    let task = task(&["<A>", "<B>", "<A>7", "7", "8", "9"], json!({"kind": "exact"}));
    assert_eq!(task.len(Split::Train).unwrap() + task.len(Split::HeldOut).unwrap(), 6);
    for (prompt, answer, right) in [
        ("0?", "<A>", true),
        ("0?", " <A>\n", true),
        ("0?", "<B>", false),
        ("0?", "", false),
        ("1?", "<B>", true),
        ("2?", "7", false),
        ("2?", "<A>7", true),
        // A reference without control tokens is judged by without.
        ("3?", "7", true),
        ("3?", "<A>7<B>", true),
        ("3?", "<A>", false),
    ] {
        assert_eq!(verdict(&task, prompt, answer) == Verdict::Right, right, "{prompt} {answer}");
    }
    assert_eq!(task.shown().show_answer(asked(&task, "0?").reference()), "<A>");
    assert_eq!(task.shown().show_answer(&[id("<B>"), u32::from('7')]), "<B>7", "what a verifier does not see is shown");
    assert!(task.shown().explain(&asked(&task, "0?"), &[id("<B>")]).unwrap().contains("<B> is not <A>"));
}

#[test]
fn an_end_is_never_a_part_of_a_reference() {
    let task = task(&["7<end>", "8 <end> <end>", "<end>", "7<end>8", "1", "2", "3"], json!({"kind": "exact"}));
    assert_eq!(verdict(&task, "0?", "7"), Verdict::Right);
    assert_eq!(verdict(&task, "1?", "8"), Verdict::Right);
    assert_eq!(task.shown().show_answer(asked(&task, "0?").reference()), "7");
    let unjudged: Vec<(&str, &str)> = task.unjudged().iter().map(|d| (d.reference.as_str(), d.because.as_str())).collect();
    let empty = "the reference: it is empty, and to say nothing would be right";
    assert_eq!(unjudged, [("<end>", empty), ("7<end>8", "the reference: it goes on after `<end>`, and no answer does")]);
}

#[test]
fn patterns_that_hold_a_control_token_see_it() {
    let boxed = json!({"kind": "pattern", "pattern": r"<\|box\|>(\d+)"});
    for verifier in [boxed.clone(), json!({"kind": "all", "parts": [boxed]})] {
        let task = task(&["1", "2", "3", "4", "5"], verifier);
        assert_eq!(verdict(&task, "0?", "not 7, <|box|>1"), Verdict::Right);
        assert_eq!(verdict(&task, "0?", "not 7, <|box|>2"), Verdict::Wrong);
        assert_eq!(verdict(&task, "0?", "1"), Verdict::Unparseable);
    }
    let task = task(&[r"<\|box\|>\d", "<(A|B)>|<A>", "x", "y", "z"], json!({"kind": "pattern"}));
    assert_eq!(verdict(&task, "0?", "<|box|>5"), Verdict::Right);
    assert_eq!(verdict(&task, "0?", "5"), Verdict::Wrong);
    assert_eq!(verdict(&task, "1?", "<A>"), Verdict::Right);
    assert_eq!(verdict(&task, "2?", "<A>x"), Verdict::Right);
}

#[test]
fn json_and_choices_with_control_tokens() {
    let task = task(&["{\"a\": \"<A>\"}", "{\"a\": 1}", "{\"a\": 2}", "{\"a\": 3}", "{\"a\": 4}"], json!({"kind": "json"}));
    assert_eq!(verdict(&task, "0?", "{\"a\": \"<A>\"}"), Verdict::Right);
    assert_eq!(verdict(&task, "0?", "{\"a\": \"<B>\"}"), Verdict::Wrong);
    assert_eq!(verdict(&task, "1?", "<A>{\"a\": 1}"), Verdict::Right);
    let task = crate::task(&["<A>", "A", "B", "C", "D", "A"], json!({"kind": "choice"}));
    assert_eq!(task.unjudged().len(), 1, "`<A>` is no letter: {:?}", task.unjudged());
}
