#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! A transformer policy for palinode: decoder-only, with a preallocated KV cache and incremental decoding.
//!
//! RMSNorm before each block, rotary positions, grouped-query attention, SwiGLU, tied or untied output: the shape of today's
//! language models. What tells their families apart (biases, caps, windows, further norms) are fields of [`DecoderConfig`]. [`Decoder`] implements [`palinode_core::policy::Policy`] (scoring with gradients) and
//! [`palinode_core::policy::Decode`] (one token after another). It names no backend: every tensor lives on the device it was made on.

mod adapters;
mod attention;
mod cache;
mod cap;
mod config;
mod decode;
mod decoder;
mod error;
mod kernels;
mod linear;
mod lora_layers;
mod low_rank;
mod mask;
mod mlp;
mod norm;
mod ready;
mod recompute;
mod rotary;
mod source;
mod weights;

pub use adapters::{Adapter, LoraConfig};
pub use cache::KvCache;
pub use config::{Activation, DecoderConfig, LayerRope, Rope, RopeScaling};
pub use decoder::Decoder;
pub use error::{LmError, listed};
pub use kernels::{Kernels, WhyTensors};
pub use lora_layers::LoraLayers;
pub use low_rank::LoraTarget;
pub use recompute::BlockInputs;
pub use source::{Parameter, WeightSource};
pub use weights::{trained_bytes, with_trained};
