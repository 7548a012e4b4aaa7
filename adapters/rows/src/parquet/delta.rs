//! Integers as packed differences, DELTA_BINARY_PACKED.
//!
//! Source: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use super::{
    Parse,
    bits::{bits, varint},
};

/// Writers have 128 values in 4 parts; the format sets no bound.
const MAX_BLOCK: u64 = 1 << 16;

/// Reads the integers one by one.
#[derive(Debug, Clone)]
pub(super) struct Delta {
    at: usize,
    left: u64,
    value: i64,
    is_first: bool,
    parts_in_block: usize,
    values_in_part: usize,
    least: i64,
    /// Where the widths of the current block's parts are, and which part is read.
    widths: usize,
    part: usize,
    /// The next value's first bit in the current part, and how many values of it are left.
    bit: usize,
    left_in_part: usize,
}

impl Delta {
    /// The integers that start at `at`.
    pub(super) fn new(page: &[u8], mut at: usize) -> Parse<Self> {
        let (block, parts) = (varint(page, &mut at)?, varint(page, &mut at)?);
        let (left, first) = (varint(page, &mut at)?, zigzag(varint(page, &mut at)?));
        let fits =
            block <= MAX_BLOCK && parts > 0 && block.is_multiple_of(parts) && (block / parts).is_multiple_of(32) && block > 0;
        if !fits {
            return Err(format!("differences in blocks of {block} and {parts} parts"));
        }
        let (parts_in_block, values_in_part) = (parts as usize, (block / parts) as usize);
        Ok(Self {
            at,
            left,
            value: first,
            is_first: true,
            parts_in_block,
            values_in_part,
            least: 0,
            widths: 0,
            part: parts_in_block,
            bit: 0,
            left_in_part: 0,
        })
    }

    pub(super) fn next(&mut self, page: &[u8]) -> Parse<i64> {
        self.left = self.left.checked_sub(1).ok_or("a page holds too few values")?;
        if std::mem::take(&mut self.is_first) {
            return Ok(self.value);
        }
        if self.left_in_part == 0 {
            self.start_part(page)?;
        }
        let width = self.width(page)?;
        let delta = bits(page, self.bit, width)? as i64;
        self.bit += width;
        self.left_in_part -= 1;
        self.value = self.value.wrapping_add(self.least).wrapping_add(delta);
        Ok(self.value)
    }

    /// Where the integers end, found without reading them.
    pub(super) fn end(&self, page: &[u8]) -> Parse<usize> {
        let mut rest = self.clone();
        rest.left = rest.left.saturating_sub(u64::from(rest.is_first));
        while rest.left > 0 {
            rest.start_part(page)?;
            rest.left = rest.left.saturating_sub(rest.values_in_part as u64);
        }
        if rest.part < rest.parts_in_block { rest.part_end(page) } else { Ok(rest.at) }
    }

    fn start_part(&mut self, page: &[u8]) -> Parse<()> {
        if self.part < self.parts_in_block {
            self.at = self.part_end(page)?;
            self.part += 1;
        }
        if self.part >= self.parts_in_block {
            self.least = zigzag(varint(page, &mut self.at)?);
            (self.widths, self.part) = (self.at, 0);
            self.at += self.parts_in_block;
        }
        (self.bit, self.left_in_part) = (self.at * 8, self.values_in_part);
        Ok(())
    }

    fn part_end(&self, page: &[u8]) -> Parse<usize> {
        Ok(self.at + self.width(page)? * self.values_in_part / 8)
    }

    fn width(&self, page: &[u8]) -> Parse<usize> {
        match page.get(self.widths + self.part) {
            Some(&width) if width <= 64 => Ok(usize::from(width)),
            Some(width) => Err(format!("differences of {width} bits")),
            None => Err("a page is cut off".into()),
        }
    }
}

fn zigzag(folded: u64) -> i64 {
    (folded >> 1) as i64 ^ -((folded & 1) as i64)
}
