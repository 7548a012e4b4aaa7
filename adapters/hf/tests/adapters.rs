//! Low-rank adapters in PEFT's layout: out and in again, merged, and refused.

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::{Int, Tensor, TensorData};
use palinode_core::{logprob::log_distribution, policy::Policy};
use palinode_hf::{Folder, save_adapters};
use palinode_lm::{Adapter, Decoder, LoraConfig, LoraLayers, LoraTarget};

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn base() -> Folder {
    Folder::open(&tests().join("models/qwen2"), &palinode_flex::device()).unwrap()
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
    model().with_loaded_adapters(&adapters, config.dropout).unwrap()
}

#[test]
fn adapters_go_out_and_come_back() {
    let targets = vec![LoraTarget::QProj, LoraTarget::VProj, LoraTarget::DownProj];
    let some = LoraConfig { alpha: 5.0, dropout: 0.125, targets, ..LoraConfig::on_all(2) };
    let last = LoraConfig { layers: LoraLayers::Last(1), ..some.clone() };
    for config in [LoraConfig::on_all(3), some, last] {
        let modules = config.layers.numbers(2).unwrap().len() * config.targets.len();
        let (out, model) = (tempfile::tempdir().unwrap(), trained(&config));
        save_adapters(&model, &config, "qwen2", out.path()).unwrap();
        let read = base().with_adapter(out.path(), &palinode_flex::device()).unwrap();
        let adaptation = read.adaptation().unwrap();
        assert_eq!((adaptation.modules(), adaptation.ranks()), (modules, Some([config.rank; 2])));
        let again = read.load(&palinode_flex::device()).unwrap();
        assert_eq!(scores(&again), scores(&model));

        // Merged into a folder of the base's type (f16 here), within what that type holds.
        let out = tempfile::tempdir().unwrap();
        let merged = again.merge_adapters();
        let rounding = read.rounding(&merged).unwrap();
        read.save(&merged, &out.path().join("merged")).unwrap();
        let folder = Folder::open(&out.path().join("merged"), &palinode_flex::device()).unwrap();
        let rounded = folder.load(&palinode_flex::device()).unwrap();
        assert!(gap(&scores(&rounded), &scores(&model)) < 0.02, "{}", gap(&scores(&rounded), &scores(&model)));
        assert_eq!(rounding.tensors.len(), modules);
        let (share, worst) = (rounding.share().unwrap(), rounding.worst().unwrap());
        assert!(0.0 < share && share <= worst.share() && worst.share() < 0.01 && worst.largest < 1e-3, "{worst:?}");
        // Against the base itself nothing is added, and nothing lost.
        let bare = base().load(&palinode_flex::device()).unwrap();
        assert_eq!(base().rounding(&bare).unwrap().share(), None);
        let merged = rounded;
        assert!(gap(&scores(&merged), &scores(&base().load(&palinode_flex::device()).unwrap())) > 0.1);
    }
}

#[test]
fn adapters_that_change_nothing_are_saved_and_none_are_not() {
    let out = tempfile::tempdir().unwrap();
    let model = base().load(&palinode_flex::device()).unwrap();
    let config = LoraConfig::on_all(2);
    let save = |model: &Decoder| save_adapters(model, &config, "qwen2", out.path());
    assert!(save(&model).unwrap_err().to_string().contains("has none to save"));
    let fresh = model.clone().with_adapters(&config, 0).unwrap();
    assert!(base().save(&fresh, out.path()).unwrap_err().to_string().contains("is not part of the folder's model"));
    assert!(fs::read_dir(out.path()).unwrap().next().is_none(), "nothing was written");
    // As after a run in which no episode earned anything.
    save(&fresh).unwrap();
    let read = base().with_adapter(out.path(), &palinode_flex::device()).unwrap().load(&palinode_flex::device()).unwrap();
    assert_eq!(read.adapters().len(), fresh.adapters().len());
    assert_eq!(gap(&scores(&read), &scores(&model)), 0.0);
}

#[test]
fn damage_is_refused() {
    let config = LoraConfig::on_all(2);
    let out = tempfile::tempdir().unwrap();
    save_adapters(&trained(&config), &config, "qwen2", out.path()).unwrap();
    let refused = || base().with_adapter(out.path(), &palinode_flex::device()).map(drop).unwrap_err().to_string();
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
        refused().contains("up_proj.lora_B.weight is missing") && refused().contains("lora_C.weight has no place in the model")
    );
    fs::rename(&weights, out.path().join("adapter_model.bin")).unwrap();
    assert!(refused().contains("adapter_model.bin, a pickle"));
    let twice = base().with_adapter(&tests().join("peft/plain-f16"), &palinode_flex::device()).unwrap();
    let twice = twice.with_adapter(&tests().join("peft/plain-f16"), &palinode_flex::device()).map(drop).unwrap_err();
    assert!(twice.to_string().contains("the folder has some already"));
}

#[test]
fn adapters_of_another_scale_than_the_configuration_are_not_saved() {
    let (out, config) = (tempfile::tempdir().unwrap(), LoraConfig::on_all(2));
    let other = LoraConfig { alpha: 3.0, ..config.clone() };
    let error = save_adapters(&trained(&config), &other, "qwen2", &out.path().join("adapter")).unwrap_err();
    assert!(error.to_string().contains("layer 0, q_proj: another rank or scale"));
}
