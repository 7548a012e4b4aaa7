//! A chat model's folder, whole: configuration, weights, tokenizer and template, against transformers' own numbers (`chat/generate.py`).

use std::{fs, path::Path};

use burn::tensor::{Int, Tensor, TensorData};
use palinode::{
    core::{
        logprob::{log_distribution, of_targets},
        policy::Policy,
    },
    device,
    hf::{Chat, ChatConfig, Folder},
    text::Tokenizer,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    /// The first problem's prompt.
    ids: Vec<u32>,
    /// The same, an answer, the revision instruction and the opening of a second answer.
    two_turn_ids: Vec<u32>,
    answer: String,
    /// Of each of `two_turn_ids` after the first.
    logprobs: Vec<f32>,
}

#[derive(Deserialize)]
struct Line {
    prompt: String,
}

#[test]
fn a_conversation_in_two_attempts_has_the_ids_and_log_probabilities_of_transformers() {
    let at = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chat");
    let expected: Expected = serde_json::from_str(&fs::read_to_string(at.join("expected.json")).unwrap()).unwrap();
    let problems = fs::read_to_string(at.join("problems.jsonl")).unwrap();
    let first: Line = serde_json::from_str(problems.lines().next().unwrap()).unwrap();
    let device = device::open("flex").unwrap().device;
    let folder = Folder::open(&at.join("model"), &device).unwrap();
    let chat = Chat::of(&folder, ChatConfig::default()).unwrap();

    let mut ids = chat.prompt(&first.prompt.as_str().into()).unwrap();
    assert_eq!(ids, expected.ids);
    ids.extend(chat.tokenizer().encode(&expected.answer).unwrap());
    ids.push(chat.ends()[0]);
    ids.extend(chat.revision());
    assert_eq!(ids, expected.two_turn_ids[..ids.len()]);
    assert!(folder.end_tokens().iter().all(|end| chat.ends().contains(end)), "{:?}", chat.ends());
    assert!(chat.notes(false).is_empty() && chat.template().is_some());

    let ids = expected.two_turn_ids;
    let scored = ids.len() - 1;
    let list = |values: Vec<i32>| Tensor::<1, Int>::from_data(TensorData::new(values, [scored]), &device);
    let tokens = list(ids[..scored].iter().map(|&id| id as i32).collect()).reshape([1, scored]);
    let model = folder.load(&device).unwrap();
    let logits = model.logits(model.states(tokens, list((0..scored as i32).collect())));
    let targets = list(ids[1..].iter().map(|&id| id as i32).collect());
    let found = of_targets(log_distribution(logits, 1.0), targets).into_data();
    for (found, expected) in found.iter::<f32>().zip(&expected.logprobs) {
        assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
    }
}
