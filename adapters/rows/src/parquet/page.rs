//! The pages of a column, read and decompressed one at a time.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    super::Fault,
    Parse,
    bits::{Hybrid, width_of},
    encoding::{Dictionary, Values},
    footer::Chunk,
    schema::Leaf,
    thrift::{Kind, Thrift},
};

/// Writers put about 1 MiB in a page, some up to 100 MB.
const MAX_PAGE: usize = 128 << 20;
/// What the current pages and dictionaries of all columns may take.
const MAX_HELD: usize = 256 << 20;
/// A header holds the least and the greatest value of its page, which may be long texts.
const MAX_HEADER: u64 = 1 << 20;
/// Most headers are shorter.
const USUAL_HEADER: u64 = 1 << 10;

/// The memory that the pages of all columns of one reader take; only that reader changes it.
#[derive(Debug, Clone, Default)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// Takes so many bytes until the result is dropped.
    pub(super) fn take(&self, bytes: usize) -> Parse<Held> {
        let all = self.held().checked_add(bytes).filter(|&all| all <= MAX_HELD);
        let all =
            all.ok_or_else(|| format!("its pages take more than {MAX_HELD} bytes of memory; write it with smaller pages"))?;
        self.0.store(all, Ordering::Relaxed);
        Ok(Held { budget: self.clone(), bytes })
    }

    /// Bytes that are taken now.
    pub(super) fn held(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Memory that is taken.
#[derive(Debug)]
pub(super) struct Held {
    budget: Budget,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A page of values that are read one by one.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) data: Vec<u8>,
    /// Values, nulls included, that are not read yet.
    pub(super) left: usize,
    pub(super) repetitions: Option<Hybrid>,
    pub(super) definitions: Option<Hybrid>,
    pub(super) values: Values,
    _held: Held,
}

/// The pages of a column in a row group.
#[derive(Debug)]
pub(super) struct Pages {
    file: Arc<File>,
    chunk: Chunk,
    budget: Budget,
    dictionary: Option<(Dictionary, Held)>,
}

#[derive(Debug, Default)]
struct Header {
    kind: i64,
    size: usize,
    compressed: usize,
    values: usize,
    encoding: i64,
    level_encodings: [i64; 2],
    /// Bytes of levels that are not compressed, in pages of version 2.
    definition_bytes: usize,
    repetition_bytes: usize,
    is_compressed: bool,
}

const DATA: i64 = 0;
const DICTIONARY: i64 = 2;
const DATA_V2: i64 = 3;
const RLE: i64 = 3;

impl Pages {
    pub(super) fn new(file: Arc<File>, chunk: Chunk, budget: Budget) -> Self {
        Self { file, chunk, budget, dictionary: None }
    }

    pub(super) fn dictionary(&self) -> Option<&Dictionary> {
        self.dictionary.as_ref().map(|(dictionary, _)| dictionary)
    }

    /// The next page of values; a dictionary before it is kept.
    pub(super) fn next(&mut self, leaf: &Leaf) -> Result<Option<Page>, Fault> {
        while self.chunk.length > 0 {
            let header = self.read_header()?;
            if header.kind != DATA && header.kind != DICTIONARY && header.kind != DATA_V2 {
                self.skip(header.compressed as u64)?;
                continue;
            }
            if header.size > MAX_PAGE || header.compressed > MAX_PAGE {
                return Err(Fault::Whole(format!("a page of more than {MAX_PAGE} bytes; write it with smaller pages")));
            }
            let count = if header.kind == DICTIONARY { header.values.min(header.size / 4) } else { 0 };
            let held = self.budget.take(header.size + count * Dictionary::OVERHEAD).map_err(Fault::Whole)?;
            let data = self.read_data(&header)?;
            if header.kind == DICTIONARY {
                let dictionary = Dictionary::new(data, header.values, leaf.physical).map_err(Fault::Whole)?;
                self.dictionary = Some((dictionary, held));
            } else {
                return page(&header, data, leaf, held).map(Some).map_err(Fault::Whole);
            }
        }
        Ok(None)
    }

    fn read_header(&mut self) -> Result<Header, Fault> {
        let mut room = USUAL_HEADER;
        loop {
            let bytes = self.read(room.min(self.chunk.length) as usize)?;
            let mut thrift = Thrift::new(&bytes);
            match header(&mut thrift) {
                Ok(header) => {
                    let length = bytes.len() - thrift.left();
                    self.skip(length as u64)?;
                    return Ok(header);
                }
                Err(_) if room < self.chunk.length.min(MAX_HEADER) => room *= 32,
                Err(reason) => return Err(Fault::Whole(format!("a page has a bad header: {reason}"))),
            }
        }
    }

