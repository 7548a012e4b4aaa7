//! What stands between the fields of a file: by its first lines, since spreadsheets write the separator of their country.

use csv_core::ReaderBuilder;

use super::MAX_COLUMNS;

/// Separators that are found without being named.
const KNOWN: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A separator, and how many bytes in front of the header say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Separator {
    pub(super) byte: u8,
    pub(super) line: usize,
}

/// The separator of a file that starts so: what a line `sep=;` says; or else the one, `usual` first, with which the header has all columns of `needed`;
/// or else the usual one if it divides the header at all, and the one that divides it most if not.
pub(super) fn of(start: &[u8], usual: u8, needed: &[&str]) -> Separator {
    if let Some(told) = told(start) {
        return told;
    }
    let others = KNOWN.into_iter().filter(|&byte| byte != usual);
    let headers: Vec<(u8, Vec<String>)> = [usual].into_iter().chain(others).map(|byte| (byte, header(start, byte))).collect();
    let fits = |names: &[String]| needed.iter().all(|path| names.iter().any(|name| super::leads(path, name)));
    let fitting = headers.iter().find(|(_, names)| !needed.is_empty() && fits(names));
    let dividing = || headers.iter().take(1).find(|(_, names)| names.len() > 1);
    let most = || headers.iter().rev().max_by_key(|(_, names)| names.len());
    let byte = fitting.or_else(dividing).or_else(most).map_or(usual, |(byte, _)| *byte);
    Separator { byte, line: 0 }
}

/// The first line of a spreadsheet that is to be read by another one.
fn told(start: &[u8]) -> Option<Separator> {
    let end = start.iter().position(|&byte| byte == b'\n' || byte == b'\r')?;
    let line = start[..end].trim_ascii_end();
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    match line {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', byte] => Some(Separator { byte: *byte, line: end }),
        // The tab went with the white space.
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'='] => Some(Separator { byte: b'\t', line: end }),
        _ => None,
    }
}

/// The names in the first record, as far as it is there.
fn header(start: &[u8], separator: u8) -> Vec<String> {
    let blank = start.iter().take_while(|&&byte| byte == b'\n' || byte == b'\r').count();
    // The last line may lack its end.
    let input = [&start[blank..], b"\n"].concat();
    let (mut record, mut ends) = (vec![0; input.len()], vec![0; MAX_COLUMNS + 1]);
    let mut parser = ReaderBuilder::new().delimiter(separator).build();
    let (_, _, _, count) = parser.read_record(&input, &mut record, &mut ends);
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let fields = starts.zip(&ends[..count]).map(|(start, &end)| &record[start..end]);
    fields.map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect()
}
