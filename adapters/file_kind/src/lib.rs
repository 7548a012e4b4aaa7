#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! What a file really is, by its first bytes, where it is not what its name or its place promises.

use std::{
    fmt::{self, Display},
    fs::File,
    io::{self, Read},
    path::Path,
};

/// A kind of file that is neither plain text nor what was asked for, often enough to be told by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// What Git has in the place of a large file that was not downloaded.
    LfsPointer,
    /// What git-annex has in such a place.
    AnnexPointer,
    /// Compressed by gzip.
    Gzip,
    /// Compressed by zstd.
    Zstd,
    /// Compressed by bzip2.
    Bzip2,
    /// Compressed by xz.
    Xz,
    /// Compressed by LZ4.
    Lz4,
    /// An archive of ZIP.
    Zip,
    /// An archive of 7-Zip.
    SevenZip,
    /// An archive of tar.
    Tar,
    /// Text in UTF-16.
    Utf16,
    /// Text in UTF-32.
    Utf32,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow, as a file, as a stream, or as its forerunner Feather.
    Arrow,
    /// Weights in safetensors.
    Safetensors,
    /// Weights in GGUF.
    Gguf,
    /// A pickle of Python, whose reading runs code.
    Pickle,
    /// What PyTorch saves: pickles in an archive.
    PyTorch,
    /// An array of NumPy.
    Numpy,
    /// HDF5.
    Hdf5,
    /// A workbook of Excel.
    Excel,
    /// A database of SQLite.
    Sqlite,
    /// A page of the web.
    Html,
    /// A document in PDF.
    Pdf,
    /// Bytes that are no text, of no kind known here.
    Binary,
}

impl FileKind {
    /// As many first bytes as are looked at.
    pub const START: usize = 512;

