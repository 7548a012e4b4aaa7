//! Methods of Python's `str` that templates call and minijinja's `pycompat` lacks, or has otherwise than Python.
//!
//! Positions are those of characters, as in Python. What a method can add to a text is paid for in fuel before it is made.

use std::iter;

use minijinja::{
    Error, ErrorKind, State, Value,
    value::{Kwargs, Rest, Tuple, from_args},
};

/// Calls a method of a text. [`ErrorKind::UnknownMethod`] says that it is not one of these.
pub(crate) fn method(state: &State, text: &str, name: &str, args: &[Value]) -> Result<Value, Error> {
    let call = Call::new(name, args)?;
    Ok(match name {
        "strip" | "lstrip" | "rstrip" => strip(&call, text)?.into(),
        "removeprefix" => text.strip_prefix(call.text(0)?.as_str()).unwrap_or(text).into(),
        "removesuffix" => text.strip_suffix(call.text(0)?.as_str()).unwrap_or(text).into(),
        "find" | "rfind" | "index" | "rindex" | "count" => search(&call, text)?,
        "startswith" | "endswith" => has_end(&call, text)?.into(),
        "partition" | "rpartition" => partition(&call, text)?,
        "split" | "rsplit" => split(&call, text)?.into_iter().map(Value::from).collect(),
        "splitlines" => lines(text, call.optional(0, "keepends").is_some_and(|keep| keep.is_true())).collect(),
        "join" => join(state, &call, text)?.into(),
        "center" | "ljust" | "rjust" => justify(state, &call, text)?.into(),
        "zfill" => fill(state, &call, text)?.into(),
        "expandtabs" => expand_tabs(state, &call, text)?.into(),
        "casefold" => text.chars().flat_map(folded).collect::<String>().into(),
        "swapcase" => swap_case(text).into(),
        "title" => title(text).into(),
        "istitle" => is_title(text).into(),
        "isspace" => (!text.is_empty() && text.chars().all(white)).into(),
        "isdecimal" | "isdigit" | "isnumeric" => is_digits(&call, text)?.into(),
        _ => return Err(Error::from(ErrorKind::UnknownMethod)),
    })
}

/// The arguments of a call, by place or by name.
struct Call<'a> {
    method: &'a str,
    given: Vec<Value>,
    named: Kwargs,
}

impl<'a> Call<'a> {
    fn new(method: &'a str, args: &[Value]) -> Result<Self, Error> {
        let (Rest(given), named): (Rest<Value>, Kwargs) = from_args(args)?;
        Ok(Self { method, given, named })
    }

    fn refuse(&self, reason: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::InvalidOperation, format!("{}: {reason}", self.method))
    }

    /// An argument that may be absent; `none` is absent too.
    fn optional(&self, at: usize, name: &str) -> Option<Value> {
        let value = self.given.get(at).cloned().or_else(|| self.named.get(name).ok());
        value.filter(|value| !value.is_none() && !value.is_undefined())
    }

    fn text(&self, at: usize) -> Result<String, Error> {
        let value = self.given.get(at).ok_or_else(|| self.refuse("an argument is missing"))?;
        value.as_str().map(str::to_owned).ok_or_else(|| self.refuse(format!("a string is expected, not {}", value.kind())))
    }

    fn optional_text(&self, at: usize, name: &str) -> Result<Option<String>, Error> {
        let text = |value: Value| value.as_str().map(str::to_owned).ok_or_else(|| self.refuse("a string is expected"));
        self.optional(at, name).map(text).transpose()
    }

    fn number(&self, at: usize, name: &str, default: i64) -> Result<i64, Error> {
        let number = |value: Value| i64::try_from(value).map_err(|_| self.refuse("a whole number is expected"));
        self.optional(at, name).map_or(Ok(default), number)
    }

    /// The part of a text between two positions, which may count from its end, and the position where it begins.
    fn window<'t>(&self, text: &'t str, first: usize) -> Result<Option<(&'t str, usize)>, Error> {
        let length = text.chars().count() as i64;
        let place = |at: i64| if at < 0 { (at + length).max(0) } else { at };
        let (start, end) = (place(self.number(first, "", 0)?), place(self.number(first + 1, "", length)?).min(length));
        if start > end {
            return Ok(None);
        }
        let byte = |at: i64| text.char_indices().nth(at as usize).map_or(text.len(), |(byte, _)| byte);
        Ok(Some((&text[byte(start)..byte(end)], start as usize)))
    }
}

/// What Python counts as white space: Unicode's, and four separators of ASCII.
pub(crate) fn white(letter: char) -> bool {
    letter.is_whitespace() || ('\x1c'..='\x1f').contains(&letter)
}

