//! Peak memory of a gradient over a large vocabulary grows with the chunk of logits, not with the number of tokens.

#![cfg(target_os = "linux")]

use std::process::Command;

/// MiB above the model, as the example measures them in a process of its own.
fn peak(tokens: usize, chunk: usize) -> f64 {
    let done = Command::new(env!("CARGO_BIN_EXE_peak_memory")).args([tokens.to_string(), chunk.to_string()]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().parse().unwrap()
}

#[test]
fn peak_memory_grows_with_the_chunk_and_not_with_the_tokens() {
    let (few, many, wide) = (peak(128, 32), peak(512, 32), peak(512, 128));
    assert!(many < 1.5 * few, "{few} MiB for 128 tokens, {many} for 512");
    assert!(wide > 2.0 * many, "{many} MiB for chunks of 32, {wide} for chunks of 128");
}
