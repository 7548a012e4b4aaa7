//! `cargo fuzz run weights`: see `palinode_fuzz::weights`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::weights, input));
