//! What the Python package `gguf` 0.19 wrote and read (`files/generate.py`).

use std::{
    fs,
    path::{Path, PathBuf},
};

use palinode_gguf::{File, Kind, List, Tensor, Value, Writer};

fn recorded(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files").join(name)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn every_block_format_means_what_the_package_says_bit_for_bit() {
    let file = File::open(&recorded("blocks.gguf")).unwrap();
    for kind in Kind::all() {
        let tensor = file.tensor(kind.name()).unwrap();
        assert_eq!((tensor.kind(), tensor.shape()), (kind, [2, 512].as_slice()));
        let (ours, theirs) = (file.read(kind.name()).unwrap(), file.read(&format!("{}.values", kind.name())).unwrap());
        assert_eq!(bits(&ours), bits(&theirs), "{}", kind.name());
    }
}

#[test]
fn metadata_of_every_type_is_read() {
    let file = File::open(&recorded("written.gguf")).unwrap();
    let metadata = file.metadata();
    let one = |name: &str| metadata.get(&format!("one.{name}")).cloned().unwrap();
    let read = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "bool", "string", "uint64", "int64", "float64"];
    let expected = [
        Value::U8(200),
        Value::I8(-100),
        Value::U16(60_000),
        Value::I16(-30_000),
        Value::U32(4_000_000_000),
        Value::I32(-2_000_000_000),
        Value::F32(0.5),
        Value::Bool(true),
        Value::Text("Größe".into()),
        Value::U64(1 << 63),
        Value::I64(-(1 << 62)),
        Value::F64(1e-300),
    ];
    assert_eq!(read.map(one), expected);
    assert_eq!(metadata.texts("list.string").unwrap().unwrap(), ["Größe", "Größe"]);
    assert_eq!(metadata.integers("list.int8").unwrap().unwrap(), [-100, -100]);
    assert_eq!(metadata.flags("list.bool").unwrap().unwrap(), [true, true]);
    assert_eq!(*metadata.floats("list.float64").unwrap().unwrap(), [1e-300, 1e-300]);
    assert_eq!(metadata.get("list.uint8"), Some(&Value::List(List::U8(vec![200, 200]))));
}

#[test]
fn a_file_is_written_byte_for_byte_as_the_package_does() {
    let path = recorded("written.gguf");
    let file = File::open(&path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("ours.gguf");
    let tensors: Vec<Tensor> = file.tensors().map(|tensor| Tensor::new(tensor.name(), tensor.shape(), tensor.kind())).collect();
    let mut writer = Writer::create(&ours, file.metadata(), tensors).unwrap();
    // The last first: tensors come in any order.
    let names: Vec<&str> = file.tensors().map(Tensor::name).collect();
    for name in names.iter().rev() {
        let given = if name.ends_with(".values") { (*name).to_owned() } else { format!("{name}.values") };
        writer.put(name, &file.read(&given).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    assert!(fs::read(&ours).unwrap() == fs::read(&path).unwrap());
}

#[test]
fn what_is_written_must_be_whole_and_fit_its_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ours.gguf");
    let metadata = File::open(&recorded("blocks.gguf")).unwrap().metadata().clone();
    let create = |tensors: &[Tensor]| Writer::create(&path, &metadata, tensors.to_vec());
    let message = |error: palinode_gguf::GgufError| error.to_string().replace(&path.display().to_string(), "FILE");
    let refused = create(&[Tensor::new("a", &[2, 256], Kind::Q4K)]).unwrap_err();
    assert_eq!(message(refused), "FILE: tensor a is to be stored as Q4_K, which is read only");
    let refused = create(&[Tensor::new("a", &[2, 33], Kind::Q8_0)]).unwrap_err();
    assert_eq!(message(refused), "FILE: tensor a has the lengths [2, 33], expected rows of a multiple of 32 (Q8_0)");
    let mut writer = create(&[Tensor::new("a", &[2], Kind::F16), Tensor::new("b", &[1], Kind::F32)]).unwrap();
    assert_eq!(message(writer.put("c", &[1.0]).unwrap_err()), "FILE: tensor c is not one of those that the file was made for");
    assert_eq!(message(writer.put("a", &[1.0]).unwrap_err()), "FILE: tensor a has the lengths [2], and 1 numbers were given");
    assert_eq!(message(writer.put("a", &[1e6, 1.0]).unwrap_err()), "FILE: tensor a holds numbers that F16 can't");
    writer.put("a", &[0.5, 1.0]).unwrap();
    assert_eq!(message(writer.finish().unwrap_err()), "FILE: tensor b was not written");
}
