//! From a loss over tokens to a step of the optimiser.
//!
//! | file | what it holds |
//! |---|---|
//! | [`chunked`] | a loss over tokens, differentiated a chunk of logits at a time |
//! | `passes` | the same by passes that are written out, where a model has them |
//! | [`workers`] | pieces of work on several cores, their results in a fixed order |
//! | [`learner`] | micro-batches in parallel, gradients summed in a fixed order, one step |
//! | [`optimizer`] | what takes a step, with a state as bytes; AdamW is one such |
//! | `host` | gradients and weights where the host can read them: the norm, and AdamW's step |
//! | [`rate`] | the learning rate as a function of the step |
//! | `masters` | f32 copies of a narrower model's weights, which the optimiser works on |

pub mod chunked;
pub(crate) mod host;
pub mod learner;
mod masters;
pub mod optimizer;
pub(crate) mod passes;
pub mod rate;
pub mod workers;

pub(crate) use masters::Masters;
