//! GGUF files of the tiny models (`gguf/generate.py`), against what transformers makes of the folders that they were made of.

use std::{fs, path::PathBuf};

use palinode_gguf::{File, Kind, List, Metadata, Value, Writer};
use palinode_hf::{Folder, HfError};
use serde::Deserialize;

use crate::families::{self, distributions};

const FILES: [&str; 11] =
    ["llama2", "llama3", "llama-linear", "smollm2", "qwen2", "qwen3", "gemma2", "gemma3", "gemma3-linear", "smollm3", "olmo2"];

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/gguf").join(format!("{name}.gguf"))
}

#[test]
fn a_file_is_the_model_of_its_folder() {
    let device = palinode_flex::device();
    for name in FILES {
        let opened = Folder::open(&file(name), &device).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(opened.end_tokens(), [1], "{name}");
        let mut of_folder = Folder::open(&families::folder(name), &device).unwrap().config().clone();
        // Of what a file does not leave out it says the same; Gemma's scale is in its queries.
        of_folder.head_width = Some(of_folder.head_width());
        if name.starts_with("gemma") {
            of_folder.attention_scale = Some((of_folder.head_width() as f64).sqrt().recip());
        }
        assert_eq!(opened.config(), &of_folder, "{name}");
        families::check(&opened.load(&device).unwrap(), name, &device);
    }
}

