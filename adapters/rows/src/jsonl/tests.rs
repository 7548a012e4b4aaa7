use proptest::prelude::*;

use super::*;

fn read(bytes: &[u8]) -> Result<Vec<Row>, (usize, String)> {
    let mut reader = match Reader::new(bytes) {
        Ok(reader) => reader,
        // A file of another kind as a whole.
        Err(Fault::Whole(reason)) => return Err((0, reason)),
        Err(other) => panic!("{other:?}"),
    };
    let mut rows = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(row)) => rows.push(row),
            Ok(None) => return Ok(rows),
            Err(Fault::At(RowPlace::Line(line), reason)) => return Err((line, reason)),
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn refused(text: &str) -> String {
    read(text.as_bytes()).unwrap_err().1
}

#[test]
fn values_are_read_as_written() {
    let rows = read(
        b"\xEF\xBB\xBF \r\n{\"b\": -1.50e+3, \"a\": [true, false, null], \"c\": {\"d\": \"\\u00e9\\ud83d\\ude00\\n\"}}\r\n\n{}",
    )
    .unwrap();
    assert_eq!(rows.iter().map(|row| row.place).collect::<Vec<_>>(), [RowPlace::Line(2), RowPlace::Line(4)]);
    assert_eq!(rows[0].keys().collect::<Vec<_>>(), ["b", "a", "c"]);
    assert_eq!(rows[0].at("b"), Some(&Value::Number("-1.50e+3".into())));
    assert_eq!(rows[0].at("a"), Some(&Value::List(vec![Value::Bool(true), Value::Bool(false), Value::Null])));
    assert_eq!(rows[0].at("c.d"), Some(&Value::Text("é😀\n".into())));
    assert_eq!(rows[1].keys().count(), 0);
    let digits = "123456789012345678901234567890.12345678901234567890";
    assert_eq!(read(format!("{{\"n\": {digits}}}").as_bytes()).unwrap()[0].at("n"), Some(&Value::Number(digits.into())));
}

#[test]
fn other_layouts_are_told_from_errors() {
    assert_eq!(refused("{}\n[{\"a\": 1}, {\"a\": 2}]"), "this looks like a JSON array; write one object a line");
    let python = "this looks like a dictionary as Python prints it; write it with json.dumps";
    assert_eq!(refused("{'a': 1}"), python);
    let object = "this looks like a JSON object over several lines, or cut off; write one object a line";
    assert_eq!(refused("{\n  \"a\": 1\n}"), object);
    assert_eq!(refused("{\"a\": \"x"), object);
    for scalar in ["1", "\"a\"", "null", "true"] {
        assert_eq!(refused(scalar), "not a JSON object; write one object a line");
    }
}

#[test]
fn bad_lines_are_refused_with_the_byte() {
    assert_eq!(refused("{\"a\": 1,}"), "not JSON: trailing comma at byte 9");
    assert_eq!(refused("{\"a\": NaN, \"b\": x}"), "not JSON: expected value at byte 7");
    assert_eq!(refused("{\"a\": 1} {}"), "not JSON: trailing characters at byte 10");
    assert_eq!(read(b"\n{\"a\": \"\xFF\"}"), Err((2, "not UTF-8 at byte 8: save the file as UTF-8".into())));
    assert_eq!(refused("{\"a\": 1, \"b\": {\"c\": 1, \"d\": 2, \"c\": 3}}"), "\"c\" is there twice");
    assert_eq!(refused("{\"a\": 1, \"\\u0061\": 2}"), "\"a\" is there twice");
    assert!(refused("{\"a\": \"\\ud800\"}").starts_with("not JSON: "));
    assert!(refused("{\"\\udc00x\": 1}").starts_with("not JSON: "));
    assert!(refused("{\"a\": \"\\ud800\\ud800\"}").starts_with("not JSON: "));
}

#[test]
fn an_array_of_objects_is_read_over_whatever_lines() {
    let places = |text: &str| read(text.as_bytes()).map(|rows| rows.iter().map(|row| row.place).collect::<Vec<_>>());
    let line = |lines: &[usize]| Ok(lines.iter().map(|&line| RowPlace::Line(line)).collect());
    assert_eq!(places("[]"), line(&[]));
    assert_eq!(places("\u{FEFF}\n [{\"a\": 1}, {\"a\": \"]}\\\"\"},{}]\n"), line(&[2, 2, 2]));
    assert_eq!(places("[\n  {\n    \"a\": [1,\n {}]\n  },\n  {\"a\": NaN},\n]\n"), line(&[2, 6]));
    for (text, at, part) in [
        ("[{\"a\": 1},\n{\"a\": 2}", 2, "does not end; is it cut off?"),
        ("[{\"a\": 1},\n{\"a\": [", 2, "an object that starts here does not end"),
        ("[{\"a\": 1},\n2]", 2, "is no object"),
        ("[{\"a\": 1}]\n{}", 2, "there is more after the array"),
        ("[{\"a\": 1},\n{\"a\": }]", 2, "not JSON: "),
        ("[{\"a\"]: 1}", 1, "not JSON: "),
    ] {
        let (line, reason) = read(text.as_bytes()).unwrap_err();
        assert!(line == at && reason.contains(part), "{text}: line {line}: {reason}");
    }
    let long = format!("[{}]", vec!["{\"a\": \"one\"}"; 1 << 16].join(",\n"));
    let mut reader = Reader::new(long.as_bytes()).unwrap();
    for i in 0..1 << 16 {
        assert_eq!(reader.next().unwrap().unwrap().place, RowPlace::Line(i + 1));
    }
    assert!(reader.next().unwrap().is_none() && reader.buffered() < 32 << 10, "{}", reader.buffered());
}

