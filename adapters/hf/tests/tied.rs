//! Tied embeddings where `config.json` and the file disagree: what transformers 5.24 makes of the same folder (`models/generate.py`, `tied`).

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::{Int, Tensor};
use palinode_core::{logprob::log_distribution, policy::Policy};
use palinode_hf::Folder;
use palinode_lm::Decoder;
use safetensors::{SafeTensors, tensor::TensorView};
use serde_json::{Value, json};

const EMBEDDINGS: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models")
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

fn open(path: &Path) -> Result<Folder, String> {
    Folder::open(path, &palinode_flex::device()).map_err(|error| error.to_string())
}

/// A copy of a tiny model, in one file, with its flag and its tensors changed: `head` is made of the embeddings' bytes.
fn changed(name: &str, flag: bool, embeddings: bool, head: Option<fn(&mut Vec<u8>)>) -> tempfile::TempDir {
    let (from, to) = (models().join(name), tempfile::tempdir().unwrap());
    let mut config: Value = serde_json::from_str(&fs::read_to_string(from.join("config.json")).unwrap()).unwrap();
    config["tie_word_embeddings"] = json!(flag);
    fs::write(to.path().join("config.json"), config.to_string()).unwrap();
    let files = fs::read_dir(&from).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<Vec<u8>> = files
        .filter(|path| path.extension().is_some_and(|kind| kind == "safetensors"))
        .map(|path| fs::read(path).unwrap())
        .collect();
    let mut tensors = Vec::new();
    for bytes in &files {
        for (name, view) in SafeTensors::deserialize(bytes).unwrap().tensors() {
            tensors.push((name, view.dtype(), view.shape().to_vec(), view.data().to_vec()));
        }
    }
    let of_embeddings = tensors.iter().find(|tensor| tensor.0 == EMBEDDINGS).unwrap().clone();
    tensors.retain(|tensor| tensor.0 != HEAD && (embeddings || tensor.0 != EMBEDDINGS));
    if let Some(change) = head {
        let (_, dtype, shape, mut bytes) = of_embeddings;
        change(&mut bytes);
        tensors.push((HEAD.into(), dtype, shape, bytes));
    }
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    safetensors::serialize_to_file(views, None, &to.path().join("model.safetensors")).unwrap();
    to
}

/// Another head: the rows in reverse order.
fn reverse(bytes: &mut Vec<u8>) {
    let row = bytes.len() / 32;
    *bytes = bytes.chunks(row).rev().flatten().copied().collect();
}

/// The logits are then those of the other head: reversed.
#[test]
fn a_head_of_its_own_is_kept_and_saved() {
    for name in ["qwen2", "smollm2", "gemma2"] {
        let tied = open(&models().join(name)).unwrap();
        assert!(tied.config().tied && tied.notes().is_empty());
        let own = changed(name, true, true, Some(reverse));
        let folder = open(own.path()).unwrap();
        assert!(!folder.config().tied, "{name}");
        assert!(folder.notes()[0].contains("has a head of its own; both are kept"), "{name}");
        let device = palinode_flex::device();
        let (model, of_tied) = (folder.load(&device).unwrap(), scores(&tied.load(&device).unwrap()));
        let reversed: Vec<f32> = of_tied.chunks(32).flat_map(|row| row.iter().rev().copied()).collect();
        assert!(gap(&scores(&model), &reversed) < 1e-5, "{name}");
        assert!(gap(&scores(&model), &of_tied) > 0.1, "{name}");

        // Saved, it is a folder that no version ties.
        let out = tempfile::tempdir().unwrap();
        folder.save(&model, &out.path().join("saved")).unwrap();
        let saved = open(&out.path().join("saved")).unwrap();
        assert!(!saved.config().tied && saved.notes().is_empty(), "{name}");
        assert_eq!(scores(&saved.load(&device).unwrap()), scores(&model), "{name}");
        let config: Value = serde_json::from_str(&fs::read_to_string(out.path().join("saved/config.json")).unwrap()).unwrap();
        assert_eq!(config["tie_word_embeddings"], json!(false), "{name}");
    }
}

#[test]
fn a_copy_of_the_embeddings_is_no_head_of_its_own() {
    let device = palinode_flex::device();
    for (embeddings, head) in
        [(true, Some((|_| {}) as fn(&mut Vec<u8>))), (true, None), (false, Some((|_| {}) as fn(&mut Vec<u8>)))]
    {
        let tied = changed("qwen2", true, embeddings, head);
        let folder = open(tied.path()).unwrap();
        assert!(folder.config().tied && folder.notes().is_empty());
        let model = folder.load(&device).unwrap();
        assert_eq!(scores(&model), scores(&open(&models().join("qwen2")).unwrap().load(&device).unwrap()));
        let out = tempfile::tempdir().unwrap();
        folder.save(&model, &out.path().join("saved")).unwrap();
        assert_eq!(scores(&open(&out.path().join("saved")).unwrap().load(&device).unwrap()), scores(&model));
    }
}

#[test]
fn an_untied_model_without_a_head_is_refused_with_the_way_out() {
    let without = changed("qwen2", false, true, None);
    let error = open(without.path()).map(drop).unwrap_err();
    assert!(error.contains("lm_head.weight is missing") && error.contains("set tie_word_embeddings to true"), "{error}");
    let neither = changed("qwen2", true, false, None);
    assert!(open(neither.path()).map(drop).unwrap_err().contains("model.embed_tokens.weight is missing"));
    let with = changed("qwen2", false, true, Some(reverse));
    assert!(!open(with.path()).unwrap().config().tied);
}

/// An adapter that changes one of the two makes two of them, and so does the folder that it is merged into.
#[test]
fn merging_keeps_what_an_adapter_untied() {
    let device = palinode_flex::device();
    for (name, untied) in
        [("saved-head-tied", true), ("embedding-tied", true), ("tokens-tied", false), ("saved-embedding-kept-tied", false)]
    {
        let adapter = models().parent().unwrap().join("peft").join(name);
        let folder = open(&models().join("qwen2")).unwrap().with_adapter(&adapter, &device).unwrap();
        assert_eq!(folder.config().tied, !untied, "{name}");
        let merged = folder.load(&device).unwrap().merge_adapters();
        let out = tempfile::tempdir().unwrap();
        folder.save(&merged, &out.path().join("merged")).unwrap();
        let again = open(&out.path().join("merged")).unwrap();
        assert_eq!((again.config().tied, again.notes().len()), (!untied, 0), "{name}");
        assert!(gap(&scores(&again.load(&device).unwrap()), &scores(&merged)) < 0.01, "{name}");
    }
}
