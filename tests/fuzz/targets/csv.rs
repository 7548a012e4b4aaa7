//! `cargo fuzz run csv`: see `palinode_fuzz::csv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::csv, input));
