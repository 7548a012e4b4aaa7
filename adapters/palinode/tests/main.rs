//! The binary, run as a person runs it.

mod changed_inputs;
mod cli;
mod command_line;
mod data;
mod durable;
mod folder_runs;
mod gguf;
mod invoke;
mod kept_files;
mod model_folder;
mod padded_vocabulary;
mod report;
mod same_bits;
mod three_commands;
mod warm_start;
mod watch;
