//! Flags over file over defaults.

use std::path::{Path, PathBuf};

use palinode::{
    config::{MachineConfig, RunConfig, TaskConfig},
    lm::LoraTarget,
    pretrained::{LoraSettings, PretrainedConfig},
    train::config::TrainConfig,
};
use toml::Table;

use super::{
    Failure,
    args::{DataArgs, FolderArgs, LayoutArgs, LoraArgs, MachineArgs, SettingsArgs, WarmArgs},
    failure::USAGE,
    hub,
};

/// The settings of a new run.
pub(crate) fn settings(args: &SettingsArgs) -> Result<RunConfig, Failure> {
    let (run, given) = match &args.config {
        Some(path) => RunConfig::read_as_given(path)?,
        None => (RunConfig::default(), Table::new()),
    };
    apply(args, run, &given)
}

/// Puts flags over settings; `given` names the keys that were set before.
pub(crate) fn apply(args: &SettingsArgs, mut run: RunConfig, given: &Table) -> Result<RunConfig, Failure> {
    if let Some(task) = &args.task {
        let TaskConfig { digits, zero_probability, max_answer, .. } = run.task;
        run.task = TaskConfig { name: task.clone(), digits, zero_probability, max_answer, ..Default::default() };
    }
    apply_data(&args.data, &mut run)?;
    apply_folder(&args.folder, &mut run)?;
    apply_lora(&args.lora, &mut run)?;
    run.fill(given);
    apply_machine(&args.machine, &mut run.machine);

    let train = &mut run.train;
    train.arm = args.arm.map_or(train.arm, |arm| arm.0);
    train.seed = args.seed.unwrap_or(train.seed);
    train.attempts = args.attempts.map_or(train.attempts, usize::from);
    train.checks.signal &= !args.checks.no_signal_check;
    train.checks.rehearsal &= !args.checks.no_rehearsal;
    apply_warm(&args.warm, run.pretrained.is_some(), train)?;
    let rl = &mut train.reinforce;
    rl.steps_one = args.steps_one.unwrap_or(rl.steps_one);
    rl.steps_two = args.steps_two.unwrap_or(rl.steps_two);
    rl.learning_rate = args.learning_rate.unwrap_or(rl.learning_rate);
    rl.problems = args.problems.unwrap_or(rl.problems);
    rl.samples = args.samples.unwrap_or(rl.samples);
    rl.micro_batch = args.micro_batch.unwrap_or(rl.micro_batch);
    train.evaluation.problems = args.eval_problems.unwrap_or(train.evaluation.problems);
    Ok(run)
}

/// The warm start: of a folder's model on references, of a new one in its phases.
fn apply_warm(args: &WarmArgs, pretrained: bool, train: &mut TrainConfig) -> Result<(), Failure> {
    match args.steps_warm {
        Some(steps) if pretrained => train.supervised.steps = steps,
        Some(steps) => train.set_warm_steps(steps),
        None => {}
    }
    let flags = [
        ("--warm-target", args.warm_target.is_some()),
        ("--warm-corrections", args.warm_corrections.is_some()),
        ("--warm-sequences", args.warm_sequences.is_some()),
        ("--warm-learning-rate", args.warm_learning_rate.is_some()),
    ];
    if let (0, Some((flag, _))) = (train.supervised.steps, flags.iter().find(|(_, given)| *given)) {
        let help =
            if pretrained { "give --steps-warm N" } else { "give --model DIR; a new model has the settings of [train.warm]" };
        return Err(Failure::new(USAGE, format!("{flag} is for a warm start on references")).with_help(help));
    }
    let supervised = &mut train.supervised;
    supervised.target_accuracy = args.warm_target.unwrap_or(supervised.target_accuracy);
    supervised.corrections = args.warm_corrections.unwrap_or(supervised.corrections);
    supervised.sequences = args.warm_sequences.unwrap_or(supervised.sequences);
    supervised.learning_rate = args.warm_learning_rate.unwrap_or(supervised.learning_rate);
    Ok(())
}

/// A run is to find its files from wherever it is looked at.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Problems of a file.
pub(crate) fn apply_data(args: &DataArgs, run: &mut RunConfig) -> Result<(), Failure> {
    if let Some(data) = &args.data {
        run.task.name = "file".into();
        run.task.data = Some(absolute(data));
    }
    apply_layout(&args.layout, run)
}

/// What the rows of the file are.
pub(crate) fn apply_layout(args: &LayoutArgs, run: &mut RunConfig) -> Result<(), Failure> {
    let flags = [
        ("--held-out", args.held_out.is_some()),
        ("--layout", args.layout.is_some()),
        ("--prompt-field", args.prompt_field.is_some()),
        ("--answer-field", args.answer_field.is_some()),
        ("--solution-field", args.solution_field.is_some()),
        ("--decimal-comma", args.decimal_comma),
        ("--verifier", args.verifier.is_some()),
    ];
    let task = &mut run.task;
    if let (None, Some((flag, _))) = (&task.data, flags.iter().find(|(_, given)| *given)) {
        return Err(Failure::new(USAGE, format!("{flag} is for problems of a file")).with_help("give --data FILE"));
    }
    task.held_out = args.held_out.as_deref().map(absolute).or(task.held_out.take());
    task.layout = args.layout.clone().or(task.layout.take());
    task.prompt_field = args.prompt_field.clone().or(task.prompt_field.take());
    task.answer_field = args.answer_field.clone().or(task.answer_field.take());
    task.solution_field = args.solution_field.clone().or(task.solution_field.take());
    task.decimal_comma |= args.decimal_comma;
    task.verifier = args.verifier.clone().or(task.verifier.take());
    Ok(())
}

