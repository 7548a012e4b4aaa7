//! `palinode train --resume`: a run goes on from its newest checkpoint, with the settings and inputs that it began with.

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::Device;
use palinode::{
    config::RunConfig,
    device,
    inputs::Inputs,
    lm::Decoder,
    plan::why_tensors,
    setup::{Setup, SetupError},
    train::{
        TrainError,
        arm::StageName,
        event::{Event, WarningKind},
        run::{
            checkpoint::{Checkpoints, Found, Skipped, Written},
            occupancy::require_own_report,
            progress::{Progress, Start},
            run_folder::{RunFolder, RunLock},
        },
        trainable::fingerprint,
    },
};

use toml::{Table, Value};

use super::{
    Failure,
    args::TrainArgs,
    begin::base_of,
    failure::{INPUT, USAGE},
    plan, processor,
    settings::{apply, apply_machine, find_again},
    train::{Prepared, apply_keeping},
};

/// The run in `--out`. Its own settings count; flags that would change them are refused.
pub(crate) fn resume(args: &TrainArgs) -> Result<Prepared, Failure> {
    let path = args.out.clone().unwrap_or_default();
    if !RunFolder::holds_run(&path) {
        return Err(Failure::new(
            INPUT,
            format!("{}: there is no run to go on with; leave --resume out to begin one", path.display()),
        ));
    }
    // Before anything is written: a folder with files of these names may be anybody's.
    Checkpoints::<Decoder>::of(&path).card()?;
    let lock = RunLock::take(&path)?;
    require_own_report(&path)?;
    let settings = Settings::of(args, &path)?;
    let mut inputs = Compared::of(&path, &settings)?;
    inputs.require_the_same(args, &path)?;
    let mut run = settings.run.clone();
    apply_machine(&args.settings.machine, &mut run.machine);
    apply_keeping(args, &mut run);
    let opened = device::open(&run.machine.device)?;
    let mut setup = Setup::open(&run, &opened)?;
    let checkpoints = checkpoints(args, &path, &setup, &mut inputs)?;
    let mut notes = plan::notes(&run, &setup, &opened)?;
    notes.extend(inputs.note.take());
    notes.extend(inputs.other_processor());
    let GoingOn { start, written, progress } = match checkpoints.exist() {
        true => newest(&checkpoints, &opened.device, &mut notes)?,
        false => beginning(args, &path, &mut setup, &mut inputs, &opened.device, &mut notes)?,
    };
    let folder = RunFolder::resume(lock, written)?;
    settings.write(&path)?;
    let events = inputs.keep(&path, written, &progress, &run)?;
    let serving = plan::serving(why_tensors(&run, &setup, &opened));
    Ok(Prepared { run, setup, start, folder, notes, serving, events })
}

/// A run's settings, as its folder has them.
struct Settings {
    run: RunConfig,
    /// What its file says.
    given: Table,
    /// Inputs that lie elsewhere now, as flags say.
    moved: Vec<&'static str>,
}

impl Settings {
    fn of(args: &TrainArgs, path: &Path) -> Result<Self, Failure> {
        if args.settings.config.is_some() {
            return Err(Failure::new(USAGE, "--resume takes the settings of the run").with_help("leave --config out"));
        }
        let (mut run, given) = RunConfig::read_as_given(&path.join("config.toml"))?;
        run.fill(&given);
        let asked = apply(&args.settings, run.clone(), &given)?;
        let mut moved = Vec::new();
        move_to(&mut run.task.data, &asked.task.data, "data", &mut moved);
        move_to(&mut run.task.held_out, &asked.task.held_out, "held-out data", &mut moved);
        if let (Some(own), Some(other)) = (&mut run.pretrained, &asked.pretrained)
            && args.settings.folder.model.is_some()
            && own.path != other.path
        {
            (own.path, own.source) = (other.path.clone(), other.source.clone());
            moved.push("model");
        }
        find_again(&mut run)?;
        // What it runs on may be another machine, and its files may lie elsewhere.
        let source = asked.pretrained.as_ref().zip(run.pretrained.as_ref());
        let pretrained = source.map(|(asked, run)| {
            let mut same = asked.clone();
            (same.path, same.source) = (run.path.clone(), run.source.clone());
            same
        });
        let same = RunConfig { machine: run.machine.clone(), checkpoints: run.checkpoints, pretrained, ..asked };
        // What is looked at before the first step may be left out this time.
        run.train.checks = same.train.checks;
        if same != run {
            let error = Failure::new(USAGE, "--resume takes the settings of the run, and flags differ from them");
            return Err(
                error.with_help("leave those flags out; `palinode config show --config RUN/config.toml` prints the settings")
            );
        }
        Ok(Self { run, given, moved })
    }

    /// Writes where files lie now into the run's folder; all else stays as it is there.
    fn write(&self, path: &Path) -> Result<(), Failure> {
        if self.moved.is_empty() {
            return Ok(());
        }
        let mut table = self.given.clone();
        let shown = |path: &PathBuf| path.display().to_string();
        let pretrained = self.run.pretrained.as_ref();
        let places = [
            ("task", "data", self.run.task.data.as_ref().map(shown)),
            ("task", "held_out", self.run.task.held_out.as_ref().map(shown)),
            ("pretrained", "path", pretrained.map(|own| shown(&own.path))),
            ("pretrained", "source", pretrained.and_then(|own| own.source.clone())),
        ];
        for (part, key, place) in places {
            let Some(part) = table.get_mut(part).and_then(Value::as_table_mut) else { continue };
            match place {
                Some(place) => drop(part.insert(key.into(), place.into())),
                None => drop(part.remove(key)),
            }
        }
        let (file, draft) = (path.join("config.toml"), path.join(".config.toml.draft"));
        let text = toml::to_string_pretty(&table).map_err(|error| Failure::new(USAGE, format!("{}: {error}", file.display())))?;
        let written = fs::write(&draft, text).and_then(|()| fs::rename(&draft, &file));
        Ok(written.map_err(|source| TrainError::Io { path: file, source })?)
    }
}

