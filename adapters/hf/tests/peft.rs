//! Every setting of PEFT's LoraConfig: the same log-probabilities as PEFT 0.21.2 gives (`peft/generate.py`), or refused by name.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::{Int, Tensor, TensorData};
use palinode_core::{
    logprob::{log_distribution, of_targets},
    policy::Policy,
};
use palinode_hf::{Folder, HfError};
use palinode_lm::Decoder;
use serde::Deserialize;
use serde_json::{Value, json};

/// What is refused, and a part of what is said; every other folder must be right.
const REFUSED: [(&str, &str); 27] = [
    ("alora", "`alora_invocation_tokens` (the adapter works only after these tokens) is not supported"),
    ("bdlora", "`use_bdlora`"),
    ("init-corda", "init_lora_weights \"corda\" (it changes the base in a way that the folder does not hold)"),
    ("init-lora-ga", "init_lora_weights \"lora_ga\""),
    ("init-pissa-niter", "init_lora_weights \"pissa_niter_16\""),
    ("kasa", "`kasa_config`"),
    ("layer-replication", "`layer_replication`"),
    ("lora-bias-without-any", "lora_bias of model.layers.0.self_attn.q_proj, which has no bias"),
    ("monteclora", "`monteclora_config`"),
    ("qalora", "`use_qalora`"),
    ("target-parameters", "`target_parameters`"),
    ("task-of-classes", "task_type \"SEQ_CLS\""),
    ("tokens-of-both-tied", "of a head that is tied"),
    ("tokens-of-head-tied", "of a head that is tied"),
    ("type-adalora", "peft_type \"ADALORA\" is not supported; supported are LORA"),
    ("type-ia3", "peft_type \"IA3\""),
    ("type-loha", "peft_type \"LOHA\""),
    ("type-lokr", "peft_type \"LOKR\""),
    ("type-oft", "peft_type \"OFT\""),
    ("type-prompt-tuning", "peft_type \"PROMPT_TUNING\""),
    ("type-trainable-tokens", "peft_type \"TRAINABLE_TOKENS\""),
    ("type-vera", "peft_type \"VERA\""),
    ("velora", "`velora_config`"),
    // Changes of the plain settings, below.
    ("init-loftq", "init_lora_weights \"loftq\""),
    ("arrow", "`arrow_config`"),
    ("megatron", "`megatron_config`"),
    ("of-another-version", "`block_size`, a setting that PEFT 0.21.2 does not have,"),
];

/// Every setting that PEFT 0.21.2 writes, and the folders in which it has another value than in `plain`; none where it has no effect on what is loaded.
const SETTINGS: [(&str, &[&str]); 41] = [
    ("alora_invocation_tokens", &["alora"]),
    ("alpha_pattern", &["alpha-pattern", "patterns-rslora", "patterns-overlap"]),
    ("arrow_config", &["arrow"]),
    ("auto_mapping", &[]),
    ("base_model_name_or_path", &[]),
    ("bias", &["bias-all", "bias-lora-only", "bias-all-without-any"]),
    ("corda_config", &["init-corda"]),
    ("ensure_weight_tying", &["embedding-and-head-tied", "saved-embedding-kept-tied", "tokens-tied-ensured"]),
    ("eva_config", &["init-eva"]),
    ("exclude_modules", &["exclude-list", "exclude-regex"]),
    ("fan_in_fan_out", &["fan-in-fan-out"]),
    ("inference_mode", &[]),
    (
        "init_lora_weights",
        &["init-false", "init-gaussian", "init-orthogonal", "init-mica", "init-pissa", "init-olora", "init-loftq"],
    ),
    ("kasa_config", &["kasa"]),
    ("layer_replication", &["layer-replication"]),
    ("layers_pattern", &["layers-list", "layers-pattern-list"]),
    ("layers_to_transform", &["layers-one", "layers-list", "layers-and-full-names"]),
    ("loftq_config", &["init-loftq"]),
    ("lora_alpha", &["alpha-zero"]),
    ("lora_bias", &["lora-bias", "lora-bias-without-any"]),
    ("lora_dropout", &["dropout"]),
    ("lora_ga_config", &["init-lora-ga"]),
    ("megatron_config", &["megatron"]),
    ("megatron_core", &[]),
    ("modules_to_save", &["saved-head", "saved-both", "saved-norms", "saved-mlp", "saved-both-tied", "saved-both-scaled"]),
    ("monteclora_config", &["monteclora"]),
    ("peft_type", &["type-ia3"]),
    ("peft_version", &[]),
    ("qalora_group_size", &[]),
    ("r", &["init-orthogonal", "init-pissa-full-rank"]),
    ("rank_pattern", &["rank-pattern", "patterns-rslora"]),
    ("revision", &[]),
    ("target_modules", &["regex", "regex-lookahead", "full-names", "partly-named", "all-linear", "head", "embedding"]),
    ("target_parameters", &["target-parameters"]),
    ("task_type", &["task-of-classes"]),
    ("trainable_token_indices", &["tokens-list", "tokens-of-head", "tokens-tied", "tokens-scaled"]),
    ("use_bdlora", &["bdlora"]),
    ("use_dora", &["dora", "dora-biased", "dora-head", "dora-embedding"]),
    ("use_qalora", &["qalora"]),
    ("use_rslora", &["rslora", "patterns-rslora", "init-pissa-rslora-patterns"]),
    ("velora_config", &["velora"]),
];

