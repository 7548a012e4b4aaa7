//! A file's header, and its tensors.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use crate::{
    blocks,
    bytes::Bytes,
    error::GgufError,
    kind::Kind,
    metadata::{List, Metadata, Value},
};

/// The first bytes of a file.
pub(crate) const MAGIC: &[u8; 4] = b"GGUF";
/// The key that says on which multiples of bytes tensors begin, and what holds without it.
pub(crate) const ALIGNMENT: &str = "general.alignment";
pub(crate) const DEFAULT_ALIGNMENT: u64 = 32;

/// Most keys, tensors and values of a list; longest key, name and text, in bytes.
const MOST_KEYS: u64 = 1 << 16;
const MOST_TENSORS: u64 = 1 << 16;
const MOST_VALUES: u64 = 1 << 22;
const LONGEST_KEY: u64 = (1 << 16) - 1;
const LONGEST_NAME: u64 = 1 << 10;
const LONGEST_TEXT: u64 = 1 << 24;
/// Most dimensions of a tensor, as in ggml.
const MOST_DIMENSIONS: u32 = 4;
const HIGHEST_ALIGNMENT: u64 = 1 << 20;
/// Bytes of a tensor that are read at a time, at most.
const PIECE: usize = 1 << 20;

/// A file whose header was read and compared with its length. No tensor was read yet.
#[derive(Debug, Clone)]
pub struct File {
    metadata: Metadata,
    tensors: Vec<Tensor>,
    places: BTreeMap<String, usize>,
    header: u64,
}

/// What a file says of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    name: String,
    shape: Vec<usize>,
    kind: Kind,
    /// First byte within the file.
    start: u64,
    bytes: u64,
}

impl Tensor {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its lengths, the outermost first, as `[outputs, inputs]` of a projection. (Files have them the other way round.)
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The type that it is stored in.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The bytes that it takes in the file.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A tensor that is to be written; `shape` has its outermost length first.
    pub fn new(name: &str, shape: &[usize], kind: Kind) -> Self {
        let blocks = shape.iter().product::<usize>().div_ceil(kind.block_values());
        Self { name: name.to_owned(), shape: shape.to_vec(), kind, start: 0, bytes: (blocks * kind.block_bytes()) as u64 }
    }

    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    pub(crate) fn lie_at(&mut self, start: u64) {
        self.start = start;
    }
}

impl File {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// [`GgufError::Io`]; [`GgufError::Format`] for a file that is damaged, of another version than 2 and 3, or big-endian; [`GgufError::Key`] for an
    /// alignment that is none; [`GgufError::Tensor`] for one of an unknown type, or that lies outside of the file or on another.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let io = |source| GgufError::Io { path: path.to_owned(), source };
        let file = fs::File::open(path).map_err(io)?;
        let found = file.metadata().map_err(io)?;
        if !found.is_file() {
            return Err(GgufError::Format { path: path.to_owned(), reason: "is no regular file".into() });
        }
        header(&mut Bytes::new(BufReader::new(file), found.len(), path), found.len(), path)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.metadata.path()
    }

    /// What it says of itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The length of its header in bytes: all that comes before the tensors' data.
    pub fn header_length(&self) -> u64 {
        self.header
    }

    /// Its tensors, in its order.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = &Tensor> {
        self.tensors.iter()
    }

    /// A tensor by its name.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.places.get(name).map(|&place| &self.tensors[place])
    }

    /// The numbers of a tensor, in f32, the innermost index fastest. Its size was compared with the file's when the header was read.
    ///
    /// # Errors
    /// [`GgufError::Tensor`] for one that is not there; [`GgufError::Io`].
    pub fn read(&self, name: &str) -> Result<Vec<f32>, GgufError> {
        let path = self.path();
        let Some(tensor) = self.tensor(name) else {
            return Err(GgufError::Tensor { path: path.to_owned(), tensor: name.to_owned(), reason: "is missing".into() });
        };
        let io = |source| GgufError::Io { path: path.to_owned(), source };
        let mut file = fs::File::open(path).map_err(io)?;
        file.seek(SeekFrom::Start(tensor.start)).map_err(io)?;
        let mut values = Vec::with_capacity(tensor.shape.iter().product());
        // A piece of whole blocks at a time: the bytes need not be in memory beside all numbers.
        let block = tensor.kind.block_bytes();
        let mut piece = vec![0; (PIECE / block * block).min(tensor.bytes as usize)];
        let mut left = tensor.bytes;
        while left > 0 {
            let bytes = &mut piece[..left.min(PIECE as u64 / block as u64 * block as u64) as usize];
            file.read_exact(bytes).map_err(io)?;
            blocks::decode(tensor.kind, bytes, &mut values);
            left -= bytes.len() as u64;
        }
        Ok(values)
    }
}

