//! Numbers that stand for themselves: F32, F16, BF16.

use half::{bf16, f16};

pub(super) fn of_f16(bytes: [u8; 2]) -> f32 {
    f16::from_le_bytes(bytes).to_f32()
}

pub(super) fn of_bf16(bytes: [u8; 2]) -> f32 {
    bf16::from_le_bytes(bytes).to_f32()
}

/// The nearest half, the even one of two.
pub(super) fn to_f16(value: f32) -> [u8; 2] {
    f16::from_f32(value).to_le_bytes()
}

/// The nearest, the even one of two.
pub(super) fn to_bf16(value: f32) -> [u8; 2] {
    bf16::from_f32(value).to_le_bytes()
}

pub(super) fn decode<const N: usize>(bytes: &[u8], of: fn([u8; N]) -> f32, values: &mut Vec<f32>) {
    values.extend(bytes.as_chunks().0.iter().map(|bytes| of(*bytes)));
}

pub(super) fn encode<const N: usize>(values: &[f32], to: fn(f32) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| to(value)).collect()
}
