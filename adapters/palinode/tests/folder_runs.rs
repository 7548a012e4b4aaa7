//! Training, evaluating and trying the model of a folder, as a person does: a tiny Qwen2 chat checkpoint with a real BPE tokenizer, and 200 problems.

use std::{fs, path::Path};

use assert_cmd::Command;
use palinode::{device, hf::Folder, train::trainable::fingerprint};
use serde_json::Value;

use crate::invoke::{events, fail, fingerprint_of, json, palinode, succeed};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/model");
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chat/problems.jsonl");
/// Few steps, large ones.
const STEPS: [&str; 12] =
    ["--steps-one", "2", "--steps-two", "3", "--problems", "8", "--samples", "4", "--learning-rate", "2e-3", "--max-answer", "8"];

fn train(at: &Path, more: &[&str]) -> Command {
    palinode(at, &[&["train", "--model", MODEL, "--data", DATA], &STEPS[..], more].concat())
}

#[test]
fn all_weights_are_trained_into_a_folder_that_gives_the_reported_numbers() {
    let at = tempfile::tempdir().unwrap();
    let result = json(train(at.path(), &["--out", "run", "--json"]));
    let run = at.path().join("run");
    assert_eq!(
        json(palinode(at.path(), &["eval", "--model", MODEL, "--data", DATA, "--max-answer", "8", "--json"])),
        result["base"]
    );
    assert_eq!(json(palinode(at.path(), &["eval", "run", "--json"])), result["stage_two"]);
    assert_eq!(
        json(palinode(at.path(), &["eval", "--model", "run/model", "--data", DATA, "--max-answer", "8", "--json"])),
        result["stage_two"]
    );
    assert_eq!(json(palinode(at.path(), &["eval", "run/checkpoints/stage-1/model.safetensors", "--json"])), result["stage_one"]);

    // The reference is what the folder holds; the trained model is another one, of the same files and types.
    assert_eq!(events(&run, "reference")[0]["fingerprint"], fingerprint_of(MODEL));
    let device = device::open("flex").unwrap().device;
    let trained = Folder::open(&run.join("model"), &device).unwrap();
    assert_ne!(fingerprint(&trained.load(&device).unwrap()), fingerprint_of(MODEL));
    for file in ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"] {
        assert_eq!(fs::read(run.join("model").join(file)).unwrap(), fs::read(Path::new(MODEL).join(file)).unwrap(), "{file}");
    }
    let length = |folder: &Path| fs::metadata(folder.join("model.safetensors")).unwrap().len();
    let (before, after) = (length(Path::new(MODEL)), length(&run.join("model")));
    assert!(after.abs_diff(before) < 1000, "{before} bytes of bf16 became {after}");
    assert!(run.join("report.html").is_file());
    assert_eq!(events(&run, "rehearsal")[0]["episodes"], 4);

    let mut tried = palinode(at.path(), &["try", "--model", "run/model"]);
    tried.write_stdin("What is 17 + 23?\n");
    let shown = succeed(tried);
    assert!(shown.contains("problem   What is 17 + 23?") && shown.contains("attempt 2"), "{shown}");
    // A problem of the data is judged.
    let mut tried = palinode(at.path(), &["try", "run"]);
    tried.write_stdin("What is 51 + 94?\n");
    let shown = succeed(tried);
    assert!(shown.contains("right") || shown.contains("wrong"), "{shown}");
    // Going on with a run that is complete changes nothing.
    assert_eq!(json(train(at.path(), &["--out", "run", "--resume", "--json"]))["stage_two"], result["stage_two"]);
}

