//! Writes what `adapters/hf/tests/models/check_saved.py` reads with transformers and PEFT: for each tiny model a changed one and an adapter, each with the
//! log-probabilities that we give.
//!
//! `cargo run --bin saved -- DIR && python adapters/hf/tests/models/check_saved.py DIR`

use std::{error::Error, fs, path::Path};

use burn::tensor::{Int, Tensor, TensorData};
use palinode_core::{
    logprob::{log_distribution, of_targets},
    policy::Policy,
};
use palinode_hf::{Folder, save_adapters};
use palinode_lm::{Adapter, Decoder, LoraConfig};
use serde_json::json;

const IDS: [i32; 12] = [3, 9, 4, 12, 30, 7, 7, 21, 16, 5, 28, 11];

fn logprobs(model: &Decoder) -> Vec<f32> {
    let device = palinode_flex::device();
    let length = IDS.len() - 1;
    let tokens = Tensor::<1, Int>::from_data(&IDS[..length], &device).reshape([1, length]);
    let positions = Tensor::<1, Int>::from_data(TensorData::new((0..length as i32).collect(), [length]), &device);
    let targets = Tensor::<1, Int>::from_data(&IDS[1..], &device);
    of_targets(log_distribution(model.logits(model.states(tokens, positions)), 1.0), targets).into_data().iter::<f32>().collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let out = std::env::args().nth(1).ok_or("usage: saved DIR")?;
    // The check reads the bases where they lie.
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../adapters/hf/tests/models");
    let device = palinode_flex::device();
    for name in ["llama2", "smollm2", "mistral", "qwen2", "qwen3", "gemma2", "gemma3", "smollm3", "olmo2", "olmo3"] {
        let folder = Folder::open(&models.join(name), &device)?;
        let config = LoraConfig::on_all(3);
        let mut adapters: Vec<Adapter> = folder.load(&device)?.with_adapters(&config, 5)?.adapters();
        for (i, adapter) in adapters.iter_mut().enumerate() {
            let shape = adapter.b.shape().to_vec();
            let values: Vec<f32> = (0..shape[0] * shape[1]).map(|j| ((i * 31 + j * 7) % 13) as f32 / 40.0 - 0.15).collect();
            adapter.b = TensorData::new(values, shape);
        }
        let adapted = folder.load(&device)?.with_loaded_adapters(&adapters, 0.0)?;
        let to = Path::new(&out).join(name);
        save_adapters(&adapted, &config, name, &to.join("adapter"))?;
        folder.save(&adapted.clone().merge_adapters(), &to.join("merged"))?;
        let merged = Folder::open(&to.join("merged"), &device)?.load(&device)?;
        let said = json!({
            "ids": IDS, "base": models.join(name), "adapter": logprobs(&adapted), "merged": logprobs(&merged),
        });
        fs::write(to.join("ours.json"), said.to_string())?;
    }
    Ok(())
}
