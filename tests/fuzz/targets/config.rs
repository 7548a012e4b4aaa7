//! `cargo fuzz run config`: see `palinode_fuzz::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::config, input));
