use proptest::prelude::*;

use super::*;

type Records = Vec<(usize, Vec<String>)>;

fn read(bytes: &[u8], separator: u8) -> Result<(Vec<String>, Records), String> {
    let shown = |fault| match fault {
        Fault::At(place, reason) => format!("{place}: {reason}"),
        Fault::Whole(reason) => reason,
        Fault::Io(error) => panic!("{error}"),
    };
    let mut reader = Reader::new(bytes, separator, &[], &[]).map_err(shown)?;
    let mut records = Vec::new();
    while let Some(row) = reader.next().map_err(shown)? {
        let RowPlace::Line(line) = row.place else { panic!("{:?}", row.place) };
        let field = |name: &String| match row.at(name) {
            Some(Value::Text(text)) => text.clone(),
            other => panic!("{other:?}"),
        };
        records.push((line, reader.header.iter().map(|(_, name)| field(name)).collect()));
    }
    Ok((reader.header.into_iter().map(|(_, name)| name).collect(), records))
}

fn refused(text: &str) -> String {
    read(text.as_bytes(), b',').unwrap_err()
}

#[test]
fn records_may_be_quoted_and_go_over_several_lines() {
    let text = "\u{FEFF}a, b \r\n1,\"x, \"\"y\"\"\"\r\n\r\n\n\"two\r\nlines\n\n\",é\n\"\",";
    let (header, records) = read(text.as_bytes(), b',').unwrap();
    assert_eq!(header, ["a", "b"]);
    let owned = |line, fields: [&str; 2]| (line, fields.map(str::to_owned).to_vec());
    assert_eq!(records, [owned(2, ["1", "x, \"y\""]), owned(5, ["two\r\nlines\n\n", "é"])], "a line of separators is none");
    assert_eq!(read(b"a\tb\n1, 2\t3\n", b'\t').unwrap().1, [owned(2, ["1, 2", "3"])]);
    assert_eq!(read(b"a,b\r1,2\r\r3,4\r", b',').unwrap().1, [owned(2, ["1", "2"]), owned(4, ["3", "4"])]);
    assert_eq!(read(b"a,b", b',').unwrap().1, []);
}

#[test]
fn headers_must_name_all_columns() {
    assert_eq!(refused(""), "is empty; its first line must name the columns");
    assert_eq!(refused("\n\r\n\u{20}\n"), "line 3: no column has a name");
    assert_eq!(refused("\na,b,a \n"), "line 2: two columns are called \"a\"");
    let header = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(read(header(MAX_COLUMNS).as_bytes(), b',').unwrap().0.len(), MAX_COLUMNS);
    for count in [MAX_COLUMNS + 1, MAX_COLUMNS + 2, 10 * MAX_COLUMNS] {
        assert_eq!(refused(&header(count)), format!("line 1: more than {MAX_COLUMNS} columns"));
    }
    assert_eq!(
        read(b"a,\xC3\n", b','),
        Err("line 1: the name of column 2 is not UTF-8 at byte 1: save the file as UTF-8".into())
    );
}

#[test]
fn bad_records_are_refused_with_their_line() {
    assert_eq!(refused("a,b\n1,2\n\"x\ny\"\n"), "line 3: 1 fields, but the header names 2 columns");
    assert_eq!(refused("a,b\n1,2,3\n"), "line 2: 3 fields, but the header names 2 columns");
    assert_eq!(refused("a,b\n\n1,\"2\n3,4\n5,6"), "line 3: a quote that is opened here is never closed");
    assert_eq!(refused("\"a"), "line 1: a quote that is opened here is never closed");
    assert_eq!(read(b"a,b\n1,x\xFF\n", b','), Err("line 2: \"b\" is not UTF-8 at byte 2: save the file as UTF-8".into()));
    let record = |length: usize| format!("a\n{}\n", "x".repeat(length));
    assert_eq!(read(record(MAX_RECORD - 1).as_bytes(), b',').unwrap().1.len(), 1);
    assert_eq!(refused(&record(MAX_RECORD + 1)), format!("line 2: longer than {MAX_RECORD} bytes; is a quote not closed?"));
    assert_eq!(refused(&format!("a\n\"{}", "x\n".repeat(MAX_RECORD))), refused(&record(MAX_RECORD + 1)));
}

#[test]
fn a_long_file_takes_no_more_memory_than_a_record() {
    let text = b"one,\"two\nlines\"\n\n".repeat(1 << 16);
    let source = b"a,b\n".chain(text.as_slice()).chain(text.as_slice()).chain(text.as_slice());
    let mut reader = Reader::new(source, b',', &[], &[]).unwrap();
    let mut count = 0;
    while let Some(row) = reader.next().unwrap() {
        assert_eq!(row.place, RowPlace::Line(2 + 3 * count));
        assert!(reader.buffered() < 32 << 10, "{}", reader.buffered());
        count += 1;
    }
    assert_eq!(count, 3 << 16);
}

