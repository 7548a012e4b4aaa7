//! Decompression to a size that is known, and bounded, before.

use std::io::Read;

use super::Parse;

/// A compression of pages.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    #[default]
    None,
    Snappy,
    Gzip,
    Brotli,
    Lz4,
    /// One that is not read, by its number.
    Other(i64),
}

impl Codec {
    /// The codec of a number in Parquet's metadata.
    pub(super) fn numbered(number: i64) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Snappy,
            2 => Self::Gzip,
            4 => Self::Brotli,
            7 => Self::Lz4,
            other => Self::Other(other),
        }
    }

    /// Refuses codecs that are not read.
    pub(super) fn check(self) -> Parse<()> {
        let Self::Other(number) = self else { return Ok(()) };
        let name = match number {
            3 => "lzo",
            5 => "lz4 in frames of Hadoop",
            6 => "zstd",
            _ => "an unknown codec",
        };
        let hint = r#"write it with snappy, e.g. df.to_parquet(path, compression="snappy")"#;
        Err(format!("compressed with {name}; {hint}"))
    }

    /// The `size` bytes that were compressed. Nothing larger is ever held, but for the codecs' own windows of at most 16 MiB.
    pub(super) fn decompress(self, bytes: &[u8], size: usize) -> Parse<Vec<u8>> {
        self.check()?;
        let data = match self {
            Self::None | Self::Other(_) => bytes.to_vec(),
            Self::Snappy => snappy(bytes, size)?,
            Self::Gzip => read(flate2::read::MultiGzDecoder::new(bytes), size)?,
            Self::Brotli => brotli(bytes, size)?,
            Self::Lz4 => lz4(bytes, size)?,
        };
        let found = data.len();
        if found == size { Ok(data) } else { Err(format!("a page is {found} bytes, not the {size} that it says")) }
    }
}

fn snappy(bytes: &[u8], size: usize) -> Parse<Vec<u8>> {
    let wrong = |e| format!("bad snappy data: {e}");
    if snap::raw::decompress_len(bytes).map_err(wrong)? != size {
        return Err("bad snappy data: another size than its page says".into());
    }
    snap::raw::Decoder::new().decompress_vec(bytes).map_err(wrong)
}

fn brotli(bytes: &[u8], size: usize) -> Parse<Vec<u8>> {
    // Windows beyond the standard's 16 MiB start with a code that the standard reserves.
    if bytes.first().is_some_and(|first| first & 0x7F == 0x11) {
        return Err("brotli data with a large window".into());
    }
    read(brotli_decompressor::Decompressor::new(bytes, 4096), size)
}

fn lz4(bytes: &[u8], size: usize) -> Parse<Vec<u8>> {
    let mut data = vec![0; size];
    let length = lz4_flex::block::decompress_into(bytes, &mut data).map_err(|e| format!("bad lz4 data: {e}"))?;
    data.truncate(length);
    Ok(data)
}

/// At most a byte more than the size, to tell when it is wrong.
fn read(source: impl Read, size: usize) -> Parse<Vec<u8>> {
    let mut data = Vec::new();
    source.take(size as u64 + 1).read_to_end(&mut data).map_err(|e| format!("bad compressed data: {e}"))?;
    Ok(data)
}
