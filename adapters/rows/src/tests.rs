use std::{fs, io::Write};

use tempfile::TempDir;

use super::*;

fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rows").join(name)
}

#[test]
fn formats_go_by_extension_then_by_content() {
    let folder = TempDir::new().unwrap();
    let of = |name: &str, bytes: &[u8]| Format::of(&file(&folder, name, bytes));
    assert_eq!(of("a.jsonl", b""), Format::Jsonl);
    assert_eq!(of("a.NDJSON", b""), Format::Jsonl);
    assert_eq!(of("a.json", b"PAR1"), Format::Jsonl);
    assert_eq!(of("a.csv", b""), Format::Csv);
    assert_eq!(of("a.b.tsv", b""), Format::Tsv);
    assert_eq!(of("a.parquet", b"{}"), Format::Parquet);
    assert_eq!(of("data", b"PAR1 and more"), Format::Parquet);
    assert_eq!(of("data.txt", b"PAR"), Format::Jsonl);
    assert_eq!(Format::of(Path::new("missing")), Format::Jsonl);
}

#[test]
fn columns_that_nobody_asks_for_are_not_read() {
    let keys = |name: &str, paths: &[&str]| -> Result<Vec<String>, RowsError> {
        let row = Rows::open_for(&fixture(name), paths, &[])?.next().unwrap()?;
        Ok(row.keys().map(str::to_owned).collect())
    };
    assert_eq!(keys("small.parquet", &["q"]).unwrap(), ["q"]);
    assert_eq!(keys("small.parquet", &["a.0"]).unwrap(), ["a"]);
    // A path that leads nowhere: all are read, so that a message can name them.
    assert_eq!(keys("small.parquet", &["q", "b"]).unwrap(), ["q", "a"]);
    let rows: Vec<Row> = Rows::open_for(&fixture("small.parquet"), &["q"], &["b"]).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 3);
}

#[test]
fn every_format_holds_the_same_rows() {
    let folder = TempDir::new().unwrap();
    let texts = [
        ("a.jsonl", "{\"q\": \"one\", \"a\": 1}\n\n{\"q\": \"two\", \"a\": 2}", [1, 3]),
        ("a.csv", "q,a\none,1\ntwo,2\n", [2, 3]),
        ("a.tsv", "q\ta\none\t1\r\ntwo\t2\r\n", [2, 3]),
    ];
    for (name, text, lines) in texts {
        let rows: Vec<Row> = Rows::open(&file(&folder, name, text.as_bytes())).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.iter().map(|row| row.place).collect::<Vec<_>>(), lines.map(RowPlace::Line), "{name}");
        assert_eq!(rows[1].keys().collect::<Vec<_>>(), ["q", "a"]);
        let read = |field| rows.iter().map(|row| row.at(field).unwrap().as_text().unwrap().into_owned()).collect::<Vec<_>>();
        assert_eq!((read("q"), read("a")), (vec!["one".into(), "two".into()], vec!["1".into(), "2".into()]), "{name}");
    }
    let rows: Vec<Row> = Rows::open(&fixture("small.parquet")).unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!((rows[2].place, rows[2].place.to_string()), (RowPlace::Row(3), "row 3".into()));
    assert_eq!(rows[2].at("a.1"), Some(&Value::Number("3".into())));
}

#[test]
fn errors_name_the_file_and_the_place_and_end_the_rows() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "a.jsonl", b"{\"a\": 1}\nnonsense\n{\"a\": 2}\n");
    let mut rows = Rows::open(&path).unwrap();
    assert!(rows.next().unwrap().is_ok());
    let error = rows.next().unwrap().unwrap_err();
    assert!(matches!(error, RowsError::Line { line: 2, .. }), "{error}");
    assert!(error.to_string().contains("a.jsonl: line 2: not JSON: "), "{error}");
    assert!(rows.next().is_none() && rows.next().is_none());

    assert!(matches!(Rows::open(&folder.path().join("missing.csv")), Err(RowsError::Io { .. })));
    assert!(matches!(Rows::open(&file(&folder, "a.csv", b"")), Err(RowsError::File { .. })));
    let error = RowPlace::Row(7).error(&path, "is odd".into());
    assert!(matches!(&error, RowsError::File { reason, .. } if reason == "row 7: is odd"), "{error}");
    assert_eq!(RowPlace::Line(7).to_string(), "line 7");
}