#[derive(Deserialize)]
struct Expected {
    model: String,
    ids: Vec<i32>,
    logprobs: Option<Vec<f32>>,
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn base(model: &str) -> Folder {
    Folder::open(&tests().join("models").join(model), &palinode_flex::device()).unwrap()
}

fn adapted(model: &str, adapter: &Path) -> Result<Decoder, HfError> {
    base(model).with_adapter(adapter, &palinode_flex::device())?.load(&palinode_flex::device())
}

fn logprobs(model: &Decoder, ids: &[i32]) -> Vec<f32> {
    let device = palinode_flex::device();
    let length = ids.len() - 1;
    let tokens = Tensor::<1, Int>::from_data(&ids[..length], &device).reshape([1, length]);
    let positions = Tensor::<1, Int>::from_data(TensorData::new((0..length as i32).collect(), [length]), &device);
    let targets = Tensor::<1, Int>::from_data(&ids[1..], &device);
    of_targets(log_distribution(model.logits(model.states(tokens, positions)), 1.0), targets).into_data().iter::<f32>().collect()
}

fn gap(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// A copy of `plain` with other settings.
fn with_settings(change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let (copy, plain) = (tempfile::tempdir().unwrap(), tests().join("peft/plain"));
    let mut settings: Value = serde_json::from_str(&fs::read_to_string(plain.join("adapter_config.json")).unwrap()).unwrap();
    change(&mut settings);
    fs::write(copy.path().join("adapter_config.json"), settings.to_string()).unwrap();
    fs::copy(plain.join("adapter_model.safetensors"), copy.path().join("adapter_model.safetensors")).unwrap();
    copy
}

fn refused(name: &str, adapter: &Path, model: &str) {
    let part = REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, part)| *part);
    match (adapted(model, adapter), part) {
        (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{name}: {error}"),
        (Err(error), None) => panic!("{name} is refused: {error}"),
        (Ok(_), _) => panic!("{name} is not refused"),
    }
}

/// What is wrong with an adapter that must be right: as it stands, or merged.
fn wrong(name: &str, adapter: &Path, expected: &Expected) -> Option<String> {
    let model = match adapted(&expected.model, adapter) {
        Ok(model) => model,
        Err(error) => return Some(format!("is refused: {error}")),
    };
    let found = logprobs(&model, &expected.ids);
    let distance = gap(&found, expected.logprobs.as_ref()?);
    let merged = gap(&logprobs(&model.merge_adapters(), &expected.ids), &found);
    let bare = logprobs(&base(&expected.model).load(&palinode_flex::device()).unwrap(), &expected.ids);
    if distance > 1e-4 || merged > 1e-4 {
        return Some(format!("differs from PEFT by {distance}, and merged from itself by {merged}"));
    }
    (name != "alpha-zero" && gap(&bare, &found) < 0.05).then(|| "changes next to nothing".into())
}

#[test]
fn every_setting_is_right_or_refused_by_name() {
    let (mut seen, mut faults) = (BTreeSet::new(), Vec::new());
    for entry in fs::read_dir(tests().join("peft")).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let expected: Expected = serde_json::from_str(&fs::read_to_string(path.join("expected.json")).unwrap()).unwrap();
        if REFUSED.iter().any(|(refused, _)| *refused == name) {
            refused(&name, &path, &expected.model);
        } else {
            assert!(expected.logprobs.is_some(), "{name}: PEFT gives nothing to compare with");
            faults.extend(wrong(&name, &path, &expected).map(|fault| format!("{name} {fault}")));
        }
        seen.insert(name);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for (name, change) in [
        ("init-loftq", json!({"init_lora_weights": "loftq", "loftq_config": {"loftq_bits": 4, "loftq_iter": 1}})),
        ("arrow", json!({"arrow_config": {"top_k": 3, "router_temperature": 1.0, "use_gks": false}})),
        ("megatron", json!({"megatron_config": {"hidden_size": 16}})),
        ("of-another-version", json!({"block_size": 4})),
    ] {
        let folder = with_settings(|settings| settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone()));
        refused(name, folder.path(), "llama2");
        seen.insert(name.to_owned());
    }
    for (name, _) in REFUSED {
        assert!(seen.contains(name), "{name} was not tried");
    }
    let plain: Value =
        serde_json::from_str(&fs::read_to_string(tests().join("peft/plain/adapter_config.json")).unwrap()).unwrap();
    let written: Vec<&str> = plain.as_object().unwrap().keys().map(String::as_str).collect();
    for setting in &written {
        let cases =
            SETTINGS.iter().find(|(known, _)| known == setting).unwrap_or_else(|| panic!("{setting} is not in the table"));
        assert!(cases.1.iter().all(|case| seen.contains(*case)), "{setting}: {:?}", cases.1);
    }
}

