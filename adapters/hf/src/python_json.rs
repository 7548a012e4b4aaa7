//! JSON as Python's `json.dumps(ensure_ascii=False)` writes it: what chat templates expect of `tojson`.

use std::io;

use minijinja::{Error, ErrorKind, Value, value::Kwargs};
use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

/// The filter `tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`: nothing is escaped for HTML.
pub(crate) fn tojson(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let refuse = |reason: String| Error::new(ErrorKind::InvalidOperation, format!("tojson: {reason}"));
    let width = options.get::<Option<usize>>("indent")?;
    if let Some(width) = width.filter(|&width| width > WIDEST) {
        return Err(refuse(format!("an indent of {width}; at most {WIDEST}")));
    }
    let between = match options.get::<Option<Vec<String>>>("separators")? {
        None => [if width.is_some() { "," } else { ", " }, ": "].map(str::to_owned),
        Some(given) => given.try_into().map_err(|_| refuse("separators are a pair".into()))?,
    };
    let ascii = options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false);
    let sorted = options.get::<Option<bool>>("sort_keys")?.unwrap_or(false);
    options.assert_all_used()?;
    let failed = |error: serde_json::Error| Error::new(ErrorKind::BadSerialization, error.to_string());
    let mut bytes = Vec::new();
    let mut out = Serializer::with_formatter(&mut bytes, Python { width, between, ascii, depth: 0, filled: false });
    // An object of serde_json keeps its keys in order.
    if sorted { serde_json::to_value(value).and_then(|value| value.serialize(&mut out)) } else { value.serialize(&mut out) }
        .map_err(failed)?;
    String::from_utf8(bytes).map(Value::from_safe_string).map_err(|e| Error::new(ErrorKind::BadSerialization, e.to_string()))
}

/// Widest indent.
const WIDEST: usize = 16;

/// Python's way to write JSON.
struct Python {
    width: Option<usize>,
    /// Between two entries, and between a key and its value.
    between: [String; 2],
    /// Whether what is not ASCII is escaped.
    ascii: bool,
    depth: usize,
    filled: bool,
}

impl Python {
    fn open<W: ?Sized + io::Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.filled = false;
        out.write_all(bracket)
    }

    fn close<W: ?Sized + io::Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.filled {
            self.line(out)?;
        }
        self.filled = true;
        out.write_all(bracket)
    }

    fn separate<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.filled = true;
        if !first {
            out.write_all(self.between[0].as_bytes())?;
        }
        self.line(out)
    }

    fn line<W: ?Sized + io::Write>(&self, out: &mut W) -> io::Result<()> {
        let Some(width) = self.width else { return Ok(()) };
        out.write_all(b"\n")?;
        (0..width * self.depth).try_for_each(|_| out.write_all(b" "))
    }
}

impl Formatter for Python {
    fn write_f64<W: ?Sized + io::Write>(&mut self, out: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if value.is_finite() && (size >= 1e16 || (size > 0.0 && size < 1e-4)) {
            // An exponent has a sign and two digits at least.
            let text = format!("{value:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
            return write!(out, "{digits}e{sign}{exponent:0>2}");
        }
        write!(out, "{value:?}")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        if !self.ascii {
            return out.write_all(fragment.as_bytes());
        }
        for unit in fragment.encode_utf16() {
            match u8::try_from(unit) {
                Ok(byte) if (b' '..=b'~').contains(&byte) => out.write_all(&[byte])?,
                _ => write!(out, "\\u{unit:04x}")?,
            }
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.separate(out, first)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.separate(out, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(self.between[1].as_bytes())
    }
}
