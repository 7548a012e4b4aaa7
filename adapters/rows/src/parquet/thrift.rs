//! Thrift's compact protocol, in which Parquet writes its footer and the headers of its pages.
//!
//! Source: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.

use super::Parse;

/// Nothing in Parquet nests as deep; unknown fields are skipped by recursion.
const MAX_DEPTH: usize = 16;

/// The type of a field or an element, by its number in the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(u8);

impl Kind {
    const TRUE: Self = Self(1);
    const FALSE: Self = Self(2);
    const BYTE: Self = Self(3);
    const I16: Self = Self(4);
    const I32: Self = Self(5);
    const I64: Self = Self(6);
    const DOUBLE: Self = Self(7);
    const BINARY: Self = Self(8);
    const LIST: Self = Self(9);
    const SET: Self = Self(10);
    const MAP: Self = Self(11);
    pub(super) const STRUCT: Self = Self(12);
    const UUID: Self = Self(13);
}

/// What is left to read of some bytes.
#[derive(Debug)]
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
}

impl<'a> Thrift<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The number of bytes that are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len()
    }

    /// Reads a struct: `read` gets the number and the type of each field, and must read or [skip](Self::skip) it.
    pub(super) fn fields(&mut self, mut read: impl FnMut(&mut Self, i16, Kind) -> Parse<()>) -> Parse<()> {
        let mut id = 0_i16;
        loop {
            let head = self.byte()?;
            let kind = Kind(head & 0x0F);
            if kind == Kind(0) {
                return Ok(());
            }
            id = match head >> 4 {
                0 => i16::try_from(self.zigzag()?).map_err(|_| "a field number is out of range")?,
                step => id.checked_add(i16::from(step)).ok_or("a field number is out of range")?,
            };
            read(self, id, kind)?;
        }
    }

    /// Reads a list of structs, an item at a time.
    pub(super) fn structs(&mut self, kind: Kind, mut read: impl FnMut(&mut Self) -> Parse<()>) -> Parse<()> {
        expect(kind == Kind::LIST, "a list")?;
        let (item, count) = self.list()?;
        expect(count == 0 || item == Kind::STRUCT, "a list of structs")?;
        (0..count).try_for_each(|_| read(self))
    }

    pub(super) fn integer(&mut self, kind: Kind) -> Parse<i64> {
        match kind {
            Kind::BYTE => Ok(i64::from(self.byte()? as i8)),
            Kind::I16 | Kind::I32 | Kind::I64 => self.zigzag(),
            _ => Err("an integer is missing".into()),
        }
    }

    /// A size or a count.
    pub(super) fn size(&mut self, kind: Kind) -> Parse<usize> {
        let size = self.integer(kind)?;
        usize::try_from(size).map_err(|_| format!("{size} is given as a size"))
    }

    /// A boolean field, whose value is in its type.
    pub(super) fn truth(&self, kind: Kind) -> Parse<bool> {
        expect(kind == Kind::TRUE || kind == Kind::FALSE, "a boolean")?;
        Ok(kind == Kind::TRUE)
    }

    pub(super) fn text(&mut self, kind: Kind) -> Parse<String> {
        expect(kind == Kind::BINARY, "a text")?;
        let count = self.length()?;
        let text = std::str::from_utf8(self.take(count)?).map_err(|_| "a name is not UTF-8")?;
        Ok(text.to_owned())
    }

    pub(super) fn skip(&mut self, kind: Kind) -> Parse<()> {
        self.skip_within(kind, MAX_DEPTH)
    }

    fn skip_within(&mut self, kind: Kind, depth: usize) -> Parse<()> {
        let depth = depth.checked_sub(1).ok_or("nested too deep")?;
        match kind {
            Kind::TRUE | Kind::FALSE => Ok(()),
            Kind::BYTE => self.take(1).map(drop),
            Kind::I16 | Kind::I32 | Kind::I64 => self.varint().map(drop),
            Kind::DOUBLE => self.take(8).map(drop),
            Kind::UUID => self.take(16).map(drop),
            Kind::BINARY => {
                let count = self.length()?;
                self.take(count).map(drop)
            }
            Kind::LIST | Kind::SET => {
                let (item, count) = self.list()?;
                (0..count).try_for_each(|_| self.skip_item(item, depth))
            }
            Kind::MAP => {
                let count = self.length()?;
                let kinds = if count == 0 { 0 } else { self.byte()? };
                (0..count).try_for_each(|_| {
                    self.skip_item(Kind(kinds >> 4), depth)?;
                    self.skip_item(Kind(kinds & 0x0F), depth)
                })
            }
            Kind::STRUCT => self.fields(|thrift, _, kind| thrift.skip_within(kind, depth)),
            Kind(other) => Err(format!("{other} is not a type")),
        }
    }

    /// Outside structs, a boolean takes a byte.
    fn skip_item(&mut self, kind: Kind, depth: usize) -> Parse<()> {
        if kind == Kind::TRUE || kind == Kind::FALSE { self.take(1).map(drop) } else { self.skip_within(kind, depth) }
    }

    fn list(&mut self) -> Parse<(Kind, usize)> {
        let head = self.byte()?;
        let count = if head >> 4 == 15 { self.length()? } else { usize::from(head >> 4) };
        expect(count <= self.left(), "the rest of a list")?;
        Ok((Kind(head & 0x0F), count))
    }

    /// A number of bytes or of items, which all take a byte at least.
    fn length(&mut self) -> Parse<usize> {
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        expect(length <= self.left(), "the end")?;
        Ok(length)
    }

    fn zigzag(&mut self) -> Parse<i64> {
        let folded = self.varint()?;
        Ok((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }

    fn varint(&mut self) -> Parse<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("an integer is too long".into())
    }

    fn byte(&mut self) -> Parse<u8> {
        Ok(self.take(1)?[0])
    }

    fn take(&mut self, count: usize) -> Parse<&'a [u8]> {
        let (taken, left) = self.bytes.split_at_checked(count).ok_or("cut off")?;
        self.bytes = left;
        Ok(taken)
    }
}

fn expect(holds: bool, what: &str) -> Parse<()> {
    if holds { Ok(()) } else { Err(format!("{what} is missing")) }
}