#[test]
fn adapters_are_trained_beside_weights_that_stay() {
    let at = tempfile::tempdir().unwrap();
    let result =
        json(train(at.path(), &["--lora-rank", "4", "--lora-targets", "q_proj,v_proj,down_proj", "--out", "run", "--json"]));
    let run = at.path().join("run");
    assert_eq!(events(&run, "run")[0]["trainable"], 2 * 4 * ((48 + 48) + (48 + 24) + (96 + 48)));
    assert_eq!(events(&run, "reference")[0]["fingerprint"], fingerprint_of(MODEL));
    let asked = ["--data", DATA, "--max-answer", "8", "--json"];
    assert_eq!(json(palinode(at.path(), &["eval", "run", "--json"])), result["stage_two"]);
    let adapted = json(palinode(at.path(), &[&["eval", "--model", MODEL, "--adapter", "run/adapter"], &asked[..]].concat()));
    assert_eq!(adapted, result["stage_two"]);
    assert!(fs::metadata(run.join("checkpoints/stage-2/model.safetensors")).unwrap().len() < 20_000, "adapters alone");

    // Another model in the folder's place is noticed.
    let copy = at.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(MODEL).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    let of_copy = |more: &[&str]| {
        palinode(at.path(), &[&["train", "--model", "copy", "--data", DATA, "--lora-rank", "2"], &STEPS[..], more].concat())
    };
    succeed(of_copy(&["--out", "other", "--quiet"]));
    succeed(palinode(at.path(), &["merge", "--model", "copy", "--adapter", "other/adapter", "--out", "merged"]));
    fs::copy(at.path().join("merged/model.safetensors"), copy.join("model.safetensors")).unwrap();
    assert!(fail(palinode(at.path(), &["eval", "other"]), 3).contains("started from a model with other weights"));
}

#[test]
fn less_memory_is_the_same_training() {
    let at = tempfile::tempdir().unwrap();
    succeed(train(at.path(), &["--out", "plain", "--quiet"]));
    succeed(train(
        at.path(),
        &["--gradient-checkpointing", "--micro-batch", "1", "--decode-batch", "4", "--out", "small", "--quiet"],
    ));
    let figures = |run: &str, name: &str| -> Vec<f64> {
        events(&at.path().join(run), "step").iter().map(|step| step[name].as_f64().unwrap()).collect()
    };
    for name in ["loss", "grad_norm"] {
        for (a, b) in figures("plain", name).iter().zip(figures("small", name)) {
            assert!((a - b).abs() <= 1e-4 + 1e-3 * a.abs(), "{name}: {a} against {b}");
        }
    }
    assert_eq!(figures("plain", "loss").len(), 5);
}

#[test]
fn half_precision_and_dropout_train_too() {
    let at = tempfile::tempdir().unwrap();
    let result = json(train(at.path(), &["--dtype", "bf16", "--out", "half", "--json"]));
    assert_eq!(json(palinode(at.path(), &["eval", "half", "--json"])), result["stage_two"]);
    assert_eq!(events(&at.path().join("half"), "step").len(), 5);
    succeed(train(at.path(), &["--lora-rank", "4", "--lora-dropout", "0.3", "--out", "dropped", "--quiet"]));
    succeed(train(at.path(), &["--lora-rank", "4", "--lora-dropout", "0.3", "--threads", "1", "--out", "again", "--quiet"]));
    let steps =
        |run: &str| -> Vec<Value> { events(&at.path().join(run), "step").iter().map(|step| step["loss"].clone()).collect() };
    assert_eq!(steps("dropped"), steps("again"), "dropout is seeded");
    let adapter = fs::read_to_string(at.path().join("dropped/adapter/adapter_config.json")).unwrap();
    assert!(adapter.contains("\"lora_dropout\": 0.3"), "{adapter}");
}

