//! Files that lie.

use std::io::Write;

use super::{
    super::{
        codec::Codec,
        encoding::{Dictionary, Values},
        page::Budget,
        schema::Physical,
    },
    *,
};

/// A file of nothing but a footer.
fn with_footer(footer: &[u8]) -> File {
    let length = (footer.len() as u32).to_le_bytes();
    holding(&[MAGIC, footer, &length, MAGIC].concat())
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Field 2, a list of so many structs.
fn schema_of(count: u64, elements: &[u8]) -> Vec<u8> {
    [&[0x29, 0xFC][..], &varint(count), elements].concat()
}

/// A required group "a" of so many parts.
fn group(children: u64) -> Vec<u8> {
    [&[0x35, 0, 0x18, 1, b'a', 0x15][..], &varint(children * 2), &[0]].concat()
}

#[test]
fn footers_are_not_believed() {
    let refused = |footer: &[u8]| read(with_footer(footer)).unwrap_err();
    let deep = schema_of(4000, &group(1).repeat(4000));
    assert!(refused(&[&deep[..], &[0]].concat()).contains("nested deeper"));
    let cases = [
        (schema_of(u64::MAX, &[]), "the end is missing"),
        (schema_of(1 << 30, &[]), "the end is missing"),
        (schema_of(5000, &group(1).repeat(5000)), "more than 4096 parts"),
        ([schema_of(1, &group(1 << 30)), vec![0]].concat(), "schema is cut off"),
        ([schema_of(3, &group(1).repeat(3)), vec![0]].concat(), "schema is cut off"),
        ([schema_of(1, &group(0)), vec![0]].concat(), "not a tree with leaves"),
        // Row groups without a byte of their own.
        ([&[0x49, 0xFC][..], &varint(1 << 20), &[0].repeat(1 << 20)].concat(), "more than 65536 row groups"),
        (vec![0], "no schema"),
        (vec![], "cut off"),
        // Lists of booleans and of lists, which other readers skip for free or by recursion.
        ([&[0x99, 0xF1][..], &varint(1 << 40)].concat(), "the end is missing"),
        ([&[0x99][..], &[0x19].repeat(100_000)].concat(), "nested too deep"),
        ([&[0x9C][..], &[0x1C].repeat(100_000)].concat(), "nested too deep"),
        ([&[0x9B][..], &[1, 0xBB].repeat(100_000)].concat(), "nested too deep"),
        (vec![0xFF; 1000], "is not a type"),
    ];
    for (footer, reason) in cases {
        let found = refused(&footer);
        assert!(found.contains(reason), "{found:?} instead of {reason:?}");
    }
    let length = u32::MAX.to_le_bytes();
    let found = read(holding(&[&MAGIC[..], &length, MAGIC].concat().repeat(2))).unwrap_err();
    assert!(found.contains("a footer of 4294967295 bytes"), "{found}");
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn hadoop(blocks: &[&[u8]]) -> Vec<u8> {
    let block = |plain: &&[u8]| {
        let compressed = lz4_flex::block::compress(plain);
        let lengths = [plain.len(), compressed.len()].map(|length| (length as u32).to_be_bytes());
        [&lengths.concat()[..], &compressed].concat()
    };
    blocks.iter().flat_map(block).collect()
}

#[test]
fn decompression_stops_at_the_size_that_is_promised() {
    let zeros = vec![0; 1 << 24];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&zeros).unwrap();
    let bombs = [
        (Codec::Gzip, gzip.finish().unwrap()),
        (Codec::Snappy, snap::raw::Encoder::new().compress_vec(&zeros).unwrap()),
        (Codec::Lz4, lz4_flex::block::compress(&zeros)),
        (Codec::Lz4Hadoop, hadoop(&[&zeros])),
        (Codec::Lz4Hadoop, lz4_flex::block::compress(&zeros)),
        (Codec::Lz4Hadoop, hadoop(&zeros.chunks(1 << 20).collect::<Vec<_>>())),
        (Codec::Zstd, zstd(&zeros)),
        (Codec::Zstd, zeros.chunks(1 << 20).flat_map(zstd).collect()),
        (Codec::None, zeros.clone()),
    ];
    for (codec, bomb) in bombs {
        assert_eq!(codec.decompress(&bomb, zeros.len()).as_ref(), Ok(&zeros), "{codec:?}");
        for size in [0, 1, 1000, zeros.len() - 1, zeros.len() + 1] {
            assert!(codec.decompress(&bomb, size).is_err(), "{codec:?} {size}");
        }
    }
    // A frame that says that it needs a window of 2 GiB.
    let window = [&[0x28, 0xB5, 0x2F, 0xFD, 0, 0xA8][..], &[1, 0, 0]].concat();
    assert!(Codec::Zstd.decompress(&window, 10).unwrap_err().contains("window"));
    assert!(Codec::Brotli.decompress(&[0x11, 0x1E, 0, 0], 10).unwrap_err().contains("large window"));
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let bytes = fs::read(fixture("small")).unwrap();
    for length in 0..bytes.len() {
        assert!(read(holding(&bytes[..length])).is_err(), "{length}");
    }
    // The footer is whole, what it describes is not.
    for cut in 1..bytes.len() - 400 {
        assert!(read(holding(&bytes[cut..])).is_err(), "{cut}");
    }
}

#[test]
fn any_wrong_byte_is_read_or_refused() {
    let bytes = fs::read(fixture("small")).unwrap();
    let mut refused = 0;
    for at in 0..bytes.len() {
        for mask in [0x01, 0x02, 0x08, 0x10, 0x40, 0x80, 0x7F, 0xFF] {
            let mut wrong = bytes.clone();
            wrong[at] ^= mask;
            refused += usize::from(read(holding(&wrong)).is_err());
        }
    }
    assert!(refused > bytes.len(), "{refused}");
}

#[test]
fn memory_is_taken_and_given_back() {
    let budget = Budget::default();
    let first = budget.take(200 << 20).unwrap();
    assert!(budget.take(100 << 20).is_err());
    drop(first);
    assert!(budget.take(usize::MAX).is_err());
    assert!(budget.take(100 << 20).is_ok());
    assert_eq!(budget.held(), 0);
}

#[test]
fn dictionaries_hold_as_many_entries_as_they_have_bytes_for() {
    for count in [2, 1 << 40, usize::MAX] {
        let error = Dictionary::new(vec![1, 0, 0, 0, b'a'], count, Physical::Variable).unwrap_err();
        assert_eq!(error, "a page is cut off");
    }
}

const NAMES: [&str; 12] =
    ["brotli", "deltas-v2", "deltas", "gzip", "lz4", "none", "pages", "plain", "types", "v2", "v2-plain", "zstd"];

const PHYSICAL: [Physical; 6] =
    [Physical::Boolean, Physical::Variable, Physical::Fixed(1), Physical::Fixed(4), Physical::Fixed(8), Physical::Fixed(16)];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn wrong_bytes_of_any_kind_of_file_are_read_or_refused(
        name in prop::sample::select(&NAMES[..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = fs::read(fixture(name)).unwrap();
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        let _ = read(holding(&bytes));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = read(holding(&bytes));
        let _ = read(with_footer(&bytes));
    }

    #[test]
    fn any_page_is_read_or_refused(
        page in prop::collection::vec(prop_oneof![any::<u8>(), 0..3_u8], 0..100),
        encoding in 0..10_i64,
        start in 0..6_usize,
        physical in prop::sample::select(&PHYSICAL[..]),
    ) {
        let entries = [2, 0, 0, 0, b'a', b'b', 0, 0, 0, 0, 1, 0, 0, 0, b'c'].to_vec();
        let dictionary = Dictionary::new(entries, 3, physical).ok();
        if let Ok(mut values) = Values::new(encoding, &page, start, physical) {
            let mut value = Vec::new();
            for _ in 0..1000 {
                if values.next(&page, dictionary.as_ref(), &mut value).is_err() {
                    break;
                }
                prop_assert!(value.len() <= 100 * 1000);
            }
        }
    }

    #[test]
    fn any_compressed_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100), size in 0..10_000_usize) {
        let framed = [&[0x28, 0xB5, 0x2F, 0xFD][..], &bytes].concat();
        for codec in [Codec::None, Codec::Snappy, Codec::Gzip, Codec::Brotli, Codec::Lz4, Codec::Lz4Hadoop, Codec::Zstd] {
            let bytes = if codec == Codec::Zstd { &framed } else { &bytes };
            if let Ok(data) = codec.decompress(bytes, size) {
                prop_assert_eq!(data.len(), size);
            }
        }
    }
}
