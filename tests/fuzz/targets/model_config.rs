//! `cargo fuzz run model_config`: see `palinode_fuzz::model_config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::model_config, input));
