//! What chat templates make of earlier turns: followed where token ids allow it, said where they don't.

use std::{fs, path::Path};

use palinode_hf::{Chat, ChatConfig, FolderTokenizer, Template};
use palinode_text::Tokenizer;

const HEAD: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n";
const ASK: &str = "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// A turn of ChatML whose content is printed by these words.
fn chatml(content: &str) -> String {
    format!("{HEAD}{content}{ASK}")
}

fn chat_with(template: &str, tokenizer: &str, system: Option<&str>, end: &str) -> Result<Chat, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
    fs::write(folder.path().join("tokenizer_config.json"), format!("{{\"eos_token\": \"{end}\"}}")).unwrap();
    let template = Template::of(folder.path()).map_err(|error| error.to_string())?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chat").join(tokenizer).join("tokenizer.json");
    let tokenizer = FolderTokenizer::load(&file, 512).unwrap();
    let config = ChatConfig { system: system.map(str::to_owned), revision: "Again.".into(), ..ChatConfig::default() };
    Chat::new(tokenizer, template, &[], config).map_err(|error| error.to_string())
}

fn chat(template: &str) -> Chat {
    chat_with(template, "chatml", None, "<|im_end|>").unwrap()
}

/// The one note, but for the one that says what follows from all.
fn note(chat: &Chat) -> String {
    let notes = chat.notes(false);
    assert!(notes.len() == 2 && notes[1].contains("stays as it was sampled"), "{notes:#?}");
    notes[0].clone()
}

#[test]
fn a_template_that_keeps_what_was_written_has_no_note() {
    let plain = chatml("{{ m.content }}");
    for system in [None, Some("Be short.")] {
        let chat = chat_with(&plain, "chatml", system, "<|im_end|>").unwrap();
        assert_eq!((chat.notes(false), chat.notes(true)), (vec![], vec![]));
        assert_eq!(chat.closing(), &chat.ends()[..1]);
    }
}

#[test]
fn white_space_that_is_trimmed_is_named_by_its_side() {
    for (content, side) in [
        ("{{ m.content | trim }}", "at both ends"),
        ("{{ m.content.strip() if m.role == 'assistant' else m.content }}", "at both ends"),
        ("{{ m.content.lstrip('\\n') }}", "at the beginning"),
        ("{{ m.content.rstrip() }}", "at the end"),
    ] {
        assert_eq!(note(&chat(&chatml(content))), format!("the chat template trims white space {side} of earlier answers"));
    }
}

#[test]
fn thinking_that_is_dropped_is_named() {
    let dropped = "the chat template drops the thinking of earlier answers";
    assert_eq!(note(&chat(&chatml("{{ m.content.split('</think>')[-1] }}"))), dropped);
    assert_eq!(note(&chat(&chatml("{{ m.content.split('[/THINK]')[-1] }}"))), dropped);
    let both = chat(&chatml("{{ m.content.split('</think>')[-1].lstrip() }}")).notes(false);
    assert!(both.iter().any(|note| note == dropped) && both[1].contains("at the beginning"), "{both:#?}");
}

#[test]
fn an_opening_that_changes_is_named() {
    let turn = |earlier: &str, new: &str| {
        format!(
            "{{% for m in messages %}}<|im_start|>{{{{ m.role }}}}{{{{ '{earlier}' if m.role == 'assistant' else '\\n' }}}}{{{{ m.content }}}}<|im_end|>\n\
             {{% endfor %}}{{% if add_generation_prompt %}}<|im_start|>assistant{new}{{% endif %}}"
        )
    };
    assert!(chat(&turn("\\n", "\n")).notes(false).is_empty());
    let opened = "the chat template opens an earlier answer with \"   \", and a new one with \"\\n\"";
    assert_eq!(note(&chat(&turn("   ", "\n"))), opened);
    assert_eq!(
        note(&chat(&turn("\\n", "\n<think>\n"))),
        "the chat template leaves out \"<think>\\n\" before an earlier answer, with which a new one opens"
    );
    assert_eq!(
        note(&chat(&turn("\\n<think>\\n\\n</think>\\n\\n", "\n"))),
        "the chat template writes \"<think>\\n\\n</think>\\n\\n\" before an earlier answer, and not before a new one"
    );
}

/// An answer that was cut off gets all that the template writes after one; one that ended has what it wrote itself.
#[test]
fn tokens_between_an_answer_and_its_end_close_one_that_was_cut_off() {
    let template = chatml("{{ m.content }}{% if m.role == 'assistant' %}<|endoftext|>{% endif %}");
    let chat = chat(&template);
    let id = |token: &str| chat.tokenizer().id(token).unwrap();
    assert_eq!(chat.closing(), [id("<|endoftext|>"), id("<|im_end|>")]);
    assert_eq!(chat.ends(), [id("<|im_end|>")]);
    let said = note(&chat);
    assert!(said.starts_with("the chat template writes \"<|endoftext|>\" between an answer and its end"), "{said}");
    let told = "<|im_start|>user\nalpha<|im_end|>\n<|im_start|>assistant\n12<|endoftext|><|im_end|>\n<|im_start|>user\nAgain.<|im_end|>\n<|im_start|>assistant\n";
    let cut = [
        chat.prompt(&"alpha".into()).unwrap(),
        chat.tokenizer().encode("12").unwrap(),
        chat.closing().into(),
        chat.revision().into(),
    ]
    .concat();
    assert_eq!(cut, chat.tokenizer().encode(told).unwrap());
}

