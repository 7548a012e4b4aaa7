//! `palinode export --gguf`: a run's model, or that of a folder or a file, for llama.cpp.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use palinode::{config::RunConfig, device, gguf::Kind, hf::Folder, setup::Setup};
use serde_json::{Value, json};

use super::{
    Failure,
    export::ExportArgs,
    failure::{INPUT, USAGE},
    hub,
    open::{of_run, run_of},
    output, progress,
};

/// By this text a file of ours is known.
const OURS: &str = "palinode.version";

/// Type of a file's matrices, as a command-line value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KindName(Kind);

impl ValueEnum for KindName {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self(Kind::F32), Self(Kind::F16), Self(Kind::BF16), Self(Kind::Q8_0)]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(match self.0 {
            Kind::BF16 => clap::builder::PossibleValue::new("bf16").help("16 bits with the range of 32"),
            Kind::Q8_0 => clap::builder::PossibleValue::new("q8_0").help("8 bits, and a scale for 32 numbers"),
            Kind::F16 => clap::builder::PossibleValue::new("f16").help("16 bits"),
            _ => clap::builder::PossibleValue::new("f32").help("32 bits: nothing is rounded"),
        })
    }
}

/// Writes the file, and says where.
pub(crate) fn write(args: &ExportArgs, file: &Path) -> Result<Value, Failure> {
    output::require_ours(file, args.force, |text| text.contains(OURS))?;
    let opened = device::open(&args.device)?;
    let kind = args.kind.map_or(Kind::F16, |kind| kind.0);
    let notes = if let Some(run) = run(&args.run)? {
        if args.adapter.is_some() {
            let error = Failure::new(USAGE, "--adapter is for a model; a run has its own");
            return Err(error.with_help("give the model that the adapter belongs to in the place of the run"));
        }
        let setup = setup_of(&run.0, &opened)?;
        require_other(file, setup.settings().map(|settings| settings.path.as_path()))?;
        let model = of_run(&run.0, run.1.as_deref(), &setup, &opened.device)?;
        setup.write_gguf(&model.merge_adapters(), kind, file)?
    } else {
        let (path, _) = hub::locate(&args.run)?;
        require_other(file, Some(&path))?;
        let mut folder = Folder::open(&path, &opened.device)?;
        progress::print_notes(&folder.notes());
        if let Some(adapter) = &args.adapter {
            folder = folder.with_adapter(adapter, &opened.device)?;
        }
        folder.write_gguf(&folder.load(&opened.device)?.merge_adapters(), kind, file)?
    };
    progress::print_notes(&notes);
    let bytes = fs::metadata(file).map_err(|error| Failure::new(INPUT, format!("{}: {error}", file.display())))?.len();
    let (shown, kind) = (file.display().to_string(), kind.name());
    if !args.json {
        anstream::eprintln!("{shown}: {bytes} bytes, matrices in {kind}");
        anstream::eprintln!("next: llama-cli --model {shown}");
    }
    Ok(json!({ "file": shown, "type": kind, "bytes": bytes }))
}

/// Refuses to write over the model that it comes from, with `--force` or without: a run can't go on without it.
fn require_other(file: &Path, origin: Option<&Path>) -> Result<(), Failure> {
    let same =
        origin.and_then(|origin| origin.canonicalize().ok()).is_some_and(|origin| file.canonicalize().ok() == Some(origin));
    if !same {
        return Ok(());
    }
    let message = format!("{}: is the model that this one comes from", file.display());
    Err(Failure::new(USAGE, message).with_help("give the new file another name"))
}

/// A run, and the checkpoint in it that was meant; `None` for a model, or the name of one.
fn run(path: &Path) -> Result<Option<(PathBuf, Option<PathBuf>)>, Failure> {
    let is_model = path.join("config.json").is_file() && !path.join("config.toml").is_file();
    let is_weights = path.extension().is_some_and(|kind| kind == "safetensors");
    if is_model || !path.exists() || (path.is_file() && !is_weights) { Ok(None) } else { run_of(path).map(Some) }
}

/// What a run was made of, without its problems, which its model does not depend on.
fn setup_of(run: &Path, opened: &device::Opened) -> Result<Setup, Failure> {
    let (mut config, given) = RunConfig::read_as_given(&run.join("config.toml"))?;
    config.fill(&given);
    if config.pretrained.is_none() {
        let message = format!(
            "{}: the model of this run was made new: its tokens are characters, for which llama.cpp has no tokenizer",
            run.display()
        );
        return Err(Failure::new(USAGE, message).with_help("GGUF files are for runs that started from a model (--model)"));
    }
    config.task = Default::default();
    Ok(Setup::open(&config, opened)?)
}
