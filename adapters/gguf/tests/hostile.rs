//! Files that lie about themselves: each is refused by name, and none asks for much memory.

use std::{fs, path::Path};

use palinode_gguf::File;
use proptest::prelude::*;

/// A file of these parts.
#[derive(Clone)]
struct Made {
    start: Vec<u8>,
    tensors: u64,
    keys: u64,
    rest: Vec<u8>,
    data: usize,
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// A key, the type of its value, and the value.
fn key(name: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [text(name), kind.to_le_bytes().to_vec(), value.to_vec()].concat()
}

fn tensor(name: &str, lengths: &[u64], kind: u32, start: u64) -> Vec<u8> {
    let lengths_of: Vec<u8> = lengths.iter().flat_map(|length| length.to_le_bytes()).collect();
    [
        text(name),
        (lengths.len() as u32).to_le_bytes().to_vec(),
        lengths_of,
        kind.to_le_bytes().to_vec(),
        start.to_le_bytes().to_vec(),
    ]
    .concat()
}

impl Made {
    fn new() -> Self {
        Self { start: [b"GGUF".as_slice(), &3u32.to_le_bytes()].concat(), tensors: 0, keys: 0, rest: Vec::new(), data: 0 }
    }

    fn with_key(mut self, name: &str, kind: u32, value: &[u8]) -> Self {
        self.keys += 1;
        self.rest.extend(key(name, kind, value));
        self
    }

    fn with_tensor(mut self, name: &str, lengths: &[u64], kind: u32, start: u64) -> Self {
        self.tensors += 1;
        self.rest.extend(tensor(name, lengths, kind, start));
        self
    }

    /// The data, which begin at the next multiple of 32.
    fn with_data(mut self, bytes: usize) -> Self {
        self.data = bytes;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut all = [self.start.as_slice(), &self.tensors.to_le_bytes(), &self.keys.to_le_bytes(), &self.rest].concat();
        if self.data > 0 {
            all.resize(all.len().next_multiple_of(32) + self.data, 0);
        }
        all
    }

