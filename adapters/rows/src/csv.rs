//! Values with separators, as in RFC 4180, and as pandas and spreadsheets write them: with a column that has no name, lines of nothing but separators, and
//! other separators.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Chain, Cursor, Read},
};

use csv_core::{ReadRecordResult, ReaderBuilder};

use super::{
    Fault, Row, RowPlace, Value,
    text::{Unmarked, unmarked, utf8},
};

mod separator;

/// More columns are a file with another separator, or no table; each is looked up by its name.
const MAX_COLUMNS: usize = 1024;
/// Longer records are an unclosed quote; a record is held in memory.
const MAX_RECORD: usize = 1 << 20;
const FIRST_RECORD: usize = 4096;
/// The separator is told by so many of the first bytes.
const START: u64 = 1 << 16;

/// The rows of a CSV source.
#[derive(Debug)]
pub(super) struct Reader<R> {
    source: BufReader<Chain<Cursor<Vec<u8>>, Unmarked<R>>>,
    parser: csv_core::Reader,
    separator: u8,
    /// Fields of the header, and how many of them are there up to the last name.
    columns: usize,
    named: usize,
    /// The columns that are read, with their places.
    header: Vec<(usize, String)>,
    /// The line of the next byte, from 1.
    line: usize,
    after_return: bool,
    /// The current record's fields, without separators.
    record: Vec<u8>,
    /// Where each of its fields ends.
    ends: Vec<usize>,
}

impl<R: Read> Reader<R> {
    /// Reads the columns on the paths of `needed` and `further`, or all where nothing is needed, or one that is not there. The separator is `usual` unless
    /// the file's start says otherwise.
    pub(super) fn new(source: R, usual: u8, needed: &[&str], further: &[&str]) -> Result<Self, Fault> {
        let (mut source, mut start) = (unmarked(source)?, Vec::new());
        source.by_ref().take(START).read_to_end(&mut start)?;
        let separator::Separator { byte: separator, line } = separator::of(&start, usual, needed);
        let mut start = Cursor::new(start);
        start.set_position(line as u64);
        let source = BufReader::new(start.chain(source));
        let parser = ReaderBuilder::new().delimiter(separator).build();
        let (record, ends) = (vec![0; FIRST_RECORD], vec![0; MAX_COLUMNS + 1]);
        let (line, after_return, header) = (1, false, Vec::new());
        let mut reader = Self { source, parser, separator, columns: 0, named: 0, header, line, after_return, record, ends };
        let Some((place, count)) = reader.read_record()? else {
            return Err(Fault::Whole("is empty; its first line must name the columns".into()));
        };
        reader.name(count, needed, further).map_err(|reason| Fault::At(place, reason))?;
        Ok(reader)
    }

    pub(super) fn next(&mut self) -> Result<Option<Row>, Fault> {
        loop {
            let Some((place, count)) = self.read_record()? else { return Ok(None) };
            // Spreadsheets write lines of nothing but separators.
            if count > 1 && self.ends[count - 1] == 0 {
                continue;
            }
            let wrong = |reason| Fault::At(place, reason);
            self.check(count).map_err(wrong)?;
            let value = |(i, name): &(usize, String)| {
                let text = utf8(self.field(*i)).map_err(|reason| wrong(format!("{name:?} is {reason}")))?;
                Ok((name.clone(), Value::Text(text.into())))
            };
            let fields = self.header.iter().map(value).collect::<Result<_, Fault>>()?;
            return Ok(Some(Row::new(place, fields)));
        }
    }

    /// Whether the current record has a field for each name, and none for no column; empty ones after them are allowed.
    fn check(&self, count: usize) -> Result<(), String> {
        let columns = self.named;
        if count < columns || (self.columns..count).any(|i| !self.field(i).is_empty()) {
            let by = match self.separator {
                b',' => "",
                b'\t' => ", separated by tabs",
                b';' => ", separated by semicolons",
                _ => ", separated otherwise than by commas",
            };
            return Err(format!("{count} fields, but the header names {columns} columns{by}"));
        }
        Ok(())
    }

