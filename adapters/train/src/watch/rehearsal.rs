//! The largest pieces of work of a run, before its first step: what does not fit into memory shows at once, and not after hours.

use palinode_core::{
    attempt::{Attempt, StopReason},
    trajectory::Trajectory,
    verifier::Verdict,
};

use crate::{
    error::TrainError,
    reinforce::{MicroBatch, Reinforce},
    trainable::Trainable,
};

/// How large the largest piece of work is that a run tries before its first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rehearsal {
    /// Episodes of a micro-batch.
    pub episodes: usize,
    /// Tokens of each: as many as any can have.
    pub tokens: usize,
}

impl<M: Trainable> Reinforce<'_, M> {
    /// Tries the largest piece of work of a step on every thread at once: makes room for the episodes that it decodes together, and then differentiates a micro-batch, all of them as long as
    /// can be. Nothing is learned, and no random number is drawn.
    ///
    /// # Errors
    /// [`TrainError::Core`] when such episodes can't be laid out.
    pub fn rehearse(&self, model: &M) -> Result<Rehearsal, TrainError> {
        let (config, rl) = (&self.rollout, &self.config.reinforce);
        let prompt = vec![0; config.turns().max_prompt().max(1)];
        let capacity = config.capacity(prompt.len());
        let problems = (self.workers.decode_batch() / rl.samples).clamp(1, rl.problems);
        let threads: Vec<usize> = (0..self.workers.threads()).collect();
        let prompts = vec![prompt.as_slice(); problems];
        let started = self.workers.map(&threads, |_| model.make_room(&prompts, rl.samples, capacity));
        started.into_iter().collect::<Result<(), _>>()?;

        let episodes = (0..rl.micro_batch.min(rl.problems * rl.samples)).map(|i| self.longest([i / rl.samples, i % rl.samples]));
        let episodes = episodes.collect::<Result<Vec<_>, _>>()?;
        let episodes: Vec<&Trajectory> = episodes.iter().collect();
        let advantages = vec![1.0; episodes.len() * config.attempts()];
        self.workers.map(&threads, |&place| {
            let part = MicroBatch { place, episodes: &episodes, advantages: &advantages, frozen: None };
            self.micro_batch(&model.clone().train(), &part, episodes.len());
        });
        Ok(Rehearsal {
            episodes: episodes.len(),
            tokens: episodes.iter().map(|episode| episode.tokens().len()).max().unwrap_or(0),
        })
    }

    /// An episode as long as can be, of a problem and a sample: those of one problem have its prompt in common and nothing else, those of two nothing.
    fn longest(&self, [problem, sample]: [usize; 2]) -> Result<Trajectory, TrainError> {
        let (turns, limit) = (self.rollout.turns(), self.rollout.limit());
        let (stop, verdict) = match limit.closing() {
            None => (StopReason::FixedLength, Verdict::Wrong),
            Some(_) => (StopReason::Truncated, Verdict::Truncated),
        };
        let tokens = limit.max_tokens();
        let attempt = |_| Attempt::new(numbered(sample, tokens, self.vocabulary), vec![0.0; tokens], stop, verdict);
        let attempts = (0..self.rollout.attempts()).map(attempt).collect::<Result<Vec<_>, _>>()?;
        let prompt = numbered(problem, turns.max_prompt().max(1), self.vocabulary);
        Ok(Trajectory::new(prompt, turns.revision().to_vec(), attempts)?.closed_by(turns.closing()))
    }
}

/// So many ids that begin with the digits of a number in the vocabulary's base, the lowest first: of two numbers they differ at once, or where there are few
/// ids soon.
fn numbered(number: usize, length: usize, vocabulary: usize) -> Vec<u32> {
    let mut left = number;
    let mut digit = |_| {
        let digit = left % vocabulary.max(1);
        left /= vocabulary.max(1);
        digit as u32
    };
    (0..length).map(&mut digit).collect()
}

#[cfg(test)]
mod tests {
    use palinode_lm::{Decoder, DecoderConfig};
    use palinode_tasks::{FileTask, Layout, Ledger};
    use palinode_text::TextTask;

    use crate::{config::TrainConfig, gradient::workers::Workers, play::context, trainable::fingerprint};

    use super::*;

    #[test]
    fn ids_of_two_numbers_differ_as_soon_as_they_can() {
        assert_eq!(numbered(5, 3, 13), [5, 0, 0]);
        assert_eq!(numbered(5, 4, 2), [1, 0, 1, 0]);
        assert_eq!(numbered(5, 2, 1), [0, 0]);
    }

    #[test]
    fn the_longest_that_can_be_is_played_and_nothing_changes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines: Vec<String> = (0..9).map(|i| format!("{{\"prompt\": \"{i}+1\", \"answer\": \"{}\"}}", i + 1)).collect();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        let tasks: [Box<dyn TextTask>; 2] =
            [Box::new(Ledger::new(4, 0.6).unwrap()), Box::new(FileTask::load(file.path(), None, &Layout::default()).unwrap())];
        for (task, attempts) in tasks.into_iter().zip([2, 3]) {
            let mut config = TrainConfig { attempts, ..TrainConfig::default() };
            (config.reinforce.problems, config.reinforce.samples, config.reinforce.micro_batch) = (3, 2, 64);
            let longest = context(task.as_ref(), attempts).unwrap();
            let sizes = DecoderConfig::small(task.dialogue().tokenizer().len(), 16, 1, 2, longest);
            let (device, workers) = (palinode_flex::device(), Workers::new(2).unwrap());
            let model = Decoder::new(&sizes, 1, &device).unwrap();
            let (before, stages) = (fingerprint(&model), config.stages().unwrap());
            let stage = stages.last().unwrap();
            let steps = Reinforce::new(task.as_ref(), stage, &config, &model, &workers, &device).unwrap();
            assert_eq!(steps.rehearse(&model).unwrap(), Rehearsal { episodes: 6, tokens: longest });
            assert_eq!(fingerprint(&model), before);
            // A group has its prompt in common; from the first id on no other two episodes go together.
            let [[a, b], [c, _]] = [0, 1].map(|problem| [0, 1].map(|sample| steps.longest([problem, sample]).unwrap().tokens()));
            let together = |one: &[u32], other: &[u32]| one.iter().zip(other).take_while(|(one, other)| one == other).count();
            assert_eq!([together(&a, &b), together(&a, &c)], [task.turns().max_prompt(), 0]);
            // What does not fit is found here, and not in the first step.
            let tight = Decoder::new(&DecoderConfig { context: longest - 1, ..sizes }, 1, &device).unwrap();
            assert!(matches!(steps.rehearse(&tight), Err(TrainError::Core(_))));
        }
    }
}
