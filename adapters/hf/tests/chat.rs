//! Chat templates and tokenizers against transformers' own text and ids (`chat/generate.py`).

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use palinode_hf::{Chat, ChatConfig, Date, FolderTokenizer, Template, Variables};
use palinode_text::Tokenizer;
use serde::Deserialize;
use serde_json::{Value, json};

const CASES: [&str; 6] = ["chatml", "llama3", "gemma", "mistral", "thinking", "features"];

/// What minijinja does otherwise than Jinja; each is a section of the template `features`, and no template of a model is known to need it.
const OTHERWISE: [&str; 4] = ["printing great floats", "percent", "wordcount", "callable"];

#[derive(Deserialize)]
struct Expected {
    conversations: Vec<Conversation>,
    errors: Vec<Refused>,
    texts: Vec<Text>,
}

#[derive(Deserialize)]
struct Conversation {
    /// In the order of their keys, which `tojson` prints.
    messages: minijinja::Value,
    add_generation_prompt: bool,
    variables: Variables,
    date: Option<Date>,
    text: String,
    ids: Vec<u32>,
}

#[derive(Deserialize)]
struct Refused {
    messages: minijinja::Value,
    contains: String,
}

#[derive(Deserialize)]
struct Text {
    text: String,
    ids_plain: Vec<u32>,
    ids_special: Vec<u32>,
    decoded: String,
}

fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chat").join(case)
}

fn expected(case: &str) -> Expected {
    serde_json::from_str(&fs::read_to_string(folder(case).join("expected.json")).unwrap()).unwrap()
}

fn tokenizer(case: &str) -> FolderTokenizer {
    FolderTokenizer::load(&folder(case).join("tokenizer.json"), 512).unwrap()
}

fn template(case: &str) -> Template {
    Template::of(&folder(case)).unwrap().unwrap()
}

#[test]
fn texts_have_the_ids_of_transformers() {
    for case in CASES {
        let tokenizer = tokenizer(case);
        for text in expected(case).texts {
            assert_eq!(tokenizer.encode(&text.text).unwrap(), text.ids_plain, "{case}: {:?}", text.text);
            assert_eq!(tokenizer.encode_special(&text.text).unwrap(), text.ids_special, "{case}: {:?}", text.text);
            assert_eq!(tokenizer.decode(&text.ids_plain), text.decoded, "{case}: {:?}", text.text);
        }
    }
}

#[test]
fn conversations_have_the_text_and_ids_of_transformers() {
    let mut otherwise = BTreeMap::new();
    for case in CASES {
        let (template, tokenizer) = (template(case), tokenizer(case));
        for conversation in expected(case).conversations {
            // A list of templates may hold one for tools; there are no tools here.
            if conversation.variables.contains_key("tools") {
                continue;
            }
            let today = conversation.date.unwrap_or(Date::constant(2026, 1, 31));
            let found =
                template.render(&conversation.messages, conversation.add_generation_prompt, &conversation.variables, today);
            let section = conversation.variables.get("section").and_then(minijinja::Value::as_str).unwrap_or_default();
            if OTHERWISE.contains(&section) {
                otherwise.insert(section.to_owned(), found.ok() == Some(conversation.text));
                continue;
            }
            let text = found.unwrap_or_else(|error| panic!("{case}, {:?}: {error}", conversation.variables));
            assert_eq!(text, conversation.text, "{case}, {:?}", conversation.variables);
            assert_eq!(tokenizer.encode(&text).unwrap(), conversation.ids, "{case}");
        }
    }
    // Should one of them start to agree, it is no longer an exception.
    assert!(otherwise.len() == OTHERWISE.len() && otherwise.values().all(|same| !same), "{otherwise:?}");
}

#[test]
fn refusals_carry_the_templates_own_words() {
    for case in CASES {
        for refused in expected(case).errors {
            let error = template(case).render(&refused.messages, true, &Variables::new(), Date::constant(2026, 1, 31));
            let error = error.unwrap_err().to_string();
            assert!(error.contains(&refused.contains) && error.contains("the chat template, line"), "{case}: {error}");
        }
    }
}

