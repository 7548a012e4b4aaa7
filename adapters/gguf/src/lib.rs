#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! The format alone: what a tensor's name means to a model stands in `palinode-hf`.
//!
//! | file | what it holds |
//! |---|---|
//! | `metadata` | keys and typed values |
//! | `reader` | a file's header, checked against its length; its tensors, one at a time |
//! | `bytes` | a bounded stream of little-endian numbers |
//! | `blocks` | what the bytes of each type mean in f32, and how some are made |
//! | `writer` | a file that is written |
//! | `kind` | the types of tensors: block lengths and sizes |
//!
//! Why a reader of our own: of the crates that were looked at, candle-core 0.11 brings a second tensor library of which much is `unsafe` and knows no IQ4_NL, ggus
//! 0.5 reads through unchecked pointers, gguf-rs-lib 0.3 dequantises nothing, and gguf 0.1 knows no tensor's data.
//!
//! Source of the format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

mod blocks;
mod bytes;
mod error;
mod kind;
mod metadata;
mod reader;
mod writer;

pub use error::GgufError;
pub use kind::Kind;
pub use metadata::{List, Metadata, Value};
pub use reader::{File, Tensor};
pub use writer::Writer;
