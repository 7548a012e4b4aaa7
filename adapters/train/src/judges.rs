//! Verdicts that may not come: of a verifier that panics, or that does not return.
//!
//! A verifier is code that this library does not know, and it is asked thousands of times. What it does not answer counts as
//! [`Verdict::Failed`], with the reason; the run goes on until too many fail (`reinforce.max_failed`).
//!
//! No thread can be stopped from outside. One that has not returned in time is left behind, and waits for its verdict alone; a run stops by name
//! ([`TrainError::Stuck`]) once [`MOST_STUCK`] do.

use std::{
    collections::VecDeque,
    fmt,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use palinode_core::{
    task::Problem,
    turns::MultiTurnTask,
    verifier::{Verdict, Verifier},
};

use crate::error::TrainError;

/// How long a verdict may take when nothing else is said.
pub const VERDICT_LIMIT: Duration = Duration::from_secs(10);

/// Threads that may be left behind at one time.
pub const MOST_STUCK: usize = 8;

/// Reasons that are remembered.
const REMEMBERED: usize = 64;

/// Threads on which verifiers are asked, and what became of those that did not answer.
pub struct Judges {
    /// None is no limit, and then no thread either.
    limit: Option<Duration>,
    idle: Mutex<Vec<Bench>>,
    stuck: Arc<AtomicUsize>,
    missing: Mutex<VecDeque<Missing>>,
}

/// A thread that does one piece of work after another, for as long as somebody holds this.
struct Bench(Sender<Work>);

type Work = Box<dyn FnOnce() + Send>;

/// A verdict that did not come.
struct Missing {
    problem: Problem,
    answer: Vec<u32>,
    reason: String,
}

impl Judges {
    /// Judges who wait so long for a verdict, and without end where there is no limit.
    pub fn new(limit: Option<Duration>) -> Self {
        Self { limit, idle: Mutex::default(), stuck: Arc::default(), missing: Mutex::default() }
    }

    /// How long a verdict may take.
    pub fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// A verifier with the task's verdicts that never panics, and returns within the limit where the task lets its verifier be asked on another
    /// thread ([`MultiTurnTask::detached`]).
    pub fn of<'a>(&'a self, task: &'a dyn MultiTurnTask) -> Judge<'a> {
        Judge { judges: self, task, detached: self.limit.and_then(|_| task.detached()) }
    }

    /// Why there is no verdict on an answer, where that was found out lately.
    pub fn reason(&self, problem: &Problem, answer: &[u32]) -> Option<String> {
        let missing = held(&self.missing);
        let found = missing.iter().rev().find(|missing| missing.problem.id() == problem.id() && missing.answer == answer);
        found.map(|missing| missing.reason.clone())
    }

    /// Ends a run that waits for too many verdicts.
    ///
    /// # Errors
    /// [`TrainError::Stuck`] when [`MOST_STUCK`] threads have been left behind.
    pub fn require_progress(&self, task: &dyn MultiTurnTask) -> Result<(), TrainError> {
        let threads = self.stuck();
        if threads < MOST_STUCK {
            return Ok(());
        }
        let missing = held(&self.missing);
        let examples: Vec<String> = missing
            .iter()
            .rev()
            .take(3)
            .map(|Missing { problem, answer, reason }| shown(task, problem, answer, &format!("failed: {reason}")))
            .collect();
        let seconds = self.limit.unwrap_or_default().as_secs_f64();
        Err(TrainError::Stuck { threads, seconds, examples: examples.join("\n") })
    }

    /// Threads that have been left behind, and still wait for a verdict.
    fn stuck(&self) -> usize {
        self.stuck.load(Ordering::SeqCst)
    }

    /// What `work` gives, or why it gives nothing within the limit.
    fn within<T: Send + 'static>(&self, limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
        let waiting = held(&self.idle).pop();
        let bench = waiting.map_or_else(Bench::new, Ok)?;
        // Whoever hands over meets whoever takes, or learns that nobody waits any more.
        let (give, take) = mpsc::sync_channel(0);
        let stuck = Arc::clone(&self.stuck);
        let work = move || {
            if give.send(caught(work)).is_err() {
                stuck.fetch_sub(1, Ordering::SeqCst);
            }
        };
        bench.0.send(Box::new(work)).map_err(|_| "its thread has ended".to_owned())?;
        match take.recv_timeout(limit) {
            Ok(found) => {
                held(&self.idle).push(bench);
                found
            }
            Err(RecvTimeoutError::Timeout) => {
                self.stuck.fetch_add(1, Ordering::SeqCst);
                Err(format!("no verdict within {} s", limit.as_secs_f64()))
            }
            Err(RecvTimeoutError::Disconnected) => Err("its thread has ended".to_owned()),
        }
    }
}

