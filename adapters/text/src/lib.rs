#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! The contracts between text and token ids: what a task, a model folder and a training loop agree on.
//!
//! | item | what it is |
//! |---|---|
//! | [`Tokenizer`] | text to ids and back |
//! | [`Vocabulary`] | the smallest one: characters |
//! | [`Conversation`] | what is said before the first answer |
//! | [`Dialogue`] | how a conversation is put to a model, and what stands between two attempts |
//! | [`TextTask`] | a task whose problems and answers are text |

mod conversation;
mod dialogue;
mod error;
mod line;
mod text_task;
mod tokenizer;
mod vocabulary;

pub use conversation::{Conversation, Message, Role};
pub use dialogue::Dialogue;
pub use error::TextError;
pub use line::one_line;
pub use text_task::TextTask;
pub use tokenizer::Tokenizer;
pub use vocabulary::Vocabulary;
