//! The processor, and the instruction set of it that a model's passes run on.

use std::env::{VarError, consts::ARCH, var};

use palinode_kernels::{Isa, UnknownIsa, isa, limit};

use super::{Failure, failure::USAGE};

/// The environment variable that keeps a command to narrower vectors, for comparisons between machines.
const LIMIT: &str = "PALINODE_ISA";

/// `x86_64 v3`: what a run's folder and `palinode doctor` call the processor.
pub(super) fn name() -> String {
    format!("{ARCH} {}", isa())
}

/// Keeps this process to the instruction set that the environment names, if it names one.
pub(super) fn limit_as_asked() -> Result<(), Failure> {
    match var(LIMIT) {
        // As with a variable that is not set.
        Ok(name) if name.is_empty() => Ok(()),
        Ok(name) => {
            let most: Isa = name.parse().map_err(|error: UnknownIsa| Failure::new(USAGE, format!("{LIMIT}: {error}")))?;
            limit(most);
            Ok(())
        }
        Err(VarError::NotPresent) => Ok(()),
        Err(VarError::NotUnicode(name)) => Err(Failure::new(USAGE, format!("{LIMIT}: no instruction set is called {name:?}"))),
    }
}