fn strip<'t>(call: &Call<'_>, text: &'t str) -> Result<&'t str, Error> {
    let letters = call.optional_text(0, "")?;
    let goes = |letter: char| letters.as_ref().map_or_else(|| white(letter), |letters| letters.contains(letter));
    let text = if call.method == "rstrip" { text } else { text.trim_start_matches(goes) };
    Ok(if call.method == "lstrip" { text } else { text.trim_end_matches(goes) })
}

fn search(call: &Call<'_>, text: &str) -> Result<Value, Error> {
    let sought = call.text(0)?;
    let window = call.window(text, 1)?;
    if call.method == "count" {
        return Ok(window.map_or(0, |(part, _)| part.matches(&sought).count()).into());
    }
    let found = window.and_then(|(part, start)| {
        let byte = if call.method.starts_with('r') { part.rfind(&sought) } else { part.find(&sought) };
        byte.map(|byte| start + part[..byte].chars().count())
    });
    match found {
        Some(at) => Ok(at.into()),
        None if call.method.ends_with("find") => Ok(Value::from(-1)),
        None => Err(call.refuse(format!("{sought:?} is not in the text"))),
    }
}

fn has_end(call: &Call<'_>, text: &str) -> Result<bool, Error> {
    let Some((part, _)) = call.window(text, 1)? else { return Ok(false) };
    let fits = |end: &str| if call.method == "startswith" { part.starts_with(end) } else { part.ends_with(end) };
    match call.given.first() {
        Some(several) if several.as_str().is_none() => {
            let wrong = || call.refuse("a string is expected, or a tuple of strings");
            if !matches!(several.kind(), minijinja::value::ValueKind::Seq) {
                return Err(wrong());
            }
            several.try_iter()?.try_fold(false, |found, end| Ok(found | fits(end.as_str().ok_or_else(wrong)?)))
        }
        _ => Ok(fits(&call.text(0)?)),
    }
}

fn partition(call: &Call<'_>, text: &str) -> Result<Value, Error> {
    let between = separator(call, call.text(0)?)?;
    let last = call.method == "rpartition";
    let parts = match if last { text.rsplit_once(&between) } else { text.split_once(&between) } {
        Some((before, behind)) => [before, &between, behind],
        None if last => ["", "", text],
        None => [text, "", ""],
    };
    Ok(Tuple::new(parts.map(Value::from).to_vec()).into())
}

fn separator(call: &Call<'_>, text: String) -> Result<String, Error> {
    if text.is_empty() { Err(call.refuse("an empty separator")) } else { Ok(text) }
}

fn split<'t>(call: &Call<'_>, text: &'t str) -> Result<Vec<&'t str>, Error> {
    let most = usize::try_from(call.number(1, "maxsplit", -1)?).unwrap_or(usize::MAX - 1);
    let from_end = call.method == "rsplit";
    let mut parts: Vec<&str> = match call.optional_text(0, "sep")? {
        Some(between) => {
            let between = separator(call, between)?;
            if from_end { text.rsplitn(most + 1, &between).collect() } else { text.splitn(most + 1, &between).collect() }
        }
        None if from_end => words(
            text,
            most,
            |text| text.trim_end_matches(white),
            |text| {
                let at = text.rfind(white).map(|at| at + text[at..].chars().next().map_or(0, char::len_utf8));
                at.map(|at| (&text[at..], &text[..at]))
            },
        ),
        None => words(text, most, |text| text.trim_start_matches(white), |text| text.find(white).map(|at| text.split_at(at))),
    };
    if from_end {
        parts.reverse();
    }
    Ok(parts)
}

/// Words between white space, at most `most` of them, and the rest as it is.
fn words<'t>(
    text: &'t str,
    most: usize,
    trim: impl Fn(&'t str) -> &'t str,
    take: impl Fn(&'t str) -> Option<(&'t str, &'t str)>,
) -> Vec<&'t str> {
    let mut rest = trim(text);
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (word, behind) = take(rest).filter(|_| found.len() < most).unwrap_or((rest, ""));
        found.push(word);
        rest = trim(behind);
    }
    found
}

fn lines(text: &str, keep_ends: bool) -> impl Iterator<Item = Value> {
    let mut rest = text;
    iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let ends =
            |letter: char| matches!(letter, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let end = rest.find(ends).unwrap_or(rest.len());
        let letter = rest[end..].chars().next().map_or(0, char::len_utf8);
        let length = if rest[end..].starts_with("\r\n") { 2 } else { letter };
        let line = &rest[..if keep_ends { end + length } else { end }];
        rest = &rest[end + length..];
        Some(line.into())
    })
}

