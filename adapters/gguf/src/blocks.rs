//! What the blocks of each type mean in f32, and how those that are written are made.
//!
//! Source: `ggml-quants.c` in <https://github.com/ggml-org/ggml>, and `quants.py` of the Python package `gguf` 0.19, whose numbers these are bit for bit.

mod indexed;
mod plain;
mod scaled;
mod sums;
mod superblocks;

use crate::kind::Kind;

/// Appends the numbers of whole blocks; bytes of a block that is not whole are left out.
pub(crate) fn decode(kind: Kind, bytes: &[u8], values: &mut Vec<f32>) {
    match kind {
        Kind::F32 => plain::decode(bytes, f32::from_le_bytes, values),
        Kind::F16 => plain::decode(bytes, plain::of_f16, values),
        Kind::BF16 => plain::decode(bytes, plain::of_bf16, values),
        Kind::Q4_0 => each(bytes, values, scaled::q4_0),
        Kind::Q4_1 => each(bytes, values, scaled::q4_1),
        Kind::Q5_0 => each(bytes, values, scaled::q5_0),
        Kind::Q5_1 => each(bytes, values, scaled::q5_1),
        Kind::Q8_0 => each(bytes, values, scaled::q8_0),
        Kind::Q2K => each(bytes, values, superblocks::q2_k),
        Kind::Q3K => each(bytes, values, superblocks::q3_k),
        Kind::Q4K => each(bytes, values, sums::q4_k),
        Kind::Q5K => each(bytes, values, sums::q5_k),
        Kind::Q6K => each(bytes, values, superblocks::q6_k),
        Kind::Iq4Nl => each(bytes, values, indexed::iq4_nl),
    }
}

/// Appends the blocks of numbers whose count is a multiple of a block's. `None` for a type that is read only.
///
/// A number that the type can't hold becomes infinite or something that is none.
pub(crate) fn encode(kind: Kind, values: &[f32]) -> Option<Vec<u8>> {
    match kind {
        Kind::F32 => Some(plain::encode(values, f32::to_le_bytes)),
        Kind::F16 => Some(plain::encode(values, plain::to_f16)),
        Kind::BF16 => Some(plain::encode(values, plain::to_bf16)),
        Kind::Q8_0 => Some(values.as_chunks().0.iter().flat_map(scaled::to_q8_0).collect()),
        _ => None,
    }
}

/// Goes through blocks of `BYTES` bytes that hold `VALUES` numbers.
fn each<const BYTES: usize, const VALUES: usize>(
    bytes: &[u8],
    values: &mut Vec<f32>,
    decode: fn(&[u8; BYTES], &mut [f32; VALUES]),
) {
    let mut block = [0.0; VALUES];
    for bytes in bytes.as_chunks().0 {
        decode(bytes, &mut block);
        values.extend_from_slice(&block);
    }
}

/// The half at a place.
fn half_at(bytes: &[u8], place: usize) -> f32 {
    plain::of_f16([bytes[place], bytes[place + 1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_lengths_of_the_table() {
        for kind in Kind::all() {
            let mut values = Vec::new();
            decode(kind, &vec![0; 3 * kind.block_bytes() + kind.block_bytes() / 2], &mut values);
            assert_eq!(values.len(), 3 * kind.block_values(), "{}", kind.name());
            if let Some(bytes) = encode(kind, &values) {
                assert_eq!(bytes.len(), 3 * kind.block_bytes(), "{}", kind.name());
            }
        }
    }
}
