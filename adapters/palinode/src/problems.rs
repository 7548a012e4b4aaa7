//! Problems of a file, as a run of some settings sees them.

use std::{path::Path, sync::Arc};

use palinode_core::{sampling::Sampling, task::Split, turns::MultiTurnTask};
use palinode_hf::{Chat, Folder};
use palinode_tasks::{Doubtful, FileTask};
use palinode_text::Dialogue;
use palinode_train::{play::rollout_config, supervised::example::Example};

use crate::{config::RunConfig, device::Opened, setup::SetupError};

/// Longest answer, in tokens, of a folder's model, where nothing else is asked for and its context has room for that.
const ANSWER: usize = 256;

/// Problems that were opened to be looked at.
pub struct Problems {
    /// The problems.
    pub task: FileTask,
    /// The longest prompt, in tokens, that leaves room for all attempts, where a context is known: that of the model folder, or of `[model]`.
    pub room: Option<usize>,
    /// What a person should know of the model and its chat.
    pub notes: Vec<String>,
}

/// The problems that these settings name. Unlike [`Setup::open`](crate::setup::Setup::open) this does not refuse those that are too long, and loads no
/// weights.
///
/// # Errors
/// [`SetupError`]; [`SetupError::Settings`] when they name no file.
pub fn problems(config: &RunConfig, opened: &Opened) -> Result<Problems, SetupError> {
    config.train.check()?;
    let Some(path) = &config.task.data else { return Err(SetupError::Settings("no file of problems is given".into())) };
    let mut notes = Vec::new();
    let (task, context) = match &config.pretrained {
        Some(settings) => {
            let folder = Folder::open(&settings.path, &opened.device)?;
            let (chat, context) = (Chat::of(&folder, settings.chat.clone())?, folder.config().context);
            let task = in_chat(path, config, Arc::new(chat))?;
            notes.extend(model_notes(&folder, &task));
            // By the context alone: an outlier among the prompts is to be found, not to be made room for.
            let answer = config.task.max_answer.unwrap_or((context / (2 * config.train.attempts)).clamp(1, ANSWER));
            (task.with_max_answer(answer)?, Some(context))
        }
        None => (in_characters(path, config)?, config.model.context),
    };
    let attempts = rollout_config(&task, config.train.attempts, 1, Sampling::Greedy).map_err(palinode_train::TrainError::from)?;
    let room = context.map(|context| context.saturating_sub(attempts.capacity(0)));
    Ok(Problems { task, room, notes })
}

/// What a person should know of a model folder, and of how its chat puts problems to it: every command that opens both says it.
pub(crate) fn model_notes(folder: &Folder, task: &FileTask) -> Vec<String> {
    folder.notes().into_iter().chain(crate::setup::without_token(folder)).chain(task.notes()).collect()
}

/// The problems of a file in the chat of a model.
pub(crate) fn in_chat(path: &Path, config: &RunConfig, chat: Arc<dyn Dialogue>) -> Result<FileTask, SetupError> {
    Ok(FileTask::load_with(path, config.task.held_out.as_deref(), &config.task.layout()?, chat)?)
}

/// The problems of a file in characters, for a new model. Refuses answers that a warm start would teach, but that are not right or too long.
pub(crate) fn in_characters(path: &Path, config: &RunConfig) -> Result<FileTask, SetupError> {
    let task = FileTask::load(path, config.task.held_out.as_deref(), &config.task.layout()?)?;
    let (longest, warm) = (task.longest_answer(), config.train.warm_steps() > 0);
    require_taught(&task, config)?;
    let Some(tokens) = config.task.max_answer else { return Ok(task) };
    let task = task.with_max_answer(tokens)?;
    if warm && tokens <= longest {
        let message = format!(
            "max_answer must be more than {longest}: a warm start teaches the answers of the file, the longest of which has as many tokens"
        );
        return Err(SetupError::Settings(message));
    }
    Ok(task)
}

/// Refuses a warm start on answers that are not right.
fn require_taught(task: &FileTask, config: &RunConfig) -> Result<(), SetupError> {
    let Some(doubtful) = task.not_taught().first().filter(|_| config.train.warm_steps() > 0) else { return Ok(()) };
    let message = format!(
        "a warm start teaches the answers of the file, but {} of them are not right as answers; {doubtful}; give --steps-warm 0, or another verifier, or name the \
         field of worked solutions (--solution-field)",
        task.not_taught().len()
    );
    Err(SetupError::Settings(message))
}

/// Refuses a warm start on references that can't be taught, and tells how many are left out because an answer has no room for them.
pub(crate) fn check_taught(task: &FileTask, config: &RunConfig) -> Result<Option<String>, SetupError> {
    if config.train.supervised.steps == 0 {
        return Ok(None);
    }
    require_taught(task, config)?;
    let problems = task.problems(Split::Train);
    let long = problems.iter().filter(|problem| !Example::can_teach(task, problem)).count();
    let (room, longest) = (task.turns().limit().max_tokens(), task.longest_answer());
    match long {
        0 => Ok(None),
        all if all == problems.len() && all > 0 => Err(SetupError::Settings(format!(
            "a warm start teaches the answers of the file, and all of them are longer than an answer may be ({room} tokens with its end): raise max_answer \
             (--max-answer); the longest needs {}",
            longest + 1
        ))),
        some => Ok(Some(format!(
            "{some} of {} answers of the file are longer than an answer may be ({room} tokens with its end): the warm start leaves them out; with --max-answer {} \
             it has all",
            problems.len(),
            longest + 1
        ))),
    }
}

/// With answers of as many tokens as were asked for; or as [`ANSWER`] says, or the context has room for.
pub(crate) fn with_room(task: FileTask, config: &RunConfig, context: usize) -> Result<FileTask, SetupError> {
    let attempts = config.train.attempts;
    let between = task.turns().closing().len() + task.turns().revision().len();
    // Problems that a person will type are not known yet: they get a quarter.
    let prompt = if task.turns().max_prompt() == 0 { context / 4 } else { task.turns().max_prompt() };
    let room = context.saturating_sub(prompt + (attempts - 1) * between) / attempts;
    Ok(task.with_max_answer(config.task.max_answer.unwrap_or(room.clamp(1, ANSWER)))?)
}

/// What a person should know of a file's problems.
pub(crate) fn remarks(task: &FileTask) -> Vec<String> {
    let mut remarks = Vec::new();
    match task.duplicates() {
        0 => {}
        1 => remarks.push("one problem of the file is there twice, and was left out once".into()),
        n => remarks.push(format!("{n} rows of the file repeat an earlier one, and were left out")),
    }
    if !task.unjudged().is_empty() {
        let (n, examples) = (task.unjudged().len(), some(task.unjudged()));
        let rows = if n == 1 { "row of the file was" } else { "rows of the file were" };
        remarks.push(format!("{n} {rows} left out: {examples}"));
    }
    if !task.not_solutions().is_empty() {
        let (n, examples) = (task.not_solutions().len(), some(task.not_solutions()));
        remarks.push(format!("{n} of the file's worked solutions are not right by its verifier, and are left out: {examples}"));
    }
    if !task.not_answers().is_empty() {
        let (n, examples) = (task.not_answers().len(), some(task.not_answers()));
        remarks.push(format!("{n} of the file's reference answers would not be right as answers of a model: {examples}"));
    }
    remarks
}

/// The first few, on one line.
fn some(doubtful: &[Doubtful]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = doubtful.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if doubtful.len() > SHOWN { "; …" } else { "" };
    format!("{}{more}", shown.join("; "))
}
