//! What is named as a file of rows and is none: a folder, or a file of another kind. The readers of text look at their first bytes themselves.

use std::{ffi::OsStr, fs, path::Path};

use super::Format;
use palinode_file_kind::FileKind;

use crate::RowsError;

/// Most names of a folder that are looked at, and most that are told.
const LOOKED_AT: usize = 10_000;
const TOLD: usize = 3;
/// Endings of files that hold rows.
const ENDINGS: [&str; 6] = ["jsonl", "ndjson", "json", "csv", "tsv", "parquet"];

/// Refuses a folder, an empty file, and one that is named as Parquet and is none.
///
/// # Errors
/// [`RowsError::File`] says what it is, and what to do.
pub(super) fn refuse(path: &Path, format: Format) -> Result<(), RowsError> {
    let file = |reason: String| RowsError::File { path: path.into(), reason };
    if path.is_dir() {
        return Err(file(folder(path)));
    }
    // What is no regular file, such as a pipe, can't be read twice; what is not there is told by who opens it.
    let size = path.metadata().ok().filter(|data| data.is_file()).map(|data| data.len());
    if size == Some(0) {
        return Err(file("is empty, and holds no problem: was it written, or downloaded, to its end?".into()));
    }
    if format != Format::Parquet || size.is_none() {
        return Ok(());
    }
    match FileKind::of(path).map_err(|source| RowsError::Io { path: path.into(), source })? {
        Some(FileKind::Parquet | FileKind::Binary) => Ok(()),
        Some(kind) => Err(file(kind.to_string())),
        None => Err(file("is text, not a Parquet file: give it a name that ends with .jsonl, .csv or .tsv".into())),
    }
}

/// What to do with a folder.
fn folder(path: &Path) -> String {
    let mut names: Vec<String> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .take(LOOKED_AT)
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort_unstable();
    if names.iter().any(|name| name == "dataset_info.json" || name == "dataset_dict.json")
        && !names.iter().any(|name| has_rows(name))
    {
        return "is a folder that Python's `datasets` saved, in Arrow: write it as Parquet with \
                `datasets.load_from_disk(FOLDER).to_parquet(FILE)`, and name that file"
            .into();
    }
    let fitting: Vec<&str> = names.iter().map(String::as_str).filter(|name| has_rows(name)).collect();
    match fitting.as_slice() {
        [] => "is a folder, and holds no file of rows: name a file in JSONL, CSV, TSV or Parquet".into(),
        some => {
            let more = if some.len() > TOLD { ", ..." } else { "" };
            format!("is a folder: name a file in it, such as {}{more}", some[..some.len().min(TOLD)].join(", "))
        }
    }
}

/// Whether a name ends as those of files with rows do.
fn has_rows(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    ENDINGS.contains(&ending.as_str()) && !name.starts_with("dataset_") && name != "state.json"
}
