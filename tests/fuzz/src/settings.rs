//! What a person sets.

use std::path::Path;

use palinode::{config::RunConfig, device, setup::Setup};

use crate::{flex, put};

/// A configuration file: what is read survives being written, and settings that open no file of their own are opened.
pub fn config(input: &[u8], folder: &Path) {
    let read = |text: &[u8]| {
        put(folder, "config.toml", text);
        RunConfig::read(&folder.join("config.toml"))
    };
    let Ok(config) = read(input) else { return };
    let _ = config.task.layout().map(|layout| layout.verifier.build());
    let checked = config.train.check();
    if config.task.data.is_none() && config.pretrained.is_none() {
        let setup = Setup::open(&config, &flex());
        assert!(checked.is_ok() || setup.is_err(), "what is refused alone was accepted: {checked:?}");
    }
    // Some numbers of the format are no numbers of TOML; then it can't be written, and says so.
    let Ok(text) = config.to_toml() else { return };
    let again = read(text.as_bytes()).expect("what was written can be read");
    assert_eq!(again.to_toml().expect("what was read can be written"), text);
}

/// A device's name.
pub fn devices(input: &[u8], _: &Path) {
    let Ok(name) = std::str::from_utf8(input) else { return };
    match device::open(name) {
        Ok(opened) => assert!(name.starts_with(opened.backend.name()), "{name} opened {}", opened.backend.name()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
