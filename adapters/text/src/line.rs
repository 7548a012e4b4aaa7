//! Text on one line.

/// The text with single spaces for all white space, cut after `width` characters.
pub fn one_line(text: &str, width: usize) -> String {
    let line = collapsed(text);
    match line.char_indices().nth(width) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The text with single spaces for all white space.
pub(crate) fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