#[test]
fn a_plan_and_a_dry_run_leave_nothing() {
    let at = tempfile::tempdir().unwrap();
    let plan = |more: &[&str]| {
        let arguments = ["plan", "--model", MODEL, "--data", DATA, "--lora-rank", "4"];
        palinode(at.path(), &[&arguments[..], &STEPS, more].concat())
    };
    let found = json(plan(&["--json"]));
    assert_eq!((&found["plan"]["parameters"], &found["plan"]["steps"]), (&(58800 + 6144).into(), &5.into()));
    let (seconds, known) = (&found["seconds"], |value: &Value| value.as_f64().unwrap());
    assert!(found["peak"].as_u64().unwrap() > 1 << 20 && found["exceeds"] == false);
    assert!(known(&seconds["step"]) > 0.0 && known(&seconds["step"]) < known(&seconds["longest_step"]), "{seconds}");
    assert!(seconds["warm_step"].is_null() && known(&seconds["all"]) > 5.0 * known(&seconds["step"]), "{seconds}");
    // Three digits at most, and the end; weights and two moments of what is trained.
    assert!((2.0..=4.0).contains(&known(&seconds["tokens"][1])), "{seconds}");
    assert_eq!(found["plan"]["checkpoint"], 12 * 6144);
    let warmed = json(plan(&["--steps-warm", "7", "--warm-corrections", "0.5", "--json"]));
    assert!(known(&warmed["seconds"]["warm_step"]) > 0.0, "{warmed}");
    let shown = succeed(plan(&["--steps-warm", "7"]));
    assert!(shown.contains("a step of the warm start") && shown.contains("a checkpoint within a stage"), "{shown}");
    let shown = succeed(train(at.path(), &["--lora-rank", "4", "--dry-run"]));
    assert!(shown.contains("Stage II: 3 steps") && shown.contains("the model as it is"), "{shown}");
    assert_eq!(fs::read_dir(at.path()).unwrap().count(), 0);

    // The settings that it prints are a file that says the same.
    let settings = shown.split_once("(a file for --config):").unwrap().1;
    fs::write(at.path().join("run.toml"), settings).unwrap();
    let again = succeed(palinode(at.path(), &["train", "--config", "run.toml", "--dry-run"]));
    assert_eq!(again, shown);
    // A revision instruction by its name is written out; one's own is taken as it is.
    let code = succeed(palinode(at.path(), &["train", "--config", "run.toml", "--dry-run", "--revision-instruction", "code"]));
    assert!(code.contains("write the whole program again"), "{code}");
    let own =
        succeed(palinode(at.path(), &["train", "--config", "run.toml", "--dry-run", "--revision-instruction", "Look again."]));
    assert!(own.contains("revision = \"Look again.\""), "{own}");
    // Flags win over it.
    let other = succeed(palinode(
        at.path(),
        &["train", "--config", "run.toml", "--dry-run", "--learning-rate", "1e-3", "--lora-rank", "2"],
    ));
    assert!(other.contains("learning_rate = 0.001") && other.contains("rank = 2"), "{other}");
    // What would not fit is said.
    let large = ["--micro-batch", "512", "--problems", "4096", "--samples", "64", "--decode-batch", "200000"];
    let shown = succeed(palinode(at.path(), &[&["plan", "--model", MODEL, "--data", DATA], &large[..]].concat()));
    assert!(shown.contains("This does not fit") && !shown.contains("time  "), "{shown}");
}

