//! Regular expressions of `adapter_config.json`, as Python's `re` reads them.

use fancy_regex::{Regex, RegexBuilder};

/// A regular expression.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// `re.fullmatch(source, name)`.
    pub(crate) fn whole(source: &str) -> Result<Self, String> {
        Self::new(source, &format!(r"\A(?:{source})\z"))
    }

    /// `re.match(rf"(.*\.)?({source})$", name)`: how the keys of `rank_pattern` and `alpha_pattern` are matched.
    pub(crate) fn at_end(source: &str) -> Result<Self, String> {
        Self::new(source, &format!(r"\A(.*\.)?({source})\z"))
    }

    /// `re.match(rf"(^|.*\.){source}($|\..*)", name)`: how a saved module keeps adapters off.
    pub(crate) fn as_part(source: &str) -> Result<Self, String> {
        Self::new(source, &format!(r"\A(^|.*\.){source}(\z|\..*)"))
    }

    /// `re.match(rf"(?:^|.*?\.){source}\.(?P<idx>\d+)\.", name)`: where the number of a layer stands.
    pub(crate) fn before_number(source: &str) -> Result<Self, String> {
        Self::new(source, &format!(r"\A(?:^|.*?\.){source}\.(?P<idx>\d+)\."))
    }

    fn new(source: &str, whole: &str) -> Result<Self, String> {
        // What Python reads as single characters of a set.
        if let Some(part) = ["[[", "&&", "~~"].into_iter().find(|part| source.contains(part)) {
            return Err(format!("the pattern \"{source}\" holds `{part}`, which Python and Rust read differently"));
        }
        let pattern = RegexBuilder::new(whole).backtrack_limit(MOST_STEPS).build();
        pattern.map(Self).map_err(|error| format!("the pattern \"{source}\" can't be read: {error}"))
    }

    /// Whether a name matches; a pattern that takes too long to find out does not count as one that doesn't.
    pub(crate) fn matches(&self, name: &str) -> Result<bool, String> {
        self.0.is_match(name).map_err(|error| format!("a pattern can't be matched with {name}: {error}"))
    }

    /// The number that `idx` names.
    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, String> {
        let found = self.0.captures(name).map_err(|error| format!("a pattern can't be matched with {name}: {error}"))?;
        Ok(found.and_then(|found| found.name("idx").and_then(|number| number.as_str().parse().ok())))
    }
}

/// Most steps back within one name: names are short, and thousands of patterns of strangers may meet hundreds of them.
const MOST_STEPS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python 3 gives for the same (`re.match` with PEFT's frames around the pattern).
    #[test]
    fn patterns_match_as_in_python() {
        let name = "model.layers.1.self_attn.q_proj";
        for (pattern, expected) in [
            ("q_proj", true),
            ("proj", false),
            (r"layers\.1\..*", true),
            ("^model.*q_proj", true),
            ("^layers.*", false),
            ("k_proj|q_proj", true),
            (".*(?<!k)_proj", true),
        ] {
            assert_eq!(Pattern::at_end(pattern).unwrap().matches(name).unwrap(), expected, "{pattern}");
        }
        assert!(Pattern::whole("^(?!.*layers.0).*[qv]_proj$").unwrap().matches(name).unwrap());
        assert!(!Pattern::whole("q_proj").unwrap().matches(name).unwrap());
        assert!(Pattern::as_part("self_attn").unwrap().matches(name).unwrap());
        assert!(!Pattern::as_part("attn").unwrap().matches(name).unwrap());
        assert_eq!(Pattern::before_number("layers").unwrap().number(name).unwrap(), Some(1));
        assert!(Pattern::whole("(q_proj").unwrap_err().contains("can't be read"));
        assert!(Pattern::whole("[[a]").unwrap_err().contains("read differently"));
        let slow = Pattern::whole("(a|b|ab)*(?=c)").unwrap();
        assert!(slow.matches(&"ab".repeat(100)).is_err_and(|reason| reason.contains("can't be matched")));
    }
}
