//! What lies in a run's folder.

use std::{fs, path::Path, sync::OnceLock};

use burn::tensor::{Int, Tensor};
use palinode::{
    core::policy::Policy,
    lm::{Decoder, DecoderConfig},
    report::{
        self,
        csv::{self, Table},
        tensorboard::EventFile,
    },
    train::{
        arm::StageName,
        gradient::{learner::Learner, optimizer::AdamW, workers::Workers},
        run::{
            checkpoint::{Checkpoints, ModelCard, Written},
            keep::{Inside, State},
            names::{EPISODES, METRICS, TIMES},
            place::Place,
            progress::Progress,
        },
        watch::guard::Guard,
    },
};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{flex, parts, put, safetensors};

/// The one checkpoint of the runs here.
const STEP: &str = "checkpoints/step-000003";
const CARD: &str = "checkpoints/model.json";

/// The files of a run with one checkpoint within a stage, by their paths in its folder.
fn sound() -> &'static [(String, Vec<u8>)] {
    static FILES: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        store(folder.path());
        let entries = fs::read_dir(folder.path().join(STEP)).expect("it was stored");
        let names = entries.map(|entry| entry.expect("it can be listed").file_name().to_string_lossy().into_owned());
        let paths = names.map(|name| format!("{STEP}/{name}")).chain([CARD.to_owned()]);
        let stored = paths.map(|path| fs::read(folder.path().join(&path)).map(|bytes| (path, bytes)).expect("it was stored"));
        let logs = [METRICS, EPISODES, TIMES].map(|name| (name.to_owned(), Vec::new()));
        stored.chain(logs).collect()
    })
}

/// Stores a checkpoint behind one step.
fn store(run: &Path) {
    let (device, sizes) = (flex().device, DecoderConfig::small(11, 8, 1, 2, 16));
    let mut learner = Learner::new(Decoder::new(&sizes, 1, &device).expect("a small model"), AdamW::REINFORCE);
    step(&mut learner);
    let checkpoints = Checkpoints::of(run);
    checkpoints.create(&ModelCard::new(sizes)).expect("a folder can be written");
    let place = Place::Reinforce { step: 3, guard: Guard::new(StageName::StageOne) };
    let (mut progress, mut inside) = (Progress::default(), Inside::new(&learner, place));
    progress.rl_step = 3;
    (inside.reference, inside.began) = (Some(learner.model()), 1.0);
    let mut state = State::new(learner.model(), &progress);
    (state.inside, state.score, state.seconds) = (Some(inside), Some(50.0), 2.0);
    checkpoints.store(&state, Written::default(), 1).expect("a state can be stored");
}

/// One step of training, on the token that every vocabulary has.
fn step(learner: &mut Learner<Decoder>) {
    static WORKERS: OnceLock<Workers> = OnceLock::new();
    let workers = WORKERS.get_or_init(|| Workers::new(1).expect("one thread"));
    learner.step(&[()], 1e-2, workers, |model, ()| {
        let device = flex().device;
        let tokens = Tensor::<2, Int>::from_data([[0]], &device);
        (model.logits(model.states(tokens, Tensor::from_data([0], &device))).square().sum(), ())
    });
}

/// Lays that run into a folder, where it does not lie there yet.
fn lay(folder: &Path) -> &'static [(String, Vec<u8>)] {
    let files = sound();
    if !folder.join(STEP).is_dir() {
        fs::create_dir_all(folder.join(STEP)).expect("a temporary folder can be made");
        for (path, bytes) in files {
            put(folder, path, bytes);
        }
    }
    files
}

/// Goes on from the run's checkpoint: what is taken can be trained.
fn resume(folder: &Path) {
    let found = Checkpoints::of(folder).start(&flex().device);
    match found.map(|found| found.start) {
        Ok(start) => {
            let Some(inside) = start.inside else { return };
            if let Ok(mut learner) = Learner::resume(start.model, AdamW::REINFORCE, &inside.optimizer, inside.masters) {
                step(&mut learner);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// The manifest of a checkpoint whose files are sound.
pub fn manifest(input: &[u8], folder: &Path) {
    lay(folder);
    put(folder, &format!("{STEP}/manifest.json"), input);
    resume(folder);
}

/// A file of a checkpoint behind its name, with a manifest that fits it.
pub fn checkpoint(input: &[u8], folder: &Path) {
    let [name, content] = parts(input);
    let mut manifest = serde_json::Map::new();
    for (path, sound) in lay(folder).iter().filter(|(path, _)| path.starts_with("checkpoints/")) {
        let file = path.rsplit('/').next().unwrap_or_default();
        let bytes = match file {
            "manifest.json" => continue,
            _ if file.as_bytes() == name && file.ends_with(".safetensors") => &safetensors(content),
            _ if file.as_bytes() == name => content,
            _ => sound,
        };
        put(folder, path, bytes);
        let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        manifest.insert(file.to_owned(), json!({"bytes": bytes.len(), "sha256": hash}));
    }
    // The model's card lies beside the checkpoints.
    manifest.remove("model.json");
    put(folder, &format!("{STEP}/manifest.json"), json!({"version": 1, "files": manifest}).to_string());
    resume(folder);
}

/// A run's log, and behind zeros its episodes, times and settings: the report, tables, and TensorBoard's file.
pub fn metrics(input: &[u8], folder: &Path) {
    let [metrics, episodes, times, config] = parts(input);
    for (name, bytes) in [(METRICS, metrics), (EPISODES, episodes), (TIMES, times), ("config.toml", config)] {
        put(folder, name, bytes);
    }
    let scripts = |page: &str| page.matches("<script").count();
    if let Ok(page) = report::render_html(folder) {
        assert_eq!(scripts(&page), 1, "text of a log became markup");
    }
    if let Ok(figure) = report::render_effect_svg(folder) {
        assert_eq!(scripts(&figure), 0, "text of a log became markup");
    }
    for table in [Table::Steps, Table::Evals, Table::Warm, Table::Episodes] {
        let _ = csv::write(folder, table, &mut Vec::new());
    }
    let _ = EventFile::of_run(folder, &folder.join("events"));
}