/// Reads a header, and compares what it says with the length of its file.
fn header<R: Read>(bytes: &mut Bytes<R>, length: u64, path: &Path) -> Result<File, GgufError> {
    if bytes.take::<4>("the mark GGUF")? != *MAGIC {
        return Err(bytes.format("is no GGUF file: it does not begin with the letters GGUF"));
    }
    match bytes.u32("the version")? {
        2 | 3 => {}
        version @ (0x0200_0000 | 0x0300_0000) => {
            let version = version.swap_bytes();
            return Err(bytes.format(format!(
                "is big-endian (version {version}), and little-endian files are read: turn it round with `gguf-convert-endian FILE little` of the \
                 Python package `gguf`"
            )));
        }
        version => {
            return Err(bytes.format(format!("is of version {version}, expected 2 or 3: make it anew with a converter of today")));
        }
    }
    let tensors = bytes.u64("the number of tensors")?;
    let keys = bytes.u64("the number of metadata keys")?;
    for (count, most, what) in [(tensors, MOST_TENSORS, "tensors"), (keys, MOST_KEYS, "metadata keys")] {
        if count > most {
            return Err(bytes.format(format!("claims {count} {what}, expected {most} at most")));
        }
    }
    let mut metadata = Metadata::of(path);
    for _ in 0..keys {
        let key = bytes.text(LONGEST_KEY, "a metadata key")?;
        let value = value(bytes, &key)?;
        if metadata.set(&key, value).is_some() {
            return Err(metadata.wrong(&key, "stands there twice"));
        }
    }
    let alignment = alignment(&metadata)?;
    let mut described = Vec::new();
    for _ in 0..tensors {
        described.push(description(bytes, path)?);
    }
    let header = bytes.position();
    let begin = header.next_multiple_of(alignment);
    let places = place(&mut described, begin, length, alignment, path)?;
    Ok(File { metadata, tensors: described, places, header })
}

/// On which multiples of bytes tensors begin.
pub(crate) fn alignment(metadata: &Metadata) -> Result<u64, GgufError> {
    match metadata.unsigned(ALIGNMENT)? {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(alignment) if alignment.is_power_of_two() && alignment <= HIGHEST_ALIGNMENT => Ok(alignment),
        Some(alignment) => {
            Err(metadata.wrong(ALIGNMENT, format!("is {alignment}, expected a power of two of at most {HIGHEST_ALIGNMENT}")))
        }
    }
}

/// A value, and its type before it.
fn value<R: Read>(bytes: &mut Bytes<R>, key: &str) -> Result<Value, GgufError> {
    let what = format!("the value of metadata key `{key}`");
    Ok(match bytes.u32(&what)? {
        0 => Value::U8(u8::from_le_bytes(bytes.take(&what)?)),
        1 => Value::I8(i8::from_le_bytes(bytes.take(&what)?)),
        2 => Value::U16(u16::from_le_bytes(bytes.take(&what)?)),
        3 => Value::I16(i16::from_le_bytes(bytes.take(&what)?)),
        4 => Value::U32(bytes.u32(&what)?),
        5 => Value::I32(i32::from_le_bytes(bytes.take(&what)?)),
        6 => Value::F32(f32::from_le_bytes(bytes.take(&what)?)),
        7 => Value::Bool(truth(bytes, &what)?),
        8 => Value::Text(bytes.text(LONGEST_TEXT, &what)?),
        9 => Value::List(list(bytes, &what)?),
        10 => Value::U64(bytes.u64(&what)?),
        11 => Value::I64(i64::from_le_bytes(bytes.take(&what)?)),
        12 => Value::F64(f64::from_le_bytes(bytes.take(&what)?)),
        kind => return Err(bytes.format(format!("{what} is of type {kind}, expected one within 0..=12"))),
    })
}

/// Values of one type, with the type and their number before them.
fn list<R: Read>(bytes: &mut Bytes<R>, what: &str) -> Result<List, GgufError> {
    let kind = bytes.u32(what)?;
    let count = bytes.u64(what)?;
    if count > MOST_VALUES {
        return Err(bytes.format(format!("{what} claims {count} values, expected {MOST_VALUES} at most")));
    }
    let count = count as usize;
    Ok(match kind {
        0 => List::U8(bytes.numbers(count, what, u8::from_le_bytes)?),
        1 => List::I8(bytes.numbers(count, what, i8::from_le_bytes)?),
        2 => List::U16(bytes.numbers(count, what, u16::from_le_bytes)?),
        3 => List::I16(bytes.numbers(count, what, i16::from_le_bytes)?),
        4 => List::U32(bytes.numbers(count, what, u32::from_le_bytes)?),
        5 => List::I32(bytes.numbers(count, what, i32::from_le_bytes)?),
        6 => List::F32(bytes.numbers(count, what, f32::from_le_bytes)?),
        7 => List::Bool((0..count).map(|_| truth(bytes, what)).collect::<Result<_, _>>()?),
        8 => List::Text((0..count).map(|_| bytes.text(LONGEST_TEXT, what)).collect::<Result<_, _>>()?),
        9 => return Err(bytes.format(format!("{what} is a list of lists, which is not supported"))),
        10 => List::U64(bytes.numbers(count, what, u64::from_le_bytes)?),
        11 => List::I64(bytes.numbers(count, what, i64::from_le_bytes)?),
        12 => List::F64(bytes.numbers(count, what, f64::from_le_bytes)?),
        kind => return Err(bytes.format(format!("{what} is a list of type {kind}, expected one within 0..=12"))),
    })
}

