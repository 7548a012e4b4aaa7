//! Special tokens: what stands around `tokenizer.json`, put together as transformers 5.24 does.
//!
//! `tokenizer_config.json` names tokens and may list all added ones (`added_tokens_decoder`). Only where it has no such list are
//! `special_tokens_map.json`, whose names win, and `added_tokens.json` read. What nobody names is the default of the tokenizer's class.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value};
use tokenizers::AddedToken;

use crate::{class::Class, error::HfError, fields::Fields, shards::bounded_text};

/// Longest of these files that is read; the `tokenizer_config.json` of Gemma 3 has 1.2 MB.
pub(crate) const LONGEST: u64 = 1 << 23;
/// Names that every tokenizer may give, in the order in which tokens that no list has are added.
const NAMES: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// The special tokens of a folder.
#[derive(Debug, Default)]
pub(crate) struct Special {
    /// Tokens by name, among them `image_token` and the like: what templates may print.
    named: Vec<(String, AddedToken)>,
    /// Tokens without a name.
    extra: Vec<AddedToken>,
    /// Added tokens that these files list with their ids.
    pub(crate) listed: Vec<Listed>,
    /// Whether special tokens in a text are cut like other text.
    pub(crate) split: bool,
}

/// An added token with its id.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) token: AddedToken,
    pub(crate) id: u32,
    /// The file that says so.
    pub(crate) file: &'static str,
    /// Whether its flags win over those in `tokenizer.json`.
    pub(crate) wins: bool,
}

impl Special {
    /// Reads `tokenizer_config.json` and, where it is older than `added_tokens_decoder`, the two files that came before.
    ///
    /// # Errors
    /// [`HfError::Io`], [`HfError::Format`], [`HfError::Field`] name the file and what is wrong in it.
    pub(crate) fn of(folder: &Path, class: &Class) -> Result<Self, HfError> {
        let path = folder.join(CONFIG);
        let text = if path.is_file() { bounded_text(&path, LONGEST)? } else { "{}".into() };
        let config = Fields::parse(&text, &path)?;
        let mut names = Names::default();
        names.take(&config, true)?;
        let mut special = Self { split: config.flag("split_special_tokens")?.unwrap_or(false), ..Self::default() };
        match config.value("added_tokens_decoder") {
            None if !config.all().contains_key("added_tokens_decoder") => {
                names.older(folder)?;
                special.listed = names.added_tokens(folder)?;
            }
            None => {}
            Some(Value::Object(list)) => special.listed = decoder(&config, list)?,
            Some(_) => return Err(config.wrong("added_tokens_decoder", "must be an object from ids to tokens")),
        }
        for (name, text) in class.defaults() {
            names.own.entry((*name).to_owned()).or_insert_with(|| Some(AddedToken::from(*text, true)));
        }
        let mut own = names.own;
        let standard = NAMES.iter().filter_map(|name| Some(((*name).to_owned(), own.remove(*name)??)));
        special.named = standard.collect();
        special.named.extend(names.further);
        special.extra = names.extra;
        Ok(special)
    }

    /// The tokens that templates may print, by name.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.named.iter().map(|(name, token)| (name.as_str(), token.content.as_str()))
    }

    /// What `tokenizer.json`, whose added tokens are `known`, is to be told: new tokens, and known ones with other flags.
    pub(crate) fn missing<'a>(&self, known: &'a dyn Fn(&str) -> Option<&'a AddedToken>) -> Vec<AddedToken> {
        let listed = self.listed.iter().filter(|listed| match known(&listed.token.content) {
            None => true,
            Some(token) => listed.wins && *token != listed.token,
        });
        let mut missing: Vec<AddedToken> = listed.map(|listed| listed.token.clone()).collect();
        for token in self.named.iter().map(|(_, token)| token).chain(&self.extra) {
            if known(&token.content).is_none() && !missing.iter().any(|other| other.content == token.content) {
                missing.push(token.clone());
            }
        }
        for token in &mut missing {
            token.special |= self.names().any(|(_, text)| text == token.content);
        }
        missing
    }
}

/// The names that files give, before they are put in order. A name that is `null` is taken: its class gives no default then.
#[derive(Default)]
struct Names {
    own: BTreeMap<String, Option<AddedToken>>,
    further: BTreeMap<String, AddedToken>,
    extra: Vec<AddedToken>,
}

