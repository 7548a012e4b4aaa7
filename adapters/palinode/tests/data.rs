//! Data sets and verdicts on the command line: `data`, `verify`, and the whole job on problems in the layout of GSM8K.

use std::{fs, path::Path};

use serde_json::Value;

use crate::invoke::{fail, json, palinode, succeed};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/model");
const SCHOOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/school.jsonl");
const CONTEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/contest.jsonl");

/// The tiny chat model with room for word problems: it has learned none, and positions are rotations.
fn roomy(at: &Path) -> String {
    let folder = at.join("model");
    fs::create_dir(&folder).unwrap();
    for entry in fs::read_dir(MODEL).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    for (file, key) in [("config.json", "max_position_embeddings"), ("tokenizer_config.json", "model_max_length")] {
        let path = folder.join(file);
        let mut settings: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(settings[key], 256);
        settings[key] = 512.into();
        fs::write(&path, settings.to_string()).unwrap();
    }
    folder.display().to_string()
}

#[test]
fn the_samples_are_judged_by_their_layouts() {
    let at = tempfile::tempdir().unwrap();
    for (file, layout, n) in [(SCHOOL, "gsm8k", 200), (CONTEST, "math", 120)] {
        let found = json(palinode(at.path(), &["data", file, "--layout", layout, "--json"]));
        assert_eq!(found["judged"], 1.0, "{layout}: {}", found["unjudged"]);
        let problems = &found["problems"];
        assert_eq!(problems["train"].as_u64().unwrap() + problems["held_out"].as_u64().unwrap(), n);
        assert_eq!(problems["duplicates"], 0);
        let shown = succeed(palinode(at.path(), &["data", file, "--layout", layout]));
        assert!(shown.contains("(100.0 %)") && shown.contains("no duplicates"), "{shown}");
        assert_eq!(shown.matches("read as").count(), 3, "{shown}");
    }
}

#[test]
fn problems_of_the_gsm8k_layout_from_first_look_to_report() {
    let at = tempfile::tempdir().unwrap();
    let model = roomy(at.path());
    let problems = ["--layout", "gsm8k", "--model", &model, "--max-answer", "24"];
    let shown = succeed(palinode(at.path(), &[&["data", SCHOOL], &problems[..]].concat()));
    assert!(shown.contains("tokens, half up to") && shown.contains("every prompt fits"), "{shown}");
    let tight = ["data", SCHOOL, "--layout", "gsm8k", "--model", MODEL, "--max-answer", "60", "--json"];
    let found = json(palinode(at.path(), &tight));
    let too_long = found["problems"]["too_long"].as_array().unwrap();
    assert!(
        too_long.iter().all(|long| long["tokens"].as_u64() > found["longest_prompt_allowed"].as_u64()) && !too_long.is_empty()
    );

    let steps = ["--steps-one", "2", "--steps-two", "2", "--problems", "4", "--samples", "2", "--eval-problems", "8"];
    let data = ["train", "--data", SCHOOL, "--out", "run", "--json"];
    let result = json(palinode(at.path(), &[&data[..], &problems, &steps].concat()));
    assert_eq!(result["task"], "school");
    let config = fs::read_to_string(at.path().join("run/config.toml")).unwrap();
    assert!(config.contains("layout = \"gsm8k\""), "{config}");
    let metrics = fs::read_to_string(at.path().join("run/metrics.jsonl")).unwrap();
    assert!(metrics.contains("\"event\":\"signal\"") && metrics.contains("no signal: "), "{metrics}");
    assert_eq!(json(palinode(at.path(), &["eval", "run", "--json"])), result["stage_two"]);
    succeed(palinode(at.path(), &["report", "run", "--out", "report.html"]));
    let report = fs::read_to_string(at.path().join("report.html")).unwrap();
    assert!(report.contains("unparseable"), "answers without a number are told apart");
}

#[test]
fn problems_are_held_out_by_file_and_judged_by_settings() {
    let at = tempfile::tempdir().unwrap();
    let rows = |range: std::ops::Range<u32>| {
        "id,ask,gold\n".to_owned() + &range.map(|i| format!("{i},\"halve {i}, please\",{}.0\n", i * 10)).collect::<String>()
    };
    fs::write(at.path().join("train.csv"), rows(0..30)).unwrap();
    fs::write(at.path().join("test.tsv"), rows(40..50).replace(',', "\t").replace("\t please", ", please")).unwrap();
    let files = ["--held-out", "test.tsv", "--prompt-field", "ask", "--answer-field", "gold"];
    let numeric = ["--verifier", "{ kind = \"numeric\", relative = 0.01 }"];
    let found = json(palinode(at.path(), &[&["data", "train.csv", "--json"], &files[..], &numeric].concat()));
    assert_eq!((&found["problems"]["train"], &found["problems"]["held_out"]), (&30.into(), &10.into()));
    assert_eq!(found["layout"]["verifier"]["relative"], 0.01);
    let steps = ["--steps-warm", "4", "--steps-one", "1", "--steps-two", "1", "--problems", "4", "--samples", "2"];
    let tiny = ["--eval-problems", "10", "--out", "run", "-q"];
    succeed(palinode(at.path(), &[&["train", "--data", "train.csv"], &files[..], &numeric, &steps, &tiny].concat()));
    let config = fs::read_to_string(at.path().join("run/config.toml")).unwrap();
    for part in ["prompt_field = \"ask\"", "held_out = ", "relative = 0.01"] {
        assert!(config.contains(part), "{config}");
    }
    assert!(json(palinode(at.path(), &["eval", "run", "--json"]))["n"] == 10);
    // The same problem on both sides.
    fs::write(at.path().join("test.tsv"), rows(29..50).replace(',', "\t").replace("\t please", ", please")).unwrap();
    let error = fail(palinode(at.path(), &[&["data", "train.csv"], &files[..]].concat()), 3);
    assert!(error.contains("test.tsv: line 2: ") && error.contains("can't be held out"), "{error}");
}

