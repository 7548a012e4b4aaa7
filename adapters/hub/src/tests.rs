use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub of one model, `owner/tiny` on branch `main`, that counts what it is asked.
struct Served {
    address: String,
    asked: Arc<AtomicUsize>,
}

fn serve(files: &[(&str, &str)]) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let files: HashMap<String, String> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let count = asked.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while let Some(Ok(line)) = lines.next() {
                if line.is_empty() {
                    break;
                }
                head.push(line);
            }
            count.fetch_add(1, Ordering::SeqCst);
            let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
            let range = head.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
            let file = path.strip_prefix(&format!("/owner/tiny/resolve/{COMMIT}/")).and_then(|name| files.get(name));
            let info = ["main", COMMIT].iter().any(|revision| path == format!("/api/models/owner/tiny/revision/{revision}"));
            let answer = match file {
                Some(text) => {
                    let (from, to) = range.as_deref().and_then(|range| range.split_once('-')).unwrap_or(("0", ""));
                    let from: usize = from.parse().unwrap();
                    let to = to.parse().map_or(text.len(), |to: usize| (to + 1).min(text.len()));
                    let (part, all, etag) = (&text[from..to], text.len(), format!("etag{}", text.len()));
                    format!(
                        "HTTP/1.1 206 Partial Content\r\nx-repo-commit: {COMMIT}\r\netag: \"{etag}\"\r\ncontent-range: bytes {from}-{}/{all}\r\n\
                         content-length: {}\r\nconnection: close\r\n\r\n{part}",
                        to.max(1) - 1,
                        part.len()
                    )
                }
                None if info => {
                    let siblings: Vec<_> = files.keys().map(|name| serde_json::json!({"rfilename": name})).collect();
                    let body = serde_json::json!({"sha": COMMIT, "siblings": siblings}).to_string();
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
                }
                None => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
            };
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    Served { address, asked }
}

fn name(text: &str) -> HubName {
    text.parse().unwrap()
}

#[test]
fn a_model_is_fetched_once_and_pinned_to_its_commit() {
    let index = r#"{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}"#;
    let served = serve(&[
        ("config.json", "{}"),
        ("tokenizer.json", "{\"model\": 1}"),
        ("README.md", "not part of a model"),
        ("pytorch_model.bin", "a pickle"),
        (INDEX, index),
        ("model-00001-of-00002.safetensors", "the first shard"),
        ("model-00002-of-00002.safetensors", "the second shard of them"),
    ]);
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::at(&served.address, cache.path(), &name("owner/tiny")).unwrap();
    let mut files: Vec<(String, u64, u64)> = Vec::new();
    let snapshot = hub.fetch(&name("owner/tiny"), &mut |told| files.push((told.file.to_owned(), told.done, told.all))).unwrap();
    assert_eq!(snapshot.name, name(&format!("owner/tiny@{COMMIT}")));
    let mut names: Vec<String> =
        fs::read_dir(&snapshot.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let expected =
        ["config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", INDEX, "tokenizer.json"];
    assert_eq!(names, expected);
    assert_eq!(fs::read_to_string(snapshot.folder.join("model-00002-of-00002.safetensors")).unwrap(), "the second shard of them");
    assert!(files.contains(&("model-00001-of-00002.safetensors".to_owned(), 15, 15)), "{files:?}");

    // Pinned, it needs no network.
    let before = served.asked.load(Ordering::SeqCst);
    assert_eq!(hub.fetch(&snapshot.name, &mut |_| panic!("nothing is downloaded")).unwrap(), snapshot);
    assert_eq!(served.asked.load(Ordering::SeqCst), before);
    // A file that was lost comes again.
    fs::remove_file(snapshot.folder.join("model-00001-of-00002.safetensors")).unwrap();
    assert_eq!(hub.fetch(&snapshot.name, &mut |_| ()).unwrap(), snapshot);
    assert!(snapshot.folder.join("model-00001-of-00002.safetensors").is_file());
}

#[test]
fn what_is_no_model_folder_is_refused() {
    let fetch = |files: &[(&str, &str)], asked: &str| {
        let (served, cache) = (serve(files), tempfile::tempdir().unwrap());
        let error = Hub::at(&served.address, cache.path(), &name(asked)).unwrap().fetch(&name(asked), &mut |_| ()).unwrap_err();
        (error.to_string(), cache)
    };
    assert!(fetch(&[("config.json", "{}")], "owner/other").0.contains("no such model or revision"));
    assert!(fetch(&[("config.json", "{}")], "owner/tiny@v2").0.contains("owner/tiny@v2: the hub has no such"));
    assert!(fetch(&[("README.md", "x"), (WEIGHTS, "x")], "owner/tiny").0.contains("no config.json"));
    assert!(fetch(&[("config.json", "{}"), ("pytorch_model.bin", "x")], "owner/tiny").0.contains("no safetensors weights"));
    for bad in ["../../evil.safetensors", "/etc/evil.safetensors", "evil.bin", ".hidden.safetensors", "a/b.safetensors"] {
        let index = format!("{{\"weight_map\": {{\"a\": \"{bad}\"}}}}");
        let (error, cache) = fetch(&[("config.json", "{}"), (INDEX, &index)], "owner/tiny");
        assert!(error.contains("no plain file name"), "{bad}: {error}");
        assert!(!cache.path().join("evil.safetensors").exists());
    }
    let error = Hub::at("http://127.0.0.1:1", Path::new("/nowhere"), &name("owner/tiny")).unwrap();
    assert!(matches!(error.fetch(&name("owner/tiny"), &mut |_| ()), Err(HubError::Failed { .. })));
}

#[test]
fn names_are_plain() {
    assert_eq!(name("Qwen/Qwen2.5-0.5B-Instruct").to_string(), "Qwen/Qwen2.5-0.5B-Instruct@main");
    assert_eq!(name("a/b@refs/pr/1").revision(), "refs/pr/1");
    assert!(name(&format!("a/b@{COMMIT}")).commit().is_some() && name("a/b").commit().is_none());
    for wrong in ["", "a", "a/", "/b", "a/b/c", "../b", "a/..", "a/b@", "a/b@../c", "a/b@x y", "a b/c", "https://a/b", "a/.b"] {
        assert!(wrong.parse::<HubName>().is_err(), "{wrong}");
    }
}
