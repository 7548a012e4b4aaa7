//! The laws of the method, one a test, named after the law, with its source.

mod advantage;
mod credit;
mod gradient;
mod kl;
mod loss;
mod oracle;
mod own;
mod rollout;
mod shaping;
mod transitions;
