//! Peak memory of a gradient: what it grows with.

#![cfg(target_os = "linux")]

use std::process::Command;

/// MiB above the model, as the example measures them in a process of its own.
fn peak(arguments: &[usize]) -> f64 {
    let arguments = arguments.iter().map(usize::to_string);
    let done = Command::new(env!("CARGO_BIN_EXE_peak_memory")).args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().parse().unwrap()
}

#[test]
fn peak_memory_grows_with_the_chunk_and_not_with_the_tokens() {
    let (few, many, wide) = (peak(&[128, 32]), peak(&[512, 32]), peak(&[512, 128]));
    assert!(many < 1.5 * few, "{few} MiB for 128 tokens, {many} for 512");
    assert!(wide > 2.0 * many, "{many} MiB for chunks of 32, {wide} for chunks of 128");
}

#[test]
fn activations_that_are_computed_again_are_not_held() {
    let [kept, again, kernels, kernels_again] = [0, 1, 2, 3].map(|way| peak(&[256, 8, way]));
    assert!(again < 0.5 * kept, "{kept} MiB with activations kept, {again} with them computed again");
    assert!(kernels < 0.7 * kept, "{kept} MiB with activations kept, {kernels} with passes that are written out");
    assert!(kernels_again < 0.6 * kernels, "{kernels} MiB with passes that are written out, {kernels_again} computing again");
}
