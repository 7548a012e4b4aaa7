//! Small integers, packed in bits or run-length encoded, as levels, indices of dictionaries and booleans are.
//!
//! Source: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use super::Parse;

/// The `width` bits, at most 64, that start at bit `start`.
pub(super) fn bits(data: &[u8], start: usize, width: usize) -> Parse<u64> {
    let bytes = data.get(start / 8..(start + width).div_ceil(8)).ok_or("a page is cut off")?;
    let whole = bytes.iter().rev().fold(0_u128, |bits, &byte| bits << 8 | u128::from(byte));
    let mask = (1_u128 << width) - 1;
    Ok((whole >> (start % 8) & mask) as u64)
}

/// The integer in groups of seven bits at `at`, which moves past it.
pub(super) fn varint(data: &[u8], at: &mut usize) -> Parse<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *data.get(*at).ok_or("a page is cut off")?;
        *at += 1;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("an integer is too long".into())
}

/// Reads runs of one value and of packed values.
#[derive(Debug)]
pub(super) struct Hybrid {
    /// Where the next run starts.
    at: usize,
    end: usize,
    width: usize,
    run: Run,
    left: u64,
}

#[derive(Debug, Clone, Copy)]
enum Run {
    Same(u32),
    /// Bits from here on.
    Packed(usize),
}

impl Hybrid {
    /// Runs of values of `width` bits, at most 32, in a part of a page.
    pub(super) fn new(part: std::ops::Range<usize>, width: usize) -> Parse<Self> {
        if width > 32 {
            return Err(format!("integers of {width} bits"));
        }
        Ok(Self { at: part.start, end: part.end, width, run: Run::Same(0), left: 0 })
    }

    pub(super) fn next(&mut self, page: &[u8]) -> Parse<u32> {
        let data = page.get(..self.end).ok_or("a page is cut off")?;
        while self.left == 0 {
            self.start_run(data)?;
        }
        self.left -= 1;
        match &mut self.run {
            Run::Same(value) => Ok(*value),
            Run::Packed(bit) => {
                let value = bits(data, *bit, self.width)?;
                *bit += self.width;
                Ok(value as u32)
            }
        }
    }

    fn start_run(&mut self, data: &[u8]) -> Parse<()> {
        let head = varint(data, &mut self.at)?;
        if head & 1 == 0 {
            let bytes = self.width.div_ceil(8);
            self.left = head >> 1;
            self.run = Run::Same(bits(data, self.at * 8, bytes * 8)? as u32);
            self.at += bytes;
        } else {
            self.left = (head >> 1).saturating_mul(8);
            self.run = Run::Packed(self.at * 8);
            // A last run may be cut off after the values that are used.
            let bytes = usize::try_from(head >> 1).unwrap_or(usize::MAX).saturating_mul(self.width);
            self.at = self.at.saturating_add(bytes).min(data.len());
        }
        Ok(())
    }
}

/// The bits that hold a level up to `max`.
pub(super) fn width_of(max: u32) -> usize {
    (u32::BITS - max.leading_zeros()) as usize
}
