//! `cargo fuzz run adapters`: see `palinode_fuzz::adapters`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::adapters, input));