/// The rows of two columns that are needed, as text.
fn needed(text: &str) -> Result<Vec<String>, String> {
    let shown = |fault| if let Fault::At(place, reason) = fault { format!("{place}: {reason}") } else { format!("{fault:?}") };
    let mut reader = Reader::new(text.as_bytes(), b',', &["q", "a"], &["z"]).map_err(shown)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next().map_err(shown)? {
        let field = |name| row.at(name).and_then(Value::as_text).unwrap().into_owned();
        rows.push(format!("{}: {}={}", row.place, field("q"), field("a")));
    }
    Ok(rows)
}

#[test]
fn columns_that_nobody_asks_for_need_no_name_of_their_own() {
    let rows = Ok(vec!["line 2: x=1".to_owned()]);
    for text in [
        ",q,a\n0,x,1\n",
        "q,,a,\nx,7,1,8\n",
        "n,q,n,a\n1,x,2,1\n",
        "q,a,,\nx,1,,\n",
        "q,a\nx,1,,\n",
        "q,a,\nx,1\n",
        "q,a\nx,1\n,\n,,,\n",
        "q,a,n\nx,1,caf\u{e9}\n",
    ] {
        assert_eq!(needed(text), rows, "{text:?}");
    }
    assert_eq!(needed("q,q,a\nx,y,1\n"), Err("line 1: two columns are called \"q\"".into()));
    assert_eq!(needed("q,a\nx,1,y\n"), Err("line 2: 3 fields, but the header names 2 columns".into()));
    let latin = [&b"q,r\xE9p,a\nx,caf\xE9,1\n"[..], b"q,a\nx,caf\xE9\n"];
    let mut reader = Reader::new(latin[0], b',', &["q", "a"], &[]).unwrap();
    assert!(reader.next().unwrap().is_some_and(|row| row.keys().eq(["q", "a"])));
    assert!(Reader::new(latin[1], b',', &["q", "a"], &[]).unwrap().next().is_err());
    assert!(Reader::new(latin[0], b',', &["q", "b"], &[]).is_err());
}

#[test]
fn the_separator_is_told_by_the_header() {
    let rows = |line: usize| Ok(vec![format!("line {line}: x, y=1,5")]);
    for text in [
        "q;a\nx, y;1,5\n",
        "\u{FEFF}q;a\r\nx, y;1,5\r\n",
        "q\ta\nx, y\t1,5\n",
        "q|a|n,b\nx, y|1,5|\n",
        "\"q\";\"a\"\n\"x, y\";\"1,5\"",
    ] {
        assert_eq!(needed(text), rows(2), "{text:?}");
    }
    for text in
        ["sep=;\nq;a\nx, y;1,5\n", "\"sep=;\"\r\nq;a\r\nx, y;1,5\r\n", "SEP=^\nq^a\nx, y^1,5\n", "sep=\t\nq\ta\nx, y\t1,5\n"]
    {
        assert_eq!(needed(text), rows(3), "{text:?}");
    }
    assert_eq!(needed("q;a\nx;1;2\n"), Err("line 2: 3 fields, but the header names 2 columns, separated by semicolons".into()));
    // Without fields that are needed, the usual separator comes first if it divides anything.
    assert_eq!(read(b"a;b\n1;2\n", b',').unwrap().0, ["a", "b"]);
    assert_eq!(read(b"a;b,c\n1;2,3\n", b',').unwrap().0, ["a;b", "c"]);
    assert_eq!(read(b"a, b\n1, 2\n", b'\t').unwrap().0, ["a", "b"]);
}

fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes, b',');
    }

    #[test]
    fn any_csv_like_text_is_read_or_refused(text in "(a|\"|,|\r|\n|é){0,40}") {
        let _ = read(text.as_bytes(), b',');
    }

    #[test]
    fn what_is_quoted_is_read(
        records in (1..5_usize).prop_flat_map(|n| prop::collection::vec(prop::collection::vec("(a|\"|,|\t|\r|\n|é| ){0,6}", n), 0..6)),
        separator in prop::sample::select(&[",", "\t"][..]),
        end in prop::sample::select(&["\n", "\r\n"][..]),
    ) {
        let columns = records.first().map_or(1, Vec::len);
        let header: Vec<String> = (0..columns).map(|i| format!("column {i}")).collect();
        let (mut text, mut expected) = (header.join(separator), Vec::new());
        for record in records {
            text += end;
            if record.len() == 1 || record.iter().any(|field| !field.is_empty()) {
                expected.push((lines_after(text.as_bytes(), 1, false).0, record.clone()));
            }
            text += &record.iter().map(|field| quoted(field)).collect::<Vec<_>>().join(separator);
        }
        let (found, records) = read(text.as_bytes(), separator.as_bytes()[0]).unwrap();
        prop_assert_eq!(found, header);
        prop_assert_eq!(records, expected);
    }
}
