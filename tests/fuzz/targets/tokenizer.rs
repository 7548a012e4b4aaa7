//! `cargo fuzz run tokenizer`: see `palinode_fuzz::tokenizer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::tokenizer, input));
