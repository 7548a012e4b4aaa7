//! `cargo fuzz run gguf`: see `palinode_fuzz::gguf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::gguf, input));