/// What no PEFT writes: settings and tensors that do not fit each other, or make no sense.
#[test]
fn settings_that_do_not_fit_the_tensors_are_refused() {
    for (field, value, part) in [
        ("target_modules", json!(["q_proj"]), "v_proj.lora_A.weight has no place in the model by the settings"),
        ("target_modules", json!(["q_proj", "v_proj", "o_proj"]), "layers.0.self_attn.o_proj.lora_A.weight is missing"),
        ("target_modules", json!(["query_key_value"]), "target_modules names no module of this model"),
        ("target_modules", json!(null), "`target_modules` is missing"),
        ("target_modules", json!(7), "`target_modules` must be a list of at most 16384 names"),
        ("target_modules", json!(".*[qv]_proj)"), "the pattern \".*[qv]_proj)\" can't be read"),
        ("r", json!(4), "has shape [3, 16], expected [4, 16]"),
        ("r", json!(null), "`r` is missing"),
        ("r", json!(0), "a rank of 0"),
        ("lora_alpha", json!("8"), "`lora_alpha` must be a number"),
        ("rank_pattern", json!({"q_proj": 2.5}), "a rank of 2.5"),
        ("rank_pattern", json!({"q_proj": "2"}), "`rank_pattern` must be an object that maps names to numbers"),
        ("rank_pattern", json!({"q_(proj": 2}), "`rank_pattern` the pattern \"q_(proj\" can't be read"),
        ("modules_to_save", json!(["lm_head"]), "base_model.model.lm_head.weight is missing"),
        ("modules_to_save", json!(["score"]), "modules_to_save names score"),
        ("use_dora", json!(true), "lora_magnitude_vector is missing"),
        ("lora_bias", json!(true), "which has no bias"),
        ("bias", json!("some"), "bias \"some\" is not supported"),
        ("trainable_token_indices", json!([3, 99]), "trainable_tokens_delta is missing"),
        ("trainable_token_indices", json!({"wte": [3]}), "names wte, which is neither embeddings nor head"),
        ("init_lora_weights", json!("pissa_niter_x"), "init_lora_weights \"pissa_niter_x\""),
        ("init_lora_weights", json!("something"), "init_lora_weights \"something\" is not supported"),
        ("layers_to_transform", json!("all"), "`layers_to_transform` must be the number of a layer"),
        ("layers_to_transform", json!([0]), "layers.1.self_attn.q_proj.lora_A.weight has no place"),
        ("peft_type", json!("lora"), "peft_type \"lora\""),
    ] {
        let folder = with_settings(|settings| settings[field] = value.clone());
        let error = adapted("llama2", folder.path()).map(drop).unwrap_err().to_string();
        assert!(error.contains(part), "{field} = {value}: {error}");
    }
    let zero = with_settings(|settings| {
        settings["init_lora_weights"] = json!("pissa");
        settings["lora_alpha"] = json!(0);
    });
    assert!(adapted("llama2", zero.path()).map(drop).unwrap_err().to_string().contains("pissa with a scale of 0"));
    let other = adapted("qwen3", &tests().join("peft/plain")).map(drop).unwrap_err().to_string();
    assert!(other.contains("has shape [16, 3], expected [32, 3]"), "{other}");
}
