//! A folder's tokenizer as a GGUF file has it.
//!
//! What was recognised is built again as a file's and compared with the folder's own on many texts: a file whose texts get other ids is worse than none.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use palinode_gguf::{List, Metadata, Value};
use palinode_text::Tokenizer as _;

use super::{
    battery::differing,
    build::SPACE,
    keys::{AFTER, BEFORE, ENDS, MERGES, MODEL, NAMES, PRE, PREFIX, SCORES, TEMPLATE, TOKENS, TYPES},
    merging::byte_token,
    recognise::{Parts, Way},
    scores,
    tokens::{TokenType, looks_like_end},
    vocabulary::{Kind, Vocabulary},
};
use crate::{
    class::Class,
    error::HfError,
    shards::bounded,
    special::Special,
    template,
    tokenizer::{FolderTokenizer, LONGEST, guarded},
};

impl Vocabulary {
    /// What a file says of the tokenizer of the folder at `path`, of whose model `ends` end an answer; and what a reader of the file should know.
    ///
    /// # Errors
    /// [`HfError::Unsupported`] for what llama.cpp has no name for, and where it would give texts other ids; else those of [`crate::Template::of`].
    pub(crate) fn of_folder(path: &Path, tokenizer: &FolderTokenizer, ends: &[u32]) -> Result<(Self, Vec<String>), HfError> {
        let at = path.join("tokenizer.json");
        let refused = |what: String| {
            HfError::Unsupported {
            path: at.clone(),
            what: format!("{what} in a GGUF file"),
            supported: "byte-level BPE that cuts as Llama 3, Qwen 2, SmolLM2 or GPT-2 do, and BPE of characters with bytes as Gemma and Llama 2 have it".into(),
        }
        };
        let text = || tokenizer.inner().to_string(false).map_err(|error| error.to_string());
        let text = guarded(text).map_err(refused)?;
        let parts: Parts = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
        let way = parts.way().map_err(refused)?;
        let mut notes = notes(way);
        let tokens = texts(tokenizer, &mut notes).map_err(refused)?;
        let types = types(tokenizer, &tokens, &parts, way).map_err(refused)?;
        let own: Vec<String> =
            tokens.into_iter().zip(0..).map(|(text, id)| text.unwrap_or_else(|| format!("[PAD{id}]"))).collect();
        let tokens = spelled(&own, &types, way);
        if tokens != own {
            notes.push("llama.cpp cuts rows of spaces out of texts first: the sign ▁ itself, and rows longer than any token, may get other ids there".into());
        }
        let kind = match way {
            Way::Bytes { split, .. } => Kind::Bytes { split, merges: parts.model.merges },
            Way::Characters { prefix, .. } => {
                let scores = of_merges(&parts.model.merges, &own, &tokens, &types).map_err(refused)?;
                Kind::Scores { scores, prefix }
            }
        };
        let [before, after] = around(tokenizer).map_err(refused)?;
        let special = Special::of(path, &Class::of(path, &bounded(&at, LONGEST)?)?)?;
        // llama.cpp knows by itself those that look like ends.
        let known = |id: u32| types[id as usize] == TokenType::Control && looks_like_end(&tokens[id as usize]);
        let named = named(&special, tokenizer, [before, after], ends, &known);
        let template = template::find(path)?.map(|(_, source)| source);
        let own = Self { path: path.to_owned(), kind, tokens, types, named, ends: Vec::new(), before, after, template };
        own.compare(tokenizer, way).map_err(refused)?;
        Ok((own, notes))
    }