#[test]
fn wrong_input_is_answered_before_anything_runs() {
    let at = tempfile::tempdir().unwrap();
    let with = |arguments: &[&str], code| fail(palinode(at.path(), &[&["train", "--out", "run"], arguments].concat()), code);
    for (arguments, code, part) in [
        (&["--model", MODEL][..], 2, "give --data FILE"),
        (&["--model", "nowhere", "--data", DATA], 3, "nowhere"),
        (&["--model", MODEL, "--data", "nowhere.jsonl"], 3, "nowhere.jsonl"),
        (&["--model", MODEL, "--data", DATA, "--lora-alpha", "8"], 2, "give --lora-rank"),
        (&["--lora-rank", "8"], 2, "give --model DIR"),
        (&["--system", "Be brief."], 2, "--system is for a model folder"),
        (&["--model", MODEL, "--data", DATA, "--lora-rank", "8", "--lora-targets", "qproj"], 2, "did you mean `q_proj`?"),
        (&["--model", MODEL, "--data", DATA, "--lora-rank", "0"], 2, "rank must be within"),
        (&["--model", MODEL, "--data", DATA, "--max-answer", "0"], 2, "max_answer must be within"),
        (&["--model", MODEL, "--data", DATA, "--max-answer", "200"], 2, "the model holds 256"),
        (&["--model", MODEL, "--data", DATA, "--learning-rate", "7"], 2, "learning_rate must be within"),
        (&["--max-answer", "20"], 2, "built-in answers have one length"),
    ] {
        let error = with(arguments, code);
        assert!(error.contains(part), "{arguments:?}: {error}");
        assert!(!at.path().join("run").exists(), "{arguments:?}");
    }
    fs::write(at.path().join("both.toml"), format!("[model]\nwidth = 8\n[pretrained]\npath = \"{MODEL}\"\n")).unwrap();
    assert!(with(&["--config", "both.toml", "--data", DATA], 2).contains("leave [model] out"));
    fs::write(at.path().join("warm.toml"), format!("[train.warm]\nsteps_habit = 8\n[pretrained]\npath = \"{MODEL}\"\n")).unwrap();
    assert!(with(&["--config", "warm.toml", "--data", DATA], 2).contains("train.supervised.steps (--steps-warm)"));
    assert!(fail(palinode(at.path(), &["eval", MODEL]), 3).contains("given as --model"));
    assert!(fail(palinode(at.path(), &["eval"]), 2).contains("nothing to play"));
    assert!(fail(palinode(at.path(), &["eval", "--model", MODEL]), 2).contains("give --data FILE"));
    let long = format!("{}\n", "What is 1 + 1? ".repeat(40));
    let mut typed = palinode(at.path(), &["try", "--model", MODEL]);
    typed.write_stdin(long);
    assert!(fail(typed, 3).contains("has at most 256 tokens"));
}

#[test]
fn every_command_that_opens_a_chat_says_what_it_does_to_earlier_answers() {
    let at = tempfile::tempdir().unwrap();
    let model = at.path().join("model");
    fs::create_dir(&model).unwrap();
    for entry in fs::read_dir(MODEL).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, model.join(path.file_name().unwrap())).unwrap();
    }
    let template = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{{ m.content.split('</think>')[-1] }}\
        {% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    fs::write(model.join("chat_template.jinja"), template).unwrap();
    let few = ["--max-answer", "4"];
    for arguments in [
        &["data", DATA, "--model", "model"][..],
        &["plan", "--model", "model", "--data", DATA],
        &["train", "--model", "model", "--data", DATA, "--dry-run"],
        &["eval", "--model", "model", "--data", DATA, "--problems", "1"],
    ] {
        let output = palinode(at.path(), &[arguments, &few].concat()).output().unwrap();
        let messages = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.success() && messages.contains("note: the chat template drops the thinking"),
            "{arguments:?}: {messages}"
        );
    }
    let found = json(palinode(at.path(), &["data", DATA, "--model", "model", "--json"]));
    assert!(found["notes"][0].as_str().unwrap().contains("drops the thinking"), "{found}");
}

#[test]
fn all_settings_take_the_fast_passes_but_one_that_asks_for_others() {
    let at = tempfile::tempdir().unwrap();
    let plan = |more: &[&str]| {
        let plan = json(palinode(at.path(), &[&["plan", "--model", MODEL, "--data", DATA, "--json"], &STEPS[..], more].concat()));
        (plan["plan"]["written_out"].clone(), plan["notes"].clone())
    };
    for settings in [&[][..], &["--gradient-checkpointing"], &["--lora-rank", "2"]] {
        assert_eq!(plan(settings), (Value::from(true), Value::from(Vec::<Value>::new())), "{settings:?}");
    }
    assert_eq!(plan(&["--no-kernels", "--lora-rank", "2"]), (Value::from(false), Value::from(Vec::<Value>::new())));
}
