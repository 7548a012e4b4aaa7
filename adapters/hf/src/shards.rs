//! Safetensors files: all headers first, then one tensor at a time.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
};

use half::{bf16, f16};
use palinode_file_kind::FileKind;
use safetensors::{
    Dtype,
    tensor::{Metadata, TensorInfo},
};
use serde_json::Value;

use crate::{error::HfError, foreign};

/// The file of a model in one piece, and the one that says where the tensors of a model in several are.
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// Longest header that is read, in bytes; that of a model with 10 000 tensors is about 1 MB.
const LONGEST_HEADER: u64 = 8 << 20;
/// Longest index file that is read.
const LONGEST_INDEX: u64 = 8 << 20;
/// Most files of one model.
const MOST_FILES: usize = 1000;

/// Where a tensor lies.
#[derive(Debug, Clone)]
struct TensorPlace {
    file: PathBuf,
    info: TensorInfo,
    /// First byte of the tensor within the file.
    start: u64,
}

/// The tensors of a model, over one or several files.
#[derive(Debug, Clone)]
pub(crate) struct Shards {
    places: BTreeMap<String, TensorPlace>,
}

impl Shards {
    /// Reads the headers of `model.safetensors`, or of all files that `model.safetensors.index.json` names.
    pub(crate) fn open(folder: &Path) -> Result<Self, HfError> {
        let single = folder.join(WEIGHTS);
        let index = folder.join(INDEX);
        let files = if single.exists() || !index.exists() { vec![single] } else { listed(folder, &index)? };
        Self::of(&files)
    }

    /// Reads the headers of these files.
    pub(crate) fn of(files: &[PathBuf]) -> Result<Self, HfError> {
        let mut places = BTreeMap::new();
        for file in files {
            for (name, place) in header(file)? {
                if places.insert(name.clone(), place).is_some() {
                    let reason = format!("tensor {name} stands in another file of this model too");
                    return Err(HfError::Format { path: file.clone(), reason });
                }
            }
        }
        Ok(Self { places })
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// Shape and type of a tensor.
    pub(crate) fn info(&self, name: &str) -> Option<(&[usize], Dtype)> {
        self.places.get(name).map(|place| (place.info.shape.as_slice(), place.info.dtype))
    }

    /// The numbers of a tensor, in f32. Its size was checked against its file's when the header was read.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>, HfError> {
        let Some(TensorPlace { file: path, info, start }) = self.places.get(name) else {
            return Err(HfError::Tensors { path: name.into(), differences: vec![format!("{name} is missing")] });
        };
        let io = |source| HfError::Io { path: path.clone(), source };
        let mut file = File::open(path).map_err(io)?;
        file.seek(SeekFrom::Start(*start)).map_err(io)?;
        let mut bytes = vec![0; info.data_offsets.1 - info.data_offsets.0];
        file.read_exact(&mut bytes).map_err(io)?;
        let values = floats(info.dtype, &bytes).ok_or_else(|| HfError::Unsupported {
            path: path.clone(),
            what: format!("tensor {name} in {:?}", info.dtype),
            supported: "F32, BF16, F16".into(),
        })?;
        if values.iter().all(|value| value.is_finite()) {
            Ok(values)
        } else {
            Err(HfError::NotFinite { path: path.clone(), tensor: name.to_owned() })
        }
    }
}

