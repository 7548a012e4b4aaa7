//! Every family and both spellings of its configuration, against what transformers makes of the same folder (`models/generate.py`).

use std::{fs, path::Path};

use burn::tensor::{Device, Int, Tensor, TensorData};
use palinode_core::{
    logprob::log_distribution,
    policy::{Decode, Policy},
    sampling::{Sampling, choose},
};
use palinode_hf::Folder;
use palinode_lm::{Decoder, DecoderConfig, Rope, RopeScaling};
use serde::Deserialize;
use serde_json::json;

const MODELS: [&str; 16] = [
    "llama2",
    "llama3",
    "llama-linear",
    "llama-dynamic",
    "smollm2",
    "mistral",
    "qwen2",
    "qwen2-windows",
    "qwen3",
    "gemma2",
    "gemma3",
    "gemma3-linear",
    "smollm3",
    "smollm3-windows",
    "olmo2",
    "olmo3",
];

#[derive(Deserialize)]
struct Expected {
    ids: Vec<u32>,
    /// Of each id after the first.
    logprobs: Vec<f32>,
    /// Of every id after the last.
    last: Vec<f32>,
    /// What follows the first six ids.
    greedy: Vec<u32>,
}

pub(crate) fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

fn expected(name: &str) -> Expected {
    serde_json::from_str(&fs::read_to_string(folder(name).join("expected.json")).unwrap()).unwrap()
}

/// A copy of a folder whose configuration is spelled as by transformers 4.
fn spelled_as_in_version_4(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder(name)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    fs::rename(copy.path().join("config.v4.json"), copy.path().join("config.json")).unwrap();
    copy
}

/// Log-probabilities of every id at every position of one row, `[T, V]`.
pub(crate) fn distributions(model: &Decoder, ids: &[u32], device: &Device) -> Tensor<2> {
    let length = ids.len();
    let tokens: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(tokens, [1, length]), device);
    let positions: Vec<i32> = (0..length as i32).collect();
    let positions = Tensor::<1, Int>::from_data(TensorData::new(positions, [length]), device);
    log_distribution(model.logits(model.states(tokens, positions)), 1.0)
}

