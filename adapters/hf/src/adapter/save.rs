//! Low-rank adapters, written as PEFT has them.

use std::{fs, path::Path};

use palinode_lm::{Decoder, LmError, LoraConfig, LoraLayers, LoraTarget};
use safetensors::Dtype;
use serde_json::json;

use super::{CONFIG, PREFIX, WEIGHTS};
use crate::{
    error::HfError,
    layout::transpose,
    save::{Bytes, write},
    whole::write_whole,
};

/// Writes a model's adapters to a folder, which is made. `base` is what the configuration names as the model they belong to. A folder that palinode wrote
/// before is replaced, and is whole at any time. Adapters that change nothing are adapters too: where no episode earned anything, nothing was learned.
///
/// # Errors
/// [`HfError::Lm`] when the model has no adapters; [`HfError::Occupied`] for a folder that holds anything else;
/// [`HfError::Io`].
pub fn save_adapters(model: &Decoder, config: &LoraConfig, base: &str, to: &Path) -> Result<(), HfError> {
    let adapters = model.adapters();
    if adapters.is_empty() {
        return Err(LmError::Adapters("the model has none to save".into()).into());
    }
    let scale = config.alpha / config.rank as f64;
    if let Some(other) = adapters.iter().find(|adapter| adapter.a.shape()[1] != config.rank || adapter.scale != scale) {
        let (layer, name) = (other.layer, other.target.name());
        return Err(LmError::Adapters(format!("layer {layer}, {name}: another rank or scale than the configuration has")).into());
    }
    let mut targets: Vec<&str> = config.targets.iter().map(|target| target.name()).collect();
    targets.sort_unstable();
    targets.dedup();
    let mut description = json!({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "r": config.rank, "lora_alpha": config.alpha,
        "lora_dropout": config.dropout, "target_modules": targets, "bias": "none", "fan_in_fan_out": false, "inference_mode": true,
    });
    if config.layers != LoraLayers::All {
        let mut layers: Vec<usize> = adapters.iter().map(|adapter| adapter.layer).collect();
        layers.dedup();
        description["layers_to_transform"] = json!(layers);
    }
    let tensors: Vec<(String, Bytes)> = adapters
        .iter()
        .flat_map(|adapter| {
            [("lora_A", &adapter.a), ("lora_B", &adapter.b)].map(|(factor, data)| {
                let [rows, columns] = [data.shape()[0], data.shape()[1]];
                let turned = transpose(&data.iter::<f32>().collect::<Vec<_>>(), rows, columns);
                let bytes = turned.iter().flat_map(|value| value.to_le_bytes()).collect();
                let name = name(adapter.layer, adapter.target, factor);
                (name, Bytes { dtype: Dtype::F32, shape: vec![columns, rows], bytes })
            })
        })
        .collect();
    write_whole(to, |part| {
        let io = |source| HfError::Io { path: to.to_owned(), source };
        fs::write(part.join(CONFIG), format!("{description:#}\n")).map_err(io)?;
        write(&tensors, &part.join(WEIGHTS))
    })
}

fn module(target: LoraTarget) -> &'static str {
    match target {
        LoraTarget::QProj | LoraTarget::KProj | LoraTarget::VProj | LoraTarget::OProj => "self_attn",
        LoraTarget::GateProj | LoraTarget::UpProj | LoraTarget::DownProj => "mlp",
    }
}

fn name(layer: usize, target: LoraTarget, factor: &str) -> String {
    format!("{PREFIX}model.layers.{layer}.{}.{}.{factor}.weight", module(target), target.name())
}
