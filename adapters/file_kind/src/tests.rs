use proptest::prelude::*;

use super::*;

/// An archive whose first file has this name.
fn zip(name: &str) -> Vec<u8> {
    let mut bytes = [&b"PK\x03\x04"[..], &[0; 22], &(name.len() as u16).to_le_bytes(), &[0; 2]].concat();
    bytes.extend(name.as_bytes());
    bytes
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

#[test]
fn kinds_are_told_by_their_first_bytes() {
    let row = r#"{"prompt": "1+1=", "answer": "2"}"#;
    let safetensors = [&30u64.to_le_bytes()[..], br#"{"a":{"dtype":"F32"}}"#].concat();
    // gzip without a name and without a time, as `gzip -n` writes it.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
    let mut tar = vec![b'r'; 300];
    tar[257..262].copy_from_slice(b"ustar");
    let chinese = "{\"题\": \"".to_owned() + &"一共花了多少元".repeat(5) + "\"}";
    let table: [(FileKind, Vec<u8>); 27] = [
        (FileKind::LfsPointer, b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n".to_vec()),
        (FileKind::AnnexPointer, b"/annex/objects/SHA256E-s12--00.jsonl\n".to_vec()),
        (FileKind::Gzip, gzip),
        (FileKind::Zstd, b"\x28\xb5\x2f\xfd\x04".to_vec()),
        (FileKind::Bzip2, b"BZh91AY&SY".to_vec()),
        (FileKind::Xz, b"\xfd7zXZ\0\0".to_vec()),
        (FileKind::Zip, zip("rows.jsonl")),
        (FileKind::Excel, zip("[Content_Types].xml")),
        (FileKind::PyTorch, zip("pytorch_model/data.pkl")),
        (FileKind::Tar, tar),
        (FileKind::Utf16, [&b"\xff\xfe"[..], b"{\0"].concat()),
        (FileKind::Utf16, utf16(row)),
        (FileKind::Utf16, utf16(&chinese)),
        (FileKind::Pickle, b"(lp0\n(dp1\nVprompt".to_vec()),
        (FileKind::Pickle, b"]q\0(}q\x01(X".to_vec()),
        (FileKind::Utf32, row.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
        (FileKind::Utf32, b"\0\0\xfe\xff\0\0\0{".to_vec()),
        (FileKind::Parquet, b"PAR1\x15".to_vec()),
        (FileKind::Arrow, b"\xff\xff\xff\xff\x10\0\0\0".to_vec()),
        (FileKind::Safetensors, safetensors),
        (FileKind::Gguf, b"GGUF\x03\0\0\0".to_vec()),
        (FileKind::Pickle, b"\x80\x04\x95\x10\0\0\0\0\0\0\0}".to_vec()),
        (FileKind::Pickle, b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec()),
        (FileKind::Hdf5, b"\x89HDF\r\n\x1a\n".to_vec()),
        (FileKind::Html, b"\n<!DOCTYPE html>\n<html>".to_vec()),
        (FileKind::Html, b"\xEF\xBB\xBF<HTML lang=en>".to_vec()),
        (FileKind::Binary, b"abc\0\x01\xffdefg".to_vec()),
    ];
    for (kind, bytes) in table {
        assert_eq!(FileKind::of_start(&bytes), Some(kind), "{bytes:?}");
        assert!(kind.to_string().starts_with("is ") && kind.to_string().contains(kind.remedy()), "{kind}");
    }
}

#[test]
fn text_is_of_no_kind() {
    for text in [
        "",
        "{",
        "<p>a</p>",
        "version 1",
        "\u{feff}{\"a\": 1}",
        "Привет",
        "problem;answer\n1;2\n",
        "[{\"a\": 1}]",
        "\u{80}",
        "BZ",
        "FEA1,FEA2",
        "]",
        "BZh,a",
        "PAR1,PAR2\n",
        "GGUF,1",
        "PK,b",
        "(1)",
    ] {
        assert_eq!(FileKind::of_start(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(FileKind::of_start(b"a,b\n1,x\0y\n"), None, "a zero in a cell");
    // Latin-1 is no UTF-8, but text; who reads it says at which byte.
    assert_eq!(FileKind::of_start(b"caf\xe9 au lait"), None);
}

#[test]
fn a_folder_and_a_file_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(FileKind::of(folder.path()).unwrap(), None);
    assert!(FileKind::of(&folder.path().join("none")).is_err());
    let file = folder.path().join("rows.jsonl");
    std::fs::write(&file, b"GGUF\x03\0\0\0").unwrap();
    assert_eq!(FileKind::of(&file).unwrap(), Some(FileKind::Gguf));
}

proptest! {
    #[test]
    fn any_bytes_are_looked_at_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = FileKind::of_start(&bytes);
        let _ = FileKind::of_start(&[&b"PK\x03\x04"[..], &bytes].concat());
    }

    #[test]
    fn no_text_without_a_zero_byte_is_binary(text in "[^\0]{0,200}") {
        prop_assert!(!matches!(FileKind::of_start(text.as_bytes()), Some(FileKind::Binary | FileKind::Utf16 | FileKind::Utf32)));
    }
}
