//! `tokenizer.json`, by the `tokenizers` crate, behind a gate.
//!
//! A crafted file can make that crate panic, or ask for memory without bound. So its sizes are counted before it is parsed, replacements that
//! would let texts grow are refused, and a panic inside becomes an error.

use std::{
    cell::Cell,
    collections::HashMap,
    fmt,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::Once,
};

use palinode_text::{TextError, Tokenizer};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use tokenizers::AddedToken;

use crate::{
    class::{Class, Parts},
    error::HfError,
    fields::beyond,
    foreign::refuse_tokenizer,
    gguf::{Vocabulary, is_gguf},
    shards::bounded,
    special::Special,
};

/// Longest `tokenizer.json` that is read; those of Gemma have 34 MB.
pub(crate) const LONGEST: u64 = 1 << 26;
/// Entries that the parts beside the vocabulary may have together.
const MOST_PARTS: u64 = 100_000;
/// How many times longer a text may become before it is cut into tokens.
const MOST_GROWTH: f64 = 4096.0;
/// Longest text that is encoded, in bytes.
const LONGEST_TEXT: usize = 1 << 20;

/// The tokenizer of a model folder, or of a GGUF file.
#[derive(Debug, Clone)]
pub struct FolderTokenizer {
    inner: tokenizers::Tokenizer,
    vocabulary: usize,
    differences: Vec<String>,
}

impl FolderTokenizer {
    /// Reads `tokenizer.json` for a model of this many token ids, and the special tokens that the files beside it add; or a GGUF file's tokenizer.
    ///
    /// # Errors
    /// [`HfError::Gguf`] names the key of a GGUF file;
    /// [`HfError::Io`]; [`HfError::Field`] for the files beside it; [`HfError::Format`] says what is wrong with a file: damaged, contradictory
    /// in the ids of added tokens, larger than the model, or random.
    pub fn load(path: &Path, vocabulary: usize) -> Result<Self, HfError> {
        if is_gguf(path) {
            let file = palinode_gguf::File::open(path)?;
            return Self::of_vocabulary(&Vocabulary::of(file.metadata(), vocabulary)?, vocabulary);
        }
        let format = |reason: String| HfError::Format { path: path.to_owned(), reason };
        refuse_tokenizer(path)?;
        let bytes = bounded(path, LONGEST)?;
        let parts = check(&bytes, vocabulary).map_err(format)?;
        let mut inner = guarded(|| tokenizers::Tokenizer::from_bytes(&bytes).map_err(|error| error.to_string()))
            .map_err(|reason| format(format!("not a usable tokenizer: {reason}")))?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| format(error.to_string()))?;
        for token in &parts.added_tokens {
            same_id(&inner, &token.content, token.id, "it").map_err(format)?;
        }
        // Tokens that were added later, such as a padding token, may lie after the model's last: a text that holds one is refused.
        let found = inner.get_vocab_size(false);
        if found > vocabulary {
            return Err(format(format!("knows {found} tokens, and the model has {vocabulary}")));
        }
        if let Some((token, id)) = inner.get_vocab(false).into_iter().find(|(_, id)| *id as usize >= vocabulary) {
            return Err(format(format!("token {token:?} has id {id}, and the model has {vocabulary}")));
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let class = Class::of(folder, &bytes)?;
        add(&mut inner, &Special::of(folder, &class)?).map_err(format)?;
        let mut tokenizer = Self { inner, vocabulary, differences: Vec::new() };
        let begins = tokenizer.ids("a", true).ok().zip(tokenizer.ids("a", false).ok());
        let begins = begins.is_some_and(|(special, plain)| special.first() != plain.first());
        tokenizer.differences = class.differences(&Parts([parts.normalizer, parts.pre_tokenizer, parts.decoder]), begins);
        Ok(tokenizer)
    }

    /// The tokenizer of a GGUF file, for a model of this many token ids.
    ///
    /// # Errors
    /// [`HfError::Format`].
    pub(crate) fn of_vocabulary(read: &Vocabulary, vocabulary: usize) -> Result<Self, HfError> {
        let inner = guarded(|| read.tokenizer()).map_err(|reason| read.unusable(&reason))?;
        Ok(Self { inner, vocabulary, differences: read.differences() })
    }

    /// What transformers 5 reads otherwise in this folder or file: here a folder's `tokenizer.json` is followed, and llama.cpp for a GGUF file.
    pub fn differences(&self) -> &[String] {
        &self.differences
    }

