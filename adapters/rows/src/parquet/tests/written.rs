//! Files of another writer, with random rows and options.

use ::parquet::{
    basic::{Compression, Encoding},
    data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type},
    file::{
        properties::{WriterProperties, WriterVersion},
        writer::SerializedFileWriter,
    },
    schema::parser::parse_message_type,
};

use super::*;

const SCHEMA: &str = "message m {
    required int64 n;
    optional double x;
    optional group tags (LIST) { repeated group list { optional binary element (UTF8); } }
}";

type Tags = Option<Vec<Option<String>>>;

#[derive(Debug, Clone)]
struct Sample {
    n: i64,
    x: Option<f64>,
    tags: Tags,
}

fn sample() -> impl Strategy<Value = Sample> {
    let numbers = prop_oneof![any::<i64>(), 0..4_i64];
    let texts = prop_oneof!["[ab]{0,2}", ".{0,12}"];
    let tags = prop::option::of(prop::collection::vec(prop::option::of(texts), 0..4));
    (numbers, prop::option::of(-1e3..1e3), tags).prop_map(|(n, x, tags)| Sample { n, x, tags })
}

fn options() -> impl Strategy<Value = WriterProperties> {
    let compression = prop::sample::select(vec![
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4_RAW,
    ]);
    let version = prop::sample::select(vec![WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0]);
    let numbers = prop::sample::select(vec![Encoding::PLAIN, Encoding::DELTA_BINARY_PACKED, Encoding::BYTE_STREAM_SPLIT]);
    let texts = prop::sample::select(vec![Encoding::PLAIN, Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY]);
    (compression, version, any::<bool>(), 1..300_usize, numbers, texts).prop_map(
        |(compression, version, dictionary, page, numbers, texts)| {
            WriterProperties::builder()
                .set_compression(compression)
                .set_writer_version(version)
                .set_dictionary_enabled(dictionary)
                .set_data_page_size_limit(page)
                .set_write_batch_size(8)
                .set_column_encoding("n".into(), numbers)
                .set_column_encoding(vec!["tags".to_owned(), "list".to_owned(), "element".to_owned()].into(), texts)
                .build()
        },
    )
}

/// The values, definition levels and repetition levels of the lists.
fn columns_of(rows: &[Sample]) -> (Vec<ByteArray>, Vec<i16>, Vec<i16>) {
    let (mut values, mut definitions, mut repetitions) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let items = row.tags.as_deref().unwrap_or_default();
        if items.is_empty() {
            definitions.push(i16::from(row.tags.is_some()));
            repetitions.push(0);
        }
        for (i, item) in items.iter().enumerate() {
            definitions.push(2 + i16::from(item.is_some()));
            repetitions.push(i16::from(i > 0));
            values.extend(item.as_deref().map(ByteArray::from));
        }
    }
    (values, definitions, repetitions)
}

fn write(groups: &[Vec<Sample>], options: WriterProperties) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(options)).unwrap();
    for rows in groups {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let numbers: Vec<i64> = rows.iter().map(|row| row.n).collect();
        column.typed::<Int64Type>().write_batch(&numbers, None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let numbers: Vec<f64> = rows.iter().filter_map(|row| row.x).collect();
        let definitions: Vec<i16> = rows.iter().map(|row| i16::from(row.x.is_some())).collect();
        column.typed::<DoubleType>().write_batch(&numbers, Some(&definitions), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let (values, definitions, repetitions) = columns_of(rows);
        column.typed::<ByteArrayType>().write_batch(&values, Some(&definitions), Some(&repetitions)).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    bytes
}

fn shown(row: &Sample) -> String {
    let item = |item: &Option<String>| item.as_ref().map_or("-".into(), |text| format!("{text:?}"));
    let tags = row.tags.as_ref().map_or("-".into(), |tags| format!("[{}]", tags.iter().map(item).collect::<Vec<_>>().join(",")));
    format!("n={} x={} tags={tags}", row.n, row.x.map_or("-".into(), |x| format!("{x:?}")))
}

#[test]
fn a_small_file_does_not_make_a_large_row() {
    let row = |items| Sample { n: 1, x: None, tags: Some(vec![Some("x".repeat(1 << 20)); items]) };
    let options = WriterProperties::builder().set_dictionary_page_size_limit(1 << 22).build();
    let bytes = write(&[vec![row(15), row(17)]], options);
    assert!(bytes.len() < 4 << 20);
    let mut reader = Reader::new(holding(&bytes), &[], &[]).unwrap();
    assert!(reader.next().unwrap().is_some());
    let error = reader.next().unwrap_err();
    assert!(matches!(&error, Fault::At(RowPlace::Row(2), reason) if reason == "longer than 16777216 bytes"), "{error:?}");
}

proptest! {
    #[test]
    fn what_another_writer_writes_is_read(
        groups in prop::collection::vec(prop::collection::vec(sample(), 0..80), 0..3),
        options in options(),
    ) {
        let expected: Vec<String> = groups.iter().flatten().map(shown).collect();
        prop_assert_eq!(read(holding(&write(&groups, options))), Ok(expected));
    }
}
