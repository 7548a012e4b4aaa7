//! `cargo fuzz run parquet`: see `palinode_fuzz::parquet`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::parquet, input));
