#!/usr/bin/env bash
# burn-flex 0.22.1 (burn's CPU backend, with its default features): `sum` of one and the same f32 tensor has different last bits from call to call, in one process, once the
# tensor has 4 Mi numbers (an embedding of 33 000 words in 128 dimensions) and rayon has more than one thread. Chunks are summed in whatever groups the threads happened to
# form. A gradient's norm that is summed like this, and clips it, makes a training run differ from its own repetition. Smaller tensors, and one thread, give one value.
#
# Seen, 400 sums each, two cores:   16 Mi numbers, 2 to 8 threads: 2 to 5 values    5 Mi, 2 and 3 threads: 2 values (4 and 8 threads: 1)    1 thread: 1 value    3 Mi: 1 value
#
# Needs cargo and the package registry; compiles for some minutes. Leaves 0 while this is so, 1 once it has changed.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
mkdir src
cat > Cargo.toml << 'TOML'
[package]
name = "sums"
version = "0.0.0"
edition = "2024"

[dependencies]
burn-tensor = { version = "=0.22.1", default-features = false, features = ["std", "flex", "rayon", "simd"] }
TOML
cat > src/main.rs << 'RUST'
use std::collections::BTreeSet;

use burn_tensor::{Device, Tensor, TensorData};

fn main() {
    let mebi: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let number = |i: u32| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32 - 0.5;
    let numbers: Vec<f32> = (0..(mebi << 20) as u32).map(number).collect();
    let length = [numbers.len()];
    let tensor = Tensor::<1>::from_data(TensorData::new(numbers, length), &Device::flex());
    let sums: BTreeSet<u32> = (0..400).map(|_| tensor.clone().sum().into_scalar::<f32>().to_bits()).collect();
    println!("{}", sums.len());
}
RUST
cargo install --quiet --debug --path . --root .
values() { RAYON_NUM_THREADS=$2 bin/sums "$1"; }
large=$(values 16 2) single=$(values 16 1) small=$(values 3 2)
echo "400 sums: 16 Mi numbers, 2 threads: $large values; 16 Mi, 1 thread: $single; 3 Mi, 2 threads: $small"
[ "$large" -gt 1 ] && [ "$single" = 1 ] && [ "$small" = 1 ]
