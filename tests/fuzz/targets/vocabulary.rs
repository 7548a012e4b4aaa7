//! `cargo fuzz run vocabulary`: see `palinode_fuzz::vocabulary`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::vocabulary, input));
