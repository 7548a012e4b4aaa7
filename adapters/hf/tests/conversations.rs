//! Conversations of data sets as a model's chat template has them.

use std::path::{Path, PathBuf};

use palinode_hf::{Chat, ChatConfig, Date, FolderTokenizer, Template, Variables};
use palinode_text::{Conversation, Message, Role, Tokenizer};
use serde_json::{Value, json};

fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chat").join(case)
}

fn tokenizer(case: &str) -> FolderTokenizer {
    FolderTokenizer::load(&folder(case).join("tokenizer.json"), 512).unwrap()
}

fn template(case: &str) -> Template {
    Template::of(&folder(case)).unwrap().unwrap()
}

#[test]
fn a_conversation_is_put_as_the_template_has_it() {
    let message = |role, content: &str| Message { role, content: content.into() };
    let said = [(Role::System, "Be short."), (Role::User, "2 + 2?"), (Role::Assistant, "4"), (Role::User, "And 3 + 3?")];
    let conversation = Conversation::new(said.map(|(role, content)| message(role, content)).into()).unwrap();
    let today = Date::constant(2026, 1, 31);
    let config = ChatConfig { today, system: Some("Be long.".into()), ..ChatConfig::default() };
    let shown: Vec<Value> = said.iter().map(|(role, content)| json!({"role": role.name(), "content": content})).collect();
    for case in ["chatml", "llama3"] {
        let chat = Chat::new(tokenizer(case), Some(template(case)), &[], config.clone()).unwrap();
        let whole = template(case).render(&shown, true, &Variables::new(), today).unwrap();
        assert_eq!(chat.prompt(&conversation).unwrap(), chat.tokenizer().encode(&whole).unwrap(), "{case}");
        let alone = template(case).render(
            &json!([{"role": "system", "content": "Be long."}, {"role": "user", "content": "2 + 2?"}]),
            true,
            &Variables::new(),
            today,
        );
        assert_eq!(chat.prompt(&"2 + 2?".into()).unwrap(), chat.tokenizer().encode(&alone.unwrap()).unwrap(), "{case}");
    }
    let plain = Chat::new(tokenizer("chatml"), None, &[7], config).unwrap();
    let ids = plain.prompt(&conversation).unwrap();
    assert_eq!(plain.tokenizer().decode(&ids), "Be short.\n\n2 + 2?\n\n4\n\nAnd 3 + 3?\n\n");
}

#[test]
fn a_system_message_that_a_template_drops_is_refused() {
    let at = tempfile::tempdir().unwrap();
    let source = "{% for m in messages if m.role != 'system' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n";
    std::fs::write(at.path().join("chat_template.jinja"), source).unwrap();
    let template = Template::of(at.path()).unwrap();
    let chat = Chat::new(tokenizer("chatml"), template, &[], ChatConfig::default()).unwrap();
    let messages =
        [(Role::System, "Be short."), (Role::User, "2 + 2?")].map(|(role, content)| Message { role, content: content.into() });
    assert!(chat.prompt(&"2 + 2?".into()).is_ok());
    let error = chat.prompt(&Conversation::new(messages.into()).unwrap()).unwrap_err().to_string();
    assert!(error.contains("leaves out the conversation's system message"), "{error}");
}
