//! The names of a run's files.

/// Everything that happened, but for episodes and times.
pub const METRICS: &str = "metrics.jsonl";
/// Sampled episodes, a few of every few steps.
pub const EPISODES: &str = "episodes.jsonl";
/// Fingerprints of what a run depends on, where whoever began it keeps them.
pub const INPUTS: &str = "inputs.json";
/// When things happened.
pub const TIMES: &str = "times.jsonl";