/// Numbers of a tensor in one of the types that models come in; `None` for another type.
pub(crate) fn floats(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    let pairs = || bytes.as_chunks::<2>().0.iter();
    match dtype {
        Dtype::F32 => Some(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
        Dtype::BF16 => Some(pairs().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect()),
        Dtype::F16 => Some(pairs().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect()),
        _ => None,
    }
}

/// The files that an index names, each once; none may lie outside of the folder.
fn listed(folder: &Path, index: &Path) -> Result<Vec<PathBuf>, HfError> {
    let format = |reason: String| HfError::Format { path: index.to_owned(), reason };
    let text = bounded(index, LONGEST_INDEX)?;
    let value: Value = serde_json::from_slice(&text).map_err(|error| format(format!("not JSON: {error}")))?;
    let Some(map) = value.get("weight_map").and_then(Value::as_object) else {
        return Err(format("has no object `weight_map`".into()));
    };
    let mut names: Vec<&str> = Vec::new();
    for (tensor, file) in map {
        let file = file.as_str().ok_or_else(|| format(format!("weight_map: the file of {tensor} is not a string")))?;
        let plain = Path::new(file).components().count() == 1
            && matches!(Path::new(file).components().next(), Some(Component::Normal(_)));
        if !plain {
            return Err(format(format!("weight_map: `{file}` is not the name of a file in this folder")));
        }
        names.push(file);
    }
    names.sort_unstable();
    names.dedup();
    if names.is_empty() || names.len() > MOST_FILES {
        return Err(format(format!("names {} files, expected 1 to {MOST_FILES}", names.len())));
    }
    if let Some(missing) = names.iter().find(|name| !folder.join(name).is_file()) {
        return Err(format(format!("names `{missing}`, which is not in this folder")));
    }
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// Reads one file's header and checks it against the file's size: no hole, no overlap, nothing beyond the end.
fn header(path: &Path) -> Result<Vec<(String, TensorPlace)>, HfError> {
    let (metadata, begin) = read_header(path)?;
    let place = |(name, info): (String, &TensorInfo)| {
        let start = begin + info.data_offsets.0 as u64;
        (name, TensorPlace { file: path.to_owned(), info: info.clone(), start })
    };
    Ok(metadata.tensors().into_iter().map(place).collect())
}

/// What a file says of itself besides its tensors.
pub(crate) fn metadata(path: &Path) -> Result<HashMap<String, String>, HfError> {
    Ok(read_header(path)?.0.metadata().clone().unwrap_or_default())
}

/// A file's header, and where the tensors begin.
fn read_header(path: &Path) -> Result<(Metadata, u64), HfError> {
    let io = |source| HfError::Io { path: path.to_owned(), source };
    let format = |reason: String| HfError::Format { path: path.to_owned(), reason };
    let mut file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    refuse_kind(&mut file, path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| format(format!("has {size} bytes, too few for a safetensors file")))?;
    let length = u64::from_le_bytes(length);
    if length > LONGEST_HEADER || length > size.saturating_sub(8) {
        return Err(format(format!("claims a header of {length} bytes, and the file has {size}")));
    }
    let mut text = vec![0; length as usize];
    file.read_exact(&mut text).map_err(io)?;
    let metadata: Metadata = serde_json::from_slice(&text).map_err(|error| format(format!("its header is damaged: {error}")))?;
    let expected = 8 + length + metadata.data_len() as u64;
    if expected != size {
        return Err(format(format!("its header describes {expected} bytes, and the file has {size}: was it cut off?")));
    }
    Ok((metadata, 8 + length))
}

/// Refuses weights that are of another kind by their first bytes, and goes back to the first.
fn refuse_kind(file: &mut File, path: &Path) -> Result<(), HfError> {
    let io = |source| HfError::Io { path: path.to_owned(), source };
    let mut start = Vec::with_capacity(FileKind::START);
    file.by_ref().take(FileKind::START as u64).read_to_end(&mut start).map_err(io)?;
    match foreign::no_weights(&start) {
        Some(reason) => Err(HfError::Format { path: path.to_owned(), reason }),
        None => file.seek(SeekFrom::Start(0)).map(drop).map_err(io),
    }
}

/// A small file's bytes. Refuses an empty one, and one that is no text by its first bytes.
pub(crate) fn bounded(path: &Path, most: u64) -> Result<Vec<u8>, HfError> {
    let io = |source| HfError::Io { path: path.to_owned(), source };
    let size = fs::metadata(path).map_err(io)?.len();
    if size > most {
        let reason = format!("has {size} bytes, expected {most} at most");
        return Err(HfError::Format { path: path.to_owned(), reason });
    }
    let bytes = fs::read(path).map_err(io)?;
    match foreign::no_text(path, &bytes) {
        Some(reason) => Err(HfError::Format { path: path.to_owned(), reason }),
        None => Ok(bytes),
    }
}

/// As [`bounded`], of a file that holds text.
pub(crate) fn bounded_text(path: &Path, most: u64) -> Result<String, HfError> {
    String::from_utf8(bounded(path, most)?)
        .map_err(|error| HfError::Format { path: path.to_owned(), reason: format!("not UTF-8: {error}") })
}
