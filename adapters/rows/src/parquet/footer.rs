//! The end of a file: its schema, and where its columns are.
//!
//! Source: <https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift>.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
};

use super::{
    super::Fault,
    MAGIC, Parse,
    codec::Codec,
    thrift::{Kind, Thrift},
};

/// It describes each column of each row group in about 100 bytes; more is no data set but an attack on memory.
const MAX_FOOTER: u64 = 8 << 20;
/// Each column may be nested in some groups.
const MAX_ELEMENTS: usize = 4096;
/// An empty one takes a byte of the footer; a real one has thousands of rows.
const MAX_GROUPS: usize = 1 << 16;

/// What a footer says.
#[derive(Debug, Default)]
pub(super) struct Footer {
    /// The schema as a tree in pre-order; its root comes first.
    pub(super) elements: Vec<Element>,
    pub(super) groups: Vec<Group>,
}

/// A node of the schema as it is written.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    /// The number of a physical type; groups have none.
    pub(super) physical: Option<i64>,
    /// Bytes of a value of fixed length.
    pub(super) width: usize,
    pub(super) repetition: Option<i64>,
    pub(super) children: usize,
    /// The older annotation.
    pub(super) converted: Option<i64>,
    pub(super) scale: i64,
    pub(super) logical: Option<Logical>,
}

/// The newer annotation: its number, and what the types that have parameters say.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Logical {
    pub(super) id: i16,
    pub(super) scale: i64,
    /// The unit of a time: 1 for ms, 2 for µs, 3 for ns.
    pub(super) unit: i16,
    pub(super) utc: bool,
    pub(super) signed: bool,
}

/// Some rows, column by column.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) rows: usize,
    pub(super) chunks: Vec<Chunk>,
}

/// The pages of a column in a group.
#[derive(Debug, Default, Clone)]
pub(super) struct Chunk {
    pub(super) codec: Codec,
    /// Where it starts in the file.
    pub(super) offset: u64,
    pub(super) length: u64,
}

impl Footer {
    /// Reads the footer of a file.
    pub(super) fn read(file: &mut File) -> Result<Self, Fault> {
        let whole = |reason: &str| Fault::Whole(format!("not a Parquet file: {reason}"));
        let size = file.metadata()?.len();
        // The magic, the footer, its length and the magic again.
        let Some(room) = size.checked_sub(12) else { return Err(whole("too short")) };
        let mut tail = [0; 8];
        file.seek(SeekFrom::Start(size - 8))?;
        file.read_exact(&mut tail)?;
        if &tail[4..] != MAGIC {
            return Err(whole("it does not end as one; is it cut off, or encrypted?"));
        }
        let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
        if length > room.min(MAX_FOOTER) {
            return Err(whole(&format!("a footer of {length} bytes; at most {} are read", room.min(MAX_FOOTER))));
        }
        let mut bytes = vec![0; length as usize];
        file.seek(SeekFrom::Start(size - 8 - length))?;
        file.read_exact(&mut bytes)?;
        let footer = Self::parse(&bytes).map_err(|reason| Fault::Whole(format!("its footer can't be read: {reason}")))?;
        footer.check(size).map_err(Fault::Whole)?;
        Ok(footer)
    }

    fn parse(bytes: &[u8]) -> Parse<Self> {
        let mut footer = Self::default();
        Thrift::new(bytes).fields(|thrift, id, kind| match id {
            2 => thrift.structs(kind, |thrift| {
                if footer.elements.len() == MAX_ELEMENTS {
                    return Err(format!("more than {MAX_ELEMENTS} parts of a schema"));
                }
                footer.elements.push(element(thrift)?);
                Ok(())
            }),
            4 => thrift.structs(kind, |thrift| {
                if footer.groups.len() == MAX_GROUPS {
                    return Err(format!("more than {MAX_GROUPS} row groups; write it with larger ones"));
                }
                footer.groups.push(group(thrift)?);
                Ok(())
            }),
            8 => Err("the file is encrypted".into()),
            _ => thrift.skip(kind),
        })?;
        Ok(footer)
    }

