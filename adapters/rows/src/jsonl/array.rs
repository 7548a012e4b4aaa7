//! The items of an array, wherever their lines end.

use std::io::{BufRead, Read};

use super::{
    super::{Fault, RowPlace},
    MAX_LINE, Reader,
};

/// Where in an item the next byte stands.
#[derive(Debug, Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Goes on by a byte; whether the item ends with it.
    fn ends_with(&mut self, byte: u8) -> bool {
        if self.in_string {
            (self.in_string, self.escaped) = (self.escaped || byte != b'"', !self.escaped && byte == b'\\');
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => return false,
        }
        byte != b'"' && self.depth == 0 && matches!(byte, b']' | b'}')
    }
}

impl<R: Read> Reader<R> {
    /// Whether the first byte that is no white space opens an array; it is then read.
    pub(super) fn starts_array(&mut self) -> Result<bool, Fault> {
        let is_array = self.skip(u8::is_ascii_whitespace)? == Some(b'[');
        if is_array {
            self.source.consume(1);
            self.line += 1;
        }
        Ok(is_array)
    }

    /// Whether there was another item, which is then in `bytes`; `line` is where it starts.
    pub(super) fn read_item(&mut self) -> Result<bool, Fault> {
        self.bytes.clear();
        let first = self.skip(|byte| byte.is_ascii_whitespace() || *byte == b',')?;
        let wrong = |line, reason: &str| Err(Fault::At(RowPlace::Line(line), reason.into()));
        match first {
            None => return wrong(self.line, "the array that the file is does not end; is it cut off?"),
            Some(b']') => {
                self.source.consume(1);
                return match self.skip(u8::is_ascii_whitespace)? {
                    None => Ok(false),
                    Some(_) => wrong(self.line, "there is more after the array that the file is"),
                };
            }
            Some(b'{') => {}
            Some(_) => return wrong(self.line, "an item of the array that the file is is no object"),
        }
        let mut nesting = Nesting::default();
        loop {
            let input = self.source.fill_buf()?;
            if input.is_empty() {
                return wrong(self.line, "an object that starts here does not end; is the file cut off?");
            }
            let end = input.iter().position(|&byte| nesting.ends_with(byte));
            let read = end.map_or(input.len(), |end| end + 1);
            if self.bytes.len() + read > MAX_LINE {
                return wrong(self.line, &format!("an object that starts here is longer than {MAX_LINE} bytes"));
            }
            self.bytes.extend_from_slice(&input[..read]);
            self.source.consume(read);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// The next byte that is not to be skipped; it is not read.
    fn skip(&mut self, skipped: impl Fn(&u8) -> bool) -> Result<Option<u8>, Fault> {
        loop {
            let input = self.source.fill_buf()?;
            if input.is_empty() {
                return Ok(None);
            }
            let count = input.iter().take_while(|&byte| skipped(byte)).count();
            self.line += input[..count].iter().filter(|&&byte| byte == b'\n').count();
            let next = input.get(count).copied();
            self.source.consume(count);
            if next.is_some() {
                return Ok(next);
            }
        }
    }
}
