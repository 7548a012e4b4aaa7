//! Work of known sizes, and the task without meaning that most of it is made of.

use palinode::{
    core::{
        rng::{RandomKey, Stream},
        task::{Problem, Split, Task},
        turns::{AnswerLimit, MultiTurnTask, Turns},
        verifier::{Verdict, Verifier},
    },
    lm::{DecoderConfig, LoraConfig},
    setup::SetupError,
    tasks::Ledger,
    text::{Dialogue, TextTask, Vocabulary},
    train::{TrainError, config::TrainConfig, play::context},
};

/// Work of a known size: a task and a model for it.
pub(crate) struct Work {
    pub(super) name: &'static str,
    pub(super) task: Box<dyn MultiTurnTask>,
    pub(super) sizes: DecoderConfig,
    /// Adapters, where these alone are trained.
    pub(super) lora: Option<LoraConfig>,
    pub(super) train: TrainConfig,
}

impl Work {
    /// Names of the presets.
    pub(super) const NAMES: [&str; 4] = ["ledger", "small", "smollm2-135m", "qwen2-0.5b"];

    /// `ledger`: the embedded default, 0.2 M parameters and 26 tokens an episode. `small`: 6 layers of width 256, 8 heads, a vocabulary of 4096, 256
    /// tokens an episode. `smollm2-135m`: the sizes of SmolLM2 135M; prompts of 64 tokens, a revision instruction of 32 and answers of 32, 160 tokens an
    /// episode. `qwen2-0.5b`: the sizes of Qwen2 0.5B, 256 tokens an episode. `episodes` are played in groups of 8.
    ///
    /// # Errors
    /// [`SetupError::Settings`] for another name, or for episodes that make no groups.
    pub(crate) fn preset(name: &str, episodes: usize) -> Result<Self, SetupError> {
        let mut train = TrainConfig::default();
        let samples = train.reinforce.samples;
        if episodes == 0 || !episodes.is_multiple_of(samples) {
            return Err(SetupError::Settings(format!(
                "--episodes must be a multiple of {samples}, the episodes of a group; got {episodes}"
            )));
        }
        train.reinforce.problems = episodes / samples;
        if name != "ledger" {
            train.reinforce.micro_batch = 8;
        }
        let (name, task, sizes): (_, Box<dyn MultiTurnTask>, _) = match name {
            "ledger" => {
                let task = Ledger::new(8, 0.6)?;
                let context = context(&task, train.attempts).map_err(TrainError::from)?;
                let sizes = DecoderConfig::small(task.dialogue().tokenizer().len(), 96, 2, 4, context);
                ("ledger", Box::new(task), sizes)
            }
            "small" => ("small", Box::new(Recital::new(4096, [67, 1, 94])), DecoderConfig::small(4096, 256, 6, 8, 256)),
            "smollm2-135m" => ("smollm2-135m", Box::new(Recital::new(49_152, [64, 32, 32])), smollm2_135m()),
            "qwen2-0.5b" => ("qwen2-0.5b", Box::new(Recital::new(151_936, [67, 1, 94])), qwen2_half_b()),
            other => {
                return Err(SetupError::Settings(format!("no preset is called `{other}`; there are {}", Self::NAMES.join(", "))));
            }
        };
        Ok(Self { name, task, sizes, lora: None, train })
    }

    /// The same work, so many episodes scored together: what is fast depends on the device.
    pub(crate) fn with_micro_batch(mut self, episodes: usize) -> Self {
        self.train.reinforce.micro_batch = episodes.max(1);
        self
    }

    /// The same work, where adapters of this rank on all projections are trained and all else is frozen.
    pub(crate) fn with_adapters(self, rank: usize) -> Self {
        Self { lora: Some(LoraConfig::on_all(rank)), ..self }
    }
}

fn smollm2_135m() -> DecoderConfig {
    DecoderConfig {
        kv_heads: 3,
        feed_forward: 1536,
        rope_base: 1e5,
        norm_epsilon: 1e-5,
        tied: true,
        ..DecoderConfig::small(49_152, 576, 30, 9, 160)
    }
}

fn qwen2_half_b() -> DecoderConfig {
    DecoderConfig {
        kv_heads: 2,
        feed_forward: 4864,
        rope_base: 1e6,
        tied: true,
        qkv_bias: true,
        ..DecoderConfig::small(151_936, 896, 24, 14, 256)
    }
}

/// A task without meaning: random ids, answered by a fixed number of them. An answer is right when its first id is even.
#[derive(Debug)]
struct Recital {
    vocabulary: Vocabulary,
    prompt: usize,
    revision: Vec<u32>,
    answer: usize,
}

impl Recital {
    /// Ids in all; tokens of a prompt, of the revision instruction and of an answer.
    fn new(ids: usize, [prompt, revision, answer]: [usize; 3]) -> Self {
        let characters: String = ('\u{4e00}'..).take(ids - 3).collect();
        let vocabulary = Vocabulary::from_texts([characters.as_str()]);
        let filler = 0..vocabulary.answer();
        let revision = filler.take(revision - 1).chain(vocabulary.revision()).collect();
        Self { vocabulary, prompt, revision, answer }
    }
}

impl Task for Recital {
    fn problem(&self, seed: u64, split: Split, index: u64) -> Problem {
        let key = RandomKey {
            problem: index as u32,
            attempt: u8::from(split == Split::HeldOut),
            ..RandomKey::new(seed, Stream::Problems)
        };
        let draw = |token| RandomKey { token, ..key }.below(self.vocabulary.answer());
        let ids = (1..self.prompt as u32).map(draw).chain([self.vocabulary.answer()]).collect();
        Problem::new(index as u32, ids, vec![0; self.answer]).expect("a prompt ends with the answer token, so it is not empty")
    }
}

impl Verifier for Recital {
    fn verify(&self, _: &Problem, answer: &[u32]) -> Verdict {
        if answer.first().is_some_and(|id| id.is_multiple_of(2)) { Verdict::Right } else { Verdict::Wrong }
    }
}

impl MultiTurnTask for Recital {
    fn turns(&self) -> Turns {
        Turns::new(AnswerLimit::Fixed(self.answer), self.revision.clone(), self.prompt)
    }
}

#[cfg(test)]
mod tests {
    use palinode::lm::Decoder;

    use super::*;

    #[test]
    fn presets_have_the_sizes_that_they_name() {
        let device = palinode::device::open("flex").unwrap().device;
        let numbers = Work::NAMES.map(|name| {
            let sizes = Work::preset(name, 8).unwrap().sizes;
            Decoder::parameters(&sizes, &device).unwrap().iter().map(|found| found.shape.iter().product::<usize>()).sum::<usize>()
        });
        // The last two are what the models' own weight files hold: SmolLM2-135M and Qwen2-0.5B.
        assert_eq!(numbers, [224_160, 6_843_648, 134_515_008, 494_032_768]);
    }

    #[test]
    fn episodes_are_as_long_as_the_context() {
        for name in Work::NAMES {
            let work = Work::preset(name, 8).unwrap();
            let tokens = context(work.task.as_ref(), work.train.attempts).unwrap();
            assert_eq!(tokens, work.sizes.context, "{name}");
        }
    }
}