    /// Checks that all chunks lie within the file.
    fn check(&self, size: u64) -> Parse<()> {
        self.groups.iter().flat_map(|group| &group.chunks).try_for_each(|chunk| {
            let end = chunk.offset.checked_add(chunk.length);
            if end.is_some_and(|end| end <= size) { Ok(()) } else { Err("a column lies beyond the end of the file".into()) }
        })
    }
}

fn element(thrift: &mut Thrift<'_>) -> Parse<Element> {
    let mut element = Element::default();
    thrift.fields(|thrift, id, kind| {
        match id {
            1 => element.physical = Some(thrift.integer(kind)?),
            // Some writers give -1 where there is no length.
            2 => element.width = usize::try_from(thrift.integer(kind)?).unwrap_or_default(),
            3 => element.repetition = Some(thrift.integer(kind)?),
            4 => element.name = thrift.text(kind)?,
            5 => element.children = thrift.size(kind)?,
            6 => element.converted = Some(thrift.integer(kind)?),
            7 => element.scale = thrift.integer(kind)?,
            10 => element.logical = logical(thrift, kind)?,
            _ => thrift.skip(kind)?,
        }
        Ok(())
    })?;
    Ok(element)
}

/// A union: a struct with one field.
fn logical(thrift: &mut Thrift<'_>, kind: Kind) -> Parse<Option<Logical>> {
    let mut found = None;
    if kind != Kind::STRUCT {
        return Err("an annotation is not a struct".into());
    }
    thrift.fields(|thrift, id, kind| {
        let mut logical = Logical { id, ..Logical::default() };
        match (id, kind) {
            (5, Kind::STRUCT) => thrift.fields(|thrift, id, kind| match id {
                1 => thrift.integer(kind).map(|scale| logical.scale = scale),
                _ => thrift.skip(kind),
            })?,
            (7 | 8, Kind::STRUCT) => thrift.fields(|thrift, id, kind| match (id, kind) {
                (1, _) => thrift.truth(kind).map(|utc| logical.utc = utc),
                (2, Kind::STRUCT) => thrift.fields(|thrift, unit, kind| {
                    logical.unit = unit;
                    thrift.skip(kind)
                }),
                _ => thrift.skip(kind),
            })?,
            (10, Kind::STRUCT) => thrift.fields(|thrift, id, kind| match id {
                2 => thrift.truth(kind).map(|signed| logical.signed = signed),
                _ => thrift.skip(kind),
            })?,
            _ => thrift.skip(kind)?,
        }
        found = Some(logical);
        Ok(())
    })?;
    Ok(found)
}

fn group(thrift: &mut Thrift<'_>) -> Parse<Group> {
    let mut group = Group::default();
    thrift.fields(|thrift, id, kind| {
        match id {
            1 => thrift.structs(kind, |thrift| {
                group.chunks.push(chunk(thrift)?);
                Ok(())
            })?,
            3 => group.rows = thrift.size(kind)?,
            _ => thrift.skip(kind)?,
        }
        Ok(())
    })?;
    Ok(group)
}

fn chunk(thrift: &mut Thrift<'_>) -> Parse<Chunk> {
    let mut chunk = None;
    thrift.fields(|thrift, id, kind| {
        match (id, kind) {
            (1, _) => return Err("a column is in another file".into()),
            (3, Kind::STRUCT) => chunk = Some(described(thrift)?),
            _ => thrift.skip(kind)?,
        }
        Ok(())
    })?;
    chunk.ok_or_else(|| "a column is not described; is it encrypted?".into())
}

fn described(thrift: &mut Thrift<'_>) -> Parse<Chunk> {
    let (mut chunk, mut data, mut dictionary) = (Chunk::default(), None, None);
    thrift.fields(|thrift, id, kind| {
        match id {
            4 => chunk.codec = Codec::numbered(thrift.integer(kind)?),
            7 => chunk.length = thrift.size(kind)? as u64,
            9 => data = Some(thrift.size(kind)? as u64),
            11 => dictionary = Some(thrift.size(kind)? as u64),
            _ => thrift.skip(kind)?,
        }
        Ok(())
    })?;
    let data = data.ok_or("a column has no pages")?;
    // Some writers give 0 where there is no dictionary.
    chunk.offset = dictionary.filter(|&offset| offset > 0 && offset < data).unwrap_or(data);
    Ok(chunk)
}
