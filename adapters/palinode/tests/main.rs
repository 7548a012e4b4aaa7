//! The binary, run as a person runs it.

mod changed_inputs;
mod cli;
mod command_line;
mod common;
mod data;
mod durable;
mod folder_runs;
mod kept_files;
mod model_folder;
mod padded_vocabulary;
mod report;
mod same_bits;
mod watch;
