//! `cargo fuzz run devices`: see `palinode_fuzz::devices`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::devices, input));
