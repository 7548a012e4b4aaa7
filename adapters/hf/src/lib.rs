#![doc = include_str!("../README.md")]
//!
//! # What is in it
//!
//! Model folders in Hugging Face layout, in and out.
//!
//! [`Folder::open`] reads `config.json` and the headers of all weights files and compares them, before anything is allocated;
//! [`Folder::load`] makes a [`palinode_lm::Decoder`]; [`Folder::save`] writes a trained one as a folder that `transformers` loads, with the original
//! names and types. Families: Llama 2 and 3 (SmolLM2 is one), Mistral, Qwen 2, 2.5 and 3, Gemma 2 and 3 (text), SmolLM3,
//! OLMo 2 and 3. What is not supported is refused by name.
//!
//! Everything in a folder is untrusted: sizes are checked against the files before memory is asked for, paths stay inside the folder, and
//! weights that are not finite are refused.
//!
//! | file | what it holds |
//! |---|---|
//! | [`spec`] | `config.json`, in both spellings, as a [`palinode_lm::DecoderConfig`] |
//! | `layout` | which tensors of a folder make up a parameter of the decoder |
//! | `shards` | safetensors files: headers first, then one tensor at a time |
//! | `gguf` | a GGUF file in the place of a folder |
//! | `weights` | where tensors come from: either |
//! | `folder`, `save` | the whole folder, in and out |
//! | `whole` | what is replaced, and how a folder is whole at any time |
//! | `foreign` | what is given as a model, an adapter or a tokenizer and is none |
//! | `adapter` | adapters in PEFT's layout, in and out |
//! | `rounding` | what a folder's types lose of what an adapter adds |
//! | `tokenizer` | `tokenizer.json`, bounded before it is parsed |
//! | `special`, `class` | special tokens by name and added tokens; what transformers 5 reads otherwise |
//! | `template`, `jinja`, `python_json`, `python_text` | chat templates, with a limit on what they may do |
//! | `chat` | the ids of a prompt, and those between two attempts |

mod adapter;
mod chat;
mod class;
mod error;
mod fields;
mod folder;
mod foreign;
mod gguf;
mod jinja;
mod layout;
mod python_json;
mod python_text;
mod rounding;
mod save;
mod shards;
pub mod spec;
mod special;
mod template;
mod tokenizer;
mod weights;
mod whole;

pub use adapter::{Adaptation, save_adapters};
pub use chat::{Chat, ChatConfig};
pub use error::HfError;
pub use folder::Folder;
pub use gguf::header_length;
pub use rounding::{Rounding, RoundingLoss};
pub use template::{Template, Variables};
pub use tokenizer::FolderTokenizer;
pub use whole::{may_be_written, remove_written};

pub use jiff::civil::Date;