fn join(state: &State, call: &Call<'_>, between: &str) -> Result<String, Error> {
    let list = call.given.first().ok_or_else(|| call.refuse("an argument is missing"))?;
    if list.is_none() {
        return Err(call.refuse("none can't be joined"));
    }
    let mut joined = String::new();
    for (at, part) in list.try_iter()?.enumerate() {
        let part = part
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| call.refuse(format!("item {at} is a {}, and a string is expected", part.kind())))?;
        let between = if at == 0 { "" } else { between };
        pay(state, between.len() + part.len())?;
        joined.push_str(between);
        joined.push_str(&part);
    }
    Ok(joined)
}

/// Pays for bytes before they are made.
fn pay(state: &State, bytes: usize) -> Result<(), Error> {
    if bytes < 64 { Ok(()) } else { state.consume_fuel((bytes / 64) as u64) }
}

/// How many letters are missing to a width, which the first argument says.
fn missing(state: &State, call: &Call<'_>, text: &str) -> Result<usize, Error> {
    if call.given.is_empty() {
        return Err(call.refuse("an argument is missing"));
    }
    let width = usize::try_from(call.number(0, "width", 0)?).unwrap_or(0);
    let missing = width.saturating_sub(text.chars().count());
    pay(state, missing.saturating_mul(4))?;
    Ok(missing)
}

fn justify(state: &State, call: &Call<'_>, text: &str) -> Result<String, Error> {
    let missing = missing(state, call, text)?;
    let letter = call.optional_text(1, "")?.unwrap_or_else(|| " ".into());
    if letter.chars().count() != 1 {
        return Err(call.refuse("one letter is expected to fill with"));
    }
    let width = missing + text.chars().count();
    let left = match call.method {
        "ljust" => 0,
        "rjust" => missing,
        // As CPython rounds.
        _ => missing / 2 + (missing & width & 1),
    };
    Ok([letter.repeat(left).as_str(), text, &letter.repeat(missing - left)].concat())
}

fn fill(state: &State, call: &Call<'_>, text: &str) -> Result<String, Error> {
    let zeros = "0".repeat(missing(state, call, text)?);
    let sign = usize::from(text.starts_with(['+', '-']));
    Ok([&text[..sign], &zeros, &text[sign..]].concat())
}

fn expand_tabs(state: &State, call: &Call<'_>, text: &str) -> Result<String, Error> {
    let width = usize::try_from(call.number(0, "tabsize", 8)?).unwrap_or(0);
    pay(state, width.saturating_mul(text.matches('\t').count()))?;
    let (mut expanded, mut column) = (String::new(), 0);
    for letter in text.chars() {
        match letter {
            '\t' if width == 0 => {}
            '\t' => {
                let spaces = width - column % width;
                expanded.extend(iter::repeat_n(' ', spaces));
                column += spaces;
            }
            _ => {
                expanded.push(letter);
                column = if matches!(letter, '\n' | '\r') { 0 } else { column + 1 };
            }
        }
    }
    Ok(expanded)
}

/// Full case folding: what upper case and lower case make of a letter, but for the dotless i, which folds to itself.
fn folded(letter: char) -> Vec<char> {
    match letter {
        'ı' => vec![letter],
        _ => letter.to_uppercase().flat_map(char::to_lowercase).collect(),
    }
}

fn swap_case(text: &str) -> String {
    let swap = |letter: char| -> String {
        if letter.is_uppercase() { letter.to_lowercase().collect() } else { letter.to_uppercase().collect() }
    };
    text.chars().map(swap).collect()
}

fn cased(letter: char) -> bool {
    letter.is_lowercase() || letter.is_uppercase()
}

/// Every run of letters begins with a capital, also after an apostrophe, as in Python.
fn title(text: &str) -> String {
    let mut inside = false;
    let mut written = String::new();
    for letter in text.chars() {
        if inside {
            written.extend(letter.to_lowercase());
        } else {
            let mut upper = letter.to_uppercase();
            written.extend(upper.next());
            written.extend(upper.flat_map(char::to_lowercase));
        }
        inside = cased(letter);
    }
    written
}

fn is_title(text: &str) -> bool {
    let (mut inside, mut found) = (false, false);
    for letter in text.chars() {
        if (letter.is_uppercase() && inside) || (letter.is_lowercase() && !inside) {
            return false;
        }
        inside = cased(letter);
        found |= inside;
    }
    found
}

/// Rust does not tell decimal digits from other numbers: those beyond ASCII are refused by name.
fn is_digits(call: &Call<'_>, text: &str) -> Result<bool, Error> {
    match text.chars().find(|letter| letter.is_numeric() && !letter.is_ascii()) {
        Some(letter) => Err(call.refuse(format!("whether {letter:?} counts is not known here; ASCII digits are"))),
        None => Ok(!text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit())),
    }
}