    /// The page's bytes, decompressed.
    fn read_data(&mut self, header: &Header) -> Result<Vec<u8>, Fault> {
        let whole = |reason: &str| Fault::Whole(reason.into());
        let _held = self.budget.take(header.compressed).map_err(Fault::Whole)?;
        if header.compressed as u64 > self.chunk.length {
            return Err(whole("a page is cut off"));
        }
        let bytes = self.read(header.compressed)?;
        self.skip(header.compressed as u64)?;
        if !header.is_compressed {
            return if bytes.len() == header.size { Ok(bytes) } else { Err(whole("a page has another size than it says")) };
        }
        let levels = header.definition_bytes.saturating_add(header.repetition_bytes);
        let (levels, rest) = bytes.split_at_checked(levels).ok_or_else(|| whole("a page is cut off"))?;
        let size = header.size.checked_sub(levels.len()).ok_or_else(|| whole("a page has more levels than bytes"))?;
        // A page with nulls only may hold nothing to decompress.
        let values = if size == 0 { Vec::new() } else { self.chunk.codec.decompress(rest, size).map_err(Fault::Whole)? };
        if levels.is_empty() { Ok(values) } else { Ok([levels, &values].concat()) }
    }

    fn read(&self, count: usize) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; count];
        let mut file = &*self.file;
        file.seek(SeekFrom::Start(self.chunk.offset))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn skip(&mut self, count: u64) -> Result<(), Fault> {
        let left = self.chunk.length.checked_sub(count).ok_or_else(|| Fault::Whole("a page is cut off".into()))?;
        (self.chunk.offset, self.chunk.length) = (self.chunk.offset + count, left);
        Ok(())
    }
}

fn header(thrift: &mut Thrift<'_>) -> Parse<Header> {
    let mut header = Header { kind: -1, is_compressed: true, ..Header::default() };
    thrift.fields(|thrift, id, kind| {
        match (id, kind) {
            (1, _) => header.kind = thrift.integer(kind)?,
            (2, _) => header.size = thrift.size(kind)?,
            (3, _) => header.compressed = thrift.size(kind)?,
            (5 | 7 | 8, Kind::STRUCT) => {
                let version_2 = id == 8;
                thrift.fields(|thrift, id, kind| {
                    match (id, version_2) {
                        (1, _) => header.values = thrift.size(kind)?,
                        (2, false) | (4, true) => header.encoding = thrift.integer(kind)?,
                        (3, false) if header.kind == DATA => header.level_encodings[0] = thrift.integer(kind)?,
                        (4, false) => header.level_encodings[1] = thrift.integer(kind)?,
                        (5, true) => header.definition_bytes = thrift.size(kind)?,
                        (6, true) => header.repetition_bytes = thrift.size(kind)?,
                        (7, true) => header.is_compressed = thrift.truth(kind)?,
                        _ => thrift.skip(kind)?,
                    }
                    Ok(())
                })?;
            }
            _ => thrift.skip(kind)?,
        }
        Ok(())
    })?;
    Ok(header)
}

fn page(header: &Header, data: Vec<u8>, leaf: &Leaf, held: Held) -> Parse<Page> {
    let mut at = 0;
    let [definition, repetition] = header.level_encodings;
    let mut levels = |max: u32, encoding: i64, bytes: usize| {
        let start = at;
        if header.kind == DATA_V2 {
            at = bytes.checked_add(start).filter(|&end| end <= data.len()).ok_or("a page is cut off")?;
            return if max == 0 { Ok(None) } else { Hybrid::new(start..at, width_of(max)).map(Some) };
        }
        if max == 0 {
            return Ok(None);
        }
        if encoding != RLE {
            return Err(format!("levels in encoding {encoding}; write it with the defaults"));
        }
        let prefix = data.get(start..start + 4).ok_or("a page is cut off")?;
        let length = prefix.iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte));
        at = (start + 4).checked_add(length).filter(|&end| end <= data.len()).ok_or("a page is cut off")?;
        Hybrid::new(start + 4..at, width_of(max)).map(Some)
    };
    let repetitions = levels(leaf.max_repetition, repetition, header.repetition_bytes)?;
    let definitions = levels(leaf.max_definition, definition, header.definition_bytes)?;
    let values = Values::new(header.encoding, &data, at, leaf.physical);
    Ok(Page { values: values?, left: header.values, repetitions, definitions, data, _held: held })
}