    /// What is said of it, with the file called FILE.
    fn refusal(&self) -> String {
        refusal(&self.bytes())
    }
}

fn opened<T>(bytes: &[u8], look: impl FnOnce(Result<File, String>) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs::write(&path, bytes).unwrap();
    look(File::open(&path).map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE")))
}

fn refusal(bytes: &[u8]) -> String {
    opened(bytes, |file| file.map(|file| file.tensors().len()).expect_err("it was read"))
}

#[test]
fn a_file_of_our_own_making_is_read() {
    let made = Made::new().with_key("k", 4, &7u32.to_le_bytes()).with_tensor("t", &[32, 2], 8, 0).with_data(68);
    opened(&made.bytes(), |file| {
        let file = file.unwrap();
        assert_eq!(file.metadata().unsigned("k").unwrap(), Some(7));
        assert_eq!(file.read("t").unwrap(), [0.0; 64]);
        assert!(file.read("u").unwrap_err().to_string().ends_with("tensor u is missing"));
    });
    let mut older = made;
    older.start[4] = 2;
    opened(&older.bytes(), |file| assert!(file.is_ok(), "version 2 is laid out as 3 is"));
}

#[test]
fn what_is_no_file_of_this_kind_is_refused() {
    let with_start = |start: &[u8]| Made { start: start.to_vec(), ..Made::new() }.refusal();
    assert_eq!(with_start(b"GGML\x03\0\0\0"), "FILE: is no GGUF file: it does not begin with the letters GGUF");
    assert_eq!(with_start(b"GGUF\x01\0\0\0"), "FILE: is of version 1, expected 2 or 3: make it anew with a converter of today");
    assert!(
        with_start(b"GGUF\0\0\0\x03")
            .starts_with("FILE: is big-endian (version 3), and little-endian files are read: turn it round")
    );
    assert_eq!(refusal(b"GG"), "FILE: the mark GGUF needs 4 bytes at byte 0, and the file has 2 more: was it cut off?");
    assert!(File::open(Path::new("/")).unwrap_err().to_string().ends_with("is no regular file"));
}

#[test]
fn counts_and_lengths_are_compared_with_the_file_before_memory_is_asked_for() {
    let most = u64::MAX.to_le_bytes();
    let refusals = [
        (Made { tensors: u64::MAX, ..Made::new() }, "claims 18446744073709551615 tensors, expected 65536 at most"),
        (Made { keys: 1 << 40, ..Made::new() }, "claims 1099511627776 metadata keys, expected 65536 at most"),
        (Made { keys: 2, ..Made::new() }, "a metadata key needs 8 bytes at byte 24, and the file has 0 more: was it cut off?"),
        (
            Made { keys: 1, rest: most.to_vec(), ..Made::new() },
            "a metadata key has 18446744073709551615 bytes, expected 65535 at most",
        ),
        (Made { keys: 1, rest: 60_000u64.to_le_bytes().to_vec(), ..Made::new() }, "a metadata key needs 60000 bytes at byte 32"),
        (Made::new().with_key("k", 8, &most), "the value of metadata key `k` has 18446744073709551615 bytes"),
        (Made::new().with_key("k", 9, &[&4u32.to_le_bytes()[..], &most].concat()), "`k` claims 18446744073709551615 values"),
        (
            Made::new().with_key("k", 9, &[&12u32.to_le_bytes()[..], &4_000_000u64.to_le_bytes()].concat()),
            "`k` needs 32000000 bytes",
        ),
        (Made::new().with_key("k", 9, &[&8u32.to_le_bytes()[..], &4_000_000u64.to_le_bytes()].concat()), "`k` needs 8 bytes"),
        (Made::new().with_key("k", 9, &[&9u32.to_le_bytes()[..], &1u64.to_le_bytes()].concat()), "`k` is a list of lists"),
        (Made::new().with_key("k", 9, &[&13u32.to_le_bytes()[..], &1u64.to_le_bytes()].concat()), "`k` is a list of type 13"),
        (Made::new().with_key("k", 99, &[]), "`k` is of type 99, expected one within 0..=12"),
        (Made::new().with_key("k", 7, &[2]), "`k` is 2, expected 0 or 1"),
        (Made::new().with_key("k", 8, &[&1u64.to_le_bytes()[..], &[0xff]].concat()), "`k` is not UTF-8"),
        (Made::new().with_key("k", 0, &[1]).with_key("k", 0, &[1]), "metadata key `k` stands there twice"),
        (
            Made::new().with_key("general.alignment", 4, &24u32.to_le_bytes()),
            "`general.alignment` is 24, expected a power of two",
        ),
        (Made::new().with_key("general.alignment", 4, &0u32.to_le_bytes()), "`general.alignment` is 0, expected a power of two"),
        (Made::new().with_key("general.alignment", 8, &text("32")), "`general.alignment` must be a whole number"),
    ];
    for (made, part) in refusals {
        let said = made.refusal();
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn tensors_lie_within_the_file_and_apart() {
    let made = |lengths: &[u64], kind, start| Made::new().with_tensor("t", lengths, kind, start).with_data(64);
    let two = |start| made(&[16], 0, 0).with_tensor("u", &[8], 0, start).with_data(96);
    opened(&two(64).bytes(), |file| assert!(file.is_ok()));
    let refusals = [
        (made(&[17], 0, 0), "tensor t takes 68 bytes from byte 0 of the data on"),
        (made(&[8], 0, 64), "tensor t takes 32 bytes from byte 64 of the data on"),
        (made(&[8], 0, u64::MAX - 31), "tensor t takes 32 bytes from byte 18446744073709551584 of the data on"),
        (made(&[8], 0, 4), "tensor t begins at byte 4 of the data, expected a multiple of 32"),
        (
            made(&[u64::MAX, u64::MAX], 0, 0),
            "tensor t has the lengths [18446744073709551615, 18446744073709551615], which no file can hold",
        ),
        (made(&[1 << 61], 1, 0), "tensor t has the lengths [2305843009213693952], which no file can hold"),
        (made(&[0, 4], 0, 0), "tensor t has the lengths [0, 4], expected at least 1 each"),
        (made(&[], 0, 0), "tensor t has 0 dimensions, expected 1 to 4"),
        (made(&[1; 5], 0, 0), "tensor t has 5 dimensions, expected 1 to 4"),
        (made(&[33], 8, 0), "tensor t has rows of 33 values, expected a multiple of 32 (Q8_0)"),
        (made(&[256], 16, 0), "tensor t is stored as IQ2_XXS (type 16), which is not supported; supported are F32, F16, Q4_0"),
        (made(&[256], 1000, 0), "tensor t is stored as type 1000, which is unknown, which is not supported"),
        (made(&[8], 0, 0).with_tensor("t", &[8], 0, 32), "tensor t stands there twice"),
        (two(32), "tensor u lies where t does"),
        (
            Made { tensors: 1, rest: 2000u64.to_le_bytes().to_vec(), ..Made::new() },
            "a tensor's name has 2000 bytes, expected 1024 at most",
        ),
    ];
    for (made, part) in refusals {
        let said = made.refusal();
        assert!(said.contains(part), "{said}");
    }
}

proptest! {
    #[test]
    fn a_file_with_any_bytes_changed_is_read_or_refused(changes in prop::collection::vec((0usize..200, any::<u8>()), 1..6), cut in 0usize..200) {
        let mut bytes = Made::new()
            .with_key("general.alignment", 4, &32u32.to_le_bytes())
            .with_key("k", 9, &[&8u32.to_le_bytes()[..], &1u64.to_le_bytes(), &text("a")].concat())
            .with_tensor("t", &[32], 8, 0)
            .with_data(34)
            .bytes();
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        bytes.truncate(bytes.len() - cut.min(bytes.len()) / 8);
        opened(&bytes, |file| {
            if let Ok(file) = file {
                for tensor in file.tensors() {
                    prop_assert_eq!(file.read(tensor.name()).unwrap().len(), tensor.shape().iter().product::<usize>());
                }
            }
            Ok(())
        })?;
    }
}