#[test]
fn what_can_not_be_judged_is_said_before_training() {
    let at = tempfile::tempdir().unwrap();
    let mut rows: String = (0..20).map(|i| format!("{{\"question\": \"q{i}\", \"answer\": \"#### {i}\"}}\n")).collect();
    rows += "{\"question\": \"many\", \"answer\": \"#### many\"}\n";
    fs::write(at.path().join("own.jsonl"), &rows).unwrap();
    let shown = succeed(palinode(at.path(), &["data", "own.jsonl", "--layout", "gsm8k"]));
    assert!(shown.contains("can judge by 20 references (95.2 %); the others are left out:"), "{shown}");
    assert!(shown.contains("line 21: #### many"), "{shown}");
    let error = String::from_utf8(
        palinode(at.path(), &["train", "--data", "own.jsonl", "--layout", "gsm8k", "--dry-run"])
            .assert()
            .success()
            .get_output()
            .stderr
            .clone(),
    )
    .unwrap();
    assert!(error.contains("1 row of the file was left out: line 21: #### many"), "{error}");
    let error = fail(palinode(at.path(), &["data", "own.jsonl"]), 3);
    assert!(error.contains("line 1: no field \"prompt\" (these are the fields of the layout `gsm8k`)"), "{error}");
}

#[test]
fn wrong_and_hostile_files_are_one_clear_line_and_code_3() {
    let at = tempfile::tempdir().unwrap();
    let with = |name: &str, text: &[u8]| {
        fs::write(at.path().join(name), text).unwrap();
        fail(palinode(at.path(), &["data", name]), 3)
    };
    let good = "{\"prompt\": \"a\", \"answer\": \"b\"}\n";
    let second = |line: &[u8]| [good.as_bytes(), line].concat();
    let deep = "{\"prompt\": ".to_owned() + &"[".repeat(100_000);
    let long = format!("{{\"prompt\": \"{}\"}}", "x".repeat(2 << 20));
    for (name, text, part) in [
        ("cut.jsonl", second(b"{\"prompt\": \"a"), "cut.jsonl: line 2: this looks like"),
        ("deep.jsonl", second(deep.as_bytes()), "deep.jsonl: line 2: "),
        ("long.jsonl", second(long.as_bytes()), "long.jsonl: line 2: "),
        ("bytes.jsonl", second(b"\xff\xfe\n"), "bytes.jsonl: line 2: "),
        ("escape.jsonl", second(b"{\"prompt\": \"\\ud800\", \"answer\": \"b\"}"), "escape.jsonl: line 2: "),
        ("twice.jsonl", second(b"{\"prompt\": \"a\", \"answer\": \"c\"}"), "line 2: the prompt of line 1 again"),
        ("quote.csv", b"prompt,answer\na,b\n\"c,d\n".to_vec(), "quote.csv: line 3: "),
        ("narrow.csv", b"prompt,answer\na,b\nc\n".to_vec(), "narrow.csv: line 3: "),
        ("header.csv", b"prompt,prompt\na,b\n".to_vec(), "header.csv: line 1: "),
        ("empty.tsv", b"".to_vec(), "empty.tsv: "),
        ("lies.parquet", [b"PAR1", &[255; 64][..], b"\xff\xff\xff\x7fPAR1"].concat(), "lies.parquet: "),
        ("cut.parquet", b"PAR1".to_vec(), "cut.parquet: "),
    ] {
        let error = with(name, &text);
        assert!(error.contains(part), "{error}");
    }
    assert!(fail(palinode(at.path(), &["data", "nowhere.csv"]), 3).contains("nowhere.csv"));
    assert!(fail(palinode(at.path(), &["data", "."]), 3).contains("."));
}

