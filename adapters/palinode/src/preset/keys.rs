//! What is said about each key.

use super::Preset::{self, File, Folder, Ledger, Smollm2, Sorting};

/// A table of the file.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) comment: &'static str,
    pub(super) presets: &'static [Preset],
    pub(super) keys: &'static [Key],
}

/// A key of a table.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) comment: &'static str,
    /// A value, in TOML, for a key that has none.
    pub(super) example: &'static str,
    pub(super) presets: &'static [Preset],
}

const ALL: &[Preset] = &Preset::ALL;
/// A new model.
const NEW: &[Preset] = &[Ledger, Sorting, File];
/// A built-in task.
const TASKS: &[Preset] = &[Ledger, Sorting];
/// Problems of a file.
const FILES: &[Preset] = &[File, Folder, Smollm2];
/// A model of somebody else's.
const FOLDERS: &[Preset] = &[Folder, Smollm2];

const fn key(name: &'static str, comment: &'static str) -> Key {
    Key { name, comment, example: "", presets: ALL }
}

impl Key {
    /// A key that may have no value.
    const fn such_as(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    /// A key of these runs alone.
    const fn of(self, presets: &'static [Preset]) -> Self {
        Self { presets, ..self }
    }
}

pub(super) const SECTIONS: &[Section] = &[
    Section { name: "task", comment: "Where problems come from.", presets: ALL, keys: TASK },
    Section { name: "model", comment: "Sizes of the new model.", presets: NEW, keys: MODEL },
    Section { name: "pretrained", comment: "The model that the run starts from.", presets: FOLDERS, keys: PRETRAINED },
    Section {
        name: "pretrained.lora",
        comment: "Low-rank adapters, trained instead of the weights. Leave this section out, and all weights are trained.",
        presets: FOLDERS,
        keys: LORA,
    },
    Section { name: "pretrained.chat", comment: "What is said besides the problem.", presets: FOLDERS, keys: CHAT },
    Section { name: "train", comment: "The training.", presets: ALL, keys: TRAIN },
    Section {
        name: "train.warm",
        comment: "The supervised start of the new model, in three phases: it learns to answer, to correct its own answers, and to copy them as a habit.",
        presets: NEW,
        keys: WARM,
    },
    Section {
        name: "train.supervised",
        comment: "A warm start for a model that can talk: supervised steps on the problems' references, or on worked solutions where the file has them. What it \
            leaves is the base that all else is compared with.",
        presets: FOLDERS,
        keys: SUPERVISED,
    },
    Section { name: "train.checks", comment: "What is looked at before the first step.", presets: ALL, keys: CHECKS },
    Section {
        name: "train.reinforce",
        comment: "Reinforcement learning: Stage I, then Stage II.",
        presets: ALL,
        keys: REINFORCE,
    },
    Section { name: "train.evaluation", comment: "Greedy evaluation on held-out problems.", presets: ALL, keys: EVALUATION },
    Section {
        name: "machine",
        comment: "What the run runs on. A run may go on on another machine.",
        presets: ALL,
        keys: MACHINE,
    },
    Section {
        name: "checkpoints",
        comment: "When the run's state is stored, besides the end of each stage. No number depends on it.",
        presets: ALL,
        keys: CHECKPOINTS,
    },
];

const TASK: &[Key] = &[
    key("name", "`ledger`, `sorting`, or `file` for problems of your own."),
    key("data", "The problems, in JSONL, CSV, TSV or Parquet; `palinode data FILE` looks at them.").such_as("\"problems.jsonl\"").of(FILES),
    key("held_out", "Another file, whose problems are held out. Without it, a fifth of `data` is.").such_as("\"held-out.jsonl\"").of(FILES),
    key("layout", "Fields and verifier of a known layout: `plain`, `gsm8k`, `math`, `verl`, `trl`, `openai` or `reasoning-gym`. Without it, `plain`: fields `prompt` and `answer`.")
        .such_as("\"plain\"")
        .of(FILES),
    key("prompt_field", "The field of the prompt, where it is not the layout's; such as `extra.question`.").such_as("\"prompt\"").of(FILES),
    key("answer_field", "The field of the reference answer, where it is not the layout's.").such_as("\"answer\"").of(FILES),
 key("solution_field", "The field of a worked solution, which a warm start teaches, where it is not the layout's (`plain` reads `solution`).").such_as("\"solution\"").of(FILES),
    key("decimal_comma", "Whether reference answers have numbers as in 1.234,5.").such_as("true").of(FILES),
    key(
        "max_answer",
        "Most tokens of one answer. Without it, what the longest reference needs, or with a model folder 256 where its context has room for them.",
    )
    .such_as("256")
    .of(FILES),
    key(
        "verifier",
        "What judges answers, where it is not the layout's: kind exact, numeric, gsm8k, boxed, math, choice, pattern, json, all or weighted; \
         `palinode verify` tries one.",
    )
    .such_as("{ kind = \"numeric\", relative = 0.01 }")
    .of(FILES),
    key("digits", "Digits of a problem.").of(TASKS),
    key("zero_probability", "Probability that a digit is zero.").of(&[Ledger]),
];

const MODEL: &[Key] = &[
    key("width", "Width of the residual stream; a multiple of the heads."),
    key("layers", "Blocks."),
    key("heads", "Query heads."),
    key("kv_heads", "Key and value heads. Without it, as many as query heads.").such_as("2"),
    key("feed_forward", "Inner width of the feed-forward block. Without it, 8/3 of the width.").such_as("256"),
    key("context", "Longest context in tokens. Without it, what the task needs.").such_as("64"),
    key("tied", "Whether the output matrix is the embedding."),
];

const PRETRAINED: &[Key] = &[
    key("path", "The model: a folder with config.json, tokenizer.json and safetensors, or a GGUF file."),
    key("source", "Where the folder came from, on the Hugging Face Hub: fetched from there when it is missing (builds with `--features hub`).")
        .such_as("\"owner/name@commit\""),
    key("dtype", "Type that weights are held in: `f32`, `bf16`, or `auto` for bf16 on a GPU that computes with it and f32 elsewhere."),
    key("gradient_checkpointing", "Whether activations are computed again instead of held: less memory, more time, the same up to rounding."),
];

const LORA: &[Key] = &[
    key("rank", "Inner width of an adapter; this has no default."),
    key("alpha", "Numerator of the adapters' scale, alpha / rank. Without it, twice the rank.").such_as("32.0"),
    key("dropout", "Share of an adapter's inputs dropped in training."),
    key("targets", "Projections with adapters. Without it, all.").such_as("[\"q_proj\", \"v_proj\"]"),
    key("layers", "Blocks with adapters, such as `last 10`, or by number from 0 such as `20..30` or `0,4..8`. Without it, all.")
        .such_as("\"last 10\""),
];

const CHAT: &[Key] = &[
    key("system", "A system message, where the template has one.").such_as("\"You are a careful mathematician.\""),
    key(
        "revision",
        "What is asked between two attempts; it must not tell whether the first was right. `answer` and `code` stand for texts of ours.",
    ),
    key("variables", "Further variables of the chat template.").such_as("{ enable_thinking = false }"),
    key("today", "The date that the template is told: a run is not to depend on the day it is read on."),
];

const TRAIN: &[Key] = &[
    key("seed", "Seed of everything random."),
    key(
        "arm",
        "What to train with: `score` is the method; `naive`, `single-turn`, `joint`, `stage-two-only` and `no-shaping` are controls to compare with.",
    ),
    key("attempts", "Attempts an episode, at least 2."),
];

const WARM: &[Key] = &[
    key("steps_corrupted", "Most steps of phase 1, on corrupted first attempts."),
    key("target_accuracy", "Phase 1 ends when the greedy accuracy of attempt 1 on training problems reaches this fraction."),
    key("check_every", "Steps between two checks of a phase's target."),
    key("steps_sampled", "Most steps of phase 2, on first attempts that the model sampled itself."),
    key("target_fix", "Phase 2 ends when, sampled on training problems, this fraction of wrong first attempts is taken back."),
    key("steps_habit", "Steps of phase 3, which makes a habit of copying."),
    key("sequences", "Sequences a step."),
    key("learning_rate_corrupted", "Learning rate of phase 1, after it has risen."),
    key("learning_rate_sampled", "Learning rate of phases 2 and 3."),
    key("rise", "Steps over which the learning rate rises."),
    key("weight_decay", "AdamW's weight decay."),
    key("corrupted_tokens", "Expected number of wrong tokens in a corrupted attempt."),
    key("copy_corrupted", "Phase 1: share of second attempts that copy the first."),
    key("copy_sampled", "Phase 2: share of second attempts that copy the first; the rest are right."),
    key("copy_habit", "Phase 3: the same. Far above one half, so that the base model copies when it is greedy."),
];

const SUPERVISED: &[Key] = &[
    key("steps", "Most steps; 0 for none."),
    key("target_accuracy", "It ends when sampled first attempts at training problems are right in this share."),
    key("check_every", "Steps between two checks of that."),
    key("check_problems", "Training problems of a check."),
    key("sequences", "Examples a step."),
    key("corrections", "Share of examples in which the model sees a wrong attempt of its own and learns to correct it."),
    key("learning_rate", "AdamW's learning rate, once it has risen."),
    key("rise", "Steps over which the learning rate rises."),
];

const CHECKS: &[Key] = &[
    key(
        "signal",
        "Whether the base's samples are looked at for something to learn from, on as many episodes as two steps have, and no more than 512.",
    ),
    key("rehearsal", "Whether the largest micro-batch is tried, so that what does not fit into memory shows at once."),
];

const REINFORCE: &[Key] = &[
    key("steps_one", "Steps of Stage I."),
    key("steps_two", "Steps of Stage II; arms without Stage I run both numbers here."),
    key("problems", "Problems a step."),
    key("samples", "Episodes a problem, at least 2."),
    key(
        "micro_batch",
        "Episodes scored together: fewer need less memory, and the loss does not depend on it (but for dropout, whose masks are drawn for each).",
    ),
    key("learning_rate", "AdamW's learning rate, once it has risen."),
    key(
        "schedule",
        "What the learning rate does over the steps of each stage, once it has risen: `constant`, `cosine` or `linear`.",
    ),
    key("rise", "Steps at the start of each stage over which the learning rate rises."),
    key("floor", "What the learning rate falls to, as a share of itself."),
    key("temperature", "Sampling temperature, also applied in scoring."),
    key("alpha", "Weight α of the progress bonus, which pays attempt 2 for what it gains over attempt 1."),
    key("beta1", "β₁: weight of the KL divergence from the base model, on trained attempts."),
    key("beta2", "β₂: the same in Stage I on earlier attempts, which holds them where they are."),
    key("kl", "How KL is estimated: `exact` (over the whole vocabulary), `k1`, `k2` or `k3`."),
    key("baseline", "What is subtracted from returns: `leave-one-out`, `group-mean` or `conditioned-on-first`."),
    key(
        "scale_advantages",
        "Whether advantages are divided by their standard deviation. It cancels the weight of the progress bonus.",
    ),
    key("max_failed", "Share of a step's attempts on which the verifier may fail before the run stops."),
];

const EVALUATION: &[Key] = &[
    key("problems", "Held-out problems at the end of each stage, or all there are."),
    key("problems_between", "Held-out problems in between: the first of the same list."),
    key("every", "RL steps between two evaluations."),
];

const CHECKPOINTS: &[Key] = &[
    key("every", "Steps between two checkpoints within a stage; 0 for none."),
    key("last", "How many of those are kept, besides the best."),
];

const MACHINE: &[Key] = &[
    key("device", "The device; `palinode doctor` lists them."),
    key("threads", "Threads; 0 for one a core on the CPU, and one on a GPU. The result does not depend on it."),
    key("decode_batch", "Episodes that each thread decodes together; 0 for 32 on the CPU, and 128 on a GPU."),
    key(
        "verdict_seconds",
        "How long a verdict on problems of a file may take before it counts as failed; 0 for as long as it likes.",
    ),
    key("kernels", "Whether the CPU runs a model's passes written out, rather than one tensor operation after another."),
];
