//! Folders that are damaged or mean harm: each is one clear error, before memory is asked for.

use std::{fs, path::Path, time::Instant};

use palinode_hf::{Folder, HfError};
use serde_json::{Value, json};

/// A copy of a good folder, to be spoilt.
fn copy(name: &str) -> tempfile::TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name);
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

/// Opens and loads; what comes back must be an error, at once.
fn refused(folder: &Path) -> HfError {
    let (device, start) = (palinode_flex::device(), Instant::now());
    let found = Folder::open(folder, &device).and_then(|folder| folder.load(&device));
    let error = found.expect_err("refused");
    // Far below a second; the bound only tells a hang from an answer.
    assert!(start.elapsed().as_secs() < 10, "{error}");
    error
}

fn says(folder: &Path, parts: &[&str]) {
    let text = refused(folder).to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

fn edit(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("config.json");
    let mut value: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// A safetensors file of this header and this many bytes after it.
fn weights(folder: &Path, header: &str, bytes: usize) {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + bytes, 0);
    fs::write(folder.join("model.safetensors"), file).unwrap();
}

#[test]
fn damaged_weights() {
    let folder = copy("llama2");
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 100]).unwrap();
    says(folder.path(), &["model.safetensors", "was it cut off?"]);
    fs::write(&path, &whole[..5]).unwrap();
    says(folder.path(), &["5 bytes, too few"]);
    fs::write(&path, &whole[..500]).unwrap();
    says(folder.path(), &["claims a header of"]);
    let mut huge = whole.clone();
    huge[..8].copy_from_slice(&(1u64 << 60).to_le_bytes());
    fs::write(&path, huge).unwrap();
    says(folder.path(), &["claims a header of 1152921504606846976 bytes"]);
    fs::write(&path, b"\x05\0\0\0\0\0\0\0hello").unwrap();
    says(folder.path(), &["header is damaged"]);
    fs::remove_file(&path).unwrap();
    says(folder.path(), &["holds no weights"]);
}

