//! Model folders of strangers.

use std::{path::Path, sync::OnceLock};

use palinode::{
    gguf::Kind,
    hf::{Chat, ChatConfig, Date, Folder, FolderTokenizer, Template, Variables},
    text::Tokenizer,
};
use serde_json::json;

use crate::{flex, parts, put, safetensors};

/// The configuration whose weights are read, and a tokenizer without regular expressions, which are slow to copy.
const CONFIG: &str = include_str!("../../../adapters/hf/tests/models/llama2/config.json");
const WEIGHTS: &[u8] = include_bytes!("../../../adapters/hf/tests/models/llama2/model.safetensors");
const TOKENIZER: &str = include_str!("../../../adapters/hf/tests/chat/mistral/tokenizer.json");

/// Ids that a model of the tests has.
const VOCABULARY: usize = 512;

/// `config.json`, and `generation_config.json` behind a zero, with weights of another model.
pub fn model_config(input: &[u8], folder: &Path) {
    let [config, generation] = parts(input);
    put(folder, "config.json", config);
    put(folder, "generation_config.json", if generation.is_empty() { b"{}" } else { generation });
    put(folder, "model.safetensors", WEIGHTS);
    load(folder);
}

/// `model.safetensors`, or behind a zero its index; of a header alone the file is made.
pub fn weights(input: &[u8], folder: &Path) {
    put(folder, "config.json", CONFIG);
    match input {
        [0, index @ ..] => {
            let _ = std::fs::remove_file(folder.join("model.safetensors"));
            put(folder, "model.safetensors.index.json", index);
            put(folder, "part-1.safetensors", WEIGHTS);
            put(folder, "part-2.safetensors", safetensors(b"{}"));
        }
        content => put(folder, "model.safetensors", safetensors(content)),
    }
    load(folder);
}

fn load(folder: &Path) {
    let device = flex().device;
    match Folder::open(folder, &device) {
        Ok(folder) => {
            let _ = folder.load(&device);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A GGUF file in the place of a model folder; what was read of it is written as one again, and read once more.
pub fn gguf(input: &[u8], folder: &Path) {
    let (path, again) = (folder.join("model.gguf"), folder.join("again.gguf"));
    put(folder, "model.gguf", input);
    let device = flex().device;
    let opened = match Folder::open(&path, &device) {
        Ok(opened) => opened,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let Ok(model) = opened.load(&device) else { return };
    if opened.write_gguf(&model, Kind::F32, &again).is_ok() {
        let read = Folder::open(&again, &device).expect("what was written is read");
        assert_eq!(read.config().vocabulary, opened.config().vocabulary);
    }
}

/// `adapter_config.json`, and behind a zero the header of `adapter_model.safetensors`, put into a model.
pub fn adapters(input: &[u8], folder: &Path) {
    static BASE: OnceLock<Folder> = OnceLock::new();
    let device = flex().device;
    let base = BASE.get_or_init(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters/hf/tests/models/llama2");
        Folder::open(&path, &device).expect("a model of the tests")
    });
    let [config, header] = parts(input);
    put(folder, "adapter_config.json", config);
    put(folder, "adapter_model.safetensors", safetensors(header));
    match base.clone().with_adapter(folder, &device) {
        Ok(adapted) => {
            let _ = adapted.load(&device);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// `tokenizer.json`, and behind zeros a text and the files that stand around it, where they are not empty.
pub fn tokenizer(input: &[u8], folder: &Path) {
    let [file, text, around @ ..]: [&[u8]; 5] = parts(input);
    put(folder, "tokenizer.json", file);
    surround(folder, around);
    use_tokenizer(&folder.join("tokenizer.json"), &String::from_utf8_lossy(text));
}

/// A GGUF file, for its tokenizer.
pub fn vocabulary(input: &[u8], folder: &Path) {
    put(folder, "vocabulary.gguf", input);
    use_tokenizer(&folder.join("vocabulary.gguf"), "<s> a  aa </s>");
}

fn use_tokenizer(path: &Path, text: &str) {
    let Ok(tokenizer) = FolderTokenizer::load(path, VOCABULARY) else { return };
    for text in [text, "", "Hello, 12 + 3 = ?\n", "<|im_end|>é 漢字\u{200d}\u{0}"] {
        for ids in [tokenizer.encode(text), tokenizer.encode_special(text)].into_iter().flatten() {
            assert!(ids.iter().all(|&id| (id as usize) < VOCABULARY));
            tokenizer.decode(&ids);
        }
    }
    tokenizer.decode(&[0, 1, 2, 511, u32::MAX]);
    let _ = tokenizer.id(text);
}

/// `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`; an empty one is none.
fn surround(folder: &Path, contents: [&[u8]; 3]) {
    for (name, content) in ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"].into_iter().zip(contents) {
        let _ = std::fs::remove_file(folder.join(name));
        if !content.is_empty() {
            put(folder, name, content);
        }
    }
}

/// A chat template, or where the input begins with a brace alone `tokenizer_config.json` and behind zeros the files that came before it, and
/// what tokenizers and chats make of it.
pub fn template(input: &[u8], folder: &Path) {
    static PARTS: OnceLock<FolderTokenizer> = OnceLock::new();
    const OWN: &str = "chat_template.jinja";
    const CONFIG: &[u8] = br#"{"bos_token": "<s>", "eos_token": {"content": "</s>"}}"#;
    let _ = std::fs::remove_file(folder.join(OWN));
    put(folder, "tokenizer.json", TOKENIZER);
    // Templates begin with a brace too, but with another behind it.
    let is_config =
        input.starts_with(b"{") && !input.starts_with(b"{%") && !input.starts_with(b"{{") && !input.starts_with(b"{#");
    if is_config {
        surround(folder, parts(input));
        let tokenizer = FolderTokenizer::load(&folder.join("tokenizer.json"), VOCABULARY).ok();
        let ids = tokenizer.and_then(|tokenizer| tokenizer.encode("<s> 1 + 1 </s>").ok()).unwrap_or_default();
        assert!(ids.iter().all(|&id| (id as usize) < VOCABULARY));
    } else {
        put(folder, OWN, input);
        surround(folder, [CONFIG, b"", b""]);
    }
    let Ok(Some(template)) = Template::of(folder) else { return };
    let messages = json!([{"role": "system", "content": "Be short."}, {"role": "user", "content": "2 + 2 </s> {{ 1 }}"}]);
    let today = Date::constant(2026, 1, 1);
    let render = || template.render(&messages, true, &Variables::new(), today).map_err(|error| error.to_string());
    assert_eq!(render(), render(), "pure");
    let tokenizer = PARTS.get_or_init(|| {
        let plain = folder.join("plain");
        std::fs::create_dir_all(&plain).expect("a temporary folder can be made");
        put(&plain, "tokenizer.json", TOKENIZER);
        FolderTokenizer::load(&plain.join("tokenizer.json"), VOCABULARY).expect("a tokenizer of the tests")
    });
    if let Ok(chat) = Chat::new(tokenizer.clone(), Some(template), &[], ChatConfig::default()) {
        assert!(!chat.ends().is_empty());
        let _ = chat.prompt(&"Quite another question".into());
    }
}
