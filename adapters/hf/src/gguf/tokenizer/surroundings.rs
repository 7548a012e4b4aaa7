//! What stands around a tokenizer: the names of its tokens, the chat template, and the files that a folder has for all of that.

use serde_json::{Map, Value};

use super::vocabulary::Vocabulary;
use crate::{error::HfError, tokenizer::guarded};

/// Names that only GGUF files have: folders say so in `generation_config.json`.
const OF_FILES: [&str; 2] = ["eot_token", "eom_token"];

impl Vocabulary {
    /// That no tokenizer can be made of it.
    pub(crate) fn unusable(&self, reason: &str) -> HfError {
        HfError::Format { path: self.path.clone(), reason: format!("its tokenizer can't be used: {reason}") }
    }

    /// The tokens that templates may print, by name.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        let told = self.named.iter().filter(|(name, _)| !OF_FILES.contains(name));
        told.map(|(name, id)| (*name, self.tokens[*id as usize].as_str()))
    }

    /// The chat template's source, if there is one.
    pub(crate) fn template(&self) -> Option<&str> {
        self.template.as_deref()
    }

    /// The files by which a folder has this tokenizer, names and texts. transformers reads `tokenizer.json` as it stands there, since the class that
    /// `tokenizer_config.json` names builds nothing anew.
    ///
    /// # Errors
    /// [`HfError::Format`].
    pub(crate) fn files(&self) -> Result<Vec<(&'static str, String)>, HfError> {
        let text = || self.tokenizer()?.to_string(false).map_err(|error| error.to_string());
        let tokenizer = guarded(text).map_err(|reason| self.unusable(&reason))?;
        let mut config: Map<String, Value> = self.names().map(|(name, token)| (name.to_owned(), token.into())).collect();
        config.insert("clean_up_tokenization_spaces".into(), false.into());
        config.insert("tokenizer_class".into(), "PreTrainedTokenizerFast".into());
        let config = format!("{:#}\n", Value::Object(config));
        let generation = format!("{:#}\n", serde_json::json!({"eos_token_id": self.ends}));
        let template = self.template().map(|source| ("chat_template.jinja", source.to_owned()));
        let own = [("tokenizer.json", tokenizer), ("tokenizer_config.json", config), ("generation_config.json", generation)];
        Ok(own.into_iter().chain(template).collect())
    }
}