impl Names {
    /// Takes what a file names; `wins` says whether its further names do.
    fn take(&mut self, file: &Fields<'_>, wins: bool) -> Result<(), HfError> {
        for (name, value) in file.all() {
            let wrong = || file.wrong(name, "must be a string, or an object with a string `content`");
            if NAMES.contains(&name.as_str()) {
                let found = if value.is_null() { None } else { Some(token(value).ok_or_else(wrong)?) };
                self.own.insert(name.clone(), found);
            } else if let Some(token) = token(value).filter(|_| name.ends_with("_token")) {
                if wins {
                    self.further.insert(name.clone(), token);
                } else {
                    self.further.entry(name.clone()).or_insert(token);
                }
            }
        }
        let given = |name: &str| file.value(name).filter(|value| !matches!(value, Value::Array(list) if list.is_empty()));
        let extra = given("extra_special_tokens").or_else(|| given("additional_special_tokens"));
        let wrong = || file.wrong("extra_special_tokens", "must be a list of tokens, or an object from names to tokens");
        match extra {
            None => {}
            Some(Value::Array(list)) => {
                let tokens: Option<Vec<AddedToken>> = list.iter().map(token).collect();
                self.extra.extend(tokens.ok_or_else(wrong)?);
            }
            Some(Value::Object(named)) => {
                for (name, value) in named {
                    self.further.insert(name.clone(), token(value).ok_or_else(wrong)?);
                }
            }
            Some(_) => return Err(wrong()),
        }
        Ok(())
    }

    /// `special_tokens_map.json`: its tokens are special whatever it says.
    fn older(&mut self, folder: &Path) -> Result<(), HfError> {
        let path = folder.join(MAP);
        if path.is_file() {
            self.take(&Fields::parse(&bounded_text(&path, LONGEST)?, &path)?, false)?;
            let tokens = self.own.values_mut().flatten().chain(self.further.values_mut()).chain(&mut self.extra);
            tokens.for_each(|token| token.special = true);
        }
        Ok(())
    }

    /// `added_tokens.json`: ids by text.
    fn added_tokens(&self, folder: &Path) -> Result<Vec<Listed>, HfError> {
        let path = folder.join(ADDED);
        if !path.is_file() {
            return Ok(Vec::new());
        }
        let text = bounded_text(&path, LONGEST)?;
        let file = Fields::parse(&text, &path)?;
        let named: Vec<&str> = self.own.values().flatten().chain(&self.extra).map(|token| token.content.as_str()).collect();
        let listed = file.all().iter().map(|(text, id)| {
            let id = id.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(|| file.wrong(text, "must be a token id"))?;
            let token = AddedToken::from(text.as_str(), named.contains(&text.as_str()));
            Ok(Listed { token, id, file: ADDED, wins: false })
        });
        let mut listed: Vec<Listed> = listed.collect::<Result<_, HfError>>()?;
        listed.sort_by_key(|listed| listed.id);
        Ok(listed)
    }
}

/// `added_tokens_decoder`: tokens by id.
fn decoder(config: &Fields<'_>, list: &Map<String, Value>) -> Result<Vec<Listed>, HfError> {
    let wrong = |id: &str| {
        config.wrong("added_tokens_decoder", &format!("must map ids to objects with a string `content`; {id:?} does not"))
    };
    let listed = list.iter().map(|(key, value)| {
        let token = token(value).filter(|_| value.is_object()).ok_or_else(|| wrong(key))?;
        Ok(Listed { token, id: key.parse().map_err(|_| wrong(key))?, file: CONFIG, wins: true })
    });
    let mut listed: Vec<Listed> = listed.collect::<Result<_, HfError>>()?;
    listed.sort_by_key(|listed| listed.id);
    Ok(listed)
}

/// A token: a string, or an object that holds it, with how it is found in a text.
fn token(value: &Value) -> Option<AddedToken> {
    if let Some(text) = value.as_str() {
        return Some(AddedToken::from(text, true));
    }
    let text = value.get("content")?.as_str()?;
    let flag = |name: &str| value.get(name).and_then(Value::as_bool);
    let mut token = AddedToken::from(text, flag("special").unwrap_or(false));
    token.normalized = flag("normalized").unwrap_or(!token.special);
    (token.lstrip, token.rstrip) = (flag("lstrip").unwrap_or(false), flag("rstrip").unwrap_or(false));
    token.single_word = flag("single_word").unwrap_or(false);
    Some(token)
}

const CONFIG: &str = "tokenizer_config.json";
const MAP: &str = "special_tokens_map.json";
const ADDED: &str = "added_tokens.json";