    /// The kind of a regular file; `None` where it is text, empty, or no regular file: a pipe would lose what is read.
    ///
    /// # Errors
    /// What the system says of a file that can't be read.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        if !path.metadata()?.is_file() {
            return Ok(None);
        }
        let mut start = Vec::with_capacity(Self::START);
        File::open(path)?.take(Self::START as u64).read_to_end(&mut start)?;
        Ok(Self::of_start(&start))
    }

    /// The kind of a file that starts with these bytes; `None` for text in UTF-8, and for nothing at all.
    pub fn of_start(bytes: &[u8]) -> Option<Self> {
        let start = &bytes[..bytes.len().min(Self::START)];
        // The length of a header may begin with the bytes that mark another kind.
        if is_safetensors(start) {
            return Some(Self::Safetensors);
        }
        if start.starts_with(ZIP) {
            return Some(in_zip(start));
        }
        if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
            return Some(*kind);
        }
        let at = |place: usize, mark: &[u8]| start.get(place..place + mark.len()) == Some(mark);
        // A table's header may begin with letters that mark a kind; none goes on as these do.
        let unprintable = start.get(4).is_none_or(|byte| *byte < b' ');
        for (fits, kind) in [
            (at(0, b"BZh") && at(4, b"1AY&SY"), Self::Bzip2),
            (at(0, b"PAR1") && unprintable, Self::Parquet),
            (at(0, b"GGUF") && unprintable, Self::Gguf),
            (at(257, b"ustar"), Self::Tar),
        ] {
            if fits {
                return Some(kind);
            }
        }
        if is_pickle(start) {
            return Some(Self::Pickle);
        }
        let text = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start();
        let starts = |tag: &str| text.get(..tag.len()).is_some_and(|text| text.eq_ignore_ascii_case(tag.as_bytes()));
        if starts("<!doctype html") || starts("<html") {
            return Some(Self::Html);
        }
        of_zeros(start)
    }

    /// What it is, with an article.
    pub fn what(self) -> &'static str {
        match self {
            Self::LfsPointer => "a Git LFS pointer, not the file it stands for",
            Self::AnnexPointer => "a git-annex pointer, not the file it stands for",
            Self::Gzip => "compressed by gzip",
            Self::Zstd => "compressed by zstd",
            Self::Bzip2 => "compressed by bzip2",
            Self::Xz => "compressed by xz",
            Self::Lz4 => "compressed by LZ4",
            Self::Zip => "a ZIP archive",
            Self::SevenZip => "a 7-Zip archive",
            Self::Tar => "a tar archive",
            Self::Utf16 => "text in UTF-16",
            Self::Utf32 => "text in UTF-32",
            Self::Parquet => "a Parquet file",
            Self::Arrow => "an Arrow file",
            Self::Safetensors => "a safetensors file, which holds weights",
            Self::Gguf => "a GGUF file, which holds a model for llama.cpp",
            Self::Pickle => "a Python pickle",
            Self::PyTorch => "a file of PyTorch, which is a pickle",
            Self::Numpy => "a NumPy array",
            Self::Hdf5 => "an HDF5 file",
            Self::Excel => "an Excel workbook",
            Self::Sqlite => "an SQLite database",
            Self::Html => "a web page (HTML)",
            Self::Pdf => "a PDF document",
            Self::Binary => "no text, but bytes of an unknown kind",
        }
    }

    /// What to do about it, as an imperative.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::LfsPointer => "run `git lfs pull` where it was cloned, or download the file itself",
            Self::AnnexPointer => "run `git annex get` on it, or download the file itself",
            Self::Gzip => "unpack it with `gunzip`",
            Self::Zstd => "unpack it with `unzstd`",
            Self::Bzip2 => "unpack it with `bunzip2`",
            Self::Xz => "unpack it with `unxz`",
            Self::Lz4 => "unpack it with `unlz4`",
            Self::Zip => "unpack it with `unzip`, and name the file in it",
            Self::SevenZip => "unpack it with `7z x`, and name the file in it",
            Self::Tar => "unpack it with `tar -xf`, and name the file in it",
            Self::Utf16 => "save it as UTF-8, for instance with `iconv -f UTF-16 -t UTF-8`",
            Self::Utf32 => "save it as UTF-8, for instance with `iconv -f UTF-32 -t UTF-8`",
            Self::Parquet => "give it a name that ends with .parquet",
            Self::Arrow => {
                "save it as JSONL or Parquet, for instance with `Dataset.from_file(FILE).to_parquet(...)` of Python's `datasets`"
            }
            Self::Safetensors => "give the folder that it lies in as a model",
            Self::Gguf => "give the file itself as a model",
            Self::Pickle | Self::PyTorch => {
                "reading one can run code, so save what it holds in another format: weights as safetensors, rows as JSONL"
            }
            Self::Numpy => "save what it holds in another format: weights as safetensors, rows as JSONL",
            Self::Hdf5 => "save what it holds in another format: weights as safetensors, rows as Parquet",
            Self::Excel => "save the sheet as CSV in UTF-8",
            Self::Sqlite => "export the table as CSV: `sqlite3 -header -csv FILE 'select ...'`",
            Self::Html => "a link to a page was downloaded, or a notice that one must log in: download the file itself",
            Self::Pdf => "write its content as JSONL",
            Self::Binary => "check where it comes from",
        }
    }
}

/// `is compressed by gzip: unpack it with `gunzip``, to stand after a name.
impl Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is {}: {}", self.what(), self.remedy())
    }
}

const ZIP: &[u8] = b"PK\x03\x04";

/// How files of a kind begin; of two that begin alike, the longer comes first.
const MAGIC: &[(&[u8], FileKind)] = &[
    (b"version https://git-lfs.github.com/spec/", FileKind::LfsPointer),
    (b"/annex/objects/", FileKind::AnnexPointer),
    (b"\x1f\x8b", FileKind::Gzip),
    (b"\x28\xb5\x2f\xfd", FileKind::Zstd),
    (b"\xfd7zXZ\0", FileKind::Xz),
    (b"\x04\x22\x4d\x18", FileKind::Lz4),
    (b"PK\x05\x06", FileKind::Zip),
    (b"7z\xbc\xaf\x27\x1c", FileKind::SevenZip),
    (b"\xff\xfe\0\0", FileKind::Utf32),
    (b"\0\0\xfe\xff", FileKind::Utf32),
    (b"\xff\xfe", FileKind::Utf16),
    (b"\xfe\xff", FileKind::Utf16),
    (b"ARROW1\0\0", FileKind::Arrow),
    (b"FEA1\0", FileKind::Arrow),
    (b"\xff\xff\xff\xff", FileKind::Arrow),
    (b"\x93NUMPY", FileKind::Numpy),
    (b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind::Excel),
    (b"SQLite format 3\0", FileKind::Sqlite),
    (b"%PDF-", FileKind::Pdf),
];