    /// Takes the names of the columns from the current record.
    fn name(&mut self, count: usize, needed: &[&str], further: &[&str]) -> Result<(), String> {
        if count > MAX_COLUMNS {
            return Err(format!("more than {MAX_COLUMNS} columns"));
        }
        let mut names: Vec<String> = (0..count).map(|i| String::from_utf8_lossy(self.field(i)).trim().to_owned()).collect();
        while names.pop_if(|last| last.is_empty()).is_some() {}
        if names.is_empty() {
            return Err("no column has a name".into());
        }
        (self.columns, self.named) = (count, names.len());
        let asked = |name: &str| needed.iter().chain(further).any(|path| leads(path, name));
        let all_there = needed.iter().all(|path| names.iter().any(|name| leads(path, name)));
        let some = !needed.is_empty() && all_there;
        let mut seen = HashSet::new();
        for (i, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty() && (!some || asked(name))) {
            utf8(self.field(i)).map_err(|reason| format!("the name of column {} is {reason}", i + 1))?;
            if !seen.insert(name) {
                return Err(format!("two columns are called {name:?}"));
            }
        }
        let read = |(_, name): &(usize, String)| !name.is_empty() && (!some || asked(name));
        self.header = names.into_iter().enumerate().filter(read).collect();
        Ok(())
    }

    fn field(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.record[start..self.ends[i]]
    }

    /// Reads a record: where it starts, and its number of fields.
    fn read_record(&mut self) -> Result<Option<(RowPlace, usize)>, Fault> {
        if !self.skip_blank_lines()? {
            return Ok(None);
        }
        let place = RowPlace::Line(self.line);
        let (mut length, mut fields) = (0, 0);
        loop {
            let input = self.source.fill_buf()?;
            // The last line may lack its end; within quotes, an end is more text.
            let (ended, input) = if input.is_empty() { (true, &b"\n"[..]) } else { (false, input) };
            let output = (&mut self.record[length..], &mut self.ends[fields..]);
            let (result, read, wrote, found) = self.parser.read_record(input, output.0, output.1);
            (self.line, self.after_return) = lines_after(&input[..read], self.line, self.after_return);
            (length, fields) = (length + wrote, fields + found);
            if !ended {
                self.source.consume(read);
            }
            match result {
                ReadRecordResult::Record | ReadRecordResult::End => return Ok(Some((place, fields))),
                ReadRecordResult::InputEmpty if ended => {
                    return Err(Fault::At(place, "a quote that is opened here is never closed".into()));
                }
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.grow(place)?,
                ReadRecordResult::OutputEndsFull => {
                    return Err(Fault::At(place, format!("more than {MAX_COLUMNS} columns")));
                }
            }
        }
    }

    fn grow(&mut self, place: RowPlace) -> Result<(), Fault> {
        if self.record.len() >= MAX_RECORD {
            let reason = format!("longer than {MAX_RECORD} bytes; is a quote not closed?");
            return Err(Fault::At(place, reason));
        }
        self.record.resize(self.record.len() * 2, 0);
        Ok(())
    }

    /// Whether there is anything after the line ends that come next.
    fn skip_blank_lines(&mut self) -> Result<bool, Fault> {
        loop {
            let input = self.source.fill_buf()?;
            let blank = input.iter().take_while(|&&byte| byte == b'\n' || byte == b'\r').count();
            let (read, more) = (input.len(), blank < input.len());
            (self.line, self.after_return) = lines_after(&input[..blank], self.line, self.after_return);
            self.source.consume(blank);
            if more || read == 0 {
                return Ok(more);
            }
        }
    }

    /// Bytes that it holds.
    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        self.record.capacity() + self.source.capacity() + self.ends.capacity() * size_of::<usize>()
    }
}

/// Whether a path is, or leads into, a column.
fn leads(path: &str, name: &str) -> bool {
    !name.is_empty() && path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The line after some bytes; `\n`, `\r\n` and `\r` each end one.
fn lines_after(bytes: &[u8], mut line: usize, mut after_return: bool) -> (usize, bool) {
    for &byte in bytes {
        line += usize::from(byte == b'\r' || byte == b'\n' && !after_return);
        after_return = byte == b'\r';
    }
    (line, after_return)
}

#[cfg(test)]
mod tests;
