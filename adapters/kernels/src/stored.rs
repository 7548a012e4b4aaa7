//! Numbers as a model keeps them: in f32, or in half the memory and widened where they are needed.

use core::ops::Range;

use half::{bf16, f16};

/// Numbers in one of the types that the passes know.
#[derive(Debug, Clone, Copy)]
pub enum Stored<'a> {
    /// Four bytes each.
    F32(&'a [f32]),
    /// The upper half of an f32 each.
    Bf16(&'a [bf16]),
    /// IEEE 754's binary16.
    F16(&'a [f16]),
}

impl<'a> Stored<'a> {
    /// How many they are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(numbers) => numbers.len(),
            Self::Bf16(numbers) => numbers.len(),
            Self::F16(numbers) => numbers.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers themselves, where they are f32.
    pub fn floats(self) -> Option<&'a [f32]> {
        match self {
            Self::F32(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// All of them in f32, exactly.
    pub fn to_f32(self) -> Vec<f32> {
        let mut wide = vec![0.0; self.len()];
        self.read(0..self.len(), &mut wide);
        wide
    }

    /// Whether these are the same numbers, at the same place in memory.
    pub fn is_same(&self, other: &Stored<'_>) -> bool {
        match (self, other) {
            (Self::F32(one), Stored::F32(other)) => core::ptr::eq(*one, *other),
            (Self::Bf16(one), Stored::Bf16(other)) => core::ptr::eq(*one, *other),
            (Self::F16(one), Stored::F16(other)) => core::ptr::eq(*one, *other),
            _ => false,
        }
    }

    /// Those of a norm, a bias or an adapter, which callers give in f32.
    pub(crate) fn plain(self) -> &'a [f32] {
        self.floats().expect("norms, biases and adapters are given in f32")
    }

    /// Some of them in f32, exactly.
    pub(crate) fn read(self, range: Range<usize>, out: &mut [f32]) {
        match self {
            Self::F32(numbers) => out.copy_from_slice(&numbers[range]),
            Self::Bf16(numbers) => widen(&numbers[range], out),
            Self::F16(numbers) => widen(&numbers[range], out),
        }
    }
}

/// A number that an f32 holds exactly.
pub(crate) trait Narrow: Copy + Default + Send + Sync {
    fn wide(self) -> f32;
}

impl Narrow for f32 {
    #[inline(always)]
    fn wide(self) -> f32 {
        self
    }
}

impl Narrow for bf16 {
    #[inline(always)]
    fn wide(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
}

impl Narrow for f16 {
    /// Without a branch, for vectors: the exponents' offset differs by 112; numbers below the least normal one are whole multiples of 2⁻²⁴.
    #[inline(always)]
    fn wide(self) -> f32 {
        const OFFSET: u32 = 112 << 23;
        const LEAST: f32 = 1.0 / (1 << 24) as f32;
        let bits = u32::from(self.to_bits());
        let (sign, size) = ((bits & 0x8000) << 16, bits & 0x7fff);
        let normal = (size << 13) + OFFSET;
        let small = (size as i32 as f32 * LEAST).to_bits();
        let endless = (size << 13) | 0x7f80_0000;
        let found = if size < 0x0400 { small } else { normal };
        f32::from_bits(sign | if size >= 0x7c00 { endless } else { found })
    }
}

/// All of them in f32.
#[inline(always)]
pub(crate) fn widen<N: Narrow>(numbers: &[N], out: &mut [f32]) {
    for (out, &number) in out.iter_mut().zip(numbers) {
        *out = number.wide();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_number_is_what_it_was() {
        for bits in 0..=u16::MAX {
            let (short, brain) = (f16::from_bits(bits), bf16::from_bits(bits));
            for (found, expected) in [(short.wide(), short.to_f32()), (brain.wide(), brain.to_f32())] {
                assert!(
                    found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
                    "{bits:#06x}: {found} {expected}"
                );
            }
        }
    }
}
