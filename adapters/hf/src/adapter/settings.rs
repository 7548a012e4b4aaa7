//! `adapter_config.json`: every setting of PEFT 0.21.2's LoraConfig is read, has no bearing on the trained result, or is refused by name.

use std::{fmt, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use super::pattern::Pattern;
use crate::{error::HfError, fields::Fields};

/// What the settings say.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) rank: usize,
    pub(crate) alpha: f64,
    /// Whether the scale is alpha / sqrt(rank).
    pub(crate) rank_stabilised: bool,
    pub(crate) ranks: Patterns,
    pub(crate) alphas: Patterns,
    pub(crate) targets: Names,
    pub(crate) excluded: Option<Names>,
    pub(crate) layers: Layers,
    pub(crate) start: Start,
    pub(crate) dora: bool,
    /// Whether B has a bias.
    pub(crate) bias_of_b: bool,
    pub(crate) bias: Bias,
    /// `modules_to_save`: ends of names, each also as the pattern that keeps adapters off.
    pub(crate) saved: Vec<(String, Pattern)>,
    /// Modules whose rows of these tokens are stored.
    pub(crate) tokens: Vec<(String, Vec<u32>)>,
    pub(crate) fan_in_fan_out: bool,
    /// Whether an adapter of embeddings stands on a head that is tied to them too.
    pub(crate) keeps_ties: bool,
}

/// Names of modules: ends of names, or a pattern of whole names.
#[derive(Debug, Clone)]
pub(crate) enum Names {
    Ends(Vec<String>),
    Pattern(Pattern),
    /// Every projection but the head.
    AllLinear,
}

/// The layers whose modules are adapted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers {
    /// Their numbers; all layers when none are given.
    pub(crate) numbers: Vec<usize>,
    /// What stands before a layer's number.
    pub(crate) before: Vec<Pattern>,
}

/// What an adapter takes out of the base when it is put on, before anything was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// Nothing.
    Nothing,
    /// The `r` largest singular values with their vectors.
    Pissa,
    /// scale · Q·R, the first `r` columns of Q and rows of R of the matrix's QR decomposition.
    Olora,
}

/// Which of the base's biases are stored beside adapters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bias {
    None,
    All,
    LoraOnly,
}

/// Patterns with a number each, in the file's order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patterns(Vec<(Pattern, f64)>);

impl Patterns {
    /// The number of the first pattern that matches a module's name.
    pub(crate) fn of(&self, module: &str) -> Result<Option<f64>, String> {
        for (pattern, number) in &self.0 {
            if pattern.matches(module)? {
                return Ok(Some(*number));
            }
        }
        Ok(None)
    }
}

/// What may stand in `init_lora_weights` without any effect on a trained adapter.
const PLAIN_STARTS: [&str; 4] = ["gaussian", "orthogonal", "eva", "mica"];
const STARTS: &str = "true, false, gaussian, orthogonal, eva, mica, pissa and olora; another one can be saved in PEFT with \
    path_initial_model_for_weight_conversion, or merged there with merge_and_unload and saved as a model";

/// Settings that make an adapter compute something else, and what that is.
const REFUSED: [(&str, &str); 11] = [
    ("alora_invocation_tokens", "the adapter works only after these tokens"),
    ("arrow_config", "several adapters, chosen for each token"),
    ("kasa_config", "the base without its smallest singular values, and a factor between A and B"),
    ("layer_replication", "a model with some of its layers repeated"),
    ("megatron_config", "layers of Megatron"),
    ("monteclora_config", "adapters with sampled noise"),
    ("target_parameters", "adapters on parameters that are no modules"),
    ("use_bdlora", "block-diagonal factors"),
    ("use_qalora", "adapters on groups of inputs of a quantised base"),
    ("velora_config", "adapters with compressed activations"),
    ("adapter_layers", "adapters of an old kind"),
];

/// Settings that are read elsewhere, or say how something was made or trained.
const KNOWN: [&str; 38] = [
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "exclude_modules",
    "fan_in_fan_out",
    "inference_mode",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_alpha",
    "lora_bias",
    "lora_dropout",
    "lora_ga_config",
    "megatron_core",
    "modules_to_save",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
    "trainable_token_indices",
    "use_dora",
    "use_rslora",
    // Of versions before 0.6, when they say nothing.
    "enable_lora",
    "merge_weights",
    "num_layers",
    "token_dim",
    "num_attention_heads",
    "num_transformer_submodules",
];

/// Most names in a list, and most patterns.
const MOST_NAMES: usize = 1 << 14;
const MOST_PATTERNS: usize = 1 << 11;

