//! `cargo fuzz run template`: see `palinode_fuzz::template`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::template, input));
