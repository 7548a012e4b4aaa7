//! The types that tensors are stored in.

/// How the numbers of a tensor are stored: in blocks of some values in some bytes.
///
/// Source: `enum ggml_type` and the blocks of `ggml-common.h` in <https://github.com/ggml-org/ggml>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// 32 bits.
    F32,
    /// 16 bits of IEEE 754.
    F16,
    /// The upper 16 bits of an F32.
    BF16,
    /// 4 bits a value, a scale for 32.
    Q4_0,
    /// 4 bits a value, a scale and a least value for 32.
    Q4_1,
    /// 5 bits a value, a scale for 32.
    Q5_0,
    /// 5 bits a value, a scale and a least value for 32.
    Q5_1,
    /// 8 bits a value, a scale for 32.
    Q8_0,
    /// 2 bits a value, scales and least values of 4 bits for 16 of 256.
    Q2K,
    /// 3 bits a value, scales of 6 bits for 16 of 256.
    Q3K,
    /// 4 bits a value, scales and least values of 6 bits for 32 of 256.
    Q4K,
    /// 5 bits a value, scales and least values of 6 bits for 32 of 256.
    Q5K,
    /// 6 bits a value, scales of 8 bits for 16 of 256.
    Q6K,
    /// 4 bits a value that name one of 16 values, a scale for 32.
    Iq4Nl,
}

/// Number in a file, name, values a block, bytes a block.
const KINDS: [(Kind, u32, &str, usize, usize); 14] = [
    (Kind::F32, 0, "F32", 1, 4),
    (Kind::F16, 1, "F16", 1, 2),
    (Kind::Q4_0, 2, "Q4_0", 32, 18),
    (Kind::Q4_1, 3, "Q4_1", 32, 20),
    (Kind::Q5_0, 6, "Q5_0", 32, 22),
    (Kind::Q5_1, 7, "Q5_1", 32, 24),
    (Kind::Q8_0, 8, "Q8_0", 32, 34),
    (Kind::Q2K, 10, "Q2_K", 256, 84),
    (Kind::Q3K, 11, "Q3_K", 256, 110),
    (Kind::Q4K, 12, "Q4_K", 256, 144),
    (Kind::Q5K, 13, "Q5_K", 256, 176),
    (Kind::Q6K, 14, "Q6_K", 256, 210),
    (Kind::Iq4Nl, 20, "IQ4_NL", 32, 18),
    (Kind::BF16, 30, "BF16", 1, 2),
];

/// Types that are not read, by their number, for a message that names them.
const OTHERS: [(u32, &str); 21] = [
    (4, "Q4_2"),
    (5, "Q4_3"),
    (9, "Q8_1"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
];

impl Kind {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|row| row.0)
    }

    /// The type of this number in a file; otherwise what the number stands for, in words.
    pub(crate) fn of_number(number: u32) -> Result<Self, String> {
        match KINDS.iter().find(|row| row.1 == number) {
            Some(row) => Ok(row.0),
            None => Err(match OTHERS.iter().find(|other| other.0 == number) {
                Some((_, name)) => format!("{name} (type {number})"),
                None => format!("type {number}, which is unknown"),
            }),
        }
    }

    /// Its number in a file.
    pub fn number(self) -> u32 {
        self.row().1
    }

    /// Its name, as llama.cpp has it.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// Values a block.
    pub fn block_values(self) -> usize {
        self.row().3
    }

    /// Bytes a block.
    pub fn block_bytes(self) -> usize {
        self.row().4
    }

    /// Whether each number stands for itself, as no scale is shared.
    pub fn is_plain(self) -> bool {
        self.block_values() == 1
    }

    fn row(self) -> &'static (Self, u32, &'static str, usize, usize) {
        // The table has a row for each of them, which a test sees to.
        KINDS.iter().find(|row| row.0 == self).unwrap_or(&KINDS[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_by_its_number_and_no_other_is() {
        for kind in Kind::all() {
            assert_eq!(Kind::of_number(kind.number()), Ok(kind));
            assert_eq!(kind.row().0, kind);
        }
        assert_eq!(Kind::of_number(16), Err("IQ2_XXS (type 16)".into()));
        assert_eq!(Kind::of_number(u32::MAX), Err("type 4294967295, which is unknown".into()));
        assert!(OTHERS.iter().all(|(number, _)| Kind::of_number(*number).is_err()));
    }
}
