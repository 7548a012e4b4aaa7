//! Problems of one's own, from a file.

use std::{path::Path, sync::Arc};

use palinode_core::{
    rollout::AnswerLimit,
    task::{Problem, Split, Task},
    verifier::{Verdict, Verifier},
};

use crate::{
    dialogue::Dialogue,
    entries::{Entries, Entry},
    error::TaskError,
    layout::Layout,
    shuffle::permuted,
    text_task::TextTask,
    verifiers::{Exact, Judgement, TextVerifier},
    vocabulary::Vocabulary,
};

const MAX_CHARACTERS: usize = 4096;
const MIN_PROBLEMS: usize = 5;

/// Problems read from JSONL, CSV, TSV or Parquet, judged by a [verifier](crate::verifiers) on text.
#[derive(Debug, Clone)]
pub struct FileTask {
    name: String,
    dialogue: Arc<dyn Dialogue>,
    verifier: Arc<dyn TextVerifier>,
    /// Texts of the problems, by id.
    texts: Vec<String>,
    train: Vec<Problem>,
    held_out: Vec<Problem>,
    longest_prompt: usize,
    longest_answer: usize,
    max_answer: usize,
    duplicates: usize,
    unjudged: Vec<Unjudged>,
}

/// A reference that the verifier does not find right against itself: no answer could be. Its problem is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Unjudged {
    /// Where it stands, such as `line 7`.
    pub place: String,
    /// The reference's text.
    pub reference: String,
    /// Why not.
    pub because: String,
}

impl FileTask {
    /// Reads a file, to be put in the characters that it holds.
    ///
    /// Exact duplicates are dropped and counted, and about a fifth of the problems is held out by a hash of the prompt; or, where a second file is
    /// given, that file.
    ///
    /// # Errors
    /// [`TaskError::Io`]; [`TaskError::Line`] with the line's number, or [`TaskError::File`]; those of
    /// [`VerifierConfig::build`](crate::verifiers::VerifierConfig::build).
    pub fn load(path: &Path, held_out: Option<&Path>, layout: &Layout) -> Result<Self, TaskError> {
        Self::read(path, held_out, layout, |entries| {
            let texts = entries.iter().flat_map(|entry| [entry.prompt.as_str(), entry.answer.as_str()]);
            let vocabulary = Vocabulary::from_texts(texts);
            let found = vocabulary.characters().len();
            if found > MAX_CHARACTERS {
                return Err(format!("holds {found} different characters; a character vocabulary takes {MAX_CHARACTERS}"));
            }
            Ok(Arc::new(vocabulary))
        })
    }

    /// As [`FileTask::load`], to be put as a given dialogue has it.
    ///
    /// # Errors
    /// As there; [`TaskError::Line`] also where the dialogue can't express a problem.
    pub fn load_with(
        path: &Path,
        held_out: Option<&Path>,
        layout: &Layout,
        dialogue: Arc<dyn Dialogue>,
    ) -> Result<Self, TaskError> {
        Self::read(path, held_out, layout, |_| Ok(dialogue))
    }

    /// The same problems with answers of at most so many tokens, the end token included. Without this, as many as the longest reference needs.
    ///
    /// # Errors
    /// [`TaskError::Size`] for 0.
    pub fn with_max_answer(self, tokens: usize) -> Result<Self, TaskError> {
        if tokens == 0 {
            return Err(TaskError::Size { name: "max_answer", expected: "at least 1", got: "0".into() });
        }
        Ok(Self { max_answer: tokens, ..self })
    }

    /// No problem at all, for those that a person types: both splits are empty.
    pub fn without_problems(dialogue: Arc<dyn Dialogue>) -> Self {
        Self::empty("typed".into(), dialogue, Arc::new(Exact::default()))
    }

    fn empty(name: String, dialogue: Arc<dyn Dialogue>, verifier: Arc<dyn TextVerifier>) -> Self {
        let (texts, train, held_out, unjudged) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (longest_prompt, longest_answer, max_answer, duplicates) = (0, 0, 1, 0);
        Self {
            name,
            dialogue,
            verifier,
            texts,
            train,
            held_out,
            longest_prompt,
            longest_answer,
            max_answer,
            duplicates,
            unjudged,
        }
    }

    fn read(
        path: &Path,
        held_out: Option<&Path>,
        layout: &Layout,
        dialogue: impl FnOnce(&[Entry]) -> Result<Arc<dyn Dialogue>, String>,
    ) -> Result<Self, TaskError> {
        let verifier = layout.verifier.build()?;
        let Entries { list, duplicates, .. } = Entries::read(path, held_out, layout, verifier.as_ref())?;
        let whole = |reason: String| TaskError::File { path: path.into(), reason };
        let name = path.file_stem().map_or_else(|| "file".into(), |stem| stem.to_string_lossy().into_owned());
        let mut task = Self { duplicates, ..Self::empty(name, dialogue(&list).map_err(whole)?, verifier) };
        for entry in list {
            let file = held_out.filter(|_| entry.split == Split::HeldOut).unwrap_or(path);
            let place = entry.place;
            task.add(entry).map_err(|error| place.error(file, error.to_string()))?;
        }
        task.settle(held_out.is_some(), layout).map_err(whole)?;
        Ok(task)
    }

