//! A bounded stream of little-endian numbers and texts.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use crate::error::GgufError;

/// What is read of a file's header; each length is compared with what is left before anything is allocated.
pub(crate) struct Bytes<R> {
    reader: R,
    path: PathBuf,
    /// Bytes of the file that were not read.
    left: u64,
    read: u64,
}

/// Longest header that is read, in bytes; that of a model with 262 144 tokens and as many merges is about 15 MB.
pub(crate) const LONGEST_HEADER: u64 = 64 << 20;

impl<R: Read> Bytes<R> {
    /// A stream of a file that has `length` bytes.
    pub(crate) fn new(reader: R, length: u64, path: &Path) -> Self {
        Self { reader, path: path.to_owned(), left: length, read: 0 }
    }

    /// Bytes that were read.
    pub(crate) fn position(&self) -> u64 {
        self.read
    }

    pub(crate) fn format(&self, reason: impl Into<String>) -> GgufError {
        GgufError::Format { path: self.path.clone(), reason: reason.into() }
    }

    /// Refuses as many bytes as the file, or a header, can't have any more; `what` they are.
    fn claim(&mut self, bytes: u64, what: &str) -> Result<(), GgufError> {
        if bytes > self.left {
            let reason =
                format!("{what} needs {bytes} bytes at byte {}, and the file has {} more: was it cut off?", self.read, self.left);
            return Err(self.format(reason));
        }
        if bytes > LONGEST_HEADER - self.read {
            return Err(self
                .format(format!("{what} makes the header longer than {LONGEST_HEADER} bytes, which is the most that is read")));
        }
        self.left -= bytes;
        self.read += bytes;
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), GgufError> {
        self.reader.read_exact(bytes).map_err(|source| GgufError::Io { path: self.path.clone(), source })
    }

    /// So many bytes, which are a number of `what`.
    pub(crate) fn take<const N: usize>(&mut self, what: &str) -> Result<[u8; N], GgufError> {
        self.claim(N as u64, what)?;
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn u32(&mut self, what: &str) -> Result<u32, GgufError> {
        Ok(u32::from_le_bytes(self.take(what)?))
    }

    pub(crate) fn u64(&mut self, what: &str) -> Result<u64, GgufError> {
        Ok(u64::from_le_bytes(self.take(what)?))
    }

    /// As many numbers of `N` bytes as were counted; the count was compared with a limit.
    pub(crate) fn numbers<const N: usize, T>(
        &mut self,
        count: usize,
        what: &str,
        of: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, GgufError> {
        let bytes = (count * N) as u64;
        self.claim(bytes, what)?;
        let mut all = vec![0; count * N];
        self.fill(&mut all)?;
        Ok(all.as_chunks::<N>().0.iter().map(|bytes| of(*bytes)).collect())
    }

    /// A text with its length before it, of at most `most` bytes.
    pub(crate) fn text(&mut self, most: u64, what: &str) -> Result<String, GgufError> {
        let length = self.u64(what)?;
        if length > most {
            return Err(self.format(format!("{what} has {length} bytes, expected {most} at most")));
        }
        self.claim(length, what)?;
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).map_err(|error| self.format(format!("{what} is not UTF-8: {error}")))
    }
}