    /// The id of a token by its exact text.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Ids of the model that no token has, ascending: those after the last token, where a vocabulary was padded to a multiple of 64 or so, and
    /// holes.
    pub fn unused(&self) -> Vec<u32> {
        let mut used = vec![false; self.vocabulary];
        for id in self.inner.get_vocab(true).into_values() {
            if let Some(used) = used.get_mut(id as usize) {
                *used = true;
            }
        }
        used.iter().zip(0..).filter(|(used, _)| !**used).map(|(_, id)| id).collect()
    }

    /// Ids of a text, and of what the tokenizer puts before or after one, such as a mark of its beginning.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_special(&self, text: &str) -> Result<Vec<u32>, TextError> {
        self.ids(text, true)
    }

    /// The library's own.
    pub(crate) fn inner(&self) -> &tokenizers::Tokenizer {
        &self.inner
    }

    /// The exact text of a token; empty where there is none.
    pub(crate) fn token(&self, id: u32) -> String {
        self.inner.id_to_token(id).unwrap_or_default()
    }

    /// Whether a token stands for itself: it was added beside the vocabulary, and no text is merged into it.
    pub(crate) fn stands_alone(&self, id: u32) -> bool {
        self.inner.get_added_vocabulary().get_added_tokens_decoder().contains_key(&id)
    }

    fn text(&self, ids: &[u32], without_special: bool) -> String {
        let text = guarded(|| self.inner.decode(ids, without_special).map_err(|error| error.to_string()));
        text.unwrap_or_else(|_| char::REPLACEMENT_CHARACTER.to_string())
    }

    fn ids(&self, text: &str, special: bool) -> Result<Vec<u32>, TextError> {
        if text.len() > LONGEST_TEXT {
            return Err(TextError::Inexpressible(format!("a text of {} bytes; at most {LONGEST_TEXT} are encoded", text.len())));
        }
        let ids = guarded(|| match self.inner.encode_fast(text, special) {
            Ok(encoding) => Ok(encoding.get_ids().to_vec()),
            Err(error) => Err(error.to_string()),
        })
        .map_err(|reason| TextError::Inexpressible(format!("the tokenizer failed: {reason}")))?;
        match ids.iter().find(|&&id| id as usize >= self.vocabulary) {
            None => Ok(ids),
            Some(&id) => {
                let token = self.inner.id_to_token(id).unwrap_or_default();
                Err(TextError::Inexpressible(format!("the token {token:?} of the tokenizer {}", beyond(id, self.vocabulary))))
            }
        }
    }
}

impl Tokenizer for FolderTokenizer {
    fn encode(&self, text: &str) -> Result<Vec<u32>, TextError> {
        self.ids(text, false)
    }

    fn decode(&self, ids: &[u32]) -> String {
        self.text(ids, true)
    }

    fn decode_all(&self, ids: &[u32]) -> String {
        self.text(ids, false)
    }

    fn len(&self) -> usize {
        self.vocabulary
    }
}

/// Refuses what no honest file has, without building anything of it.
fn check(bytes: &[u8], vocabulary: usize) -> Result<Contents, String> {
    let sizes: Sizes = serde_json::from_slice(bytes).map_err(|error| format!("not a tokenizer: {error}"))?;
    let Sizes { normalizer, pre_tokenizer, post_processor, decoder, added_tokens, model } = sizes;
    let parts = normalizer.0 + pre_tokenizer.0 + post_processor.0 + decoder.0;
    if parts > MOST_PARTS {
        return Err(format!("its normalizer, decoder and processors have {parts} entries, expected {MOST_PARTS} at most"));
    }
    // A vocabulary entry counts up to 3 (unigrams are pairs), an added token 8, and there are fewer than four merges an id.
    let most = |entries: u64| entries * (vocabulary as u64 + 16);
    for (what, found, most) in [
        ("vocabulary", model.vocab.0, most(3)),
        ("list of added tokens", added_tokens.0, most(8)),
        ("list of merges", model.merges.0, most(12)),
    ] {
        if found > most {
            return Err(format!("its {what} has {found} entries, more than a model of {vocabulary} tokens can use"));
        }
    }
    if model.dropout.is_some_and(|dropout| dropout != 0.0) {
        return Err("its `dropout` makes the ids of a text random; set it to null".into());
    }
    let parts: Contents = serde_json::from_slice(bytes).map_err(|error| format!("not a tokenizer: {error}"))?;
    for part in [&parts.normalizer, &parts.decoder] {
        let growth = growth(part);
        if growth > MOST_GROWTH {
            return Err(format!("its replacements make a text up to {growth:.0} times longer"));
        }
    }
    Ok(parts)
}

