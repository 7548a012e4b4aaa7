//! Models and adapters are written whole, and over nothing that palinode did not write.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use palinode_hf::{Folder, HfError, may_be_written, remove_written, save_adapters};
use palinode_lm::{Decoder, LoraConfig};

fn given() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/qwen2")
}

fn open(path: &Path) -> Folder {
    Folder::open(path, &palinode_flex::device()).unwrap()
}

fn model(path: &Path) -> Decoder {
    open(path).load(&palinode_flex::device()).unwrap()
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// What keeps a folder from being written.
fn occupied(result: Result<(), HfError>) -> String {
    match result {
        Err(error @ HfError::Occupied { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_model_is_not_saved_over_its_own_folder_by_any_name() {
    let at = tempfile::tempdir().unwrap();
    let own = at.path().join("own");
    open(&given()).save(&model(&given()), &own).unwrap();
    let before = files(&own);
    let (folder, trained) = (open(&own), model(&own));
    for name in [own.clone(), at.path().join("own/../own"), own.join(".")] {
        assert!(occupied(folder.save(&trained, &name)).contains("came from"));
        assert_eq!(files(&own), before);
    }
    #[cfg(unix)]
    {
        let link = at.path().join("link");
        std::os::unix::fs::symlink(&own, &link).unwrap();
        assert!(occupied(folder.save(&trained, &link)).contains("came from"));
        assert_eq!(files(&own), before);
    }
}

#[test]
fn what_palinode_wrote_is_replaced_and_nothing_else() {
    let at = tempfile::tempdir().unwrap();
    let (folder, trained) = (open(&given()), model(&given()));
    let out = at.path().join("out");
    for _ in 0..2 {
        folder.save(&trained, &out).unwrap();
        assert_eq!(fs::read_dir(at.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(files(&out).keys().all(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.')));
    }
    // A file of somebody's in it, hidden or not; a model that somebody else wrote; a file in its place.
    for name in ["notes.md", ".gitattributes"] {
        fs::write(out.join(name), "mine").unwrap();
        let before = files(&out);
        assert!(occupied(folder.save(&trained, &out)).contains(name));
        assert!(occupied(may_be_written(&out)).contains(name));
        remove_written(&out).unwrap();
        assert_eq!(files(&out), before);
        fs::remove_file(out.join(name)).unwrap();
    }
    let theirs = at.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(given().join(name), theirs.join(name)).unwrap();
    }
    let before = files(&theirs);
    assert!(occupied(folder.save(&trained, &theirs)).contains("did not write it"));
    assert_eq!(files(&theirs), before);
    assert!(occupied(folder.save(&trained, &theirs.join("config.json"))).contains("no folder"));
    remove_written(&out).unwrap();
    assert!(!out.exists());
}

#[test]
fn what_was_left_half_written_is_written_again() {
    let at = tempfile::tempdir().unwrap();
    let (folder, trained) = (open(&given()), model(&given()));
    let out = at.path().join("out");
    // As a crash leaves it: some files moved up, the weights not.
    fs::create_dir_all(out.join(".palinode-part")).unwrap();
    fs::write(out.join("config.json"), "{}").unwrap();
    fs::write(out.join(".palinode-part/model.safetensors"), "half").unwrap();
    folder.save(&trained, &out).unwrap();
    assert!(!out.join(".palinode-part").exists());
    assert_eq!(fs::read(out.join("config.json")).unwrap(), fs::read(given().join("config.json")).unwrap());
    // And between two: the older one is whole under another name.
    fs::rename(&out, at.path().join(".out.palinode-old")).unwrap();
    folder.save(&trained, &out).unwrap();
    folder.save(&trained, &out).unwrap();
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 1);
    open(&out);
}

#[test]
fn adapters_are_written_alike() {
    let at = tempfile::tempdir().unwrap();
    let config = LoraConfig::on_all(2);
    let mut adapters = model(&given()).with_adapters(&config, 3).unwrap().adapters();
    for adapter in &mut adapters {
        let shape = adapter.b.shape().to_vec();
        adapter.b = burn::tensor::TensorData::new(vec![0.5_f32; shape.iter().product()], shape);
    }
    let adapted = model(&given()).with_loaded_adapters(&adapters, 0.0).unwrap();
    let out = at.path().join("adapter");
    for _ in 0..2 {
        save_adapters(&adapted, &config, "base", &out).unwrap();
    }
    fs::write(out.join("README.md"), "mine").unwrap();
    let before = files(&out);
    assert!(occupied(save_adapters(&adapted, &config, "base", &out)).contains("README.md"));
    assert_eq!(files(&out), before);
}