#[test]
fn what_is_no_file_of_rows_or_no_model_is_named_with_what_to_do() {
    let at = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let path = at.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:77\nsize 9\n";
    put("rows.jsonl.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03");
    put("rows.csv", &"prompt,answer\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    put("held.jsonl", pointer);
    put("good.jsonl", (0..9).map(|i| format!("{{\"prompt\": \"{i}+0\", \"answer\": \"{i}\"}}\n")).collect::<String>().as_bytes());
    put("adapter/adapter_config.json", b"{\"base_model_name_or_path\": \"owner/base\"}");
    put("adapter/adapter_model.safetensors", b"");
    put("run/note.txt", b"");
    for (arguments, part) in [
        (&["data", "rows.jsonl.gz"][..], "rows.jsonl.gz: is compressed by gzip: unpack it with `gunzip`"),
        (&["data", "rows.csv"], "rows.csv: is text in UTF-16: save it as UTF-8"),
        (&["data", "."], "is a folder: name a file in it, such as good.jsonl"),
        (&["data", "good.jsonl", "--held-out", "held.jsonl"], "held.jsonl: is a Git LFS pointer"),
        (
            &["logprobs", "--model", "adapter", "--ids", "1"],
            "give that, \"owner/base\", as the model (--model), and this as the adapter",
        ),
        (&["logprobs", "--model", MODEL, "--adapter", MODEL, "--ids", "1"], "is a model's folder, not an adapter's"),
        (&["train", "--model", "good.jsonl", "--data", "good.jsonl"], "good.jsonl: is a file; a model is a folder"),
        (&["eval", "adapter"], "an adapter's folder is given as --adapter"),
    ] {
        let error = fail(palinode(at.path(), arguments), 3);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    // One array is as good as lines.
    put("array.json", b"[\n{\"prompt\": \"1\", \"answer\": \"1\"}, {\"prompt\": \"2\", \"answer\": \"2\"}, {\"prompt\": \"3\", \"answer\": \"3\"},\n\
        {\"prompt\": \"4\", \"answer\": \"4\"}, {\"prompt\": \"5\", \"answer\": \"5\"}]");
    let problems = &json(palinode(at.path(), &["data", "array.json", "--json"]))["problems"];
    assert_eq!(problems["train"].as_u64().unwrap() + problems["held_out"].as_u64().unwrap(), 5);
}

#[test]
fn a_verdict_is_explained() {
    let at = tempfile::tempdir().unwrap();
    let verify = |verifier: &str, answer: &str, reference: &str| {
        succeed(palinode(at.path(), &["verify", "--verifier", verifier, "--answer", answer, "--reference", reference]))
    };
    let shown = verify("boxed", r"so it is \boxed{\frac12}", "0.5");
    assert!(shown.contains("verdict    right (reward 1)") && shown.contains("the same exact value"), "{shown}");
    let shown = verify("boxed", "1/2", "0.5");
    assert!(shown.contains("unparseable") && shown.contains("no \\boxed{...}") && shown.contains("read as nothing"), "{shown}");
    assert!(verify("numeric", "-3", "3").contains("another number"));
    assert!(verify("gsm8k", "#### 3", "#### three").contains("failed"));
    let weighted = "{ kind = \"weighted\", parts = [{ weight = 3, verifier = { kind = \"math\" } }, { weight = 1, verifier = { kind = \"exact\" } }] }";
    assert!(verify(weighted, "0.50", "1/2").contains("partial (reward 0.75)"));
    let mut piped = palinode(at.path(), &["verify", "--verifier", "gsm8k", "--answer", "-", "--reference", "72", "--json"]);
    piped.write_stdin("6 * 12 = 72\n#### 72\n");
    let found = json(piped);
    assert_eq!((&found["verdict"], &found["reward"]), (&"right".into(), &1.0.into()));
}

#[test]
fn wrong_settings_are_one_clear_line_and_code_2() {
    let at = tempfile::tempdir().unwrap();
    let rows: String = (0..9).map(|i| format!("{{\"prompt\": \"{i}\", \"answer\": \"{i}\"}}\n")).collect();
    fs::write(at.path().join("own.jsonl"), rows).unwrap();
    for (arguments, part) in [
        (&["data", "own.jsonl", "--layout", "gsm8"][..], "did you mean `gsm8k`?"),
        (&["data", "own.jsonl", "--verifier", "boxd"], "did you mean `boxed`?"),
        (&["data", "own.jsonl", "--verifier", "{ kind = \"numeric\", relative = -1 }"], "relative must be"),
        (&["data", "own.jsonl", "--verifier", "{ kind = \"numeric\", relatve = 1 }"], "relatve"),
        (&["data", "own.jsonl", "--verifier", "{ kind = \"pattern\", pattern = \"(\" }"], "is no pattern"),
        (&["train", "--layout", "gsm8k"], "--layout is for problems of a file\nhelp: give --data FILE"),
        (&["train", "--task", "ledger", "--layout", "gsm8k"], "cannot be used with"),
        (&["train", "--data", "own.jsonl", "--max-answer", "0"], "max_answer must be within"),
    ] {
        let error = fail(palinode(at.path(), arguments), 2);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
}
