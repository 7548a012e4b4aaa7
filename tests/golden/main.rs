//! Against values that PyTorch computed in float64 from the formulas alone: `generate.py`, beside this file, makes them.
//!
//! Most are checked in f64 on flex, so the tolerances are those of the f32 numbers that go in. The conformance suite checks the decoder's
//! values again on every backend.

mod adamw;
mod advantages;
mod decoder;
mod kl;
mod sampling;