/// Adds the tokens that other files list or name.
fn add(inner: &mut tokenizers::Tokenizer, special: &Special) -> Result<(), String> {
    let known = inner.get_added_tokens_decoder();
    let by_text: HashMap<&str, &AddedToken> = known.values().map(|token| (token.content.as_str(), token)).collect();
    let missing = special.missing(&|text| by_text.get(text).copied());
    let most = inner.get_vocab_size(true) + 1024;
    if missing.len() > most {
        return Err(format!("the files beside it add {} tokens; at most {most} make sense", missing.len()));
    }
    if !missing.is_empty() {
        guarded(|| inner.add_tokens(missing).map_err(|error| error.to_string()))?;
    }
    inner.set_encode_special_tokens(special.split);
    special.listed.iter().try_for_each(|listed| same_id(inner, &listed.token.content, listed.id, listed.file))
}

/// Refuses a token whose id is not the one that a file says.
fn same_id(inner: &tokenizers::Tokenizer, token: &str, id: u32, file: &str) -> Result<(), String> {
    match inner.token_to_id(token) {
        Some(found) if found == id => Ok(()),
        found => {
            let found = found.map_or_else(|| "none".into(), |found| found.to_string());
            Err(format!("contradictory: {file} says that added token {token:?} has id {id}, and the tokenizer gives it {found}"))
        }
    }
}

/// By how much the replacements of a normalizer or decoder, one after another, can stretch a text.
fn growth(part: &Value) -> f64 {
    match part {
        Value::Array(steps) => steps.iter().map(growth).product(),
        Value::Object(fields) => {
            let own = match fields.get("type").and_then(Value::as_str) {
                Some("Replace") => {
                    let content = fields.get("content").and_then(Value::as_str).map_or(0, str::len) as f64;
                    // A regular expression can match nothing, before every byte.
                    let text = fields.get("pattern").and_then(|pattern| pattern.get("String")).and_then(Value::as_str);
                    text.map_or(content + 1.0, |text| (content / text.len().max(1) as f64).max(1.0))
                }
                Some("Prepend") => 1.0 + fields.get("prepend").and_then(Value::as_str).map_or(0, str::len) as f64,
                _ => 1.0,
            };
            own * ["normalizers", "decoders"].iter().filter_map(|list| fields.get(*list)).map(growth).product::<f64>()
        }
        _ => 1.0,
    }
}

/// How large the parts of a `tokenizer.json` are.
#[derive(Deserialize)]
struct Sizes {
    #[serde(default)]
    normalizer: Count,
    #[serde(default)]
    pre_tokenizer: Count,
    #[serde(default)]
    post_processor: Count,
    #[serde(default)]
    decoder: Count,
    #[serde(default)]
    added_tokens: Count,
    model: ModelSizes,
}

#[derive(Deserialize)]
struct ModelSizes {
    #[serde(default)]
    vocab: Count,
    #[serde(default)]
    merges: Count,
    #[serde(default)]
    dropout: Option<f64>,
}

/// The parts that may let a text grow, or that classes of transformers build anew, and the tokens that were added.
#[derive(Deserialize)]
struct Contents {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

/// An added token's text and id.
#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
}

/// The number of scalars in a piece of JSON; a long string counts for several.
#[derive(Default)]
struct Count(u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Counter)
    }
}

struct Counter;

impl<'de> Visitor<'de> for Counter {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
        Ok(Count(1))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Count, E> {
        Ok(Count(1))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Count, E> {
        Ok(Count(1))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Count, E> {
        Ok(Count(1))
    }

    fn visit_unit<E>(self) -> Result<Count, E> {
        Ok(Count(1))
    }

    fn visit_str<E>(self, text: &str) -> Result<Count, E> {
        Ok(Count(1 + text.len() as u64 / 64))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Count, A::Error> {
        let mut total = 1;
        while let Some(Count(entries)) = list.next_element()? {
            total += entries;
        }
        Ok(Count(total))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Count, A::Error> {
        let mut total = 1;
        while let Some((_, Count(entries))) = map.next_entry::<Count, Count>()? {
            total += entries;
        }
        Ok(Count(total))
    }
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs code that may panic; the panic becomes an error, and nothing is printed.
///
/// Panics are printed by a hook of the whole process. The first call wraps it once, in one that leaves out panics of threads that are in here.
pub(crate) fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                before(info);
            }
        }));
    });
    let outer = GUARDED.replace(true);
    let done = panic::catch_unwind(AssertUnwindSafe(run));
    GUARDED.set(outer);
    done.unwrap_or_else(|cause| {
        let message = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
        Err(format!("it panicked: {}", message.unwrap_or("without a message")))
    })
}
