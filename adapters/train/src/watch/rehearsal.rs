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

        let (turns, limit) = (config.turns(), config.limit());
        let (stop, verdict) = match limit.closing() {
            None => (StopReason::FixedLength, Verdict::Wrong),
            Some(_) => (StopReason::Truncated, Verdict::Truncated),
        };
        let attempt = || Attempt::new(vec![0; limit.max_tokens()], vec![0.0; limit.max_tokens()], stop, verdict);
        let attempts = (0..config.attempts()).map(|_| attempt()).collect::<Result<Vec<_>, _>>()?;
        let episode = Trajectory::new(prompt.clone(), turns.revision().to_vec(), attempts)?.closed_by(turns.closing());
        let episodes = vec![&episode; rl.micro_batch.min(rl.problems * rl.samples)];
        let advantages = vec![1.0; episodes.len() * config.attempts()];
        self.workers.map(&threads, |&place| {
            let part = MicroBatch { place, episodes: &episodes, advantages: &advantages };
            self.micro_batch(&model.clone().train(), &part, episodes.len());
        });
        Ok(Rehearsal { episodes: episodes.len(), tokens: episode.tokens().len() })
    }
}

#[cfg(test)]
mod tests {
    use palinode_lm::{Decoder, DecoderConfig};
    use palinode_tasks::{FileTask, Layout, Ledger};
    use palinode_text::TextTask;

    use crate::{config::TrainConfig, gradient::workers::Workers, play::context, trainable::fingerprint};

    use super::*;

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
            // What does not fit is found here, and not in the first step.
            let tight = Decoder::new(&DecoderConfig { context: longest - 1, ..sizes }, 1, &device).unwrap();
            assert!(matches!(steps.rehearse(&tight), Err(TrainError::Core(_))));
        }
    }
}
