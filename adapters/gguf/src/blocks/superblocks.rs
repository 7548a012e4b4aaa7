//! Blocks of 256 numbers whose sixteen groups have scales of their own: Q2_K, Q3_K, Q6_K.

use super::half_at;

/// Numbers of a block, and of a group.
const BLOCK: usize = 256;
const GROUP: usize = 16;

/// Two bits of a number: each half of a block has 32 bytes, and each quarter of that half two bits of all of them.
fn pair(bytes: &[u8], number: usize) -> u8 {
    let (half, quarter) = (number / 128, number % 128 / 32);
    (bytes[32 * half + number % 32] >> (2 * quarter)) & 3
}

/// Two bits a number, a scale and a least value of four bits for each group.
pub(super) fn q2_k(block: &[u8; 84], values: &mut [f32; BLOCK]) {
    let (scales, pairs) = (&block[..16], &block[16..80]);
    let (d, least) = (half_at(block, 80), half_at(block, 82));
    for (number, value) in values.iter_mut().enumerate() {
        let scale = scales[number / GROUP];
        *value = d * f32::from(scale & 0x0f) * f32::from(pair(pairs, number)) - least * f32::from(scale >> 4);
    }
}

/// Three bits a number, the highest of which is a mask that takes 4 away where it is not set; scales of six bits.
pub(super) fn q3_k(block: &[u8; 110], values: &mut [f32; BLOCK]) {
    let (masks, pairs, scales) = (&block[..32], &block[32..96], &block[96..108]);
    let d = half_at(block, 108);
    let scale = |group: usize| {
        let low = if group < 8 { scales[group] & 0x0f } else { scales[group - 8] >> 4 };
        let high = (scales[8 + group % 4] >> (2 * (group / 4))) & 3;
        f32::from(low | (high << 4)) - 32.0
    };
    for (number, value) in values.iter_mut().enumerate() {
        let taken = if (masks[number % 32] >> (number / 32)) & 1 == 1 { 0.0 } else { 4.0 };
        *value = d * scale(number / GROUP) * (f32::from(pair(pairs, number)) - taken);
    }
}

/// Six bits a number, scales of eight.
pub(super) fn q6_k(block: &[u8; 210], values: &mut [f32; BLOCK]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = half_at(block, 208);
    for (number, value) in values.iter_mut().enumerate() {
        let byte = low[64 * (number / 128) + number % 64];
        let nibble = if number % 128 < 64 { byte & 0x0f } else { byte >> 4 };
        let q = nibble | (pair(high, number) << 4);
        *value = d * f32::from(scales[number / GROUP] as i8) * (f32::from(q) - 32.0);
    }
}
