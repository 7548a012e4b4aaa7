//! A tokenizer of the `tokenizers` library that gives a text the ids that llama.cpp gives it.
//!
//! All tokens are in the model, so that merging can find them as there; those that are cut out of texts are added tokens too, matched in the text as it
//! stands. Two of these that overlap in a text are told apart by their place first here, and by their length first in llama.cpp.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, Tokenizer,
    models::bpe::{BPE, Vocab},
};

use super::{
    scores,
    tokens::TokenType,
    vocabulary::{Kind, Vocabulary},
};

/// Stands for a space in vocabularies with scores.
pub(super) const SPACE: &str = "▁";

impl Vocabulary {
    /// The tokenizer.
    ///
    /// # Errors
    /// What the `tokenizers` library can't take, in words.
    pub(crate) fn tokenizer(&self) -> Result<Tokenizer, String> {
        let mut tokenizer = Tokenizer::new(self.model()?);
        match &self.kind {
            Kind::Bytes { split, .. } => {
                tokenizer.with_pre_tokenizer(Some(part::<PreTokenizerWrapper>(split.cut.pre_tokenizer())?));
                let bytes = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
                tokenizer.with_decoder(Some(part::<DecoderWrapper>(bytes)?));
            }
            Kind::Scores { prefix, .. } => {
                let said = tokenizer.with_normalizer(Some(part::<NormalizerWrapper>(normalizer(*prefix))?));
                said.map_err(|error| error.to_string())?;
                tokenizer.with_decoder(Some(part::<DecoderWrapper>(decoder(*prefix))?));
            }
        }
        if let Some(around) = self.around() {
            tokenizer.with_post_processor(Some(part::<PostProcessorWrapper>(around)?));
        }
        let added: Vec<AddedToken> = self.tokens.iter().zip(&self.types).filter_map(|(text, of)| added(text, *of)).collect();
        tokenizer.add_tokens(added).map_err(|error| error.to_string())?;
        Ok(tokenizer)
    }

    fn model(&self) -> Result<BPE, String> {
        let vocabulary = self.tokens.iter().cloned().zip(0..).collect::<Vocab>();
        let builder = match &self.kind {
            Kind::Bytes { split, merges } => {
                BPE::builder().vocab_and_merges(vocabulary, merges.clone()).ignore_merges(split.whole_words)
            }
            Kind::Scores { scores, .. } => {
                let merges = scores::merges(&self.tokens, scores).map_err(|id| {
                    let most = scores::LONGEST;
                    format!("its token with id {id} is longer than {most} bytes, the most for a vocabulary with scores")
                })?;
                BPE::builder().vocab_and_merges(vocabulary, merges).byte_fallback(true)
            }
        };
        builder.build().map_err(|error| error.to_string())
    }

    /// What puts a beginning before a text and an end after it; `None` where there is neither.
    fn around(&self) -> Option<Value> {
        let token = |id: u32| json!({"SpecialToken": {"id": self.tokens[id as usize], "type_id": 0}});
        let text = |name: &str| json!({"Sequence": {"id": name, "type_id": 0}});
        let of = |name: &str| -> Vec<Value> {
            self.before.map(token).into_iter().chain([text(name)]).chain(self.after.map(token)).collect()
        };
        let all: Vec<u32> = self.before.into_iter().chain(self.after).collect();
        let tokens: serde_json::Map<String, Value> = all
            .iter()
            .map(|&id| (&self.tokens[id as usize], id))
            .map(|(token, id)| (token.clone(), json!({"id": token, "ids": [id], "tokens": [token]})))
            .collect();
        let pair = [of("A"), of("B")].concat();
        (!all.is_empty())
            .then(|| json!({"type": "TemplateProcessing", "single": of("A"), "pair": pair, "special_tokens": tokens}))
    }
}

/// A token that is cut out of texts.
fn added(text: &str, of: TokenType) -> Option<AddedToken> {
    let special = match of {
        TokenType::Control | TokenType::Unknown => true,
        TokenType::Own => false,
        TokenType::Normal | TokenType::Unused | TokenType::Byte => return None,
    };
    Some(AddedToken::from(text, special).normalized(false))
}

/// What is done to a text, or to a piece of it between special tokens, in a vocabulary with scores.
pub(super) fn normalizer(prefix: bool) -> Value {
    let spaces = json!({"type": "Replace", "pattern": {"String": " "}, "content": SPACE});
    if prefix { json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": SPACE}, spaces]}) } else { spaces }
}

fn decoder(prefix: bool) -> Value {
    let mut steps = vec![
        json!({"type": "Replace", "pattern": {"String": SPACE}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefix {
        steps.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    json!({"type": "Sequence", "decoders": steps})
}

fn part<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}
