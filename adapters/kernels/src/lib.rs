#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! A transformer's passes on the CPU, written out.
//!
//! Tensor operations read and write whole tensors one after another, keep all of them for automatic differentiation, and cost some time each. For a model
//! of a few million parameters on a few cores that is most of the time. Here the passes of `palinode_lm::Decoder` are loops over slices instead: matrix
//! products by `matmul`, everything between two products in one loop, gradients by hand, rows of any length one after another without padding.
//!
//! | file | what |
//! |---|---|
//! | `decoder` | embedding and blocks, forward and backward |
//! | `block` | one block |
//! | `tokens` | rows one after another, what they have in common once |
//! | `attention`, `gated`, `norm`, `rotary`, `projection`, `low_rank` | its parts |
//! | `head` | logits, log-probabilities, exact KL, and their gradient |
//! | `cache`, `packed` | prefill, and decoding on top of it; matrices packed for it |
//! | `matmul`, `simd`, `rows`, `buffer` | what all of them are made of |
//! | `numbers`, `stored` | the bridge to burn's tensors; numbers of 32 bits and of 16 |
//! | `isa` | the instruction set that all of it runs on |
//!
//! Everything is computed in f32, also where matrices are stored in half precision, and runs on the calling thread; results depend on nothing but the numbers given, to the bit: not on the instruction set
//! ([`isa()`]), caches or the system's mathematics library. Callers see to it that tokens are in the vocabulary
//! and rows within the rotary tables; slices of other lengths than the shape says, and norms, biases or adapters in half precision, are a panic.

mod attention;
mod block;
mod buffer;
mod cache;
mod decoder;
mod gated;
mod head;
mod isa;
mod low_rank;
mod matmul;
mod norm;
mod numbers;
mod packed;
mod parameters;
mod projection;
mod rotary;
mod rows;
mod shape;
mod simd;
mod stored;
mod tokens;

pub use buffer::Buffer;
pub use cache::Cache;
pub use decoder::{BlockRecord, Lower, Passes, Tape};
pub use head::{Distribution, Diverging, Scored};
pub use isa::{Isa, UnknownIsa, isa, limit};
pub use low_rank::{Adapter, Dropout, LowRank};
pub use numbers::Numbers;
pub use packed::{PackedAdapters, PackedDecoder};
pub use parameters::{BlockParameters, Parameters, Projection};
pub use rotary::Rotary;
pub use shape::{Gate, Shape};
pub use stored::Stored;
pub use tokens::PackedRows;
