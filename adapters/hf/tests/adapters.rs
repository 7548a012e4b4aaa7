//! Low-rank adapters in PEFT's layout: out and in again, merged, and refused.

use std::{fs, path::Path};

use burn::tensor::{Int, Tensor, TensorData};
use palinode_core::{logprob::log_distribution, policy::Policy};
use palinode_hf::{Folder, load_adapters, save_adapters};
use palinode_lm::{Adapter, Decoder, LoraConfig, LoraTarget};
use serde_json::{Value, json};

fn base() -> Folder {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/qwen2");
    Folder::open(&path, &palinode_flex::device()).unwrap()
}

fn scores(model: &Decoder) -> Vec<f32> {
    let device = palinode_flex::device();
    let tokens = Tensor::<2, Int>::from_data([[3, 9, 4, 12, 30]], &device);
    let states = model.states(tokens, Tensor::<1, Int>::from_data([0, 1, 2, 3, 4], &device));
    log_distribution(model.logits(states), 1.0).into_data().iter::<f32>().collect()
}

fn gap(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// A model whose adapters have learned something.
fn trained(config: &LoraConfig) -> Decoder {
    let model = || base().load(&palinode_flex::device()).unwrap();
    let mut adapters: Vec<Adapter> = model().with_adapters(config, 7).unwrap().adapters();
    for (i, adapter) in adapters.iter_mut().enumerate() {
        let shape = adapter.b.shape().to_vec();
        let values: Vec<f32> = (0..shape[0] * shape[1]).map(|j| ((i * 31 + j * 7) % 13) as f32 / 26.0 - 0.25).collect();
        adapter.b = TensorData::new(values, shape);
    }
    model().with_loaded_adapters(config, &adapters).unwrap()
}

#[test]
fn adapters_go_out_and_come_back() {
    let targets = vec![LoraTarget::QProj, LoraTarget::VProj, LoraTarget::DownProj];
    for config in [LoraConfig::on_all(3), LoraConfig { rank: 2, alpha: 5.0, dropout: 0.125, targets }] {
        let (out, model) = (tempfile::tempdir().unwrap(), trained(&config));
        save_adapters(&model, &config, "qwen2", out.path()).unwrap();
        let (read, adapters) = load_adapters(out.path()).unwrap();
        assert_eq!((read.rank, read.alpha, read.targets.len()), (config.rank, config.alpha, config.targets.len()));
        let again = base().load(&palinode_flex::device()).unwrap().with_loaded_adapters(&read, &adapters).unwrap();
        assert_eq!(scores(&again), scores(&model));

        // Merged into a folder of the base's type (f16 here), within what that type holds.
        let merged = tempfile::tempdir().unwrap();
        base().save(&again.merge_adapters(), merged.path()).unwrap();
        let merged = Folder::open(merged.path(), &palinode_flex::device()).unwrap().load(&palinode_flex::device()).unwrap();
        assert!(gap(&scores(&merged), &scores(&model)) < 0.02, "{}", gap(&scores(&merged), &scores(&model)));
        assert!(gap(&scores(&merged), &scores(&base().load(&palinode_flex::device()).unwrap())) > 0.1);
    }
}

#[test]
fn what_changes_nothing_is_not_saved() {
    let out = tempfile::tempdir().unwrap();
    let model = base().load(&palinode_flex::device()).unwrap();
    let config = LoraConfig::on_all(2);
    let save = |model: &Decoder| save_adapters(model, &config, "qwen2", out.path()).unwrap_err().to_string();
    assert!(save(&model).contains("has none to save"));
    let fresh = model.with_adapters(&config, 0).unwrap();
    assert!(save(&fresh).contains("they change nothing"));
    assert!(base().save(&fresh, out.path()).unwrap_err().to_string().contains("is not part of the folder's model"));
    assert!(fs::read_dir(out.path()).unwrap().next().is_none(), "nothing was written");
}

#[test]
fn other_kinds_and_damage_are_refused() {
    let config = LoraConfig::on_all(2);
    let out = tempfile::tempdir().unwrap();
    save_adapters(&trained(&config), &config, "qwen2", out.path()).unwrap();
    let path = out.path().join("adapter_config.json");
    let good: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let refused = || load_adapters(out.path()).unwrap_err().to_string();
    for (field, value, part) in [
        ("peft_type", json!("IA3"), "peft_type \"IA3\" is not supported"),
        ("use_dora", json!(true), "use_dora is not supported"),
        ("use_rslora", json!(true), "use_rslora"),
        ("rank_pattern", json!({"q_proj": 4}), "rank_pattern other than {}"),
        ("bias", json!("all"), "bias other than"),
        ("target_modules", json!(["q_proj", "lm_head"]), "target module \"lm_head\""),
        ("target_modules", json!(".*"), "must be a list of names"),
        ("r", json!(null), "`r` is missing"),
        ("lora_alpha", json!("8"), "must be a number"),
    ] {
        let mut wrong = good.clone();
        wrong[field] = value;
        fs::write(&path, wrong.to_string()).unwrap();
        assert!(refused().contains(part), "{part}: {}", refused());
    }
    fs::write(&path, good.to_string()).unwrap();
    let weights = out.path().join("adapter_model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() - 8]).unwrap();
    assert!(refused().contains("was it cut off?"));
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = String::from_utf8(bytes[8..8 + length].to_vec())
        .unwrap()
        .replace("layers.1.mlp.up_proj.lora_B", "layers.1.mlp.up_proj.lora_C");
    fs::write(&weights, [&bytes[..8], header.as_bytes(), &bytes[8 + length..]].concat()).unwrap();
    assert!(
        refused().contains("up_proj.lora_B.weight is missing") && refused().contains("lora_C.weight is not part of an adapter")
    );
}
