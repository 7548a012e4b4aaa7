//! `cargo fuzz run metrics`: see `palinode_fuzz::metrics`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::metrics, input));
