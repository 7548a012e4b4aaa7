//! minijinja, set up as transformers 5.24 sets up Jinja for chat templates, and what Jinja inherits from Python.
//!
//! What stays otherwise: where Jinja stops with a `TypeError` (numbers compared with texts, a loop over none) minijinja may go on; a method
//! that is not called (`x.upper`) is undefined; a key of a dictionary that is named like a method (`d.items`) wins over the method; ranges and
//! generators print as lists; floats of 1e16 and more print without an exponent. Filters, tests and functions that are left out
//! (`pprint`, `attr`, `wordwrap`, `cycler`, ...) are refused by name.

use std::{fmt, sync::Arc};

use minijinja::{
    Environment, Error, ErrorKind, State, Value, filters,
    syntax::SyntaxConfig,
    value::{Enumerator, Kwargs, Object, ObjectRepr, Tuple, ValueKind},
};
use minijinja_contrib::pycompat;

use crate::{python_json::tojson, python_text};

/// An environment in which the one template `name` is `source`.
///
/// # Errors
/// The template's own mistakes in syntax.
pub(crate) fn environment(name: &'static str, source: &str, fuel: u64) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_fuel(Some(fuel));
    // Errors then name what is undefined.
    environment.set_debug(true);
    environment.set_unknown_method_callback(method);
    environment.add_filter("tojson", tojson);
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    for name in ["escape", "e"] {
        environment.add_filter(name, escape);
    }
    // Silently otherwise than in Jinja: better unknown.
    environment.remove_filter("pprint");
    environment.remove_filter("attr");
    environment.remove_global("debug");
    environment.add_test("iterable", |value: &Value| !value.is_none() && value.try_iter().is_ok());
    environment.add_test("sequence", is_sequence);
    environment.add_function("raise_exception", |message: Value| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message.to_string()))
    });
    environment.add_template_owned(name, for_minijinja(&with_line_feeds(source)))?;
    Ok(environment)
}

/// What has a length and can be indexed: in Python also strings, dictionaries, ranges, and Jinja's undefined value.
fn is_sequence(value: &Value) -> bool {
    match value.kind() {
        ValueKind::Undefined | ValueKind::String | ValueKind::Seq | ValueKind::Map => true,
        ValueKind::Iterable => value.downcast_object_ref::<View>().is_none() && value.len().is_some(),
        _ => false,
    }
}

/// Methods that Jinja inherits from Python.
fn method(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let found = match (value.kind(), name) {
        (ValueKind::String, _) => python_text::method(state, value.as_str().unwrap_or_default(), name, args),
        (ValueKind::Map, "keys" | "values" | "items") if args.is_empty() => View::of(state, value, name),
        (ValueKind::Map | ValueKind::Seq, "copy") if args.is_empty() => Ok(value.clone()),
        (ValueKind::Seq, "index") => index(value, args),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    };
    match found {
        Err(error) if error.kind() == ErrorKind::UnknownMethod => pycompat::unknown_method_callback(state, value, name, args),
        found => found,
    }
}

fn index(list: &Value, args: &[Value]) -> Result<Value, Error> {
    let (sought, start): (&Value, Option<usize>) = minijinja::value::from_args(args)?;
    let mut places = list.try_iter()?.enumerate().skip(start.unwrap_or(0));
    let found = places.find(|(_, value)| value == sought).map(|(at, _)| at.into());
    found.ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("index: {sought:?} is not in the list")))
}

/// `dict.keys()` and the like: they print with their name, and can't be indexed.
#[derive(Debug)]
struct View {
    name: String,
    values: Vec<Value>,
}

impl View {
    fn of(state: &State, map: &Value, name: &str) -> Result<Value, Error> {
        let keys = map.try_iter()?;
        let values: Vec<Value> = match name {
            "keys" => keys.collect(),
            "values" => keys.map(|key| map.get_item(&key)).collect::<Result<_, _>>()?,
            _ => keys.map(|key| Ok(Tuple::new(vec![key.clone(), map.get_item(&key)?]).into())).collect::<Result<_, Error>>()?,
        };
        state.consume_fuel(values.len() as u64)?;
        Ok(Value::from_object(Self { name: format!("dict_{name}"), values }))
    }
}

impl Object for View {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.values.clone())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, Value::from(self.values.clone()))
    }
}

/// What is no number is the default, as in Jinja.
fn int(state: &State, value: &Value, default: Option<Value>, base: Option<u32>, named: Kwargs) -> Result<Value, Error> {
    let default = default.or(named.get("default")?).unwrap_or_else(|| 0.into());
    let base = base.or(named.get("base")?);
    named.assert_all_used()?;
    filters::int(state, &trimmed(value), Some(default), base, none_named())
}

fn float(state: &State, value: &Value, default: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let default = default.or(named.get("default")?).unwrap_or_else(|| 0.0.into());
    named.assert_all_used()?;
    filters::float(state, &trimmed(value), Some(default), none_named())
}

fn none_named() -> Kwargs {
    Kwargs::from_iter(<[(&str, Value); 0]>::default())
}

fn trimmed(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), |text| text.trim_matches(python_text::white).into())
}

/// HTML's special letters, as MarkupSafe writes them.
fn escape(value: &Value) -> Value {
    if value.is_safe() {
        return value.clone();
    }
    let text = value.to_string();
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&#39;"),
            '"' => escaped.push_str("&#34;"),
            _ => escaped.push(letter),
        }
    }
    Value::from_safe_string(escaped)
}

/// Jinja reads every line end of a template as a line feed, also inside of its strings.
fn with_line_feeds(source: &str) -> String {
    source.replace("\r\n", "\n").replace('\r', "\n")
}

/// A template in the words of minijinja. `{% generation %}` marks what an assistant wrote, and opens a scope; it changes no text, and minijinja
/// does not know it: `{% with %}` opens a scope too.
fn for_minijinja(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%").into_iter().chain(rest.find("{#")).min() {
        let comment = rest[at..].starts_with("{#");
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let end = tag.find(if comment { "#}" } else { "%}" }).map_or(tag.len(), |end| end + 2);
        let (tag, behind) = tag.split_at(end);
        let inner = tag.trim_start_matches("{%").trim_end_matches("%}").trim_matches(['-', '+']).trim();
        match inner {
            "generation" => out.push_str(&tag.replace("generation", "with")),
            "endgeneration" => out.push_str(&tag.replace("endgeneration", "endwith")),
            "raw" => {
                // Nothing is a tag until the raw block ends.
                let length = behind.find("endraw").unwrap_or(behind.len());
                // Jinja keeps a line end after this one tag, minijinja drops it unless it is told to.
                match tag.strip_suffix("%}").filter(|tag| !tag.ends_with(['-', '+'])) {
                    Some(tag) => out.extend([tag, "+%}"]),
                    None => out.push_str(tag),
                }
                out.push_str(&behind[..length]);
                rest = &behind[length..];
                continue;
            }
            _ => out.push_str(tag),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}
