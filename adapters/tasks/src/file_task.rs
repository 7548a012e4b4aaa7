//! Problems of one's own, from a file.

use std::{path::Path, sync::Arc};

use palinode_core::{
    task::{Problem, Split, Task},
    turns::{AnswerLimit, MultiTurnTask, Shown, Turns},
    verifier::{Verdict, Verifier},
};
use palinode_rows::RowsError;
use palinode_text::{Conversation, Dialogue, TextError, TextTask, Vocabulary};

use crate::{
    entries::{Entries, Entry, LeftOut},
    error::TaskError,
    file_task::references::{Seen, Solution, without_end},
    layout::{Layout, has_decimal_comma},
    shuffle::permuted,
    verifiers::{Exact, Judgement, TextVerifier},
};

mod references;

const MAX_CHARACTERS: usize = 4096;
const MIN_PROBLEMS: usize = 5;
const MAX_ANSWER: usize = 1 << 20;

/// Problems read from JSONL, CSV, TSV or Parquet, judged by a [verifier](crate::verifiers) on text.
#[derive(Debug, Clone)]
pub struct FileTask {
    name: String,
    dialogue: Arc<dyn Dialogue>,
    verifier: Arc<dyn TextVerifier>,
    seen: Seen,
    /// What is put to the model, by the problem's id.
    conversations: Vec<Conversation>,
    train: Vec<Problem>,
    held_out: Vec<Problem>,
    longest_prompt: usize,
    longest_answer: usize,
    max_answer: usize,
    duplicates: usize,
    unjudged: Vec<Doubtful>,
    not_answers: Vec<Doubtful>,
    not_solutions: Vec<Doubtful>,
    not_taught: Vec<Doubtful>,
    worked: usize,
}

/// A row without a problem, or a reference that the verifier has trouble with.
#[derive(Debug, Clone, PartialEq)]
pub struct Doubtful {
    /// Where it stands, such as `line 7`.
    pub place: String,
    /// The reference's text, or nothing where there is none.
    pub reference: String,
    /// What the trouble is.
    pub because: String,
}