    /// Puts a problem into its split, unless nothing can be judged by its reference.
    fn add(&mut self, entry: Entry) -> Result<(), TaskError> {
        let problem = self.problem_of(self.texts.len() as u32, &entry.prompt, &entry.answer)?;
        let Judgement { verdict, because, .. } = self.judge(&problem, problem.reference());
        if !verdict.is_right() {
            let because = because.into_owned();
            self.unjudged.push(Unjudged { place: entry.place.to_string(), reference: entry.answer, because });
            return Ok(());
        }
        self.longest_prompt = self.longest_prompt.max(problem.prompt().len());
        self.longest_answer = self.longest_answer.max(problem.reference().len());
        match entry.split {
            Split::Train => self.train.push(problem),
            Split::HeldOut => self.held_out.push(problem),
        }
        self.texts.push(entry.prompt);
        Ok(())
    }

    /// Sees to it that there is something to train on and something held out.
    fn settle(&mut self, two_files: bool, layout: &Layout) -> Result<(), String> {
        self.max_answer = self.longest_answer + 1;
        let (found, unjudged) = (self.texts.len(), self.unjudged.len());
        if let (Some(first), true) = (self.unjudged.first(), found < MIN_PROBLEMS) {
            let Unjudged { place, because, .. } = first;
            return Err(format!(
                "the verifier `{}` can judge by {found} of {} references; {place}: {because}",
                layout.verifier,
                found + unjudged
            ));
        }
        if found < MIN_PROBLEMS {
            return Err(format!("holds {found} different problems; at least {MIN_PROBLEMS} are needed to hold some out"));
        }
        // A small file may fall on one side by chance; of two files, neither is to be mixed with the other.
        let (empty, full) =
            if self.held_out.is_empty() { (&mut self.held_out, &mut self.train) } else { (&mut self.train, &mut self.held_out) };
        match (empty.is_empty(), two_files) {
            (true, true) => Err("one of the two files holds no problem that can be judged".into()),
            (true, false) => {
                empty.extend(full.pop());
                Ok(())
            }
            (false, _) => Ok(()),
        }
    }

    /// Rows that were dropped because they repeat an earlier one.
    pub fn duplicates(&self) -> usize {
        self.duplicates
    }

    /// Problems that were left out because no answer to them can be judged.
    pub fn unjudged(&self) -> &[Unjudged] {
        &self.unjudged
    }

    /// The problems of a split, training problems in the order of the file.
    pub fn problems(&self, split: Split) -> &[Problem] {
        match split {
            Split::Train => &self.train,
            Split::HeldOut => &self.held_out,
        }
    }

    /// Most tokens of a reference, its end token not counted.
    pub fn longest_answer(&self) -> usize {
        self.longest_answer
    }

    /// The verdict on an answer, and why.
    pub fn judge(&self, problem: &Problem, answer: &[u32]) -> Judgement {
        self.verifier.judge(&self.show_answer(answer), &self.show_answer(problem.reference()))
    }

    fn problem_of(&self, id: u32, prompt: &str, answer: &str) -> Result<Problem, TaskError> {
        let reference = self.dialogue.tokenizer().encode(answer)?;
        Problem::new(id, self.dialogue.prompt(prompt)?, reference)
            .map_err(|e| TaskError::Malformed { expected: e.to_string(), got: prompt.into() })
    }
}

impl Task for FileTask {
    /// Training problems come in a new order each epoch, a function of seed and epoch; held-out problems in the order of the file.
    ///
    /// # Panics
    /// When the split is empty.
    fn problem(&self, seed: u64, split: Split, index: u64) -> Problem {
        let problems = self.problems(split);
        let n = problems.len() as u64;
        let place = match split {
            Split::Train => permuted(seed, (index / n) as u32, index % n, n),
            Split::HeldOut => index % n,
        };
        problems[place as usize].clone()
    }

    fn len(&self, split: Split) -> Option<u64> {
        Some(self.problems(split).len() as u64)
    }
}

impl Verifier for FileTask {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        self.judge(problem, answer).verdict
    }
}

impl TextTask for FileTask {
    /// The file's name, without its ending.
    fn name(&self) -> &str {
        &self.name
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

    /// The problem's text in the file, or its prompt's ids as text.
    fn show_prompt(&self, problem: &Problem) -> String {
        let text = self.texts.get(problem.id() as usize);
        text.cloned().unwrap_or_else(|| self.dialogue.tokenizer().decode(problem.prompt()))
    }

    fn explain(&self, problem: &Problem, answer: &[u32]) -> String {
        self.judge(problem, answer).to_string()
    }
}

#[cfg(test)]
mod tests;