#[test]
fn white_space_between_an_answer_and_its_end_is_named_and_closes_too() {
    let template = "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} {{ m.content }} </s>{% endif %}{% endfor %}";
    let chat = chat_with(template, "mistral", None, "</s>").unwrap();
    let notes = chat.notes(false).join("\n");
    assert!(notes.contains("writes \" \" between an answer and its end"), "{notes}");
    assert!(notes.contains("writes \" \" before an earlier answer"), "{notes}");
    assert_eq!((chat.closing().len(), chat.closing().last()), (2, chat.ends().first()), "{:?}", chat.closing());
    let told = chat.tokenizer().encode("[INST] alpha [/INST] 12 </s>[INST] Again. [/INST]").unwrap();
    let prompt = chat.prompt(&"alpha".into()).unwrap();
    let behind = [chat.closing(), chat.revision()].concat();
    assert!(told.starts_with(&prompt) && told.ends_with(&behind), "{told:?}: {prompt:?}, {behind:?}");
}

#[test]
fn a_system_message_that_moves_or_is_lost_is_named() {
    let template = "{% set ns = namespace(system='') %}{% for m in messages %}{% if m.role == 'system' %}{% set ns.system = m.content ~ '\n\n' %}{% else %}\
        <|im_start|>{{ m.role }}\n{% if loop.last %}{{ ns.system }}{% endif %}{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}<|im_start|>assistant{{ '\n' }}";
    let moves = chat_with(template, "chatml", Some("Be short."), "<|im_end|>").unwrap();
    assert!(note(&moves).contains("puts the system message into the last user turn only"), "{}", note(&moves));
    let revision = moves.tokenizer().decode_all(moves.revision());
    assert!(revision.contains("Be short.\n\nAgain."), "as in a chat: {revision}");
    // Without one there is nothing to say, but for problems that bring theirs.
    let without = chat(template);
    assert!(without.notes(false).is_empty());
    assert!(without.notes(true)[0].contains("that of a problem stays where it was first"), "{:?}", without.notes(true));

    let deaf =
        format!("{{% set messages = messages | rejectattr('role', 'equalto', 'system') | list %}}{}", chatml("{{ m.content }}"));
    let lost = chat_with(&deaf, "chatml", Some("Be short."), "<|im_end|>").unwrap();
    assert_eq!(note(&lost), "the chat template leaves out the system message");
}

#[test]
fn other_changes_of_answers_are_named_by_an_example() {
    let spaced = note(&chat(&chatml(
        "{{ m.content.split() | join(' ') if m.role == 'assistant' and '\\n\\n' in m.content.strip() else m.content }}",
    )));
    assert!(spaced.contains("rewrites earlier answers: \"one\\n\\n\\n\\ntwo  three\" becomes \"one two three\""), "{spaced}");
    let silent = note(&chat(&chatml("{% if not m.content %}{{ raise_exception('Say something.') }}{% endif %}{{ m.content }}")));
    assert!(silent.contains("refuses an earlier answer such as \"\"") && silent.contains("Say something."), "{silent}");
    let numbered = chat(&chatml("{% if m.role == 'assistant' and loop.revindex > 3 %}<draft>{% endif %}{{ m.content }}"));
    let notes = numbered.notes(false).join("\n");
    assert!(notes.contains("tells two earlier answers otherwise than one: \"\" becomes \"<draft>\""), "{notes}");
    assert!(notes.contains("tells an answer after earlier turns otherwise: \"\" becomes \"<draft>\""), "{notes}");
}

#[test]
fn an_end_that_the_template_does_not_write_is_named() {
    let chat = chat_with(&chatml("{{ m.content }}"), "chatml", None, "<|endoftext|>").unwrap();
    let said = note(&chat);
    assert_eq!(
        said,
        "the chat template ends an earlier answer with \"<|im_end|>\": one that ended with the tokenizer's \"<|endoftext|>\" keeps that"
    );
    assert_eq!(chat.ends().len(), 2);
}

/// `\n` and two spaces are one token of this tokenizer.
#[test]
fn white_space_that_is_joined_with_the_template_s_is_named() {
    let chat = chat_with(&chatml("{{ m.content }}"), "thinking", None, "<|im_end|>").unwrap();
    assert!(note(&chat).contains("where the tokenizer gives it other ids"), "{}", note(&chat));
}
