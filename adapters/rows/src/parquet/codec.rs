//! Decompression to a size that is known, and bounded, before.

use std::io::Read;

use ruzstd::decoding::StreamingDecoder;

use super::Parse;

/// How those who write such files write others.
const AS_SNAPPY: &str =
    "write it with compression=\"snappy\" (pandas: df.to_parquet, polars: df.write_parquet, pyarrow: pq.write_table)";
/// The window that a decoder of zstd should have at least (RFC 8878, 3.1.1.1.2).
const ZSTD_WINDOW: u64 = 8 << 20;

/// A compression of pages.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    #[default]
    None,
    Snappy,
    Gzip,
    Brotli,
    Zstd,
    Lz4,
    /// The same in frames of Hadoop, whose number is out of use.
    Lz4Hadoop,
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
            5 => Self::Lz4Hadoop,
            6 => Self::Zstd,
            7 => Self::Lz4,
            other => Self::Other(other),
        }
    }

    /// Refuses codecs that are not read.
    pub(super) fn check(self) -> Parse<()> {
        let Self::Other(number) = self else { return Ok(()) };
        let name = if number == 3 { "lzo" } else { "an unknown codec" };
        Err(format!("compressed with {name}; {AS_SNAPPY}"))
    }

    /// The `size` bytes that were compressed. Nothing larger is ever held, but for the codecs' own windows: at most 16 MiB, or twice
    /// the size.
    pub(super) fn decompress(self, bytes: &[u8], size: usize) -> Parse<Vec<u8>> {
        self.check()?;
        let data = match self {
            Self::None | Self::Other(_) => bytes.to_vec(),
            Self::Snappy => snappy(bytes, size)?,
            Self::Gzip => read(flate2::read::MultiGzDecoder::new(bytes), size)?,
            Self::Brotli => brotli(bytes, size)?,
            Self::Zstd => zstd(bytes, size)?,
            Self::Lz4 => lz4(bytes, size)?,
            Self::Lz4Hadoop => lz4_hadoop(bytes, size).map_or_else(|| lz4(bytes, size), Ok)?,
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

/// One frame after another. A frame that tells its size has a window of that size at most.
fn zstd(bytes: &[u8], size: usize) -> Parse<Vec<u8>> {
    let window = (size as u64).next_power_of_two().max(ZSTD_WINDOW);
    let (mut rest, mut data) = (bytes, Vec::new());
    while !rest.is_empty() && data.len() <= size {
        let frame = StreamingDecoder::new_with_max_window_size(&mut rest, window).map_err(|e| format!("bad zstd data: {e}"))?;
        data.append(&mut read(frame, size - data.len())?);
    }
    Ok(data)
}

/// Blocks after their lengths, before and after compression, in big-endian; none where it is something else.
///
/// Older writers of Arrow put a bare block under the same number.
fn lz4_hadoop(mut bytes: &[u8], size: usize) -> Option<Vec<u8>> {
    let length = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?) as usize);
    let mut data = Vec::new();
    while !bytes.is_empty() {
        let (plain, compressed) = (length(bytes)?, length(&bytes[4..])?);
        let (block, rest) = bytes[8..].split_at_checked(compressed)?;
        if plain > size - data.len() {
            return None;
        }
        data.append(&mut lz4(block, plain).ok().filter(|found| found.len() == plain)?);
        bytes = rest;
    }
    Some(data)
}

/// At most a byte more than the size, to tell when it is wrong.
fn read(source: impl Read, size: usize) -> Parse<Vec<u8>> {
    let mut data = Vec::new();
    source.take(size as u64 + 1).read_to_end(&mut data).map_err(|e| format!("bad compressed data: {e}"))?;
    Ok(data)
}