#[test]
fn what_python_writes_for_no_number_is_null() {
    let rows = read(b"{\"a\": NaN, \"b\": [-Infinity, Infinity, 1], \"c\": \"NaN, \\\"Infinity\"},\n").unwrap();
    assert_eq!(
        (rows[0].at("a"), rows[0].at("b.0"), rows[0].at("b.1")),
        (Some(&Value::Null), Some(&Value::Null), Some(&Value::Null))
    );
    assert_eq!(rows[0].at("c"), Some(&Value::Text("NaN, \"Infinity".into())));
}

#[test]
fn nesting_and_length_are_bounded() {
    let nested = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
    for depth in [MAX_DEPTH, 1000, MAX_LINE / 2 - 10] {
        let reason = refused(&nested(depth));
        assert!(reason.contains("nested") || reason.contains("recursion"), "{reason}");
    }
    let objects = |depth: usize| format!("{}1{}", "{\"a\": ".repeat(depth), "}".repeat(depth));
    assert!(read(objects(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(refused(&objects(MAX_DEPTH + 1)), format!("nested deeper than {MAX_DEPTH} levels"));

    let line = |length: usize| format!("{{\"a\": \"{}\"}}\n", "x".repeat(length - 10));
    assert_eq!(line(MAX_LINE).len(), MAX_LINE);
    assert!(read(line(MAX_LINE).as_bytes()).is_ok());
    assert_eq!(refused(&line(MAX_LINE + 1)), format!("longer than {MAX_LINE} bytes"));
    let array = format!("\n[{},", line(MAX_LINE + 2));
    assert_eq!(read(array.as_bytes()), Err((2, format!("an object that starts here is longer than {MAX_LINE} bytes"))));
}

/// Lines without end, made as they are read.
struct Endless {
    line: Vec<u8>,
    at: usize,
    given: usize,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = buffer.len().min(self.line.len() - self.at);
        buffer[..count].copy_from_slice(&self.line[self.at..self.at + count]);
        self.at = (self.at + count) % self.line.len();
        self.given += count;
        Ok(count)
    }
}

#[test]
fn a_long_file_takes_no_more_memory_than_a_line() {
    let line = format!("{{\"prompt\": \"{}\", \"answer\": 7}}\n", "word ".repeat(2000)).into_bytes();
    let mut reader = Reader::new(Endless { line, at: 0, given: 0 }).unwrap();
    let given = |reader: &Reader<Endless>| reader.source.get_ref().get_ref().1.given;
    while given(&reader) < 64 << 20 {
        let row = reader.next().unwrap().unwrap();
        assert_eq!(row.at("answer"), Some(&Value::Number("7".into())));
        assert!(reader.buffered() < 64 << 10, "{} bytes after line {}", reader.buffered(), reader.line);
    }
    assert!(reader.line > 6000);
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

fn same(value: &Value, json: &serde_json::Value) -> bool {
    match (value, json) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(a), serde_json::Value::Bool(b)) => a == b,
        (Value::Number(a), serde_json::Value::Number(b)) => *a == b.to_string(),
        (Value::Text(a), serde_json::Value::String(b)) => a == b,
        (Value::List(a), serde_json::Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), serde_json::Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|json| same(value, json)))
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_json_like_text_is_read_or_refused(text in "(\\{|\\}|\\[|\\]|\"|:|,|\\\\|u|d8|00|1|-|e|null|a|\n| ){0,40}") {
        let _ = read(text.as_bytes());
    }

    #[test]
    fn what_is_written_is_read(members in prop::collection::btree_map(".{0,4}", json(), 0..5)) {
        let object = serde_json::Value::Object(members.into_iter().collect());
        let rows = read(format!("{object}\n").as_bytes()).unwrap();
        let fields = rows[0].keys().map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(fields.len(), object.as_object().unwrap().len());
        for name in fields {
            prop_assert!(same(rows[0].at(&name).unwrap(), &object[&name]));
        }
    }
}
