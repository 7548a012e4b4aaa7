//! The stored bytes of values, one by one, in each of the format's encodings.
//!
//! Source: <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

use super::{
    Parse,
    bits::{Hybrid, bits},
    delta::Delta,
    schema::Physical,
};

/// A prefix of the value before may make each value longer; a text is held in memory.
pub(super) const MAX_VALUE: usize = 16 << 20;

/// The values that others refer to by their index.
#[derive(Debug)]
pub(super) struct Dictionary {
    data: Vec<u8>,
    entries: Entries,
}

#[derive(Debug)]
enum Entries {
    Fixed(usize),
    /// Where each starts and ends.
    Variable(Vec<(u32, u32)>),
}

impl Dictionary {
    /// Bytes that an entry takes beside its data.
    pub(super) const OVERHEAD: usize = size_of::<(u32, u32)>();

    /// The `count` plain values of a page of less than 4 GiB.
    pub(super) fn new(data: Vec<u8>, count: usize, physical: Physical) -> Parse<Self> {
        let entries = match physical {
            Physical::Boolean => return Err("a dictionary of booleans".into()),
            Physical::Fixed(width) => Entries::Fixed(width),
            Physical::Variable => {
                let mut at = 0;
                let mut entry = || plain(&data, &mut at).map(|range| (range.start as u32, range.end as u32));
                // Each entry takes 4 bytes at least, so that a wrong count soon fails.
                let mut found = Vec::with_capacity(count.min(data.len() / 4));
                for _ in 0..count {
                    found.push(entry()?);
                }
                Entries::Variable(found)
            }
        };
        Ok(Self { data, entries })
    }

    fn get(&self, index: u32) -> Parse<&[u8]> {
        let index = index as usize;
        let entry = match &self.entries {
            Entries::Fixed(width) => index.checked_mul(*width).and_then(|start| self.data.get(start..start + width)),
            Entries::Variable(found) => found.get(index).and_then(|&(start, end)| self.data.get(start as usize..end as usize)),
        };
        entry.ok_or_else(|| format!("entry {index} of a dictionary that has less"))
    }
}

/// Where the values of a page are read.
#[derive(Debug)]
pub(super) enum Values {
    Plain { at: usize, physical: Physical },
    PlainBits { bit: usize },
    Runs(Hybrid),
    Indices(Hybrid),
    Integers { delta: Delta, width: usize },
    Lengths { lengths: Delta, at: usize },
    Prefixes { prefixes: Delta, lengths: Delta, at: usize },
    Split { start: usize, index: usize, count: usize, width: usize },
}

impl Values {
    /// The values from `start` to the end of a page.
    pub(super) fn new(encoding: i64, page: &[u8], start: usize, physical: Physical) -> Parse<Self> {
        let end = page.len();
        Ok(match (encoding, physical) {
            (0, Physical::Boolean) => Self::PlainBits { bit: start * 8 },
            (0, _) => Self::Plain { at: start, physical },
            // Indices, after a byte with their width. A page with nulls only may lack it.
            (2 | 8, _) => Self::Indices(Hybrid::new(end.min(start + 1)..end, page.get(start).map_or(0, |&width| width.into()))?),
            (3, Physical::Boolean) => Self::Runs(Hybrid::new(end.min(start + 4)..end, 1)?),
            (5, Physical::Fixed(width @ (4 | 8))) => Self::Integers { delta: Delta::new(page, start)?, width },
            (6, Physical::Variable) => {
                let lengths = Delta::new(page, start)?;
                Self::Lengths { at: lengths.end(page)?, lengths }
            }
            (7, Physical::Variable | Physical::Fixed(_)) => {
                let prefixes = Delta::new(page, start)?;
                let lengths = Delta::new(page, prefixes.end(page)?)?;
                Self::Prefixes { at: lengths.end(page)?, prefixes, lengths }
            }
            (9, Physical::Fixed(width)) => Self::Split { start, index: 0, count: (end - start.min(end)) / width, width },
            (other, _) => return Err(format!("encoding {other} is not known for its type; write it with the defaults")),
        })
    }

    /// Puts the next value in `value`, which holds the one before.
    pub(super) fn next(&mut self, page: &[u8], dictionary: Option<&Dictionary>, value: &mut Vec<u8>) -> Parse<()> {
        let kept = match self {
            Self::Prefixes { prefixes, .. } => length(prefixes.next(page)?)?,
            _ => 0,
        };
        if kept > value.len() {
            return Err("a prefix is longer than the value before".into());
        }
        value.truncate(kept);
        match self {
            Self::Plain { at, physical: Physical::Fixed(width) } => value.extend_from_slice(part(page, at, *width)?),
            Self::Plain { at, .. } => value.extend_from_slice(&page[plain(page, at)?]),
            Self::PlainBits { bit } => {
                value.push(bits(page, *bit, 1)? as u8);
                *bit += 1;
            }
            Self::Runs(runs) => value.push(runs.next(page)? as u8),
            Self::Indices(indices) => {
                let dictionary = dictionary.ok_or("a dictionary is missing")?;
                value.extend_from_slice(dictionary.get(indices.next(page)?)?);
            }
            Self::Integers { delta, width } => value.extend_from_slice(&delta.next(page)?.to_le_bytes()[..*width]),
            Self::Lengths { lengths, at } | Self::Prefixes { lengths, at, .. } => {
                let length = length(lengths.next(page)?)?;
                value.extend_from_slice(part(page, at, length)?);
            }
            Self::Split { start, index, count, width } => {
                if index == count {
                    return Err("a page holds too few values".into());
                }
                value.extend((0..*width).map(|byte| page[*start + byte * *count + *index]));
                *index += 1;
            }
        }
        if value.len() > MAX_VALUE { Err(format!("a value is longer than {MAX_VALUE} bytes")) } else { Ok(()) }
    }
}

/// Where the bytes after a length of four bytes are.
fn plain(data: &[u8], at: &mut usize) -> Parse<std::ops::Range<usize>> {
    let length = bits(data, *at * 8, 32)? as usize;
    *at += 4;
    let start = *at;
    part(data, at, length)?;
    Ok(start..*at)
}

fn part<'a>(data: &'a [u8], at: &mut usize, length: usize) -> Parse<&'a [u8]> {
    let part = at.checked_add(length).and_then(|end| data.get(*at..end)).ok_or("a page is cut off")?;
    *at += length;
    Ok(part)
}

fn length(value: i64) -> Parse<usize> {
    usize::try_from(value).map_err(|_| "a length is negative".into())
}
