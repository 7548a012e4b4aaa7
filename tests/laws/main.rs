//! The laws of the method, one a test, named after the law, with its source.

extern crate alloc;

mod advantage;
#[path = "../no-std/src/bits.rs"]
mod bits;
mod credit;
mod gradient;
mod kl;
mod loss;
mod machines;
mod oracle;
mod own;
mod rollout;
mod shaping;
mod transitions;
