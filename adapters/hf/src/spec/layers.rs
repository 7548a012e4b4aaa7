//! What differs from layer to layer: sliding windows, and which rotary positions a layer has.

use palinode_lm::LayerRope;
use serde_json::Value;

use crate::{error::HfError, fields::Fields};

/// Most layers whose list is made: more are refused as sizes of a model.
const MOST: usize = 1 << 10;

/// What each layer is told to do.
pub(crate) struct Layers {
    /// The tokens it looks back over; of no layer where all see everything.
    pub(crate) windows: Vec<Option<usize>>,
    /// Its rotary positions; of no layer where all have the global ones.
    pub(crate) ropes: Vec<LayerRope>,
}

/// Reads them; `has_local` is whether layers with a window have rotary positions of their own.
pub(crate) fn layers(family: &str, layers: usize, fields: &Fields<'_>, has_local: bool) -> Result<Layers, HfError> {
    if layers > MOST {
        return Ok(Layers { windows: Vec::new(), ropes: Vec::new() });
    }
    let turned = turned(family, layers, fields)?;
    let sliding = sliding(family, layers, fields, &turned)?;
    let window = window(family, fields)?.filter(|_| sliding.contains(&true));
    let windows = match window {
        Some(_) => sliding.iter().map(|&slides| window.filter(|_| slides)).collect(),
        None => Vec::new(),
    };
    let local = |slides: bool| if slides && has_local { LayerRope::Local } else { LayerRope::Global };
    let ropes = sliding.iter().zip(&turned).map(|(&slides, &turned)| if turned { local(slides) } else { LayerRope::None });
    let ropes: Vec<LayerRope> = ropes.collect();
    Ok(Layers { windows, ropes: if ropes.iter().all(|&rope| rope == LayerRope::Global) { Vec::new() } else { ropes } })
}

/// The width of a family's sliding windows.
fn window(family: &str, fields: &Fields<'_>) -> Result<Option<usize>, HfError> {
    match family {
        "mistral" | "gemma2" | "gemma3_text" | "olmo3" => fields.size_or("sliding_window", Some(4096)),
        "qwen2" | "qwen3" if fields.flag("use_sliding_window")?.unwrap_or(false) => fields.size_or("sliding_window", Some(4096)),
        "smollm3" if fields.flag("use_sliding_window")?.unwrap_or(false) => fields.size("sliding_window"),
        _ => Ok(None),
    }
}

/// Whether each layer has a window.
fn sliding(family: &str, layers: usize, fields: &Fields<'_>, turned: &[bool]) -> Result<Vec<bool>, HfError> {
    if let Some(listed) = listed(family, layers, fields)? {
        return Ok(listed);
    }
    let every = |field: &str, default: usize| match fields.size(field)?.unwrap_or(default) {
        0 => Err(fields.wrong(field, "must be at least 1")),
        every => Ok(every),
    };
    Ok(match family {
        "mistral" => vec![true; layers],
        "gemma2" => (0..layers).map(|layer| layer.is_multiple_of(2)).collect(),
        "gemma3_text" => {
            let every = every("sliding_window_pattern", 6)?;
            (1..=layers).map(|layer| !layer.is_multiple_of(every)).collect()
        }
        "olmo3" => (1..=layers).map(|layer| !layer.is_multiple_of(4)).collect(),
        "smollm3" => turned.iter().map(|turned| !turned).collect(),
        "qwen2" | "qwen3" => {
            let first = fields.size("max_window_layers")?.unwrap_or(28);
            (0..layers).map(|layer| layer >= first).collect()
        }
        _ => vec![false; layers],
    })
}

/// What `layer_types` says, where it is there and the family reads it.
fn listed(family: &str, layers: usize, fields: &Fields<'_>) -> Result<Option<Vec<bool>>, HfError> {
    let Some(types) = fields.value("layer_types") else { return Ok(None) };
    let Some(types) = types.as_array() else { return Err(fields.wrong("layer_types", "must be a list")) };
    if types.len() != layers {
        return Err(fields.wrong("layer_types", &format!("lists {} layers, and there are {layers}", types.len())));
    }
    let slides = |kind: &Value| match kind.as_str() {
        Some("sliding_attention") => Ok(true),
        Some("full_attention") => Ok(false),
        _ => Err(fields.unsupported(format!("a layer of type {kind}"), &["full_attention", "sliding_attention"])),
    };
    let slides = types.iter().map(slides).collect::<Result<_, _>>()?;
    Ok((family != "mistral").then_some(slides))
}

/// Whether queries and keys of each layer are turned: all of them, but for SmolLM3's `no_rope_layers`, in which a 1 means that they are.
fn turned(family: &str, layers: usize, fields: &Fields<'_>) -> Result<Vec<bool>, HfError> {
    if family != "smollm3" {
        return Ok(vec![true; layers]);
    }
    match fields.value("no_rope_layers") {
        Some(Value::Array(list)) if list.len() >= layers => {
            let turns = |value: &Value| match value.as_u64() {
                Some(turns @ 0..=1) => Ok(turns == 1),
                _ => Err(fields.wrong("no_rope_layers", "must be a list of 0 (no rotation) and 1")),
            };
            list[..layers].iter().map(turns).collect()
        }
        Some(Value::Array(list)) => {
            Err(fields.wrong("no_rope_layers", &format!("lists {} layers, and there are {layers}", list.len())))
        }
        Some(_) => Err(fields.wrong("no_rope_layers", "must be a list of 0 (no rotation) and 1")),
        None => match fields.size("no_rope_layer_interval")?.unwrap_or(4) {
            0 => Err(fields.wrong("no_rope_layer_interval", "must be at least 1")),
            every => Ok((1..=layers).map(|layer| !layer.is_multiple_of(every)).collect()),
        },
    }
}