/// The ids of attempt 1's context, its answer and the revision are those that the template gives the whole conversation.
#[test]
fn a_second_attempt_continues_on_the_ids_of_the_first() {
    for case in ["chatml", "llama3", "gemma", "mistral", "thinking"] {
        let config = ChatConfig { today: Date::constant(2026, 1, 31), ..ChatConfig::default() };
        let chat = Chat::new(tokenizer(case), Some(template(case)), &[], config.clone()).unwrap();
        let problem = "What is 17 * 23?";
        let mut ids = chat.prompt(&problem.into()).unwrap();
        let before = ids.len();
        for (answers, answer) in [(1, "391"), (2, "It is 391.")].map(|(n, answer)| (vec![answer; n], answer)) {
            ids.truncate(before);
            for _ in &answers {
                let space = if case == "mistral" { " " } else { "" };
                ids.extend(chat.tokenizer().encode(&format!("{answer}{space}")).unwrap());
                ids.push(chat.ends()[0]);
                ids.extend(chat.revision());
            }
            let turn = |role: &str, content: &str| json!({"role": role, "content": content});
            let later = answers.iter().flat_map(|answer| [turn("assistant", answer), turn("user", &config.revision)]);
            let messages: Vec<Value> = [turn("user", problem)].into_iter().chain(later).collect();
            let whole = template(case).render(&messages, true, &Variables::new(), config.today).unwrap();
            let decoded = |ids: &[u32]| chat.tokenizer().decode(ids).split_whitespace().collect::<String>();
            let whole = chat.tokenizer().encode(&whole).unwrap();
            if case == "mistral" {
                // Its tokenizer marks the beginning of every text with a space.
                assert_eq!(decoded(&ids), decoded(&whole));
            } else {
                assert_eq!(ids, whole, "{case}");
            }
        }
        let (notes, trims) = (chat.notes(false), "the chat template trims white space at both ends of earlier answers");
        let trimmed = notes.iter().any(|note| note == trims);
        assert_eq!(trimmed, matches!(case, "llama3" | "gemma"), "{case}: {notes:#?}");
        assert_eq!(notes.is_empty(), case == "chatml", "{case}: {notes:#?}");
    }
}

#[test]
fn without_a_template_there_is_a_plain_one() {
    let chat = Chat::new(tokenizer("chatml"), None, &[7], ChatConfig::default()).unwrap();
    assert_eq!(chat.tokenizer().decode(&chat.prompt(&"1 + 1?".into()).unwrap()), "1 + 1?\n\n");
    assert_eq!(chat.tokenizer().decode(chat.revision()), format!("\n\n{}\n\n", ChatConfig::REVISE_ANSWER));
    assert_eq!((chat.ends(), chat.template()), (&[7][..], None));
    let endless = Chat::new(tokenizer("chatml"), None, &[], ChatConfig::default()).expect_err("refused");
    assert!(endless.to_string().contains("eos_token_id"));
}

fn with_template(text: &str) -> Result<Chat, String> {
    let copy = tempfile::tempdir().unwrap();
    fs::write(copy.path().join("chat_template.jinja"), text).unwrap();
    let template = Template::of(copy.path()).map_err(|error| error.to_string())?;
    let tokenizer = tokenizer("chatml");
    let end = tokenizer.id("<|im_end|>").unwrap();
    Chat::new(tokenizer, template, &[end], ChatConfig::default()).map_err(|error| error.to_string())
}

fn refused(text: &str, part: &str) {
    let start = std::time::Instant::now();
    let error = with_template(text).expect_err("refused");
    assert!(error.contains(part), "{error}");
    // Far below a second; the bound only tells a hang from an answer.
    assert!(start.elapsed().as_secs() < 10, "{error}");
}

