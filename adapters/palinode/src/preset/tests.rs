use palinode_hf::ChatConfig;
use palinode_lm::{LoraLayers, LoraTarget};
use palinode_tasks::verifiers::VerifierConfig;

use super::*;
use crate::config::ModelConfig;

/// The settings that a text stands for, as `--config` reads them.
fn parse(text: &str) -> RunConfig {
    let mut config: RunConfig = toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    config.fill(&text.parse().unwrap());
    config
}

#[test]
fn a_file_is_its_presets_settings() {
    for preset in Preset::ALL {
        assert_eq!(parse(&preset.to_toml().unwrap()), preset.config(), "{}", preset.name());
    }
    assert_eq!(Preset::Ledger.config(), RunConfig::default());
}

#[test]
fn what_is_commented_out_is_a_setting_too() {
    for preset in Preset::ALL {
        let setting = |line: &str| line.strip_prefix("# ").filter(|rest| is_setting(rest)).map(str::to_owned);
        let text = preset.to_toml().unwrap();
        let whole: String = text.lines().map(|line| setting(line).unwrap_or(line.into()) + "\n").collect();
        assert_ne!(parse(&whole), preset.config(), "{}", preset.name());
    }
}

/// `key = value` rather than words.
fn is_setting(line: &str) -> bool {
    let key = line.split_once(" = ").map_or("", |(key, _)| key);
    !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn every_key_of_a_file_has_a_comment_above_it() {
    for preset in Preset::ALL {
        let text = preset.to_toml().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| is_setting(pair[1].trim_start_matches("# "))) {
            assert!(pair[0].starts_with("# ") && !is_setting(&pair[0][2..]), "{}: {}", preset.name(), pair[1]);
        }
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH || !line.starts_with('#')), "{text}");
    }
}

/// Settings of which none is left out. No `..`, so that a setting that is added to one of these makes this fail to compile.
fn everything() -> Vec<RunConfig> {
    let task = TaskConfig {
        name: "file".into(),
        data: Some("a".into()),
        held_out: Some("b".into()),
        layout: Some("plain".into()),
        prompt_field: Some("p".into()),
        answer_field: Some("a".into()),
        solution_field: Some("s".into()),
        decimal_comma: true,
        max_answer: Some(1),
        digits: 1,
        zero_probability: 0.5,
        verifier: Some(VerifierConfig::Math { form: None }),
    };
    let model =
        ModelConfig { width: 8, layers: 1, heads: 2, kv_heads: Some(1), feed_forward: Some(8), context: Some(8), tied: true };
    let pretrained = PretrainedConfig {
        path: "m".into(),
        source: Some("o/n".into()),
        dtype: Default::default(),
        gradient_checkpointing: true,
        lora: Some(LoraSettings {
            rank: 1,
            alpha: Some(1.0),
            dropout: 0.0,
            targets: Some(vec![LoraTarget::ALL[0]]),
            layers: Some(LoraLayers::Last(1)),
        }),
        chat: ChatConfig {
            system: Some("s".into()),
            revision: "answer".into(),
            variables: toml::from_str("a = false").unwrap(),
            today: ChatConfig::default().today,
        },
    };
    // What a model folder leaves unsaid, the other says.
    let new = RunConfig { task, model, ..RunConfig::default() };
    vec![RunConfig { pretrained: Some(pretrained), ..new.clone() }, new]
}

/// The names of all values, but for those whose inner names are the user's or the verifier's.
fn names(table: &Table, above: &str, found: &mut Vec<String>) {
    for (key, value) in table {
        let name = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match value.as_table().filter(|_| !["task.verifier", "pretrained.chat.variables"].contains(&&*name)) {
            Some(inner) => names(inner, &name, found),
            None => found.push(name),
        }
    }
}

#[test]
fn every_setting_is_spoken_of_and_nothing_else() {
    let mut settings = Vec::new();
    for config in everything() {
        names(&config.to_toml().unwrap().parse().unwrap(), "", &mut settings);
    }
    let spoken: Vec<String> =
        SECTIONS.iter().flat_map(|section| section.keys.iter().map(|key| format!("{}.{}", section.name, key.name))).collect();
    for name in &settings {
        assert!(spoken.contains(name), "say in preset/keys.rs what {name} is");
    }
    for name in &spoken {
        assert!(settings.contains(name), "preset/keys.rs speaks of {name}, which is no setting");
    }
    for key in SECTIONS.iter().flat_map(|section| section.keys) {
        assert!(key.comment.ends_with(['.', ')']), "{}: a comment is a sentence", key.name);
    }
    // A kind of run that has a key shows it, and no other kind does.
    for preset in Preset::ALL {
        let text = preset.to_toml().unwrap();
        assert_eq!(text.contains("[pretrained]"), matches!(preset, Preset::Folder | Preset::Smollm2));
        assert_eq!(text.contains("\nzero_probability = "), preset == Preset::Ledger);
        assert_eq!(text.contains("# held_out = "), matches!(preset, Preset::File | Preset::Folder));
    }
}

#[test]
fn problems_that_come_along_are_those_that_the_settings_name() {
    for preset in Preset::ALL {
        let TaskConfig { data, held_out, .. } = preset.config().task;
        let files = preset.problems().unwrap();
        if files.is_empty() {
            assert!(held_out.is_none() && preset.fetch().is_none(), "{}", preset.name());
            continue;
        }
        let names: Vec<PathBuf> = files.iter().map(|file| file.name.into()).collect();
        assert_eq!(names, [data.unwrap(), held_out.unwrap()]);
        for file in &files {
            assert_eq!(file.text.lines().count(), file.problems);
            let row: serde_json::Value = serde_json::from_str(file.text.lines().next().unwrap()).unwrap();
            assert!(row["prompt"].as_str().is_some() && row["answer"].as_str().is_some(), "{row}");
        }
        assert_eq!(preset.problems().unwrap(), files);
        // They may lie in another folder than the one that a command is given in.
        let elsewhere = parse(&preset.to_toml_in("a folder".as_ref()).unwrap());
        assert_eq!(elsewhere.task.data.unwrap(), PathBuf::from("a folder").join(files[0].name));
        assert_eq!(elsewhere.pretrained, preset.config().pretrained);
    }
}

#[test]
fn a_preset_with_a_model_of_its_own_evaluates_on_all_that_is_held_out() {
    let [train, held_out] = <[ProblemFile; 2]>::try_from(Preset::Smollm2.problems().unwrap()).unwrap();
    let config = Preset::Smollm2.config();
    assert_eq!(config.train.evaluation.problems, held_out.problems);
    assert!(train.problems >= config.train.reinforce.problems);
    config.train.check().unwrap();
}
