//! `cargo fuzz run manifest`: see `palinode_fuzz::manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::manifest, input));
