//! A sampled episode, made fit for a terminal.

use palinode::{report::changed, train::arm::StageName, train::event::Episode};

use super::{super::failure::clean, track::MAX_ATTEMPTS};

/// An episode as it is shown.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// From 0, in the order in which episodes came.
    pub(super) number: u64,
    pub(super) stage: StageName,
    pub(super) step: usize,
    pub(super) problem: u32,
    pub(super) prompt: String,
    pub(super) reference: String,
    pub(super) attempts: Vec<Attempt>,
    /// Which characters of the first and of the last attempt the other lacks, once that was worked out.
    pub(super) marks: Option<[Vec<bool>; 2]>,
}

/// One attempt of it.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) text: String,
    pub(super) verdict: String,
}

impl Shown {
    pub(super) fn new(number: u64, episode: &Episode) -> Self {
        let attempts = episode.attempts.iter().take(MAX_ATTEMPTS);
        Self {
            number,
            stage: episode.stage,
            step: episode.step,
            problem: episode.problem,
            prompt: shown(&episode.prompt, MAX_TEXT),
            reference: shown(&episode.reference, MAX_TEXT),
            attempts: attempts
                .map(|attempt| Attempt { text: shown(attempt.text.trim_end(), MAX_TEXT), verdict: shown(&attempt.verdict, 20) })
                .collect(),
            marks: None,
        }
    }

    /// The first attempt and the last, where there are two.
    pub(super) fn ends(&self) -> Option<[&Attempt; 2]> {
        match self.attempts.as_slice() {
            [first, .., last] => Some([first, last]),
            _ => None,
        }
    }

    /// Works out what differs, once.
    pub(super) fn compare(&mut self) {
        if self.marks.is_none() {
            self.marks = self.ends().map(|[first, last]| [changed(&last.text, &first.text), changed(&first.text, &last.text)]);
        }
    }
}

/// Text that a terminal shows as it is, of at most `max` characters. Characters of no width join the one before them, two at most.
pub(super) fn shown(text: &str, max: usize) -> String {
    let mut out = String::new();
    let (mut characters, mut joined) = (0, 0);
    for character in text.chars() {
        joined = if width(character) == 0 && character != '\n' { joined + 1 } else { 0 };
        if joined > 2 {
            continue;
        }
        if characters == max {
            out.push('…');
            break;
        }
        characters += 1;
        out.push(if character == '\t' { ' ' } else { character });
    }
    clean(&out)
}

/// Columns that a character takes.
pub(super) fn width(character: char) -> usize {
    unicode_width::UnicodeWidthChar::width(character).unwrap_or(0)
}

/// A text of an episode is cut here, in characters.
const MAX_TEXT: usize = 4000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_can_steer_a_terminal() {
        let hostile = "a\x1b[2J\x1b]0;title\x07\u{9b}31m\u{202e}b\tc\r\nd";
        let text = shown(hostile, 100);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(!text.contains('\u{202e}') && text.contains("b c") && text.ends_with("\nd"), "{text:?}");
    }

    #[test]
    fn long_texts_and_piles_of_accents_are_cut() {
        assert_eq!(shown(&"x".repeat(1 << 20), 10), format!("{}…", "x".repeat(10)));
        assert_eq!(shown(&format!("e{}f", "\u{301}".repeat(1 << 20)), 10), "e\u{301}\u{301}f");
        assert_eq!(shown("äöü", 3), "äöü");
    }
}