    /// The keys of a file.
    pub(crate) fn metadata(&self) -> Vec<(String, Value)> {
        let text = |text: &str| Value::Text(text.to_owned());
        let mut keys = match &self.kind {
            Kind::Bytes { split, merges } => vec![
                (MODEL, text("gpt2")),
                (PRE, text(split.name)),
                (MERGES, Value::List(List::Text(merges.iter().map(|(left, right)| format!("{left} {right}")).collect()))),
            ],
            Kind::Scores { scores, prefix } => vec![
                (MODEL, text("llama")),
                (PRE, text("default")),
                (SCORES, Value::List(List::F32(scores.clone()))),
                (PREFIX, Value::Bool(*prefix)),
            ],
        };
        keys.push((TOKENS, Value::List(List::Text(self.tokens.clone()))));
        keys.push((TYPES, Value::List(List::I32(self.types.iter().map(|of| of.number()).collect()))));
        let id = |name: &str| self.named.iter().find(|(own, _)| *own == name).map(|(_, id)| Value::U32(*id));
        keys.extend(NAMES.iter().filter_map(|name| Some((name.key, id(name.name)?))));
        keys.push((BEFORE, Value::Bool(self.before.is_some())));
        keys.push((AFTER, Value::Bool(self.after.is_some())));
        keys.extend(self.template.as_deref().map(|source| (TEMPLATE, text(source))));
        keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Compares what would be read of a file with a folder's tokenizer.
    fn compare(&self, tokenizer: &FolderTokenizer, way: Way) -> Result<(), String> {
        let mut metadata = Metadata::of(&self.path);
        for (key, value) in self.metadata() {
            metadata.set(&key, value);
        }
        let read = Self::of(&metadata, self.tokens.len()).map_err(|error| error.to_string())?;
        let cut = |of: &TokenType| matches!(of, TokenType::Control | TokenType::Own | TokenType::Unknown);
        let tokens: Vec<&str> =
            self.tokens.iter().zip(&self.types).filter(|(_, of)| cut(of)).map(|(text, _)| text.as_str()).collect();
        let before = match way {
            Way::Characters { first: true, .. } => tokens.first().copied().unwrap_or_default(),
            _ => "",
        };
        let differing = guarded(|| Ok(differing(&read.tokenizer()?, tokenizer.inner(), &tokens, before)))?;
        differing.map_or(Ok(()), |text| Err(format!("a tokenizer of which llama.cpp gives other ids to {text:?}")))
    }
}

/// What llama.cpp does not do as the folder's tokenizer does.
fn notes(way: Way) -> Vec<String> {
    let what = match way {
        Way::Bytes { composed: true, .. } => {
            "llama.cpp composes no characters (NFC): a text with marks by themselves gets other ids there"
        }
        Way::Characters { first: true, .. } => {
            "llama.cpp puts no space before a text here: one that begins with no special token gets other ids there"
        }
        Way::Bytes { .. } | Way::Characters { .. } => return Vec::new(),
    };
    vec![what.into()]
}

/// The texts of the model's ids; those beyond it are left out, with a note.
fn texts(tokenizer: &FolderTokenizer, notes: &mut Vec<String>) -> Result<Vec<Option<String>>, String> {
    let mut texts = vec![None; tokenizer.len()];
    let mut beyond = Vec::new();
    for (text, id) in tokenizer.inner().get_vocab(true) {
        match texts.get_mut(id as usize) {
            None => beyond.push(text),
            Some(Some(other)) => return Err(format!("a vocabulary in which {text:?} and {other:?} have one id, {id},")),
            Some(place) => *place = Some(text),
        }
    }
    if !beyond.is_empty() {
        beyond.sort_unstable();
        notes.push(format!("tokens that the model has no ids for are left out: {}", beyond.join(" ")));
    }
    let looks = |text: &&String| looks_like_end(text) && tokenizer.id(text).is_some_and(|id| !tokenizer.stands_alone(id));
    if let Some(text) = texts.iter().flatten().find(looks) {
        notes.push(format!(
            "llama.cpp takes {text} for an end and gives it one id wherever it stands, though it is an ordinary token here"
        ));
    }
    Ok(texts)
}

/// What each token is for.
fn types(tokenizer: &FolderTokenizer, tokens: &[Option<String>], parts: &Parts, way: Way) -> Result<Vec<TokenType>, String> {
    let added = tokenizer.inner().get_added_tokens_decoder();
    let characters = matches!(way, Way::Characters { .. });
    let bytes: HashSet<String> = if characters { (0..=u8::MAX).map(byte_token).collect() } else { HashSet::new() };
    let of = |(text, id): (&Option<String>, u32)| {
        let Some(text) = text else { return Ok(TokenType::Unused) };
        Ok(match added.get(&id) {
            Some(token) if token.lstrip || token.rstrip || token.single_word => {
                return Err(format!("the token {text:?} with `lstrip`, `rstrip` or `single_word`"));
            }
            Some(token) if token.special => TokenType::Control,
            Some(_) => TokenType::Own,
            None if bytes.contains(text) => TokenType::Byte,
            None if characters && parts.model.unk_token.as_ref() == Some(text) => TokenType::Unknown,
            None => TokenType::Normal,
        })
    };
    tokens.iter().zip(0..).map(of).collect()
}

/// Tokens as a file spells them: those that are cut out of texts have their spaces as such, since llama.cpp finds and writes them as they stand. (A folder's
/// tokenizer may have them as `▁▁`, and make them by merges that come before all others: Gemma's does.)
fn spelled(own: &[String], types: &[TokenType], way: Way) -> Vec<String> {
    let spell = |(text, of): (&String, &TokenType)| match (way, of) {
        (Way::Characters { .. }, TokenType::Own) => text.replace(SPACE, " "),
        _ => text.clone(),
    };
    own.iter().zip(types).map(spell).collect()
}

/// Scores that make the same merges: what is made first has the highest. What is cut out of texts before is never made, and left aside. `own` is how the
/// merges spell tokens, `tokens` how the file does.
fn of_merges(merges: &[(String, String)], own: &[String], tokens: &[String], types: &[TokenType]) -> Result<Vec<f32>, String> {
    let other = || "a vocabulary whose merges follow from no scores".to_owned();
    let made = |texts: &[String], pairs: &[(String, String)]| {
        let ids: HashMap<&str, usize> = texts.iter().map(String::as_str).zip(0..).collect();
        let id = |(left, right): &(String, String)| ids.get([left.as_str(), right].concat().as_str()).copied();
        pairs
            .iter()
            .filter_map(|pair| Some((id(pair)?, pair.clone())))
            .filter(|(id, _)| types[*id] == TokenType::Normal)
            .collect::<Vec<_>>()
    };
    let given = made(own, merges);
    let lowest = -(given.len() as f32) - 1.0;
    let mut scores = vec![lowest; tokens.len()];
    let (mut last, mut score) = (None, 0.0);
    for (id, _) in &given {
        if last != Some(*id) {
            if scores[*id] != lowest {
                return Err(other());
            }
            (last, score) = (Some(*id), score - 1.0);
            scores[*id] = score;
        }
    }
    let derived = scores::merges(tokens, &scores).map_err(|id| format!("a token as long as that with id {id}"))?;
    let same = HashSet::<_>::from_iter(made(tokens, &derived)) == HashSet::from_iter(given);
    if same { Ok(scores) } else { Err(other()) }
}

/// The ids that the tokenizer puts before a text and after it.
fn around(tokenizer: &FolderTokenizer) -> Result<[Option<u32>; 2], String> {
    let ids = |special: bool| if special { tokenizer.encode_special("a") } else { tokenizer.encode("a") };
    let plain = ids(false).map_err(|error| error.to_string())?;
    let around = ids(true).map_err(|error| error.to_string())?;
    let at = around.windows(plain.len().max(1)).position(|ids| ids == plain);
    let (before, after) = at.map(|at| (&around[..at], &around[at + plain.len()..])).unwrap_or_default();
    match (before, after) {
        _ if at.is_none() => Err("a post-processor that changes a text's ids".into()),
        ([] | [_], [] | [_]) => Ok([before.first().copied(), after.first().copied()]),
        _ => Err("a post-processor that puts several tokens at one end of a text".into()),
    }
}

/// Ids by name: those of the folder's files, and those that end an answer and are not `known` to.
fn named(
    special: &Special,
    tokenizer: &FolderTokenizer,
    [before, after]: [Option<u32>; 2],
    ends: &[u32],
    known: &dyn Fn(u32) -> bool,
) -> Vec<(&'static str, u32)> {
    let inside = |id: &u32| (*id as usize) < tokenizer.len();
    let own = |name: &str| special.names().find(|(own, _)| *own == name).and_then(|(_, text)| tokenizer.id(text)).filter(inside);
    let end = after.or_else(|| own(ENDS[0])).or_else(|| ends.first().copied().filter(inside));
    let others = ends.iter().copied().filter(|id| Some(*id) != end && inside(id) && !known(*id));
    let ends: Vec<(&str, u32)> = ENDS.into_iter().zip(end.into_iter().chain(others)).collect();
    let id = |name: &str| match name {
        "bos_token" => before.or_else(|| own(name)),
        name if ENDS.contains(&name) => ends.iter().find(|(end, _)| *end == name).map(|(_, id)| *id),
        name => own(name),
    };
    NAMES.iter().filter_map(|name| Some((name.name, id(name.name)?))).collect()
}