#[test]
fn a_path_leads_into_objects_and_lists() {
    let folder = TempDir::new().unwrap();
    let line = br#"{"a": {"b": [10, {"c": "x"}], "d.e": true}, "a.b": null, "0": [[5]], "f.g": {"h": 1}, "f": {"g": {"i": 2}}}"#;
    let row = Rows::open(&file(&folder, "a.jsonl", line)).unwrap().next().unwrap().unwrap();
    let number = |digits: &str| Some(Value::Number(digits.into()));
    assert_eq!(row.at("a.b"), Some(&Value::Null));
    assert_eq!(row.at("a.b.1.c").and_then(Value::as_text).as_deref(), Some("x"));
    assert_eq!(row.at("a.d.e").and_then(Value::as_text).as_deref(), Some("true"));
    assert_eq!(row.at("0.0.0").cloned(), number("5"));
    assert_eq!((row.at("f.g.h").cloned(), row.at("f.g.i").cloned()), (number("1"), number("2")));
    for missing in ["", ".", "a.", "a.c", "a.b.2", "a.b.-1", "a.b.1.c.d", "0.x", "A"] {
        assert_eq!(row.at(missing), None, "{missing}");
    }
    let kinds: Vec<&str> = ["a", "a.b", "a.b.0", "a.b.1.c", "a.d.e", "0"].map(|field| row.at(field).unwrap().kind()).into();
    assert_eq!(kinds, ["an object", "null", "a number", "a string", "a boolean", "a list"]);
    assert_eq!(row.at("a").unwrap().as_text(), None);
}

#[test]
fn a_file_is_read_from_a_pipe_of_small_parts() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let thread = std::thread::spawn(move || {
        for part in ["\u{FEFF}{\"a\"", ": 1}", "\r\n", "{\"a\":", " 2}"] {
            writer.write_all(part.as_bytes()).unwrap();
        }
    });
    let mut rows = jsonl::Reader::new(reader).unwrap();
    assert!(rows.next().unwrap().is_some() && rows.next().unwrap().is_some() && rows.next().unwrap().is_none());
    thread.join().unwrap();
}

#[test]
fn a_file_of_another_kind_is_named_with_what_to_do() {
    let folder = TempDir::new().unwrap();
    let refused = |name: &str, bytes: &[u8]| {
        let found = Rows::open(&file(&folder, name, bytes)).and_then(|rows| rows.collect::<Result<Vec<Row>, _>>());
        let error = found.expect_err(name).to_string();
        assert!(error.contains(name), "{error}");
        error
    };
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n";
    for name in ["a.jsonl", "a.csv", "a.parquet", "a"] {
        assert!(refused(name, pointer).contains("a Git LFS pointer") && refused(name, pointer).contains("git lfs pull"));
    }
    for name in ["empty.jsonl", "empty.csv", "empty.parquet"] {
        assert!(refused(name, b"").contains("is empty, and holds no problem"));
    }
    assert!(
        refused("latin.csv", b"prompt,answer\ncaf\xe9,1\n")
            .contains("line 2: \"prompt\" is not UTF-8 at byte 4: save the file as UTF-8")
    );
    let text = "question\tanswer\nCafé?\tja\n";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [[b"\xff\xfe", &utf16[..]].concat(), utf16] {
        assert!(refused("b.tsv", &bytes).contains("is text in UTF-16: save it as UTF-8"));
    }
    assert!(refused("c.jsonl", b"PAR1\x15\x04").contains("a name that ends with .parquet"));
    assert!(refused("c.parquet", b"{\"prompt\": 1}\n").contains("is text, not a Parquet file"));
    assert!(refused("d.jsonl.gz", b"\x1f\x8b\x08\x08").contains("compressed by gzip: unpack it with `gunzip`"));
    assert!(refused("d.json", b"<!doctype html><title>401</title>").contains("a web page"));
    assert!(refused("d.csv", b"PK\x03\x04\x14\0\x06\0").contains("ZIP archive"));
}

#[test]
fn a_folder_is_no_file() {
    let folder = TempDir::new().unwrap();
    let refused = || Rows::open(folder.path()).unwrap_err().to_string();
    assert!(refused().contains("holds no file of rows"), "{}", refused());
    file(&folder, "dataset_info.json", b"{}");
    assert!(refused().contains("load_from_disk"), "{}", refused());
    for name in ["z.csv", "b.parquet", "a.JSONL", "notes.txt"] {
        file(&folder, name, b"");
    }
    assert!(refused().ends_with("name a file in it, such as a.JSONL, b.parquet, z.csv"), "{}", refused());
}
