//! The architectures of llama.cpp that are families of ours, and what its converter does to their tensors.

use palinode_gguf::File;

use crate::error::HfError;

/// An architecture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Architecture {
    /// Its name in a file, with which its keys begin.
    pub(crate) name: &'static str,
    /// Our name of the family, which is `model_type` in a folder.
    pub(crate) family: &'static str,
    /// Further families that are written as this architecture.
    also: &'static [&'static str],
    /// The class in transformers.
    pub(crate) class: &'static str,
    /// Whether rows of queries and keys stand in the order of neighbouring pairs instead of halves.
    turned: bool,
    /// Whether 1 was added to norms.
    shifted: bool,
    /// Whether there are norms after attention and feed-forward, which take the names of others.
    pub(crate) post_norms: bool,
    /// Whether layers may have a window, here and in llama.cpp.
    pub(crate) windows: bool,
}

/// All of them. A row here, its keys in `config` and its tensors' names in `names` make an architecture known.
const ARCHITECTURES: [Architecture; 7] = [
    Architecture {
        name: "llama",
        family: "llama",
        also: &["mistral"],
        class: "LlamaForCausalLM",
        turned: true,
        shifted: false,
        post_norms: false,
        windows: false,
    },
    Architecture {
        name: "qwen2",
        family: "qwen2",
        also: &[],
        class: "Qwen2ForCausalLM",
        turned: false,
        shifted: false,
        post_norms: false,
        windows: false,
    },
    Architecture {
        name: "qwen3",
        family: "qwen3",
        also: &[],
        class: "Qwen3ForCausalLM",
        turned: false,
        shifted: false,
        post_norms: false,
        windows: false,
    },
    Architecture {
        name: "gemma2",
        family: "gemma2",
        also: &[],
        class: "Gemma2ForCausalLM",
        turned: false,
        shifted: true,
        post_norms: true,
        windows: true,
    },
    Architecture {
        name: "gemma3",
        family: "gemma3_text",
        also: &[],
        class: "Gemma3ForCausalLM",
        turned: false,
        shifted: true,
        post_norms: true,
        windows: true,
    },
    Architecture {
        name: "smollm3",
        family: "smollm3",
        also: &[],
        class: "SmolLM3ForCausalLM",
        turned: true,
        shifted: false,
        post_norms: false,
        windows: false,
    },
    Architecture {
        name: "olmo2",
        family: "olmo2",
        also: &["olmo3"],
        class: "Olmo2ForCausalLM",
        turned: false,
        shifted: false,
        post_norms: true,
        windows: true,
    },
];

impl Architecture {
    /// That of a file.
    ///
    /// # Errors
    /// [`HfError::Gguf`] where it has none, [`HfError::Unsupported`] for another.
    pub(crate) fn of(file: &File) -> Result<&'static Self, HfError> {
        const KEY: &str = "general.architecture";
        let name = file.metadata().text(KEY)?.ok_or_else(|| file.metadata().missing(KEY))?;
        ARCHITECTURES.iter().find(|known| known.name == name).ok_or_else(|| HfError::Unsupported {
            path: file.path().to_owned(),
            what: format!("architecture \"{name}\""),
            supported: ARCHITECTURES.map(|known| known.name).join(", "),
        })
    }

    /// That which a folder's family is written as.
    pub(crate) fn of_family(family: &str) -> Option<&'static Self> {
        ARCHITECTURES.iter().find(|known| known.family == family || known.also.contains(&family))
    }

    /// The families that can be written, for people.
    pub(crate) fn families() -> String {
        ARCHITECTURES
            .iter()
            .flat_map(|known| [known.family].into_iter().chain(known.also.iter().copied()))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// A key of this architecture.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// Whether a file lists which layers have a window; in others llama.cpp knows it by itself.
    pub(crate) fn lists_windows(&self) -> bool {
        self.name == "olmo2"
    }

    /// The heads of a tensor whose rows are in another order than in a folder; `counts` are those of queries and of keys.
    pub(crate) fn heads_in_turn(&self, name: &str, [queries, keys]: [usize; 2]) -> Option<usize> {
        if !self.turned {
            return None;
        }
        [("self_attn.q_proj.", queries), ("self_attn.k_proj.", keys)]
            .into_iter()
            .find_map(|(part, heads)| name.contains(part).then_some(heads.max(1)))
    }

    /// Whether 1 was added to a tensor.
    pub(crate) fn shifts(&self, name: &str) -> bool {
        self.shifted && name.ends_with("norm.weight")
    }
}
