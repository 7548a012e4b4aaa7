//! Comma- or tab-separated values, as in RFC 4180.

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Read},
};

use csv_core::{ReadRecordResult, ReaderBuilder};

use super::{
    Fault, Place, Row, Value,
    text::{Unmarked, unmarked, utf8},
};

/// More columns are a file with another separator, or no table; each is looked up by its name.
const MAX_COLUMNS: usize = 1024;
/// Longer records are an unclosed quote; a record is held in memory.
const MAX_RECORD: usize = 1 << 20;
const FIRST_RECORD: usize = 4096;

/// The rows of a CSV source.
#[derive(Debug)]
pub(super) struct Reader<R> {
    source: BufReader<Unmarked<R>>,
    parser: csv_core::Reader,
    header: Vec<String>,
    /// The line of the next byte, from 1.
    line: usize,
    after_return: bool,
    /// The current record's fields, without separators.
    record: Vec<u8>,
    /// Where each of its fields ends.
    ends: Vec<usize>,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(source: R, separator: u8) -> Result<Self, Fault> {
        let source = BufReader::new(unmarked(source)?);
        let parser = ReaderBuilder::new().delimiter(separator).build();
        let (record, ends) = (vec![0; FIRST_RECORD], vec![0; MAX_COLUMNS + 1]);
        let mut reader = Self { source, parser, header: Vec::new(), line: 1, after_return: false, record, ends };
        let Some((place, count)) = reader.read_record()? else {
            return Err(Fault::Whole("is empty; its first line must name the columns".into()));
        };
        reader.header = reader.names(count).map_err(|reason| Fault::At(place, reason))?;
        Ok(reader)
    }

    pub(super) fn next(&mut self) -> Result<Option<Row>, Fault> {
        let Some((place, count)) = self.read_record()? else { return Ok(None) };
        let wrong = |reason| Fault::At(place, reason);
        let columns = self.header.len();
        if count != columns {
            return Err(wrong(format!("{count} fields, but the header names {columns} columns")));
        }
        let value = |(i, name): (usize, &String)| {
            let text = utf8(self.field(i)).map_err(|reason| wrong(format!("{name:?} is {reason}")))?;
            Ok((name.clone(), Value::Text(text.into())))
        };
        let fields = self.header.iter().enumerate().map(value).collect::<Result<_, Fault>>()?;
        Ok(Some(Row::new(place, fields)))
    }

    /// The names of the columns, from the current record.
    fn names(&self, count: usize) -> Result<Vec<String>, String> {
        let mut seen = HashSet::new();
        if count > MAX_COLUMNS {
            return Err(format!("more than {MAX_COLUMNS} columns"));
        }
        let name = |i| {
            let name = utf8(self.field(i)).map_err(|reason| format!("the name of column {} is {reason}", i + 1))?.trim();
            if name.is_empty() {
                return Err(format!("column {} has no name", i + 1));
            }
            if !seen.insert(name) {
                return Err(format!("two columns are called {name:?}"));
            }
            Ok(name.to_owned())
        };
        (0..count).map(name).collect()
    }

    fn field(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.record[start..self.ends[i]]
    }

    /// Reads a record: where it starts, and its number of fields.
    fn read_record(&mut self) -> Result<Option<(Place, usize)>, Fault> {
        if !self.skip_blank_lines()? {
            return Ok(None);
        }
        let place = Place::Line(self.line);
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

    fn grow(&mut self, place: Place) -> Result<(), Fault> {
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
