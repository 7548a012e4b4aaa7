//! Answers requests for the text and ids of conversations, one JSON object a line: `{"folder", "vocabulary", "messages"}` for a chat template,
//! with or without the opening of an answer (`add_generation_prompt`), or `{"folder", "vocabulary", "text"}` for a text alone. A GGUF file may stand in the
//! place of a folder, for texts.
//!
//! `tests/templates/compare.py` asks it, and transformers, the same; `tests/tokenizers/compare.py` llama.cpp.

use std::{
    collections::HashMap,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
};

use palinode_hf::{Date, FolderTokenizer, HfError, Template, Variables};
use palinode_text::Tokenizer;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Request {
    folder: PathBuf,
    vocabulary: usize,
    messages: Option<minijinja::Value>,
    #[serde(default)]
    add_generation_prompt: bool,
    text: Option<String>,
}

struct Loaded {
    tokenizer: FolderTokenizer,
    template: Result<Option<Template>, HfError>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut folders = HashMap::new();
    for line in io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let answer = answer(&mut folders, &request).unwrap_or_else(|error| json!({"error": error}));
        writeln!(io::stdout(), "{answer}")?;
    }
    Ok(())
}

fn answer(folders: &mut HashMap<PathBuf, Loaded>, request: &Request) -> Result<Value, String> {
    if !folders.contains_key(&request.folder) {
        folders.insert(request.folder.clone(), load(&request.folder, request.vocabulary)?);
    }
    let Loaded { tokenizer, template } = &folders[&request.folder];
    let ids = |text: &str| tokenizer.encode(text).map_err(|error| error.to_string());
    if let Some(text) = &request.text {
        let special = tokenizer.encode_special(text).map_err(|error| error.to_string())?;
        let plain = ids(text)?;
        return Ok(
            json!({"ids": plain, "special": special, "decoded": tokenizer.decode(&plain), "notes": tokenizer.differences()}),
        );
    }
    let template = template.as_ref().map_err(ToString::to_string)?.as_ref().ok_or("no chat template")?;
    let today = Date::constant(2026, 1, 31);
    let text = template.render(&request.messages, request.add_generation_prompt, &Variables::new(), today);
    let text = text.map_err(|error| error.to_string())?;
    let ids = ids(&text)?;
    Ok(json!({"text": text, "ids": ids, "notes": tokenizer.differences()}))
}

fn load(folder: &Path, vocabulary: usize) -> Result<Loaded, String> {
    let path = if folder.is_file() { folder.to_owned() } else { folder.join("tokenizer.json") };
    let tokenizer = FolderTokenizer::load(&path, vocabulary).map_err(|error| error.to_string())?;
    Ok(Loaded { tokenizer, template: Template::of(folder) })
}
