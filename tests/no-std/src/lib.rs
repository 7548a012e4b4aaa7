//! The method at work without the standard library: it plays, scores, differentiates and learns.
//!
//! ```text
//! cargo build -p palinode-no-std --profile no-std --target riscv32imac-unknown-none-elf
//! qemu-riscv32 target/riscv32imac-unknown-none-elf/no-std/palinode-no-std
//!
//! cargo build -p palinode-no-std --profile no-std --target wasm32-unknown-unknown
//! cargo run --release -p palinode-no-std-runner -- target/wasm32-unknown-unknown/no-std/palinode-no-std.wasm
//! ```
//!
//! The first is the proof: its target has no `std`, and below the program is only the processor. Where there is an operating system,
//! and on the web, burn 0.22 itself links `std` whatever its features (burn-std → cubecl-common → cubecl-environment → web-time);
//! there the second shows that the same code asks its host for nothing.

#![no_std]
extern crate alloc;

mod bandit;
mod bits;
mod by_hand;
mod learning;

use burn_tensor::Device;

/// What did not hold. The numbers are exit statuses; 1 is left to what runs the program, and 101 is a panic's.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
enum Failure {
    /// The core refused something that is valid.
    Refused = 2,
    /// A loss is not the one worked out by hand.
    Loss = 3,
    /// A gradient is not the one worked out by hand.
    Gradient = 4,
    /// Stage I's anchor did not bring the first attempt back to the reference.
    Anchor = 5,
    /// Stage I did not teach the second attempt.
    SecondStayed = 6,
    /// Stage II did not lift the first attempt.
    FirstStayed = 7,
    /// Stage II lost what the second attempt had learnt.
    SecondLost = 8,
    /// Numbers have other bits here than elsewhere.
    Bits = 9,
}

impl From<palinode_core::Error> for Failure {
    fn from(_: palinode_core::Error) -> Self {
        Self::Refused
    }
}

/// Checks everything: 0 when all holds, else the number of the first thing that does not.
pub fn run() -> u32 {
    let device = Device::flex();
    match bits(&device).and_then(|()| by_hand::by_hand(&device)).and_then(|()| learning::learn(&device)) {
        Ok(()) => 0,
        Err(failure) => failure as u32,
    }
}

/// Compares random numbers, functions and choices with what was recorded, bit by bit.
fn bits(device: &Device) -> Result<(), Failure> {
    learning::require(bits::digest(device)? == bits::RECORDED, Failure::Bits)
}
