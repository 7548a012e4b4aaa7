//! `cargo fuzz run checkpoint`: see `palinode_fuzz::checkpoint`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::checkpoint, input));
