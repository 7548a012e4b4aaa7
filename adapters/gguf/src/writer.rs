//! A file that is written: the header at once, tensors in any order.

use std::{
    fs,
    io::{BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::{
    blocks,
    error::GgufError,
    metadata::{List, Metadata, Value},
    reader::{MAGIC, Tensor, alignment},
};

/// The version that is written.
const VERSION: u32 = 3;

/// A file that is being written, whole after [`Writer::finish`].
#[derive(Debug)]
pub struct Writer {
    file: BufWriter<fs::File>,
    path: PathBuf,
    tensors: Vec<Tensor>,
    missing: Vec<bool>,
}

impl Writer {
    /// Makes a file with all of its header and room for these tensors.
    ///
    /// # Errors
    /// [`GgufError::Tensor`] for one of a type that is read only, whose rows are no whole blocks, or whose name another has; [`GgufError::Key`] for an
    /// alignment that is none; [`GgufError::Io`].
    pub fn create(path: &Path, metadata: &Metadata, mut tensors: Vec<Tensor>) -> Result<Self, GgufError> {
        let alignment = alignment(metadata)?;
        let mut data = 0u64;
        for (place, tensor) in tensors.iter().enumerate() {
            let refuse = |reason: String| Err(GgufError::Tensor { path: path.into(), tensor: tensor.name().into(), reason });
            if blocks::encode(tensor.kind(), &[]).is_none() {
                return refuse(format!("is to be stored as {}, which is read only", tensor.kind().name()));
            }
            if !tensor.shape().last().is_some_and(|row| row.is_multiple_of(tensor.kind().block_values())) {
                let (blocks, kind) = (tensor.kind().block_values(), tensor.kind().name());
                return refuse(format!("has the lengths {:?}, expected rows of a multiple of {blocks} ({kind})", tensor.shape()));
            }
            if tensors[..place].iter().any(|other| other.name() == tensor.name()) {
                return refuse("stands there twice".into());
            }
        }
        for tensor in &mut tensors {
            tensor.lie_at(data);
            data += tensor.bytes().next_multiple_of(alignment);
        }
        let mut header = header(metadata, &tensors);
        header.resize(header.len().next_multiple_of(alignment as usize), 0);
        let begin = header.len() as u64;
        for tensor in &mut tensors {
            tensor.lie_at(begin + tensor.start());
        }
        let io = |source| GgufError::Io { path: path.to_owned(), source };
        let mut file = fs::File::create(path).map_err(io)?;
        file.write_all(&header).and_then(|()| file.set_len(begin + data)).map_err(io)?;
        let missing = vec![true; tensors.len()];
        Ok(Self { file: BufWriter::new(file), path: path.to_owned(), tensors, missing })
    }

    /// Writes the numbers of a tensor.
    ///
    /// # Errors
    /// [`GgufError::Tensor`] for one that was not announced, for another count of numbers, and for numbers that its type can't hold; [`GgufError::Io`].
    pub fn put(&mut self, name: &str, values: &[f32]) -> Result<(), GgufError> {
        let refuse = |reason: String| Err(GgufError::Tensor { path: self.path.clone(), tensor: name.to_owned(), reason });
        let Some(place) = self.tensors.iter().position(|tensor| tensor.name() == name) else {
            return refuse("is not one of those that the file was made for".into());
        };
        let tensor = &self.tensors[place];
        if values.len() != tensor.shape().iter().product() {
            return refuse(format!("has the lengths {:?}, and {} numbers were given", tensor.shape(), values.len()));
        }
        let io = |source| GgufError::Io { path: self.path.clone(), source };
        self.file.seek(SeekFrom::Start(tensor.start())).map_err(io)?;
        let kind = tensor.kind();
        // A piece at a time: what is encoded need not be in memory whole.
        for piece in values.chunks(PIECE) {
            let bytes = blocks::encode(kind, piece).unwrap_or_default();
            let mut read = Vec::with_capacity(piece.len());
            blocks::decode(kind, &bytes, &mut read);
            if !read.iter().all(|value| value.is_finite()) {
                return refuse(format!("holds numbers that {} can't", kind.name()));
            }
            self.file.write_all(&bytes).map_err(io)?;
        }
        self.missing[place] = false;
        Ok(())
    }

    /// Brings what was put so far into the file, where it can be read.
    ///
    /// # Errors
    /// [`GgufError::Io`].
    pub fn flush(&mut self) -> Result<(), GgufError> {
        self.file.flush().map_err(|source| GgufError::Io { path: self.path.clone(), source })
    }

    /// Makes sure that the file is whole and on the disk.
    ///
    /// # Errors
    /// [`GgufError::Tensor`] for one that was announced and not written; [`GgufError::Io`].
    pub fn finish(mut self) -> Result<(), GgufError> {
        if let Some(place) = self.missing.iter().position(|missing| *missing) {
            let tensor = self.tensors[place].name().to_owned();
            return Err(GgufError::Tensor { path: self.path, tensor, reason: "was not written".into() });
        }
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .map_err(|source| GgufError::Io { path: self.path, source })
    }
}

/// Numbers that are encoded at a time; a multiple of every block's.
const PIECE: usize = 1 << 18;

fn header(metadata: &Metadata, tensors: &[Tensor]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((metadata.iter().len() as u64).to_le_bytes());
    for (key, value) in metadata.iter() {
        text(&mut bytes, key);
        one(&mut bytes, value);
    }
    for tensor in tensors {
        text(&mut bytes, tensor.name());
        bytes.extend((tensor.shape().len() as u32).to_le_bytes());
        for length in tensor.shape().iter().rev() {
            bytes.extend((*length as u64).to_le_bytes());
        }
        bytes.extend(tensor.kind().number().to_le_bytes());
        bytes.extend(tensor.start().to_le_bytes());
    }
    bytes
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// A value, with its type before it.
fn one(bytes: &mut Vec<u8>, value: &Value) {
    let mut typed = |kind: u32, number: &[u8]| {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(number);
    };
    match value {
        Value::U8(number) => typed(0, &number.to_le_bytes()),
        Value::I8(number) => typed(1, &number.to_le_bytes()),
        Value::U16(number) => typed(2, &number.to_le_bytes()),
        Value::I16(number) => typed(3, &number.to_le_bytes()),
        Value::U32(number) => typed(4, &number.to_le_bytes()),
        Value::I32(number) => typed(5, &number.to_le_bytes()),
        Value::F32(number) => typed(6, &number.to_le_bytes()),
        Value::Bool(flag) => typed(7, &[u8::from(*flag)]),
        Value::U64(number) => typed(10, &number.to_le_bytes()),
        Value::I64(number) => typed(11, &number.to_le_bytes()),
        Value::F64(number) => typed(12, &number.to_le_bytes()),
        Value::Text(words) => {
            typed(8, &[]);
            text(bytes, words);
        }
        Value::List(values) => {
            typed(9, &[]);
            list(bytes, values);
        }
    }
}

/// Values of one type, with the type and their number before them.
fn list(bytes: &mut Vec<u8>, values: &List) {
    fn numbers<const N: usize, T: Copy>(bytes: &mut Vec<u8>, kind: u32, values: &[T], of: fn(T) -> [u8; N]) {
        bytes.extend(kind.to_le_bytes());
        bytes.extend((values.len() as u64).to_le_bytes());
        bytes.extend(values.iter().flat_map(|&value| of(value)));
    }
    match values {
        List::U8(list) => numbers(bytes, 0, list, u8::to_le_bytes),
        List::I8(list) => numbers(bytes, 1, list, i8::to_le_bytes),
        List::U16(list) => numbers(bytes, 2, list, u16::to_le_bytes),
        List::I16(list) => numbers(bytes, 3, list, i16::to_le_bytes),
        List::U32(list) => numbers(bytes, 4, list, u32::to_le_bytes),
        List::I32(list) => numbers(bytes, 5, list, i32::to_le_bytes),
        List::F32(list) => numbers(bytes, 6, list, f32::to_le_bytes),
        List::Bool(list) => numbers(bytes, 7, list, |flag| [u8::from(flag)]),
        List::U64(list) => numbers(bytes, 10, list, u64::to_le_bytes),
        List::I64(list) => numbers(bytes, 11, list, i64::to_le_bytes),
        List::F64(list) => numbers(bytes, 12, list, f64::to_le_bytes),
        List::Text(list) => {
            bytes.extend(8u32.to_le_bytes());
            bytes.extend((list.len() as u64).to_le_bytes());
            for words in list {
                text(bytes, words);
            }
        }
    }
}
