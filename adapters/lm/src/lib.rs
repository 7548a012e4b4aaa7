//! A transformer policy for palinode: decoder-only, with a preallocated KV cache and incremental decoding.
//!
//! RMSNorm before each block, rotary positions, grouped-query attention, SwiGLU, tied or untied output: the shape of today's small
//! language models. [`Decoder`] implements [`palinode_core::policy::Policy`] (scoring with gradients) and
//! [`palinode_core::policy::Decode`] (one token after another). It names no backend: every tensor lives on the device it was made on.

mod attention;
mod cache;
mod config;
mod decode;
mod decoder;
mod error;
mod mlp;
mod norm;
mod rotary;
mod weights;

pub use cache::KvCache;
pub use config::DecoderConfig;
pub use decoder::Decoder;
pub use error::LmError;