/// A header's length, and the brace that it begins with.
///
/// Source: <https://github.com/huggingface/safetensors#format>; its own limit of a header is 100 MB.
fn is_safetensors(start: &[u8]) -> bool {
    match start {
        [a, b, c, d, 0, 0, 0, 0, b'{', ..] => (2..=100_000_000).contains(&u32::from_le_bytes([*a, *b, *c, *d])),
        _ => false,
    }
}

/// The opcode of a protocol and its number, which no text begins with; or, in the oldest two, a list or an object and its place in the memo.
fn is_pickle(start: &[u8]) -> bool {
    matches!(start, [0x80, 2..=5, ..] | [b'(', b'l' | b'd', b'p', b'0'..=b'9', b'\n', ..] | [b']' | b'}', b'q', 0, ..])
}

/// What an archive is for, by the name of the first file in it.
fn in_zip(start: &[u8]) -> FileKind {
    let [low, high] = start.get(26..28).and_then(|length| length.try_into().ok()).unwrap_or([0; 2]);
    let end = 30 + usize::from(u16::from_le_bytes([low, high]));
    let name = start.get(30..end.min(start.len())).unwrap_or_default();
    if name.ends_with(b"/data.pkl") || name.ends_with(b"/byteorder") || name.ends_with(b"/.format_version") {
        FileKind::PyTorch
    } else if name == b"[Content_Types].xml" || name.starts_with(b"xl/") || name.starts_with(b"_rels/") {
        FileKind::Excel
    } else {
        FileKind::Zip
    }
}

/// Text of two or four bytes a character without a mark, where bytes of zero read as such; zeros in what is not UTF-8 either are no text at all.
fn of_zeros(start: &[u8]) -> Option<FileKind> {
    // What is cut off at the end of the start may be the middle of a character.
    let is_utf8 = || std::str::from_utf8(start).map_or_else(|error| error.error_len().is_none(), |_| true);
    if !start.contains(&0) {
        None
    } else if [u32::from_le_bytes, u32::from_be_bytes].into_iter().any(|order| is_utf32(start, order)) {
        Some(FileKind::Utf32)
    } else if [u16::from_le_bytes, u16::from_be_bytes].into_iter().any(|order| is_utf16(start, order)) {
        Some(FileKind::Utf16)
    } else {
        (!is_utf8()).then_some(FileKind::Binary)
    }
}

fn is_utf32(start: &[u8], order: fn([u8; 4]) -> u32) -> bool {
    let characters = start.as_chunks::<4>().0;
    characters.len() >= 2 && characters.iter().all(|bytes| char::from_u32(order(*bytes)).is_some_and(is_written))
}

/// Any two bytes are a character more often than not: some must be of ASCII, which all tables and JSON have.
fn is_utf16(start: &[u8], order: fn([u8; 2]) -> u16) -> bool {
    let units = start.as_chunks::<2>().0;
    let mut characters: Vec<_> = char::decode_utf16(units.iter().map(|bytes| order(*bytes))).collect();
    if start.len() == FileKind::START && characters.last().is_some_and(Result::is_err) {
        characters.pop();
    }
    let ascii = characters.iter().flatten().filter(|character| character.is_ascii()).count();
    ascii >= (units.len() / 20).max(2) && characters.into_iter().all(|character| character.is_ok_and(is_written))
}

/// Whether a text may hold this character.
fn is_written(character: char) -> bool {
    !character.is_control() || matches!(character, '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests;