/// Takes another place of a file that the run has.
fn move_to<T: Clone + PartialEq>(own: &mut Option<T>, asked: &Option<T>, what: &'static str, moved: &mut Vec<&'static str>) {
    if own.is_some() && asked.is_some() && own != asked {
        own.clone_from(asked);
        moved.push(what);
    }
}

/// What the run began with, beside what there is now.
struct Compared {
    began: Option<Inputs>,
    now: Inputs,
    changed: Vec<String>,
    note: Option<String>,
}

impl Compared {
    fn of(path: &Path, Settings { run, given, moved }: &Settings) -> Result<Self, Failure> {
        let began = Inputs::read(path)?;
        let now = Inputs::of(run, given, began.as_ref().and_then(|inputs| inputs.base().cloned()))?;
        let Some(was) = &began else {
            let note =
                "this run began with a version that kept no fingerprints of its inputs: whether they have changed is not known";
            let untold = |what: &&str| format!("{what}: whether it is what the run began with is not known");
            return Ok(Self { changed: moved.iter().map(untold).collect(), began, now, note: Some(note.into()) });
        };
        Ok(Self { changed: was.changed(&now), began, now, note: None })
    }

    /// What a person should know of a run that another processor goes on with; that is no reason to refuse it.
    fn other_processor(&self) -> Option<String> {
        let (was, now) = (self.began.as_ref()?.processor()?, processor::name());
        (was != now)
            .then(|| format!("this run was computed on another processor so far ({was}) and goes on with this one ({now})"))
    }

    /// Refuses to go on with changed inputs, unless somebody insists.
    fn require_the_same(&self, args: &TrainArgs, path: &Path) -> Result<(), Failure> {
        if self.changed.is_empty() || args.accept_changed_inputs {
            return Ok(());
        }
        let changed = self.changed.join("; ");
        let message = format!("{}: this run would go on with other inputs than it began with: {changed}", path.display());
        Err(Failure::new(INPUT, message).with_help(
            "put back what was there (where it only moved, give its new place: --data, --held-out, --model), or begin another run; \
             --accept-changed-inputs goes on all the same, and the log will say so",
        ))
    }

    /// Keeps in the run's folder what it goes on with, and returns what its log is to say.
    fn keep(self, path: &Path, written: Written, progress: &Progress, run: &RunConfig) -> Result<Vec<Event>, Failure> {
        let (now, told) = self.now.accept(self.began.as_ref(), self.changed, written.lines);
        let stages = run.train.stages()?;
        let done = progress.stages.len().checked_sub(1);
        // Of a run that is over nothing more is computed.
        let over = done.is_some_and(|done| done >= stages.len());
        let by = self.began.as_ref().and_then(Inputs::processor).filter(|_| over).map_or_else(processor::name, str::to_owned);
        now.computed_on(self.began.as_ref(), written.lines, &by).write(path)?;
        let stage = done.map_or(StageName::Base, |done| stages.get(done).or(stages.last()).map_or(StageName::Base, |s| s.name));
        let event = |changed| Event::Warning {
            kind: WarningKind::ChangedInputs,
            stage,
            rl_step: progress.rl_step,
            message: format!("the run went on with another input than it began with: {changed}"),
        };
        Ok(told.into_iter().map(event).collect())
    }
}

/// The run's checkpoints, for the model that its folder holds now.
fn checkpoints(args: &TrainArgs, path: &Path, setup: &Setup, inputs: &mut Compared) -> Result<Checkpoints, Failure> {
    match setup.checkpoints(path) {
        Err(SetupError::Train(TrainError::Origin { .. })) => {
            let folder = setup.settings().map_or_else(String::new, |settings| settings.path.display().to_string());
            inputs.changed.push(format!("weights: {folder} holds other weights than those that the run started from"));
            inputs.require_the_same(args, path)?;
            Ok(setup.checkpoints_from_other_weights(path)?)
        }
        found => Ok(found?),
    }
}

/// Where a run goes on.
struct GoingOn {
    start: Start<Decoder>,
    written: Written,
    progress: Progress,
}

fn newest(checkpoints: &Checkpoints, device: &Device, notes: &mut Vec<String>) -> Result<GoingOn, Failure> {
    let Found { start, saved, path, skipped } = checkpoints.start(device)?;
    notes.extend(skipped.iter().map(|Skipped { path, reason }| format!("{}: skipped: {reason}", path.display())));
    notes.push(format!("going on from {}", path.display()));
    Ok(GoingOn { start, written: saved.written, progress: saved.progress })
}

/// The very beginning, from the model that the run began with.
fn beginning(
    args: &TrainArgs,
    path: &Path,
    setup: &mut Setup,
    inputs: &mut Compared,
    device: &Device,
    notes: &mut Vec<String>,
) -> Result<GoingOn, Failure> {
    notes.push("this run was stopped before its first checkpoint: it begins again".into());
    let start = match inputs.now.base().cloned() {
        None => Start::fresh(setup.model()?.0),
        Some(base) => {
            let (start, _) = base_of(&base.run, setup, device)?;
            if fingerprint(&start.model) != base.fingerprint {
                inputs.changed.push(format!("base model: {} holds another one than the run started from", base.run.display()));
                inputs.require_the_same(args, path)?;
            }
            start
        }
    };
    Ok(GoingOn { start, written: Written::default(), progress: Progress::default() })
}
