//! Numbers in LaTeX within prose: `$7{,}500$`, `18\text{ eggs}`.

use std::borrow::Cow;

/// Longest piece of mathematics that may be the last number.
const MAX_SPAN: usize = 200;

/// What LaTeX writes around numbers, and the same in plain text. Longer ones come before those that they begin with.
const PLAIN: [(&str, &str); 26] = [
    ("{,}", ","),
    (",\\!", ","),
    ("\\!", ""),
    ("\\,", "\u{2009}"),
    ("{\\,}", "\u{2009}"),
    ("\\;", " "),
    ("\\:", " "),
    ("\\ ", " "),
    ("\\$", "$"),
    ("\\%", "%"),
    ("\\left", ""),
    ("\\right", ""),
    ("^{\\circ}", "°"),
    ("^\\circ", "°"),
    ("\\degree", "°"),
    ("\\times", "×"),
    ("\\cdot", "·"),
    ("\\div", "÷"),
    ("\\pm", "±"),
    ("\\leq", "≤"),
    ("\\le", "≤"),
    ("\\geq", "≥"),
    ("\\ge", "≥"),
    ("\\neq", "≠"),
    ("\\ne", "≠"),
    ("\\approx", "≈"),
];

/// Commands whose argument is text.
const TEXT: [&str; 6] = ["\\text{", "\\textbf{", "\\mathrm{", "\\mathbf{", "\\mbox{", "\\textrm{"];

/// Prose whose numbers read as in plain text.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(['\\', '{']) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    // Groups of text that are open: their braces go with them.
    let mut open = 0_usize;
    while let Some(c) = rest.chars().next() {
        if let Some(command) = TEXT.into_iter().find(|command| rest.starts_with(command)) {
            open += 1;
            rest = &rest[command.len()..];
        } else if let Some((latex, same)) = PLAIN.into_iter().find(|(latex, _)| starts_with_command(rest, latex)) {
            plain.push_str(same);
            rest = &rest[latex.len()..];
        } else {
            if c == '}' && open > 0 {
                open -= 1;
            } else {
                plain.push(c);
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    Cow::Owned(plain)
}

/// Whether a text begins with a command, and no longer one.
fn starts_with_command(text: &str, command: &str) -> bool {
    let longer =
        |rest: &str| command.ends_with(|c: char| c.is_ascii_alphabetic()) && rest.starts_with(|c: char| c.is_ascii_alphabetic());
    text.strip_prefix(command).is_some_and(|rest| !longer(rest))
}

/// The last piece of mathematics in a text, `$...$`, `\(...\)` or `\[...\]`, and what is before it: one that reads otherwise than plain text, where no
/// digit follows it.
pub(super) fn last_span(text: &str) -> Option<(&str, &str)> {
    let spans = [("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$"), ("$", "$")].into_iter().filter_map(|(open, close)| {
        let end = text.rfind(close)?;
        let start = text[..end].rfind(open)? + open.len();
        let (inside, behind) = (&text[start..end], &text[end + close.len()..]);
        let is_last = inside.len() <= MAX_SPAN && !behind.contains(|c: char| c.is_ascii_digit());
        // Odd signs are those of money.
        let paired = open != "$" || text.matches('$').count().is_multiple_of(2);
        let reads = inside.contains(['\\', '=']) && inside.contains(|c: char| c.is_ascii_digit());
        (is_last && paired && reads && !continues(behind)).then_some((&text[..start - open.len()], inside))
    });
    spans.into_iter().next()
}

/// Whether words after a number change it.
fn continues(behind: &str) -> bool {
    !behind.trim_start().is_empty() && !behind.starts_with(['.', ',', '!', ';', ':', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_dresses_a_number_is_taken_off() {
        assert_eq!(plain(r"it is $7{,}500$"), "it is $7,500$");
        assert_eq!(plain(r"18\text{ eggs} and \frac{1}{2}"), r"18 eggs and \frac{1}{2}");
        assert_eq!(plain(r"\$5\,000 \leq x"), "$5\u{2009}000 ≤ x");
        assert_eq!(plain(r"\leftarrow"), r"\leftarrow");
    }

    #[test]
    fn the_last_mathematics_is_found() {
        assert_eq!(last_span(r"so $x$ is $\frac{3}{4}$."), Some(("so $x$ is ", r"\frac{3}{4}")));
        assert_eq!(last_span(r"thus \(x=42\)"), Some(("thus ", "x=42")));
        assert_eq!(last_span(r"thus \(42\)"), None);
        assert_eq!(last_span("it costs $5 and $10."), None);
        assert_eq!(last_span("$5$ of 10"), None);
    }
}