impl fmt::Debug for Judges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judges").field("limit", &self.limit).field("stuck", &self.stuck).finish_non_exhaustive()
    }
}

impl Bench {
    fn new() -> Result<Self, String> {
        let (send, receive) = mpsc::channel::<Work>();
        let work = move || receive.into_iter().for_each(|work| work());
        thread::Builder::new().name("verdict".into()).spawn(work).map_err(|error| format!("no thread for it: {error}"))?;
        Ok(Self(send))
    }
}

/// A task's verifier that always answers.
pub struct Judge<'a> {
    judges: &'a Judges,
    task: &'a dyn MultiTurnTask,
    detached: Option<Arc<dyn Verifier + Send + Sync>>,
}

impl Verifier for Judge<'_> {
    fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
        // Whoever plays is about to learn of it.
        if self.judges.stuck() >= MOST_STUCK {
            return Verdict::Failed;
        }
        let asked = match (&self.detached, self.judges.limit) {
            (Some(verifier), Some(limit)) => {
                let (verifier, problem, answer) = (Arc::clone(verifier), problem.clone(), answer.to_vec());
                self.judges.within(limit, move || verifier.verify(&problem, &answer))
            }
            _ => caught(|| self.task.verify(problem, answer)),
        };
        asked.unwrap_or_else(|reason| {
            let mut missing = held(&self.judges.missing);
            if missing.len() == REMEMBERED {
                missing.pop_front();
            }
            missing.push_back(Missing { problem: problem.clone(), answer: answer.to_vec(), reason });
            Verdict::Failed
        })
    }

    /// Together where the task is asked on this thread; one by one where each has its own time, and where they fail together, to learn which one did.
    fn verify_all(&self, asked: &[(&Problem, &[u32])]) -> Vec<Verdict> {
        let alone = self.detached.is_some() || self.judges.stuck() >= MOST_STUCK;
        let together = if alone { None } else { caught(|| self.task.verify_all(asked)).ok() };
        match together.filter(|verdicts| verdicts.len() == asked.len()) {
            Some(verdicts) => verdicts,
            None => asked.iter().map(|(problem, answer)| self.verify(problem, answer)).collect(),
        }
    }
}

/// An attempt for people, with what is said of it.
pub(crate) fn shown(task: &dyn MultiTurnTask, problem: &Problem, answer: &[u32], verdict: &str) -> String {
    let short = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect::<String>();
    let (asked, answered) = (short(task.shown().show_prompt(problem)), short(task.shown().show_answer(answer)));
    format!("  problem: {asked}\n  answer:  {answered}\n  verdict: {verdict}")
}

/// What `work` gives, or the words with which it panics.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|cause| {
        let words = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
        format!("the verifier panicked: {}", words.unwrap_or("without a message"))
    })
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use palinode_core::{
        task::{Split, Task},
        turns::{AnswerLimit, Turns},
    };

    use super::*;

    /// A judge of many answers at once, which breaks on a 9.
    #[derive(Default)]
    struct Together(AtomicUsize);

    impl Task for Together {
        fn problem(&self, _: u64, _: Split, _: u64) -> Problem {
            Problem::new(0, vec![1], vec![2]).unwrap()
        }
    }

    impl Verifier for Together {
        fn verify(&self, problem: &Problem, answer: &[u32]) -> Verdict {
            assert!(answer != [9], "a nine");
            if answer == problem.reference() { Verdict::Right } else { Verdict::Wrong }
        }

        fn verify_all(&self, asked: &[(&Problem, &[u32])]) -> Vec<Verdict> {
            self.0.fetch_add(1, Ordering::SeqCst);
            asked.iter().map(|(problem, answer)| self.verify(problem, answer)).collect()
        }
    }

    impl MultiTurnTask for Together {
        fn turns(&self) -> Turns {
            Turns::new(AnswerLimit::Fixed(1), vec![], 1)
        }
    }

    #[test]
    fn answers_are_judged_together_and_one_that_breaks_the_judge_costs_no_other_its_verdict() {
        let (task, judges) = (Together::default(), Judges::new(Some(VERDICT_LIMIT)));
        let (judge, problem) = (judges.of(&task), task.problem(0, Split::Train, 0));
        assert_eq!(judge.verify_all(&[(&problem, &[2]), (&problem, &[3])]), [Verdict::Right, Verdict::Wrong]);
        assert_eq!(task.0.load(Ordering::SeqCst), 1);
        let found = judge.verify_all(&[(&problem, &[2]), (&problem, &[9]), (&problem, &[3])]);
        assert_eq!(found, [Verdict::Right, Verdict::Failed, Verdict::Wrong]);
        assert!(judges.reason(&problem, &[9]).unwrap().ends_with("a nine"));
        assert_eq!(judges.reason(&problem, &[2]), None);
    }
}