/// Fetches a model folder that is not there any more, or not yet, from where it came.
pub(crate) fn find_again(run: &mut RunConfig) -> Result<(), Failure> {
    if let Some(PretrainedConfig { path, source: source @ Some(_), .. }) = &mut run.pretrained
        && !path.exists()
    {
        let (folder, pinned) = hub::fetch(source.as_deref().unwrap_or_default())?;
        (*path, *source) = (folder, Some(pinned));
    }
    Ok(())
}

/// The model folder, and how problems are put to its model.
pub(crate) fn apply_folder(args: &FolderArgs, run: &mut RunConfig) -> Result<(), Failure> {
    if let Some(path) = &args.model {
        let (path, source) = hub::locate(path)?;
        let pretrained = run.pretrained.get_or_insert_with(|| PretrainedConfig::new(PathBuf::new()));
        (pretrained.path, pretrained.source) = (path, source);
    }
    find_again(run)?;
    run.task.max_answer = args.max_answer.or(run.task.max_answer);
    let flags = [
        ("--dtype", args.dtype.is_some()),
        ("--system", args.system.is_some()),
        ("--revision-instruction", args.revision_instruction.is_some()),
    ];
    let Some(pretrained) = folder_for(&flags, run)? else { return Ok(()) };
    pretrained.dtype = args.dtype.map_or(pretrained.dtype, |dtype| dtype.0);
    pretrained.chat.system = args.system.clone().or(pretrained.chat.system.take());
    if let Some(instruction) = &args.revision_instruction {
        pretrained.chat.revision.clone_from(instruction);
    }
    Ok(())
}

fn apply_lora(args: &LoraArgs, run: &mut RunConfig) -> Result<(), Failure> {
    let flags = [
        ("--lora-rank", args.lora_rank.is_some()),
        ("--lora-alpha", args.lora_alpha.is_some()),
        ("--lora-dropout", args.lora_dropout.is_some()),
        ("--lora-targets", !args.lora_targets.is_empty()),
        ("--lora-layers", args.lora_layers.is_some()),
        ("--gradient-checkpointing", args.gradient_checkpointing),
    ];
    let Some(pretrained) = folder_for(&flags, run)? else { return Ok(()) };
    pretrained.gradient_checkpointing |= args.gradient_checkpointing;
    if let Some(rank) = args.lora_rank {
        pretrained.lora.get_or_insert_with(|| LoraSettings::new(rank)).rank = rank;
    }
    let Some(lora) = &mut pretrained.lora else {
        return match flags[1..5].iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(Failure::new(USAGE, format!("{flag} is for adapters")).with_help("give --lora-rank N")),
            None => Ok(()),
        };
    };
    lora.alpha = args.lora_alpha.or(lora.alpha);
    lora.dropout = args.lora_dropout.unwrap_or(lora.dropout);
    lora.layers = args.lora_layers.clone().or(lora.layers.take());
    if !args.lora_targets.is_empty() {
        lora.targets = Some(args.lora_targets.iter().map(|name| target(name)).collect::<Result<_, _>>()?);
    }
    Ok(())
}

/// The settings of the model folder, which flags that were given need.
fn folder_for<'a>(flags: &[(&str, bool)], run: &'a mut RunConfig) -> Result<Option<&'a mut PretrainedConfig>, Failure> {
    match (&mut run.pretrained, flags.iter().find(|(_, given)| *given)) {
        (None, Some((flag, _))) => {
            Err(Failure::new(USAGE, format!("{flag} is for a model folder")).with_help("give --model DIR"))
        }
        (folder, _) => Ok(folder.as_mut()),
    }
}

fn target(name: &str) -> Result<LoraTarget, Failure> {
    let known = LoraTarget::ALL.map(LoraTarget::name);
    LoraTarget::ALL.into_iter().find(|target| target.name() == name).ok_or_else(|| {
        let hint = palinode::config::closest(name, known.into_iter());
        let hint = hint.map_or_else(String::new, |known| format!(" (did you mean `{known}`?)"));
        Failure::new(USAGE, format!("--lora-targets: no projection is called `{name}`{hint}; there are {}", known.join(", ")))
    })
}

/// Flags over the machine's settings.
pub(crate) fn apply_machine(args: &MachineArgs, machine: &mut MachineConfig) {
    if let Some(device) = &args.device {
        machine.device.clone_from(device);
    }
    machine.threads = args.threads.unwrap_or(machine.threads);
    machine.decode_batch = args.decode_batch.unwrap_or(machine.decode_batch);
    machine.kernels &= !args.no_kernels;
}
