//! Blocks of 256 numbers whose eight groups have scales and least values of six bits: Q4_K, Q5_K.

use super::half_at;

/// Numbers of a block, and of a group.
const BLOCK: usize = 256;
const GROUP: usize = 32;

/// The scales and least values that twelve bytes hold: six bits of the first four in the low bits of a byte each, and those of the last four over the low or high
/// half of a byte and what is left above of the first.
fn scales(bytes: &[u8]) -> [[u8; 2]; 8] {
    std::array::from_fn(|group| match group.checked_sub(4) {
        None => [bytes[group] & 0x3f, bytes[4 + group] & 0x3f],
        Some(first) => {
            let both = bytes[8 + first];
            [(both & 0x0f) | ((bytes[first] >> 2) & 0x30), (both >> 4) | ((bytes[4 + first] >> 2) & 0x30)]
        }
    })
}

/// Scales times d, and least values times theirs.
fn scaled(block: &[u8]) -> [[f32; 2]; 8] {
    let (d, least) = (half_at(block, 0), half_at(block, 2));
    scales(&block[4..16]).map(|[scale, low]| [d * f32::from(scale), least * f32::from(low)])
}

/// The four bits of a number: two groups share 32 bytes.
fn nibble(bytes: &[u8], number: usize) -> u8 {
    let byte = bytes[GROUP * (number / (2 * GROUP)) + number % GROUP];
    if (number / GROUP).is_multiple_of(2) { byte & 0x0f } else { byte >> 4 }
}

pub(super) fn q4_k(block: &[u8; 144], values: &mut [f32; BLOCK]) {
    let groups = scaled(block);
    for (number, value) in values.iter_mut().enumerate() {
        let [d, least] = groups[number / GROUP];
        *value = d * f32::from(nibble(&block[16..], number)) - least;
    }
}

pub(super) fn q5_k(block: &[u8; 176], values: &mut [f32; BLOCK]) {
    let (groups, high) = (scaled(block), &block[16..48]);
    for (number, value) in values.iter_mut().enumerate() {
        let [d, least] = groups[number / GROUP];
        let fifth = ((high[number % GROUP] >> (number / GROUP)) & 1) << 4;
        *value = d * f32::from(nibble(&block[48..], number) | fifth) - least;
    }
}
