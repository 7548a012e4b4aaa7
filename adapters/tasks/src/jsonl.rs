//! Problems of one's own: one `{"prompt": "...", "answer": "..."}` a line.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use palinode_core::{
    rollout::AnswerLimit,
    task::{Problem, Split, Task},
    verifier::{Verdict, Verifier},
};
use serde_json::Value;

use crate::{
    dialogue::Dialogue, digits::spread, error::TaskError, shuffle::permuted, text_task::TextTask, vocabulary::Vocabulary,
};

const MAX_FILE: u64 = 1 << 30;
const MAX_LINE: usize = 1 << 20;
const MAX_CHARACTERS: usize = 4096;
const MIN_PROBLEMS: usize = 5;
/// One problem in five is held out.
const HELD_OUT: u64 = 5;

/// Problems read from a file; an answer is right when its text equals the reference's but for white space around it.
#[derive(Debug, Clone)]
pub struct JsonlTask {
    dialogue: Arc<dyn Dialogue>,
    /// Texts of the problems, by id.
    texts: Vec<String>,
    train: Vec<Problem>,
    held_out: Vec<Problem>,
    longest_prompt: usize,
    longest_answer: usize,
    max_answer: usize,
    duplicates: usize,
}

struct Entry {
    line: usize,
    prompt: String,
    answer: String,
}

impl JsonlTask {
    /// Reads a file, to be put in the characters that it holds. Blank lines are skipped, exact duplicates are dropped and counted, and about a
    /// fifth of the problems is held out, by a hash of the prompt.
    ///
    /// # Errors
    /// [`TaskError::Io`], [`TaskError::Line`] with the line's number, or [`TaskError::File`].
    pub fn load(path: &Path) -> Result<Self, TaskError> {
        Self::read(path, |entries| {
            let texts = entries.iter().flat_map(|entry| [entry.prompt.as_str(), entry.answer.as_str()]);
            let vocabulary = Vocabulary::from_texts(texts);
            let found = vocabulary.characters().len();
            if found > MAX_CHARACTERS {
                return Err(format!("holds {found} different characters; a character vocabulary takes {MAX_CHARACTERS}"));
            }
            Ok(Arc::new(vocabulary))
        })
    }

    /// As [`JsonlTask::load`], to be put as a given dialogue has it.
    ///
    /// # Errors
    /// As there; [`TaskError::Line`] also where the dialogue can't express a problem.
    pub fn load_with(path: &Path, dialogue: Arc<dyn Dialogue>) -> Result<Self, TaskError> {
        Self::read(path, |_| Ok(dialogue))
    }

    /// The same problems with answers of at most so many tokens, the end token included. Without this, as many as the longest reference needs.
    ///
    /// # Errors
    /// [`TaskError::Size`] when the longest reference needs more.
    pub fn with_max_answer(self, tokens: usize) -> Result<Self, TaskError> {
        if tokens <= self.longest_answer {
            let expected = "more than the longest reference answer has in tokens";
            return Err(TaskError::Size { name: "max_answer", expected, got: tokens.to_string() });
        }
        Ok(Self { max_answer: tokens, ..self })
    }

    /// No problem at all, for those that a person types: both splits are empty.
    pub fn without_problems(dialogue: Arc<dyn Dialogue>) -> Self {
        Self::empty(dialogue, 0)
    }

    fn empty(dialogue: Arc<dyn Dialogue>, duplicates: usize) -> Self {
        let (texts, train, held_out) = (Vec::new(), Vec::new(), Vec::new());
        Self { dialogue, texts, train, held_out, longest_prompt: 0, longest_answer: 0, max_answer: 1, duplicates }
    }

    fn read(path: &Path, dialogue: impl FnOnce(&[Entry]) -> Result<Arc<dyn Dialogue>, String>) -> Result<Self, TaskError> {
        let (entries, duplicates) = read(path)?;
        let whole = |reason: String| TaskError::File { path: path.into(), reason };
        if entries.is_empty() {
            return Err(whole("holds no problem; write one {\"prompt\": \"...\", \"answer\": \"...\"} a line".into()));
        }
        if entries.len() < MIN_PROBLEMS {
            let found = entries.len();
            return Err(whole(format!("holds {found} different problems; at least {MIN_PROBLEMS} are needed to hold some out")));
        }
        let mut task = Self::empty(dialogue(&entries).map_err(whole)?, duplicates);
        for (id, entry) in entries.into_iter().enumerate() {
            let at = |error: TaskError| TaskError::Line { path: path.into(), line: entry.line, reason: error.to_string() };
            let problem = task.problem_of(id as u32, &entry.prompt, &entry.answer).map_err(at)?;
            task.longest_prompt = task.longest_prompt.max(problem.prompt().len());
            task.longest_answer = task.longest_answer.max(problem.reference().len());
            let held = spread(entry.prompt.bytes()).is_multiple_of(HELD_OUT);
            if held { &mut task.held_out } else { &mut task.train }.push(problem);
            task.texts.push(entry.prompt);
        }
        task.max_answer = task.longest_answer + 1;
        // A small file may fall on one side by chance.
        let (empty, full) =
            if task.held_out.is_empty() { (&mut task.held_out, &mut task.train) } else { (&mut task.train, &mut task.held_out) };
        if empty.is_empty() {
            empty.extend(full.pop());
        }
        Ok(task)
    }