impl Settings {
    /// Reads the settings of a LoRA.
    ///
    /// # Errors
    /// [`HfError::Unsupported`] names a setting that asks for something else; [`HfError::Field`] one that makes no sense.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Self, HfError> {
        let fields = Fields::parse(text, path)?;
        refuse_others(&fields)?;
        let needed = |name: &str| fields.wrong(name, "is missing");
        let [ranks, alphas] = ["rank_pattern", "alpha_pattern"].map(|name| patterns(text, &fields, name));
        let targets = names(&fields, "target_modules")?.ok_or_else(|| needed("target_modules"))?;
        let settings = Self {
            rank: fields.size("r")?.ok_or_else(|| needed("r"))?,
            alpha: fields.number("lora_alpha")?.ok_or_else(|| needed("lora_alpha"))?,
            rank_stabilised: fields.flag("use_rslora")?.unwrap_or(false),
            ranks: ranks?,
            alphas: alphas?,
            layers: layers(&fields, &targets)?,
            targets,
            excluded: names(&fields, "exclude_modules")?,
            start: start(&fields)?,
            dora: fields.flag("use_dora")?.unwrap_or(false),
            bias_of_b: fields.flag("lora_bias")?.unwrap_or(false),
            bias: match fields.text("bias")?.unwrap_or("none") {
                "none" => Bias::None,
                "all" => Bias::All,
                "lora_only" => Bias::LoraOnly,
                other => return Err(fields.unsupported(format!("bias \"{other}\""), &["none", "all", "lora_only"])),
            },
            saved: list(&fields, "modules_to_save")?
                .into_iter()
                .map(|name| {
                    Ok((name.clone(), Pattern::as_part(&name).map_err(|reason| fields.wrong("modules_to_save", &reason))?))
                })
                .collect::<Result<_, HfError>>()?,
            tokens: tokens(&fields)?,
            fan_in_fan_out: fields.flag("fan_in_fan_out")?.unwrap_or(false),
            keeps_ties: fields.flag("ensure_weight_tying")?.unwrap_or(false),
        };
        if settings.dora && settings.bias_of_b {
            return Err(fields.unsupported("lora_bias with use_dora".into(), &["one of them"]));
        }
        Ok(settings)
    }
}

/// Refuses other kinds of adapters, and settings that are not known or not supported.
fn refuse_others(fields: &Fields<'_>) -> Result<(), HfError> {
    let kind = fields.text("peft_type")?.unwrap_or("LORA");
    if kind != "LORA" {
        return Err(fields.unsupported(format!("peft_type \"{kind}\""), &["LORA"]));
    }
    if let Some(task) = fields.text("task_type")?.filter(|task| *task != "CAUSAL_LM") {
        return Err(fields.unsupported(format!("task_type \"{task}\""), &["CAUSAL_LM"]));
    }
    let others =
        "LoRA with ranks and alphas by pattern, rsLoRA, DoRA, PiSSA, OLoRA, biases, modules_to_save and trainable_token_indices";
    for (name, what) in REFUSED {
        if fields.value(name).is_some_and(says_something) {
            return Err(fields.unsupported(format!("`{name}` ({what})"), &[others]));
        }
    }
    let unknown = |name: &&str| !KNOWN.contains(name) && fields.value(name).is_some_and(says_something);
    match fields.names().find(unknown) {
        Some(name) => Err(fields.unsupported(format!("`{name}`, a setting that PEFT 0.21.2 does not have,"), &[others])),
        None => Ok(()),
    }
}

/// Whether Python takes a value for true.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

fn start(fields: &Fields<'_>) -> Result<Start, HfError> {
    let refuse = |how: String| {
        let changes = ["pissa", "corda", "lora_ga", "loftq"].iter().any(|kind| how.starts_with(kind));
        let why = if changes { " (it changes the base in a way that the folder does not hold)" } else { "" };
        Err(fields.unsupported(format!("init_lora_weights \"{how}\"{why}"), &[STARTS]))
    };
    match fields.value("init_lora_weights") {
        None | Some(Value::Bool(_)) => Ok(Start::Nothing),
        Some(Value::String(how)) => match how.as_str() {
            "pissa" => Ok(Start::Pissa),
            how if how.eq_ignore_ascii_case("olora") => Ok(Start::Olora),
            how if PLAIN_STARTS.iter().any(|plain| how.eq_ignore_ascii_case(plain)) => Ok(Start::Nothing),
            how => refuse(how.to_owned()),
        },
        Some(other) => refuse(other.to_string()),
    }
}

