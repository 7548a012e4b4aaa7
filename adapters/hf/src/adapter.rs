//! Adapters in the layout of PEFT: `adapter_config.json` and `adapter_model.safetensors`.
//!
//! What comes in is what PEFT 0.21.2 makes of the same two folders: low-rank adapters on the projections stay beside their weights, everything else that
//! such a folder can hold (DoRA, saved modules, embeddings and head, biases, what PiSSA and OLoRA take out of the base) changes a tensor of
//! the base while it is read. Settings that mean something else are refused by name.
//!
//! | file | what it holds |
//! |---|---|
//! | `settings` | `adapter_config.json`, field by field |
//! | `pattern` | regular expressions as Python reads them |
//! | `modules` | which modules the settings name |
//! | `adaptation` | the tensors of the folder, each with its place in the base |
//! | `change` | what they make of a tensor of the base |
//! | `start` | what PiSSA and OLoRA took out of a matrix |
//! | `save` | the way out |

mod adaptation;
mod change;
mod modules;
mod pattern;
mod save;
mod settings;
mod start;

pub use adaptation::Adaptation;
pub(crate) use adaptation::Base;
pub use save::save_adapters;

/// The settings of an adapter folder.
pub(crate) const CONFIG: &str = "adapter_config.json";
/// Its tensors.
pub(crate) const WEIGHTS: &str = "adapter_model.safetensors";
/// Before the base's own name of a tensor.
const PREFIX: &str = "base_model.model.";
