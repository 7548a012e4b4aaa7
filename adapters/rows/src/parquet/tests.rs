use std::{
    fs,
    io::{Seek, Write},
    path::{Path, PathBuf},
};

use proptest::prelude::*;

use super::{super::Value, *};

mod hostile;
mod written;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rows").join(name).with_extension("parquet")
}

fn holding(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

/// All rows as text, or the first error.
fn read(file: File) -> Result<Vec<String>, String> {
    let shown = |fault| match fault {
        Fault::At(place, reason) => format!("{place}: {reason}"),
        Fault::Whole(reason) => reason,
        Fault::Io(error) => panic!("{error}"),
    };
    let mut reader = Reader::new(file, &[], &[]).map_err(shown)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next().map_err(shown)? {
        assert_eq!(row.place, RowPlace::Row(rows.len() + 1));
        let field = |name: &str| format!("{name}={}", show(row.at(name).unwrap()));
        rows.push(row.keys().map(field).collect::<Vec<_>>().join(" "));
        assert!(rows.len() < 100_000, "endless rows");
    }
    assert_eq!(reader.buffered(), 0);
    Ok(rows)
}

fn read_fixture(name: &str) -> Result<Vec<String>, String> {
    read(File::open(fixture(name)).unwrap())
}

fn show(value: &Value) -> String {
    let join = |parts: Vec<String>| parts.join(",");
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Null => "-".into(),
        Value::List(items) => format!("[{}]", join(items.iter().map(show).collect())),
        Value::Object(fields) => {
            format!("{{{}}}", join(fields.iter().map(|(name, value)| format!("{name}:{}", show(value))).collect()))
        }
        scalar => scalar.as_text().unwrap().into_owned(),
    }
}

/// What `generate.py` has in row `i`.
fn expected(i: usize) -> String {
    let or_null = |is_null: bool, text: String| if is_null { "-".to_owned() } else { text };
    let list = |items: Vec<String>| format!("[{}]", items.join(","));
    let prompt = or_null(i % 5 == 2, format!("\"what is {i} times {i}?\""));
    let truth = or_null(i % 6 == 4, format!("\"truth {}\"", i * i));
    let reward = or_null(i % 11 == 5, format!("{{ground_truth:{truth},weight:{:?}}}", i as f64 / 4.0));
    let answers = or_null(i % 7 == 3, list((0..i % 4).map(|j| or_null(j == 2, format!("\"{i}/{j}\""))).collect()));
    let messages = list((0..i % 3).map(|j| format!("{{role:\"user\",content:\"q{i}.{j}\"}}")).collect());
    let level = or_null(i.is_multiple_of(4), (i % 3).to_string());
    let kept = i.is_multiple_of(2);
    format!("id={i} prompt={prompt} reward_model={reward} answers={answers} messages={messages} level={level} kept={kept}")
}

#[test]
fn every_codec_encoding_and_page_version_is_read() {
    let rows: Vec<String> = (0..50).map(expected).collect();
    let names = ["none", "snappy", "gzip", "brotli", "zstd", "lz4", "plain", "v2", "v2-plain", "pages", "deltas", "deltas-v2"];
    for name in names {
        let read = read_fixture(name).unwrap_or_else(|reason| panic!("{name}: {reason}"));
        assert_eq!(read.len(), rows.len(), "{name}");
        for (read, expected) in read.iter().zip(&rows) {
            assert_eq!(read, expected, "{name}");
        }
    }
    assert_eq!(read_fixture("empty"), Ok(vec![]));
}

#[test]
fn types_are_read_as_text_or_digits() {
    let expected = [
        concat!(
            "u8=255 u64=18446744073709551615 i8=-128 f32=0.1 f64=1e300 day=\"1969-12-31\" ms=\"2001-02-03T04:05:06.007\" ",
            "us=\"1901-02-03T04:05:06.000007Z\" clock=\"23:59:58.000005\" money=-0.05 ",
            "large=-10000000000000000000000000000000000000 map={a:1,b:-} deep=[[1,2],[],-,[3]] nothing=- sort=\"x\""
        ),
        concat!(
            "u8=- u64=0 i8=127 f32=-2.0 f64=0.1 day=\"2024-02-29\" ms=- us=- clock=\"00:00:00\" money=123.40 large=7 map=- ",
            "deep=[[]] nothing=- sort=\"x\""
        ),
    ];
    assert_eq!(read_fixture("types").unwrap(), expected);
    assert_eq!(read_fixture("types-int96").unwrap(), ["us=\"1901-02-03T04:05:06.000007000\"", "us=-"]);
}

#[test]
fn what_is_not_read_is_refused_with_a_hint() {
    for (number, name) in [(3, "lzo"), (9, "an unknown codec")] {
        let hint = codec::Codec::numbered(number).check().unwrap_err();
        assert!(hint.starts_with(&format!("compressed with {name}; write it with compression=\"snappy\" (pandas: ")), "{hint}");
    }
    let binary = read_fixture("binary").unwrap_err();
    assert_eq!(binary, "row 2: column \"image\": not UTF-8 at byte 1 of a value; write it as text, or drop it");
    assert_eq!(read(holding(b"")), Err("not a Parquet file: too short".into()));
    let text = read(holding(b"{\"a\": 1}\n{\"a\": 2}\n")).unwrap_err();
    assert_eq!(text, "not a Parquet file: it does not end as one; is it cut off, or encrypted?");
}

#[test]
fn days_are_those_of_the_gregorian_calendar() {
    let days = [(0, "1970-01-01"), (-1, "1969-12-31"), (11016, "2000-02-29"), (11017, "2000-03-01"), (-25508, "1900-03-01")];
    let leaf = |meaning| schema::Leaf {
        path: "a".into(),
        physical: schema::Physical::Fixed(4),
        meaning,
        max_definition: 0,
        max_repetition: 0,
    };
    for (day, date) in days {
        let value = scalar::value(&leaf(schema::Meaning::Date), &i32::to_le_bytes(day));
        assert_eq!(value, Ok(Value::Text(date.into())));
    }
    for extreme in [i64::MIN, i64::MAX] {
        let meanings = [
            schema::Meaning::Date,
            schema::Meaning::Time(1000),
            schema::Meaning::Timestamp(1_000_000_000, true),
            schema::Meaning::Timestamp(1000, false),
            schema::Meaning::Decimal { scale: 38, big_endian: false },
        ];
        for meaning in meanings {
            assert!(scalar::value(&leaf(meaning), &extreme.to_le_bytes()).is_ok());
        }
    }
}

#[test]
fn only_the_current_pages_are_held() {
    let mut reader = Reader::new(File::open(fixture("pages")).unwrap(), &[], &[]).unwrap();
    let whole = fs::metadata(fixture("pages")).unwrap().len() as usize;
    let mut most = 0;
    while reader.next().unwrap().is_some() {
        most = most.max(reader.buffered());
    }
    assert!(most > 0 && most * 5 < whole, "{most} of {whole}");
    assert_eq!(reader.buffered(), 0);
}