#[test]
fn templates_that_mean_harm() {
    refused("{% for i in range(100000) %}{% for j in range(100000) %}{{ j }}{% endfor %}{% endfor %}", "does too much");
    refused("{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}", "does too much");
    refused("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "the chat template");
    refused("{{ 'a' * 10000000000 }}", "the chat template");
    refused("{% include 'other' %}", "the chat template");
    refused("{% include 'chat_template' %}", "the chat template");
    refused("{{ messages", "the chat template, line 1");
    refused("{{ messages[0].content }}", "leaves out what was answered before");
    refused("{% for m in messages %}{{ m.content }}{% endfor %}", "no token after an answer");
    refused("{% for m in messages %}{{ m.content }} by {{ m.role }}<|im_end|>{% endfor %}", "between an answer and its end");
    refused("{% for m in messages %}{{ m.content }}<|im_end|>{{ messages[0].content }}{% endfor %}", "depends on them");
}

/// A copy of a tokenizer with one part changed.
fn spoilt(change: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(&fs::read_to_string(folder("chatml").join("tokenizer.json")).unwrap()).unwrap();
    change(&mut value);
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("tokenizer.json");
    fs::write(&path, value.to_string()).unwrap();
    let start = std::time::Instant::now();
    let error = FolderTokenizer::load(&path, 512).expect_err("refused").to_string();
    assert!(start.elapsed().as_secs() < 10, "{error}");
    error
}

#[test]
fn tokenizers_that_mean_harm() {
    let says = |error: String, part: &str| assert!(error.contains("tokenizer.json") && error.contains(part), "{part}: {error}");
    let many: serde_json::Map<String, Value> = (0..500_000).map(|i| (format!("t{i}"), json!(i))).collect();
    says(spoilt(|t| t["model"]["vocab"] = many.into()), "its vocabulary has");
    says(spoilt(|t| t["model"]["merges"] = json!(vec!["a b"; 50_000])), "its list of merges has");
    says(spoilt(|t| t["model"]["merges"] = json!(["no such"])), "not a usable tokenizer");
    says(spoilt(|t| t["model"]["vocab"]["!"] = json!(4_000_000_000u32)), "and the model has 512");
    says(spoilt(|t| t["model"]["dropout"] = json!(0.1)), "random");
    let double = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
    says(spoilt(|t| t["normalizer"] = json!({"type": "Sequence", "normalizers": vec![double.clone(); 40]})), "times longer");
    says(spoilt(|t| t["normalizer"] = json!({"type": "Sequence", "normalizers": vec![double; 40_000]})), "entries");
    says(spoilt(|t| t["model"]["type"] = json!("Oracle")), "not a usable tokenizer");
    says(
        spoilt(|t| {
            t["pre_tokenizer"] = json!({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false})
        }),
        "not a usable",
    );
    says(spoilt(|t| t["model"] = json!(7)), "not a tokenizer");
}

/// Padding and truncation of a file would change prompts, and padding could ask for any amount of memory: both are left out.
#[test]
fn padding_and_truncation_are_left_out() {
    let mut value: Value = serde_json::from_str(&fs::read_to_string(folder("chatml").join("tokenizer.json")).unwrap()).unwrap();
    value["padding"] = json!({"strategy": {"Fixed": 1u64 << 40}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "!"});
    value["truncation"] = json!({"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0});
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("tokenizer.json");
    fs::write(&path, value.to_string()).unwrap();
    let ids = FolderTokenizer::load(&path, 512).unwrap().encode("one two three").unwrap();
    assert_eq!(ids, tokenizer("chatml").encode("one two three").unwrap());
}

#[test]
fn decoding_is_total() {
    for case in CASES {
        let tokenizer = tokenizer(case);
        for ids in [&[][..], &[u32::MAX], &[511, 0, 3, 77, 410], &[1; 300]] {
            tokenizer.decode(ids);
        }
    }
}

/// Some folders add tokens after the model's last id and never use them.
#[test]
fn a_token_that_the_model_does_not_have_is_refused_where_it_is_used() {
    let last = tokenizer("chatml").id("<|im_end|>").unwrap();
    let short = FolderTokenizer::load(&folder("chatml").join("tokenizer.json"), last as usize).unwrap();
    assert_eq!(short.encode("one two").unwrap(), tokenizer("chatml").encode("one two").unwrap());
    assert!(short.encode("one<|im_end|>").unwrap_err().to_string().contains(&format!("is token id {last}")));
}

/// Ids without a token: after the last one, and in holes.
#[test]
fn ids_that_no_token_has_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    let model = json!({"type": "WordLevel", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, "a": 1, "b": 3, "c": 6}});
    fs::write(&path, json!({"version": "1.0", "added_tokens": [], "model": model}).to_string()).unwrap();
    assert_eq!(FolderTokenizer::load(&path, 10).unwrap().unused(), [2, 4, 5, 7, 8, 9]);
    assert_eq!(FolderTokenizer::load(&path, 7).unwrap().unused(), [2, 4, 5]);
    let chatml = FolderTokenizer::load(&self::folder("chatml").join("tokenizer.json"), 1024).unwrap();
    let unused = chatml.unused();
    assert!(unused.contains(&1023) && unused.iter().all(|id| chatml.decode(&[*id]).is_empty()));
}

/// The token was added, and the model's embeddings were not resized to hold it.
#[test]
fn an_end_of_turn_after_the_last_row_is_refused_with_the_remedy() {
    let folder = folder("chatml");
    let whole = FolderTokenizer::load(&folder.join("tokenizer.json"), 512).unwrap();
    let end = whole.id("<|im_end|>").unwrap();
    let rows = end as usize;
    let short = FolderTokenizer::load(&folder.join("tokenizer.json"), rows).unwrap();
    let template = Template::of(&folder).unwrap();
    let error = Chat::new(short.clone(), template, &[], ChatConfig::default()).unwrap_err().to_string();
    for part in ["tokenizer_config.json", &format!("token id {end}"), &format!("the model has {rows} ids"), "resize"] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
    let error = Chat::new(short, None, &[end], ChatConfig::default()).unwrap_err().to_string();
    assert!(error.contains(&format!("token id {end}")) && error.contains("resize"), "{error}");
}