    /// Exact duplicates that were dropped.
    pub fn duplicates(&self) -> usize {
        self.duplicates
    }

    fn problem_of(&self, id: u32, prompt: &str, answer: &str) -> Result<Problem, TaskError> {
        let reference = self.dialogue.tokenizer().encode(answer)?;
        Problem::new(id, self.dialogue.prompt(prompt)?, reference)
            .map_err(|e| TaskError::Malformed { expected: e.to_string(), got: prompt.into() })
    }

    fn split(&self, split: Split) -> &[Problem] {
        match split {
            Split::Train => &self.train,
            Split::HeldOut => &self.held_out,
        }
    }
}

/// The different problems of a file in order, and the number of duplicates.
fn read(path: &Path) -> Result<(Vec<Entry>, usize), TaskError> {
    let io = |source| TaskError::Io { path: path.into(), source };
    let file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    if size > MAX_FILE {
        return Err(TaskError::File { path: path.into(), reason: format!("{size} bytes; at most {MAX_FILE} are read") });
    }
    let mut reader = BufReader::new(file);
    let (mut entries, mut duplicates): (Vec<Entry>, usize) = (Vec::new(), 0);
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut bytes = Vec::new();
    for line in 1.. {
        let wrong = |reason: String| TaskError::Line { path: PathBuf::from(path), line, reason };
        bytes.clear();
        let read = reader.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut bytes).map_err(io)?;
        if read == 0 {
            break;
        }
        if bytes.len() > MAX_LINE {
            return Err(wrong(format!("longer than {MAX_LINE} bytes")));
        }
        let text = std::str::from_utf8(&bytes).map_err(|e| wrong(format!("not UTF-8 at byte {}", e.valid_up_to() + 1)))?.trim();
        if text.is_empty() {
            continue;
        }
        let entry = parse(text, line).map_err(wrong)?;
        match seen.get(&entry.prompt).map(|&i| &entries[i]) {
            Some(first) if first.answer == entry.answer => duplicates += 1,
            Some(first) => {
                return Err(wrong(format!("the prompt of line {} again, with another answer", first.line)));
            }
            None => {
                seen.insert(entry.prompt.clone(), entries.len());
                entries.push(entry);
            }
        }
    }
    Ok((entries, duplicates))
}

fn parse(text: &str, line: usize) -> Result<Entry, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))?;
    let Value::Object(mut object) = value else { return Err("not a JSON object".into()) };
    let mut field = |name: &str| match object.remove(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Some(Value::String(_)) => Err(format!("\"{name}\" is empty")),
        Some(_) => Err(format!("\"{name}\" is not a string")),
        None => Err(format!("\"{name}\" is missing")),
    };
    let (prompt, answer) = (field("prompt"), field("answer"));
    if let Some(key) = object.keys().next() {
        let likely =
            ["prompt", "answer"].into_iter().max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)));
        let hint = likely
            .filter(|known| strsim::jaro_winkler(key, known) > 0.7)
            .map_or_else(String::new, |known| format!(" (did you mean \"{known}\"?)"));
        return Err(format!("unknown key \"{key}\"{hint}; a line holds \"prompt\" and \"answer\""));
    }
    Ok(Entry { line, prompt: prompt?, answer: answer? })
}

impl Task for JsonlTask {
    /// Training problems come in a new seeded order each epoch; held-out problems in the order of the file.
    ///
    /// # Panics
    /// When the split is empty.
    fn problem(&self, seed: u64, split: Split, index: u64) -> Problem {
        let problems = self.split(split);
        let n = problems.len() as u64;
        let place = match split {
            Split::Train => permuted(seed, (index / n) as u32, index % n, n),
            Split::HeldOut => index % n,
        };
        problems[place as usize].clone()
    }

    fn len(&self, split: Split) -> Option<u64> {
        Some(self.split(split).len() as u64)
    }
}

impl Verifier for JsonlTask {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        let right = self.show_answer(answer).trim() == self.show_answer(problem.reference()).trim();
        if right { Verdict::Right } else { Verdict::Wrong }
    }
}

impl TextTask for JsonlTask {
    fn name(&self) -> &str {
        "jsonl"
    }

    fn dialogue(&self) -> &dyn Dialogue {
        self.dialogue.as_ref()
    }

    fn answer_limit(&self) -> AnswerLimit {
        AnswerLimit::Ended { ends: self.dialogue.ends(), max: self.max_answer }
    }

    fn max_prompt(&self) -> usize {
        self.longest_prompt
    }

    fn answer_alphabet(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.train.iter().flat_map(|problem| problem.reference()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn parse(&self, text: &str) -> Result<Problem, TaskError> {
        let text = text.trim();
        match self.train.iter().chain(&self.held_out).find(|problem| self.show_prompt(problem) == text) {
            Some(problem) => Ok(problem.clone()),
            None => self.problem_of(u32::MAX, text, ""),
        }
    }

    /// The problem's line in the file, or its prompt's ids as text.
    fn show_prompt(&self, problem: &Problem) -> String {
        let text = self.texts.get(problem.id() as usize);
        text.cloned().unwrap_or_else(|| self.dialogue.tokenizer().decode(problem.prompt()))
    }
}

#[cfg(test)]
mod tests;