/// A list of names, or a pattern.
fn names(fields: &Fields<'_>, field: &str) -> Result<Option<Names>, HfError> {
    match fields.value(field) {
        None => Ok(None),
        Some(Value::String(all)) if field == "target_modules" && all.eq_ignore_ascii_case("all-linear") => {
            Ok(Some(Names::AllLinear))
        }
        Some(Value::String(none)) if none.is_empty() => Ok(None),
        Some(Value::String(pattern)) => {
            Ok(Some(Names::Pattern(Pattern::whole(pattern).map_err(|reason| fields.wrong(field, &reason))?)))
        }
        Some(_) => {
            let names = list(fields, field)?;
            // An empty list of exceptions has none; an empty list of targets names no module.
            Ok((field == "target_modules" || !names.is_empty()).then_some(Names::Ends(names)))
        }
    }
}

/// A list of names; none when there is none.
fn list(fields: &Fields<'_>, field: &str) -> Result<Vec<String>, HfError> {
    let wrong = || fields.wrong(field, &format!("must be a list of at most {MOST_NAMES} names"));
    match fields.value(field) {
        None => Ok(Vec::new()),
        Some(Value::Array(names)) if names.len() <= MOST_NAMES => {
            names.iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

fn layers(fields: &Fields<'_>, targets: &Names) -> Result<Layers, HfError> {
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    let numbers: Option<Vec<usize>> = match fields.value("layers_to_transform") {
        None => Some(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(number).collect(),
        Some(one) => number(one).map(|one| vec![one]),
    };
    let numbers =
        numbers.ok_or_else(|| fields.wrong("layers_to_transform", "must be the number of a layer, or a list of them"))?;
    if !numbers.is_empty() && !matches!(targets, Names::Ends(_)) {
        return Err(fields.wrong("layers_to_transform", "is only for target_modules that are a list"));
    }
    let before = match fields.value("layers_pattern") {
        Some(Value::String(one)) if one.is_empty() => Vec::new(),
        Some(Value::String(one)) => vec![one.clone()],
        _ => list(fields, "layers_pattern")?,
    };
    let before = before.iter().map(|source| Pattern::before_number(source)).collect::<Result<_, _>>();
    Ok(Layers { numbers, before: before.map_err(|reason| fields.wrong("layers_pattern", &reason))? })
}

/// `trainable_token_indices`: a list for the embeddings, or lists by the module's name.
fn tokens(fields: &Fields<'_>) -> Result<Vec<(String, Vec<u32>)>, HfError> {
    const FIELD: &str = "trainable_token_indices";
    match fields.value(FIELD) {
        Some(Value::Object(modules)) => {
            let ids = |value: &Value| {
                serde_json::from_value(value.clone()).map_err(|_| fields.wrong(FIELD, "must hold lists of token ids"))
            };
            modules.iter().map(|(module, value)| Ok((module.clone(), ids(value)?))).collect()
        }
        _ => Ok(Some(fields.ids(FIELD)?)
            .filter(|ids| !ids.is_empty())
            .map(|ids| ("embed_tokens".to_owned(), ids))
            .into_iter()
            .collect()),
    }
}

/// The patterns of a field, in the file's order, which decides where two of them match.
fn patterns(text: &str, fields: &Fields<'_>, field: &str) -> Result<Patterns, HfError> {
    if fields.value(field).is_none() {
        return Ok(Patterns::default());
    }
    let wrong = |reason: &str| fields.wrong(field, reason);
    let ordered: Ordered = serde_json::from_str(text).map_err(|_| wrong("must be an object that maps names to numbers"))?;
    let pairs = if field == "rank_pattern" { ordered.rank_pattern } else { ordered.alpha_pattern };
    let Pairs(pairs) = pairs.unwrap_or_default();
    if pairs.len() > MOST_PATTERNS {
        return Err(wrong(&format!("has more than {MOST_PATTERNS} entries")));
    }
    let compiled = pairs.into_iter().map(|(source, number)| Ok((Pattern::at_end(&source)?, number)));
    compiled.collect::<Result<_, String>>().map(Patterns).map_err(|reason| wrong(&reason))
}

#[derive(Deserialize)]
struct Ordered {
    #[serde(default)]
    rank_pattern: Option<Pairs>,
    #[serde(default)]
    alpha_pattern: Option<Pairs>,
}

/// An object of numbers in the file's order; of a key that stands there twice the last value counts, as in Python.
#[derive(Default)]
struct Pairs(Vec<(String, f64)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object that maps names to numbers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs: Vec<(String, f64)> = Vec::new();
                while let Some((name, number)) = map.next_entry::<String, f64>()? {
                    if pairs.len() > MOST_PATTERNS {
                        continue;
                    }
                    match pairs.iter_mut().find(|(held, _)| *held == name) {
                        Some(held) => held.1 = number,
                        None => pairs.push((name, number)),
                    }
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}