impl FileTask {
    /// Reads a file, to be put in the characters that it holds.
    ///
    /// Repeated problems are dropped and counted, and about a fifth of the problems is held out by a hash of the prompt; or, where a second file is
    /// given, that file.
    ///
    /// # Errors
    /// [`TaskError::Rows`], with the line's number where it has one; those of
    /// [`VerifierConfig::build`](crate::verifiers::VerifierConfig::build).
    pub fn load(path: &Path, held_out: Option<&Path>, layout: &Layout) -> Result<Self, TaskError> {
        Self::read(path, held_out, layout, |entries| {
            let vocabulary = Vocabulary::from_texts(entries.iter().flat_map(Entry::texts));
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
    /// As there; [`TaskError::Rows`] also where the dialogue can't express a problem.
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
    /// [`TaskError::Size`] for 0, or for more than any model has room for.
    pub fn with_max_answer(self, tokens: usize) -> Result<Self, TaskError> {
        if !(1..=MAX_ANSWER).contains(&tokens) {
            return Err(TaskError::Size { name: "max_answer", expected: "within 1..=1048576", got: tokens.to_string() });
        }
        Ok(Self { max_answer: tokens, ..self })
    }

    /// No problem at all, for those that a person types: both splits are empty.
    pub fn without_problems(dialogue: Arc<dyn Dialogue>) -> Self {
        Self::empty("typed".into(), dialogue, Arc::new(Exact::default()))
    }

    fn empty(name: String, dialogue: Arc<dyn Dialogue>, verifier: Arc<dyn TextVerifier>) -> Self {
        let (conversations, train, held_out) = (Vec::new(), Vec::new(), Vec::new());
        let (unjudged, not_answers, not_solutions, not_taught) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (longest_prompt, longest_answer, max_answer, duplicates, worked) = (0, 0, 1, 0, 0);
        Self {
            name,
            dialogue,
            verifier,
            seen: Seen::default(),
            conversations,
            train,
            held_out,
            longest_prompt,
            longest_answer,
            max_answer,
            duplicates,
            unjudged,
            not_answers,
            not_solutions,
            not_taught,
            worked,
        }
    }

    fn read(
        path: &Path,
        held_out: Option<&Path>,
        layout: &Layout,
        dialogue: impl FnOnce(&[Entry]) -> Result<Arc<dyn Dialogue>, String>,
    ) -> Result<Self, TaskError> {
        let verifier = layout.verifier.build()?;
        let Entries { list, duplicates, left_out, .. } = Entries::read(path, held_out, layout, verifier.as_ref())?;
        let whole = |reason: String| TaskError::from(RowsError::File { path: path.into(), reason });
        let name = path.file_stem().map_or_else(|| "file".into(), |stem| stem.to_string_lossy().into_owned());
        let dialogue = dialogue(&list).map_err(whole)?;
        let seen = Seen::of(&layout.verifier, dialogue.tokenizer());
        let mut task = Self { duplicates, seen, ..Self::empty(name, dialogue, verifier) };
        let file = |split| held_out.filter(|_| split == Split::HeldOut).unwrap_or(path);
        // Of two files, each says its name.
        let named = |split, place| match (held_out, file(split).file_name()) {
            (Some(_), Some(name)) => format!("{}, {place}", name.to_string_lossy()),
            _ => format!("{place}"),
        };
        let order = |split, place| (held_out.is_some() && split == Split::HeldOut, place);
        let mut unjudged = Vec::new();
        for LeftOut { place, split, reference, because } in left_out {
            unjudged.push((order(split, place), Doubtful { place: named(split, place), reference, because }));
        }
        for entry in list {
            let (split, place) = (entry.split, entry.place);
            let added =
                task.add(entry, named(split, place), layout).map_err(|error| place.error(file(split), error.to_string()))?;
            unjudged.extend(added.map(|doubtful| (order(split, place), doubtful)));
        }
        unjudged.sort_by_key(|(order, _)| *order);
        task.unjudged = unjudged.into_iter().map(|(_, doubtful)| doubtful).collect();
        task.settle(held_out.is_some(), layout).map_err(whole)?;
        Ok(task)
    }

    /// Puts a problem into its split, unless nothing can be judged by its reference.
    fn add(&mut self, entry: Entry, place: String, layout: &Layout) -> Result<Option<Doubtful>, TaskError> {
        let reference = match without_end(self.dialogue.tokenizer().encode(&entry.answer)?, self.dialogue()) {
            Ok(reference) => reference,
            Err(because) => return Ok(Some(Doubtful { place, reference: entry.answer, because })),
        };
        let solution = Arc::new(self.solution(&reference));
        let problem = self.problem_of(self.conversations.len() as u32, &entry.prompt, reference)?.with_solution(solution);
        let Judgement { verdict, because, .. } = self.judge(&problem, problem.reference());
        let not_an_answer = (!verdict.is_right()).then(|| {
            let comma = !layout.decimal_comma && has_decimal_comma(&entry.answer);
            let hint = if comma { "; with decimal commas, set `decimal_comma` (--decimal-comma)" } else { "" };
            Doubtful { place: place.clone(), because: format!("{because}{hint}"), reference: entry.answer }
        });
        if verdict == Verdict::Failed {
            return Ok(not_an_answer);
        }
        let problem = self.with_solution(problem, entry.solution, &place, not_an_answer.as_ref());
        self.not_answers.extend(not_an_answer);
        self.longest_prompt = self.longest_prompt.max(problem.prompt().len());
        self.longest_answer = self.longest_answer.max(problem.reference().len()).max(problem.demonstration().len());
        match entry.split {
            Split::Train => self.train.push(problem),
            Split::HeldOut => self.held_out.push(problem),
        }
        self.conversations.push(entry.prompt);
        Ok(None)
    }

    /// The problem with its worked solution, where it has one that is right. What can't be taught in its place is noted.
    fn with_solution(
        &mut self,
        problem: Problem,
        solution: Result<Option<String>, String>,
        place: &str,
        not_an_answer: Option<&Doubtful>,
    ) -> Problem {
        match self.worked_out(&problem, solution) {
            Ok(Some(ids)) => {
                self.worked += 1;
                return problem.with_demonstration(ids);
            }
            Ok(None) => self.not_taught.extend(not_an_answer.cloned()),
            Err((reference, because)) => {
                let doubtful = Doubtful { place: place.to_owned(), reference, because };
                self.not_taught.push(doubtful.clone());
                self.not_solutions.push(doubtful);
            }
        }
        problem
    }

    /// The ids of a problem's worked solution, where it has one; or its text, and why it can't be taught.
    fn worked_out(
        &self,
        problem: &Problem,
        solution: Result<Option<String>, String>,
    ) -> Result<Option<Vec<u32>>, (String, String)> {
        let Some(text) = solution.map_err(|because| (String::new(), because))? else { return Ok(None) };
        let ids = self.dialogue.tokenizer().encode(&text).map_err(|error| error.to_string());
        let ids = match ids.and_then(|ids| without_end(ids, self.dialogue())) {
            Ok(ids) => ids,
            Err(because) => return Err((text, because.replace("the reference", "the solution"))),
        };
        let judgement = self.judge(problem, &ids);
        if judgement.verdict.is_right() { Ok(Some(ids)) } else { Err((text, judgement.to_string())) }
    }

    /// Sees to it that there is something to train on and something held out.
    fn settle(&mut self, two_files: bool, layout: &Layout) -> Result<(), String> {
        self.max_answer = self.longest_answer + 1;
        let (found, unjudged) = (self.conversations.len(), self.unjudged.len());
        if let (Some(first), true) = (self.unjudged.first(), found < MIN_PROBLEMS) {
            let Doubtful { place, because, .. } = first;
            return Err(format!(
                "the verifier `{}` can judge by {found} of {} references; {place}: {because}",
                layout.verifier,
                found + unjudged
            ));
        }
        if found < MIN_PROBLEMS && two_files {
            return Err(format!(
                "and the file of held-out problems hold {found} different problems together; at least {MIN_PROBLEMS} are needed"
            ));
        }
        if found < MIN_PROBLEMS {
            return Err(format!("holds {found} different problems; at least {MIN_PROBLEMS} are needed to hold some out"));
        }
        // A small file may fall on one side by chance; of two files, neither is to be mixed with the other.
        let (empty, full) =
            if self.held_out.is_empty() { (&mut self.held_out, &mut self.train) } else { (&mut self.train, &mut self.held_out) };
        match (empty.is_empty(), two_files) {
            (true, true) => Err("this file and that of held-out problems must both hold problems that can be judged".into()),
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

    /// Rows that were left out: those without a prompt or a reference that can be read, with another answer than an earlier row has to the same prompt,
    /// or with a reference by which no answer can be judged.
    pub fn unjudged(&self) -> &[Doubtful] {
        &self.unjudged
    }

    /// References that are not right as answers, such as one without a box where answers need one. Answers can be judged by them, but a warm start
    /// can teach them only where a worked solution stands beside.
    pub fn not_answers(&self) -> &[Doubtful] {
        &self.not_answers
    }

    /// Worked solutions that the verifier does not find right, which are left out: their problems have only their references to teach.
    pub fn not_solutions(&self) -> &[Doubtful] {
        &self.not_solutions
    }

    /// What a warm start would teach wrongly: worked solutions that are not right, and references that are not right as answers and have no worked solution
    /// beside them.
    pub fn not_taught(&self) -> &[Doubtful] {
        &self.not_taught
    }

    /// Problems with a worked solution ([`Layout::solution`]).
    pub fn worked(&self) -> usize {
        self.worked
    }

    /// The problems of a split, training problems in the order of the file.
    pub fn problems(&self, split: Split) -> &[Problem] {
        match split {
            Split::Train => &self.train,
            Split::HeldOut => &self.held_out,
        }
    }

    /// What a person should know of how these problems are put to the model: [`Dialogue::notes`].
    pub fn notes(&self) -> Vec<String> {
        self.dialogue.notes(self.conversations.iter().any(|conversation| conversation.system().is_some()))
    }

    /// What a problem of the file puts to the model.
    pub fn conversation(&self, problem: &Problem) -> Option<&Conversation> {
        self.conversations.get(problem.id() as usize)
    }

    /// Most tokens of a reference or of a worked solution, the end token not counted.
    pub fn longest_answer(&self) -> usize {
        self.longest_answer
    }

    /// The verdict on an answer, and why. Control tokens, such as `<think>` or an end of turn, are left out of its text, unless the reference or a
    /// pattern of the verifier holds one: then they count in both texts.
    pub fn judge(&self, problem: &Problem, answer: &[u32]) -> Judgement {
        match problem.solution::<Solution>() {
            Some(solution) => solution.judge(self.dialogue.tokenizer(), answer),
            None => self.solution(problem.reference()).judge(self.dialogue.tokenizer(), answer),
        }
    }

    fn solution(&self, reference: &[u32]) -> Solution {
        self.seen.solution(self.dialogue.tokenizer(), reference, self.verifier.as_ref())
    }

    fn problem_of(&self, id: u32, prompt: &Conversation, reference: Vec<u32>) -> Result<Problem, TextError> {
        Problem::new(id, self.dialogue.prompt(prompt)?, reference)
            .map_err(|e| TextError::Malformed { expected: e.to_string(), got: prompt.to_string() })
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

impl MultiTurnTask for FileTask {
    fn turns(&self) -> Turns {
        let limit = AnswerLimit::Ended { ends: self.dialogue.ends(), max: self.max_answer };
        Turns::new(limit, self.dialogue.revision(), self.longest_prompt).closed_by(self.dialogue.closing())
    }

    fn shown(&self) -> &dyn Shown {
        self
    }

    fn answer_alphabet(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self.train.iter().flat_map(|problem| problem.demonstration()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The same without its problems.
    fn detached(&self) -> Option<Arc<dyn Verifier + Send + Sync>> {
        let empty = Self::empty(self.name.clone(), Arc::clone(&self.dialogue), Arc::clone(&self.verifier));
        Some(Arc::new(Self { seen: self.seen, ..empty }))
    }
}

impl Shown for FileTask {
    /// The file's name, without its ending.
    fn name(&self) -> &str {
        &self.name
    }

    /// The problem's text in the file, or its prompt's ids as text.
    fn show_prompt(&self, problem: &Problem) -> String {
        let known = self.conversation(problem).map(Conversation::to_string);
        known.unwrap_or_else(|| self.dialogue.tokenizer().decode(problem.prompt()))
    }

    fn show_answer(&self, answer: &[u32]) -> String {
        self.dialogue.tokenizer().decode_all(answer)
    }

    fn explain(&self, problem: &Problem, answer: &[u32]) -> Option<String> {
        Some(self.judge(problem, answer).to_string())
    }
}

impl TextTask for FileTask {
    fn dialogue(&self) -> &dyn Dialogue {
        self.dialogue.as_ref()
    }

    /// A problem of the file as it is shown, or any user's message.
    fn parse(&self, text: &str) -> Result<Problem, TextError> {
        let text = text.trim();
        let known = |problem: &&Problem| self.conversation(problem).is_some_and(|known| known.is_shown_as(text));
        match self.train.iter().chain(&self.held_out).find(known) {
            Some(problem) => Ok(problem.clone()),
            None => self.problem_of(u32::MAX, &text.into(), Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests;
