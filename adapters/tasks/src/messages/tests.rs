use palinode_text::Conversation;

use super::*;

fn read(text: &str) -> Result<Conversation, String> {
    let Ok(Value::List(items)) = json_value(text) else { panic!("{text}") };
    Conversation::new(messages(&items)?)
}

#[test]
fn messages_are_read_as_openai_trl_and_verl_write_them() {
    let shown = |text: &str| read(text).unwrap().to_string();
    assert_eq!(shown(r#"[{"role": "user", "content": "2 + 2?"}]"#), "2 + 2?");
    let long = r#"[{"role": "developer", "content": "Be short."}, {"content": "2 + 2?", "role": "user", "name": null, "tool_calls": []},
        {"role": "assistant", "content": [{"type": "text", "text": "It is "}, {"type": "text", "text": "4"}]}, {"role": "user", "content": "Sure?\n"}]"#;
    assert_eq!(shown(long), "system: Be short.\n\nuser: 2 + 2?\n\nassistant: It is 4\n\nuser: Sure?\n");
    let conversation = read(long).unwrap();
    assert_eq!((conversation.system(), conversation.problem(), conversation.is_plain()), (Some("Be short."), "Sure?\n", false));
    // Some models stand a default system message in the place of none, but not of an empty one.
    assert_eq!(read(r#"[{"role": "system", "content": ""}, {"role": "user", "content": "a"}]"#).unwrap().system(), Some(""));
}

#[test]
fn what_can_not_be_put_to_a_model_is_refused_by_name() {
    for (text, part) in [
        ("[]", "no messages"),
        (r#"["a"]"#, "message 1: is a string, not an object"),
        (r#"[{"content": "a"}]"#, "message 1: has no \"role\""),
        (r#"[{"role": "user"}]"#, "message 1: has no \"content\""),
        (r#"[{"role": "user", "content": " "}]"#, "message 1 of 1, the user's, is empty"),
        (r#"[{"role": "user", "content": 3}]"#, "\"content\" is a number"),
        (r#"[{"role": "human", "content": "a"}]"#, "is of \"human\""),
        (r#"[{"from": "human", "value": "a"}]"#, "ShareGPT"),
        (r#"[{"role": "system", "content": "a"}]"#, "no user's message"),
        (r#"[{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]"#, "message 2 is a system message"),
        (r#"[{"role": "user", "content": "a"}, {"role": "tool", "content": "b"}]"#, "message 2: is of a tool"),
        (r#"[{"role": "assistant", "content": null, "tool_calls": [{"id": 1}]}]"#, "message 1: holds calls of tools"),
        (r#"[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]"#, "the last message is the assistant's"),
        (
            r#"[{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]"#,
            "of type \"image_url\"; only \"text\" is read",
        ),
        (r#"[{"role": "user", "content": [{"text": "a"}]}]"#, "no \"type\" and \"text\""),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn a_text_may_hold_messages_as_json() {
    let found = |text: &str| messages_in_text(text).map(|items| items.map(|items| items.len()));
    assert_eq!(found(r#"[{"role": "user", "content": "It's 2 + 2?"}]"#), Ok(Some(1)));
    for text in ["2 + 2?", "[{1, 2}, {3}]", "[1, 2]", r#"What is "role" in [{"a": 1}]?"#, r#"[{"role": 1}]"#] {
        assert_eq!(found(text), Ok(None), "{text}");
    }
    for text in [
        "[{'role': 'user', 'content': '2 + 2?'}]",
        "[{'content': 'a', 'role': 'user'}\n {'content': \"it's\", 'role': 'assistant'}]",
    ] {
        assert!(found(text).unwrap_err().contains("as Python prints it"), "{text}");
    }
}

#[test]
fn what_says_the_same_has_the_same_key() {
    let plain = Conversation::from("2 +  2?\n");
    assert_eq!(read(r#"[{"role": "user", "content": "2 + 2?"}]"#).unwrap().key(), plain.key());
    assert_eq!((plain.key().as_str(), plain.asked().as_str()), ("2 + 2?", "2 + 2?"), "as it was before there were conversations");
    let with = |system: &str| {
        read(&format!(r#"[{{"role": "system", "content": "{system}"}}, {{"role": "user", "content": "2 + 2?"}}]"#)).unwrap()
    };
    assert_ne!(with("a").key(), with("b").key());
    assert_ne!(with("a").key(), plain.key());
    assert_eq!(with("a").asked(), plain.asked(), "a question stays on its side");
}
