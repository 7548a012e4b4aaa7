//! The house itself: who may depend on whom, and how long a file may be.

use std::{
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

/// Each crate and those of ours that it may depend on: core <- backends; core <- text <- (lm, tasks, hf) <- train <- report, palinode.
const MAY: &[(&str, &[&str])] = &[
    ("palinode-core", &[]),
    ("palinode-flex", &["palinode-core"]),
    ("palinode-ndarray", &["palinode-core"]),
    ("palinode-wgpu", &["palinode-core"]),
    ("palinode-cuda", &["palinode-core"]),
    ("palinode-math", &[]),
    ("palinode-file-kind", &[]),
    ("palinode-kernels", &["palinode-core"]),
    ("palinode-gguf", &[]),
    ("palinode-hub", &[]),
    ("palinode-rows", &["palinode-file-kind"]),
    ("palinode-text", &["palinode-core"]),
    ("palinode-lm", &["palinode-core", "palinode-kernels", "palinode-text"]),
    ("palinode-hf", &["palinode-core", "palinode-file-kind", "palinode-gguf", "palinode-lm", "palinode-text"]),
    ("palinode-tasks", &["palinode-core", "palinode-math", "palinode-rows", "palinode-text"]),
    ("palinode-train", &["palinode-core", "palinode-kernels", "palinode-lm", "palinode-text"]),
    ("palinode-report", &["palinode-core", "palinode-train"]),
];

/// Crates that may depend on all others.
const ROOFS: [&str; 7] =
    ["palinode", "palinode-examples", "palinode-tests", "palinode-fuzz", "palinode-no-std", "palinode-tools", "palinode-bench"];

/// What no crate but the binary's may need, and crates of others that must not come with some of ours.
const KEPT_OUT: &[(&str, &[&str])] = &[
    ("palinode-train", &["regex", "brotli-decompressor", "flate2", "snap", "csv-core"]),
    ("palinode-math", &["burn", "burn-tensor", "burn-core"]),
    ("palinode-rows", &["burn", "burn-tensor", "burn-core"]),
];

const MOST_LINES: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below our folders whose name ends so.
fn files(ending: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                walk(&path, ending, found);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for top in ["core", "backends", "adapters", "examples", "tests"] {
        walk(&root().join(top), ending, &mut found);
    }
    found
}

fn manifests() -> Vec<(String, Table)> {
    let read = |path: PathBuf| {
        let table: Table = fs::read_to_string(&path).unwrap().parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (table["package"]["name"].as_str().unwrap().to_owned(), table)
    };
    files("/Cargo.toml").into_iter().map(read).collect()
}

fn dependencies(manifest: &Table) -> Vec<&str> {
    let table = |name: &str| manifest.get(name).and_then(Value::as_table).into_iter().flat_map(Table::keys);
    table("dependencies").chain(table("build-dependencies")).map(String::as_str).collect()
}

#[test]
fn dependencies_point_one_way() {
    let mut seen = 0;
    for (name, manifest) in manifests() {
        if ROOFS.contains(&name.as_str()) || name == "palinode-no-std-runner" {
            continue;
        }
        let Some((_, may)) = MAY.iter().find(|(known, _)| *known == name) else {
            panic!("{name} is new: say in tests/house which crates of ours it may depend on");
        };
        seen += 1;
        for needed in dependencies(&manifest).into_iter().filter(|needed| needed.starts_with("palinode")) {
            assert!(may.contains(&needed), "{name} depends on {needed}, against the arrow");
        }
        for (_, others) in KEPT_OUT.iter().filter(|(known, _)| *known == name) {
            assert!(dependencies(&manifest).iter().all(|needed| !others.contains(needed)), "{name}: {others:?}");
        }
    }
    assert_eq!(seen, MAY.len(), "a crate of the table is gone");
}

#[test]
fn the_facade_needs_a_terminal_only_for_its_binary() {
    let all = manifests();
    let (_, facade) = all.iter().find(|(name, _)| name == "palinode").unwrap();
    let needed = facade["dependencies"].as_table().unwrap();
    for terminal in
        ["anstream", "anstyle", "clap", "clap_complete", "clap_mangen", "indicatif", "ratatui", "signal-hook", "unicode-width"]
    {
        assert_eq!(needed[terminal].get("optional").and_then(Value::as_bool), Some(true), "{terminal}");
    }
}

#[test]
fn crates_that_publish_say_what_they_are() {
    for (name, manifest) in manifests() {
        let package = manifest["package"].as_table().unwrap();
        if package.get("publish").and_then(Value::as_bool) == Some(false) {
            continue;
        }
        for key in ["description", "readme", "keywords", "categories", "license", "repository", "rust-version"] {
            assert!(package.contains_key(key), "{name} has no {key}");
        }
        let docs = package.get("metadata").and_then(|metadata| metadata.get("docs"));
        assert!(docs.and_then(|docs| docs.get("rs")).is_some(), "{name} does not say which features docs.rs shows");
    }
}

#[test]
fn no_file_is_longer_than_a_sitting() {
    let long = files(".rs").into_iter().filter_map(|path| {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        (lines > MOST_LINES).then(|| format!("{}: {lines}", path.display()))
    });
    assert_eq!(long.collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn every_link_within_the_house_leads_somewhere() {
    let mut pages: Vec<PathBuf> = files(".md");
    pages.extend(
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "COMPARE.md", "AGENTS.md"].map(|name| root().join(name)),
    );
    let mut dead = Vec::new();
    for page in pages.iter().filter(|page| page.is_file()) {
        let text = fs::read_to_string(page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let file = link.split('#').next().unwrap_or_default();
            let outside = file.is_empty() || file.contains("://") || file.contains(' ');
            if !outside && !page.parent().unwrap().join(file).exists() {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert_eq!(dead, Vec::<String>::new());
}
