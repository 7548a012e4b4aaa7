//! Blocks of 32 numbers with one scale d, and in some a least value m: d·q or d·q + m.

use super::{half_at, plain::to_f16};

/// Numbers of a block.
const BLOCK: usize = 32;
/// Half of them, whose low and high four bits share bytes.
const HALF: usize = BLOCK / 2;

/// The four bits of a number: the low ones of a byte in the first half of a block, the high ones in the second.
pub(super) fn nibble(bytes: &[u8], number: usize) -> u8 {
    let byte = bytes[number % HALF];
    if number < HALF { byte & 0x0f } else { byte >> 4 }
}

/// The fifth bit of a number, where four bytes have one for each.
fn fifth(bytes: &[u8], number: usize) -> u8 {
    ((bytes[number / 8] >> (number % 8)) & 1) << 4
}

pub(super) fn q4_0(block: &[u8; 18], values: &mut [f32; BLOCK]) {
    let d = half_at(block, 0);
    for (number, value) in values.iter_mut().enumerate() {
        *value = d * (f32::from(nibble(&block[2..], number)) - 8.0);
    }
}

pub(super) fn q4_1(block: &[u8; 20], values: &mut [f32; BLOCK]) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    for (number, value) in values.iter_mut().enumerate() {
        *value = d * f32::from(nibble(&block[4..], number)) + m;
    }
}

pub(super) fn q5_0(block: &[u8; 22], values: &mut [f32; BLOCK]) {
    let d = half_at(block, 0);
    for (number, value) in values.iter_mut().enumerate() {
        let q = nibble(&block[6..], number) | fifth(&block[2..6], number);
        *value = d * (f32::from(q) - 16.0);
    }
}

pub(super) fn q5_1(block: &[u8; 24], values: &mut [f32; BLOCK]) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    for (number, value) in values.iter_mut().enumerate() {
        let q = nibble(&block[8..], number) | fifth(&block[4..8], number);
        *value = d * f32::from(q) + m;
    }
}

pub(super) fn q8_0(block: &[u8; 34], values: &mut [f32; BLOCK]) {
    let d = half_at(block, 0);
    for (value, &q) in values.iter_mut().zip(&block[2..]) {
        *value = f32::from(q as i8) * d;
    }
}

/// The largest number becomes ±127; all are rounded to the nearest, away from zero between two.
pub(super) fn to_q8_0(values: &[f32; BLOCK]) -> [u8; 34] {
    let d = values.iter().fold(0.0f32, |most, value| most.max(value.abs())) / 127.0;
    let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
    let mut block = [0; 34];
    block[..2].copy_from_slice(&to_f16(d));
    for (q, value) in block[2..].iter_mut().zip(values) {
        *q = (value * inverse).round() as i8 as u8;
    }
    block
}
