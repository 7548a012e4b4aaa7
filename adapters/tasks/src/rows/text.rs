//! What the readers of text share: UTF-8, and the mark at its start.

use std::io::{self, Chain, Cursor, Read};

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// A source whose byte order mark, if any, is gone.
pub(super) type Unmarked<R> = Chain<Cursor<Vec<u8>>, R>;

/// The source after its byte order mark.
pub(super) fn unmarked<R: Read>(mut source: R) -> io::Result<Unmarked<R>> {
    let mut start = Vec::with_capacity(BOM.len());
    source.by_ref().take(BOM.len() as u64).read_to_end(&mut start)?;
    if start == BOM {
        start.clear();
    }
    Ok(Cursor::new(start).chain(source))
}

/// The bytes as text; the reason names the first byte, from 1, that is not UTF-8.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to() + 1))
}