fn truth<R: Read>(bytes: &mut Bytes<R>, what: &str) -> Result<bool, GgufError> {
    match bytes.take(what)? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(bytes.format(format!("{what} is {other}, expected 0 or 1"))),
    }
}

/// A tensor's name, lengths, type and place after the header.
fn description<R: Read>(bytes: &mut Bytes<R>, path: &Path) -> Result<Tensor, GgufError> {
    let name = bytes.text(LONGEST_NAME, "a tensor's name")?;
    let refuse = |reason: String| Err(GgufError::Tensor { path: path.to_owned(), tensor: name.clone(), reason });
    let what = format!("tensor {name}");
    let dimensions = bytes.u32(&what)?;
    if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
        return refuse(format!("has {dimensions} dimensions, expected 1 to {MOST_DIMENSIONS}"));
    }
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        lengths.push(bytes.u64(&what)?);
    }
    let kind = match Kind::of_number(bytes.u32(&what)?) {
        Ok(kind) => kind,
        Err(named) => {
            let read: Vec<&str> = Kind::all().map(Kind::name).collect();
            return refuse(format!("is stored as {named}, which is not supported; supported are {}", read.join(", ")));
        }
    };
    let start = bytes.u64(&what)?;
    if lengths.contains(&0) {
        return refuse(format!("has the lengths {lengths:?}, expected at least 1 each"));
    }
    if !lengths[0].is_multiple_of(kind.block_values() as u64) {
        return refuse(format!(
            "has rows of {} values, expected a multiple of {} ({})",
            lengths[0],
            kind.block_values(),
            kind.name()
        ));
    }
    let values = lengths.iter().try_fold(1u64, |values, &length| values.checked_mul(length));
    let size = values.and_then(|values| (values / kind.block_values() as u64).checked_mul(kind.block_bytes() as u64));
    // The numbers in f32 must have a length too.
    let addressable = values.and_then(|values| values.checked_mul(4)).is_some_and(|bytes| isize::try_from(bytes).is_ok());
    let Some(size) = size.filter(|_| addressable) else {
        return refuse(format!("has the lengths {lengths:?}, which no file can hold"));
    };
    let shape = lengths.iter().rev().map(|&length| length as usize).collect();
    Ok(Tensor { name, shape, kind, start, bytes: size })
}

/// Puts tensors where they lie in the file, and refuses those that lie outside of it or on another; gives their places by name.
fn place(
    tensors: &mut [Tensor],
    begin: u64,
    length: u64,
    alignment: u64,
    path: &Path,
) -> Result<BTreeMap<String, usize>, GgufError> {
    let refuse =
        |tensor: &Tensor, reason: String| Err(GgufError::Tensor { path: path.to_owned(), tensor: tensor.name.clone(), reason });
    let mut places = BTreeMap::new();
    for (place, tensor) in tensors.iter_mut().enumerate() {
        if places.insert(tensor.name.clone(), place).is_some() {
            return refuse(tensor, "stands there twice".into());
        }
        if !tensor.start.is_multiple_of(alignment) {
            return refuse(tensor, format!("begins at byte {} of the data, expected a multiple of {alignment}", tensor.start));
        }
        let end = begin.checked_add(tensor.start).and_then(|start| start.checked_add(tensor.bytes));
        match end {
            Some(end) if end <= length => tensor.start += begin,
            _ => {
                let reason = format!(
                    "takes {} bytes from byte {} of the data on, which begins at byte {begin}, and the file has {length}: was it cut off?",
                    tensor.bytes, tensor.start
                );
                return refuse(tensor, reason);
            }
        }
    }
    let mut in_order: Vec<&Tensor> = tensors.iter().collect();
    in_order.sort_by_key(|tensor| tensor.start);
    for pair in in_order.windows(2) {
        if pair[0].start + pair[0].bytes > pair[1].start {
            return refuse(pair[1], format!("lies where {} does", pair[0].name));
        }
    }
    Ok(places)
}
