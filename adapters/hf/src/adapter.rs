//! Low-rank adapters in the layout of PEFT: `adapter_config.json` and `adapter_model.safetensors`.

use std::{fs, path::Path};

use burn::tensor::TensorData;
use palinode_lm::{Adapter, Decoder, LmError, LoraConfig, LoraTarget};
use safetensors::Dtype;
use serde_json::{Value, json};

use crate::{
    error::HfError,
    fields::Fields,
    layout::transpose,
    save::{Bytes, write},
    shards::{Shards, bounded},
};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// Longest `adapter_config.json` that is read.
const LONGEST_CONFIG: u64 = 1 << 20;

/// Writes a model's adapters to a folder, which is made. `base` is what the configuration names as the model they belong to.
///
/// # Errors
/// [`HfError::Lm`] when the model has no adapters, or when all of them change nothing; [`HfError::Io`].
pub fn save_adapters(model: &Decoder, config: &LoraConfig, base: &str, to: &Path) -> Result<(), HfError> {
    let adapters = model.adapters();
    if adapters.is_empty() {
        return Err(LmError::Adapters("the model has none to save".into()).into());
    }
    if adapters.iter().all(|adapter| adapter.b.iter::<f32>().all(|value| value == 0.0)) {
        return Err(LmError::Adapters("all B are zero: they change nothing, so nothing was learned".into()).into());
    }
    let mut targets: Vec<&str> = config.targets.iter().map(|target| target.name()).collect();
    targets.sort_unstable();
    targets.dedup();
    let description = json!({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "r": config.rank, "lora_alpha": config.alpha,
        "lora_dropout": config.dropout, "target_modules": targets, "bias": "none", "fan_in_fan_out": false, "inference_mode": true,
    });
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
    let io = |source| HfError::Io { path: to.to_owned(), source };
    fs::create_dir_all(to).map_err(io)?;
    fs::write(to.join(CONFIG), format!("{description:#}\n")).map_err(io)?;
    write(&tensors, &to.join(WEIGHTS))
}

/// Reads adapters; [`Decoder::with_loaded_adapters`] puts them into their model.
///
/// # Errors
/// [`HfError::Unsupported`] for kinds of adapters that compute something else; [`HfError::Field`], [`HfError::Format`], [`HfError::Tensors`] and
/// [`HfError::NotFinite`] for folders that are damaged.
pub fn load_adapters(from: &Path) -> Result<(LoraConfig, Vec<Adapter>), HfError> {
    let path = from.join(CONFIG);
    let text = bounded(&path, LONGEST_CONFIG)?;
    let fields = Fields::parse(&String::from_utf8_lossy(&text), &path)?;
    let config = config(&fields)?;
    let shards = Shards::of(&[from.join(WEIGHTS)])?;
    let (mut adapters, mut differences) = (Vec::new(), Vec::new());
    for tensor in shards.names() {
        match place(tensor) {
            Some((layer, target, "lora_A")) => {
                let other = name(layer, target, "lora_B");
                let factor = |tensor: &str| -> Result<Option<TensorData>, HfError> {
                    let Some(&[rows, columns]) = shards.info(tensor).map(|(shape, _)| shape) else { return Ok(None) };
                    let values = transpose(&shards.read(tensor)?, rows, columns);
                    Ok(Some(TensorData::new(values, [columns, rows])))
                };
                match (factor(tensor)?, factor(&other)?) {
                    (Some(a), Some(b)) => adapters.push(Adapter { layer, target, a, b }),
                    _ => differences.push(format!("{other} is missing, or is no matrix")),
                }
            }
            Some((layer, target, _)) if shards.info(&name(layer, target, "lora_A")).is_some() => {}
            _ => differences.push(format!("{tensor} is not part of an adapter")),
        }
    }
    if !differences.is_empty() {
        return Err(HfError::Tensors { path: from.to_owned(), differences });
    }
    Ok((config, adapters))
}

fn config(fields: &Fields<'_>) -> Result<LoraConfig, HfError> {
    let kind = fields.text("peft_type")?.unwrap_or("LORA");
    if kind != "LORA" {
        return Err(fields.unsupported(format!("peft_type \"{kind}\""), &["LORA"]));
    }
    for flag in ["use_dora", "use_rslora", "fan_in_fan_out"] {
        if fields.flag(flag)?.unwrap_or(false) {
            return Err(fields.unsupported(flag.to_owned(), &["plain LoRA"]));
        }
    }
    for (name, none) in
        [("bias", json!("none")), ("rank_pattern", json!({})), ("alpha_pattern", json!({})), ("modules_to_save", json!([]))]
    {
        if fields.value(name).is_some_and(|value| *value != none) {
            return Err(fields.unsupported(format!("{name} other than {none}"), &["plain LoRA"]));
        }
    }
    let needed = |name: &str| fields.wrong(name, "is missing");
    let targets = match fields.value("target_modules") {
        Some(Value::Array(names)) => names
            .iter()
            .map(|name| {
                let known = LoraTarget::ALL.into_iter().find(|target| name.as_str() == Some(target.name()));
                known.ok_or_else(|| fields.unsupported(format!("target module {name}"), &LoraTarget::ALL.map(LoraTarget::name)))
            })
            .collect::<Result<_, _>>()?,
        Some(Value::String(all)) if all == "all-linear" => LoraTarget::ALL.to_vec(),
        Some(_) => return Err(fields.wrong("target_modules", "must be a list of names")),
        None => return Err(needed("target_modules")),
    };
    Ok(LoraConfig {
        rank: fields.size("r")?.ok_or_else(|| needed("r"))?,
        alpha: fields.number("lora_alpha")?.ok_or_else(|| needed("lora_alpha"))?,
        dropout: fields.number("lora_dropout")?.unwrap_or(0.0),
        targets,
    })
}

fn module(target: LoraTarget) -> &'static str {
    match target {
        LoraTarget::QProj | LoraTarget::KProj | LoraTarget::VProj | LoraTarget::OProj => "self_attn",
        LoraTarget::GateProj | LoraTarget::UpProj | LoraTarget::DownProj => "mlp",
    }
}

fn name(layer: usize, target: LoraTarget, factor: &str) -> String {
    format!("base_model.model.model.layers.{layer}.{}.{}.{factor}.weight", module(target), target.name())
}

/// The layer, projection and factor that a tensor's name stands for.
fn place(tensor: &str) -> Option<(usize, LoraTarget, &str)> {
    let rest = tensor.strip_prefix("base_model.model.model.layers.")?.strip_suffix(".weight")?;
    let [layer, part, projection, factor] = rest.split('.').collect::<Vec<_>>().try_into().ok()?;
    let target = LoraTarget::ALL.into_iter().find(|target| (module(*target), target.name()) == (part, projection))?;
    matches!(factor, "lora_A" | "lora_B").then_some((layer.parse().ok()?, target, factor))
}