#[test]
fn headers_that_lie() {
    let folder = copy("llama2");
    let entry = |start: usize, end: usize| json!({"dtype": "F32", "shape": [2], "data_offsets": [start, end]});
    weights(folder.path(), &json!({"a": entry(0, 8), "b": entry(4, 12)}).to_string(), 12);
    says(folder.path(), &["header is damaged", "offset"]);
    weights(folder.path(), &json!({"a": entry(0, 8), "b": entry(16, 24)}).to_string(), 24);
    says(folder.path(), &["header is damaged"]);
    let endless = json!({"a": {"dtype": "F32", "shape": [1u64 << 40, 1u64 << 40], "data_offsets": [0, 8]}});
    weights(folder.path(), &endless.to_string(), 8);
    says(folder.path(), &["header is damaged"]);
    let large = json!({"a": {"dtype": "F32", "shape": [1u64 << 40], "data_offsets": [0, 1u64 << 42]}});
    weights(folder.path(), &large.to_string(), 8);
    says(folder.path(), &["describes 4398046511"]);
    let many: serde_json::Map<String, Value> =
        (0..5000).map(|i| (format!("t{i}"), json!({"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}))).collect();
    weights(folder.path(), &Value::from(many).to_string(), 0);
    says(folder.path(), &["and 4921 more"]);
    weights(folder.path(), &json!({"a": entry(0, 8)}).to_string(), 8);
    says(folder.path(), &["model.embed_tokens.weight is missing", "a is not part of the model", "lm_head.weight is missing"]);
}

#[test]
fn tensors_of_other_shapes_and_types_are_all_listed() {
    let folder = copy("llama2");
    edit(folder.path(), |config| {
        config["intermediate_size"] = json!(32);
        config["vocab_size"] = json!(33);
    });
    says(
        folder.path(),
        &["embed_tokens.weight has shape [32, 16], expected [33, 16]", "layers.1.mlp.down_proj.weight has shape [16, 24]"],
    );
    let folder = copy("llama2");
    let path = folder.path().join("model.safetensors");
    let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
    assert!(text.contains("\"F32\""));
    let bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = String::from_utf8(bytes[8..8 + length].to_vec()).unwrap().replace("\"F32\"", "\"I32\"");
    fs::write(&path, [&bytes[..8], header.as_bytes(), &bytes[8 + length..]].concat()).unwrap();
    says(folder.path(), &["is I32, expected F32, BF16 or F16"]);
}

#[test]
fn weights_that_are_not_numbers() {
    let folder = copy("llama2");
    let path = folder.path().join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    assert!(matches!(refused(folder.path()), HfError::NotFinite { .. }));
}

#[test]
fn indexes_that_point_elsewhere() {
    let folder = copy("smollm2");
    let index = folder.path().join("model.safetensors.index.json");
    let good: Value = serde_json::from_str(&fs::read_to_string(&index).unwrap()).unwrap();
    let point = |to: &str| {
        let mut value = good.clone();
        value["weight_map"]["model.norm.weight"] = json!(to);
        fs::write(&index, value.to_string()).unwrap();
    };
    for outside in ["../model.safetensors", "/etc/passwd", "a/b.safetensors", "..", ""] {
        point(outside);
        says(folder.path(), &["is not the name of a file in this folder"]);
    }
    point("model-00009-of-00004.safetensors");
    says(folder.path(), &["`model-00009-of-00004.safetensors`, which is not in this folder"]);
    fs::write(&index, "{}").unwrap();
    says(folder.path(), &["no object `weight_map`"]);
    fs::write(&index, "[1, 2").unwrap();
    says(folder.path(), &["not JSON"]);
}

#[test]
fn configurations_that_make_no_model() {
    for (field, value, parts) in [
        ("model_type", json!("gpt2"), &["model_type \"gpt2\" is not supported", "gemma2"][..]),
        ("model_type", json!(null), &["`model_type` is missing"]),
        ("architectures", json!(["LlamaForSequenceClassification"]), &["is not supported"]),
        ("quantization_config", json!({"bits": 4}), &["quantised"]),
        ("hidden_act", json!("relu"), &["hidden_act \"relu\""]),
        ("hidden_size", json!(1u64 << 40), &["width must be within"]),
        ("hidden_size", json!("16"), &["`hidden_size` must be a whole number"]),
        ("hidden_size", json!(-1), &["`hidden_size` must be a whole number"]),
        ("num_hidden_layers", json!(1u64 << 62), &["layers must be within"]),
        ("num_attention_heads", json!(0), &["heads must be within"]),
        ("num_key_value_heads", json!(3), &["a multiple of kv_heads"]),
        ("head_dim", json!(5), &["head_width must be even"]),
        ("max_position_embeddings", json!(u64::MAX), &["context must be within"]),
        ("rms_norm_eps", json!(-1.0), &["norm_epsilon must be a positive number"]),
        ("dtype", json!("int8"), &["dtype \"int8\""]),
        ("rope_parameters", json!({"rope_type": "longrope", "factor": 2.0}), &["rope type \"longrope\"", "llama3", "yarn"]),
        ("rope_parameters", json!({"rope_type": "yarn"}), &["`factor` is missing in rope_parameters"]),
        ("rope_parameters", json!({"rope_type": "yarn", "factor": -1}), &["factor must be a positive number"]),
        ("rope_parameters", json!({"rope_type": "yarn", "factor": 2, "beta_fast": 1, "beta_slow": 2}), &["high − low must be"]),
        ("rope_parameters", json!({"rope_type": "yarn", "factor": 2, "rope_theta": 1}), &["rope_base must be"]),
        ("rope_parameters", json!({"rope_type": "yarn", "factor": 2, "truncate": false}), &["truncate = false"]),
        ("rope_parameters", json!({"rope_type": "yarn", "factor": 2, "mscale": 1}), &["mscale of rope type \"yarn\""]),
        (
            "rope_parameters",
            json!({"full_attention": {"rope_theta": 1.0}}),
            &["rope_parameters for each kind of layer in a llama"],
        ),
        ("rope_parameters", json!({"rope_type": "linear"}), &["`factor` is missing in rope_parameters"]),
        ("rope_parameters", json!({"rope_type": "linear", "factor": 0}), &["factor must be a positive number"]),
        ("rope_parameters", json!({"partial_rotary_factor": 0.5}), &["partial_rotary_factor"]),
        ("rope_parameters", json!([1]), &["`rope_parameters` must be an object"]),
        ("eos_token_id", json!("end"), &["`eos_token_id` must be a token id"]),
        ("layer_types", json!(["full_attention"]), &["lists 1 layers, and there are 2"]),
        ("layer_types", json!("full_attention"), &["`layer_types` must be a list"]),
        (
            "layer_types",
            json!(["full_attention", "chunked_attention"]),
            &["a layer of type \"chunked_attention\"", "sliding_attention"],
        ),
        ("model_type", json!("gemma3"), &["a model of texts and pictures", "gemma3_text", "model.language_model"]),
    ] {
        let folder = copy("llama2");
        edit(folder.path(), |config| config[field] = value);
        says(folder.path(), parts);
    }
    let folder = copy("llama2");
    fs::write(folder.path().join("config.json"), "{\"model_type\": ").unwrap();
    says(folder.path(), &["config.json", "not JSON"]);
    fs::write(folder.path().join("config.json"), "7").unwrap();
    says(folder.path(), &["not a JSON object"]);
    fs::write(folder.path().join("config.json"), vec![b' '; (1 << 20) + 1]).unwrap();
    says(folder.path(), &["expected 1048576 at most"]);
    fs::write(folder.path().join("config.json"), [b'{', 0xff]).unwrap();
    says(folder.path(), &["not UTF-8"]);
}

/// What only some families have.
#[test]
fn configurations_that_make_no_model_of_a_family() {
    for (family, field, value, parts) in [
        ("gemma3", "attn_logit_softcapping", json!(50.0), &["attn_logit_softcapping in a gemma3_text", "does not use it"][..]),
        ("gemma3", "use_bidirectional_attention", json!(true), &["use_bidirectional_attention"]),
        ("gemma3", "rope_parameters", json!({"rope_theta": 1e6}), &["neither \"full_attention\" nor \"sliding_attention\""]),
        ("gemma3", "rope_parameters", json!({"full_attention": 7}), &["`full_attention` must be an object"]),
        ("gemma3", "rope_parameters", json!({"sliding_attention": {"rope_theta": 0}}), &["rope_base must be a positive number"]),
        ("gemma3", "sliding_window", json!(0), &["windows must be at least 1"]),
        ("smollm3", "no_rope_layers", json!([1, 1]), &["`no_rope_layers` lists 2 layers, and there are 5"]),
        ("smollm3", "no_rope_layers", json!([1, 1, 2, 1, 1]), &["`no_rope_layers` must be a list of 0"]),
        ("smollm3", "no_rope_layers", json!(4), &["`no_rope_layers` must be a list of 0"]),
        ("olmo3", "rope_parameters", json!({"full_attention": {"rope_type": "su"}}), &["rope type \"su\""]),
    ] {
        let folder = copy(family);
        edit(folder.path(), |config| config[field] = value);
        says(folder.path(), parts);
    }
    for (family, without, field) in
        [("gemma3", "layer_types", "sliding_window_pattern"), ("smollm3", "no_rope_layers", "no_rope_layer_interval")]
    {
        let folder = copy(family);
        edit(folder.path(), |config| {
            config[without] = json!(null);
            config[field] = json!(0);
        });
        says(folder.path(), &[field, "must be at least 1"]);
    }
}

/// A configuration may claim a long context; memory is asked for the positions in use.
#[test]
fn long_contexts_cost_nothing_until_they_are_used() {
    let folder = copy("llama2");
    edit(folder.path(), |config| config["max_position_embeddings"] = json!(1 << 24));
    let device = palinode_flex::device();
    Folder::open(folder.path(), &device).unwrap().load(&device).unwrap();
}
