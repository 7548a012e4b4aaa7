//! Devices by name.

use palinode_train::TrainError;

/// A device by its name; today `flex`, the CPU.
///
/// # Errors
/// [`TrainError::Config`] for an unknown name, or one whose backend was not compiled in.
pub fn open(name: &str) -> Result<burn::tensor::Device, TrainError> {
    match name {
        #[cfg(feature = "flex")]
        palinode_flex::NAME => Ok(palinode_flex::device()),
        other => Err(TrainError::Config {
            name: "device",
            expected: format!("one of the compiled-in backends ({})", names().join(", ")),
            got: format!("`{other}`"),
        }),
    }
}

/// Names of the compiled-in backends.
pub fn names() -> Vec<&'static str> {
    let mut names = Vec::new();
    if cfg!(feature = "flex") {
        names.push("flex");
    }
    names
}
