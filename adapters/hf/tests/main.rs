//! Folders as transformers, PEFT and people write them.

mod adapters;
mod chat;
mod conversations;
mod earlier_turns;
mod families;
mod foreign;
mod gguf;
mod histories;
mod hostile;
mod jinja;
mod peft;
mod surroundings;
mod tied;
mod vocabularies;
mod whole;