pub(crate) fn check(model: &Decoder, name: &str, device: &Device) {
    let expected = expected(name);
    let found: Vec<f32> = distributions(model, &expected.ids, device).into_data().iter::<f32>().collect();
    let vocabulary = model.config().vocabulary;
    let next = expected.ids[1..].iter().enumerate().map(|(at, &id)| found[at * vocabulary + id as usize]);
    let last = found[found.len() - vocabulary..].iter().copied();
    let gap =
        next.chain(last).zip(expected.logprobs.iter().chain(&expected.last)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(gap <= 1e-4, "{name}: log-probabilities differ by {gap}");

    // Greedy, one token after another on the cache, with another row beside it that leaves early.
    let prompt = &expected.ids[..6];
    let (mut cache, mut logits) = model.start(&[prompt, &prompt[..2]], 1, prompt.len() + expected.greedy.len()).unwrap();
    let mut written = Vec::new();
    for step in 0..expected.greedy.len() {
        let choices = choose(logits, Sampling::Greedy, &[]).unwrap();
        written.push(choices[0].token);
        let rows: &[usize] = if step < 5 { &[0, 1] } else { &[0] };
        let tokens: Vec<&[u32]> = choices.iter().take(rows.len()).map(|choice| core::slice::from_ref(&choice.token)).collect();
        logits = model.extend(&mut cache, rows, &tokens);
        let row: Vec<u32> = prompt.iter().chain(&written).copied().collect();
        let full = distributions(model, &row, device).narrow(0, row.len() - 1, 1);
        let cached = log_distribution(logits.clone().narrow(0, 0, 1), 1.0);
        let gap: f32 = (full - cached).abs().max().into_scalar();
        assert!(gap < 1e-4, "{name}: cached decoding differs from a full forward pass by {gap}");
    }
    assert_eq!(written, expected.greedy, "{name}");
}

#[test]
fn every_family_is_that_of_transformers() {
    let device = palinode_flex::device();
    for name in MODELS {
        let opened = Folder::open(&folder(name), &device).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(opened.end_tokens(), [1], "{name}");
        check(&opened.load(&device).unwrap(), name, &device);

        let copy = spelled_as_in_version_4(name);
        let other = Folder::open(copy.path(), &device).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(other.config(), opened.config(), "{name}: both spellings say the same");
    }
}

/// The sizes and spellings of published folders: Gemma 3 1B, Gemma 3 with a stretched global base, SmolLM3 3B, OLMo 3 7B.
#[test]
fn published_configurations_are_read() {
    let read =
        |config: serde_json::Value| palinode_hf::spec::parse(&config.to_string(), Path::new("config.json")).unwrap().config;
    let gemma = json!({
        "architectures": ["Gemma3ForCausalLM"], "attention_bias": false, "attn_logit_softcapping": null, "bos_token_id": 2,
        "cache_implementation": "hybrid", "eos_token_id": [1, 106], "final_logit_softcapping": null, "head_dim": 256,
        "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 1152, "intermediate_size": 6912, "max_position_embeddings": 32768,
        "model_type": "gemma3_text", "num_attention_heads": 4, "num_hidden_layers": 26, "num_key_value_heads": 1, "pad_token_id": 0,
        "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-6, "rope_local_base_freq": 10000, "rope_scaling": null, "rope_theta": 1000000,
        "sliding_window": 512, "sliding_window_pattern": 6, "torch_dtype": "bfloat16", "vocab_size": 262144,
    });
    let config = read(gemma.clone());
    let local = Rope { base: 1e4, scaling: RopeScaling::None };
    assert_eq!((config.rope_base, config.rope_scaling, config.local_rope), (1e6, RopeScaling::None, Some(local)));
    let layers = |config: &DecoderConfig, at: [usize; 3]| at.map(|layer| (config.window(layer), config.rope(layer)));
    assert_eq!(layers(&config, [4, 5, 25]), [(Some(512), Some(1)), (None, Some(0)), (Some(512), Some(1))]);
    assert!(config.tied && config.qk_norm && !config.wide_qk_norm && config.pre_norms && config.post_norms && config.norm_offset);
    assert_eq!((config.attention_scale, config.attention_cap, config.logit_cap), (Some(1.0 / 16.0), None, None));
    for kind in ["rope_type", "type"] {
        let mut stretched = gemma.clone();
        stretched["rope_scaling"] = json!({"factor": 8.0, kind: "linear"});
        let config = read(stretched);
        assert_eq!((config.rope_scaling, config.local_rope), (RopeScaling::Linear { factor: 8.0 }, Some(local)));
    }

    let every_fourth = [[1, 1, 1, 0]; 9].concat();
    let config = read(json!({
        "architectures": ["SmolLM3ForCausalLM"], "attention_bias": false, "bos_token_id": null, "eos_token_id": 128012, "hidden_act": "silu",
        "hidden_size": 2048, "intermediate_size": 11008, "max_position_embeddings": 65536, "max_window_layers": 28, "mlp_bias": false,
        "model_type": "smollm3", "no_rope_layer_interval": 4, "no_rope_layers": every_fourth, "num_attention_heads": 16,
        "num_hidden_layers": 36, "num_key_value_heads": 4, "pad_token_id": 128004, "rms_norm_eps": 1e-6, "rope_scaling": null,
        "rope_theta": 5000000.0, "sliding_window": null, "torch_dtype": "bfloat16", "use_sliding_window": false, "vocab_size": 128256,
    }));
    assert_eq!(layers(&config, [2, 3, 35]), [(None, Some(0)), (None, None), (None, None)]);
    assert!(config.tied && config.rope_base == 5e6 && config.windows.is_empty() && config.kv_heads == 4);

    let config = read(json!({
        "architectures": ["Olmo3ForCausalLM"], "model_type": "olmo3", "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32,
        "num_key_value_heads": 32, "num_hidden_layers": 32, "max_position_embeddings": 65536, "rope_theta": 500000, "sliding_window": 4096,
        "rope_scaling": {"attention_factor": 1.2079441541679836, "beta_fast": 32.0, "beta_slow": 1.0, "factor": 8.0,
                         "original_max_position_embeddings": 8192, "rope_type": "yarn"},
        "vocab_size": 100278, "tie_word_embeddings": false, "rms_norm_eps": 1e-6,
    }));
    let RopeScaling::Yarn { factor, magnitude, original_context, .. } = config.rope_scaling else { panic!("{config:?}") };
    assert_eq!((factor, magnitude, original_context), (8.0, RopeScaling::yarn_magnitude(8.0), 8192));
    assert_eq!(layers(&config, [2, 3, 30]), [(Some(4096), Some(1)), (None, Some(0)), (Some(4096), Some(1))]);
    assert_eq!(config.local_rope, Some(Rope { base: 5e5, scaling: RopeScaling::None }));
    assert!(config.wide_qk_norm && !config.pre_norms && config.post_norms && !config.norm_offset && !config.tied);
}

#[test]
fn a_round_trip_is_bit_exact() {
    let device = palinode_flex::device();
    for name in MODELS {
        let opened = Folder::open(&folder(name), &device).unwrap();
        let out = tempfile::tempdir().unwrap();
        let to = out.path().join("saved");
        opened.save(&opened.load(&device).unwrap(), &to).unwrap();
        assert_eq!(fs::read(folder(name).join("config.json")).unwrap(), fs::read(to.join("config.json")).unwrap());
        assert!(to.join("generation_config.json").is_file() && !to.join("model.safetensors.part").exists());
        let tensors = |folder: &Path| {
            let mut all = Vec::new();
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|kind| kind == "safetensors") {
                    let bytes = fs::read(&path).unwrap();
                    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
                    let own = file.tensors().into_iter();
                    all.extend(own.map(|(name, view)| (name, view.dtype(), view.shape().to_vec(), view.data().to_vec())));
                }
            }
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        };
        assert_eq!(tensors(&folder(name)), tensors(&to), "{name}");
        check(&Folder::open(&to, &device).unwrap().load(&device).unwrap(), name, &device);
    }
}