#[test]
fn matrices_in_blocks_and_windows_are_those_of_transformers() {
    #[derive(Deserialize)]
    struct Expected {
        ids: Vec<u32>,
        logprobs: Vec<f32>,
    }
    let device = palinode_flex::device();
    for name in ["blocks", "olmo3"] {
        let text = fs::read_to_string(file(name).with_extension("json")).unwrap();
        let expected: Expected = serde_json::from_str(&text).unwrap();
        let model = Folder::open(&file(name), &device).unwrap().load(&device).unwrap();
        let found: Vec<f32> = distributions(&model, &expected.ids, &device).into_data().iter::<f32>().collect();
        let next = expected.ids[1..].iter().enumerate().map(|(at, &id)| found[32 * at + id as usize]);
        let gap = next.zip(&expected.logprobs).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f32::max);
        assert!(gap <= 1e-4, "{name}: log-probabilities differ by {gap}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let device = palinode_flex::device();
    let out = tempfile::tempdir().unwrap();
    for name in FILES.into_iter().filter(|name| *name != "gemma3-linear") {
        let opened = Folder::open(&file(name), &device).unwrap();
        let model = opened.load(&device).unwrap();
        for kind in [Kind::F32, Kind::F16, Kind::BF16, Kind::Q8_0] {
            let to = out.path().join(format!("{name}-{}.gguf", kind.name()));
            opened.write_gguf(&model, kind, &to).unwrap_or_else(|error| panic!("{name}: {error}"));
            let again = Folder::open(&to, &device).unwrap();
            assert_eq!(again.config(), opened.config(), "{name}");
            if kind == Kind::F32 {
                families::check(&again.load(&device).unwrap(), name, &device);
            }
        }
        assert_eq!(
            fs::read_dir(out.path())
                .unwrap()
                .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'))
                .count(),
            0
        );
    }
}

#[test]
fn windows_that_an_architecture_does_not_know_shorten_the_context() {
    let device = palinode_flex::device();
    let out = tempfile::tempdir().unwrap();
    let to = out.path().join("mistral-0.1.gguf");
    let folder = Folder::open(&families::folder("mistral"), &device).unwrap();
    let notes = folder.write_gguf(&folder.load(&device).unwrap(), Kind::F32, &to).unwrap();
    assert!(notes.iter().any(|note| note.contains("the context is 7 tokens long instead of 64")), "{notes:?}");
    let again = Folder::open(&to, &device).unwrap();
    assert_eq!((again.config().context, again.name().as_deref()), (7, Some("mistral-0.1")));
    assert_eq!(File::open(&to).unwrap().metadata().text("general.name").unwrap(), Some("mistral"));
}

#[test]
fn a_model_that_llama_cpp_computes_otherwise_is_not_written() {
    let device = palinode_flex::device();
    let out = tempfile::tempdir().unwrap();
    let to = out.path().join("x.gguf");
    let refused = |name: &str| {
        let folder = Folder::open(&families::folder(name), &device).unwrap();
        let error = folder.write_gguf(&folder.load(&device).unwrap(), Kind::F16, &to).unwrap_err();
        assert!(fs::read_dir(out.path()).unwrap().next().is_none(), "{name}: nothing is left");
        error.to_string()
    };
    let pattern = refused("gemma3-linear");
    assert!(pattern.contains("windows = [5,null,5] (there [5,5,5])"), "{pattern}");
    let stretched = refused("olmo3");
    assert!(stretched.contains("rope_scaling = {"), "{stretched}");
    let scale = refused("gemma2");
    assert!(scale.contains("attention_scale = 0.288") && scale.contains("architecture \"gemma2\""), "{scale}");
}

#[test]
fn a_file_that_is_no_model_is_refused_by_name() {
    let device = palinode_flex::device();
    let refused = |name: &str, change: &dyn Fn(&mut Metadata)| -> String {
        let at = tempfile::tempdir().unwrap();
        let path = at.path().join("model.gguf");
        let source = File::open(&file(name)).unwrap();
        let mut metadata = source.metadata().clone();
        change(&mut metadata);
        let tensors = source.tensors().cloned().collect();
        let mut writer = Writer::create(&path, &metadata, tensors).unwrap();
        for tensor in source.tensors() {
            writer.put(tensor.name(), &source.read(tensor.name()).unwrap()).unwrap();
        }
        writer.finish().unwrap();
        let error: HfError = Folder::open(&path, &device).map(|folder| folder.path().to_owned()).expect_err("it was opened");
        error.to_string().replace(&path.display().to_string(), "FILE")
    };
    let text = |text: &str| Value::Text(text.into());
    for (key, value, part) in [
        ("general.architecture", text("phi3"), "architecture \"phi3\" is not supported; supported are llama, qwen2"),
        ("general.architecture", Value::U32(3), "`general.architecture` must be a text"),
        ("general.architecture", text("qwen2"), "metadata key `qwen2.embedding_length` is missing"),
        ("general.type", text("adapter"), "an adapter as GGUF is not supported"),
        ("split.count", Value::U16(3), "one of 3 parts of a model is not supported"),
        ("llama.block_count", Value::U32(0), "`llama.block_count` is 0, expected at least 1"),
        ("llama.block_count", Value::U32(3), "blk.2.attn_q.weight is missing"),
        ("llama.block_count", Value::U32(1), "blk.1.attn_q.weight is not part of the model"),
        ("llama.block_count", Value::U32(u32::MAX), "layers must be within 1..=1024"),
        ("llama.embedding_length", Value::U64(1 << 40), "width must be within"),
        ("llama.attention.head_count", Value::List(List::U32(vec![4, 4])), "`llama.attention.head_count` must be a whole number"),
        ("llama.attention.head_count", Value::U32(5), "attn_q.weight has 16 rows, expected an even number for each of 5 heads"),
        ("llama.attention.head_count", Value::U64(u64::MAX), "attn_q.weight has 16 rows"),
        ("llama.attention.key_length", Value::U32(8), "llama.attention.value_length"),
        ("llama.rope.dimension_count", Value::U32(2), "llama.rope.dimension_count = 2 where a head of keys has 4"),
        (
            "llama.attention.layer_norm_rms_epsilon",
            Value::F32(f32::NAN),
            "`llama.attention.layer_norm_rms_epsilon` is no finite number",
        ),
        ("llama.rope.freq_base", Value::F32(-1.0), "rope_base must be a positive number"),
        ("llama.rope.scaling.type", text("longrope"), "llama.rope.scaling.type \"longrope\" is not supported"),
        ("llama.expert_count", Value::U32(8), "llama.expert_count = 8 is not supported"),
        ("llama.attention.causal", Value::Bool(false), "llama.attention.causal = false is not supported"),
        ("tokenizer.ggml.eos_token_id", Value::U32(32), "`tokenizer.ggml.eos_token_id` is token id 32, and the model has 32 ids"),
    ] {
        let said = refused("llama2", &|metadata| drop(metadata.set(key, value.clone())));
        assert!(said.contains(part) && (said.starts_with("FILE") || said.starts_with("model configuration")), "{key}: {said}");
    }
}
