//! The same bits on every machine: promise of this project.

use palinode_tests::device;

use crate::bits::{RECORDED, digest};

/// With `std` here, without it in `tests/no-std` (soft floats on RISC-V, WebAssembly): one record.
#[test]
fn the_core_gives_the_same_bits_with_and_without_std() {
    let found = digest(&device()).unwrap();
    assert_eq!(found, RECORDED, "{found:#x}");
}
