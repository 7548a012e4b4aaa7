//! The tokenizer of a GGUF file, in and out.
//!
//! llama.cpp is the reference for what ids a text gets: its splits, its special tokens, its beginnings and ends. transformers reads some files otherwise
//! ([`Vocabulary::differences`] says which).
//!
//! | file | what it holds |
//! |---|---|
//! | `vocabulary` | what a file says, checked: `keys`, `tokens`, `merging` |
//! | `split` | how texts are cut into words before merges, by llama.cpp's names |
//! | `scores` | merges that stand for scores |
//! | `build` | a tokenizer of all that |
//! | `surroundings` | names of tokens, ends of answers, the chat template; the files of a folder |
//! | `write`, `recognise`, `battery` | the way back: from a folder's tokenizer to the keys |

mod battery;
mod build;
mod keys;
mod merging;
mod recognise;
mod scores;
mod split;
mod surroundings;
#[cfg(test)]
mod tests;
mod tokens;
mod vocabulary;
mod write;

pub(crate) use vocabulary::Vocabulary;
