//! What the readers of text share: UTF-8, the mark at its start, and what begins like no text.

use std::io::{Chain, Cursor, Read};

use super::Fault;
use palinode_file_kind::FileKind;

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// A source whose byte order mark, if any, is gone.
pub(super) type Unmarked<R> = Chain<Cursor<Vec<u8>>, R>;

/// The source after its byte order mark. Refuses what is another kind of file by its first bytes.
pub(super) fn unmarked<R: Read>(mut source: R) -> Result<Unmarked<R>, Fault> {
    let mut start = Vec::with_capacity(FileKind::START);
    source.by_ref().take(FileKind::START as u64).read_to_end(&mut start)?;
    if let Some(kind) = FileKind::of_start(&start) {
        return Err(Fault::Whole(kind.to_string()));
    }
    if start.starts_with(&BOM) {
        start.drain(..BOM.len());
    }
    Ok(Cursor::new(start).chain(source))
}

/// The bytes as text; the reason names the first byte, from 1, that is not UTF-8.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 at byte {}: save the file as UTF-8", e.valid_up_to() + 1))
}
