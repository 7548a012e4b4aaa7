//! `cargo fuzz run jsonl`: see `palinode_fuzz::jsonl`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| palinode_fuzz::run(palinode_fuzz::jsonl, input));
