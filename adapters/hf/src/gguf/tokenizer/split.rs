//! How texts are cut into words before any merge, by the names that llama.cpp has for it.
//!
//! Source: `llama-vocab.cpp` and `unicode.cpp` of llama.cpp, as in the package llama-cpp-python 0.3.36. Where its expressions ignore case, both cases are
//! written out here as there: with `(?i:'s)` a long s would count too.

use serde_json::{Value, json};

/// A rule that cuts texts, under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Split {
    /// The name in `tokenizer.ggml.pre`.
    pub(crate) name: &'static str,
    /// The rule itself.
    pub(crate) cut: Cut,
    /// Whether a word that is a token is taken whole, whatever the merges say.
    pub(crate) whole_words: bool,
    /// Whether a text begins with the token of beginnings where the file doesn't say.
    pub(crate) begins: bool,
}

/// A rule that cuts texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Words, numbers and the rest, as GPT-2 does.
    Words,
    /// Every digit by itself, then as GPT-2.
    DigitsAndWords,
    /// As Llama 3: numbers by threes.
    Threes,
    /// As Qwen 2: every digit by itself, line breaks with what stands before them.
    Lines,
    /// What llama.cpp does without a name: punctuation first, then as GPT-2, then numbers by threes.
    Default,
}

/// The names that are accepted; of those with the same flags, the first is the one that is written.
const SPLITS: [Split; 12] = [
    of("smollm", Cut::DigitsAndWords),
    of("gpt-2", Cut::Words),
    of("olmo", Cut::Words),
    Split { name: "llama-bpe", cut: Cut::Threes, whole_words: true, begins: true },
    Split { name: "llama3", cut: Cut::Threes, whole_words: true, begins: true },
    Split { name: "llama-v3", cut: Cut::Threes, whole_words: true, begins: true },
    Split { name: "falcon3", cut: Cut::Threes, whole_words: true, begins: true },
    of("smaug-bpe", Cut::Threes),
    of("dbrx", Cut::Threes),
    of("qwen2", Cut::Lines),
    of("deepseek-r1-qwen", Cut::Lines),
    of("default", Cut::Default),
];

const fn of(name: &'static str, cut: Cut) -> Split {
    Split { name, cut, whole_words: false, begins: false }
}

impl Split {
    /// The rule of a name; that of no name is `default`, as in llama.cpp.
    ///
    /// # Errors
    /// Which names are accepted.
    pub(crate) fn named(name: Option<&str>) -> Result<Self, String> {
        let name = name.unwrap_or("default");
        SPLITS.into_iter().find(|split| split.name == name).ok_or_else(|| {
            let accepted: Vec<&str> = SPLITS.iter().map(|split| split.name).collect();
            format!("is {name:?}; accepted are {}", accepted.join(", "))
        })
    }

    /// The rule that cuts so, under the name that is written.
    pub(crate) fn cutting(cut: Cut, whole_words: bool) -> Option<Self> {
        SPLITS.into_iter().find(|split| split.cut == cut && split.whole_words == whole_words)
    }
}

impl Cut {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Words, Self::DigitsAndWords, Self::Threes, Self::Lines, Self::Default];

    /// The pre-tokenizer of the `tokenizers` library that cuts so, and writes bytes as characters.
    pub(crate) fn pre_tokenizer(self) -> Value {
        let bytes =
            |words: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": words});
        let at = |pattern: &str| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
        let all = |steps: &[Value]| json!({"type": "Sequence", "pretokenizers": steps});
        match self {
            Self::Words => bytes(true),
            Self::DigitsAndWords => all(&[json!({"type": "Digits", "individual_digits": true}), bytes(true)]),
            Self::Threes => all(&[at(THREES), bytes(false)]),
            Self::Lines => all(&[at(LINES), bytes(false)]),
            Self::Default => all(&[at(r"[\p{P}$+<=>^~|]+"), at(WORDS), at(r"\p{N}+"), at("[0-9][0-9][0-9]"), bytes(false)]),
        }
    }
}

pub(super) const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const THREES: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const LINES: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
